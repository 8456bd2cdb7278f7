/* SPDX-License-Identifier: MIT */
/* histogram.h - the log-linear histogram of abi/agent.h: what a bucket means, sums, percentiles.
 *
 * Values below 64 ns are exact; above, a bucket is 1/64 of its value wide and answers with its
 * middle, which is at most 0.79 % off. Counts saturate instead of wrapping.
 */
#pragma once

#include <stdint.h>

#include "abi/agent.h"

struct collect_bucket;

struct histogram {
    uint64_t total;     /* of all buckets */
    uint32_t low, high; /* buckets outside of [low, high) are 0; both 0: empty */
    uint32_t buckets[AGENT_HISTOGRAM_BUCKETS];
};

/* Where a value counts; beyond 2^42 ns: in the last. */
uint32_t histogram_bucket(uint64_t ns);
/* The smallest value of a bucket, and its middle. */
uint64_t histogram_floor(uint32_t bucket);
uint64_t histogram_middle(uint32_t bucket);

void histogram_reset(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint32_t bucket, uint32_t count);
void histogram_add_buckets(struct histogram *histogram, const struct collect_bucket *buckets,
                           uint32_t count);
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The value that `per_mille` of 1000 events do not exceed (nearest rank); 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, uint32_t per_mille);
