/* SPDX-License-Identifier: MIT */
/* series.h - durations of one name: count, histogram, and whether the newest stands out.
 *
 * Stands out: longer than a fixed limit, or longer than the mean of the last SERIES_WINDOW by
 * `deviations` standard deviations. The latter only from SERIES_FEW on, and never below
 * SERIES_FLOOR_NS: a function of one microsecond that was not given the CPU
 * for some milliseconds is nobody's concern.
 *
 * Pure C. Threads: series_add() may be called by many at once. Cost: ~10 ns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SERIES_WINDOW 100u
#define SERIES_FEW 30u
#define SERIES_FLOOR_NS 10000000u

struct series {
    uint64_t count, errors, total_ns, max_ns;
    uint32_t *buckets; /* AGENT_HISTOGRAM_BUCKETS of them; NULL: no percentiles were asked for */
    double window_ms[SERIES_WINDOW];
    double sum_ms, squares_ms; /* of the window */
    uint32_t filled, next;     /* of the window */
    uint64_t minute_ns;        /* when the present minute of warnings began */
    uint32_t warned, withheld; /* warnings in it, and those not given since the last one given */
    char lock;
};

struct series_limits {
    uint64_t slow_ns;    /* 0: none */
    double deviations;   /* 0: none */
    uint32_t per_minute; /* warnings; 0: none */
};

enum series_reason { SERIES_USUAL, SERIES_SLOW, SERIES_UNUSUAL };

/* What a warning says. */
struct series_verdict {
    enum series_reason reason;
    double mean_ms, deviation_ms; /* of the window, before this one */
    uint32_t withheld;            /* warnings not given since the last one */
};

/* `percentiles`: keep a histogram. False: no memory for it; the rest works. */
bool series_init(struct series *series, bool percentiles);
void series_done(struct series *series);

/* Counts one. A verdict other than SERIES_USUAL is for saying aloud now; those beyond the limit per
 * minute are SERIES_USUAL, and *dropped is true for them. */
struct series_verdict series_add(struct series *series, uint64_t duration_ns, uint64_t now_ns,
                                 bool error, const struct series_limits *limits, bool *dropped);

/* The duration that `share` (0..1) of them did not exceed, to 0.8 %; 0 without any. */
uint64_t series_percentile_ns(const struct series *series, double share);
