/* SPDX-License-Identifier: MIT */
/* stack.c - reading a moving stack.
 *
 * What a thread's stack is made of, by version:
 *
 *   3.6-3.10   tstate.frame ─► PyFrameObject ─f_back─► … ─► NULL      every frame its own heap
 * block 3.11/3.12  tstate.cframe ─► _PyCFrame.current_frame ─► frame ─previous─► … 3.13+
 * tstate.current_frame ─► frame ─previous─► …
 *
 * From 3.11 frames lie next to each other in chunks of 16 KiB (tstate.datastack_chunk, each with a
 * pointer to the chunk before it), except those of generators and coroutines (inside the object),
 * frames taken over by a frame object, and, from 3.12, the entry frames ("shims") on the C stack.
 *
 * The pieces of one thread in the gather, in this order:
 *
 *   [older chunks] [extras] [innermost chunk] [tstate] [cframe] [innermost chunk] [extras] [older
 * chunks] copy 1 ───────────────────────────────►  instant  ◄─────────────────────────────── copy 2
 *
 * A field equal in both copies held that value at the instant, so a chain from the head through
 * equal fields is a stack that existed. See docs/design/0001-sampler.md. Pieces lie a few hundred
 * nanoseconds apart, so the innermost chunk, where things change, has to stand still for about the
 * time of two pieces only.
 *
 * "Extras" are addresses outside the chunks where frames were met lately. Neighbours within
 * EXTRA_GAP bytes are read as one piece: a piece costs as much as copying 2 to 4 KiB.
 */
#include "unwind/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "unwind/stack_inside.h"

#define CHUNK_SLACK 1024u /* read so much beyond the last known top */
#define CHUNK_USED_MAX (1u << 20)
#define CHASE_MAX 64u /* frames looked up one by one when a prediction misses */

static void widen(uint32_t *size, int32_t offset, uint32_t field_size)
{
    if (offset != PYABI_NONE && (uint32_t)offset + field_size > *size)
        *size = (uint32_t)offset + field_size;
}

/* Up to 3.10 a frame that has ended keeps its place and its contents until it is used again, and
 * looks the same in both copies although it ran only in between. What tells is its state:
 * f_executing is 1 (3.6 to 3.9), f_state is FRAME_EXECUTING, 0 (3.10), while it runs. CPython
 * Include/frameobject.h, Include/cpython/frameobject.h: int f_lasti, f_lineno, f_iblock, then this
 * char. */
#define STATE_AFTER_LASTI 12

static bool is_running(const struct pyabi *abi, const uint8_t *frame)
{
    if (abi->stack != PYABI_STACK_FRAMEOBJECT)
        return true;
    return frame[abi->frame.instr + STATE_AFTER_LASTI] == (abi->version_hex < 0x030a0000 ? 1 : 0);
}

/* Bytes of a frame that the walk looks at. */
uint32_t stack_frame_size(const struct pyabi *abi)
{
    uint32_t size = 0;
    widen(&size, abi->frame.previous, 8);
    widen(&size, abi->frame.code, 8);
    widen(&size, abi->frame.instr, 8);
    widen(&size, abi->frame.owner, 1);
    widen(&size, abi->frame.tlbc_index, 4);
    if (abi->stack == PYABI_STACK_FRAMEOBJECT)
        widen(&size, abi->frame.instr + STATE_AFTER_LASTI, 1);
    return (size + 7) & ~7u;
}

static uint32_t tstate_size(const struct pyabi *abi)
{
    uint32_t size = 0;
    widen(&size, abi->tstate.next, 8);
    widen(&size, abi->tstate.prev, 8);
    widen(&size, abi->tstate.interp, 8);
    widen(&size, abi->tstate.frame, 8);
    widen(&size, abi->tstate.base_frame, 8);
    widen(&size, abi->tstate.thread_id, 8);
    widen(&size, abi->tstate.native_thread_id, 8);
    widen(&size, abi->tstate.datastack_chunk, 8);
    widen(&size, abi->tstate.datastack_top, 8);
    widen(&size, abi->tstate.holds_gil, 4);
    widen(&size, abi->tstate.context, 8);
    return (size + 7) & ~7u;
}

