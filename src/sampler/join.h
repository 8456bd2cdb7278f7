/* SPDX-License-Identifier: MIT */
/* join.h - which request each thread of a process was working on when its stack was read.
 *
 * Finds the process's agent (collect/collect.h), also one that comes later, and asks the contexts
 * of the threads (unwind/context.h) right after their stacks have been read. join.c says what makes
 * the answer one about that instant.
 *
 * Ownership: join_new() / join_free(); the target is borrowed.
 * Cost:      without an agent a look for it now and then. With one: a vectored read per
 * round, four small ones more for a thread whose request is another one than at the last look.
 */
#pragma once

#include <stdint.h>

#include "sampler/watch.h"
#include "unwind/gather.h"

struct collect;
struct join;
struct target;

#define JOIN_RETRY_NS                                                                              \
    UINT64_C(1000000000) /* the first time, then twice as long each time, at most */
#define JOIN_RETRY_MOST_NS UINT64_C(16000000000)

struct join *join_new(struct target *target); /* NULL: no memory */
void join_free(struct join *join);            /* NULL is fine */

/* Looks for an agent where none was found yet and it is time to. */
void join_refresh(struct join *join, uint64_t mono_ns);

struct collect *join_agent(struct join *join); /* NULL: none; borrowed */

/* Takes note of what has ended. */
void join_drain(struct join *join);

/* Sets request and request_slot of the watches `pending` names, whose thread states were just read
 * with `stacks`. */
void join_threads(struct join *join, struct watch **watches, const uint32_t *pending,
                  uint32_t count, const struct gather *stacks);
