/* SPDX-License-Identifier: MIT */
#include "query/table.h"

#include <stdlib.h>
#include <string.h>

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b); /* the larger first */
}

static int compare_self(const void *left, const void *right)
{
    const struct table_row *a = left, *b = right;
    int order = compare_numbers(a->self_count, b->self_count);
    if (!order)
        order = compare_numbers(a->total_count, b->total_count);
    return order ? order : group_compare(&a->group, &b->group);
}

static int compare_total(const void *left, const void *right)
{
    const struct table_row *a = left, *b = right;
    int order = compare_numbers(a->total_count, b->total_count);
    if (!order)
        order = compare_numbers(a->self_count, b->self_count);
    return order ? order : group_compare(&a->group, &b->group);
}

/* Adds every node to the row of its group. */
static int sum_rows(struct table_row *rows, const struct view *view,
                    const struct grouping *grouping)
{
    const struct profile *profile = view->profile;
    const struct sums *sums = &view->sums;
    uint32_t nodes = profile->node_count;
    uint32_t *key = malloc(nodes * sizeof *key);
    bool *first = malloc(nodes * sizeof *first);
    int result = key && first ? 0 : ERR_NO_MEMORY;
    if (result == 0) {
        key[0] = PROFILE_NONE;
        for (uint32_t i = 1; i < nodes; i++)
            key[i] = grouping->of_frame[profile->nodes[i].frame];
        result = sums_mark_first(&sums->tree, key, grouping->count, first);
    }
    for (uint32_t i = 1; result == 0 && i < nodes; i++) {
        if (key[i] == PROFILE_NONE)
            continue;
        struct table_row *row = &rows[key[i]];
        row->self_count += sums->tree.self[i];
        row->self_ns += sums->self_ns[i];
        row->total_count += first[i] ? sums->tree.total[i] : 0;
        row->total_ns += first[i] ? sums->total_ns[i] : 0;
    }
    free(key);
    free(first);
    return result;
}

/* Keeps what was seen and matches, in order, up to the limit. */
static void finish(struct table *table, uint32_t all, const regex_t *filter, enum table_sort sort,
                   uint32_t limit)
{
    for (uint32_t i = 0; i < all; i++) {
        const struct table_row *row = &table->rows[i];
        if (row->total_count && (!filter || view_matches(filter, &row->group)))
            table->rows[table->found++] = *row;
    }
    qsort(table->rows, table->found, sizeof *table->rows,
          sort == TABLE_BY_SELF ? compare_self : compare_total);
    table->row_count = limit && limit < table->found ? limit : table->found;
}

int table_init(struct table *table, const struct view *view, const struct table_options *options,
               struct err *err)
{
    regex_t regex;
    struct grouping grouping = {0};
    int result = 0;
    *table = (struct table){0};
    if (options->filter) {
        result = view_compile(&regex, options->filter, "--filter", err);
        if (result < 0)
            return result;
    }
    result = grouping_init(&grouping, view->profile, options->by);
    if (result == 0) {
        table->rows = calloc((size_t)grouping.count + 1, sizeof *table->rows);
        result = table->rows ? sum_rows(table->rows, view, &grouping) : ERR_NO_MEMORY;
    }
    if (result == 0) {
        for (uint32_t i = 0; i < grouping.count; i++)
            table->rows[i].group = grouping.groups[i];
        finish(table, grouping.count, options->filter ? &regex : NULL, options->sort,
               options->limit);
    } else {
        err_set(err, result, "out of memory");
        table_done(table);
    }
    grouping_done(&grouping);
    if (options->filter)
        regfree(&regex);
    return result;
}

void table_done(struct table *table)
{
    free(table->rows);
    *table = (struct table){0};
}

static int compare_threads(const void *left, const void *right)
{
    const struct thread_row *a = left, *b = right;
    int order = compare_numbers(a->count, b->count);
    return order ? order : (a->thread > b->thread) - (a->thread < b->thread);
}

