/* SPDX-License-Identifier: MIT */
/* gather.h - many pieces of the target in as few system calls as possible.
 *
 * Pieces are added, then read in exactly the order they were added (that order is what
 * the proof in stack.c rests on), IOV_MAX at a time. A piece that cannot be read is marked and
 * skipped; the pieces around it are still read.
 *
 * Ownership: caller's storage, gather_init / gather_done; memory is kept between rounds.
 * Cost:      gather_run is one process_vm_readv per 1024 pieces and one more per bad piece; no
 * allocation once the buffers have grown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "target/target.h"

#define GATHER_MAX_BYTES ((size_t)8 << 20)
#define GATHER_MAX_PIECES 20000u
#define GATHER_MAX_BAD 16u /* bad pieces in one run; after that the rest is given up */
#define GATHER_NONE UINT32_MAX

struct gather {
    uint8_t *data;
    size_t size;
    size_t capacity;
    struct iovec *pieces;
    uint32_t *offsets; /* of each piece in data */
    bool *bad;
    uint32_t count;
    uint32_t piece_capacity;
    bool interrupted;  /* the last run took far longer than usual: we lost the CPU in its middle */
    double usual_ns;   /* per piece */
    uint64_t began_ns; /* the last run, CLOCK_MONOTONIC */
    uint64_t took_ns;
};

void gather_init(struct gather *gather);
void gather_done(struct gather *gather);
void gather_reset(struct gather *gather);

/* Index of the new piece, or GATHER_NONE when a ceiling is reached or memory is short. */
uint32_t gather_add(struct gather *gather, uint64_t address, uint32_t size);

/* Reads everything. 0 (look at gather_get for each piece), ERR_GONE or ERR_DENIED. */
int gather_run(struct gather *gather, struct target *target);

/* The bytes of a piece; NULL when it was not read. Until the next gather_reset. */
static inline const uint8_t *gather_get(const struct gather *gather, uint32_t piece)
{
    if (piece >= gather->count || gather->bad[piece])
        return NULL;
    return gather->data + gather->offsets[piece];
}
