/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/governor.h"

static void test_governor__rates_go_down_in_steps_and_no_further(void **state)
{
    static const uint32_t rates[] = {100, 67, 49, 33, 19, 19};
    (void)state;
    for (uint32_t step = 0; step < 6; step++)
        assert_int_equal(governor_rate_hz(100, step), rates[step]);
    assert_int_equal(governor_rate_hz(60, 1), 49);
    assert_int_equal(governor_rate_hz(19, 3), 19);
}

static void test_governor__between_half_the_budget_and_all_of_it_nothing_moves(void **state)
{
    (void)state;
    assert_int_equal(governor_judge(1, 100, 0.011, 0.01), 2);
    assert_int_equal(governor_judge(1, 100, 0.007, 0.01), 1);
    assert_int_equal(governor_judge(1, 100, 0.004, 0.01), 0);
    assert_int_equal(governor_judge(0, 100, 0.004, 0.01), 0);
    assert_int_equal(governor_judge(4, 100, 1.0, 0.01), 4); /* 19 Hz is the least */
}
