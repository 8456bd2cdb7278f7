/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "live/fit.h"

static void use_unicode(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8") || !fit_init())
        skip();
}

static void use_ascii(void)
{
    assert_non_null(setlocale(LC_CTYPE, "C"));
    assert_false(fit_init());
}

static void assert_fit(const char *text, unsigned columns, enum fit_cut cut, const wchar_t *shown)
{
    struct fit_text fit;
    fit_text(&fit, text, strlen(text), columns, cut);
    assert_int_equal(fit.count, wcslen(shown));
    assert_memory_equal(fit.text, shown, fit.count * sizeof *shown);
    assert_true(fit.columns <= columns);
}

static void test_live_fit__texts_are_cut_where_they_matter_least(void **state)
{
    (void)state;
    use_unicode();
    assert_fit("decode", 6, FIT_CUT_END, L"decode");
    assert_fit("decode", 5, FIT_CUT_END, L"deco…");
    assert_fit("json/decoder.py:353", 10, FIT_CUT_BEGIN, L"…er.py:353");
    assert_fit("decode", 1, FIT_CUT_END, L"…");
    assert_fit("decode", 0, FIT_CUT_END, L"");
    assert_fit("", 5, FIT_CUT_BEGIN, L"");
}

static void test_live_fit__wide_characters_are_never_halved(void **state)
{
    (void)state;
    use_unicode();
    assert_fit("漢字漢字", 8, FIT_CUT_END, L"漢字漢字");
    assert_fit("漢字漢字", 7, FIT_CUT_END, L"漢字漢…");
    assert_fit("漢字漢字", 6, FIT_CUT_END, L"漢字…"); /* five columns: the third does not fit */
    assert_fit("漢字漢字", 6, FIT_CUT_BEGIN, L"…漢字");
    assert_fit("漢", 1, FIT_CUT_END, L"…");
}

static void test_live_fit__marks_stay_with_their_character_and_are_few(void **state)
{
    (void)state;
    use_unicode();
    assert_fit("e\u0301x", 2, FIT_CUT_END, L"e\u0301x");
    assert_fit("\u0301x", 2, FIT_CUT_END, L"x");
    assert_fit("e\u0301\u0301\u0301\u0301\u0301x", 2, FIT_CUT_END, L"e\u0301\u0301x");
    assert_fit("abe\u0301xyz", 4, FIT_CUT_BEGIN, L"…xyz");
}

static void test_live_fit__what_controls_a_terminal_is_harmless(void **state)
{
    (void)state;
    use_unicode();
    assert_fit("\x1b[31mred\x07", 20, FIT_CUT_END, L"\xfffd[31mred\xfffd");
    assert_fit("a\tb\nc\rd\x7f", 20, FIT_CUT_END,
               L"a\xfffd"
               L"b\xfffd"
               L"c\xfffd"
               L"d\xfffd");
    assert_fit("\u202eabc\u2066\u200b\ufeff", 20, FIT_CUT_END,
               L"\xfffd"
               L"abc\xfffd\xfffd\xfffd");
    assert_fit("\xc2\x9b"
               "2J",
               20, FIT_CUT_END,
               L"\xfffd"
               L"2J"); /* CSI in one character */
}

static void test_live_fit__broken_utf8_is_replaced_byte_by_byte(void **state)
{
    (void)state;
    use_unicode();
    assert_fit("a\xff"
               "b",
               20, FIT_CUT_END,
               L"a\xfffd"
               L"b");
    assert_fit("\xc0\x80", 20, FIT_CUT_END, L"\xfffd\xfffd");           /* overlong */
    assert_fit("\xed\xa0\x80", 20, FIT_CUT_END, L"\xfffd\xfffd\xfffd"); /* a surrogate */
    assert_fit("\xe6\xbc", 20, FIT_CUT_END, L"\xfffd\xfffd");           /* ends too early */
    assert_fit("\xf4\x90\x80\x80", 20, FIT_CUT_END, L"\xfffd\xfffd\xfffd\xfffd");
}

static void test_live_fit__a_plain_locale_gets_plain_characters(void **state)
{
    (void)state;
    use_ascii();
    assert_fit("caf\u00e9 漢", 20, FIT_CUT_END, L"caf? ?");
    assert_fit("decode", 4, FIT_CUT_END, L"dec~");
    assert_int_equal(fit_bar(1), L'@');
    assert_int_equal(fit_bar(0.1), L'.');
}

static void test_live_fit__any_bytes_keep_to_their_columns(void **state)
{
    (void)state;
    use_unicode();
    uint64_t random = 7;
    for (int round = 0; round < 2000; round++) {
        char text[900];
        size_t size = random_next(&random) % sizeof text;
        for (size_t i = 0; i < size; i++)
            text[i] = (char)(random_next(&random) >> 32);
        unsigned columns = (unsigned)(random_next(&random) % 700);
        struct fit_text fit;
        fit_text(&fit, text, size, columns, round & 1 ? FIT_CUT_BEGIN : FIT_CUT_END);
        assert_true(fit.count <= FIT_MAX);
        unsigned width = 0;
        for (uint32_t i = 0; i < fit.count; i++) {
            int one = wcwidth(fit.text[i]);
            assert_true(one >= 0);
            width += (unsigned)one;
        }
        assert_int_equal(width, fit.columns);
        assert_true(width <= columns && width <= FIT_MAX);
    }
}

static void assert_share(uint64_t part, uint64_t whole, const char *shown)
{
    char out[FIT_NUMBER];
    fit_share(out, part, whole);
    assert_string_equal(out, shown);
}

static void assert_time(uint64_t us, const char *shown)
{
    char out[FIT_NUMBER];
    fit_time(out, us);
    assert_string_equal(out, shown);
}

static void test_live_fit__numbers_keep_their_width(void **state)
{
    (void)state;
    assert_share(1, 0, "   -");
    assert_share(0, 5, " 0.0");
    assert_share(1, 3, "33.3");
    assert_share(99949, 100000, "99.9");
    assert_share(99950, 100000, " 100");
    assert_share(16, 1, "1600");
    assert_share(1000, 1, "9999");
    assert_time(0, "    -");
    assert_time(1, "0.00s");
    assert_time(9994000, "9.99s");
    assert_time(9996000, "10.0s");
    assert_time(99960000, " 100s");
    assert_time(999400000, " 999s");
    assert_time(999600000, "16.7m");
    assert_time(59900ull * 1000000, " 998m");
    assert_time(60000ull * 1000000, "16.7h");
    assert_time(86400ull * 1000000 * 365, " 365d");
}

static void test_live_fit__bars_rise_with_the_value(void **state)
{
    (void)state;
    use_unicode();
    assert_int_equal(fit_bar(0), L' ');
    assert_int_equal(fit_bar(0.02), L' ');
    assert_int_equal(fit_bar(0.05), L'▁');
    assert_int_equal(fit_bar(0.5), L'▄');
    assert_int_equal(fit_bar(1), L'█');
    assert_int_equal(fit_bar(7), L'█');
}
