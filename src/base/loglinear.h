/* SPDX-License-Identifier: MIT */
/* loglinear.h - which bucket of a log-linear histogram a value is in, and what a bucket means.
 *
 * Values below 64 have a bucket each, then 64 buckets per power of two, up to 2^42; longer ones
 * are in the last. A bucket is at most 1/64 of its value wide, so its middle is at most 0.79 % off.
 * (The scheme of HdrHistogram, Gil Tene, with 6 bits.) The same numbers as in abi/agent.h.
 */
#pragma once

#include <stdint.h>

#define LOGLINEAR_BITS 6u
#define LOGLINEAR_BUCKETS 2368u /* 64 * (42 - 6 + 1) */

uint32_t loglinear_bucket(uint64_t value);
uint64_t loglinear_floor(uint32_t bucket); /* the smallest value that is in it */
uint64_t loglinear_middle(uint32_t bucket);
