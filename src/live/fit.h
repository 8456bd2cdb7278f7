/* SPDX-License-Identifier: MIT */
/* fit.h - texts and numbers in a given number of terminal columns.
 *
 * Names come from the program that is looked at and may hold anything. Here they become characters
 * that a terminal shows in as many columns as it is told: what is not UTF-8, what controls or turns
 * round the text, and what the locale cannot show is replaced; a wide character is never halved.
 *
 * The locale's LC_CTYPE decides what can be shown and how wide it is; fit_init() reads it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#define FIT_MAX 512u /* columns and characters of one text */
#define FIT_NUMBER 8u

enum fit_cut {
    FIT_CUT_END,   /* "json.deco…" */
    FIT_CUT_BEGIN, /* "…/decoder.py:353" */
};

struct fit_text {
    wchar_t text[FIT_MAX + 1];
    uint32_t count;
    unsigned columns;
};

/* After setlocale(). True when characters beyond ASCII can be shown. */
bool fit_init(void);

/* At most `columns` columns of `text`; with nothing left for the rest, "…" (or "~") says so. */
void fit_text(struct fit_text *out, const char *text, size_t size, unsigned columns,
              enum fit_cut cut);

/* Four columns: "98.1", " 100", " 0.0", "1234"; share 1 is 100. "   -" when there is no whole. */
void fit_share(char out[FIT_NUMBER], uint64_t part, uint64_t whole);

/* Five columns: "12.3s", "9.87m", " 123h"; "    -" for none. */
void fit_time(char out[FIT_NUMBER], uint64_t us);

/* One column as high as `value` of 0 to 1; nothing at all below 1/32. */
wchar_t fit_bar(double value);
