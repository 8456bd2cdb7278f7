/* SPDX-License-Identifier: MIT */
/* requests.c - requests in progress, and which one an id was.
 *
 * Ids count up from 1, so the last COLLECT_ENDED of them have places of their own in a table that
 * needs no hashing. A slot is copied between two looks at its generation, which is odd while the
 * request lives and changes when it ends.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "collect/own.h"

#define REPEATS                                                                                    \
    (sizeof((struct agent_slot *)0)->repeats / sizeof *((struct agent_slot *)0)->repeats)

/* ---- in flight ----------------------------------------------------------------------------- */

static void take_repeats(const struct agent_slot *slot, uint32_t used, struct collect_request *out)
{
    for (unsigned i = 0; i < REPEATS; i++)
        if (slot->repeats[i].count > out->repeated && slot->repeats[i].key < used) {
            out->repeated_key = slot->repeats[i].key;
            out->repeated = slot->repeats[i].count;
        }
}

/* From a copy of a slot. False: not in use, or nonsense. */
static bool read_copy(struct collect *collect, const struct agent_slot *slot, uint32_t index,
                      struct collect_request *out)
{
    uint32_t used = keys_used(collect);
    bool is_kind = slot->kind == AGENT_KIND_REQUEST || slot->kind == AGENT_KIND_TASK ||
                   slot->kind == AGENT_KIND_USER;
    if (!(slot->generation & 1) || !is_kind || slot->id == 0)
        return false;
    *out = (struct collect_request){
        .id = slot->id,
        .kind = (enum agent_kind)slot->kind,
        .in_flight = true,
        .flags = slot->flags | (collect_exited(collect) ? AGENT_FLAG_UNFINISHED : 0),
        .route = slot->route,
        .method = slot->method,
        .thread = slot->thread,
        .start_ns = slot->start_ns,
        .trace_high = slot->trace_high,
        .trace_low = slot->trace_low,
        .span = slot->span,
        .remote_parent = slot->remote_parent,
        .slot = index,
        .leaf_key = slot->leaf_key < used ? slot->leaf_key : 0,
        .leaf_start_ns = slot->leaf_start_ns,
        .statements = slot->statements,
        .outbound = slot->outbound,
        .queue_ns = slot->queue_ns,
        .cpu_ns = slot->cpu_ns,
        .database_ns = slot->database_ns,
        .outbound_ns = slot->outbound_ns,
        .cache_ns = slot->cache_ns,
        .template_ns = slot->template_ns,
        .gc_ns = slot->gc_ns,
        .loop_ns = slot->loop_ns,
    };
    take_repeats(slot, used, out);
    return true;
}

bool collect_slot(struct collect *collect, uint32_t slot, uint64_t id, struct collect_request *out)
{
    if (slot >= collect->facts.slots_limit)
        return false;
    struct agent_slot copy;
    const struct agent_slot *place = &collect->slots[slot];
    uint32_t before = __atomic_load_n(&place->generation, __ATOMIC_ACQUIRE);
    memcpy(&copy, place, sizeof copy);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    uint32_t after = __atomic_load_n(&place->generation, __ATOMIC_RELAXED);
    if (before != after || (id && copy.id != id))
        return false;
    copy.generation = before;
    return read_copy(collect, &copy, slot, out);
}

static int by_age(const void *a, const void *b)
{
    const struct collect_request *left = a, *right = b;
    return (left->start_ns > right->start_ns) - (left->start_ns < right->start_ns);
}

/* All slots at once, by read(): a page that the process never touched is not allocated by it. */
static uint32_t load_slots(struct collect *collect)
{
    size_t size = collect->facts.slots_limit * sizeof *collect->slot_copies;
    if (!collect->slot_copies)
        collect->slot_copies = malloc(size);
    if (!collect->slot_copies)
        return 0;
    ssize_t got = pread(collect->fd, collect->slot_copies, size, (off_t)collect->slots_offset);
    return got < 0 ? 0 : (uint32_t)((size_t)got / sizeof *collect->slot_copies);
}

