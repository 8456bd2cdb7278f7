/* SPDX-License-Identifier: MIT */
/* harvest_samples.h - stacks of requests in progress, until it is known whether their traces are
 * kept.
 *
 * Hardly any are, so a sample that waits is 24 bytes, and nobody tells it when its request is over:
 * the newest overwrite the oldest.
 *
 * Ownership: samples_new() / samples_free(). Threads: one. Memory: SAMPLES_RING of 24 bytes, and
 * two profiles of SAMPLES_MAX_NODES stacks.
 */
#pragma once

#include <stdint.h>

#include "base/map.h"
#include "model/profile.h"

#define SAMPLES_RING 32768u  /* 16 s of twenty busy processes at 100 Hz; a power of two */
#define SAMPLES_PLACES 8192u /* requests; a power of two */
#define SAMPLES_MAX_NODES 60000u
#define SAMPLES_OF_TRACE 2000u /* of one request; the last ones */

struct samples;

struct samples *samples_new(void); /* NULL: no memory */
void samples_free(struct samples *samples);

/* Where the stacks of one profile, that of one process, are found again. */
struct samples_source {
    struct map known; /* its nodes -> ours */
    uint32_t turn;    /* of the profile they are ours in */
};
void samples_source_init(struct samples_source *source);
void samples_source_done(struct samples_source *source);

/* `owner` and `request` together are whose it is; it stands for the time up to mono_ns. 0 or
 * ERR_NO_MEMORY, ERR_LIMIT. */
int samples_add(struct samples *samples, struct samples_source *source, uint32_t owner,
                uint64_t request, uint64_t mono_ns, uint64_t duration_ns,
                const struct profile *from, uint32_t node);

/* All that are still there of one request, into the timeline of `thread`; start_ns is its begin.
 * Returns how many. */
uint32_t samples_fill(const struct samples *samples, uint32_t owner, uint64_t request,
                      uint64_t start_ns, struct profile *into, uint32_t thread);

/* Requests of an owner that have samples since an instant; at most `limit`. */
uint32_t samples_requests(const struct samples *samples, uint32_t owner, uint64_t since_ns,
                          uint64_t *requests, uint32_t limit);

/* One request's samples, the newest first; the profile is ours and borrowed for the call. */
struct samples_sight {
    uint64_t from_ns, until_ns; /* CLOCK_MONOTONIC */
    const struct profile *profile;
    uint32_t node;
};
typedef void samples_see_fn(void *context, const struct samples_sight *sight);
void samples_walk(const struct samples *samples, uint32_t owner, uint64_t request,
                  samples_see_fn *see, void *context);
