/* SPDX-License-Identifier: MIT */
/* sight.h - what the first reading of a round saw of a stack, proven or not.
 *
 * A sample is of the instant of its first reading. When that could not be proven, later readings
 * may fill in what is missing, but a stack of other functions is another instant's: to take it
 * would favour functions whose stacks hold still. So a later stack has to fit what the first
 * reading saw, in either of its copies; else only the part that the first reading was sure of
 * counts.
 *
 * Ownership: caller's storage, zeroed; sight_done(). Threads: none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct raw_frame {      /* innermost first in arrays */
    uint64_t address;   /* of the frame itself */
    uint64_t code;      /* code object, tags removed */
    uint64_t instr;     /* bytecode address, or f_lasti where the ABI has an index */
    int32_t tlbc_index; /* free-threaded 3.14+: which copy of the bytecode; else 0 */
    uint32_t identity;  /* of the code object at that instant (code_identity); 0: not read along */
};

struct sight_chain {
    struct raw_frame *frames;
    uint32_t count, capacity;
    bool whole; /* ends where stacks end */
};

struct sight {
    struct sight_chain chains[2]; /* as the two copies have it */
    uint32_t chain_count;         /* 0: nothing was seen yet */
    uint32_t sure;                /* outer frames of the first chain that are certain */
};

void sight_done(struct sight *sight);

/* A new round. */
void sight_clear(struct sight *sight);

/* Copies a chain. The first one added has `sure` certain outer frames. */
void sight_add(struct sight *sight, const struct raw_frame *frames, uint32_t count, bool whole,
               uint32_t sure);

/* Could the stack be of the same instant? True when nothing was seen. */
bool sight_fits(const struct sight *sight, const struct raw_frame *frames, uint32_t count);

/* The stack has left even what was certain. */
bool sight_left(const struct sight *sight, const struct raw_frame *frames, uint32_t count);
