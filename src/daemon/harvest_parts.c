/* SPDX-License-Identifier: MIT */
/* harvest_parts.c - notes of requests in progress, sums of endpoints.
 *
 *     places[id mod 4096]   id, its notes, its endpoint once it has ended
 *        └► note ─► note    key, count, errors, time: most recent first
 *
 *     endpoints             by label: parts of their requests' time
 *     pairs                 (key, endpoint): count, errors, time, requests that repeat it
 *
 * Identity is by key index, which never changes in a process; texts are looked at when a window is
 * written. A span costs one look at its place and a walk to its note, which is mostly the first.
 */
#include "daemon/harvest_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "daemon/harvest_inside.h"
#include "query/kinds.h"
#include "sampler/requests.h"

#define FIRST_ROOM 64u
#define NOTES_LOOKED_AT                                                                            \
    64u /* further ones of a request are found no more: a second one is made                       \
         */

enum { OUTSIDE, UNKNOWN, OTHER, FIXED }; /* endpoints that are there from the start */

enum part { QUEUE, CPU, DATABASE, OUTBOUND, CACHE, TEMPLATE, GC, LOOP, GIL, PART_COUNT };
static const char *const part_names[PART_COUNT] = {
    "queue", "cpu", "database", "outbound", "cache", "template", "gc", "loop", "gil",
};

struct note {
    uint32_t key, next; /* index + 1; 0: the last */
    uint32_t count, errors;
    uint64_t total_ns;
};

struct parts_pool {
    struct note *notes;
    uint32_t count, capacity;
    uint32_t free_first; /* index + 1 */
};

struct place {
    uint64_t id;
    uint32_t first;    /* note + 1 */
    uint32_t endpoint; /* + 1; 0: in progress */
};

struct endpoint {
    char *label;
    uint64_t known[PART_COUNT], total_ns[PART_COUNT]; /* requests whose part is known; their sum */
    uint64_t repeated;
};

struct pair {
    uint32_t key, endpoint;
    uint64_t count, errors, total_ns, repeats;
};

struct parts {
    struct parts_pool *pool;
    struct collect *collect;
    struct place *places;
    uint32_t *endpoint_of; /* by key, + 1 */
    uint32_t key_limit;
    struct endpoint *endpoints;
    uint32_t endpoint_count, endpoint_capacity;
    struct pair *pairs;
    uint32_t pair_count, pair_capacity;
    struct map pair_of;
};

/* ---- notes ---------------------------------------------------------------------------------- */

struct parts_pool *parts_pool_new(void)
{
    return calloc(1, sizeof(struct parts_pool));
}

void parts_pool_free(struct parts_pool *pool)
{
    if (!pool)
        return;
    free(pool->notes);
    free(pool);
}

static bool grow(void *array, uint32_t *capacity, size_t size, uint32_t most)
{
    void **pointer = array;
    uint32_t wanted = *capacity ? 2 * *capacity : FIRST_ROOM;
    void *moved = wanted <= most ? realloc(*pointer, wanted * size) : NULL;
    if (!moved)
        return false;
    *pointer = moved;
    *capacity = wanted;
    return true;
}

/* Index + 1; 0: no room. */
static uint32_t take_note(struct parts_pool *pool)
{
    if (pool->free_first) {
        uint32_t note = pool->free_first;
        pool->free_first = pool->notes[note - 1].next;
        return note;
    }
    if (pool->count == pool->capacity &&
        !grow(&pool->notes, &pool->capacity, sizeof *pool->notes, PARTS_MAX_NOTES))
        return 0;
    return ++pool->count;
}

static void give_back(struct parts_pool *pool, uint32_t note)
{
    pool->notes[note - 1].next = pool->free_first;
    pool->free_first = note;
}

/* The note of a key in a request, moved to the front; NULL: no room. */
static struct note *find_note(struct parts_pool *pool, struct place *place, uint32_t key)
{
    uint32_t before = 0, at = place->first;
    for (uint32_t i = 0; at && i < NOTES_LOOKED_AT; i++) {
        struct note *note = &pool->notes[at - 1];
        if (note->key == key) {
            if (before) {
                pool->notes[before - 1].next = note->next;
                note->next = place->first;
                place->first = at;
            }
            return note;
        }
        before = at;
        at = note->next;
    }
    at = take_note(pool);
    if (!at)
        return NULL;
    pool->notes[at - 1] = (struct note){.key = key, .next = place->first};
    place->first = at;
    return &pool->notes[at - 1];
}

