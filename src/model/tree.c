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

struct child {
    uint64_t total;
    uint32_t node;
};

static int compare_children(const void *left, const void *right)
{
    const struct child *a = left, *b = right;
    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    return a->node < b->node ? -1 : 1;
}

/* The children of `node` that are kept, into `kept`; returns how many. */
static size_t list_children(const struct tree *tree, uint32_t node, uint64_t least,
                            struct child *kept)
{
    size_t count = 0;
    for (uint32_t i = tree->first_child[node]; i; i = tree->next_sibling[i])
        if (tree->total[i] >= least)
            kept[count++] = (struct child){.total = tree->total[i], .node = i};
    return count;
}

int tree_trim(struct tree *tree, uint64_t least, uint64_t *left_out)
{
    struct child *kept = malloc(tree->node_count * sizeof *kept);
    if (!kept)
        return ERR_NO_MEMORY;
    if (least == 0)
        least = 1;
    *left_out = 0;
    for (uint32_t node = 0; node < tree->node_count; node++) {
        if (node && tree->total[node] && tree->total[node] < least)
            ++*left_out;
        size_t count = list_children(tree, node, least, kept);
        qsort(kept, count, sizeof *kept, compare_children);
        tree->first_child[node] = count ? kept[0].node : 0;
        for (size_t i = 0; i < count; i++)
            tree->next_sibling[kept[i].node] = i + 1 < count ? kept[i + 1].node : 0;
    }
    free(kept);
    return 0;
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
