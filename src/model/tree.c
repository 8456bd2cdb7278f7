/* SPDX-License-Identifier: MIT */
#include "model/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int tree_init(struct tree *tree, const struct profile *profile, enum tree_value value)
{
    uint32_t count = profile->node_count;
    *tree = (struct tree){
        .profile = profile,
        .node_count = count,
        .self = calloc(count, sizeof *tree->self),
        .total = calloc(count, sizeof *tree->total),
        .first_child = calloc(count, sizeof *tree->first_child),
        .next_sibling = calloc(count, sizeof *tree->next_sibling),
    };
    if (!tree->self || !tree->total || !tree->first_child || !tree->next_sibling)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < profile->sample_count; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        tree->self[sample->node] += value == TREE_COUNTS ? sample->count : sample->weight_ns;
    }
    for (uint32_t node = count - 1; node > 0; node--) {
        uint32_t parent = profile->nodes[node].parent;
        tree->total[node] += tree->self[node];
        tree->total[parent] += tree->total[node];
        tree->next_sibling[node] = tree->first_child[parent];
        tree->first_child[parent] = node;
    }
    tree->total[0] += tree->self[0];
    return 0;
}

void tree_done(struct tree *tree)
{
    free(tree->self);
    free(tree->total);
    free(tree->first_child);
    free(tree->next_sibling);
    *tree = (struct tree){0};
}

uint32_t tree_next(const struct tree *tree, uint32_t node, uint32_t *climbed)
{
    *climbed = 0;
    if (tree->first_child[node])
        return tree->first_child[node];
    while (node) {
        ++*climbed;
        if (tree->next_sibling[node])
            return tree->next_sibling[node];
        node = tree->profile->nodes[node].parent;
    }
    return 0;
}

int tree_frame_totals(const struct tree *tree, uint64_t *self, uint64_t *total)
{
    const struct profile *profile = tree->profile;
    size_t frames = profile->frame_count;
    uint32_t *open = calloc(frames + 1, sizeof *open); /* how often a frame is on the path */
    if (!open)
        return ERR_NO_MEMORY;
    if (self)
        memset(self, 0, frames * sizeof *self);
    if (total)
        memset(total, 0, frames * sizeof *total);
    uint32_t climbed, at = 0;
    for (uint32_t node = tree_next(tree, 0, &climbed); node;
         node = tree_next(tree, node, &climbed)) {
        for (uint32_t parent = profile->nodes[node].parent; at != parent;
             at = profile->nodes[at].parent)
            open[profile->nodes[at].frame]--;
        uint32_t frame = profile->nodes[node].frame;
        if (self)
            self[frame] += tree->self[node];
        if (total && open[frame] == 0)
            total[frame] += tree->total[node];
        open[frame]++;
        at = node;
    }
    free(open);
    return 0;
}
