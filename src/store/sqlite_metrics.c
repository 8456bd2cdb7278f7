/* SPDX-License-Identifier: MIT */
/* sqlite_metrics.c - histograms and gauges of a range, step by step.
 *
 * Values are added up where they are found by owner and slot; only what is left is sorted. (Sorting
 * what came took half the time of an hour in steps: the same few hundred slots come in each of
 * hundreds of windows.)
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

struct owner { /* what is added up */
    uint32_t service, host, key, zero;
};

struct metric_reading {
    const struct store_query *query;
    const struct store_metric_fns *fns;
    struct dict names;        /* keys of the answer */
    struct dict_table owners; /* the `key` of a sum is an owner */
    uint64_t *last_ns;        /* per owner */
    uint32_t last_capacity;
    struct dict_bridge bridge;
    struct metrics sum, one;
    struct map places; /* owner and slot → item of sum */
    struct store_bucket *buckets;
    uint32_t bucket_capacity;
    uint64_t step_ns, step_start_ns;
};

static bool key_is_wanted(const struct dict *dict, const struct dict_key *key,
                          const struct metric_reading *r)
{
    if (r->query->pid && key->pid != r->query->pid)
        return false;
    if (r->query->endpoint && strcmp(dict_text(dict, key->name), r->query->endpoint) != 0)
        return false;
    if (key->kind == DICT_GAUGE)
        return r->fns->gauge != NULL;
    if (!r->fns->kind_count)
        return r->fns->histogram != NULL;
    for (uint32_t i = 0; i < r->fns->kind_count; i++)
        if (r->fns->kinds[i] == key->kind)
            return r->fns->histogram != NULL;
    return false;
}

static int begin_file(void *context, struct store *store, struct file *file)
{
    (void)store;
    struct metric_reading *r = context;
    dict_bridge_done(&r->bridge);
    dict_bridge_init(&r->bridge, &file->dict, &r->names);
    return 0;
}

/* -- giving ---------------------------------------------------------------------------------- */

static uint64_t value_of(const struct metric *items, uint32_t count, uint32_t slot)
{
    for (uint32_t i = 0; i < count && items[i].slot <= slot; i++)
        if (items[i].slot == slot)
            return items[i].value;
    return 0;
}

static double double_of(const struct metric *items, uint32_t count, uint32_t slot)
{
    struct metric found = {.value = value_of(items, count, slot)};
    return metric_double(&found);
}

static const struct owner *owner_at(const struct metric_reading *r, uint32_t id)
{
    return (const struct owner *)(const void *)r->owners.items + id;
}

static int give_gauge(struct metric_reading *r, const struct dict_key *key,
                      const struct metric *items, uint32_t count)
{
    const struct owner *owner = owner_at(r, items->key);
    struct store_gauge gauge = {
        .name = dict_text(&r->names, key->name),
        .pid = key->pid,
        .service = dict_text(&r->names, owner->service),
        .host = dict_text(&r->names, owner->host),
        .last_ns = r->last_ns[items->key],
        .count = value_of(items, count, SLOT_GAUGE_COUNT),
        .sum = double_of(items, count, SLOT_GAUGE_SUM),
        .min = double_of(items, count, SLOT_GAUGE_MIN),
        .max = double_of(items, count, SLOT_GAUGE_MAX),
        .last = double_of(items, count, SLOT_GAUGE_LAST),
    };
    return r->fns->gauge(r->fns->context, r->step_start_ns, &gauge);
}

static int take_buckets(struct metric_reading *r, const struct metric *items, uint32_t count,
                        uint32_t *bucket_count)
{
    if (count > r->bucket_capacity) {
        struct store_bucket *buckets = realloc(r->buckets, count * sizeof *buckets);
        if (!buckets)
            return ERR_NO_MEMORY;
        r->buckets = buckets;
        r->bucket_capacity = count;
    }
    *bucket_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (items[i].slot >= SLOT_BUCKETS)
            r->buckets[(*bucket_count)++] =
                (struct store_bucket){items[i].slot - SLOT_BUCKETS, items[i].value};
    return 0;
}

static int give_histogram(struct metric_reading *r, const struct dict_key *key,
                          const struct metric *items, uint32_t count)
{
    uint32_t bucket_count;
    int result = take_buckets(r, items, count, &bucket_count);
    if (result < 0)
        return result;
    struct store_histogram histogram = {
        .kind = key->kind,
        .name = dict_text(&r->names, key->name),
        .detail = dict_text(&r->names, key->detail),
        .summary = dict_text(&r->names, key->summary),
        .group = key->group,
        .fingerprint = key->fingerprint,
        .pid = key->pid,
        .service = dict_text(&r->names, owner_at(r, items->key)->service),
        .last_ns = r->last_ns[items->key],
        .count = value_of(items, count, SLOT_COUNT),
        .errors = value_of(items, count, SLOT_ERRORS),
        .total_ns = value_of(items, count, SLOT_TOTAL_NS),
        .max_ns = value_of(items, count, SLOT_MAX_NS),
        .rows = value_of(items, count, SLOT_ROWS),
        .repeats = value_of(items, count, SLOT_REPEATS),
        .buckets = r->buckets,
        .bucket_count = bucket_count,
    };
    return r->fns->histogram(r->fns->context, r->step_start_ns, &histogram);
}

