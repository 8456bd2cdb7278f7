/* SPDX-License-Identifier: MIT */
/* latency.h - how long each service's requests took, since the daemon began, with a trace to look
 * at for each bucket: what /metrics shows as a histogram with exemplars.
 *
 * Ownership: the caller's; no allocation. Threads: one, or the caller's lock.
 */
#pragma once

#include <stdint.h>

#include "daemon/identity.h"
#include "store/store.h"

#define LATENCY_BOUNDS 14u /* the last bucket has no bound */
#define LATENCY_MAX_SERVICES                                                                       \
    128u /* further ones are not counted: their history is in the store                            \
          */

struct latency_bound {
    double seconds;
    const char *text; /* as OpenMetrics wants it */
};
extern const struct latency_bound latency_bounds[LATENCY_BOUNDS];

struct latency_exemplar {
    uint64_t trace_high, trace_low; /* 0, 0: none */
    uint64_t at_ns;                 /* wall clock */
    double value_s;
};

struct latency_service {
    char name[IDENTITY_MAX];
    uint64_t count;
    double sum_s;
    uint64_t buckets[LATENCY_BOUNDS + 1]; /* each by itself */
    struct latency_exemplar exemplars[LATENCY_BOUNDS + 1];
};

struct latency {
    struct latency_service services[LATENCY_MAX_SERVICES];
    uint32_t count;
};

/* Requests of one window and process; buckets as in base/loglinear.h. */
void latency_add(struct latency *latency, const char *service,
                 const struct store_histogram *requests);
/* Only the services that there are. */
void latency_copy(struct latency *to, const struct latency *from);
/* A kept trace: the newest one of its bucket counts. */
void latency_note(struct latency *latency, const char *service,
                  const struct latency_exemplar *exemplar);
