/* SPDX-License-Identifier: MIT */
#include "sampler/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void watch_init(struct watch *watch, const struct pyabi *abi, uint64_t tstate)
{
    *watch = (struct watch){.node = PROFILE_NONE, .thread = PROFILE_NONE};
    stack_init(&watch->stack, abi, tstate);
}

void watch_done(struct watch *watch)
{
    stack_done(&watch->stack);
    if (watch->has_task)
        task_close(&watch->task);
    free(watch->steps);
    *watch = (struct watch){0};
}

/* ---- does it run --------------------------------------------------------------------------- */

enum watch_state watch_look(struct watch *watch, uint64_t mono_ns)
{
    if (!watch
             ->has_task) /* a tid that is not one of this process: between fork or vfork and exec */
        return watch->tid > 0 ? WATCH_GONE : WATCH_UNKNOWN;
    if (watch->held_gil && mono_ns < watch->running_until_ns)
        return WATCH_RUNNING;
    uint64_t cpu_ns, wait_ns, switches;
    int result = task_schedstat(&watch->task, &cpu_ns, &wait_ns, &switches);
    if (result == ERR_GONE)
        return watch->state = WATCH_GONE;
    /* Asleep then, and not scheduled in since: it has not run. */
    if (result == 0 && watch->state == WATCH_ASLEEP && switches == watch->switches)
        return WATCH_ASLEEP;
    char letter;
    result = task_state(&watch->task, &letter);
    if (result == ERR_GONE)
        return watch->state = WATCH_GONE;
    if (result < 0)
        return watch->state = WATCH_UNKNOWN;
    if (letter == 'R') {
        watch->running_until_ns = mono_ns + WATCH_TRUST_NS;
        return watch->state = WATCH_RUNNING;
    }
    watch->stack_is_fresh = false;
    watch->switches = switches;
    return watch->state = WATCH_ASLEEP;
}

/* ---- stack to node ------------------------------------------------------------------------- */

#define CODE_AGE_NS 5000000u /* code of real files is looked at again after so long */

static bool same_raw(const struct raw_frame *a, const struct raw_frame *b)
{
    return a->code == b->code && a->instr == b->instr && a->address == b->address &&
           a->tlbc_index == b->tlbc_index && a->identity == b->identity;
}

static bool ensure_steps(struct watch *watch, uint32_t need)
{
    if (need <= watch->step_capacity)
        return true;
    uint32_t capacity = watch->step_capacity ? watch->step_capacity : 32;
    while (capacity < need)
        capacity *= 2;
    void *moved = realloc(watch->steps, capacity * sizeof *watch->steps);
    if (!moved)
        return false;
    watch->steps = moved;
    watch->step_capacity = capacity;
    return true;
}

/* How many outer frames are the same as in the last accepted stack. */
static uint32_t common_with_last(struct watch *watch, const struct code_cache *codes)
{
    if (watch->epoch != codes->epoch) {
        watch->epoch = codes->epoch;
        watch->step_count = 0;
    }
    const struct stack *stack = &watch->stack;
    uint32_t count = 0;
    while (count < watch->step_count && count < stack->frame_count &&
           same_raw(&watch->steps[count].frame, &stack->frames[stack->frame_count - 1 - count]))
        count++;
    return count;
}

static const struct raw_frame *outer_frame(const struct stack *stack, uint32_t depth)
{
    return &stack->frames[stack->frame_count - 1 - depth];
}

static uint64_t edge_id(const struct raw_frame *caller, const struct raw_frame *callee)
{
    uint64_t site = caller ? map_mix(caller->code + map_mix(caller->instr)) : 1;
    return site ^ callee->code;
}

/* In how many readings before this one, without a gap, the call was there. */
static uint32_t readings_before(const struct watch *watch, uint64_t id)
{
    for (uint32_t i = 0; i < watch->edge_count; i++)
        if (watch->edges[i].id == id)
            return watch->edges[i].readings;
    return 0;
}

