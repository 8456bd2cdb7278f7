/* SPDX-License-Identifier: MIT */
#include "query/sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void add_samples(struct sums *sums, const struct profile *profile, const bool *skip_thread,
                        const bool *drop_node)
{
    memset(sums->tree.self, 0, profile->node_count * sizeof *sums->tree.self);
    for (uint32_t i = 0; i < profile->sample_count; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        if (skip_thread && skip_thread[sample->thread])
            continue;
        if (drop_node && drop_node[sample->node])
            continue;
        sums->tree.self[sample->node] += sample->count;
        sums->self_ns[sample->node] += sample->weight_ns;
    }
}

/* A parent's id is lower than its child's. */
static void add_upwards(const struct profile *profile, const uint64_t *self, uint64_t *total)
{
    memcpy(total, self, profile->node_count * sizeof *total);
    for (uint32_t node = profile->node_count; node-- > 1;)
        total[profile->nodes[node].parent] += total[node];
}

int sums_init(struct sums *sums, const struct profile *profile, const bool *skip_thread,
              const bool *drop_node)
{
    *sums = (struct sums){0};
    int result = tree_init(&sums->tree, profile, TREE_COUNTS);
    if (result < 0)
        return result;
    sums->self_ns = calloc(profile->node_count, sizeof *sums->self_ns);
    sums->total_ns = calloc(profile->node_count, sizeof *sums->total_ns);
    if (!sums->self_ns || !sums->total_ns)
        return ERR_NO_MEMORY;
    add_samples(sums, profile, skip_thread, drop_node);
    add_upwards(profile, sums->tree.self, sums->tree.total);
    add_upwards(profile, sums->self_ns, sums->total_ns);
    return 0;
}

void sums_done(struct sums *sums)
{
    tree_done(&sums->tree);
    free(sums->self_ns);
    free(sums->total_ns);
    *sums = (struct sums){0};
}

/* `open` counts the nodes with each key between the current node and the root. */
int sums_mark_first(const struct tree *tree, const uint32_t *key_of_node, uint32_t key_count,
                    bool *first)
{
    const struct profile_node *nodes = tree->profile->nodes;
    uint32_t *open = calloc((size_t)key_count + 1, sizeof *open);
    if (!open)
        return ERR_NO_MEMORY;
    first[0] = false;
    uint32_t climbed, at = 0;
    for (uint32_t node = tree_next(tree, 0, &climbed); node;
         node = tree_next(tree, node, &climbed)) {
        for (; climbed > 0; climbed--, at = nodes[at].parent)
            if (key_of_node[at] != PROFILE_NONE)
                open[key_of_node[at]]--;
        uint32_t key = key_of_node[node];
        first[node] = key != PROFILE_NONE && open[key]++ == 0;
        at = node;
    }
    free(open);
    return 0;
}
