/* SPDX-License-Identifier: MIT */
/* report.h - all tables of one profile, gathered once and rendered in several ways.
 *
 * JSON and CSV are stable: docs/report.md is their description. The text for people is the command
 * line's (cli/report_text.c).
 *
 * Ownership: report_init() / report_done(); borrows the profile.
 */
#pragma once

#include "query/table.h"

struct buf;

enum report_table { /* bits of report_options.tables */
                    REPORT_FUNCTIONS = 1,
                    REPORT_LINES = 2,
                    REPORT_FILES = 4,
                    REPORT_PACKAGES = 8,
                    REPORT_THREADS = 16,
                    REPORT_ALL = 31,
};

#define REPORT_MAX_FUNCTIONS 8u /* of one name, whose neighbours are shown */

/* The text of a line of the recorded program, if it can be had here, without indentation; NULL if
 * not. Valid until the next call. */
typedef const char *report_source_fn(void *context, const struct group *line);

struct report_options {
    struct view_options view;
    unsigned tables;
    enum table_sort sort;
    const char *filter;       /* regular expression on rows; NULL: all */
    const char *function;     /* its callers and callees too; NULL: none */
    uint32_t limit;           /* rows per table; 0: all */
    report_source_fn *source; /* NULL: no source lines */
    void *source_context;
};

struct report {
    const struct profile *profile;
    struct report_options options;
    struct view view;
    struct table functions, lines, files, packages; /* empty when not asked for */
    struct thread_table threads;
    struct neighbours neighbours[REPORT_MAX_FUNCTIONS];
    uint32_t neighbour_count;
};

/* ERR_USAGE, ERR_NOT_FOUND (--function, --thread), ERR_NO_MEMORY. */
int report_init(struct report *report, const struct profile *profile,
                const struct report_options *options, struct err *err);
void report_done(struct report *report);

/* Errors are the buffer's: check buf_failed(). */
void report_json(const struct report *report, struct buf *out);
void report_csv(const struct report *report, struct buf *out);