/* In how many rounds a call must have shown itself. Up to 3.10 a reading takes longer than many
 * calls and coincidences are more frequent; but then even the right call may never show in readings
 * in a row, so no kind waits for that alone. */
static uint32_t rounds_wanted(enum code_edge known, bool is_old)
{
    switch (known) {
    case CODE_EDGE_NEW:
        return is_old ? 3 : 2;
    case CODE_EDGE_SURPRISING:
        return is_old ? 4 : 3;
    default:
        return is_old ? 6 : UINT32_MAX;
    }
}

/* Has this call been shown often enough by now? */
static bool is_believed(const struct watch *watch, struct code_cache *codes, enum code_edge known,
                        const struct watch_edge *edge, const struct raw_frame *caller,
                        const struct raw_frame *callee)
{
    if (edge->readings >= WATCH_EDGE_READINGS + (known != CODE_EDGE_NEW))
        return true;
    bool is_old = watch->stack.abi->stack == PYABI_STACK_FRAMEOBJECT;
    /* Readings of one round are no independent witnesses: only the first that shows it counts. */
    return edge->readings == 1 &&
           code_edge_note(codes, caller, callee) >= rounds_wanted(known, is_old);
}

/* Looks at the calls from depth `from` on that are not known yet, and learns those that are
 * believed. Returns the depth of the first callee that is not, or the depth of the stack. The
 * outermost frame counts as called by nobody. */
static uint32_t confirm_edges(struct watch *watch, struct code_cache *codes, uint32_t from,
                              bool may_learn)
{
    const struct stack *stack = &watch->stack;
    struct watch_edge found[WATCH_EDGES_MAX];
    uint32_t found_count = 0, first_unconfirmed = stack->frame_count;
    for (uint32_t depth = from; depth < stack->frame_count; depth++) {
        const struct raw_frame *caller = depth ? outer_frame(stack, depth - 1) : NULL;
        const struct raw_frame *callee = outer_frame(stack, depth);
        enum code_edge known = code_edge_look(codes, caller, callee);
        if (known == CODE_EDGE_KNOWN)
            continue;
        struct watch_edge edge = {.id = edge_id(caller, callee)};
        edge.readings = readings_before(watch, edge.id) + 1;
        if (may_learn && is_believed(watch, codes, known, &edge, caller, callee)) {
            code_edge_learn(codes, caller, callee);
            continue;
        }
        if (first_unconfirmed == stack->frame_count)
            first_unconfirmed = depth;
        if (found_count < WATCH_EDGES_MAX)
            found[found_count++] = edge;
    }
    if (may_learn) {
        memcpy(watch->edges, found, found_count * sizeof *found);
        watch->edge_count = found_count;
    }
    return first_unconfirmed;
}

static uint32_t special_node(struct profile *profile, uint32_t parent, const char *name,
                             enum frame_kind kind)
{
    struct profile_frame frame = {.name = profile_cstring(profile, name), .kind = kind};
    uint32_t id = profile_frame(profile, &frame);
    return id == PROFILE_NONE ? PROFILE_NONE : profile_node(profile, parent, id);
}

/* Nodes for the outer `depth` frames; the first `common` are those of the last stack. */
static uint32_t make_nodes(struct watch *watch, struct code_cache *codes, struct profile *profile,
                           uint32_t common, uint32_t depth)
{
    uint32_t node = common ? watch->steps[common - 1].node : watch->root;
    for (uint32_t at = common; at < depth; at++) {
        const struct raw_frame *raw = outer_frame(&watch->stack, at);
        uint32_t frame = code_frame(codes, raw);
        uint32_t child = frame == PROFILE_NONE ? node : profile_node(profile, node, frame);
        if (child != PROFILE_NONE)
            node = child;
        watch->steps[at] = (struct watch_step){*raw, node};
    }
    watch->step_count = depth;
    return node;
}

