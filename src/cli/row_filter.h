/* SPDX-License-Identifier: MIT */
/* row_filter.h - the filter of a live table: a regular expression from an option or typed behind /.
 *
 * Ownership: caller's storage, zeroed; row_filter_clear() at the end.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>

#define ROW_FILTER_MAX 128u

struct err;

struct row_filter {
    bool is_set;
    regex_t regex; /* while set */
    char text[ROW_FILTER_MAX];
    bool is_typing;
    char typed[ROW_FILTER_MAX];
};

/* From an option, named in errors ("top: --filter"). NULL or "": none. ERR_USAGE. */
int row_filter_set(struct row_filter *filter, const char *text, const char *what, struct err *err);
void row_filter_clear(struct row_filter *filter);

/* Begins to type a new one, from what is set. Shows the cursor. */
void row_filter_type(struct row_filter *filter);

/* A key while typing. 1: the new filter is set (or none); 0: still typing, or given up; ERR_USAGE:
 * not a regular expression, and still typing, as it can be mended. */
int row_filter_key(struct row_filter *filter, int key, struct err *err);
