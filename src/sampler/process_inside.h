/* SPDX-License-Identifier: MIT */
/* process_inside.h - a process under observation, as process.c and process_kernel.c share it. */
#pragma once

#include "sampler/join.h"
#include "sampler/process.h"
#include "sampler/watch.h"
#include "unwind/gather.h"
#include "unwind/names.h"
#include "unwind/runtime.h"

struct interp_pieces {
    uint32_t threads_head, collecting, gil;
};

struct process {
    struct target *target;
    struct profile *profile;
    struct process_options options;
    struct code_cache *codes;
    struct runtime runtime;
    struct gather gather;
    struct thread_names names;
    struct watch **watches;
    uint32_t watch_count, watch_capacity;
    uint32_t *pending; /* indexes of watches still to be read in this round */
    uint32_t pending_capacity;
    struct interp_pieces *interps; /* per runtime interp */
    uint64_t *heads_seen;          /* threads_head per interp at the last refresh */
    bool *collecting;
    uint64_t *holders; /* tstate holding each interp's GIL, 0: nobody */
    uint32_t interp_capacity;
    uint32_t current_piece, old_collecting_piece;
    uint64_t refresh_ns, refresh_soonest_ns;
    bool refresh_wanted;
    bool by_kernel;
    uint32_t process_root;
    uint64_t stopped_ns;
    uint64_t random;
    struct join *join; /* NULL: nobody wants to know the requests */
};

struct round {
    uint64_t mono_ns;
    uint64_t cpu_ns; /* a sample that the kernel took: what it stands for; else 0 */
    process_sighting_fn *see;
    void *context;
    int stacks;
};

/* Lists interpreters and thread states again. 0 or ERR_GONE, ERR_DENIED, ERR_NO_MEMORY. */
int process_refresh(struct process *process, uint64_t mono_ns);
/* A thread that is in no list (any more) but was seen at work: watched until the next listing.
 * NULL: no room. */
struct watch *process_visit(struct process *process, const struct runtime_thread *thread,
                            pid_t tid);
/* Reads the first `count` pending threads and hands their stacks over; with none, looks only
 * whether the lists moved. */
int process_read_all(struct process *process, uint32_t count, struct round *round);
/* The node of the watch becomes a sample. */
void process_hand_over(struct process *process, struct watch *watch, struct round *round);
