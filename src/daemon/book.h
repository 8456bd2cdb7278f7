/* SPDX-License-Identifier: MIT */
/* book.h - who a sampled process is, and the names and stacks that its samples refer to.
 *
 * The sampler makes it and adds to its profile during rounds; the keeper reads the profile when it
 * writes a window. Both hold the lock meanwhile. The profile has shapes only: samples are counted
 * in sums (tally.h), which end with their window, so that it can go on for months.
 *
 * Ownership: counted references; the last one frees. Threads: two, as above. All but the profile is
 * set before the keeper hears of it, and never changes.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/identity.h"
#include "model/profile.h"

#define BOOK_MAX_NODES 200000u /* then it is begun anew: 10 MB, or a program that makes up code */

struct book {
    atomic_uint references;
    pthread_mutex_t lock;
    struct profile *profile; /* under the lock */
    pid_t pid;
    uint64_t started_ns; /* wall clock */
    struct identity who;
    char command[256];
    char python[32];
};

struct book *book_new(void); /* NULL: no memory */
/* Of the same process, with an empty profile. */
struct book *book_new_like(const struct book *book);
struct book *book_ref(struct book *book);
void book_unref(struct book *book); /* NULL is fine */

/* Too large to go on with. Called with the lock held. */
bool book_is_full(const struct book *book);
