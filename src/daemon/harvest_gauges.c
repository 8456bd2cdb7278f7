/* SPDX-License-Identifier: MIT */
/* harvest_gauges.c - what a process takes of its host, and how long it stood still. */
#include "base/clock.h"
#include "base/err.h"
#include "daemon/harvest_inside.h"
#include "query/kinds.h"

static void add(struct harvest *harvest, const struct harvest_member *member, const char *name,
                double value)
{
    struct err err = {0};
    if (value < 0) /* not known */
        return;
    int result =
        store_add_gauge(harvest->store, &member->source, harvest->window_ns, name, value, &err);
    if (result < 0)
        harvest_fault(harvest, result, &err);
}

void harvest_gauges_begin(struct harvest *harvest, struct harvest_member *member)
{
    if (usage_read(member->pid, &member->usage) == 0)
        member->usage_ns = harvest->mono_ns;
}

static void add_pauses(struct harvest *harvest, const struct harvest_member *member,
                       uint64_t passed_ns)
{
    if (member->has_collections && passed_ns)
        add(harvest, member, QUERY_GAUGE_GC, (double)member->gc_ns / (double)passed_ns);
    if (member->has_loop)
        add(harvest, member, QUERY_GAUGE_LOOP, (double)member->hold_up_ns / 1e9);
}

void harvest_gauges(struct harvest *harvest, struct harvest_member *member)
{
    struct usage before = member->usage;
    uint64_t passed_ns = member->usage_ns ? harvest->mono_ns - member->usage_ns : 0;
    if (usage_read(member->pid, &member->usage) < 0)
        return; /* has ended */
    member->usage_ns = harvest->mono_ns;
    add(harvest, member, QUERY_GAUGE_MEMORY, (double)member->usage.resident_bytes);
    add(harvest, member, QUERY_GAUGE_THREADS, (double)member->usage.threads);
    add(harvest, member, QUERY_GAUGE_FILES, (double)member->usage.descriptors);
    add(harvest, member, QUERY_GAUGE_CPU, usage_cores(&before, &member->usage, passed_ns));
    add(harvest, member, QUERY_GAUGE_SWITCHES, usage_switches(&before, &member->usage, passed_ns));
    if (member->collect)
        add_pauses(harvest, member, passed_ns);
}
