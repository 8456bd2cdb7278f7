/* SPDX-License-Identifier: MIT */
/* group.h - which frames count as one thing: a function, a line, a file, a package.
 *
 * A frame is one line of one function. Tables and differences speak of larger things, so each
 * frame is given the number of the group it belongs to. Frames that are only labels (threads,
 * processes) belong to none.
 *
 * Ownership: grouping_init() / grouping_done(). Texts are borrowed from the profile's strings and
 * live as long as the profile; they are not always NUL-terminated at `size`.
 * Cost: one hash look-up per frame.
 */
#pragma once

#include <stdint.h>

#include "model/profile.h"

enum group_by {
    GROUP_FUNCTION, /* name and file; lines merged */
    GROUP_LINE,     /* one line of one function */
    GROUP_FILE,
    GROUP_PACKAGE, /* installed package, standard library, or the program's own top folder */
};

struct text {
    const char *text;
    uint32_t size;
};

struct group {
    struct text name;      /* function; for GROUP_FILE and GROUP_PACKAGE what the group is called */
    struct text file;      /* as displayed; size 0: none */
    struct text full_file; /* as the code object has it; size 0: unknown */
    int32_t line; /* GROUP_LINE: the line; GROUP_FUNCTION: where it begins, if known; else 0 */
    enum frame_kind kind;
};

struct grouping {
    uint32_t *of_frame; /* group per frame; PROFILE_NONE: a label */
    struct group *groups;
    uint32_t count;
};

/* 0 or ERR_NO_MEMORY (then *out is empty, and grouping_done() is still fine). */
int grouping_init(struct grouping *out, const struct profile *profile, enum group_by by);
void grouping_done(struct grouping *grouping);

/* A total order over what is displayed; equal only for the same texts, line and kind. */
int group_compare(const struct group *a, const struct group *b);

/* The package that a path belongs to, as a part of the path or a constant. */
struct text group_package(const char *path, uint32_t size, enum frame_kind kind);
