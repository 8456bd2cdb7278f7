/* SPDX-License-Identifier: MIT */
/* The rules of W3C Trace Context, level 1, one row each. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/propagate.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static bool parse(const char *text, struct propagate_parent *out)
{
    return propagate_parse_parent(text, strlen(text), out);
}

static void test_propagate__valid_parents(void **state)
{
    static const struct {
        const char *text;
        bool sampled;
    } rows[] = {
        {"00-" TRACE "-" SPAN "-01", true},
        {"00-" TRACE "-" SPAN "-00", false},
        {"00-" TRACE "-" SPAN "-ff", true}, /* flags that are not known are ignored */
        {"00-" TRACE "-" SPAN "-02", false},
        {" \t00-" TRACE "-" SPAN "-01 ", true},
        {"cc-" TRACE "-" SPAN "-01", true}, /* versions to come */
        {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", true},
        {"01-" TRACE "-" SPAN "-00-", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct propagate_parent parent = {0};
        assert_true(parse(rows[i].text, &parent));
        assert_true(parent.trace_high == UINT64_C(0x0af7651916cd43dd));
        assert_true(parent.trace_low == UINT64_C(0x8448eb211c80319c));
        assert_true(parent.span == UINT64_C(0xb7ad6b7169203331));
        assert_int_equal(parent.sampled, rows[i].sampled);
    }
}

static void test_propagate__refused_parents(void **state)
{
    static const char *const rows[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-",
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-01-what",
        "00-" TRACE "-" SPAN "-011",
        "cc-" TRACE "-" SPAN "-01.what",
        "cc-" TRACE "-" SPAN "-011",
        "ff-" TRACE "-" SPAN "-01",
        "FF-" TRACE "-" SPAN "-01",
        "0A-" TRACE "-" SPAN "-01",
        ".0-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-01x",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01",
        "00-" TRACE "-.7ad6b7169203331-01",
        "00-" TRACE "-" SPAN "-.0",
        "00-" TRACE "-" SPAN "-0.",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-0af7651916cd43dd8448eb211c80319-" SPAN "-001",
        "00-" TRACE "-b7ad6b716920333-001",
        "00-" TRACE "-" SPAN "-01,00-" TRACE "-" SPAN "-01", /* came twice */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct propagate_parent parent = {.span = 42};
        assert_false(parse(rows[i], &parent));
        assert_true(parent.span == 42);
    }
}

static void test_propagate__parents_survive_formatting(void **state)
{
    struct propagate_parent parent = {1, UINT64_C(0xfedcba9876543210), 15, true}, again;
    char text[PROPAGATE_PARENT_BYTES + 1];
    (void)state;
    propagate_format_parent(&parent, text);
    assert_string_equal(text, "00-0000000000000001fedcba9876543210-000000000000000f-01");
    assert_true(parse(text, &again));
    assert_true(again.trace_high == parent.trace_high && again.trace_low == parent.trace_low);
    assert_true(again.span == parent.span && again.sampled);
    parent.sampled = false;
    propagate_format_parent(&parent, text);
    assert_string_equal(text + 52, "-00");
}

static const char *state_of(const char *text)
{
    static char out[PROPAGATE_STATE_MAX + 1];
    out[propagate_copy_state(text, strlen(text), out)] = 0;
    return out;
}