uint32_t collect_in_flight(struct collect *collect, struct collect_request *out, uint32_t limit)
{
    uint32_t count = load_slots(collect), found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct collect_request request;
        /* The copy says where to look, the place itself is what counts. */
        if (!(collect->slot_copies[i].generation & 1) || !collect_slot(collect, i, 0, &request))
            continue;
        if (found < limit)
            out[found] = request;
        found++;
    }
    qsort(out, found < limit ? found : limit, sizeof *out, by_age);
    return found;
}

/* ---- ended --------------------------------------------------------------------------------- */

static struct collect_request *place_of(struct collect *collect, uint64_t id)
{
    return collect->ended ? &collect->ended[id & (COLLECT_ENDED - 1)] : NULL;
}

static void remember_end(struct collect *collect, const struct agent_record *record)
{
    if (!collect->ended)
        collect->ended = calloc(COLLECT_ENDED, sizeof *collect->ended);
    struct collect_request *place = place_of(collect, record->request);
    if (!place)
        return;
    const struct agent_key *key = &collect->keys[record->as.span.key];
    bool is_other = record->as.span.key < AGENT_KINDS;
    *place = (struct collect_request){
        .id = record->request,
        .kind = (enum agent_kind)record->about,
        .flags = record->flags,
        .route = is_other ? 0 : key->name,
        .method = is_other || record->about != AGENT_KIND_REQUEST ? 0 : key->detail,
        .status = record->as.span.status,
        .thread = record->as.span.thread,
        .start_ns = record->as.span.start_ns,
        .duration_ns = record->as.span.duration_ns,
        .span = record->as.span.span,
        .slot = AGENT_NONE,
    };
}

static void remember_parts(struct collect_request *place, const struct agent_record *record)
{
    place->queue_ns = UINT64_C(1000) * record->as.parts.queue_us;
    place->cpu_ns =
        record->as.parts.cpu_us == AGENT_NONE ? 0 : UINT64_C(1000) * record->as.parts.cpu_us;
    place->database_ns = UINT64_C(1000) * record->as.parts.database_us;
    place->outbound_ns = UINT64_C(1000) * record->as.parts.outbound_us;
    place->cache_ns = UINT64_C(1000) * record->as.parts.cache_us;
    place->template_ns = UINT64_C(1000) * record->as.parts.template_us;
    place->gc_ns = UINT64_C(1000) * record->as.parts.gc_us;
    place->loop_ns = UINT64_C(1000) * record->as.parts.loop_us;
    place->statements = record->as.parts.statements;
    place->outbound = record->as.parts.outbound;
    place->repeated_key = record->as.parts.repeated_key;
    place->repeated = record->as.parts.repeated;
}

void collect_forget_ended(struct collect *collect)
{
    collect->forgets_ended = true;
}

void requests_remember(struct collect *collect, const struct agent_record *record)
{
    if (collect->forgets_ended)
        return;
    if (record->kind == AGENT_RECORD_REQUEST && record->request) {
        remember_end(collect, record);
        return;
    }
    if (record->kind != AGENT_RECORD_PARTS && record->kind != AGENT_RECORD_TRACE)
        return;
    struct collect_request *place = place_of(collect, record->request);
    if (!place || place->id != record->request)
        return;
    if (record->kind == AGENT_RECORD_PARTS) {
        remember_parts(place, record);
        return;
    }
    place->trace_high = record->as.trace.trace_high;
    place->trace_low = record->as.trace.trace_low;
    place->remote_parent = record->as.trace.remote_parent;
}

bool collect_find(struct collect *collect, uint64_t id, uint32_t slot, struct collect_request *out)
{
    const struct collect_request *place = place_of(collect, id);
    if (id == 0)
        return false;
    if (place && place->id == id) {
        *out = *place;
        return true;
    }
    if (slot != AGENT_NONE)
        return collect_slot(collect, slot, id, out);
    uint32_t count = load_slots(collect);
    for (uint32_t i = 0; i < count; i++)
        if (collect->slot_copies[i].id == id && collect_slot(collect, i, id, out))
            return true;
    return false;
}
