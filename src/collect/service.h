/* SPDX-License-Identifier: MIT */
/* service.h - several processes seen as one: what their keys counted, by what they are about.
 *
 * Workers come and go; what they counted stays. Keys of different processes are the same row when
 * the name of their service, kind, name, detail and group are. Every row is kept twice: since its
 * processes began (exact, every event), and lately (the last ten to twenty seconds).
 *
 * From records it adds what keys cannot say: where the time of a route's requests went, which route
 * an exception or a repeated statement belongs to. Those come from the ring, so they are of the
 * requests whose records were read (service_parts.requests of them).
 *
 * Ownership: service_new() / service_free(); a member borrows its collect.
 * Threads: one. Memory: at most SERVICE_MAX_ROWS rows, 30 KiB each while they are in use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collect/collect.h"
#include "collect/histogram.h"

#define SERVICE_MAX_ROWS 8192u
#define SERVICE_CALLERS 8u
#define SERVICE_HALF_NS UINT64_C(10000000000) /* "lately" is one or two of these */

enum service_period { SERVICE_ALL, SERVICE_NOW, SERVICE_PERIODS };

struct service_sums {
    uint64_t count, errors, total_ns, max_ns, rows, repeats;
    struct histogram histogram;
};

/* Of the requests whose records were read. */
struct service_parts {
    uint64_t requests, duration_ns;
    uint64_t queue_ns, cpu_ns, database_ns, outbound_ns, cache_ns, template_ns, gc_ns, loop_ns;
    uint64_t cpu_duration_ns;      /* of the requests whose CPU time is known: cpu_ns is theirs */
    uint64_t gil_ns, gil_requests; /* of so many the wait for the GIL is known */
    uint64_t statements, outbound;
    uint64_t repeated; /* requests with an N+1 */
};

/* CPU time of all requests, taking those that were not measured to be like those that were. */
uint64_t service_parts_cpu_ns(const struct service_parts *parts);

struct service_caller {
    uint32_t row; /* of the route; SERVICE_NO_ROW: outside of any request */
    uint64_t count;
};
#define SERVICE_NO_ROW UINT32_MAX

struct service_row {
    enum agent_kind kind;
    uint32_t group;
    bool is_other;
    char *service; /* "" when it was given none */
    char *name, *detail, *summary;
    uint64_t fingerprint;
    uint64_t last_ns; /* CLOCK_MONOTONIC, of the last event */
    struct service_sums *all;
    struct service_sums *halves[2]; /* the current and the one before; NULL: nothing */
    struct service_parts parts, part_halves[2];
    /* Exceptions: routes they were raised in. Statements: routes that repeat them. */
    struct service_caller callers[SERVICE_CALLERS];
    uint32_t caller_count;
    uint64_t callers_missing; /* events of further routes */
    uint64_t n_plus_one;      /* statements: requests that repeated it */
    uint32_t n_plus_one_most;
};

struct service;
struct service_member;

int service_new(struct service **out);
void service_free(struct service *service); /* NULL is fine; members too */

/* A process joins; what it counted before counts as "all", and as "now" only if it began since
 * service_new(). */
int service_join(struct service *service, struct collect *collect, struct service_member **out);
void service_leave(struct service_member *member); /* NULL is fine */

/* Reads what is new. `see` (may be NULL) gets each record, too. 0 or ERR_NO_MEMORY. */
int service_gather(struct service_member *member,
                   void (*see)(void *context, const struct agent_record *record), void *context);

/* Lets time pass for "now": what is too old is forgotten. */
void service_advance(struct service *service, uint64_t mono_ns);

/* "Now" begins here. */
void service_begin_now(struct service *service, uint64_t mono_ns);

/* Counts everything from now on: "all" begins here. */
void service_reset(struct service *service, uint64_t mono_ns);

uint32_t service_row_count(const struct service *service);
/* Borrowed until service_free(); a row never goes away. */
const struct service_row *service_row(const struct service *service, uint32_t index);

/* Sums of a row; false when nothing happened in that period. */
bool service_sums(const struct service_row *row, enum service_period period,
                  struct service_sums *out);
void service_parts(const struct service_row *row, enum service_period period,
                   struct service_parts *out);

/* The same added to what *out holds: rows seen as one. */
void service_add_sums(const struct service_row *row, enum service_period period,
                      struct service_sums *out);
void service_add_parts(const struct service_row *row, enum service_period period,
                       struct service_parts *out);

/* How long a period is up to now: what rates are per. */
uint64_t service_elapsed_ns(const struct service *service, enum service_period period,
                            uint64_t mono_ns);

/* Events that found no row. */
uint64_t service_refused(const struct service *service);
