/* SPDX-License-Identifier: MIT */
/* Leaves: timed, counted once however many instrumented layers they pass, charged to the request.
 *
 * "Inside a leaf" is a property of a flow of control, not of a thread (greenlets share one) and not
 * of a request (its tasks run leaves at the same time). The flow is known by its context object,
 * and the set of flows that are inside a leaf right now is a small table: BUCKETS buckets of WAYS
 * pointers, the bucket chosen by address. A full bucket means that a leaf is not marked, and an
 * instrumented layer below it is counted as well; nothing worse. A coroutine is inside its leaf
 * only while it runs: leaf_pause() and leaf_resume() around its suspensions.
 *
 * The table is per process with the GIL and per thread without it (a flow stays on its thread for
 * as long as it runs).
 */
#include "agent/leaf.h"
#include "agent/context.h"
#include "agent/region.h"

#include <string.h>

enum { BUCKETS = 64, WAYS = 8 };

struct flows {
    uint32_t generation;
    uint32_t marked;
    const void *buckets[BUCKETS][WAYS];
};
enum { LEAVES, TEMPLATES, TABLES };
static PER_THREAD struct flows tables[TABLES];

static const void **bucket_of(struct flows *flows, const void *flow)
{
    uint64_t spread = (uint64_t)(uintptr_t)flow * UINT64_C(0x9e3779b97f4a7c15);
    return flows->buckets[spread >> 58];
}

/* False: it is marked already. *mark: where it is marked now; NULL: the bucket is full. */
static bool mark(struct flows *flows, uint32_t generation, const void ***mark)
{
    if (flows->generation != generation) {
        memset(flows, 0, sizeof *flows);
        flows->generation = generation;
    }
    const void *flow = context_flow();
    const void **bucket = bucket_of(flows, flow), **gap = NULL;
    for (int way = 0; way < WAYS && flows->marked; way++) {
        if (bucket[way] == flow)
            return false;
        if (!bucket[way] && !gap)
            gap = &bucket[way];
    }
    if (!flows->marked)
        gap = bucket;
    if (gap) {
        *gap = flow;
        flows->marked++;
    }
    *mark = gap;
    return true;
}

static void unmark(struct leaf *leaf)
{
    struct flows *flows = &tables[leaf->among];
    if (leaf->flow && flows->generation == leaf->generation) {
        *leaf->flow = NULL;
        flows->marked--;
    }
    leaf->flow = NULL;
}

/* ---- charging -------------------------------------------------------------------------------- */

