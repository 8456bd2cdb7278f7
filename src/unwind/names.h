/* SPDX-License-Identifier: MIT */
/* names.h - what a Python program calls its threads.
 *
 * From sys.modules["threading"]._active, {pthread ident: Thread}, and each Thread's _name: the same
 * in 3.6 to 3.15. Threads that the threading module has not met have no name here. The target runs
 * on: an item counts only when it is still there after its name was read, so a name is never given
 * to the wrong thread; what could not be read is left unknown until the next load.
 *
 * Ownership: the caller's storage, _init / _done. Threads: as the target's.
 * Cost:      about 20 reads and 2 for each 64 modules, then 16 per thread, never more than 500,000.
 * Cold path: call it when a thread is new and every few seconds (a thread may be renamed), not per
 * sample.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "target/target.h"

#define THREAD_NAME_MAX 256u /* bytes, with the NUL; longer names are cut */
#define THREAD_NAMES_MAX 16384u

struct thread_names {
    struct map by_id;     /* thread_id → offset in text */
    struct buf text;      /* names, each ended by a NUL */
    uint64_t reads_until; /* private: when target->reads_total gets there, it was enough */
    uint32_t unknown;     /* threads in the last load whose name could not be read */
};

void thread_names_init(struct thread_names *names);
void thread_names_done(struct thread_names *names);

/* Replaces all names by those of now. 0 also when the program has no named threads (it need not
 * have imported threading); else ERR_GONE, ERR_DENIED, ERR_TORN, ERR_NO_MEMORY: the old names stay.
 */
int thread_names_load(struct target *target, struct thread_names *names);

/* UTF-8; NULL: unknown. `thread_id` as in the thread state. Valid until the next load. */
const char *thread_names_find(const struct thread_names *names, uint64_t thread_id);
