/* SPDX-License-Identifier: MIT */
/* context.h - which request a thread is working on, read from outside.
 *
 * The agent keeps the current request in a ContextVar, so it hangs on the thread state's context
 * (context.c draws the way). context_plan() adds the pieces that led there last time to a gather;
 * context_walk() looks at what came, and reads one by one what was not foreseen. Pure but for those
 * reads; knows nothing of agents but the addresses it is given.
 *
 * Nothing that is read is believed: every pointer is aligned, every object has the type it should
 * have, every loop is bounded. What the answer proves about an instant is the caller's business
 * (sampler/join.c): `current` and `known` are what it needs for that.
 *
 * Ownership: caller's storage, contexts_init / contexts_done; the target is borrowed.
 * Cost:      five pieces in a gather when nothing has changed; four reads more when it has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "target/target.h"
#include "unwind/gather.h"

#define CONTEXT_MAX_LEVELS 9u   /* of the tree: 32 bits of hash, 5 a level, and collisions */
#define CONTEXT_MAX_KNOWN 8192u /* contexts remembered; then all are forgotten */
#define CONTEXT_MAX_OUTER 4u    /* requests within requests */
#define CONTEXT_MAX_HEADER 64u  /* bytes of an object's header */

/* What the agent says about its variable (struct agent_header). */
struct context_variable {
    uint64_t address;
    uint64_t hash;
    uint64_t request_type;
    uint32_t object_header_bytes;
    /* Does the request of this id live, as far as its slot can tell? */
    bool (*is_live)(void *context, uint64_t id, uint32_t slot);
    void *context;
};

struct context_path;

struct contexts {
    struct target *target;
    struct context_variable variable;
    uint64_t types[4]; /* learnt: addresses of the types of the tree */
    struct map index;  /* context → paths */
    struct context_path *paths;
    uint32_t count, capacity;
};

enum context_result {
    CONTEXT_NONE,    /* no request is current in this context */
    CONTEXT_REQUEST, /* `id` is */
    CONTEXT_BAD,     /* it moved, or makes no sense */
};

/* One look at one thread. */
struct context_look {
    uint64_t tstate, context;

    uint64_t id; /* of the request; 0: none */
    uint32_t slot;
    bool current; /* when all had been read the thread still was in this context, and the context
                     had the same values */
    bool known;   /* an earlier look found the same in this context */
    bool passed;  /* over something that has ended */

    /* private */
    uint32_t path;        /* of an earlier look at this context; UINT32_MAX: none */
    uint32_t first_piece; /* of the path's steps, then the two that come last */
};

void contexts_init(struct contexts *contexts, struct target *target,
                   const struct context_variable *variable);
void contexts_done(struct contexts *contexts);

/* Begins a look at what `context`, just seen in `tstate`, holds. 0 or ERR_LIMIT. */
int context_plan(struct contexts *contexts, struct gather *gather, uint64_t tstate,
                 uint64_t context, struct context_look *look);

/* After gather_run(). */
enum context_result context_walk(struct contexts *contexts, const struct gather *gather,
                                 struct context_look *look);