bool watch_lost_end(const struct watch *watch, struct code_cache *codes)
{
    const struct stack *stack = &watch->stack;
    return stack->frame_count &&
           !(watch->step_count && watch->epoch == codes->epoch &&
             same_raw(&watch->steps[0].frame, outer_frame(stack, 0))) &&
           code_is_generator(codes, outer_frame(stack, 0));
}

enum watch_verdict watch_accept(struct watch *watch, struct code_cache *codes,
                                struct profile *profile, bool proven, bool last_try)
{
    struct stack *stack = &watch->stack;
    uint32_t common = common_with_last(watch, codes);
    uint32_t depth = stack->frame_count;
    if (!proven && watch_lost_end(watch, codes))
        depth = stack->frame_count = 0;
    if (common < depth)
        depth = confirm_edges(watch, codes, common, proven);
    bool whole = proven && depth == stack->frame_count;
    if (!whole && !last_try)
        return WATCH_RETRY;
    watch->edge_count = 0;
    if (!ensure_steps(watch, stack->frame_count + 1))
        return WATCH_ACCEPTED;
    if (common > depth)
        common = depth;
    uint32_t node = make_nodes(watch, codes, profile, common, depth);
    watch->partial = !whole;
    if (watch->partial)
        node = special_node(profile, node, "<changing>", FRAME_CHANGING);
    watch->node = node;
    return WATCH_ACCEPTED;
}

void watch_take(struct watch *watch, struct code_cache *codes, struct profile *profile)
{
    const struct stack *stack = &watch->stack;
    uint32_t common = common_with_last(watch, codes), depth = common;
    /* While a generator is being resumed or yields, there are instructions between the store that
     * makes its frame the innermost and the one that links it to its caller. */
    bool is_linked =
        !stack->frame_count || common || !code_is_generator(codes, outer_frame(stack, 0));
    while (is_linked && depth < stack->frame_count &&
           code_is_same(codes, outer_frame(stack, depth)))
        depth++;
    if (watch->epoch != codes->epoch) /* code was replaced: nodes remembered may be another's */
        common = common_with_last(watch, codes);
    if (!ensure_steps(watch, stack->frame_count + 1))
        return;
    watch->node = make_nodes(watch, codes, profile, common, depth);
    watch->partial = depth < stack->frame_count;
    if (watch->partial)
        watch->node = special_node(profile, watch->node, "<changing>", FRAME_CHANGING);
}

/* ---- code that comes and goes -------------------------------------------------------------- */

static uint64_t skeleton(const struct stack *stack)
{
    uint64_t hash = stack->frame_count;
    for (uint32_t i = 0; i < stack->frame_count; i++)
        hash = map_mix(hash + map_mix(stack->frames[i].address) + stack->frames[i].code);
    return hash | 1;
}

bool watch_code_is_certain(struct watch *watch, struct code_cache *codes, uint64_t mono_ns)
{
    const struct stack *stack = &watch->stack;
    if (!stack->frame_count)
        return true;
    uint64_t now = skeleton(stack);
    if (watch->checked_skeleton == now) /* a look now would be one too late */
        return true;
    enum code_verdict verdict =
        code_check(codes, stack->frames, stack->frame_count, mono_ns, CODE_AGE_NS);
    watch->checked_skeleton = verdict == CODE_FLEETING ? now : 0;
    if (verdict == CODE_CHANGED)
        watch->edge_count = 0;
    return verdict == CODE_FINE;
}

void watch_drop_fleeting(struct watch *watch, struct code_cache *codes)
{
    struct stack *stack = &watch->stack;
    uint32_t depth = 0;
    while (depth < stack->frame_count && !code_is_fleeting(codes, outer_frame(stack, depth)))
        depth++;
    memmove(stack->frames, stack->frames + (stack->frame_count - depth),
            depth * sizeof *stack->frames);
    stack->frame_count = depth;
}
