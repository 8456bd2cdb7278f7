/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_buf__appends_in_order(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    buf_add_str(&buf, "a");
    buf_add_char(&buf, 'b');
    buf_add_u64(&buf, 0);
    buf_add_u64(&buf, UINT64_MAX);
    buf_printf(&buf, "%d-%s", -5, "x");
    buf_add(&buf, "\0y", 2);
    static const char expected[] = "ab018446744073709551615-5-x\0y";
    assert_int_equal(buf.size, sizeof expected - 1);
    assert_memory_equal(buf.data, expected, sizeof expected); /* and the NUL behind it */
    buf_done(&buf);
    assert_null(buf.data);
}

static void test_buf__varints_are_leb128(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    buf_add_varint(&buf, 0);
    buf_add_varint(&buf, 127);
    buf_add_varint(&buf, 300);
    buf_add_varint(&buf, UINT64_MAX);
    static const unsigned char expected[] = {0,    127,  0xac, 2,    0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    assert_int_equal(buf.size, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    buf_done(&buf);
}

static void test_buf__ceiling_is_exact_and_sticky(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 10);
    buf_add_str(&buf, "0123456789");
    assert_false(buf_failed(&buf));
    buf_add_char(&buf, 'x');
    assert_true(buf_failed(&buf));
    buf_add_str(&buf, "");
    assert_true(buf_failed(&buf));
    assert_int_equal(buf.size, 10);
    size_t size = 7;
    assert_null(buf_take(&buf, &size));
    assert_int_equal(size, 7);
    buf_reset(&buf);
    buf_add_str(&buf, "again");
    assert_string_equal(buf.data, "again");
    buf_done(&buf);
}

static void test_buf__huge_sizes_do_not_wrap(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    buf_add_char(&buf, 'x');
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf_failed(&buf));
    buf_done(&buf);
}

static void test_buf__take_moves_the_bytes(void **state)
{
    (void)state;
    struct buf buf;
    size_t size = 0;
    buf_init(&buf, 0);
    buf_add_str(&buf, "mine");
    char *data = buf_take(&buf, &size);
    assert_string_equal(data, "mine");
    assert_int_equal(size, 4);
    assert_null(buf.data);
    assert_int_equal(buf.size, 0);
    free(data);
    data = buf_take(&buf, &size); /* nothing was appended: empty text, not NULL */
    assert_string_equal(data, "");
    free(data);
    buf_done(&buf);
}

static void test_buf__grows_over_many_appends(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    for (uint32_t i = 0; i < 100000; i++)
        buf_add(&buf, &i, sizeof i);
    assert_int_equal(buf.size, 400000);
    for (uint32_t i = 0, read; i < 100000; i++) {
        memcpy(&read, buf.data + i * sizeof i, sizeof read);
        assert_int_equal(read, i);
    }
    buf_done(&buf);
}
