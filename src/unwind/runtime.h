/* SPDX-License-Identifier: MIT */
/* runtime.h - the interpreters of a process and their thread states, listed.
 *
 * Cold path: one read per interpreter and per thread state. The sampler lists again when the
 * head of a list has moved, a thread has ended, or a while has passed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

#define RUNTIME_MAX_INTERPRETERS 256u
#define RUNTIME_MAX_THREADS 65536u

struct runtime_interp {
    uint64_t address;
    int64_t id;
    uint64_t threads_head; /* address of its first thread state */
    uint64_t gil;          /* >= 3.12: address of its GIL; else 0 */
};

struct runtime_thread {
    uint64_t tstate;
    uint32_t interp;           /* index */
    uint64_t thread_id;        /* pthread_self() of the target */
    uint64_t native_thread_id; /* 0 up to 3.10 */
};

struct runtime {
    struct runtime_interp *interps;
    struct runtime_thread *threads;
    uint32_t interp_count, interp_capacity;
    uint32_t thread_count, thread_capacity;
};

void runtime_init(struct runtime *runtime);
void runtime_done(struct runtime *runtime);

/* Replaces the lists by what is there now. 0, or ERR_GONE, ERR_DENIED, ERR_TORN (a list made no
 * sense; what was found so far is kept), ERR_NO_MEMORY. */
int runtime_list(struct runtime *runtime, struct target *target);