void stack_init(struct stack *stack, const struct pyabi *abi, uint64_t tstate)
{
    *stack = (struct stack){
        .tstate = tstate, .abi = abi, .head_size = tstate_size(abi), .chunk_region = UINT32_MAX};
}

void stack_done(struct stack *stack)
{
    free(stack->frames);
    free(stack->other);
    free(stack->extras);
    free(stack->chunks);
    free(stack->regions);
    free(stack->by_depth);
    sight_done(&stack->sight);
    *stack = (struct stack){0};
}

/* Makes room for one more element; false: out of memory or at the ceiling. */
bool stack_ensure(void *array, uint32_t count, uint32_t *capacity, size_t element, uint32_t ceiling)
{
    if (count < *capacity)
        return true;
    if (count >= ceiling)
        return false;
    uint32_t grown = *capacity ? *capacity * 2 : 16;
    void **pointer = array;
    void *moved = realloc(*pointer, grown * element);
    if (!moved)
        return false;
    *pointer = moved;
    *capacity = grown;
    return true;
}

/* ---- the walk ------------------------------------------------------------------------------ */

static bool view_region(const struct stack_region *region, const struct gather *gather,
                        uint64_t address, uint32_t size, struct view *view)
{
    if (address < region->address || address + size > region->address + region->size)
        return false;
    const uint8_t *first = gather_get(gather, region->first);
    const uint8_t *second = gather_get(gather, region->second);
    if (!first || !second)
        return false;
    view->first = first + (address - region->address);
    view->second = second + (address - region->address);
    const uint8_t *middle = gather_get(gather, region->middle);
    view->middle = middle ? middle + (address - region->address) : NULL;
    return true;
}

/* Extras' regions come first and are sorted; chunks follow in stack order. */
bool stack_view_find(const struct stack *stack, const struct gather *gather, uint64_t address,
                     uint32_t size, struct view *view)
{
    for (uint32_t i = 0; i < stack->chunk_count; i++) {
        const struct stack_region *region = &stack->regions[stack->region_count - 1 - i];
        if (address >= region->address && address < region->address + region->size)
            return view_region(region, gather, address, size, view);
    }
    uint32_t low = 0, high = stack->region_count - stack->chunk_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct stack_region *region = &stack->regions[middle];
        if (address < region->address)
            high = middle;
        else if (address >= region->address + region->size)
            low = middle + 1;
        else
            return view_region(region, gather, address, size, view);
    }
    return false;
}

/* NULL, or the sentinel that a thread state of 3.15 ends its stacks with. */
bool stack_is_end(const struct stack *stack, uint64_t address)
{
    return !address || address == stack->head.base_frame;
}

/* The shim below the outermost frame need not be read each time: once its link was seen to be NULL,
 * it stays so as long as the frame above it sits in the very first slot of the first chunk (CPython
 * leaves one word free there), because nothing can be further out. */
static bool is_base_shim(const struct stack *stack, uint64_t address, uint64_t callee)
{
    if (address != stack->base_shim || !address || !stack->chunk_count)
        return false;
    uint64_t slot = stack->chunks[0].address + (uint64_t)stack->abi->chunk.data;
    return callee == slot || callee == slot + 8;
}

static void load_frame(const struct pyabi *abi, const uint8_t *at, uint64_t address,
                       struct raw_frame *out)
{
    out->address = address;
    out->code = load_u64(at, abi->frame.code) & (abi->tagged_refs ? ~(uint64_t)3 : ~(uint64_t)0);
    out->instr = abi->frame.instr_is_index ? (uint64_t)(int64_t)load_i32(at, abi->frame.instr)
                                           : load_u64(at, abi->frame.instr);
    out->tlbc_index = abi->frame.tlbc_index == PYABI_NONE ? 0 : load_i32(at, abi->frame.tlbc_index);
}

