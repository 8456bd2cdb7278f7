/* SPDX-License-Identifier: MIT */
/* tree.h - the nodes of a profile seen from the root: children, and values summed upwards.
 *
 * The profile links nodes to their parents only; renderers go the other way. A tree is four
 * arrays over the node ids of one profile, made in two passes (a parent's id is lower than its
 * child's, so one descending pass sums everything). Children are listed in order of id.
 *
 * Ownership: tree_init() on caller's storage, tree_done() frees. Valid while nothing is added to
 * the profile. No function here recurses: stacks may be very deep.
 */
#pragma once

#include "model/profile.h"

enum tree_value {
    TREE_COUNTS,
    TREE_WEIGHTS, /* nanoseconds */
};

struct tree {
    const struct profile *profile;
    uint32_t node_count;
    uint64_t *self;         /* samples that end in the node, all threads */
    uint64_t *total;        /* self and all descendants */
    uint32_t *first_child;  /* 0: none (the root is nobody's child) */
    uint32_t *next_sibling; /* 0: none */
};

/* 0 or ERR_NO_MEMORY; tree_done() is fine after either. */
int tree_init(struct tree *tree, const struct profile *profile, enum tree_value value);
void tree_done(struct tree *tree);

/* Per frame: self, and total with recursion counted once. Either may be NULL. */
int tree_frame_totals(const struct tree *tree, uint64_t *self, uint64_t *total);

/* For drawing: puts the children of every node in order of total, the largest first, and takes out
 * of the tree what is below `least` or 0. *left_out gets how many nodes with samples that were. 0
 * or ERR_NO_MEMORY. */
int tree_trim(struct tree *tree, uint64_t least, uint64_t *left_out);

/* Walking, without a stack of one's own: start with node = 0; `*climbed` gets the number of levels
 * that were left before `returned` was entered (0 when it is a child of `node`). Returns 0 at the
 * end. */
uint32_t tree_next(const struct tree *tree, uint32_t node, uint32_t *climbed);
