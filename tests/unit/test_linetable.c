/* SPDX-License-Identifier: MIT */
/* Tables made by hand, in the bytes that lnotab_notes.txt and code_objects.md describe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pyabi/linetable.h"

#define FIRST 100

struct expected {
    int32_t lasti, line;
};

static void check(enum pyabi_lines format, const uint8_t *bytes, size_t size,
                  const struct expected *rows, size_t count)
{
    struct linetable table;
    assert_int_equal(linetable_decode(format, bytes, size, FIRST, &table), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(linetable_find(&table, rows[i].lasti, FIRST), rows[i].line);
    for (uint32_t i = 1; i < table.count; i++)
        assert_true(table.ranges[i].start > table.ranges[i - 1].start);
    linetable_done(&table);
}

#define CHECK(format, bytes, rows)                                                                 \
    check(format, bytes, sizeof(bytes), rows, sizeof(rows) / sizeof((rows)[0]))

static void test_linetable__lnotab_steps_up_and_down(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 1, 6, 2, 8, 0xff /* -1 */, 4, 0};
    static const struct expected rows[] = {{-1, 100}, {0, 101},  {5, 101},  {6, 103},
                                           {13, 103}, {14, 102}, {17, 102}, {5000, 102}};
    CHECK(PYABI_LINES_LNOTAB, bytes, rows);
}

static void test_linetable__lnotab_splits_long_steps_over_pairs(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {255, 0, 45, 127, 0, 127, 0, 46}; /* 300 bytes, 300 lines */
    static const struct expected rows[] = {
        {0, 100}, {254, 100}, {255, 100}, {299, 100}, {300, 400}};
    CHECK(PYABI_LINES_LNOTAB, bytes, rows);
}

static void test_linetable__lnotab_ignores_an_odd_last_byte(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {4, 1, 6};
    static const struct expected rows[] = {{3, 100}, {4, 101}, {99, 101}};
    CHECK(PYABI_LINES_LNOTAB, bytes, rows);
}

static void test_linetable__310_covers_ranges_with_and_without_line(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {6, 1, 4, 0x80 /* none */, 2, 2, 0, 127, 8, 1};
    static const struct expected rows[] = {{-2, 100}, {0, 101},  {5, 101},  {6, 0},  {9, 0},
                                           {10, 103}, {12, 231}, {19, 231}, {20, 0}, {900, 0}};
    CHECK(PYABI_LINES_310, bytes, rows);
}

static void test_linetable__location_knows_every_kind(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0x80 | 3 << 3 | 0,
        0x12, /* 0: short, same line */
        0x80 | 10 << 3 | 1,
        1,
        2, /* 2: one line, step 0, two units */
        0x80 | 12 << 3 | 0,
        1,
        2,                  /* 6: one line, step 2 */
        0x80 | 15 << 3 | 2, /* 8: none, three units */
        0x80 | 13 << 3 | 0,
        0x05, /* 14: no columns, step -2 */
        0x80 | 14 << 3 | 7,
        0x60,
        0x03, /* 16: long, step (0x20 | 3 << 6) / 2 = 112, eight units */
        0x01,
        0x41,
        0x00,
        0x02,
    };
    static const struct expected rows[] = {{-2, 100}, {0, 100},  {2, 100}, {5, 100},
                                           {6, 102},  {8, 0},    {13, 0},  {14, 100},
                                           {16, 212}, {31, 212}, {32, 0},  {9999, 0}};
    CHECK(PYABI_LINES_LOCATION, bytes, rows);
}

static void test_linetable__location_stops_at_a_byte_without_the_mark(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x80 | 11 << 3, 1, 2, 0x11, 0x80 | 11 << 3, 1, 2};
    static const struct expected rows[] = {{0, 101}, {1, 101}, {2, 0}};
    CHECK(PYABI_LINES_LOCATION, bytes, rows);
}

static void test_linetable__location_refuses_a_varint_that_runs_on(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x80 | 11 << 3, 1,    2,    0x80 | 13 << 3, 0x7f, 0x7f,
                                    0x7f,           0x7f, 0x7f, 0x7f,           0x7f, 0x01};
    static const struct expected rows[] = {{0, 101}, {2, 0}};
    CHECK(PYABI_LINES_LOCATION, bytes, rows);
}

static void test_linetable__location_cut_inside_an_entry_keeps_the_rest(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x80 | 11 << 3, 1, 2, 0x80 | 14 << 3, 0x02, 0x01};
    static const struct expected rows[] = {{0, 101}, {2, 0}};
    CHECK(PYABI_LINES_LOCATION, bytes, rows);
}

static void test_linetable__nothing_at_all_is_the_first_line_or_none(void **state)
{
    (void)state;
    static const struct expected lnotab[] = {{-1, 100}, {0, 100}, {10, 100}};
    static const struct expected other[] = {{-1, 100}, {0, 0}, {10, 0}};
    check(PYABI_LINES_LNOTAB, NULL, 0, lnotab, 3);
    check(PYABI_LINES_310, NULL, 0, other, 3);
    check(PYABI_LINES_LOCATION, NULL, 0, other, 3);
}

static void test_linetable__equal_neighbours_become_one_range(void **state)
{
    (void)state;
    uint8_t bytes[2000];
    struct linetable table;
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x80 | 7; /* short, eight units */
        bytes[i + 1] = 0;
    }
    assert_int_equal(linetable_decode(PYABI_LINES_LOCATION, bytes, sizeof bytes, FIRST, &table), 0);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.ranges[1].start, 16000);
    linetable_done(&table);
}

static void test_linetable__many_ranges_are_found_again(void **state)
{
    (void)state;
    uint8_t bytes[3000];
    struct linetable table;
    for (size_t i = 0; i < sizeof bytes; i += 3) {
        bytes[i] = 0x80 | 11 << 3; /* one unit, next line */
        bytes[i + 1] = bytes[i + 2] = 0;
    }
    assert_int_equal(linetable_decode(PYABI_LINES_LOCATION, bytes, sizeof bytes, FIRST, &table), 0);
    assert_int_equal(table.count, 1001);
    for (int32_t i = 0; i < 1000; i++)
        assert_int_equal(linetable_find(&table, i * 2 + 1, FIRST), FIRST + 1 + i);
    linetable_done(&table);
}
