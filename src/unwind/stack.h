/* SPDX-License-Identifier: MIT */
/* stack.h - the Python stack of one thread state, read from outside and proven.
 *
 * A round is: stack_plan() adds the pieces to a gather, gather_run() reads them together with
 * other threads', stack_walk() looks at what came. STACK_AGAIN means the prediction missed (a
 * frame, chunk or cframe that was not read along) and is better now; STACK_TORN that the two copies
 * disagree.
 *
 * Ownership: caller's storage, stack_init / stack_done. Threads: none. Cost: see stack.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pyabi/pyabi.h"
#include "unwind/gather.h"
#include "unwind/sight.h"

#define STACK_MAX_FRAMES 20000u
#define STACK_MAX_EXTRAS 256u /* remembered off-chunk frames, beyond those of the last stack */
#define STACK_MAX_CHUNKS 1024u
#define STACK_MAX_SLOTS 16u

enum stack_result {
    STACK_EXACT, /* frames[] existed at one instant */
    STACK_TORN,  /* frames[] is the part that both copies agree on; proven_count of them */
    STACK_AGAIN, /* plan and read once more */
    STACK_EMPTY, /* the thread runs no Python */
    STACK_BAD,   /* the thread state cannot be read, or makes no sense */
};

struct stack_extra {
    uint64_t address;
    uint32_t size;
    uint32_t last_used; /* round */
    uint32_t depth;     /* in the last whole stack it was part of, 0: outermost; UINT32_MAX: none */
};

struct stack_chunk {
    uint64_t address;
    uint32_t used; /* bytes from address to the first free byte */
};

/* On the C stack, one per entry into the interpreter. A generator that C code drives has one of its
 * own, so a thread may go to and fro between two. */
struct stack_cframe {
    uint64_t address; /* 0: none */
    uint32_t piece;
    uint32_t last_used; /* round */
};

struct stack_region {
    uint64_t address;
    uint32_t size;
    uint32_t first;  /* piece of copy 1 */
    uint32_t second; /* piece of copy 2 */
    uint32_t middle; /* piece read next to the instant, up to 3.10; else GATHER_NONE */
    uint32_t depth;  /* of its outermost frame, as in stack_extra */
};

/* Fields of a thread state as they were at the instant of the round. */
struct stack_head {
    uint64_t interp, next, prev, thread_id, native_thread_id;
    uint64_t frame;      /* innermost frame */
    uint64_t top;        /* first free byte of the innermost chunk; 0: no chunks */
    uint64_t base_frame; /* 3.15: the sentinel at the outer end; else 0 */
    bool holds_gil;      /* only where the thread state says so (3.15) */
    bool knows_gil;
};

struct stack {
    uint64_t tstate;
    const struct pyabi *abi;
    struct stack_head head;
    struct raw_frame *frames; /* innermost first */
    uint32_t frame_count;
    struct sight sight; /* filled by the first reading since sight_clear() that is not exact */

    /* private */
    uint32_t frame_capacity;
    struct raw_frame *other; /* second copy's walk */
    uint32_t other_count, other_capacity;
    struct stack_extra *extras; /* sorted by address */
    uint32_t extra_count, extra_capacity;
    struct stack_chunk *chunks; /* outermost first */
    uint32_t chunk_count, chunk_capacity;
    struct stack_region *regions;
    uint32_t region_count, region_capacity;
    uint32_t *by_depth; /* regions with a known depth, innermost first */
    uint32_t by_depth_capacity;
    uint32_t chunk_region;          /* index in regions of the innermost chunk, or UINT32_MAX */
    struct stack_cframe cframes[2]; /* the last ones met; 3.11 and 3.12 */
    uint32_t head_piece, head_again_piece;
    uint32_t head_size;
    uint64_t outermost; /* of the last exact stack: address of its outermost frame; 0: none yet */
    uint64_t
        slots[STACK_MAX_SLOTS]; /* of the last exact stack: innermost frames in its last chunk */
    uint32_t slot_count;
    uint64_t base_shim; /* the entry frame below the outermost Python frame; its content is known */
    uint32_t round;
};

void stack_init(struct stack *stack, const struct pyabi *abi, uint64_t tstate);
void stack_done(struct stack *stack);

/* Adds this thread's pieces. 0 or ERR_LIMIT / ERR_NO_MEMORY. */
int stack_plan(struct stack *stack, struct gather *gather);

/* Looks at the pieces. May read more from the target when the prediction missed (cold). */
enum stack_result stack_walk(struct stack *stack, const struct gather *gather,
                             struct target *target);

/* The outer frames that the first reading was sure of (maybe none), instead of what is there. */
void stack_show_sure(struct stack *stack);

/* The stack just read lacks its outer end (a generator that was suspended in both copies): what can
 * be found of it is remembered as seen. */
void stack_see_lost(struct stack *stack, const struct gather *gather, struct target *target);

/* After gather_run(): the context that was current at the instant of the round; 0: none. False: the
 * thread state was not read, moved, or has none (3.6). */
bool stack_context(const struct stack *stack, const struct gather *gather, uint64_t *context);