int thread_table_init(struct thread_table *table, const struct view *view, uint32_t limit,
                      struct err *err)
{
    const struct profile *profile = view->profile;
    *table = (struct thread_table){
        .rows = calloc((size_t)profile->thread_count + 1, sizeof *table->rows),
    };
    if (!table->rows)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < profile->thread_count; i++)
        table->rows[i].thread = i;
    for (uint32_t i = 0; i < profile->sample_count; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        if (view->skip_thread && view->skip_thread[sample->thread])
            continue;
        if (view->drop_node && view->drop_node[sample->node])
            continue;
        table->rows[sample->thread].count += sample->count;
        table->rows[sample->thread].weight_ns += sample->weight_ns;
    }
    for (uint32_t i = 0; i < profile->thread_count; i++)
        if (table->rows[i].count)
            table->rows[table->found++] = table->rows[i];
    qsort(table->rows, table->found, sizeof *table->rows, compare_threads);
    table->row_count = limit && limit < table->found ? limit : table->found;
    return 0;
}

void thread_table_done(struct thread_table *table)
{
    free(table->rows);
    *table = (struct thread_table){0};
}

/* ---- Callers and callees ---- */

/* Is `wanted` the name, or its last parts, or "name (file)"? */
static bool is_called(const struct group *group, const char *wanted, size_t size)
{
    struct text name = group->name;
    size_t full = (size_t)name.size + 3 + group->file.size;
    if (size == full && group->file.size && !memcmp(wanted, name.text, name.size) &&
        !memcmp(wanted + name.size, " (", 2) && wanted[size - 1] == ')' &&
        !memcmp(wanted + name.size + 2, group->file.text, group->file.size))
        return true;
    if (size == 0 || size > name.size || memcmp(name.text + name.size - size, wanted, size) != 0)
        return false;
    return size == name.size || name.text[name.size - size - 1] == '.';
}

/* The groups become rows, to be ranked as every table is; `line` of a row carries the group's id
 * back. */
static uint32_t find_function(const struct view *view, const struct grouping *grouping,
                              const char *wanted, uint32_t rank, struct table_row *out, int *result)
{
    struct table_row *rows = calloc((size_t)grouping->count + 1, sizeof *rows);
    uint32_t found = 0, chosen = PROFILE_NONE;
    *result = rows ? sum_rows(rows, view, grouping) : ERR_NO_MEMORY;
    for (uint32_t i = 0; *result == 0 && i < grouping->count; i++) {
        if (rows[i].total_count == 0 || !is_called(&grouping->groups[i], wanted, strlen(wanted)))
            continue;
        rows[found] = rows[i];
        rows[found].group = grouping->groups[i];
        rows[found++].group.line = (int32_t)i;
    }
    if (*result == 0 && rank < found) {
        qsort(rows, found, sizeof *rows, compare_total);
        chosen = (uint32_t)rows[rank].group.line;
        *out = rows[rank];
        out->group = grouping->groups[chosen];
    }
    free(rows);
    return chosen;
}

struct edges {
    const struct view *view;
    const struct grouping *grouping;
    uint32_t *group_of_node; /* a label's node: PROFILE_NONE */
    uint32_t *key; /* per node: the neighbour at the other end, when the function is at this end */
    bool *first;
};

/* One row per group and one more for "no neighbour". */
static int sum_edges(struct edges *edges, struct table *out, uint32_t limit)
{
    const struct sums *sums = &edges->view->sums;
    uint32_t groups = edges->grouping->count, nodes = edges->view->profile->node_count;
    int result = sums_mark_first(&sums->tree, edges->key, groups + 1, edges->first);
    out->rows = calloc((size_t)groups + 1, sizeof *out->rows);
    if (result < 0 || !out->rows)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < groups; i++)
        out->rows[i].group = edges->grouping->groups[i];
    out->rows[groups].group = (struct group){{"", 0}, {"", 0}, {"", 0}, 0, FRAME_OTHER};
    for (uint32_t i = 1; i < nodes; i++) {
        if (!edges->first[i])
            continue;
        out->rows[edges->key[i]].total_count += sums->tree.total[i];
        out->rows[edges->key[i]].total_ns += sums->total_ns[i];
    }
    finish(out, groups + 1, NULL, TABLE_BY_TOTAL, limit);
    return 0;
}

