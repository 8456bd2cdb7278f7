/* SPDX-License-Identifier: MIT */
/* sqlite_groups.c - what there is in a range: services, processes, endpoints, threads. Only the
 * heads of the windows' sections are read. */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

struct group_key { /* strings are those of the grouping */
    uint64_t started_ns;
    uint32_t service, host, version, type;
    uint32_t endpoint, thread, process;
    int32_t pid;
};
_Static_assert(sizeof(struct group_key) == 40, "no padding");

struct group_sum {
    uint64_t first_ns, last_ns, count, weight_ns;
};

struct grouping {
    const struct store_query *query;
    enum store_group by;
    uint64_t step_ns, step_start_ns;
    store_group_step_fn *fn;
    void *context;
    struct profile *names;
    struct dict_table keys;
    struct group_sum *sums;
    uint32_t sum_capacity;
};

static uint32_t name(struct grouping *g, const struct dict *dict, uint32_t string)
{
    return profile_cstring(g->names, dict_text(dict, string));
}

static struct group_key key_of(struct grouping *g, const struct dict *dict,
                               const struct dict_series *series, const struct dict_actor *actor)
{
    struct group_key key = {
        .service = name(g, dict, series->service),
        .host = name(g, dict, series->host),
        .type = series->type,
    };
    if (g->by == STORE_BY_SERVICE || g->by == STORE_BY_PROCESS)
        key.version = name(g, dict, series->version);
    if (g->by == STORE_BY_ENDPOINT)
        key.endpoint = name(g, dict, actor->endpoint);
    if (g->by == STORE_BY_THREAD)
        key.thread = name(g, dict, actor->thread);
    if (g->by == STORE_BY_PROCESS) {
        key.process = name(g, dict, actor->process);
        key.pid = actor->pid;
        key.started_ns = actor->started_ns;
    }
    return key;
}

static int add(struct grouping *g, const struct group_key *key, const struct group_sum *sum)
{
    uint32_t known = g->keys.count;
    uint32_t id = dict_table_add(&g->keys, key);
    if (id == PROFILE_NONE)
        return ERR_LIMIT;
    if (id >= g->sum_capacity) {
        uint32_t capacity = g->sum_capacity ? g->sum_capacity * 2 : 64;
        struct group_sum *sums = realloc(g->sums, capacity * sizeof *sums);
        if (!sums)
            return ERR_NO_MEMORY;
        g->sums = sums;
        g->sum_capacity = capacity;
    }
    struct group_sum *to = &g->sums[id];
    if (id == known || !to->last_ns)
        *to = (struct group_sum){.first_ns = sum->first_ns};
    to->first_ns = sum->first_ns < to->first_ns ? sum->first_ns : to->first_ns;
    to->last_ns = sum->last_ns > to->last_ns ? sum->last_ns : to->last_ns;
    to->count += sum->count;
    to->weight_ns += sum->weight_ns;
    return 0;
}

static int give(struct grouping *g)
{
    for (uint32_t i = 0; i < g->keys.count; i++) {
        const struct group_key *key = (const struct group_key *)(const void *)g->keys.items + i;
        const struct profile_string *strings = g->names->strings;
        if (!g->sums[i].last_ns) /* not in this step */
            continue;
        struct store_group_row row = {
            .service = strings[key->service].text,
            .host = strings[key->host].text,
            .version = strings[key->version].text,
            .type = (enum store_type)key->type,
            .endpoint = strings[key->endpoint].text,
            .thread = strings[key->thread].text,
            .process = strings[key->process].text,
            .pid = key->pid,
            .started_ns = key->started_ns,
            .first_ns = g->sums[i].first_ns,
            .last_ns = g->sums[i].last_ns,
            .count = g->sums[i].count,
            .weight_ns = g->sums[i].weight_ns,
        };
        g->sums[i] = (struct group_sum){0};
        int result = g->fn(g->context, g->step_start_ns, &row);
        if (result != 0)
            return result;
    }
    return 0;
}

static int visit_heads(void *context, struct store *store, const struct visit *visit)
{
    struct grouping *g = context;
    uint64_t start =
        g->step_ns ? visit->start_ns - visit->start_ns % g->step_ns : g->query->from_ns;
    if (start != g->step_start_ns) {
        int given = give(g);
        if (given != 0)
            return given;
        g->step_start_ns = start;
    }
    const struct dict *dict = &visit->file->dict;
    int result = window_decode(dict, store->raw.data, store->raw.size, NULL, &store->sections);
    const struct dict_series *series = dict_series_at(dict, visit->series);
    for (uint32_t i = 0; i < store->sections.count && result == 0; i++) {
        const struct window_section *section = &store->sections.items[i];
        const struct dict_actor *actor = dict_actor_at(dict, section->actor);
        if (!store_actor_is_wanted(dict, actor, g->query))
            continue;
        struct group_key key = key_of(g, dict, series, actor);
        struct group_sum sum = {
            .first_ns = visit->start_ns,
            .last_ns = visit->start_ns + visit->file->shelf->window_ns,
            .count = section->samples,
            .weight_ns = section->weight_ns,
        };
        result = add(g, &key, &sum);
    }
    return result;
}

int store_read_group_steps(struct store *store, const struct store_query *query,
                           enum store_group by, uint64_t step_ns, store_group_step_fn *fn,
                           void *context, struct store_answer *answer, struct err *err)
{
    struct grouping g = {
        .query = query,
        .by = by,
        .step_ns = step_ns,
        .step_start_ns = step_ns ? 0 : query->from_ns,
        .fn = fn,
        .context = context,
        .names = profile_new(),
    };
    g.keys.item_size = sizeof(struct group_key);
    if (step_ns % shelf_of(DUTY_PROFILE, 0)->window_ns) {
        profile_free(g.names);
        return err_set(err, ERR_USAGE, "steps are multiples of ten seconds");
    }
    if (!g.names)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    struct visitor visitor = {
        .duty = DUTY_PROFILE,
        .by_type = by != STORE_BY_SERVICE,
        .max_window_ns = step_ns ? step_ns : DAY_NS,
        .visit = visit_heads,
        .context = &g,
    };
    int result = store_visit(store, query, &visitor, answer, err);
    if (result == 0)
        result = give(&g);
    dict_table_done(&g.keys);
    free(g.sums);
    profile_free(g.names);
    return result;
}

struct whole { /* a caller who does not ask for steps */
    store_group_fn *fn;
    void *context;
};

static int give_whole(void *context, uint64_t start_ns, const struct store_group_row *row)
{
    (void)start_ns;
    struct whole *whole = context;
    return whole->fn(whole->context, row);
}

int store_read_groups(struct store *store, const struct store_query *query, enum store_group by,
                      store_group_fn *fn, void *context, struct store_answer *answer,
                      struct err *err)
{
    struct whole whole = {fn, context};
    return store_read_group_steps(store, query, by, 0, give_whole, &whole, answer, err);
}
