/* SPDX-License-Identifier: MIT */
/* task.h - what the kernel counts per thread, cheap enough to ask at every sample.
 *
 * Two files per thread stay open and are read again from their start: `schedstat` (0.3 us) and
 * `stat` (0.9 us; only its state letter is used, and it is opened when first asked for).
 *
 * Two traps. The CPU time of a thread that is *running* is only brought up to date by the
 * scheduler's tick, so "unchanged" alone does not mean idle. `switches` counts how often the
 * thread was given a CPU: a thread once seen asleep whose count has not moved has not run since.
 *
 * Ownership: task_open() on caller's storage, task_close() ends it.
 * Cost:      one pread each, no allocation, no message.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct task {
    pid_t pid, tid;            /* of the host's view */
    int schedstat_fd, stat_fd; /* -1: not open */
};

/* 0, ERR_GONE, ERR_LIMIT (too many open files), ERR_IO (a kernel without schedstat). */
int task_open(struct task *task, pid_t pid, pid_t tid);
void task_close(struct task *task);

/* Time on a CPU, time waiting for one, and times given one, since the thread began.
 * 0, ERR_GONE when the thread has exited, ERR_IO. */
int task_schedstat(struct task *task, uint64_t *cpu_ns, uint64_t *wait_ns, uint64_t *switches);

/* 'R' running or runnable, 'S' 'D' asleep, 'T' 't' stopped, ... 0, ERR_GONE, ERR_LIMIT, ERR_IO. */
int task_state(struct task *task, char *state);

/* The thread's name as the kernel knows it (15 characters). 0, ERR_GONE. */
int task_name(pid_t pid, pid_t tid, char out[16]);
