/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/series.h"

#define MS UINT64_C(1000000)
#define MINUTE (UINT64_C(60000) * MS)

static const struct series_limits usual = {.slow_ns = 100 * MS, .deviations = 3, .per_minute = 6};

static enum series_reason add(struct series *series, uint64_t duration_ns, uint64_t now_ns,
                              const struct series_limits *limits)
{
    bool dropped;
    return series_add(series, duration_ns, now_ns, false, limits, &dropped).reason;
}

static void test_series__counts_and_percentiles(void **state)
{
    (void)state;
    struct series series;
    const struct series_limits none = {0};
    assert_true(series_init(&series, true));
    for (uint64_t ms = 1; ms <= 1000; ms++)
        add(&series, ms * MS, ms, &none);
    assert_int_equal(series.count, 1000);
    assert_int_equal(series.max_ns, 1000 * MS);
    assert_int_equal(series.total_ns, 500500 * MS);
    const struct {
        double share;
        uint64_t ms;
    } expected[] = {{0.5, 500}, {0.95, 950}, {0.99, 990}, {1, 1000}};
    for (size_t at = 0; at < sizeof expected / sizeof *expected; at++) {
        double got_ms = (double)series_percentile_ns(&series, expected[at].share) / (double)MS;
        double off = got_ms / (double)expected[at].ms - 1;
        assert_true(off < 0.008 && off > -0.008);
    }
    series_done(&series);
}

static void test_series__percentile_of_one__not_above_the_maximum(void **state)
{
    (void)state;
    struct series series;
    assert_true(series_init(&series, true));
    assert_int_equal(series_percentile_ns(&series, 0.5), 0);
    add(&series, 1000003, 1, &usual);
    assert_in_range(series_percentile_ns(&series, 0.99), 992000, 1000003);
    series_done(&series);
}

static void test_series__over_the_limit__slow(void **state)
{
    (void)state;
    struct series series;
    assert_true(series_init(&series, false));
    assert_int_equal(add(&series, 100 * MS, 1, &usual), SERIES_USUAL);
    assert_int_equal(add(&series, 100 * MS + 1, 2, &usual), SERIES_SLOW);
    struct series_limits never = usual;
    never.slow_ns = 0;
    assert_int_equal(add(&series, 9000 * MS, 3, &never), SERIES_USUAL);
    series_done(&series);
}

static void test_series__beyond_the_deviations__unusual(void **state)
{
    (void)state;
    struct series series;
    assert_true(series_init(&series, false));
    for (unsigned at = 0; at < SERIES_FEW - 1; at++) /* mean 11, deviation 1 */
        assert_int_equal(add(&series, (10 + 2 * (at % 2)) * MS, at, &usual), SERIES_USUAL);
    assert_int_equal(add(&series, 90 * MS, 50, &usual), SERIES_USUAL); /* too few yet */
    for (unsigned at = 0; at < 100; at++) /* the 90 ms leave the window again */
        add(&series, (10 + 2 * (at % 2)) * MS, 60 + at, &usual);
    assert_int_equal(add(&series, 13900000, 200, &usual), SERIES_USUAL); /* 2.9 */
    bool dropped;
    struct series_verdict verdict = series_add(&series, 20 * MS, 201, false, &usual, &dropped);
    assert_int_equal(verdict.reason, SERIES_UNUSUAL);
    assert_true(verdict.mean_ms > 10.9 && verdict.mean_ms < 11.1);
    assert_true(verdict.deviation_ms > 0.9 && verdict.deviation_ms < 1.1);
    series_done(&series);
}

static void test_series__below_the_floor__never_unusual(void **state)
{
    (void)state;
    struct series series;
    assert_true(series_init(&series, false));
    for (unsigned at = 0; at < 100; at++)
        add(&series, 1000, at, &usual);
    assert_int_equal(add(&series, SERIES_FLOOR_NS - 1, 101, &usual), SERIES_USUAL);
    assert_int_equal(add(&series, SERIES_FLOOR_NS, 102, &usual), SERIES_UNUSUAL);
    series_done(&series);
}

static void test_series__many_warnings__some_each_minute(void **state)
{
    (void)state;
    struct series series;
    unsigned said = 0, dropped_total = 0;
    assert_true(series_init(&series, false));
    for (unsigned at = 0; at < 50; at++) {
        bool dropped;
        said +=
            series_add(&series, 200 * MS, MS + at, false, &usual, &dropped).reason != SERIES_USUAL;
        dropped_total += dropped;
    }
    assert_int_equal(said, 6);
    assert_int_equal(dropped_total, 44);
    bool dropped;
    struct series_verdict later =
        series_add(&series, 200 * MS, MS + MINUTE, false, &usual, &dropped);
    assert_int_equal(later.reason, SERIES_SLOW);
    assert_int_equal(later.withheld, 44);
    series_done(&series);
}
