/* SPDX-License-Identifier: MIT */
/* region.h - the writer of the shared memory that abi/agent.h describes.
 *
 * Pure C, no Python: the process's own region is made at the first region_get() and, after a fork,
 * at the first one of the child. Nothing here blocks on a reader, and nothing but the making of the
 * region and a name that was never seen before makes a system call or allocates.
 *
 * Ownership: there is one region per process and it lives as long as the process.
 * Threads:   with the GIL there is one writer at a time and counters are plain loads and stores.
 *            With AGENT_FREE_THREADED they are atomic additions, and names and slots are taken
 *            under a spin lock, which no caller can hold across a call into Python.
 * Fork:      the lock, the counters of the free list and the pointers lie in a page that the kernel
 *            wipes in a child (MADV_WIPEONFORK), so a child can never inherit a held lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/agent.h"

struct region {
    struct agent_header *header; /* NULL: not made yet (also: in a child, after a fork) */
    char *strings;
    struct agent_key *keys;
    struct agent_histogram *histograms;
    struct agent_slot *slots;
    struct agent_record *ring;
    uint32_t generation; /* of everything remembered outside: another one in every child */
    uint32_t lock;
    uint32_t slot_free;      /* index + 1 of the slot given back last; 0: none */
    uint32_t slots_touched;  /* slots below this one have been used */
    uint32_t failed;         /* no memfd or no memory here: not tried again in this process */
    uint64_t id_seed;        /* the state behind region_id() */
    uint64_t requests_begun; /* the last id of a request */
    uint32_t keys_of[AGENT_KINDS];
};

extern struct region *region_page;

struct region *region_make(void);

/* NULL when it cannot be made. Inline: this is the load that every event begins with. */
static inline struct region *region_get(void)
{
    struct region *region =
        __atomic_load_n(&region_page, __ATOMIC_ACQUIRE); /* a plain load on x86-64 */
    if (region && __atomic_load_n(&region->header, __ATOMIC_ACQUIRE))
        return region;
    return region_make();
}

/* What the header says about the interpreter; copied into every region made later (after a fork)
 * and into the present one. Service and release are texts that the caller keeps alive. */
struct region_about {
    uint32_t python_hex, free_threaded;
    const char *service, *release;
    uint64_t context_variable, context_hash, request_type;
    uint32_t object_header_bytes;
    int32_t tstate_context;
};
void region_describe(const struct region_about *about);

/* Id of a text; 0 for "" and when the area is full (counted). Longer than AGENT_STRING_MAX: cut at
 * a UTF-8 character. */
uint32_t region_string(struct region *region, const char *text, size_t size);

/* Index of the key with these kind, name, detail and group; statements with a fingerprint are told
 * apart by that instead of the name. Made at first sight with `wanted`'s fingerprint and summary.
 * The kind's "other" key when its share is full (counted, once per call). */
uint32_t region_key(struct region *region, const struct agent_key *wanted);

/* Counts one event that ended at `end_ns`. Returns whether it was the first of its key. */
bool region_count(struct region *region, uint32_t key, uint64_t end_ns, uint64_t duration_ns,
                  bool error);

/* Which bucket of a histogram a duration belongs to. */
uint32_t region_bucket(uint64_t duration_ns);

/* Appends to the ring; `record->sequence` is set here. */
void region_append(struct region *region, struct agent_record *record);

/* A slot that is the caller's until region_slot_free(): fill it, then region_slot_publish().
 * AGENT_NONE when all are taken (counted). */
uint32_t region_slot_take(struct region *region);
void region_slot_publish(struct region *region, uint32_t slot);
void region_slot_free(struct region *region, uint32_t slot);

/* A span or trace id: 64 bits that nobody else has, never 0. */
uint64_t region_id(struct region *region);
/* The next id of a request. */
uint64_t region_request(struct region *region);

/* CLOCK_MONOTONIC. */
uint64_t region_now_ns(void);

/* A counter of the shared memory. Relaxed; readers see whole values. */
static inline uint64_t region_add(uint64_t *counter, uint64_t amount)
{
#ifdef AGENT_FREE_THREADED
    return __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
#else
    uint64_t before = __atomic_load_n(counter, __ATOMIC_RELAXED);
    __atomic_store_n(counter, before + amount, __ATOMIC_RELAXED);
    return before;
#endif
}
