/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "query/stats.h"

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.9g, wanted %.9g ± %.1g", got, want, tolerance);
}

/* Published quantiles of Student's distribution. */
static void test_query_stats__tail_agrees_with_tables(void **state)
{
    (void)state;
    assert_near(stats_t_tail(0, 5), 0.5, 1e-12);
    assert_near(stats_t_tail(6.313752, 1), 0.05, 1e-7);
    assert_near(stats_t_tail(2.570582, 5), 0.025, 1e-7);
    assert_near(stats_t_tail(-2.570582, 5), 0.975, 1e-7);
    assert_near(stats_t_tail(2.750, 30), 0.005, 1e-6);
    assert_near(stats_t_tail(3.646, 30), 0.0005, 1e-6);
    assert_near(stats_t_tail(1.959964, 2e6), 0.025, 1e-7);
    assert_near(stats_t_tail(1.959964, 9e5), 0.025, 1e-6);
}

static void test_query_stats__quantile_inverts_tail(void **state)
{
    (void)state;
    for (double df = 1; df < 1e6; df *= 2.7)
        for (double alpha = 0.5; alpha > 1e-6; alpha /= 7)
            assert_near(2 * stats_t_tail(stats_t_quantile(alpha, df), df) / alpha, 1, 1e-6);
    assert_near(stats_t_quantile(0.05, 10), 2.228139, 1e-5);
}

/* The example of Benjamini and Hochberg's paper of 1995: four of fifteen at 0.05. */
static void test_query_stats__adjustment_rejects_as_published(void **state)
{
    (void)state;
    const double p[15] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                          0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
    double adjusted[15];
    assert_int_equal(stats_adjust(p, 15, adjusted), 0);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(adjusted[i] <= 0.05, i < 4);
        assert_true(adjusted[i] >= p[i]);
        assert_true(i == 0 || adjusted[i] >= adjusted[i - 1]);
    }
    assert_near(adjusted[3], 0.0095 * 15 / 4, 1e-12);
    assert_int_equal(stats_adjust(p, 0, adjusted), 0);
}

static void test_query_stats__adjustment_does_not_need_order_and_may_be_in_place(void **state)
{
    (void)state;
    double p[4] = {0.9, 0.01, 0.03, 0.02};
    assert_int_equal(stats_adjust(p, 4, p), 0);
    assert_near(p[1], 0.04, 1e-12);
    assert_near(p[2], 0.04, 1e-12);
    assert_near(p[3], 0.04, 1e-12);
    assert_near(p[0], 0.9, 1e-12);
}

static void test_query_stats__ratio_of_constant_blocks_is_certain(void **state)
{
    (void)state;
    double x[60], d[60];
    for (int i = 0; i < 60; i++) {
        d[i] = 100 + i;
        x[i] = 0.25 * d[i];
    }
    struct stats_ratio ratio = stats_ratio(x, d, 60);
    assert_near(ratio.value, 0.25, 1e-12);
    assert_near(ratio.variance, 0, 1e-20);
    assert_near(stats_ratio(x, d, 1).variance, 0, 0);
    double none[2] = {0, 0};
    assert_near(stats_ratio(none, none, 2).value, 0, 0);
}

/* The mean estimated variance over many series against the true variance of their means. */
static void check_variance(double keep, double at_least, double at_most)
{
    enum { SERIES = 2000, BLOCKS = 60 };
    uint64_t random = 7;
    double means = 0, squares = 0, estimated = 0;
    for (int i = 0; i < SERIES; i++) {
        double x[BLOCKS], d[BLOCKS], level = 0, shock = sqrt(12 * (1 - keep * keep));
        for (int k = -20; k < BLOCKS; k++) {
            level = keep * level +
                    shock * ((double)(random_next(&random) >> 11) / 9007199254740992.0 - 0.5);
            if (k < 0)
                continue;
            x[k] = 10 + level;
            d[k] = 1;
        }
        struct stats_ratio ratio = stats_ratio(x, d, BLOCKS);
        means += ratio.value / SERIES;
        squares += ratio.value * ratio.value / SERIES;
        estimated += ratio.variance / SERIES;
    }
    double factor = estimated / (squares - means * means);
    if (factor < at_least || factor > at_most)
        fail_msg("correlation %.1f: variance estimated at %.2f of the truth", keep, factor);
}

static void test_query_stats__ratio_variance_is_honest_for_independent_blocks(void **state)
{
    (void)state;
    check_variance(0, 1.0, 1.6);
}

static void test_query_stats__ratio_variance_is_honest_for_correlated_blocks(void **state)
{
    (void)state;
    check_variance(0.3, 0.95, 1.7);
    check_variance(0.6, 0.85, 1.8);
    check_variance(0.8, 0.7, 1.8);
}
