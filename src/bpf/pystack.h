/* SPDX-License-Identifier: MIT */
/* pystack.h - stacks of running threads, taken by the kernel as each thread's timer expires.
 *
 * One kernel program (pystack.bpf.c) for any number of processes. Each thread has a timer on its
 * own CPU time, inherited by the threads it starts; when it expires the program reads the thread's
 * Python stack in place and puts it into a ring that is drained now and then. Needs CAP_BPF and
 * CAP_PERFMON (or root), the first pid namespace, and Linux 5.17 (bpf_loop).
 *
 * Ownership: pystack_open() / pystack_close(); closing ends every timer. Threads: one.
 * Cost:      to us, copying a stack out of the ring; to the process, one interrupt and a few dozen
 * reads per sample (docs/design/0007-kernel-source.md).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/pystack.h"

struct err;
struct pystack;

/* 0, ERR_UNSUPPORTED (built without it, or the kernel cannot), ERR_DENIED, ERR_NO_MEMORY; the
 * message says which. */
int pystack_open(struct pystack **out, struct err *err);
void pystack_close(struct pystack *pystack); /* NULL is fine */

/* Begins to sample all threads of `pid`, each once per `period_ns` of its CPU time. 0, ERR_GONE,
 * ERR_DENIED, ERR_LIMIT (too many threads for our file descriptors), ERR_IO. */
int pystack_add(struct pystack *pystack, pid_t pid, const struct pystack_config *config,
                uint64_t period_ns);
/* No more of this process; what is in the ring already still comes. */
void pystack_remove(struct pystack *pystack, pid_t pid);

/* No more samples of anybody. */
void pystack_stop(struct pystack *pystack);

/* Gives every timer a new period, uniform in 0.5 to 1.5 times `period_ns`, so that no periodic
 * program is met in step. */
void pystack_vary(struct pystack *pystack, uint64_t period_ns, uint64_t *random);

/* Hands over what the ring holds, in order per thread. The sample is valid during the call. A
 * negative result of `take` ends the drain and is returned; else the number of samples. Ends after
 * 100 ms; the rest stays for the next one. */
typedef int pystack_take_fn(void *context, const struct pystack_sample *sample);
int pystack_drain(struct pystack *pystack, pystack_take_fn *take, void *context);

/* Samples that found the ring full, a page that was not in memory, or a stack deeper than
 * PYSTACK_MAX_FRAMES. */
uint64_t pystack_lost(const struct pystack *pystack);
