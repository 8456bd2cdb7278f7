/* SPDX-License-Identifier: MIT */
/* watch.h - one thread under observation: does it run, and which node of the profile is its stack.
 *
 * Ownership: storage of process.c; watch_init / watch_done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/profile.h"
#include "os/task.h"
#include "unwind/code.h"
#include "unwind/stack.h"

/* The holder of the GIL counts as running for so long after the kernel last said so. */
#define WATCH_TRUST_NS 1000000u
#define WATCH_EDGES_MAX 64u
/* A new call is believed when so many readings in a row show it (one more when something else is
 * known of the caller), or enough rounds (watch.c). */
#define WATCH_EDGE_READINGS 3u

enum watch_state { WATCH_UNKNOWN, WATCH_RUNNING, WATCH_ASLEEP, WATCH_GONE };

enum watch_verdict {
    WATCH_ACCEPTED,
    WATCH_RETRY, /* a call never seen before: read again */
};

struct watch_step {
    struct raw_frame frame;
    uint32_t node;
};

/* A call never seen before, and in how many readings one after the other. */
struct watch_edge {
    uint64_t id;
    uint32_t readings;
};

struct watch {
    struct stack stack;
    struct task task;
    bool has_task;
    pid_t tid;       /* host's view; 0 unknown */
    uint32_t interp; /* index in the process's list */
    uint32_t thread; /* of the profile */
    uint32_t root;   /* node under which its stacks hang */
    enum watch_state state;
    uint64_t switches; /* when it was last seen asleep */
    uint64_t running_until_ns;
    bool stack_is_fresh; /* read after it went to sleep: still true while it sleeps */
    bool held_gil;       /* at the last look */
    bool shares_tid;     /* another thread state belongs to the same OS thread */
    uint64_t request;    /* at the last look, as in struct process_sighting; 0 without an agent */
    uint32_t request_slot;
    uint64_t seen_request; /* at the reading that stack.sight is of, as far as there is one */
    uint32_t seen_request_slot;

    struct watch_step *steps; /* last accepted stack, outermost first */
    uint32_t step_count, step_capacity;
    uint64_t epoch; /* code_cache epoch of steps */
    uint32_t node;  /* of the last accepted stack, with its marks */
    bool partial;
    uint64_t seen_until_ns; /* end of the last sample that the kernel took */

    bool torn; /* at the last reading, its copies differed */

    struct watch_edge edges[WATCH_EDGES_MAX]; /* new ones in the reading before this one */
    uint32_t edge_count;
    uint64_t checked_skeleton; /* of the last reading in this round after which its code was found
                                  unchanged; 0: none */
};

void watch_init(struct watch *watch, const struct pyabi *abi, uint64_t tstate);
void watch_done(struct watch *watch);

/* Asks the kernel whether the thread runs, as cheaply as what is known allows. */
enum watch_state watch_look(struct watch *watch, uint64_t mono_ns);

/* The stack just read begins with a generator: it was resumed only between the copies, when its
 * link to the caller was not there yet, or any more. */
bool watch_lost_end(const struct watch *watch, struct code_cache *codes);

/* Turns the stack just read into watch->node. `proven`: STACK_EXACT, else only its outer part is.
 * On the last try pass `last_try`: then calls nobody confirmed are cut off instead of asking for
 * another reading. */
enum watch_verdict watch_accept(struct watch *watch, struct code_cache *codes,
                                struct profile *profile, bool proven, bool last_try);

/* The same for a stack that the kernel took, which is proven as it stands; cut where the code is no
 * more the one that ran. */
void watch_take(struct watch *watch, struct code_cache *codes, struct profile *profile);

/* Is the code of the stack just read what the cache says it is? Looks at what is due. With code on
 * it that may be replaced at any moment, only a second reading of the same stack after such a look
 * makes it certain: false the first time. */
bool watch_code_is_certain(struct watch *watch, struct code_cache *codes, uint64_t mono_ns);

/* Cuts the stack to its outer frames whose code is certain. */
void watch_drop_fleeting(struct watch *watch, struct code_cache *codes);
