/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"

#define ROUNDS 20000

static void test_units__durations_as_people_type_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"60", 60000000000},
        {"60s", 60000000000},
        {"5m", 300000000000},
        {"1h30m", 5400000000000},
        {"250ms", 250000000},
        {"1.5h", 5400000000000},
        {"10us", 10000},
        {"10µs", 10000},
        {"1ns", 1},
        {".5", 500000000},
        {"7d", 604800000000000},
        {"2w", 1209600000000000},
        {"0", 0},
        {"0.000000001s", 1},
        {"1m0.5s", 60500000000},
        {"1d12h", 129600000000000},
        {"1s1ns", 1000000001},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ns = 0;
        assert_int_equal(units_parse_duration(cases[i].text, &ns), 0);
        assert_int_equal(ns, cases[i].ns);
    }
}