bool stack_is_boundary(const struct pyabi *abi, const uint8_t *at)
{
    return abi->frame.owner != PYABI_NONE && at[abi->frame.owner] >= PYABI_OWNER_BOUNDARY;
}

/* Equal in what makes the skeleton: who it is, who called it, and, for a caller, where it stands.
 */
static bool same_copies(const struct pyabi *abi, const uint8_t *a, const uint8_t *b, bool innermost)
{
    if (load_u64(a, abi->frame.previous) != load_u64(b, abi->frame.previous) ||
        load_u64(a, abi->frame.code) != load_u64(b, abi->frame.code))
        return false;
    if (abi->frame.owner != PYABI_NONE && a[abi->frame.owner] != b[abi->frame.owner])
        return false;
    if (!is_running(abi, a) || !is_running(abi, b))
        return false;
    if (innermost)
        return true;
    return abi->frame.instr_is_index
               ? load_i32(a, abi->frame.instr) == load_i32(b, abi->frame.instr)
               : load_u64(a, abi->frame.instr) == load_u64(b, abi->frame.instr);
}

static bool same_frame(const struct pyabi *abi, const struct view *view, bool innermost)
{
    return same_copies(abi, view->first, view->second, innermost) &&
           (!view->middle || same_copies(abi, view->first, view->middle, innermost));
}

/* NULL is also what the link of a suspended generator says. A generator that was resumed only
 * between the copies would look like a whole stack of its own, so from 3.12 on a stack must end
 * where stacks end: at an entry frame, from 3.15 on at the thread's sentinel. For older versions
 * the caller looks at the kind of the outermost code (watch.c). */
static bool ends_properly(const struct stack *stack, const struct chain *chain, uint64_t end)
{
    const struct pyabi *abi = stack->abi;
    if (abi->tstate.base_frame != PYABI_NONE)
        return end != 0;
    return abi->version_hex < 0x030c0000 || chain->last_is_boundary;
}

bool stack_append_frame(struct chain *chain, const struct pyabi *abi, const uint8_t *at,
                        uint64_t address)
{
    if (!stack_ensure(chain->frames, *chain->count, chain->capacity, sizeof **chain->frames,
                      STACK_MAX_FRAMES))
        return false;
    load_frame(abi, at, address, &(*chain->frames)[(*chain->count)++]);
    chain->last_frame = address;
    return true;
}

/* Follows the links of one copy from `address` on, and adds what it finds to the chain. */
enum chain_end stack_follow_on(struct stack *stack, const struct gather *gather, uint64_t address,
                               struct chain *chain)
{
    const struct pyabi *abi = stack->abi;
    uint32_t size = stack_frame_size(abi), steps = 0;
    uint64_t mark = 0; /* the frame met at the last power of two steps: met again, it is a ring */
    while (!stack_is_end(stack, address)) {
        struct view view;
        if (++steps > STACK_MAX_FRAMES || address & 7 || address == mark)
            return CHAIN_BROKEN;
        if ((steps & (steps - 1)) == 0)
            mark = address;
        if (is_base_shim(stack, address, chain->last))
            return CHAIN_WHOLE;
        if (!stack_view_find(stack, gather, address, size, &view)) {
            chain->missing = address;
            return CHAIN_MISSES;
        }
        bool is_same = same_frame(abi, &view, *chain->count == 0);
        if (!is_same)
            chain->all_equal = false;
        const uint8_t *at = chain->use_second ? view.second : view.first;
        if (!stack_is_boundary(abi, at) && !stack_append_frame(chain, abi, at, address))
            return CHAIN_BROKEN;
        chain->sure = is_same ? chain->sure + !stack_is_boundary(abi, at) : 0;
        chain->last = address;
        chain->last_is_boundary = stack_is_boundary(abi, at);
        address = load_u64(at, abi->frame.previous);
    }
    return ends_properly(stack, chain, address) ? CHAIN_WHOLE : CHAIN_BROKEN;
}

