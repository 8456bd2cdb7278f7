/* SPDX-License-Identifier: MIT */
/* collect.h - what an instrumented process shares (abi/agent.h), read from outside.
 *
 * The region is mapped read-only and never makes the process wait; the mapping outlives the
 * process, so the last records and the requests of a killed worker can still be read. Nothing in it
 * is believed: whoever runs the process may have written it. Layout is checked once against the
 * memory that is really there (sealed, so that it cannot shrink under us), everything else is
 * copied first and checked afterwards: string ids, key indexes, kinds, sequence numbers. A region
 * that lies gives wrong numbers about its own process, nothing else; memory and time are bounded
 * whatever it says.
 *
 * Ownership: collect_open() / collect_close(). Texts live as long as the collect.
 * Threads:   one thread per collect.
 * Errors:    ERR_NOT_FOUND: no agent in this process. ERR_STARTING: its region is just being made.
 *            ERR_UNSUPPORTED: an agent of another version. ERR_BAD_DATA: the region makes no sense.
 *            ERR_GONE, ERR_DENIED, ERR_NO_MEMORY.
 * Cost:      open 50 us; a snapshot 2 us per key that changed; a record 10 ns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/agent.h"

struct err;
struct collect; /* opaque: see own.h */

/* Strings of a process are copied once, at their first use; more than this many bytes are not. */
#define COLLECT_MAX_TEXT_BYTES (2u * AGENT_STRINGS_BYTES)
#define COLLECT_ENDED 8192u /* how many ended requests are remembered; a power of two */

int collect_open(pid_t pid, struct collect **out, struct err *err);

/* The same from a descriptor of the memory, which is taken over in any case. `pid` 0: of nobody. */
int collect_open_fd(int fd, pid_t pid, struct collect **out, struct err *err);
void collect_close(struct collect *collect); /* NULL is fine */

/* Who it is: copied when it was opened. */
struct collect_facts {
    pid_t pid;          /* in our view */
    uint32_t inner_pid; /* in its own */
    uint64_t start_mono_ns, start_wall_ns;
    uint32_t python_hex;
    bool free_threaded;
    uint32_t keys_limit, slots_limit, ring_records;
    /* The join (abi/agent.h): addresses in the process. */
    uint64_t context_variable, context_hash, request_type;
    uint32_t object_header_bytes;
    int32_t tstate_context;
};
const struct collect_facts *collect_facts(const struct collect *collect);

/* "" when the process was given none. */
const char *collect_service(struct collect *collect);
const char *collect_release(struct collect *collect);

/* True once the process has exited. Its memory stays readable. */
bool collect_exited(struct collect *collect);

/* For readers that never ask for requests by id: ended ones are not remembered (1.5 MiB). */
void collect_forget_ended(struct collect *collect);
/* The region's pages that were read are let go of; those that are looked at again come back. What
 * is read once in ten seconds need not be counted as ours meanwhile. */
void collect_shed(const struct collect *collect);

/* What the process counted about itself. */
void collect_counters(const struct collect *collect, struct agent_counters *out);

/* ---- texts and keys -------------------------------------------------------------------------- */

/* A string, NUL-terminated, any bytes (not always UTF-8), no longer than AGENT_STRING_MAX; "" for 0
 * and for an id that is none. Borrowed until collect_close. */
const char *collect_string(struct collect *collect, uint32_t id);

/* A key as it is now, its texts looked up. False: no such key. */
struct collect_key {
    enum agent_kind kind;
    const char *name, *detail, *summary;
    uint32_t group;
    bool is_other; /* collects what found the table full; its name is "" */
    uint64_t fingerprint;
    uint64_t count, errors, total_ns, max_ns, rows, repeats;
    uint64_t first_ns, last_ns;
};
/* "statement", "template": what a key of this kind is about. */
const char *collect_kind_name(enum agent_kind kind);
uint32_t collect_key_count(const struct collect *collect);
bool collect_key(struct collect *collect, uint32_t index, struct collect_key *out);

/* ---- changes --------------------------------------------------------------------------------- */

struct collect_bucket {
    uint32_t index; /* of agent_histogram.buckets */
    uint32_t count;
};

/* What a key has counted since the last collect_changes() (the first: since the process began). */
struct collect_change {
    uint32_t index;
    struct collect_key key; /* as it is now: sums since the process began */
    uint64_t count, errors, total_ns, rows, repeats;
    uint64_t max_ns; /* of these events: at most 0.8 % off, exact where it is the key's own */
    const struct collect_bucket *buckets; /* ascending; borrowed for the call */
    uint32_t bucket_count;
};

/* Calls `see` for every key with events since last time. 0 or ERR_NO_MEMORY. */
int collect_changes(struct collect *collect,
                    void (*see)(void *context, const struct collect_change *change), void *context);

/* ---- records --------------------------------------------------------------------------------- */

struct collect_stats {
    uint64_t records;       /* delivered */
    uint64_t before;        /* had been overwritten when we came */
    uint64_t lost;          /* overwritten before we read them */
    uint64_t unreadable;    /* never completed (a writer died), or nonsense */
    uint64_t texts_refused; /* beyond COLLECT_MAX_TEXT_BYTES */
};
const struct collect_stats *collect_stats(const struct collect *collect);

/* Delivers every record that was completed since last time, oldest first, checked: kind and about
 * are in range, key is one that exists (else 0). The first time: what the ring still holds.
 * Ended requests are remembered for collect_find(). Returns how many were delivered. `see` may be
 * NULL. At most ring_records per call, whatever the process does meanwhile. */
uint32_t collect_drain(struct collect *collect,
                       void (*see)(void *context, const struct agent_record *record),
                       void *context);

/* ---- requests -------------------------------------------------------------------------------- */

struct collect_request {
    uint64_t id;
    enum agent_kind kind;   /* REQUEST, TASK or USER */
    bool in_flight;         /* else it has ended */
    uint32_t flags;         /* enum agent_flag; UNFINISHED: in flight when the process died */
    uint32_t route, method; /* strings; 0: not known (yet) */
    uint32_t status;        /* HTTP; 0: none (yet) */
    uint32_t thread;        /* as the process sees it */
    uint64_t start_ns;      /* CLOCK_MONOTONIC */
    uint64_t duration_ns;   /* ended; in flight: 0 */
    uint64_t trace_high, trace_low, span, remote_parent;
    uint32_t slot;     /* AGENT_NONE: ended */
    uint32_t leaf_key; /* what it waits for right now; 0: nothing */
    uint64_t leaf_start_ns;
    /* So far, or in all. */
    uint32_t statements, outbound;
    uint64_t queue_ns, cpu_ns, database_ns, outbound_ns, cache_ns, template_ns, gc_ns, loop_ns;
    uint32_t repeated_key, repeated; /* the statement that ran most often so far */
};

/* The request of this slot, if it is (still) the one with this id; id 0: whichever it is. False:
 * nobody's, or another's by now. ~20 ns. */
bool collect_slot(struct collect *collect, uint32_t slot, uint64_t id, struct collect_request *out);

/* A request by id: among the last COLLECT_ENDED that collect_drain() saw end, else in flight
 * (`slot` is where to look; AGENT_NONE: everywhere). False: unknown, or forgotten. */
bool collect_find(struct collect *collect, uint64_t id, uint32_t slot, struct collect_request *out);

/* All requests in flight, oldest first, at most `limit` of them; returns how many there are. */
uint32_t collect_in_flight(struct collect *collect, struct collect_request *out, uint32_t limit);
