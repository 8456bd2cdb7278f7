/* SPDX-License-Identifier: MIT */
/* names.h - what a Python program calls its threads.
 *
 * From sys.modules["threading"]._active, {pthread ident: Thread}, and each Thread's _name: the same
 * in 3.6 to 3.15. Threads that the threading module has not met have no name here. The target runs
 * on: a name counts only when all that led to it, from the dict to the text, is proven to have held
 * at one instant (target/journal.h), so a name is never given to the wrong thread; what is not
 * proven is unknown until the next load.
 *
 * Ownership: the caller's storage, _init / _done. Threads: as the target's.
 * Cost:      a full load about 20 reads and 2 for each 64 modules, then 16 per thread (some 50 us a
 *            thread on a busy machine), never more than 500,000 reads. Cold path: a full load every
 *            few seconds at most, for renamed threads; thread_names_load_some() for new ones.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "target/target.h"

#define THREAD_NAME_MAX 256u /* bytes, with the NUL; longer names are cut */
#define THREAD_NAMES_MAX 16384u
#define THREAD_NAMES_PLACES 8u /* interpreters whose dict is remembered */

/* Where an interpreter keeps threading._active, found by the last full load. */
struct thread_names_place {
    uint64_t interp;
    uint64_t slot, dict; /* the item in the module's dict, and what it holds */
};

struct thread_names {
    struct map by_id; /* thread_id → offset in text, or that it has no name */
    struct buf text;  /* names, each ended by a NUL */
    uint32_t unknown; /* threads in the last load whose name could not be read */

    /* private */
    struct thread_names_place places[THREAD_NAMES_PLACES];
    uint32_t place_count;
};

void thread_names_init(struct thread_names *names);
void thread_names_done(struct thread_names *names);

/* Replaces all names by those of now. 0 also when the program has no named threads (it need not
 * have imported threading); else ERR_GONE, ERR_DENIED, ERR_TORN, ERR_NO_MEMORY: the old names stay.
 */
int thread_names_load(struct target *target, struct thread_names *names);

/* Reads the names of these threads only and keeps the others': for threads that are new. One that
 * has none loses the name that an older thread of the same id had. About 10 reads and 16 per
 * thread; a full load when there has been none. Returns as above. */
int thread_names_load_some(struct target *target, struct thread_names *names,
                           const uint64_t *thread_ids, size_t count);

/* UTF-8; NULL: unknown. `thread_id` as in the thread state. Valid until the next load. */
const char *thread_names_find(const struct thread_names *names, uint64_t thread_id);
