/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/map.h"

static void test_map__empty_has_nothing(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    assert_int_equal(map_get(&map, 0), MAP_NONE);
    map_reset(&map);
    map_done(&map);
}

static void test_map__keys_of_every_kind_are_found_again(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    for (uint32_t i = 0; i < 10000; i++) { /* small numbers, addresses, packed pairs */
        assert_int_equal(map_set(&map, i, i), 0);
        assert_int_equal(map_set(&map, 0x7f0000000000 + i * UINT64_C(64), i + 10000), 0);
        assert_int_equal(map_set(&map, (uint64_t)i << 40 | 1, i + 20000), 0);
    }
    assert_int_equal(map.count, 30000 - 1); /* 0 << 40 | 1 is 1 */
    assert_int_equal(map_get(&map, 1), 1);
    for (uint32_t i = 2; i < 10000; i++) {
        assert_int_equal(map_get(&map, i), i);
        assert_int_equal(map_get(&map, 0x7f0000000000 + i * UINT64_C(64)), i + 10000);
        assert_int_equal(map_get(&map, (uint64_t)i << 40 | 1), i + 20000);
    }
    assert_int_equal(map_get(&map, 10000), MAP_NONE);
    map_done(&map);
}

static void test_map__setting_again_overwrites(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    assert_int_equal(map_set(&map, 5, 1), 0);
    assert_int_equal(map_set(&map, 5, 2), 0);
    assert_int_equal(map_get(&map, 5), 2);
    assert_int_equal(map.count, 1);
    map_done(&map);
}

static void test_map__reset_forgets_and_keeps_room(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(map_set(&map, i, i), 0);
    uint32_t mask = map.mask;
    map_reset(&map);
    assert_int_equal(map.count, 0);
    assert_int_equal(map.mask, mask);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(map_get(&map, i), MAP_NONE);
    map_done(&map);
}

static void test_map__load_stays_below_three_quarters(void **state)
{
    (void)state;
    struct map map;
    uint64_t seed = 9;
    map_init(&map);
    for (uint32_t i = 0; i < 50000; i++) {
        assert_int_equal(map_set(&map, random_next(&seed), i), 0);
        assert_true((uint64_t)map.count * 4 <= ((uint64_t)map.mask + 1) * 3);
    }
    map_done(&map);
}
