/* SPDX-License-Identifier: MIT */
/* harvest_traces.h - kept traces: written as JSON when their request ends, completed with its
 * stacks and stored a moment later.
 *
 * The moment is for the sampler: what it saw just before the end of a request is on its way to us.
 *
 * Ownership: traces_new() / traces_free(); store and samples are borrowed. Threads: one.
 * Bounded: TRACES_PER_S on the average, so that no traffic fills a disk with them; of ordinary ones
 * only half of that, so that there is room for errors. TRACES_MAX_WAITING at a time.
 */
#pragma once

#include "collect/keep.h"
#include "daemon/harvest_parts.h"
#include "daemon/harvest_samples.h"
#include "store/store.h"

#define TRACES_PER_S 5u /* 2 KiB each, packed: 0.9 GB a day at most */
#define TRACES_BURST 300u
#define TRACES_PATIENCE_NS UINT64_C(2500000000)
#define TRACES_MAX_WAITING 512u
#define TRACES_MAX_JSON ((size_t)2 << 20) /* of spans; further ones are missing, and counted */

struct traces;

int traces_new(struct store *store, const struct samples *samples, struct traces **out);
void traces_free(struct traces *traces); /* NULL is fine */

struct traces_process { /* borrowed */
    struct collect *collect;
    struct parts *parts; /* names endpoints */
    const struct store_source *source;
    const char *command;
    uint32_t owner; /* of its samples */
};

/* A trace that is worth keeping. False: there have been too many lately. */
bool traces_add(struct traces *traces, const struct traces_process *process,
                const struct keep_trace *trace);

/* Time passes: the two clocks, at one instant. Stores what has waited for long enough. 0, or the
 * first error of the store. */
int traces_tick(struct traces *traces, uint64_t mono_ns, uint64_t wall_ns, struct err *err);
/* Stores what waits of one process, or (0) of all. */
int traces_finish(struct traces *traces, uint32_t owner, struct err *err);
