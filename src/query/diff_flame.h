/* SPDX-License-Identifier: MIT */
/* diff_flame.h - a difference as a tree to be drawn: widths, colours and both values per path.
 *
 * A path is as wide as the mean of its two values, so that what is gone and what is new are both
 * seen. Only findings have a colour.
 *
 * Ownership: diff_flame_init() / diff_flame_done(). `profile` shares everything but its samples
 * with the diff's joint profile: it is for reading while the diff lives, and not to be freed.
 */
#pragma once

#include "query/diff.h"

#define DIFF_HEAT_MAX 4 /* as CODEC_HEAT_MAX */

struct diff_flame {
    struct profile profile;
    int8_t
        *heat; /* per node: -DIFF_HEAT_MAX much faster … 0 no finding … DIFF_HEAT_MAX much slower */
    double *before; /* per node: value of its subtree */
    double *after;
};

/* 0 or ERR_NO_MEMORY. */
int diff_flame_init(struct diff_flame *flame, const struct diff *diff);
void diff_flame_done(struct diff_flame *flame);
