/* SPDX-License-Identifier: MIT */
/* process.h - one Python process under observation: its threads, and a round over them.
 *
 * A round decides which threads to look at, reads them all in one vectored call, proves the stacks
 * and adds them to the profile (docs/design/0001-sampler.md). It never stops the process unless
 * `blocking` was asked for.
 *
 * Ownership: process_new() takes the target and closes it in process_free(). The profile is
 * borrowed. Threads:   one thread at a time, with `blocking` always the same one (ptrace).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/pystack.h"
#include "model/profile.h"
#include "target/target.h"
#include "unwind/code.h"

struct collect;
struct err;
struct process;

#define PROCESS_REQUEST_UNKNOWN UINT64_MAX

struct process_options {
    bool idle;         /* sleeping threads too */
    bool gil;          /* only the holder of a GIL */
    bool thread_roots; /* a root frame per thread */
    bool process_root; /* a root frame for the process */
    bool blocking;     /* stop each thread while it is read */
    bool requests;     /* say which request a thread works on, where an agent is in the process */
    struct code_options code;
};

/* What happened in one round, for whoever shows or streams it. */
struct process_sighting {
    uint32_t thread; /* of the profile */
    uint32_t node;
    bool partial;
    bool idle;
    bool holds_gil;
    uint64_t thread_id; /* pthread_self() of the target: Python's ident */
    const struct raw_frame
        *frames; /* innermost first; until the next round; all of them only when not partial */
    uint32_t frame_count;
    uint64_t mono_ns; /* of the round, or of the instant at which the kernel took it */
    uint64_t
        cpu_ns; /* what a sample of the kernel stands for; 0: the time since the round before */
    struct collect *agent; /* NULL: none, or `requests` was not asked for */
    uint64_t request;      /* id, in this agent; 0: none; PROCESS_REQUEST_UNKNOWN: not proven */
    uint32_t request_slot; /* where it may be found while it lives */
};

typedef void process_sighting_fn(void *context, const struct process_sighting *sighting);

int process_new(struct target *target, struct profile *profile,
                const struct process_options *options, struct process **out, struct err *err);
void process_free(struct process *process); /* NULL is fine */

/* One look at all threads. `mono_ns` is now; every stack found is handed to `see`.
 * Returns the number of stacks, or ERR_GONE (exited, or became another program by exec),
 * ERR_DENIED, ERR_NO_MEMORY. */
int process_round(struct process *process, uint64_t mono_ns, process_sighting_fn *see,
                  void *context);

/* ---- stacks that the kernel takes (bpf/pystack.h) ---- */

/* What the kernel program has to know. False: this process cannot be sampled that way
 * (free-threaded). */
bool process_kernel_config(const struct process *process, struct pystack_config *out);
/* Looks whether it is still there and what threads it has; due between drains. 0 or as
 * process_round(). */
int process_listen(struct process *process, uint64_t mono_ns);
/* One stack that the kernel took: 1 handed over, 0 not (its thread or interpreter is not known). */
int process_take(struct process *process, const struct pystack_sample *sample,
                 process_sighting_fn *see, void *context);
/* Samples come from the kernel; set by whoever started that. */
void process_set_by_kernel(struct process *process, bool by_kernel);
bool process_is_by_kernel(const struct process *process);

struct target *process_target(struct process *process); /* borrowed */
uint32_t process_thread_count(const struct process *process);

/* The longest a thread has been kept stopped (blocking), and in total. */
uint64_t process_stopped_ns(const struct process *process);

/* With `requests`: what the process's agent shares, borrowed until the process is freed; NULL: it
 * has none (yet). */
struct collect *process_agent(struct process *process);
/* Takes note of the requests that have ended: collect_find() knows them then. Use this instead of
 * collect_drain(). */
void process_drain(struct process *process);