enum chain_end stack_follow(struct stack *stack, const struct gather *gather, uint64_t head,
                            struct chain *chain)
{
    *chain->count = 0;
    chain->all_equal = true;
    chain->sure = 0;
    chain->last = chain->last_frame = 0;
    return stack_follow_on(stack, gather, head, chain);
}

/* Keeps only what both copies' chains have in common, counted from the outermost frame. */
static void keep_common_outer(struct stack *stack)
{
    uint32_t common = 0;
    while (common < stack->frame_count && common < stack->other_count) {
        const struct raw_frame *a = &stack->frames[stack->frame_count - 1 - common];
        const struct raw_frame *b = &stack->other[stack->other_count - 1 - common];
        if (a->address != b->address || a->code != b->code)
            break;
        common++;
        if (a->instr != b->instr)
            break; /* still in this function, but not in the same call */
    }
    memmove(stack->frames, stack->frames + (stack->frame_count - common),
            common * sizeof *stack->frames);
    stack->frame_count = common;
}

/* ---- when the prediction misses ------------------------------------------------------------ */

/* Reads frames one by one from `address` on, to learn where they are, and adds them to the chain
 * (NULL: only learns). Returns the address where it ended. */
uint64_t stack_chase(struct stack *stack, struct target *target, uint64_t address,
                     struct chain *chain)
{
    const struct pyabi *abi = stack->abi;
    uint8_t bytes[512];
    uint32_t size = stack_frame_size(abi);
    bool one_by_one = abi->stack == PYABI_STACK_FRAMEOBJECT;
    for (uint32_t i = 0; i < (one_by_one ? STACK_MAX_FRAMES : CHASE_MAX); i++) {
        if (stack_is_end(stack, address) || address & 7 || size > sizeof bytes)
            return address;
        if (target_read(target, (struct raddr){address}, bytes, size) < 0)
            return 0;
        uint64_t previous = load_u64(bytes, abi->frame.previous);
        if (stack_is_boundary(abi, bytes) && stack_is_end(stack, previous))
            stack->base_shim = address;
        if (one_by_one && i > 0 && stack_knows_extra(stack, address))
            return address; /* its callers were learned with it; if not, the next look tells */
        stack_remember_extra(stack, address, size);
        if (chain && !stack_is_boundary(abi, bytes))
            stack_append_frame(chain, abi, bytes, address);
        if (chain) {
            chain->sure = 0;
            chain->last = address;
            chain->last_is_boundary = stack_is_boundary(abi, bytes);
        }
        address = previous;
        if (!one_by_one)
            return address; /* the callers are probably in the chunk */
    }
    return address;
}

static bool set_chunks(struct stack *stack, struct target *target, uint64_t innermost, uint64_t top)
{
    const struct pyabi *abi = stack->abi;
    uint64_t header[3] = {0};
    uint32_t count = 0;
    struct stack_chunk found[STACK_MAX_CHUNKS];
    for (uint64_t at = innermost; at && count < STACK_MAX_CHUNKS; count++) {
        if (at & 7 || target_read(target, (struct raddr){at}, header, sizeof header) < 0)
            return false;
        uint64_t used = top > at ? top - at : 0;
        if (count > 0)
            used = (uint64_t)abi->chunk.data + 8 * load_u64((uint8_t *)header, abi->chunk.top);
        if (used > CHUNK_USED_MAX)
            return false;
        found[count] = (struct stack_chunk){at, (uint32_t)used};
        at = load_u64((uint8_t *)header, abi->chunk.previous);
    }
    stack->chunk_count = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (!stack_ensure(&stack->chunks, stack->chunk_count, &stack->chunk_capacity,
                          sizeof *stack->chunks, STACK_MAX_CHUNKS))
            return false;
        stack->chunks[stack->chunk_count++] = found[i];
    }
    return true;
}

