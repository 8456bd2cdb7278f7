/* SPDX-License-Identifier: MIT */
/* join.c - what makes a request the one of a sample.
 *
 * The thread state says, in the same reading as the innermost frame, which context was current at
 * the instant T of a sample. What the context held is read afterwards, some microseconds later, and
 * by then it may have been changed, left, or freed and its address used again. So the answer of the
 * later look L counts only when it must have been true at T, too:
 *
 *   a request was found    and the same was found in this context before T: requests begin once and
 *                          end once, so it was there all the time; or the thread is still in the
 *                          context at L, and the request says that it began before T. Where it was
 *                          found behind one that has ended, none may have ended since T
 *   no request was found   and no request of the process has ended between T and L; and the thread
 *                          is still in the context at L, or nothing was there before T either
 *
 * Else the request is unknown; so it is when more than WINDOW_NS lie between T and L, because then
 * even a context may have gone and come back. Unknown is rare (a few in a thousand) and counted by
 * whoever uses it; reading again instead would favour tasks that run for long.
 */
#include "sampler/join.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "collect/collect.h"
#include "sampler/process.h"
#include "unwind/context.h"

#define WINDOW_NS 500000u

struct join {
    struct target *target;
    struct collect *collect; /* NULL: no agent found yet */
    struct contexts contexts;
    struct gather gather;
    struct context_look *looks;
    uint32_t look_capacity;
    uint64_t retry_ns, pause_ns;
    uint64_t last_end_ns; /* the latest end of a request that is known */
};

struct join *join_new(struct target *target)
{
    struct join *join = calloc(1, sizeof *join);
    if (!join)
        return NULL;
    join->target = target;
    gather_init(&join->gather);
    join_refresh(join, clock_mono_ns());
    return join;
}

static void let_go(struct join *join)
{
    if (join->collect)
        contexts_done(&join->contexts);
    collect_close(join->collect);
    join->collect = NULL;
}

void join_free(struct join *join)
{
    if (!join)
        return;
    let_go(join);
    gather_done(&join->gather);
    free(join->looks);
    free(join);
}

struct collect *join_agent(struct join *join)
{
    return join->collect;
}

static void note_end(void *context, const struct agent_record *record)
{
    struct join *join = context;
    uint64_t end_ns = record->as.span.start_ns + record->as.span.duration_ns;
    if (record->kind == AGENT_RECORD_REQUEST && end_ns > join->last_end_ns)
        join->last_end_ns = end_ns;
}

void join_drain(struct join *join)
{
    if (join->collect)
        collect_drain(join->collect, note_end, join);
}

/* One that found no slot is believed to live as long as its object says so. */
static bool is_live(void *context, uint64_t id, uint32_t slot)
{
    struct join *join = context;
    struct collect_request request;
    return slot == AGENT_NONE || collect_slot(join->collect, slot, id, &request);
}

void join_refresh(struct join *join, uint64_t mono_ns)
{
    if (join->collect || mono_ns < join->retry_ns)
        return;
    join->pause_ns = join->pause_ns ? 2 * join->pause_ns : JOIN_RETRY_NS;
    if (join->pause_ns > JOIN_RETRY_MOST_NS)
        join->pause_ns = JOIN_RETRY_MOST_NS;
    join->retry_ns = mono_ns + join->pause_ns;
    if (collect_open(join->target->pid, &join->collect, NULL) < 0) {
        join->collect = NULL;
        return;
    }
    const struct collect_facts *facts = collect_facts(join->collect);
    const struct context_variable variable = {
        .address = facts->context_variable,
        .hash = facts->context_hash,
        .request_type = facts->request_type,
        .object_header_bytes = facts->object_header_bytes,
        .is_live = is_live,
        .context = join,
    };
    struct pyabi *abi = &join->target->abi;
    if (facts->tstate_context >= 0 && facts->tstate_context % 8 == 0 &&
        facts->tstate_context + 8 <= abi->tstate.size)
        abi->tstate.context = facts->tstate_context; /* it has looked at the very process */
    contexts_init(&join->contexts, join->target, &variable);
    join_drain(join);
}

static bool ended_since(struct join *join, uint64_t instant_ns)
{
    join_drain(join);
    return join->last_end_ns >= instant_ns;
}

static bool began_before(struct join *join, const struct context_look *look, uint64_t instant_ns)
{
    struct collect_request request;
    return collect_slot(join->collect, look->slot, look->id, &request) &&
           request.start_ns <= instant_ns;
}

/* See above. */
static uint64_t judge(struct join *join, const struct context_look *look,
                      enum context_result result, uint64_t instant_ns)
{
    bool settled = look->current || look->known;
    if (result == CONTEXT_BAD || !settled || clock_mono_ns() - instant_ns > WINDOW_NS)
        return PROCESS_REQUEST_UNKNOWN;
    if ((result == CONTEXT_NONE || look->passed) && ended_since(join, instant_ns))
        return PROCESS_REQUEST_UNKNOWN;
    if (result == CONTEXT_NONE)
        return 0;
    return look->known || began_before(join, look, instant_ns) ? look->id : PROCESS_REQUEST_UNKNOWN;
}

static bool ensure_looks(struct join *join, uint32_t count)
{
    if (count <= join->look_capacity)
        return true;
    void *moved = realloc(join->looks, 2 * (size_t)count * sizeof *join->looks);
    if (!moved)
        return false;
    join->looks = moved;
    join->look_capacity = 2 * count;
    return true;
}

void join_threads(struct join *join, struct watch **watches, const uint32_t *pending,
                  uint32_t count, const struct gather *stacks)
{
    if (!join->collect || !count || !ensure_looks(join, count))
        return;
    gather_reset(&join->gather);
    for (uint32_t i = 0; i < count; i++) {
        struct watch *watch = watches[pending[i]];
        struct context_look *look = &join->looks[i];
        uint64_t context = 0;
        watch->request = PROCESS_REQUEST_UNKNOWN;
        *look = (struct context_look){0};
        if (join->contexts.variable.address && stack_context(&watch->stack, stacks, &context))
            context_plan(&join->contexts, &join->gather, watch->stack.tstate, context, look);
    }
    if (gather_run(&join->gather, join->target) < 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct watch *watch = watches[pending[i]];
        struct context_look *look = &join->looks[i];
        if (!look->tstate)
            continue;
        enum context_result result = context_walk(&join->contexts, &join->gather, look);
        watch->request = judge(join, look, result, stacks->began_ns);
        watch->request_slot = look->slot;
    }
}