/* ---- endpoints ------------------------------------------------------------------------------ */

static uint32_t make_endpoint(struct parts *parts, const char *label)
{
    for (uint32_t i = 0; i < parts->endpoint_count; i++)
        if (strcmp(parts->endpoints[i].label, label) == 0)
            return i;
    if (parts->endpoint_count == parts->endpoint_capacity &&
        !grow(&parts->endpoints, &parts->endpoint_capacity, sizeof *parts->endpoints,
              PARTS_MAX_ENDPOINTS))
        return OTHER;
    char *copy = strdup(label);
    if (!copy)
        return OTHER;
    parts->endpoints[parts->endpoint_count] = (struct endpoint){.label = copy};
    return parts->endpoint_count++;
}

/* One look-up of texts per key: statuses of a route are keys of their own, and one endpoint. */
static uint32_t endpoint_of(struct parts *parts, uint32_t index)
{
    struct collect_key key;
    char label[REQUESTS_LABEL_MAX];
    if (index >= parts->key_limit || !collect_key(parts->collect, index, &key))
        return UNKNOWN;
    if (parts->endpoint_of[index])
        return parts->endpoint_of[index] - 1;
    const char *method = key.kind == AGENT_KIND_REQUEST ? key.detail : "";
    const char *route = key.is_other ? HARVEST_OTHER : key.name;
    uint32_t found = make_endpoint(parts, requests_name(key.kind, method, route, label));
    parts->endpoint_of[index] = found + 1;
    return found;
}

const char *parts_label(struct parts *parts, uint32_t key)
{
    return parts->endpoints[endpoint_of(parts, key)].label;
}

static void add_part(struct endpoint *endpoint, enum part part, uint32_t us)
{
    if (us == AGENT_NONE)
        return;
    endpoint->known[part]++;
    endpoint->total_ns[part] += UINT64_C(1000) * us;
}

static void add_parts(struct endpoint *endpoint, const struct agent_record *record)
{
    const uint32_t us[PART_COUNT] = {
        [QUEUE] = record->as.parts.queue_us,
        [CPU] = record->as.parts.cpu_us,
        [DATABASE] = record->as.parts.database_us,
        [OUTBOUND] = record->as.parts.outbound_us,
        [CACHE] = record->as.parts.cache_us,
        [TEMPLATE] = record->as.parts.template_us,
        [GC] = record->as.parts.gc_us,
        [LOOP] = record->as.parts.loop_us,
        [GIL] = record->as.parts.gil_us,
    };
    for (enum part part = QUEUE; part < PART_COUNT; part++)
        add_part(endpoint, part, us[part]);
    endpoint->repeated += record->as.parts.repeated >= AGENT_REPEATS_MIN;
}

/* ---- pairs ---------------------------------------------------------------------------------- */

/* The others have room of their own, so that nothing is left out. */
static struct pair *find_pair(struct parts *parts, uint32_t key, uint32_t endpoint)
{
    uint32_t most = endpoint == OTHER ? 2 * PARTS_MAX_PAIRS : PARTS_MAX_PAIRS;
    uint64_t both = (uint64_t)key << 32 | endpoint;
    uint32_t at = map_get(&parts->pair_of, both);
    if (at != MAP_NONE)
        return &parts->pairs[at];
    if (parts->pair_count >= most ||
        (parts->pair_count == parts->pair_capacity &&
         !grow(&parts->pairs, &parts->pair_capacity, sizeof *parts->pairs, most)))
        return NULL;
    if (map_set(&parts->pair_of, both, parts->pair_count) < 0)
        return NULL;
    parts->pairs[parts->pair_count] = (struct pair){.key = key, .endpoint = endpoint};
    return &parts->pairs[parts->pair_count++];
}

static void add_note(struct parts *parts, const struct note *note, uint32_t endpoint)
{
    struct pair *pair = find_pair(parts, note->key, endpoint);
    if (!pair)
        pair = find_pair(parts, note->key, OTHER);
    if (!pair)
        return;
    pair->count += note->count;
    pair->errors += note->errors;
    pair->total_ns += note->total_ns;
    pair->repeats += note->count >= AGENT_REPEATS_MIN;
}