static void test_propagate__states(void **state)
{
    static const struct {
        const char *text, *copy;
    } rows[] = {
        {"foo=1", "foo=1"},
        {"foo=1,bar=2", "foo=1,bar=2"},
        {"bar=2,foo=1", "bar=2,foo=1"},
        {"foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"},
        {"foo=1,", "foo=1"},
        {",,foo=1, ,bar=2,", "foo=1,bar=2"},
        {"foo=1,foo=2", "foo=1,foo=2"}, /* may be kept, and is */
        {"foo-_*/bar=bar4", "foo-_*/bar=bar4"},
        {"foo@bar=1,2t@v=2", "foo@bar=1,2t@v=2"},
        {"foo=a b", "foo=a b"},
        {"foo= !\"#$%&'()*+-./0123456789:;<>?@ABCXYZ[\\]^_`abcxyz{|}~",
         "foo= !\"#$%&'()*+-./0123456789:;<>?@ABCXYZ[\\]^_`abcxyz{|}~"},
        {"", ""},
        {" , ", ""},
        {"foo", ""},
        {"foo =1", ""},
        {"FOO=1", ""},
        {"foo.bar=1", ""},
        {"2foo=1", ""},
        {"foo@=1,bar=2", ""},
        {"@foo=1,bar=2", ""},
        {"foo@@bar=1,bar=2", ""},
        {"foo@bar@baz=1,bar=2", ""},
        {"foo=1,bar=", ""},
        {"foo=bar=baz", ""},
        {"foo=,bar=3", ""},
        {"foo=\x7f", ""},
        {"foo=\xc3\xa9", ""},
        {"foo=1;bar=2\n,a=b", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(state_of(rows[i].text), rows[i].copy);
}

/* "zzz...=1" with `size` letters, and `rest` behind it. */
static const char *long_key(size_t size, const char *rest)
{
    static char text[1024];
    memset(text, 'z', size);
    snprintf(text + size, sizeof text - size, "%s", rest);
    return text;
}

static void test_propagate__limits_of_states(void **state)
{
    char text[4096] = "", value[300];
    (void)state;
    assert_int_equal(strlen(state_of(long_key(256, "=1"))), 258);
    assert_string_equal(state_of(long_key(257, "=1")), "");
    assert_int_equal(strlen(state_of(long_key(241, "@v=1"))), 245);
    assert_string_equal(state_of(long_key(242, "@v=1")), "");
    assert_string_equal(state_of("t@zzzzzzzzzzzzzz=1"), "t@zzzzzzzzzzzzzz=1");
    assert_string_equal(state_of("t@zzzzzzzzzzzzzzz=1"), "");
    memset(value, '.', sizeof value);
    snprintf(text, sizeof text, "foo=%.256s", value);
    assert_int_equal(strlen(state_of(text)), 260);
    snprintf(text, sizeof text, "foo=%.257s", value);
    assert_string_equal(state_of(text), "");
}

static void test_propagate__more_members_than_allowed(void **state)
{
    char text[1024] = "";
    (void)state;
    for (int i = 0; i < 32; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%sbar%02d=%02d", i ? "," : "", i,
                 i);
    assert_string_equal(state_of(text), text);
    strcat(text, ",bar32=32");
    assert_string_equal(state_of(text), "");
}

static void test_propagate__too_long__large_members_go_first_then_the_last(void **state)
{
    char text[4096], large[201], small[101];
    (void)state;
    memset(large, 'l', 200);
    memset(small, 's', 100);
    large[200] = small[100] = 0;
    snprintf(text, sizeof text, "a=%s,b=%s,c=%s,d=%s", small, large, small, large);
    assert_int_equal(strlen(state_of(text)), 3 * 102 + 100 + 2); /* d is gone, b is not */
    assert_non_null(strstr(state_of(text), ",b="));
    assert_null(strstr(state_of(text), ",d="));
    snprintf(text, sizeof text, "a=%s,b=%s,c=%s,d=%s,e=%s", small, small, small, small, small);
    assert_null(strstr(state_of(text), ",e="));
    assert_non_null(strstr(state_of(text), ",d="));
}

static void test_propagate__sampling_by_ratio(void **state)
{
    uint64_t seed = 1, kept = 0, threshold = propagate_threshold(0.01);
    (void)state;
    for (int i = 0; i < 1000000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        kept += propagate_keep(seed ^ seed >> 29, threshold);
    }
    assert_in_range(kept, 9500, 10500);
    assert_true(propagate_keep(0, propagate_threshold(1)));
    assert_true(propagate_keep(0, propagate_threshold(7)));
    assert_false(propagate_keep(UINT64_MAX, propagate_threshold(0)));
    assert_false(propagate_keep(UINT64_MAX, propagate_threshold(-1)));
    assert_false(propagate_keep(UINT64_MAX, propagate_threshold((double)NAN)));
    /* a higher ratio keeps all that a lower one keeps; the top byte has no say */
    assert_true(propagate_threshold(0.5) < threshold);
    assert_int_equal(propagate_keep(UINT64_C(0xff00000000000001), propagate_threshold(0.5)),
                     propagate_keep(UINT64_C(1), propagate_threshold(0.5)));
}
