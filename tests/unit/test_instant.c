/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/instant.h"

#define SECOND UINT64_C(1000000000)
#define NOW (UINT64_C(1772366400) * SECOND) /* 2026-03-01T12:00:00Z */

static void test_instant__dates_seconds_and_ages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"now", NOW},
        {"2026-03-01T12:00:00Z", NOW},
        {"2026-03-01 12:00:00z", NOW},
        {"2026-03-01T13:00:00+01:00", NOW},
        {"2026-03-01T06:30:00-05:30", NOW},
        {"2026-03-01T12:00:00.25Z", NOW + SECOND / 4},
        {"2026-03-01T12:00:00.0000000019Z", NOW + 1},
        {"2024-02-29T00:00:00Z", UINT64_C(1709164800) * SECOND},
        {"1970-01-01T00:00:00Z", 0},
        {"1772366400", NOW},
        {"1772366400.5", NOW + SECOND / 2},
        {"5m", NOW - 300 * SECOND},
        {"7d", NOW - 604800 * SECOND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ns = 1;
        assert_int_equal(instant_parse(cases[i].text, NOW, &ns), 0);
        assert_int_equal(ns, cases[i].ns);
    }
}

static void test_instant__an_age_beyond_1970_is_1970(void **state)
{
    (void)state;
    uint64_t ns = 1;
    assert_int_equal(instant_parse("4000w", NOW, &ns), 0);
    assert_int_equal(ns, 0);
}

static void test_instant__nonsense_leaves_the_output_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "yesterday",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T 1:00:00Z",
        "2026-03-01T12:00:00+1:00",
        "2026-03-01T12:00:00+25:00",
        "2026-03-01T12:00:00Zx",
        "1969-12-31T23:59:59Z",
        "-5",
        "99999999999999999999",
        "1772366400x",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t ns = 7;
        assert_int_equal(instant_parse(texts[i], NOW, &ns), ERR_USAGE);
        assert_int_equal(ns, 7);
    }
}
