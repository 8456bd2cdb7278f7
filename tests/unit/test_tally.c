/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/err.h"
#include "daemon/tally.h"

static int add(struct tally *tally, uint32_t label, uint32_t thread, uint32_t node)
{
    struct tally_row row = {label, thread, node, 1, 10};
    return tally_add(tally, &row);
}

static void test_tally__equal_rows_are_one_and_come_in_order(void **state)
{
    struct tally tally = {0};
    uint32_t count;
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(add(&tally, i % 3, i % 2, i % 5), 0);
    struct tally_row *rows = tally_take(&tally, &count);
    assert_int_equal(count, 30);
    uint64_t sum = 0, weight_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += rows[i].count;
        weight_ns += rows[i].weight_ns;
        if (i)
            assert_true(
                rows[i].label > rows[i - 1].label ||
                (rows[i].label == rows[i - 1].label &&
                 (rows[i].thread > rows[i - 1].thread ||
                  (rows[i].thread == rows[i - 1].thread && rows[i].node > rows[i - 1].node))));
    }
    assert_int_equal(sum, 1000);
    assert_int_equal(weight_ns, 10000);
    free(rows);
    assert_null(tally_take(&tally, &count));
    assert_int_equal(count, 0);
}

static void test_tally__what_does_not_fit_the_key_is_refused(void **state)
{
    struct tally tally = {0};
    (void)state;
    assert_int_equal(add(&tally, TALLY_MAX_LABELS, 0, 0), ERR_LIMIT);
    assert_int_equal(add(&tally, 0, TALLY_MAX_THREADS, 0), ERR_LIMIT);
    assert_int_equal(add(&tally, TALLY_MAX_LABELS - 1, TALLY_MAX_THREADS - 1, 1), 0);
    assert_int_equal(add(&tally, 0, 1, 1), 0);
    assert_int_equal(tally.count, 2);
    tally_done(&tally);
}