static void publish(uint64_t *field, uint64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static struct agent_slot *slot_of(struct region *region, const struct request *root)
{
    return root->head.slot == AGENT_NONE ? NULL : &region->slots[root->head.slot];
}

/* The statement's place among the request's repeats; the rarest gives way to a new one. */
static void count_repeat(struct region *region, struct agent_slot *slot, uint32_t key)
{
    uint32_t victim = 0;
    for (uint32_t at = 0; at < 8; at++) {
        if (slot->repeats[at].key == key) {
            slot->repeats[at].count++;
            region_add(&region->keys[key].repeats, 1);
            return;
        }
        if (slot->repeats[at].count < slot->repeats[victim].count)
            victim = at;
    }
    slot->repeats[victim].key = key;
    slot->repeats[victim].count = 1;
}

static void charge(struct region *region, struct request *root, uint32_t key, uint64_t duration_ns)
{
    struct agent_slot *slot = slot_of(region, root), nowhere;
    if (!slot)
        slot = &nowhere;
    switch (region->keys[key].kind) {
    case AGENT_KIND_STATEMENT:
        publish(&slot->database_ns, root->database_ns += duration_ns);
        slot->statements = ++root->statements;
        if (slot != &nowhere)
            count_repeat(region, slot, key);
        break;
    case AGENT_KIND_OUTBOUND:
        publish(&slot->outbound_ns, root->outbound_ns += duration_ns);
        slot->outbound = ++root->outbound;
        break;
    case AGENT_KIND_CACHE:
        publish(&slot->cache_ns, root->cache_ns += duration_ns);
        break;
    case AGENT_KIND_TEMPLATE:
        publish(&slot->template_ns, root->template_ns += duration_ns);
        break;
    default:
        break;
    }
    slot->leaf_key = 0;
}

static void finish(struct region *region, struct leaf *leaf, uint32_t key, uint32_t flags,
                   uint32_t status, uint32_t rows)
{
    uint64_t end_ns = core_now_ns(), duration_ns = end_ns - leaf->start_ns;
    struct request *request = leaf->request;
    bool first = region_count(region, key, end_ns, duration_ns, flags & AGENT_FLAG_ERROR);
    if (rows != AGENT_NONE && key)
        region_add(&region->keys[key].rows, rows);
    struct agent_record record = {
        .kind = AGENT_RECORD_SPAN,
        .about = (uint8_t)region->keys[key].kind,
        .flags = (uint16_t)(flags | (first ? AGENT_FLAG_FIRST : 0)),
        .as.span = {.start_ns = leaf->start_ns,
                    .duration_ns = duration_ns,
                    .span = region_id(region),
                    .key = key,
                    .thread = context_thread(region->generation),
                    .status = status,
                    .rows = rows},
    };
    if (request && request->root->live) {
        record.request = request->head.id;
        record.as.span.parent = request->span;
        record.flags |= request->root->flags & AGENT_FLAG_SAMPLED;
        charge(region, request->root, key, duration_ns);
    }
    region_append(region, &record);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static bool enter(struct leaf *leaf, uint32_t among)
{
    leaf->start_ns = 0;
    leaf->request = NULL;
    leaf->flow = NULL;
    leaf->among = among;
    struct region *region = core_enabled ? region_get() : NULL;
    if (!region || !mark(&tables[among], region->generation, &leaf->flow))
        return false;
    leaf->generation = region->generation;
    leaf->request = context_take(region->generation);
    return true;
}

bool leaf_enter(struct leaf *leaf)
{
    return enter(leaf, LEAVES);
}

bool template_enter(struct leaf *leaf)
{
    return enter(leaf, TEMPLATES);
}

static void show_waiting(struct region *region, struct leaf *leaf, uint32_t key)
{
    struct agent_slot *slot = leaf->request ? slot_of(region, leaf->request->root) : NULL;
    if (!slot)
        return;
    slot->leaf_start_ns = leaf->start_ns;
    __atomic_store_n(&slot->leaf_key, key, __ATOMIC_RELEASE);
}

void leaf_start(struct leaf *leaf, uint32_t key)
{
    leaf->start_ns = core_now_ns();
    struct region *region = region_get();
    if (key && region && region->generation == leaf->generation)
        show_waiting(region, leaf, key);
}

void leaf_begin(struct leaf *leaf)
{
    if (leaf_enter(leaf))
        leaf_start(leaf, 0);
}

void leaf_waits(struct leaf *leaf, uint32_t key)
{
    struct region *region = leaf->start_ns ? region_get() : NULL;
    if (region && region->generation == leaf->generation)
        show_waiting(region, leaf, key);
}

void leaf_end(struct leaf *leaf, uint32_t key, uint32_t flags, uint32_t status, uint32_t rows)
{
    if (!leaf->start_ns)
        return;
    struct region *region = region_get();
    if (region && region->generation == leaf->generation)
        finish(region, leaf, key, flags, status, rows);
    unmark(leaf);
    leaf->start_ns = 0;
    Py_CLEAR(leaf->request);
}

void leaf_drop(struct leaf *leaf)
{
    leaf_waits(leaf, 0);
    unmark(leaf);
    leaf->start_ns = 0;
    Py_CLEAR(leaf->request);
}

void leaf_pause(struct leaf *leaf)
{
    if (leaf->start_ns)
        unmark(leaf);
}

void leaf_resume(struct leaf *leaf)
{
    struct region *region = leaf->start_ns ? region_get() : NULL;
    if (region && region->generation == leaf->generation)
        mark(&tables[leaf->among], region->generation, &leaf->flow);
}
