/* SPDX-License-Identifier: MIT */
/* harvest_inside.h - the inside of a harvest, shared by its files.
 *
 *   harvest.c             the processes, their agents, the clock
 *   harvest_histograms.c  what keys have counted
 *   harvest_parts.c       what records say of endpoints (harvest_parts.h)
 *   harvest_traces.c      what a kept trace is stored as (harvest_traces.h)
 *   harvest_samples.c     stacks that wait for their traces (harvest_samples.h)
 *   harvest_blocked.c     which function held up an event loop
 *   harvest_cut.c         what a process was doing when it ended
 *   harvest_gauges.c      what a process takes of its host, and the pauses that its agent saw
 *
 * Two rhythms: records are read at every tick, because the ring that holds them turns; counters
 * and gauges once per window, when it is over, because they wait.
 */
#pragma once

#include "base/map.h"
#include "collect/collect.h"
#include "collect/keep.h"
#include "daemon/harvest.h"
#include "daemon/harvest_parts.h"
#include "daemon/harvest_samples.h"
#include "daemon/latency.h"
#include "os/usage.h"

#define HARVEST_WINDOW_NS UINT64_C(10000000000)
#define HARVEST_LOOK_NS UINT64_C(1000000000)  /* a tick */
#define HARVEST_YOUNG_NS UINT64_C(5000000000) /* a younger one at every tick */
#define HARVEST_LOOK_SHARE 5u                 /* later after this part of its age, at most */
#define HARVEST_LOOK_MOST_NS UINT64_C(16000000000)
#define HARVEST_IDLE_WINDOWS 3u /* without a record: is it still this memory? */
#define HARVEST_HURRY_SHARE 4u  /* this part of a ring between two ticks is much */
#define HARVEST_HURRY_NS UINT64_C(5000000000)
#define HARVEST_KEEP_HISTORY 4096u /* records of a process: 0.5 MB */
#define HARVEST_OTHER "(other)"    /* a name, where the table of names was full */

#define HARVEST_BLOCKERS 8u /* of a process in a window that are looked into */

/* An endpoint whose steps held up the event loop, as the agent counted it in this window. */
struct harvest_blocker {
    const char *route; /* borrowed from the collect */
    uint64_t count, total_ns, max_ns;
};

/* What was told of lately, so that it is not told again. */
#define HARVEST_TOLD 64u
struct harvest_told {
    char text[256];
    uint64_t at_ns;
};

struct harvest_member {
    pid_t pid;
    uint64_t started_ns;
    char *service, *host, *version, *command;
    struct store_source source; /* of these texts */
    struct collect *collect;    /* NULL: no agent, as far as is known */
    struct parts *parts;        /* with the collect */
    struct keep *keep;          /* too */
    uint64_t limited;           /* of its stats: counted already */
    struct samples_source samples;
    struct harvest *harvest;
    uint32_t owner; /* a number that no other process has or had */
    bool has_past;  /* what is read first was counted before we came: not ours */
    uint64_t added_ns, next_look_ns;
    struct usage usage; /* as it was at usage_ns */
    uint64_t usage_ns;  /* 0: not read yet */
    /* Of this window, as its keys told. */
    uint64_t gc_ns, hold_up_ns;
    bool has_collections, has_loop;
    struct harvest_blocker blockers[HARVEST_BLOCKERS];
    uint32_t blocker_count;
    uint64_t records_before; /* when the window began */
    uint32_t idle_windows;
};

struct harvest {
    struct store *store;
    double trace_sample;
    struct harvest_member **members;
    uint32_t count, capacity;
    uint64_t begin_ns;         /* CLOCK_MONOTONIC */
    uint64_t hurry_until_ns;   /* CLOCK_MONOTONIC, as begin_ns */
    uint64_t mono_ns, wall_ns; /* of the last tick */
    uint64_t window_ns;        /* the one that is being filled; 0: before the first tick */
    struct parts_pool *pool;
    struct samples *samples;
    struct traces *traces;
    uint32_t owners;                        /* numbers given out */
    struct harvest_told told[HARVEST_TOLD]; /* a ring */
    uint32_t told_next;
    struct map known;             /* regions of processes that were let go alive, by their start */
    struct store_bucket *buckets; /* scratch */
    struct harvest_stats stats;
    struct latency latency;
    int fault; /* the first of this tick */
    struct err err;
};

/* Remembers the first error of a tick; the others of its kind mostly have its cause. */
void harvest_fault(struct harvest *harvest, int result, const struct err *err);

/* harvest_histograms.c: changes of all keys since last time, into the window. Fills what the gauges
 * want to know. */
void harvest_histograms(struct harvest *harvest, struct harvest_member *member);

/* harvest_gauges.c: at the end of a window. */
void harvest_gauges(struct harvest *harvest, struct harvest_member *member);
void harvest_gauges_begin(struct harvest *harvest, struct harvest_member *member);

/* harvest_blocked.c: events, for the blockers of this window. */
void harvest_blocked(struct harvest *harvest, struct harvest_member *member);

/* harvest_cut.c: events, for requests that were in flight when the process ended. */
void harvest_cut(struct harvest *harvest, struct harvest_member *member);
