/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/trace_blob.h"

static const char json[] = "{\"trace\":\"00000000000000000000000000000001\",\"spans\":[1,2,3]}";

static void pack(struct buf *out)
{
    struct trace_blob_head head = {.reasons = 1 | 8, .spans = 300};
    buf_init(out, 0);
    assert_int_equal(trace_blob_encode(&head, json, sizeof json - 1, out), 0);
}

static void test_trace_blob__what_went_in__comes_out(void **state)
{
    (void)state;
    struct buf blob, back;
    struct trace_blob_head head;
    struct err err;
    pack(&blob);
    buf_init(&back, 0);
    assert_int_equal(trace_blob_head(blob.data, blob.size, &head), 0);
    assert_int_equal(head.reasons, 9);
    assert_int_equal(head.spans, 300);
    assert_int_equal(trace_blob_decode(blob.data, blob.size, &back, &err), 0);
    assert_int_equal(back.size, sizeof json - 1);
    assert_memory_equal(back.data, json, back.size);
    buf_done(&blob);
    buf_done(&back);
}

static void test_trace_blob__cut_anywhere__is_refused(void **state)
{
    (void)state;
    struct buf blob, back;
    pack(&blob);
    buf_init(&back, 0);
    for (size_t size = 0; size < blob.size; size++) {
        struct err err;
        assert_int_equal(trace_blob_decode(blob.data, size, &back, &err), ERR_BAD_DATA);
        assert_int_equal(back.size, 0);
    }
    buf_done(&blob);
    buf_done(&back);
}

static void test_trace_blob__another_version__is_refused(void **state)
{
    (void)state;
    struct buf blob;
    struct trace_blob_head head = {.spans = 7};
    pack(&blob);
    blob.data[0] = 2;
    assert_int_equal(trace_blob_head(blob.data, blob.size, &head), ERR_BAD_DATA);
    assert_int_equal(head.spans, 7); /* failure leaves outputs alone */
    buf_done(&blob);
}

static void test_trace_blob__reasons__have_names_up_to_the_last(void **state)
{
    (void)state;
    assert_string_equal(trace_blob_reason(0), "error");
    assert_string_equal(trace_blob_reason(5), "share");
    assert_null(trace_blob_reason(6));
}