/* What a request noted belongs to this endpoint. */
static void settle(struct parts *parts, struct place *place, uint32_t endpoint)
{
    while (place->first) {
        uint32_t at = place->first;
        place->first = parts->pool->notes[at - 1].next;
        add_note(parts, &parts->pool->notes[at - 1], endpoint);
        give_back(parts->pool, at);
    }
}

/* ---- records -------------------------------------------------------------------------------- */

static struct place *find_place(struct parts *parts, uint64_t id)
{
    struct place *place = &parts->places[id & (PARTS_PLACES - 1)];
    if (place->id != id) {
        settle(parts, place, UNKNOWN);
        *place = (struct place){.id = id};
    }
    return place;
}

static void see_leaf(struct parts *parts, const struct agent_record *record)
{
    struct note one = {
        .key = record->as.span.key,
        .count = 1,
        .errors = (record->flags & AGENT_FLAG_ERROR) != 0,
        .total_ns = record->as.span.duration_ns,
    };
    if (!record->request) {
        add_note(parts, &one, OUTSIDE);
        return;
    }
    struct place *place = find_place(parts, record->request);
    if (place->endpoint) { /* it goes on behind the request's end */
        add_note(parts, &one, place->endpoint - 1);
        return;
    }
    struct note *note = find_note(parts->pool, place, one.key);
    if (!note) {
        add_note(parts, &one, UNKNOWN);
        return;
    }
    note->count++;
    note->errors += one.errors;
    note->total_ns += one.total_ns;
}

static void see_end(struct parts *parts, const struct agent_record *record)
{
    struct place *place = find_place(parts, record->request);
    uint32_t endpoint = endpoint_of(parts, record->as.span.key);
    settle(parts, place, endpoint);
    place->endpoint = endpoint + 1;
}

void parts_record(struct parts *parts, const struct agent_record *record)
{
    switch (record->kind) {
    case AGENT_RECORD_SPAN:
        if (record->about == AGENT_KIND_STATEMENT)
            see_leaf(parts, record);
        break;
    case AGENT_RECORD_ERROR:
        see_leaf(parts, record);
        break;
    case AGENT_RECORD_REQUEST:
        if (record->request)
            see_end(parts, record);
        break;
    case AGENT_RECORD_PARTS: {
        struct place *place = &parts->places[record->request & (PARTS_PLACES - 1)];
        if (record->request && place->id == record->request && place->endpoint)
            add_parts(&parts->endpoints[place->endpoint - 1], record);
        break;
    }
    default:
        break;
    }
}

void parts_end(struct parts *parts)
{
    uint32_t limit = collect_facts(parts->collect)->slots_limit;
    struct collect_request *requests = calloc(limit, sizeof *requests);
    uint32_t count = requests ? collect_in_flight(parts->collect, requests, limit) : 0;
    for (uint32_t i = 0; i < count && i < limit; i++) {
        char label[REQUESTS_LABEL_MAX];
        struct place *place = &parts->places[requests[i].id & (PARTS_PLACES - 1)];
        if (place->id == requests[i].id && requests[i].route)
            settle(parts, place,
                   make_endpoint(parts, requests_label(parts->collect, &requests[i], label)));
    }
    free(requests);
    for (uint32_t i = 0; i < PARTS_PLACES; i++)
        settle(parts, &parts->places[i], UNKNOWN);
}

const char *parts_request_label(struct parts *parts, uint64_t id)
{
    char label[REQUESTS_LABEL_MAX];
    struct collect_request request;
    const struct place *place = &parts->places[id & (PARTS_PLACES - 1)];
    if (place->id == id && place->endpoint)
        return parts->endpoints[place->endpoint - 1].label;
    if (!collect_find(parts->collect, id, AGENT_NONE, &request) || !request.route)
        return NULL;
    return parts->endpoints[make_endpoint(parts, requests_label(parts->collect, &request, label))]
        .label;
}

/* ---- the store ------------------------------------------------------------------------------ */

struct writing {
    struct store *store;
    const struct store_source *source;
    uint64_t window_ns;
    int result;
    struct err *err;
};

