/* SPDX-License-Identifier: MIT */
/* capture_format.h - the numbers of the .pv format, and the guesses that both sides make.
 *
 * docs/design/0002-capture-format.md explains; a change of anything here raises CAPTURE_VERSION
 * and leaves the old way of reading in capture_read.c's table.
 */
#pragma once

#include <stdint.h>

#include "model/profile.h"

#define CAPTURE_MAGIC                                                                              \
    "\x89pitvpr\n" /* 8 bytes; the first is not text, the last shows CRLF damage */
#define CAPTURE_MAGIC_SIZE 8u
#define CAPTURE_VERSION 1u
#define CAPTURE_HEADER_SIZE 16u         /* magic, u32 version, u32 0 */
#define CAPTURE_BLOCK_MAGIC 0x0a427650u /* "PvB\n" */
#define CAPTURE_BLOCK_SIZE 24u          /* u32 magic, u32 flags, u32 stored, u32 raw, u64 XXH3 */
#define CAPTURE_BLOCK_HASHED 16u        /* the part of it that the checksum covers too */
#define CAPTURE_MAX_RAW (16u << 20)

enum capture_block_flags { CAPTURE_ZSTD = 1 };

enum capture_op {
    CAPTURE_STRING = 1,
    CAPTURE_FRAME = 2,
    CAPTURE_NODE = 3,
    CAPTURE_THREAD = 4,
    CAPTURE_META = 5,
    CAPTURE_STATS = 6,
    CAPTURE_END = 7,
    CAPTURE_RUN = 0x80, /* and above: the other bits say how */
};

/* A run's first byte: 1 tt g nn cc */
enum capture_run_thread { RUN_THREAD_SAME, RUN_THREAD_NEXT, RUN_THREAD_NAMED };
enum capture_run_node { RUN_NODE_NAMED, RUN_NODE_NEXT, RUN_NODE_BEFORE, RUN_NODE_SAME };
#define RUN_THREAD_SHIFT 5
#define RUN_GAP 0x10u
#define RUN_NODE_SHIFT 2
#define RUN_COUNT_MORE 3u /* 0 to 2: count 1 to 3; 3: count - 4 follows */

/* What came last, from which both sides guess what comes next. */
struct capture_track {
    uint64_t at;          /* units: where the thread's last run ended */
    uint32_t node;        /* of that run */
    uint32_t before;      /* of the run before it */
    uint32_t next_thread; /* the thread whose run came after this one's, last time */
};

struct capture_guess {
    struct capture_track *tracks; /* per thread */
    uint32_t *next_node;          /* per node: the one that followed it, last time */
    uint32_t thread_count, thread_capacity;
    uint32_t node_count, node_capacity;
    uint32_t thread; /* of the last run */
};

/* Grows to so many threads and nodes. 0 or ERR_NO_MEMORY. */
int capture_guess_fit(struct capture_guess *guess, uint32_t threads, uint32_t nodes);
void capture_guess_done(struct capture_guess *guess);
/* A run of `thread` in `node` that ended at `at`: what is learned from it. */
void capture_guess_learn(struct capture_guess *guess, uint32_t thread, uint32_t node, uint64_t at);

static inline uint64_t capture_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t capture_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