static int callers_of(struct edges *edges, uint32_t function, struct table *out, uint32_t limit)
{
    const struct profile *profile = edges->view->profile;
    uint32_t none = edges->grouping->count;
    edges->key[0] = PROFILE_NONE;
    for (uint32_t i = 1; i < profile->node_count; i++) {
        uint32_t caller = edges->group_of_node[profile->nodes[i].parent];
        edges->key[i] = PROFILE_NONE;
        if (edges->group_of_node[i] == function)
            edges->key[i] = caller == PROFILE_NONE ? none : caller;
    }
    return sum_edges(edges, out, limit);
}

static int callees_of(struct edges *edges, uint32_t function, struct table *out,
                      const struct table_row *itself, uint32_t limit)
{
    const struct profile *profile = edges->view->profile;
    edges->key[0] = PROFILE_NONE;
    for (uint32_t i = 1; i < profile->node_count; i++) {
        bool called = edges->group_of_node[profile->nodes[i].parent] == function;
        edges->key[i] = called ? edges->group_of_node[i] : PROFILE_NONE;
    }
    int result = sum_edges(edges, out, 0);
    if (result < 0)
        return result;
    if (itself->self_count) { /* the spare row is free again: there is one more than groups */
        struct table_row *row = &out->rows[out->found++];
        *row = (struct table_row){.total_count = itself->self_count, .total_ns = itself->self_ns};
        row->group = (struct group){{"", 0}, {"", 0}, {"", 0}, 0, FRAME_OTHER};
        qsort(out->rows, out->found, sizeof *out->rows, compare_total);
    }
    out->row_count = limit && limit < out->found ? limit : out->found;
    return 0;
}

static int edges_init(struct edges *edges, const struct view *view, const struct grouping *grouping)
{
    const struct profile *profile = view->profile;
    uint32_t nodes = profile->node_count;
    *edges = (struct edges){
        .view = view,
        .grouping = grouping,
        .group_of_node = malloc(nodes * sizeof *edges->group_of_node),
        .key = malloc(nodes * sizeof *edges->key),
        .first = malloc(nodes * sizeof *edges->first),
    };
    if (!edges->group_of_node || !edges->key || !edges->first)
        return ERR_NO_MEMORY;
    edges->group_of_node[0] = PROFILE_NONE;
    for (uint32_t i = 1; i < nodes; i++)
        edges->group_of_node[i] = grouping->of_frame[profile->nodes[i].frame];
    return 0;
}

static void edges_done(struct edges *edges)
{
    free(edges->group_of_node);
    free(edges->key);
    free(edges->first);
}

int neighbours_init(struct neighbours *out, const struct view *view, const char *function,
                    uint32_t rank, uint32_t limit, struct err *err)
{
    struct grouping grouping = {0};
    struct edges edges = {0};
    uint32_t chosen = PROFILE_NONE;
    *out = (struct neighbours){0};
    int result = grouping_init(&grouping, view->profile, GROUP_FUNCTION);
    if (result == 0)
        chosen = find_function(view, &grouping, function, rank, &out->function, &result);
    if (result == 0 && chosen == PROFILE_NONE)
        result =
            err_set(err, ERR_NOT_FOUND,
                    "no function is called '%s' here; the table of functions lists them", function);
    if (result == 0)
        result = edges_init(&edges, view, &grouping);
    if (result == 0)
        result = callers_of(&edges, chosen, &out->callers, limit);
    if (result == 0)
        result = callees_of(&edges, chosen, &out->callees, &out->function, limit);
    if (result == ERR_NO_MEMORY)
        err_set(err, ERR_NO_MEMORY, "out of memory");
    edges_done(&edges);
    grouping_done(&grouping);
    if (result < 0)
        neighbours_done(out);
    return result;
}

void neighbours_done(struct neighbours *neighbours)
{
    table_done(&neighbours->callers);
    table_done(&neighbours->callees);
}
