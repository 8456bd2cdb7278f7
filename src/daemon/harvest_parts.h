/* SPDX-License-Identifier: MIT */
/* harvest_parts.h - what only records know: where the time of an endpoint's requests went, which
 * endpoint a statement or an exception belongs to, which statements a request repeats.
 *
 * A statement is known before the request it ran in is over, and the request's route at its end. So
 * what a request did waits as notes, one per statement and exception, and is added to the sums of
 * its endpoint when it ends; of a process that dies, when it has died.
 *
 * Ownership: parts_new() / parts_free(); the pool is shared by all processes and outlives them.
 * Threads: one. Memory: bounded by PARTS_*; what finds no room is counted under
 * PARTS_UNKNOWN ("(request not known)") or "(other)", never left out.
 */
#pragma once

#include "collect/collect.h"
#include "store/store.h"

#define PARTS_MAX_ENDPOINTS 2048u /* of a process */
#define PARTS_MAX_PAIRS 16384u    /* of a process in a window: statement and endpoint */
#define PARTS_MAX_NOTES (1u << 18)
#define PARTS_PLACES 4096u /* requests in progress, by id; a power of two */

struct parts;
struct parts_pool;

struct parts_pool *parts_pool_new(void); /* NULL: no memory */
void parts_pool_free(struct parts_pool *pool);

/* The collect and the pool are borrowed. NULL: no memory. */
struct parts *parts_new(struct parts_pool *pool, struct collect *collect);
void parts_free(struct parts *parts); /* NULL is fine */

/* Every record, in order. */
void parts_record(struct parts *parts, const struct agent_record *record);

/* The process has ended: what its requests in flight did so far. */
void parts_end(struct parts *parts);

/* Writes the sums since the last time, and begins anew. 0, or the first error of the store. */
int parts_store(struct parts *parts, struct store *store, const struct store_source *source,
                uint64_t window_ns, struct err *err);

/* The label of a request's endpoint ("GET /users/<int:id>") by the key of its record. Borrowed
 * until parts_free(). */
const char *parts_label(struct parts *parts, uint32_t key);

/* The same by the request's id, as far as it is among the last or in flight; NULL: unknown. */
const char *parts_request_label(struct parts *parts, uint64_t request);
