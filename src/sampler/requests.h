/* SPDX-License-Identifier: MIT */
/* requests.h - samples that wait until the request they belong to says what it was.
 *
 * A request's route may be known late, and how long it took only at its end. So samples wait in the
 * order they were taken; the oldest goes on as soon as its request has ended (or never mattered),
 * under a root frame of its endpoint where that is wanted, or is dropped by the filter. Because
 * only the oldest goes, threads' samples stay in order, and a stream can be written from them.
 *
 * Bounded: of REQUESTS_MAX_SAMPLES waiting the oldest is judged by what is known then; so is one
 * whose request has run for REQUESTS_PATIENCE_NS since and matches already.
 *
 * Ownership: requests_new() / requests_free(); profile borrowed.
 * Threads:   none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/agent.h"
#include "sampler/process.h"

struct collect;
struct collect_request;
struct err;
struct profile;
struct requests;

#define REQUESTS_MAX_SAMPLES (1u << 21) /* 64 MiB of them */
#define REQUESTS_MAX_WAITING (1u << 18) /* requests with samples that wait */
#define REQUESTS_PATIENCE_NS UINT64_C(5000000000)
#define REQUESTS_LABEL_MAX 512u

/* A filter that is set leaves out what belongs to no request. */
struct requests_options {
    bool by_endpoint;        /* root frames */
    const char *endpoint;    /* part of "GET /users/<int:id>", or an extended regular expression */
    uint64_t slower_than_ns; /* 0: any */
    const char *trace;       /* 32 hexadecimal digits */
};

struct requests_stats {
    uint64_t taken;      /* samples in all */
    uint64_t matched;    /* of a request that passed the filter */
    uint64_t other;      /* of a request that did not */
    uint64_t outside;    /* of no request */
    uint64_t unknown;    /* not proven whose */
    uint64_t early;      /* judged before their request had ended, to bound memory */
    uint64_t with_agent; /* of processes that have an agent */
};

/* What goes on: as profile_see(). */
typedef void requests_out_fn(void *context, uint32_t thread, uint32_t node, uint64_t start_us,
                             uint64_t duration_us);

/* True when any of them is set. */
bool requests_wanted(const struct requests_options *options);

/* ERR_USAGE: a pattern or trace id that is none. */
int requests_new(struct profile *profile, const struct requests_options *options,
                 requests_out_fn *out_fn, void *context, struct requests **out, struct err *err);
void requests_free(struct requests *requests); /* NULL is fine */

void requests_see(struct requests *requests, const struct process_sighting *sighting,
                  uint64_t start_us, uint64_t duration_us);

/* Between rounds, after the processes' agents were drained (process_drain). */
void requests_tick(struct requests *requests, uint64_t mono_ns);

/* The agent is about to be closed: what waits for it is judged by what is known now. */
void requests_forget(struct requests *requests, const struct collect *agent);

/* Judges all that still waits, and lets it go. */
void requests_end(struct requests *requests);

const struct requests_stats *requests_stats(const struct requests *requests);

/* "GET /users/<int:id>", "task send_mail", "GET (unmatched)". Returns `out`. */
char *requests_label(struct collect *agent, const struct collect_request *request,
                     char out[REQUESTS_LABEL_MAX]);
/* The same from what is known of it; "" is not known. */
char *requests_name(enum agent_kind kind, const char *method, const char *route,
                    char out[REQUESTS_LABEL_MAX]);