static void write_row(struct writing *writing, const struct store_histogram *row)
{
    struct err err = {0};
    int result =
        store_add_histogram(writing->store, writing->source, writing->window_ns, row, &err);
    if (result < 0 && writing->result == 0) {
        writing->result = result;
        if (writing->err)
            *writing->err = err;
    }
}

static void write_endpoint(struct writing *writing, struct endpoint *endpoint)
{
    for (enum part part = QUEUE; part < PART_COUNT; part++)
        if (endpoint->known[part])
            write_row(writing, &(struct store_histogram){.kind = QUERY_KIND_PART,
                                                         .name = endpoint->label,
                                                         .detail = part_names[part],
                                                         .count = endpoint->known[part],
                                                         .total_ns = endpoint->total_ns[part]});
    if (endpoint->repeated)
        write_row(writing, &(struct store_histogram){.kind = QUERY_KIND_PART,
                                                     .name = endpoint->label,
                                                     .detail = "repeated",
                                                     .count = endpoint->repeated});
    *endpoint = (struct endpoint){.label = endpoint->label};
}

static void write_pair(struct parts *parts, struct writing *writing, const struct pair *pair)
{
    struct collect_key key;
    const char *label = parts->endpoints[pair->endpoint].label;
    if (!collect_key(parts->collect, pair->key, &key))
        return;
    struct store_histogram row = {
        .name = key.is_other ? HARVEST_OTHER : key.name,
        .count = pair->count,
    };
    if (key.kind == AGENT_KIND_STATEMENT) {
        row.kind = QUERY_KIND_STATEMENT_IN;
        row.detail = label;
        row.fingerprint = key.fingerprint;
        row.errors = pair->errors;
        row.total_ns = pair->total_ns;
        row.repeats = pair->repeats;
    } else if (key.kind == AGENT_KIND_EXCEPTION) {
        row.kind = QUERY_KIND_EXCEPTION_IN;
        row.detail = key.detail;
        row.summary = label;
        row.group = key.group;
    } else {
        return; /* a region that lies */
    }
    write_row(writing, &row);
}

int parts_store(struct parts *parts, struct store *store, const struct store_source *source,
                uint64_t window_ns, struct err *err)
{
    struct writing writing = {store, source, window_ns, 0, err};
    for (uint32_t i = 0; i < parts->endpoint_count; i++)
        write_endpoint(&writing, &parts->endpoints[i]);
    for (uint32_t i = 0; i < parts->pair_count; i++)
        write_pair(parts, &writing, &parts->pairs[i]);
    parts->pair_count = 0;
    map_reset(&parts->pair_of);
    return writing.result;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct parts *parts_new(struct parts_pool *pool, struct collect *collect)
{
    static const char *const fixed[FIXED] = {"", "(request not known)", HARVEST_OTHER};
    struct parts *parts = calloc(1, sizeof *parts);
    if (!parts)
        return NULL;
    parts->pool = pool;
    parts->collect = collect;
    parts->key_limit = collect_facts(collect)->keys_limit;
    map_init(&parts->pair_of);
    parts->places = calloc(PARTS_PLACES, sizeof *parts->places);
    parts->endpoint_of = calloc(parts->key_limit, sizeof *parts->endpoint_of);
    bool has_all = parts->places && parts->endpoint_of;
    for (uint32_t i = 0; i < FIXED && has_all; i++)
        has_all = make_endpoint(parts, fixed[i]) == i && parts->endpoint_count == i + 1;
    if (!has_all) {
        parts_free(parts);
        return NULL;
    }
    return parts;
}

void parts_free(struct parts *parts)
{
    if (!parts)
        return;
    for (uint32_t i = 0; i < PARTS_PLACES && parts->places; i++)
        while (parts->places[i].first) {
            uint32_t note = parts->places[i].first;
            parts->places[i].first = parts->pool->notes[note - 1].next;
            give_back(parts->pool, note);
        }
    for (uint32_t i = 0; i < parts->endpoint_count; i++)
        free(parts->endpoints[i].label);
    free(parts->endpoints);
    free(parts->endpoint_of);
    free(parts->places);
    free(parts->pairs);
    map_done(&parts->pair_of);
    free(parts);
}
