/* SPDX-License-Identifier: MIT */
/* diff_work.h - what the parts of a difference share while it is being made (diff.c, diff_judge.c,
 * diff_order.c); nobody else includes this. */
#pragma once

#include "model/tree.h"
#include "query/blocks.h"
#include "query/diff.h"
#include "query/joint.h"

/* What is known of one side while the difference is being made. */
struct side {
    const struct profile *profile;
    struct blocks blocks;
    double *self, *total; /* per joint node: samples, or seconds */
    double *block_sums;   /* per item and block */
    double *scratch;      /* per joint node */
    double d_sum;         /* denominator of the values */
    double unit;          /* one sample in the unit of X */
};

struct work {
    struct diff *diff;
    struct joint joint;
    struct side side[2];
    struct tree tree;
    bool *first;          /* per joint node: outermost of its function */
    uint32_t *item_of[3]; /* per frame (self, total) or node (path): item, or PROFILE_NONE */
    bool in_time;         /* X is seconds */
};

/* Fills values, intervals, p and verdicts of the items. 0 or ERR_NO_MEMORY. */
int diff_judge(struct work *work);

/* Marks explained paths, counts the findings and puts the items in order. */
void diff_order(struct work *work);