static int give_step(struct metric_reading *r)
{
    metrics_tidy(&r->sum);
    map_reset(&r->places);
    int result = 0;
    for (uint32_t first = 0; first < r->sum.count && result == 0;) {
        const struct metric *items = &r->sum.items[first];
        uint32_t count = 1;
        while (first + count < r->sum.count && items[count].key == items->key)
            count++;
        const struct dict_key *key = dict_key_at(&r->names, owner_at(r, items->key)->key);
        result = key->kind == DICT_GAUGE ? give_gauge(r, key, items, count)
                                         : give_histogram(r, key, items, count);
        first += count;
    }
    metrics_reset(&r->sum);
    return result;
}

/* -- taking ---------------------------------------------------------------------------------- */

static bool fit_last(struct metric_reading *r, uint32_t id)
{
    if (id < r->last_capacity)
        return true;
    uint32_t capacity = r->last_capacity ? r->last_capacity * 2 : 256;
    uint64_t *last_ns = realloc(r->last_ns, capacity * sizeof *last_ns);
    if (!last_ns)
        return false;
    memset(last_ns + r->last_capacity, 0, (capacity - r->last_capacity) * sizeof *last_ns);
    r->last_ns = last_ns;
    r->last_capacity = capacity;
    return true;
}

/* PROFILE_NONE: no memory. */
static uint32_t owner_of(struct metric_reading *r, const struct dict *dict, uint32_t series_id,
                         uint32_t key, uint64_t end_ns)
{
    const struct dict_series *series = dict_series_at(dict, series_id);
    bool gauge = dict_key_at(dict, key)->kind == DICT_GAUGE;
    struct owner owner = {
        .service = dict_bridge_string(&r->bridge, series->service),
        .host = gauge ? dict_bridge_string(&r->bridge, series->host) : 0,
        .key = dict_bridge_key(&r->bridge, key, r->query->pid != 0),
    };
    if (owner.service == PROFILE_NONE || owner.host == PROFILE_NONE || owner.key == PROFILE_NONE)
        return PROFILE_NONE;
    uint32_t id = dict_table_add(&r->owners, &owner);
    if (id == PROFILE_NONE || !fit_last(r, id))
        return PROFILE_NONE;
    r->last_ns[id] = end_ns > r->last_ns[id] ? end_ns : r->last_ns[id];
    return id;
}

static int add_value(struct metric_reading *r, uint32_t owner, uint32_t slot, uint64_t value)
{
    uint64_t key = (uint64_t)owner << 32 | slot;
    uint32_t place = map_get(&r->places, key);
    if (place != MAP_NONE) {
        struct metric *item = &r->sum.items[place];
        item->value = metric_combine(slot, item->value, value);
        return 0;
    }
    int result = metrics_add(&r->sum, owner, slot, value);
    return result < 0 ? result : map_set(&r->places, key, r->sum.count - 1);
}

static int add_window(struct metric_reading *r, const struct visit *visit)
{
    const struct dict *dict = &visit->file->dict;
    uint64_t end_ns = visit->start_ns + visit->file->shelf->window_ns;
    uint32_t key = PROFILE_NONE, to_key = PROFILE_NONE;
    bool wanted = false;
    for (uint32_t i = 0; i < r->one.count; i++) {
        const struct metric *item = &r->one.items[i];
        if (item->key != key) {
            key = item->key;
            wanted = key_is_wanted(dict, dict_key_at(dict, key), r);
            if (wanted)
                to_key = owner_of(r, dict, visit->series, key, end_ns);
        }
        if (!wanted)
            continue;
        int result =
            to_key == PROFILE_NONE ? ERR_NO_MEMORY : add_value(r, to_key, item->slot, item->value);
        if (result < 0)
            return result;
    }
    return 0;
}

static int visit_metrics(void *context, struct store *store, const struct visit *visit)
{
    struct metric_reading *r = context;
    uint64_t start =
        r->step_ns ? visit->start_ns - visit->start_ns % r->step_ns : r->query->from_ns;
    if (start != r->step_start_ns) {
        int result = give_step(r);
        if (result != 0)
            return result;
        r->step_start_ns = start;
    }
    metrics_reset(&r->one);
    int result = metrics_decode(&visit->file->dict, store->raw.data, store->raw.size, &r->one);
    return result < 0 ? result : add_window(r, visit);
}

int store_read_metrics(struct store *store, const struct store_query *query, uint64_t step_ns,
                       const struct store_metric_fns *fns, struct store_answer *answer,
                       struct err *err)
{
    struct metric_reading r = {.query = query, .fns = fns, .step_ns = step_ns};
    if (step_ns % shelf_of(DUTY_METRIC, 0)->window_ns)
        return err_set(err, ERR_USAGE, "steps are multiples of ten seconds");
    r.owners.item_size = sizeof(struct owner);
    if (dict_init(&r.names) < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    struct visitor visitor = {
        .duty = DUTY_METRIC,
        .max_window_ns = step_ns ? step_ns : DAY_NS,
        .begin = begin_file,
        .visit = visit_metrics,
        .context = &r,
    };
    int result = store_visit(store, query, &visitor, answer, err);
    if (result == 0)
        result = give_step(&r);
    dict_bridge_done(&r.bridge);
    dict_done(&r.names);
    dict_table_done(&r.owners);
    free(r.last_ns);
    map_done(&r.places);
    metrics_done(&r.sum);
    metrics_done(&r.one);
    free(r.buckets);
    return result;
}
