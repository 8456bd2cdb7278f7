/* SPDX-License-Identifier: MIT */
/* harvest_histograms.c - what keys have counted since the window began. Exact: these are counters
 * of every event, nothing is sampled, and what a process counted last is read after its death. */
#include "base/err.h"
#include "daemon/harvest_inside.h"

struct reading {
    struct harvest *harvest;
    struct harvest_member *member;
};

static void note_pauses(struct harvest_member *member, const struct collect_change *change)
{
    if (change->key.kind == AGENT_KIND_GC) {
        member->has_collections = true;
        member->gc_ns += change->total_ns;
    } else if (change->key.kind == AGENT_KIND_LOOP) {
        member->has_loop = true;
        if (change->max_ns > member->hold_up_ns)
            member->hold_up_ns = change->max_ns;
        if (member->blocker_count < HARVEST_BLOCKERS && change->count)
            member->blockers[member->blocker_count++] = (struct harvest_blocker){
                change->key.name, change->count, change->total_ns, change->max_ns};
    }
}

static void see_change(void *context, const struct collect_change *change)
{
    const struct reading *reading = context;
    struct harvest *harvest = reading->harvest;
    const struct collect_key *key = &change->key;
    struct err err = {0};
    note_pauses(reading->member, change);
    if (reading->member->has_past)
        return;
    for (uint32_t i = 0; i < change->bucket_count; i++)
        harvest->buckets[i] =
            (struct store_bucket){change->buckets[i].index, change->buckets[i].count};
    struct store_histogram histogram = {
        .kind = (uint32_t)key->kind,
        .name = key->is_other ? HARVEST_OTHER : key->name,
        .detail = key->detail,
        .summary = key->summary,
        .group = key->group,
        .fingerprint = key->fingerprint,
        .count = change->count,
        .errors = change->errors,
        .total_ns = change->total_ns,
        .max_ns = change->max_ns,
        .rows = change->rows,
        .repeats = change->repeats,
        .buckets = harvest->buckets,
        .bucket_count = change->bucket_count,
    };
    if (key->kind == AGENT_KIND_REQUEST)
        latency_add(&harvest->latency, reading->member->service, &histogram);
    int result = store_add_histogram(harvest->store, &reading->member->source, harvest->window_ns,
                                     &histogram, &err);
    if (result < 0)
        harvest_fault(harvest, result, &err);
}

void harvest_histograms(struct harvest *harvest, struct harvest_member *member)
{
    struct reading reading = {harvest, member};
    member->gc_ns = member->hold_up_ns = 0;
    member->blocker_count = 0;
    int result = collect_changes(member->collect, see_change, &reading);
    if (result < 0)
        harvest_fault(harvest, result, NULL);
}
