/* SPDX-License-Identifier: MIT */
#include "collect/histogram.h"

#include <string.h>

#include "base/loglinear.h"
#include "collect/collect.h"

_Static_assert(AGENT_HISTOGRAM_BITS == LOGLINEAR_BITS &&
                   AGENT_HISTOGRAM_BUCKETS == LOGLINEAR_BUCKETS,
               "one scheme");

uint32_t histogram_bucket(uint64_t ns)
{
    return loglinear_bucket(ns);
}

uint64_t histogram_floor(uint32_t bucket)
{
    return loglinear_floor(bucket);
}

uint64_t histogram_middle(uint32_t bucket)
{
    return loglinear_middle(bucket);
}

void histogram_reset(struct histogram *histogram)
{
    if (histogram->high)
        memset(histogram->buckets + histogram->low, 0,
               (histogram->high - histogram->low) * sizeof *histogram->buckets);
    histogram->total = histogram->low = histogram->high = 0;
}

void histogram_add(struct histogram *histogram, uint32_t bucket, uint32_t count)
{
    if (bucket >= AGENT_HISTOGRAM_BUCKETS || count == 0)
        return;
    uint32_t room = UINT32_MAX - histogram->buckets[bucket];
    histogram->buckets[bucket] += count < room ? count : room;
    histogram->total += count < room ? count : room;
    if (!histogram->high || bucket < histogram->low)
        histogram->low = bucket;
    if (bucket >= histogram->high)
        histogram->high = bucket + 1;
}

void histogram_add_buckets(struct histogram *histogram, const struct collect_bucket *buckets,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        histogram_add(histogram, buckets[i].index, buckets[i].count);
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    for (uint32_t i = other->low; i < other->high; i++)
        histogram_add(histogram, i, other->buckets[i]);
}

uint64_t histogram_percentile(const struct histogram *histogram, uint32_t per_mille)
{
    if (!histogram->total)
        return 0;
    /* rank = ceil(total * per_mille / 1000), without overflow */
    uint64_t whole = histogram->total / 1000, rest = histogram->total % 1000;
    uint64_t rank = whole * per_mille + (rest * per_mille + 999) / 1000, seen = 0;
    for (uint32_t i = histogram->low; i < histogram->high; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank && seen)
            return histogram_middle(i);
    }
    return histogram_middle(histogram->high - 1);
}