/* Brings the predicted chunks in line with what the thread state said. True: they were right. */
static bool check_chunks(struct stack *stack, struct target *target, const uint8_t *head)
{
    const struct pyabi *abi = stack->abi;
    if (abi->tstate.datastack_chunk == PYABI_NONE)
        return true;
    uint64_t innermost = load_u64(head, abi->tstate.datastack_chunk);
    uint64_t top = load_u64(head, abi->tstate.datastack_top);
    if (!innermost)
        return true;
    if (top < innermost || top - innermost > CHUNK_USED_MAX)
        top = innermost + (uint64_t)abi->chunk.data;
    struct stack_chunk *last = stack->chunk_count ? &stack->chunks[stack->chunk_count - 1] : NULL;
    if (last && last->address == innermost) {
        uint32_t used = (uint32_t)(top - innermost);
        if (used <= last->used) {
            /* Shrink slowly: a stack that goes up and down should not miss each time. */
            if (last->used > used + 4 * CHUNK_SLACK)
                last->used -= CHUNK_SLACK;
            return true;
        }
        last->used = used + CHUNK_SLACK;
        return false;
    }
    set_chunks(stack, target, innermost, top + CHUNK_SLACK);
    return false;
}

/* ---- one look ------------------------------------------------------------------------------ */

static void load_head(struct stack *stack, const uint8_t *at)
{
    const struct pyabi *abi = stack->abi;
    struct stack_head *head = &stack->head;
    head->interp = load_u64(at, abi->tstate.interp);
    head->next = load_u64(at, abi->tstate.next);
    head->prev = abi->tstate.prev == PYABI_NONE ? 0 : load_u64(at, abi->tstate.prev);
    head->thread_id = load_u64(at, abi->tstate.thread_id);
    head->native_thread_id =
        abi->tstate.native_thread_id == PYABI_NONE ? 0 : load_u64(at, abi->tstate.native_thread_id);
    head->knows_gil = abi->tstate.holds_gil != PYABI_NONE && !abi->free_threaded;
    head->holds_gil = head->knows_gil && load_i32(at, abi->tstate.holds_gil) != 0;
    head->base_frame =
        abi->tstate.base_frame == PYABI_NONE ? 0 : load_u64(at, abi->tstate.base_frame);
    head->frame = load_u64(at, abi->tstate.frame);
    head->top =
        abi->tstate.datastack_top == PYABI_NONE ? 0 : load_u64(at, abi->tstate.datastack_top);
}

/* The cframe's entry, made in place of the one not met for longer when it is new. */
static struct stack_cframe *meet_cframe(struct stack *stack, uint64_t address)
{
    struct stack_cframe *list = stack->cframes;
    int at = list[0].address == address   ? 0
             : list[1].address == address ? 1
                                          : list[1].last_used < list[0].last_used;
    if (list[at].address != address)
        list[at] = (struct stack_cframe){.address = address, .piece = GATHER_NONE};
    list[at].last_used = stack->round;
    return &list[at];
}

/* 3.11/3.12: the frame hangs on a cframe. False: it was not read along, or another was in use
 * before the end; then the frame is a moment too old or too new. */
static bool resolve_cframe(struct stack *stack, const struct gather *gather, struct target *target)
{
    uint64_t address = stack->head.frame, frame = 0;
    const uint8_t *again = gather_get(gather, stack->head_again_piece);
    uint64_t address_again = again ? load_u64(again, stack->abi->tstate.frame) : 0;
    int32_t offset = stack->abi->cframe.current_frame;
    stack->head.frame = 0;
    if (address_again && address_again != address)
        meet_cframe(stack, address_again);
    if (!address)
        return true;
    const uint8_t *at = gather_get(gather, meet_cframe(stack, address)->piece);
    if (at)
        frame = load_u64(at, offset);
    else
        target_read(target, (struct raddr){address + (uint64_t)offset}, &frame, sizeof frame);
    stack->head.frame = frame;
    return at && address_again == address;
}

