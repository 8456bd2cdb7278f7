/* SPDX-License-Identifier: MIT */
/* stack_see.c - what a reading that proved nothing saw all the same: what later readings of its
 * round have to fit (sight.h). None of this is proof, and none of it ends up in a stack unless it
 * was certain. */
#include <string.h>

#include "unwind/stack_inside.h"

#define MEND_TRIES 4u /* looks at the link of a generator that is on and off */
#define MEND_STEPS 8u /* generators that drive each other, and their entry frames */
#define MISSES_MAX 4u /* places in one stack where frames are looked up one by one */

static bool is_in_chunk(const struct stack *stack, uint64_t address)
{
    for (uint32_t i = 0; i < stack->chunk_count; i++)
        if (address - stack->chunks[i].address < stack->chunks[i].used)
            return true;
    return false;
}

/* Is the frame where frames of running functions stay put: in a chunk, or, up to 3.10, read along?
 */
static bool is_settled(const struct stack *stack, const struct gather *gather, uint64_t address)
{
    struct view view;
    if (stack->abi->stack == PYABI_STACK_FRAMEOBJECT)
        return stack_view_find(stack, gather, address, stack_frame_size(stack->abi), &view);
    return is_in_chunk(stack, address);
}

/* Goes outward from the frame at `address` as it is linked now, until a frame is met that stays
 * put, whose address is returned; 0: there is no way. */
static uint64_t walk_out(struct stack *stack, const struct gather *gather, struct target *target,
                         uint64_t address, struct chain *chain)
{
    const struct pyabi *abi = stack->abi;
    uint8_t bytes[512];
    uint32_t size = stack_frame_size(abi);
    for (uint32_t i = 0; i < MEND_STEPS && size <= sizeof bytes; i++) {
        if (target_read(target, (struct raddr){address}, bytes, size) < 0)
            return 0;
        if (i && !stack_is_boundary(abi, bytes) && !stack_append_frame(chain, abi, bytes, address))
            return 0;
        address = load_u64(bytes, abi->frame.previous);
        if (stack_is_end(stack, address) || address & 7)
            return 0;
        if (is_settled(stack, gather, address))
            return address;
    }
    return 0;
}

/* The chain ends with a generator that was suspended when its copy was made, but ran at the
 * instant: while it runs its link can be read. No proof, but what later readings have to fit. */
static bool mend(struct stack *stack, const struct gather *gather, struct target *target,
                 struct chain *chain)
{
    uint32_t count = *chain->count;
    for (uint32_t i = 0; i < MEND_TRIES; i++) {
        uint64_t from = walk_out(stack, gather, target, chain->last_frame, chain);
        chain->sure = 0;
        if (from && stack_follow_on(stack, gather, from, chain) == CHAIN_WHOLE)
            return true;
        *chain->count = count;
    }
    return false;
}

/* A thread's outermost frame stays where it is. */
static bool is_whole(const struct stack *stack, const struct chain *chain, enum chain_end end)
{
    return end == CHAIN_WHOLE && (!stack->outermost || chain->last_frame == stack->outermost);
}

/* In a chunk everything below its top is alive: the innermost frame there, as far as the last exact
 * stack's frames say where frames begin. 0: none. */
static uint64_t top_frame(const struct stack *stack)
{
    for (uint32_t i = 0; i < stack->slot_count; i++)
        if (stack->slots[i] < stack->head.top && is_in_chunk(stack, stack->slots[i]))
            return stack->slots[i];
    return 0;
}

static void see_chain(struct stack *stack, const struct gather *gather, struct target *target,
                      struct chain *chain, enum chain_end end)
{
    uint32_t count = *chain->count, sure = chain->sure;
    bool whole = is_whole(stack, chain, end);
    if (!whole && count) {
        *chain->count = 1; /* what hangs on it is of another moment */
        chain->last_frame = (*chain->frames)[0].address;
        whole = mend(stack, gather, target, chain);
    }
    uint64_t from = whole ? 0 : top_frame(stack);
    if (!whole)
        chain->sure = 0;
    if (from && stack_follow_on(stack, gather, from, chain) != CHAIN_WHOLE) {
        *chain->count = count ? 1 : 0;
        chain->sure = 0;
    }
    sight_add(&stack->sight, *chain->frames, *chain->count, whole, chain->sure);
    *chain->count = count;
    chain->sure = sure;
}

/* A frame was not read along. It is looked up a moment later: no proof, but good enough to say what
 * a later reading has to fit. */
void stack_see_missing(struct stack *stack, const struct gather *gather, struct target *target,
                       struct chain *chain)
{
    enum chain_end end = CHAIN_MISSES;
    for (uint32_t i = 0; end == CHAIN_MISSES && i < MISSES_MAX; i++)
        end = stack_follow_on(stack, gather, stack_chase(stack, target, chain->missing, chain),
                              chain);
    if (!stack->sight.chain_count)
        see_chain(stack, gather, target, chain, end);
}

/* What both copies say, before only what they have in common is kept. */
void stack_see_torn(struct stack *stack, const struct gather *gather, struct target *target,
                    struct chain *first, enum chain_end first_end, struct chain *second,
                    enum chain_end second_end)
{
    bool second_first = !is_whole(stack, first, first_end) && is_whole(stack, second, second_end);
    see_chain(stack, gather, target, second_first ? second : first,
              second_first ? second_end : first_end);
    see_chain(stack, gather, target, second_first ? first : second,
              second_first ? first_end : second_end);
}

void stack_see_lost(struct stack *stack, const struct gather *gather, struct target *target)
{
    struct chain chain = {
        .frames = &stack->frames, .count = &stack->frame_count, .capacity = &stack->frame_capacity};
    if (stack->sight.chain_count || !stack->frame_count)
        return;
    see_chain(stack, gather, target, &chain, CHAIN_BROKEN);
}

/* The head is not certain: what hangs on it is only something to compare with. */
void stack_see_unsure(struct stack *stack, const struct gather *gather, struct target *target)
{
    struct chain chain = {
        .frames = &stack->frames, .count = &stack->frame_count, .capacity = &stack->frame_capacity};
    if (stack->sight.chain_count)
        return;
    enum chain_end end = stack_follow(stack, gather, stack->head.frame, &chain);
    if (end == CHAIN_MISSES)
        stack_see_missing(stack, gather, target, &chain);
    else
        see_chain(stack, gather, target, &chain, end);
    stack->frame_count = 0;
}

void stack_show_sure(struct stack *stack)
{
    const struct sight *sight = &stack->sight;
    uint32_t count = sight->sure;
    while (count > stack->frame_capacity)
        if (!stack_ensure(&stack->frames, stack->frame_capacity, &stack->frame_capacity,
                          sizeof *stack->frames, STACK_MAX_FRAMES))
            return;
    const struct sight_chain *chain = &sight->chains[0];
    memcpy(stack->frames, chain->frames + (chain->count - count), count * sizeof *stack->frames);
    stack->frame_count = count;
}
