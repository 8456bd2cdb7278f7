/* SPDX-License-Identifier: MIT */
/* stack_inside.h - between the files of one stack: stack.c walks, stack_plan.c says what to read,
 * stack_see.c remembers what could not be proven. */
#pragma once

#include <string.h>

#include "unwind/stack.h"

static inline uint64_t load_u64(const uint8_t *at, int32_t offset)
{
    uint64_t value;
    memcpy(&value, at + offset, sizeof value);
    return value;
}

static inline int32_t load_i32(const uint8_t *at, int32_t offset)
{
    int32_t value;
    memcpy(&value, at + offset, sizeof value);
    return value;
}

struct view {
    const uint8_t *first; /* the frame in copy 1 and in copy 2 */
    const uint8_t *second;
    const uint8_t *middle; /* next to the instant; NULL: not read there */
};

/* How following links came out. */
enum chain_end { CHAIN_WHOLE, CHAIN_MISSES, CHAIN_BROKEN };

struct chain {
    struct raw_frame **frames;
    uint32_t *count, *capacity;
    bool use_second;     /* follow the links of copy 2 */
    bool all_equal;      /* out */
    uint32_t sure;       /* out: so many frames at the outer end are equal */
    uint64_t missing;    /* out: address that was not read along */
    uint64_t last;       /* out: frame that linked to it */
    uint64_t last_frame; /* out: the outermost, entry frames apart */
    bool last_is_boundary;
};

/* ---- stack.c ---- */

/* Makes room for one more element; false: out of memory or at the ceiling. */
bool stack_ensure(void *array, uint32_t count, uint32_t *capacity, size_t element,
                  uint32_t ceiling);
/* Bytes of a frame that the walk looks at. */
uint32_t stack_frame_size(const struct pyabi *abi);
/* NULL, or the sentinel that a thread state of 3.15 ends its stacks with. */
bool stack_is_end(const struct stack *stack, uint64_t address);
bool stack_is_boundary(const struct pyabi *abi, const uint8_t *at);
/* The frame as it was read; false: it was not. */
bool stack_view_find(const struct stack *stack, const struct gather *gather, uint64_t address,
                     uint32_t size, struct view *view);
bool stack_append_frame(struct chain *chain, const struct pyabi *abi, const uint8_t *at,
                        uint64_t address);
enum chain_end stack_follow(struct stack *stack, const struct gather *gather, uint64_t head,
                            struct chain *chain);
enum chain_end stack_follow_on(struct stack *stack, const struct gather *gather, uint64_t address,
                               struct chain *chain);
uint64_t stack_chase(struct stack *stack, struct target *target, uint64_t address,
                     struct chain *chain);

/* ---- stack_plan.c: frames outside the chunks that were met lately ---- */

void stack_remember_extra(struct stack *stack, uint64_t address, uint32_t size);
void stack_touch_extras(struct stack *stack);
bool stack_knows_extra(struct stack *stack, uint64_t address);

/* ---- stack_see.c ---- */

void stack_see_missing(struct stack *stack, const struct gather *gather, struct target *target,
                       struct chain *chain);
void stack_see_torn(struct stack *stack, const struct gather *gather, struct target *target,
                    struct chain *first, enum chain_end first_end, struct chain *second,
                    enum chain_end second_end);
void stack_see_unsure(struct stack *stack, const struct gather *gather, struct target *target);
