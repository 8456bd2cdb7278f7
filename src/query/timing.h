/* SPDX-License-Identifier: MIT */
/* timing.h - how often and how long: counters and a histogram, added up from several of the store,
 * and their quantiles.
 *
 * Ownership: zeroed storage is empty; timing_done() frees the buckets. */
#pragma once

#include <stddef.h>

#include "base/jsonw.h"
#include "store/store.h"

struct timing {
    uint64_t count, errors, total_ns, max_ns, rows, repeats;
    struct store_bucket *buckets; /* ascending */
    uint32_t bucket_count;
    uint64_t bucket_total;
};

/* 0 or ERR_NO_MEMORY. */
int timing_add(struct timing *timing, const struct store_histogram *histogram);
void timing_done(struct timing *timing);

/* Seconds that `per_mille` of 1000 events do not exceed (nearest rank, the middle of its bucket, at
 * most the longest one); NaN when there is none. */
double timing_quantile_s(const struct timing *timing, uint32_t per_mille);
double timing_mean_s(const struct timing *timing); /* NaN when there is none */