/* Where frames begin in the innermost chunk, innermost first. */
static void note_slots(struct stack *stack)
{
    if (!stack->chunk_count)
        return;
    const struct stack_chunk *chunk = &stack->chunks[stack->chunk_count - 1];
    stack->slot_count = 0;
    for (uint32_t i = 0; i < stack->frame_count && stack->slot_count < STACK_MAX_SLOTS; i++)
        if (stack->frames[i].address - chunk->address < chunk->used)
            stack->slots[stack->slot_count++] = stack->frames[i].address;
}

static enum stack_result compare(struct stack *stack, const struct gather *gather,
                                 struct target *target)
{
    struct chain chain = {
        .frames = &stack->frames, .count = &stack->frame_count, .capacity = &stack->frame_capacity};
    enum chain_end end = stack_follow(stack, gather, stack->head.frame, &chain);
    if (end == CHAIN_MISSES && chain.all_equal) {
        stack_see_missing(stack, gather, target, &chain);
        return STACK_AGAIN;
    }
    if (end == CHAIN_WHOLE && chain.all_equal) {
        if (stack->extra_count)
            stack_touch_extras(stack);
        stack->outermost = chain.last_frame;
        note_slots(stack);
        return stack->frame_count ? STACK_EXACT : STACK_EMPTY;
    }
    struct chain second = {.frames = &stack->other,
                           .count = &stack->other_count,
                           .capacity = &stack->other_capacity,
                           .use_second = true};
    enum chain_end second_end = stack_follow(stack, gather, stack->head.frame, &second);
    bool is_first = !stack->sight.chain_count;
    if (is_first)
        stack_see_torn(stack, gather, target, &chain, end, &second, second_end);
    if (end == CHAIN_WHOLE && second_end == CHAIN_WHOLE) {
        keep_common_outer(stack);
        const struct sight_chain *seen = &stack->sight.chains[0];
        if (is_first && seen->whole && stack->frame_count > stack->sight.sure &&
            stack->frame_count <= seen->count)
            stack->sight.sure = stack->frame_count;
    } else {
        stack->frame_count = 0;
    }
    if (end == CHAIN_MISSES)
        stack_chase(stack, target, chain.missing, NULL);
    else if (second_end == CHAIN_MISSES)
        stack_chase(stack, target, second.missing, NULL);
    return STACK_TORN;
}

enum stack_result stack_walk(struct stack *stack, const struct gather *gather,
                             struct target *target)
{
    stack->frame_count = 0;
    const uint8_t *head = gather_get(gather, stack->head_piece);
    if (!head)
        return STACK_BAD;
    load_head(stack, head);
    bool cframe_known =
        stack->abi->stack != PYABI_STACK_CFRAME || resolve_cframe(stack, gather, target);
    if (cframe_known && stack_is_end(stack, stack->head.frame))
        return STACK_EMPTY;
    bool chunks_known = check_chunks(stack, target, head);
    if (!chunks_known)
        return STACK_AGAIN;
    for (uint32_t i = 0; i < stack->region_count; i++)
        if (!gather_get(gather, stack->regions[i].first) ||
            !gather_get(gather, stack->regions[i].second)) {
            /* Something remembered is unmapped now. Start the prediction afresh. */
            stack->extra_count = 0;
            stack->chunk_count = 0;
            return STACK_AGAIN;
        }
    if (!cframe_known) {
        stack_see_unsure(stack, gather, target);
        return STACK_AGAIN;
    }
    return compare(stack, gather, target);
}

/* The thread state is read at the instant itself, or, where a cframe is (3.11, 3.12), on both sides
 * of it. */
bool stack_context(const struct stack *stack, const struct gather *gather, uint64_t *context)
{
    int32_t offset = stack->abi->tstate.context;
    const uint8_t *head = gather_get(gather, stack->head_piece);
    if (!head || offset == PYABI_NONE || (uint32_t)offset + 8 > stack->head_size)
        return false;
    *context = load_u64(head, offset);
    if (stack->abi->stack != PYABI_STACK_CFRAME)
        return true;
    const uint8_t *again = gather_get(gather, stack->head_again_piece);
    return again && load_u64(again, offset) == *context;
}
