/* SPDX-License-Identifier: MIT */
/* keep.h - which traces are worth keeping, decided when they have ended.
 *
 * Counts and histograms know every request; a whole trace, with each of its spans, is kept only
 * when somebody may want to look at it:
 *
 *   KEEP_ERROR     it failed, or an exception was raised in it
 *   KEEP_SLOW      longer than the limit, or than the 99th percentile of its own route lately
 *   KEEP_FIRST     the first of its kind: a new route, statement, host or exception
 *   KEEP_REPEATED  one statement over and over (N+1)
 *   KEEP_SAMPLED   the caller's traceparent says so
 *   KEEP_SHARE     by its trace id, so that other services that follow the W3C's rule for
 *                  consistent sampling keep the same ones
 *
 * No route can flood the rest: per route and minute there are so many for errors, so many for what
 * is remarkable, so many for the rest.
 *
 * Spans end before their request does. Until then they lie in a history of fixed size, chained per
 * request; what was overwritten before its request ended is missing from the trace and counted.
 *
 * Ownership: keep_new() / keep_free(). Threads: one. Cost: 15 ns a record; memory is the history's
 * (120 bytes a record) and 1.3 KiB a route.
 */
#pragma once

#include <stdint.h>

#include "abi/agent.h"

#define KEEP_HISTORY 16384u
#define KEEP_MAX_ROUTES 2048u /* the others are judged together */
#define KEEP_MAX_SPANS 4096u  /* of one trace; the last ones stay */

struct err;
struct keep;

enum keep_reason {
    KEEP_ERROR = 1,
    KEEP_SLOW = 2,
    KEEP_FIRST = 4,
    KEEP_REPEATED = 8,
    KEEP_SAMPLED = 16,
    KEEP_SHARE = 32,
};

struct keep_rules {
    double share;            /* 0 to 1 */
    uint64_t slower_than_ns; /* 0: only the route's own percentile decides */
    uint32_t per_minute;     /* per route, for each of the three sorts; 0: no limit */
    uint32_t history;        /* records, a power of two; 0: KEEP_HISTORY. For so many spans, and a
                                quarter of it requests in progress */
};
#define KEEP_RULES_DEFAULT                                                                         \
    {                                                                                              \
        .share = 0.01, .per_minute = 30                                                            \
    }

/* Borrowed for the call that delivers it. */
struct keep_trace {
    struct agent_record request, parts, trace;
    uint32_t reasons;                 /* enum keep_reason */
    const struct agent_record *spans; /* SPAN and ERROR, in the order in which they ended */
    uint32_t span_count;
    uint32_t missing; /* spans that were overwritten before the request ended */
};

struct keep_stats {
    uint64_t requests; /* that ended */
    uint64_t kept;
    uint64_t limited; /* worth keeping, but their route had had its share of the minute */
    uint64_t missing; /* spans missing from kept traces */
};

/* 0 or ERR_NO_MEMORY, ERR_USAGE (rules that are none). */
int keep_new(const struct keep_rules *rules,
             void (*deliver)(void *context, const struct keep_trace *trace), void *context,
             struct keep **out, struct err *err);
void keep_free(struct keep *keep); /* NULL is fine */

/* Every record of one process, in order: what collect_drain() delivers. */
void keep_record(struct keep *keep, const struct agent_record *record);

const struct keep_stats *keep_stats(const struct keep *keep);
