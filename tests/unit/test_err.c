/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

static void test_err__set_fills_and_returns_the_code(void **state)
{
    (void)state;
    struct err err = {0};
    errno = ENOSPC;
    assert_int_equal(err_set(&err, ERR_IO, "%s: %d", "file", 7), ERR_IO);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
    assert_string_equal(err.text, "file: 7");
    assert_int_equal(err_set(NULL, ERR_GONE, "nobody listens"), ERR_GONE);
}

static void test_err__long_sentences_are_cut(void **state)
{
    (void)state;
    struct err err;
    char text[2 * ERR_TEXT_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    err_set(&err, ERR_IO, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

/* Scripts lean on these numbers (DESIGN 5.2). */
static void test_err__exit_statuses_are_the_contract(void **state)
{
    (void)state;
    static const struct {
        int code;
        int status;
    } rows[] = {{ERR_USAGE, 2}, {ERR_GONE, 66},     {ERR_NOT_PYTHON, 69}, {ERR_UNSUPPORTED, 69},
                {ERR_TORN, 75}, {ERR_STARTING, 75}, {ERR_DENIED, 77},     {ERR_INTERNAL, 70}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(err_exit_status(rows[i].code), rows[i].status);
    assert_int_equal(err_exit_status(-EPERM), 70);
    assert_int_equal(err_http_status(-EPERM), 500);
    assert_int_equal(err_http_status(ERR_GONE), 404);
}

static void test_err__every_code_has_a_text_and_none_is_an_errno(void **state)
{
    (void)state;
#define CHECK(name, exit_status, http_status, text)                                                \
    assert_string_equal(err_text(name), text);                                                     \
    assert_int_equal(err_http_status(name), http_status);                                          \
    assert_true(name < -4095);
    ERR_LIST(CHECK)
#undef CHECK
    assert_string_equal(err_text(-ENOENT), strerror(ENOENT));
    assert_string_equal(err_text(-20000), "unknown error");
}
