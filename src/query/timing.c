/* SPDX-License-Identifier: MIT */
#include "query/timing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/loglinear.h"

/* Both lists ascend, and so does what comes out. */
static uint32_t merge(const struct store_bucket *a, uint32_t a_count, const struct store_bucket *b,
                      uint32_t b_count, struct store_bucket *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0, j = 0; i < a_count || j < b_count;) {
        if (j == b_count || (i < a_count && a[i].index < b[j].index)) {
            out[count++] = a[i++];
        } else if (i == a_count || b[j].index < a[i].index) {
            out[count++] = b[j++];
        } else {
            out[count] = a[i++];
            out[count++].count += b[j++].count;
        }
    }
    return count;
}

int timing_add(struct timing *timing, const struct store_histogram *histogram)
{
    timing->count += histogram->count;
    timing->errors += histogram->errors;
    timing->total_ns += histogram->total_ns;
    timing->max_ns = histogram->max_ns > timing->max_ns ? histogram->max_ns : timing->max_ns;
    timing->rows += histogram->rows;
    timing->repeats += histogram->repeats;
    if (!histogram->bucket_count)
        return 0;
    size_t most = (size_t)timing->bucket_count + histogram->bucket_count;
    struct store_bucket *buckets = malloc(most * sizeof *buckets);
    if (!buckets)
        return ERR_NO_MEMORY;
    timing->bucket_count = merge(timing->buckets, timing->bucket_count, histogram->buckets,
                                 histogram->bucket_count, buckets);
    free(timing->buckets);
    timing->buckets = buckets;
    for (uint32_t i = 0; i < histogram->bucket_count; i++)
        timing->bucket_total += histogram->buckets[i].count;
    return 0;
}

void timing_done(struct timing *timing)
{
    free(timing->buckets);
    timing->buckets = NULL;
    timing->bucket_count = 0;
}

static uint32_t known_bucket(uint32_t index) /* the store keeps any number */
{
    return index < LOGLINEAR_BUCKETS ? index : LOGLINEAR_BUCKETS - 1;
}

double timing_quantile_s(const struct timing *timing, uint32_t per_mille)
{
    if (!timing->bucket_total)
        return NAN;
    uint64_t rank = (uint64_t)ceil((double)timing->bucket_total * per_mille / 1000);
    uint64_t seen = 0, value_ns = 0;
    for (uint32_t i = 0; i < timing->bucket_count && seen < rank; i++) {
        seen += timing->buckets[i].count;
        value_ns = loglinear_middle(known_bucket(timing->buckets[i].index));
    }
    if (timing->max_ns && value_ns > timing->max_ns)
        value_ns = timing->max_ns;
    return (double)value_ns / 1e9;
}

double timing_mean_s(const struct timing *timing)
{
    return timing->count ? (double)timing->total_ns / (double)timing->count / 1e9 : NAN;
}
