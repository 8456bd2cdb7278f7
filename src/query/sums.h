/* SPDX-License-Identifier: MIT */
/* sums.h - what was seen under each node, of some threads and some stacks only.
 *
 * Tables, callers and differences all ask two things of the tree of stacks: how many samples and
 * how much time lie in the subtree of each node, and which nodes are the first on their path with a
 * given key, so that recursion counts once.
 *
 * Ownership: sums_init() / sums_done(). Cost: linear in nodes and samples; 40 bytes per node.
 */
#pragma once

#include "model/tree.h"

struct sums {
    struct tree tree;   /* counts: tree.self, tree.total */
    uint64_t *self_ns;  /* per node: time exactly there */
    uint64_t *total_ns; /* and in its subtree */
};

/* Leaves out threads with skip_thread[thread] and samples whose node has drop_node[node]; either
 * may be NULL. 0 or ERR_NO_MEMORY (sums_done() is fine after either). */
int sums_init(struct sums *sums, const struct profile *profile, const bool *skip_thread,
              const bool *drop_node);
void sums_done(struct sums *sums);

/* first[node] = the node has a key (not PROFILE_NONE) and none of its ancestors has the same. Keys
 * are below key_count. 0 or ERR_NO_MEMORY. */
int sums_mark_first(const struct tree *tree, const uint32_t *key_of_node, uint32_t key_count,
                    bool *first);
