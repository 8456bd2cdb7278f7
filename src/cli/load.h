/* SPDX-License-Identifier: MIT */
/* load.h - a profile from a file in any format that can be read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct profile;

#define LOAD_MAX_BYTES ((size_t)4 << 30)

struct load_options {
    bool keep_runs;    /* the order in time too, where the file has it */
    const char *from;  /* NULL: the start; else an instant (base/instant.h) or "+10s" after the start */
    const char *to;    /* NULL: the end */
};

/* "-" is standard input. The caller frees with profile_free(). ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_LIMIT, ERR_BAD_DATA (nothing we know, or damaged); the sentence names the file. `timeline`
 * keeps the order in time too, where the file has it: 24 bytes a run. */
int load_profile(const char *path, bool timeline, struct profile **out, struct err *err);

/* The same with choices (NULL: none). A range wants a capture (.pv): ERR_USAGE for what has no order in time. A
 * recording that was cut off is read as far as it is whole, with a warning. */
int load_profile_with(const char *path, const struct load_options *options, struct profile **out,
                      struct err *err);
