/* SPDX-License-Identifier: MIT */
/* metric.h - the counters, histograms and gauges of one series in one window, as one sorted list of
 * (key, slot) → value. How two values of a slot become one is the slot's business, so sums, maxima
 * and buckets roll up alike.
 *
 * Ownership: metrics_init() / metrics_done(). Keys are those of one file's dictionary.
 */
#pragma once

#include "base/buf.h"

struct dict;

enum metric_slot {
    SLOT_COUNT,
    SLOT_ERRORS,
    SLOT_TOTAL_NS,
    SLOT_MAX_NS,
    SLOT_ROWS,
    SLOT_REPEATS,
    SLOT_GAUGE_COUNT,
    SLOT_GAUGE_SUM, /* from here to LAST the value is a double's bits */
    SLOT_GAUGE_MIN,
    SLOT_GAUGE_MAX,
    SLOT_GAUGE_LAST,
    SLOT_BUCKETS = 16, /* bucket i is slot 16 + i */
};
#define SLOT_MAX 65536u

struct metric {
    uint32_t key, slot;
    uint64_t value;
    uint64_t order; /* later ones win in SLOT_GAUGE_LAST */
};

struct metrics {
    struct metric *items;
    uint32_t count, capacity;
    uint32_t tidy_count;
    uint64_t next_order;
};

void metrics_init(struct metrics *metrics);
void metrics_done(struct metrics *metrics);
void metrics_reset(struct metrics *metrics);

int metrics_add(struct metrics *metrics, uint32_t key, uint32_t slot, uint64_t value);
int metrics_add_double(struct metrics *metrics, uint32_t key, uint32_t slot, double value);
double metric_double(const struct metric *metric);
/* What two values of a slot are together, the later one second. */
uint64_t metric_combine(uint32_t slot, uint64_t a, uint64_t b);
/* Sorts by key and slot, combines what is equal. */
void metrics_tidy(struct metrics *metrics);
void metrics_tidy_when_large(struct metrics *metrics);

void metrics_encode(struct metrics *metrics, struct buf *out);
/* Appends. 0, ERR_BAD_DATA, ERR_NO_MEMORY. */
int metrics_decode(const struct dict *dict, const void *data, size_t size, struct metrics *metrics);
