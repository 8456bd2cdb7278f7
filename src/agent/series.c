/* SPDX-License-Identifier: MIT */
#include "agent/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "abi/agent.h"
#include "agent/region.h"

#define MINUTE_NS UINT64_C(60000000000)

bool series_init(struct series *series, bool percentiles)
{
    memset(series, 0, sizeof *series);
    if (percentiles)
        series->buckets = calloc(AGENT_HISTOGRAM_BUCKETS, sizeof *series->buckets);
    return !percentiles || series->buckets;
}

void series_done(struct series *series)
{
    free(series->buckets);
    series->buckets = NULL;
}

/* The sums are made anew once per round of the window, so that rounding errors do not add up. */
static void remember(struct series *series, double value_ms)
{
    double old_ms = series->filled == SERIES_WINDOW ? series->window_ms[series->next] : 0;
    series->window_ms[series->next] = value_ms;
    series->sum_ms += value_ms - old_ms;
    series->squares_ms += value_ms * value_ms - old_ms * old_ms;
    if (series->filled < SERIES_WINDOW)
        series->filled++;
    series->next++;
    if (series->next < SERIES_WINDOW)
        return;
    series->next = 0;
    series->sum_ms = series->squares_ms = 0;
    for (uint32_t i = 0; i < SERIES_WINDOW; i++) {
        series->sum_ms += series->window_ms[i];
        series->squares_ms += series->window_ms[i] * series->window_ms[i];
    }
}

static struct series_verdict judge(const struct series *series, uint64_t duration_ns,
                                   const struct series_limits *limits)
{
    struct series_verdict verdict = {0};
    if (series->filled) {
        verdict.mean_ms = series->sum_ms / series->filled;
        double variance = series->squares_ms / series->filled - verdict.mean_ms * verdict.mean_ms;
        verdict.deviation_ms = variance > 0 ? sqrt(variance) : 0;
    }
    double beyond_ms = verdict.mean_ms + limits->deviations * verdict.deviation_ms;
    if (limits->slow_ns && duration_ns > limits->slow_ns)
        verdict.reason = SERIES_SLOW;
    else if (limits->deviations > 0 && series->filled >= SERIES_FEW &&
             duration_ns >= SERIES_FLOOR_NS && (double)duration_ns / 1e6 > beyond_ms)
        verdict.reason = SERIES_UNUSUAL;
    return verdict;
}

/* Whether one more warning may be given in this minute. */
static bool may_warn(struct series *series, uint64_t now_ns, uint32_t per_minute)
{
    if (!series->minute_ns || now_ns - series->minute_ns >= MINUTE_NS) {
        series->minute_ns = now_ns;
        series->warned = 0;
    }
    if (series->warned >= per_minute)
        return false;
    series->warned++;
    return true;
}

struct series_verdict series_add(struct series *series, uint64_t duration_ns, uint64_t now_ns,
                                 bool error, const struct series_limits *limits, bool *dropped)
{
    *dropped = false;
    while (__atomic_test_and_set(&series->lock, __ATOMIC_ACQUIRE))
        ; /* a few instructions at most; with the GIL never */
    struct series_verdict verdict = judge(series, duration_ns, limits);
    remember(series, (double)duration_ns / 1e6);
    series->count++;
    series->errors += error;
    series->total_ns += duration_ns;
    if (duration_ns > series->max_ns)
        series->max_ns = duration_ns;
    if (series->buckets)
        series->buckets[region_bucket(duration_ns)]++;
    if (verdict.reason != SERIES_USUAL) {
        if (may_warn(series, now_ns, limits->per_minute)) {
            verdict.withheld = series->withheld;
            series->withheld = 0;
        } else {
            series->withheld++;
            *dropped = true;
            verdict.reason = SERIES_USUAL;
        }
    }
    __atomic_clear(&series->lock, __ATOMIC_RELEASE);
    return verdict;
}

/* The middle of a bucket: agent.h has the scheme. */
static uint64_t middle_ns(uint32_t bucket)
{
    uint32_t per_power = 1u << AGENT_HISTOGRAM_BITS;
    if (bucket < per_power)
        return bucket;
    uint32_t shift = bucket / per_power - 1;
    uint64_t first = (uint64_t)(per_power + bucket % per_power) << shift;
    return first + ((UINT64_C(1) << shift) >> 1);
}

uint64_t series_percentile_ns(const struct series *series, double share)
{
    if (!series->count || !series->buckets)
        return 0;
    uint64_t wanted = (uint64_t)ceil(share * (double)series->count);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < AGENT_HISTOGRAM_BUCKETS; bucket++) {
        seen += series->buckets[bucket];
        if (seen && seen >= wanted) {
            uint64_t middle = middle_ns(bucket);
            return middle < series->max_ns ? middle : series->max_ns;
        }
    }
    return series->max_ns;
}
