/* SPDX-License-Identifier: MIT */
/* view.h - a profile, or the part of it that was asked for, summed up once for many tables.
 *
 * Ownership: view_init() / view_done(); borrows the profile, which must not change meanwhile.
 * Errors:    ERR_USAGE for a regular expression that does not compile, ERR_NOT_FOUND when no thread
 *            matches, ERR_NO_MEMORY.
 * Regular expressions are POSIX extended, found anywhere, case-sensitive.
 */
#pragma once

#include <regex.h>

#include "base/err.h"
#include "query/group.h"
#include "query/sums.h"

struct view_options {
    const char *thread; /* a thread id, or a regular expression on thread names; NULL: all */
    const char *focus;  /* only stacks that contain a function or file matching this; NULL: all */
};

struct view {
    const struct profile *profile;
    struct sums sums;
    bool *skip_thread; /* per thread; NULL: none is skipped */
    bool *drop_node;   /* per node; NULL: none is dropped */
    uint64_t count;    /* samples in view */
    uint64_t weight_ns;
};

int view_init(struct view *view, const struct profile *profile, const struct view_options *options,
              struct err *err);
void view_done(struct view *view);

/* Compiles `pattern`; `what` names it in the message ("--filter"). 0 or ERR_USAGE. */
int view_compile(regex_t *out, const char *pattern, const char *what, struct err *err);
/* Does the name or the file of the group match? */
bool view_matches(const regex_t *regex, const struct group *group);
