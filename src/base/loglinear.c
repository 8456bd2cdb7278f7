/* SPDX-License-Identifier: MIT */
#include "base/loglinear.h"

#define LINEAR (1u << LOGLINEAR_BITS) /* buckets per power of two */

uint32_t loglinear_bucket(uint64_t value)
{
    if (value < LINEAR)
        return (uint32_t)value;
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - LOGLINEAR_BITS;
    uint32_t bucket = LINEAR * shift + (uint32_t)(value >> shift);
    return shift < LOGLINEAR_BUCKETS / LINEAR - 1 ? bucket : LOGLINEAR_BUCKETS - 1;
}

uint64_t loglinear_floor(uint32_t bucket)
{
    if (bucket < LINEAR)
        return bucket;
    uint32_t shift = bucket / LINEAR - 1;
    return (uint64_t)(LINEAR + bucket % LINEAR) << shift;
}

uint64_t loglinear_middle(uint32_t bucket)
{
    return (loglinear_floor(bucket) + loglinear_floor(bucket + 1)) / 2;
}
