/* SPDX-License-Identifier: MIT */
/* stack_plan.c - what to read in the next round, and in which order (the essay is in stack.c). */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "unwind/stack_inside.h"

#define EXTRA_GAP 2048u
#define EXTRA_SPAN_MAX 32768u
#define EXTRA_KEEP_ROUNDS 64u /* an extra not met for so many rounds is forgotten */
#define MIDDLE_REGIONS 8u /* outermost pieces read once more: each lengthens the reading for all   \
                           */

static bool add_region(struct stack *stack, uint64_t address, uint32_t size)
{
    if (!stack_ensure(&stack->regions, stack->region_count, &stack->region_capacity,
                      sizeof *stack->regions, STACK_MAX_FRAMES))
        return false;
    stack->regions[stack->region_count++] = (struct stack_region){
        .address = address, .size = size, .middle = GATHER_NONE, .depth = UINT32_MAX};
    return true;
}

static void forget_old_extras(struct stack *stack)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stack->extra_count; i++)
        if (stack->round - stack->extras[i].last_used <= EXTRA_KEEP_ROUNDS)
            stack->extras[kept++] = stack->extras[i];
    stack->extra_count = kept;
}

static struct stack_extra *find_extra(struct stack *stack, uint64_t address)
{
    uint32_t low = 0, high = stack->extra_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (stack->extras[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return &stack->extras[low]; /* where it is or belongs; may be one past the end */
}

void stack_remember_extra(struct stack *stack, uint64_t address, uint32_t size)
{
    uint32_t at = stack->extras ? (uint32_t)(find_extra(stack, address) - stack->extras) : 0;
    if (at < stack->extra_count && stack->extras[at].address == address) {
        stack->extras[at].last_used = stack->round;
        return;
    }
    if (stack->extra_count >= STACK_MAX_EXTRAS + stack->frame_count)
        forget_old_extras(stack);
    if (!stack_ensure(&stack->extras, stack->extra_count, &stack->extra_capacity,
                      sizeof *stack->extras, STACK_MAX_FRAMES))
        return;
    at = (uint32_t)(find_extra(stack, address) - stack->extras);
    memmove(&stack->extras[at + 1], &stack->extras[at],
            (stack->extra_count - at) * sizeof *stack->extras);
    stack->extras[at] = (struct stack_extra){address, size, stack->round, UINT32_MAX};
    stack->extra_count++;
}

/* Marks the off-chunk frames of the accepted stack as used, so that they stay in the plan. */
void stack_touch_extras(struct stack *stack)
{
    for (uint32_t at = 0; at < stack->frame_count; at++) {
        struct stack_extra *extra = find_extra(stack, stack->frames[at].address);
        if (extra == stack->extras + stack->extra_count ||
            extra->address != stack->frames[at].address)
            continue;
        extra->last_used = stack->round;
        extra->depth = stack->frame_count - 1 - at;
    }
}

bool stack_knows_extra(struct stack *stack, uint64_t address)
{
    if (!stack->extra_count)
        return false;
    const struct stack_extra *extra = find_extra(stack, address);
    return extra < stack->extras + stack->extra_count && extra->address == address;
}

/* Extras, coalesced, as regions in ascending order. */
static bool add_extra_regions(struct stack *stack)
{
    for (uint32_t i = 0; i < stack->extra_count;) {
        uint64_t begin = stack->extras[i].address;
        uint64_t end = begin + stack->extras[i].size;
        uint32_t depth = stack->extras[i].depth;
        for (i++; i < stack->extra_count; i++) {
            const struct stack_extra *next = &stack->extras[i];
            if (next->address > end + EXTRA_GAP ||
                next->address + next->size > begin + EXTRA_SPAN_MAX)
                break;
            if (next->address + next->size > end)
                end = next->address + next->size;
            if (next->depth < depth)
                depth = next->depth;
        }
        if (!add_region(stack, begin, (uint32_t)(end - begin)))
            return false;
        stack->regions[stack->region_count - 1].depth = depth;
    }
    return true;
}

static bool add_chunk_regions(struct stack *stack)
{
    stack->chunk_region = UINT32_MAX;
    for (uint32_t i = 0; i < stack->chunk_count; i++) {
        const struct stack_chunk *chunk = &stack->chunks[i];
        if (!add_region(stack, chunk->address, chunk->used))
            return false;
        stack->chunk_region = stack->region_count - 1;
    }
    return true;
}

/* The instant: whatever holds the pointer to the innermost frame. With a cframe (3.11, 3.12) that
 * is the cframe's field, and the thread state, which says which cframe, stands on both sides of
 * everything. */
static void add_head(struct stack *stack, struct gather *gather)
{
    if (stack->abi->stack != PYABI_STACK_CFRAME) {
        stack->head_piece = gather_add(gather, stack->tstate, stack->head_size);
        return;
    }
    uint32_t size = (uint32_t)stack->abi->cframe.current_frame + 8;
    for (int i = 0; i < 2; i++) {
        struct stack_cframe *cframe = &stack->cframes[i];
        if (stack->round - cframe->last_used > EXTRA_KEEP_ROUNDS)
            cframe->address = 0;
        cframe->piece = cframe->address ? gather_add(gather, cframe->address, size) : GATHER_NONE;
    }
}

/* Frames up to 3.10 are spread over the heap, many pieces apart, and the outer ones would be free
 * to change and change back between their two readings: a loop that calls one function after the
 * other does. So they are read a third time, the outermost last, next to the instant. */
static void add_middle(struct stack *stack, struct gather *gather)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < stack->region_count; i++) {
        if (stack->regions[i].depth == UINT32_MAX ||
            !stack_ensure(&stack->by_depth, count, &stack->by_depth_capacity,
                          sizeof *stack->by_depth, STACK_MAX_FRAMES))
            continue;
        uint32_t at = count++;
        for (; at > 0 && stack->regions[stack->by_depth[at - 1]].depth < stack->regions[i].depth;
             at--)
            stack->by_depth[at] = stack->by_depth[at - 1];
        stack->by_depth[at] = i;
    }
    uint32_t from = count > MIDDLE_REGIONS ? count - MIDDLE_REGIONS : 0;
    for (uint32_t i = from; i < count; i++) {
        struct stack_region *region = &stack->regions[stack->by_depth[i]];
        region->middle = gather_add(gather, region->address, region->size);
    }
}

int stack_plan(struct stack *stack, struct gather *gather)
{
    stack->round++;
    if (stack->round % EXTRA_KEEP_ROUNDS == 0)
        forget_old_extras(stack);
    stack->region_count = 0;
    if (!add_extra_regions(stack) || !add_chunk_regions(stack))
        return ERR_NO_MEMORY;

    bool by_cframe = stack->abi->stack == PYABI_STACK_CFRAME;
    if (by_cframe)
        stack->head_piece = gather_add(gather, stack->tstate, stack->head_size);
    for (uint32_t i = 0; i < stack->region_count; i++)
        stack->regions[i].first =
            gather_add(gather, stack->regions[i].address, stack->regions[i].size);
    if (stack->abi->stack == PYABI_STACK_FRAMEOBJECT)
        add_middle(stack, gather);
    add_head(stack, gather);
    for (uint32_t i = stack->region_count; i-- > 0;)
        stack->regions[i].second =
            gather_add(gather, stack->regions[i].address, stack->regions[i].size);
    if (by_cframe)
        stack->head_again_piece = gather_add(gather, stack->tstate, stack->head_size);
    return gather->count >= GATHER_MAX_PIECES ? ERR_LIMIT : 0;
}
