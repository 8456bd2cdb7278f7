/* SPDX-License-Identifier: MIT */
#include "model/calls.h"

#include <stdlib.h>

#include "base/err.h"
#include "model/tree.h"

struct builder {
    struct calls *calls;
    const struct profile *profile;
    struct tree counts, weights;
    struct map pairs;     /* (name, file) → number */
    struct map functions; /* (pair, first line) → function */
    struct map edges;     /* (caller frame, callee) → edge */
    struct map arcs;      /* (caller, callee) → number */
    uint32_t *open;       /* per function: how often it is on the path */
    uint32_t *open_arcs;  /* the same per arc */
    uint32_t *arc_of;     /* per node: the arc into it; PROFILE_NONE at the top */
    uint32_t *edge_of;    /* per node */
};

/* The number of `key`, the next free one when new; MAP_NONE: out of memory. */
static uint32_t number_of(struct map *map, uint64_t key)
{
    uint32_t number = map_get(map, key);
    if (number == MAP_NONE && map_set(map, key, map->count) == 0)
        number = map->count - 1;
    return number;
}

static int find_functions(struct builder *b)
{
    const struct profile *profile = b->profile;
    struct calls *calls = b->calls;
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        const struct profile_frame *frame = &profile->frames[i];
        uint32_t file = frame->full_file ? frame->full_file : frame->file;
        uint32_t pair = number_of(&b->pairs, (uint64_t)frame->name << 32 | file);
        uint32_t id = number_of(&b->functions, (uint64_t)pair << 32 | (uint32_t)frame->first_line);
        if (pair == MAP_NONE || id == MAP_NONE)
            return ERR_NO_MEMORY;
        calls->function_of[i] = id;
        calls->functions[id] = (struct calls_function){
            .name = frame->name, .file = file, .first_line = frame->first_line};
        calls->function_count = b->functions.count;
    }
    return 0;
}

/* Gives every node its arc and edge, and makes room for as many as there are. */
static int find_edges(struct builder *b)
{
    const struct profile *profile = b->profile;
    const uint32_t *function_of = b->calls->function_of;
    for (uint32_t node = 1; node < profile->node_count; node++) {
        uint32_t parent = profile->nodes[node].parent;
        b->arc_of[node] = b->edge_of[node] = PROFILE_NONE;
        if (!parent)
            continue;
        uint64_t caller_frame = profile->nodes[parent].frame;
        uint32_t callee = function_of[profile->nodes[node].frame];
        b->arc_of[node] = number_of(&b->arcs, (uint64_t)function_of[caller_frame] << 32 | callee);
        b->edge_of[node] = number_of(&b->edges, caller_frame << 32 | callee);
        if (b->arc_of[node] == MAP_NONE || b->edge_of[node] == MAP_NONE)
            return ERR_NO_MEMORY;
    }
    b->calls->edge_count = b->edges.count;
    b->calls->edges = calloc((size_t)b->edges.count + 1, sizeof *b->calls->edges);
    b->open_arcs = calloc((size_t)b->arcs.count + 1, sizeof *b->open_arcs);
    return b->calls->edges && b->open_arcs ? 0 : ERR_NO_MEMORY;
}

static void add(struct calls_sum *sum, uint64_t count, uint64_t ns)
{
    sum->count += count;
    sum->ns += ns;
}

static void enter(struct builder *b, uint32_t node)
{
    struct calls *calls = b->calls;
    const struct profile_node *nodes = b->profile->nodes;
    uint32_t function = calls->function_of[nodes[node].frame];
    uint64_t self = b->counts.self[node], self_ns = b->weights.self[node];
    add(&calls->functions[function].self, self, self_ns);
    add(&calls->frame_self[nodes[node].frame], self, self_ns);
    if (b->open[function]++ == 0)
        add(&calls->functions[function].total, b->counts.total[node], b->weights.total[node]);
    if (b->edge_of[node] == PROFILE_NONE)
        return;
    struct calls_edge *edge = &calls->edges[b->edge_of[node]];
    edge->caller_frame = nodes[nodes[node].parent].frame;
    edge->caller = calls->function_of[edge->caller_frame];
    edge->callee = function;
    add(&edge->self, self, self_ns);
    if (b->open_arcs[b->arc_of[node]]++ == 0)
        add(&edge->total, b->counts.total[node], b->weights.total[node]);
}

static void leave(struct builder *b, uint32_t node)
{
    b->open[b->calls->function_of[b->profile->nodes[node].frame]]--;
    if (b->arc_of[node] != PROFILE_NONE)
        b->open_arcs[b->arc_of[node]]--;
}

static void sum_up(struct builder *b)
{
    uint32_t climbed, at = 0;
    for (uint32_t node = tree_next(&b->counts, 0, &climbed); node;
         node = tree_next(&b->counts, node, &climbed)) {
        for (; climbed; climbed--, at = b->profile->nodes[at].parent)
            leave(b, at);
        enter(b, node);
        at = node;
    }
}

static int build(struct builder *b)
{
    size_t frames = (size_t)b->profile->frame_count + 1, nodes = b->profile->node_count;
    struct calls *calls = b->calls;
    if (tree_init(&b->counts, b->profile, TREE_COUNTS) < 0 ||
        tree_init(&b->weights, b->profile, TREE_WEIGHTS) < 0)
        return ERR_NO_MEMORY;
    calls->functions = calloc(frames, sizeof *calls->functions);
    calls->function_of = calloc(frames, sizeof *calls->function_of);
    calls->frame_self = calloc(frames, sizeof *calls->frame_self);
    b->open = calloc(frames, sizeof *b->open);
    b->arc_of = malloc(nodes * sizeof *b->arc_of);
    b->edge_of = malloc(nodes * sizeof *b->edge_of);
    if (!calls->functions || !calls->function_of || !calls->frame_self || !b->open || !b->arc_of ||
        !b->edge_of)
        return ERR_NO_MEMORY;
    int result = find_functions(b);
    if (result == 0)
        result = find_edges(b);
    if (result == 0)
        sum_up(b);
    return result;
}

int calls_init(struct calls *calls, const struct profile *profile)
{
    *calls = (struct calls){0};
    struct builder b = {.calls = calls, .profile = profile};
    int result = build(&b);
    tree_done(&b.counts);
    tree_done(&b.weights);
    map_done(&b.pairs);
    map_done(&b.functions);
    map_done(&b.edges);
    map_done(&b.arcs);
    free(b.open);
    free(b.open_arcs);
    free(b.arc_of);
    free(b.edge_of);
    return result;
}

void calls_done(struct calls *calls)
{
    free(calls->functions);
    free(calls->function_of);
    free(calls->frame_self);
    free(calls->edges);
    *calls = (struct calls){0};
}

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int by_caller(const void *left, const void *right)
{
    const struct calls_edge *a = left, *b = right;
    int order = compare(a->caller, b->caller);
    if (!order)
        order = compare(a->caller_frame, b->caller_frame);
    return order ? order : compare(a->callee, b->callee);
}

static int by_callee(const void *left, const void *right)
{
    const struct calls_edge *a = left, *b = right;
    int order = compare(a->callee, b->callee);
    if (!order)
        order = compare(a->caller, b->caller);
    return order ? order : compare(a->caller_frame, b->caller_frame);
}

void calls_sort_by_caller(struct calls *calls)
{
    qsort(calls->edges, calls->edge_count, sizeof *calls->edges, by_caller);
}

void calls_sort_by_callee(struct calls *calls)
{
    qsort(calls->edges, calls->edge_count, sizeof *calls->edges, by_callee);
}
