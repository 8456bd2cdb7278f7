/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"

static void expect_written(const char *bytes, size_t size, const char *written)
{
    struct buf out;
    struct jsonw json;
    buf_init(&out, 0);
    jsonw_init(&json, &out);
    jsonw_string_n(&json, bytes, size);
    assert_string_equal(out.data, written);
    buf_done(&out);
}

static void test_jsonw__commas_and_nesting(void **state)
{
    (void)state;
    struct buf out;
    struct jsonw json;
    buf_init(&out, 0);
    jsonw_init(&json, &out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "a", "x");
    jsonw_key(&json, "b");
    jsonw_array_begin(&json);
    jsonw_array_begin(&json);
    jsonw_array_end(&json);
    jsonw_u64(&json, UINT64_MAX);
    jsonw_i64(&json, INT64_MIN);
    jsonw_object_begin(&json);
    jsonw_object_end(&json);
    jsonw_raw(&json, "[1]", 3);
    jsonw_array_end(&json);
    jsonw_key_bool(&json, "c", true);
    jsonw_key_double(&json, "d", 0.1);
    jsonw_key(&json, "e");
    jsonw_null(&json);
    jsonw_key_u64(&json, "f", 0);
    jsonw_key_i64(&json, "g", -1);
    jsonw_object_end(&json);
    assert_string_equal(out.data, "{\"a\":\"x\",\"b\":[[],18446744073709551615,"
                                  "-9223372036854775808,{},[1]],\"c\":true,\"d\":0.1,"
                                  "\"e\":null,\"f\":0,\"g\":-1}");
    buf_done(&out);
}

static void test_jsonw__strings_are_escaped(void **state)
{
    (void)state;
    expect_written("plain", 5, "\"plain\"");
    expect_written("", 0, "\"\"");
    expect_written("a\"b\\c\n\t\r\x01\x7f", 10, "\"a\\\"b\\\\c\\n\\t\\u000d\\u0001\\u007f\"");
    expect_written("nul\0here", 8, "\"nul\\u0000here\"");
    expect_written("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d", 9,
                   "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d\"");
}

/* The replacement counts are those of the Unicode standard's own example and of browsers. */
static void test_jsonw__broken_utf8_is_repaired(void **state)
{
    (void)state;
#define BAD "\xef\xbf\xbd"
    expect_written("\xff", 1, "\"" BAD "\"");
    expect_written("a\x80z", 3, "\"a" BAD "z\"");
    expect_written("\xc0\xaf", 2, "\"" BAD BAD "\"");
    expect_written("\xe0\x80\xbf", 3, "\"" BAD BAD BAD "\"");
    expect_written("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"");
    expect_written("\xf4\x91\x92\x93", 4, "\"" BAD BAD BAD BAD "\"");
    expect_written("\xe2\x82", 2, "\"" BAD "\"");
    expect_written("\xe2\x82"
                   "A",
                   3, "\"" BAD "A\"");
    expect_written("\xf0\x9f\x90\"", 4, "\"" BAD "\\\"\"");
    expect_written("a\xf1\x80\x80\xe1\x80\xc2"
                   "b\x80"
                   "c\x80\xbf"
                   "d",
                   13, "\"a" BAD BAD BAD "b" BAD "c" BAD BAD "d\"");
#undef BAD
}

static void test_jsonw__doubles_read_back_the_same(void **state)
{
    (void)state;
    static const double values[] = {0,      -0.0,          1,      0.1, 1.0 / 3, 1e300,
                                    5e-324, 123456789.125, -2.5e-7};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf out;
        struct jsonw json;
        buf_init(&out, 0);
        jsonw_init(&json, &out);
        jsonw_double(&json, values[i]);
        assert_true(strtod(out.data, NULL) == values[i]);
        buf_done(&out);
    }
}

static void test_jsonw__infinity_and_nan_are_null(void **state)
{
    (void)state;
    struct buf out;
    struct jsonw json;
    buf_init(&out, 0);
    jsonw_init(&json, &out);
    jsonw_array_begin(&json);
    jsonw_double(&json, INFINITY);
    jsonw_double(&json, NAN);
    jsonw_array_end(&json);
    assert_string_equal(out.data, "[null,null]");
    buf_done(&out);
}

/* Whatever bytes go in, another JSON implementation accepts what comes out. */
static void test_jsonw__random_bytes_are_always_valid(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int round = 0; round < 5000; round++) {
        char bytes[64];
        size_t size = random_next(&seed) % sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(random_next(&seed) >> (random_next(&seed) % 2 ? 56 : 57));
        struct buf out;
        struct jsonw json;
        buf_init(&out, 0);
        jsonw_init(&json, &out);
        jsonw_array_begin(&json);
        jsonw_string_n(&json, bytes, size);
        jsonw_array_end(&json);
        json_t *read = json_loadb(out.data, out.size, JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
        buf_done(&out);
    }
}

static void test_jsonw__a_full_buffer_stays_failed(void **state)
{
    (void)state;
    struct buf out;
    struct jsonw json;
    buf_init(&out, 16);
    jsonw_init(&json, &out);
    jsonw_array_begin(&json);
    for (int i = 0; i < 10; i++)
        jsonw_string(&json, "text");
    jsonw_array_end(&json);
    assert_true(buf_failed(&out));
    assert_true(out.size <= 16);
    buf_done(&out);
}
