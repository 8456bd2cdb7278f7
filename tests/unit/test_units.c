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

static void test_units__nonsense_leaves_the_output_alone(void **state)
{
    (void)state;
    static const char *const durations[] = {
        "",
        "s",
        "-1",
        "+1",
        " 1",
        "1 s",
        "1x",
        "1h30",
        "30m1h",
        "1h1h",
        "1.",
        "1..5s",
        "1e9",
        "0x10",
        "inf",
        "1s ",
        "0.1ns",
        "1M",
        "1H",
        "101y",
        "5300w",
        "99999999999999999999",
        "18446744073709551616ns",
        "1.0000000001s",
    };
    static const char *const rates[] = {"",           "0",  "0hz",   "-5",    "1.5",    "1ghz",
                                        "2000000000", "hz", "1 khz", "1khz1", "0.0001k"};
    static const char *const sizes[] = {"", "-1", "1.5", "1kk", "0.0001k", "1e3", "2000000t", "k"};
    static const char *const percents[] = {"", "-1", "%", "5%%", "nan", "inf", "0x5", "1e9", " 5"};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        uint64_t ns = 7;
        assert_int_equal(units_parse_duration(durations[i], &ns), ERR_USAGE);
        assert_int_equal(ns, 7);
    }
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        uint64_t hz = 7;
        assert_int_equal(units_parse_rate(rates[i], &hz), ERR_USAGE);
        assert_int_equal(hz, 7);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t bytes = 7;
        assert_int_equal(units_parse_size(sizes[i], &bytes), ERR_USAGE);
        assert_int_equal(bytes, 7);
    }
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        double percent = 7;
        assert_int_equal(units_parse_percent(percents[i], &percent), ERR_USAGE);
        assert_true(percent == 7);
    }
}

static void test_units__rates_and_sizes_as_people_type_them(void **state)
{
    (void)state;
    static const struct {
        int (*parse)(const char *text, uint64_t *out);
        const char *text;
        uint64_t value;
    } cases[] = {
        {units_parse_rate, "100", 100},
        {units_parse_rate, "99Hz", 99},
        {units_parse_rate, "1khz", 1000},
        {units_parse_rate, "20kHz", 20000},
        {units_parse_rate, "0.5k", 500},
        {units_parse_rate, "1mhz", 1000000},
        {units_parse_size, "4096", 4096},
        {units_parse_size, "512k", 524288},
        {units_parse_size, "1MiB", 1048576},
        {units_parse_size, "1MB", 1000000},
        {units_parse_size, "1.5G", 1610612736},
        {units_parse_size, "0", 0},
        {units_parse_size, "1t", UINT64_C(1) << 40},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 0;
        assert_int_equal(cases[i].parse(cases[i].text, &value), 0);
        assert_int_equal(value, cases[i].value);
    }
}

static void test_units__formats_read_well(void **state)
{
    (void)state;
    char text[UNITS_TEXT_MAX];
    assert_string_equal(units_format_duration(0, text), "0s");
    assert_string_equal(units_format_duration(60000000000, text), "1m");
    assert_string_equal(units_format_duration(5400000000000, text), "1h30m");
    assert_string_equal(units_format_duration(1500000, text), "1.5ms");
    assert_string_equal(units_format_duration(90061500000000, text), "1d1h1m1.5s");
    assert_string_equal(units_format_rate(99, text), "99Hz");
    assert_string_equal(units_format_rate(20000, text), "20kHz");
    assert_string_equal(units_format_rate(1500000, text), "1.5MHz");
    assert_string_equal(units_format_size(524288, text), "512KiB");
    assert_string_equal(units_format_size(1000, text), "1000B");
    assert_string_equal(units_format_percent(0.5, text), "0.5%");
}

/* Numbers of every magnitude up to max, round ones among them. */
static uint64_t any_value(uint64_t *seed, uint64_t max)
{
    static const uint64_t steps[] = {1, 1000, 1000000, 1000000000, 60000000000, 1024, 1048576};
    uint64_t value = random_next(seed) >> (random_next(seed) % 64);
    value -= value % steps[random_next(seed) % 7];
    return value > max ? value % (max + 1) : value;
}

static void test_units__parse_of_format_is_identity(void **state)
{
    (void)state;
    char text[UNITS_TEXT_MAX];
    uint64_t seed = 1, value, back;
    for (int i = 0; i < ROUNDS; i++) {
        value = i ? any_value(&seed, UNITS_MAX_DURATION_NS) : UNITS_MAX_DURATION_NS;
        assert_int_equal(units_parse_duration(units_format_duration(value, text), &back), 0);
        assert_int_equal(back, value);
        value = i ? any_value(&seed, UNITS_MAX_RATE_HZ - 1) + 1 : UNITS_MAX_RATE_HZ;
        assert_int_equal(units_parse_rate(units_format_rate(value, text), &back), 0);
        assert_int_equal(back, value);
        value = i ? any_value(&seed, UNITS_MAX_SIZE_BYTES) : UNITS_MAX_SIZE_BYTES;
        assert_int_equal(units_parse_size(units_format_size(value, text), &back), 0);
        assert_int_equal(back, value);
        double percent = (double)any_value(&seed, UINT64_MAX) * 0x1p-64 * UNITS_MAX_PERCENT, again;
        assert_int_equal(units_parse_percent(units_format_percent(percent, text), &again), 0);
        assert_true(again == percent);
    }
}
