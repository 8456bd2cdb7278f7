/* SPDX-License-Identifier: MIT */
/* tally.h - how often and how long each thread of a process was seen in each stack, by endpoint,
 * during one window.
 *
 * Ownership: storage of the caller, tally_done() ends it; tally_take() moves the rows out.
 * Threads: one. Cost: one hash look-up a sample. Limits: TALLY_MAX_ROWS different ones.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

#define TALLY_MAX_ROWS (1u << 20)
#define TALLY_MAX_LABELS 4096u
#define TALLY_MAX_THREADS (1u << 25)

struct tally_row {
    uint32_t label;        /* of the endpoint; 0: none */
    uint32_t thread, node; /* of the profile */
    uint64_t count, weight_ns;
};

struct tally {
    struct map index;
    struct tally_row *rows;
    uint32_t count, capacity;
};

/* Adds count and weight. 0, ERR_NO_MEMORY, ERR_LIMIT. */
int tally_add(struct tally *tally, const struct tally_row *row);
/* The rows, ordered by label, thread and node; the caller frees. NULL: there are none. */
struct tally_row *tally_take(struct tally *tally, uint32_t *count);
void tally_done(struct tally *tally);
