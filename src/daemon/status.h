/* SPDX-License-Identifier: MIT */
/* status.h - what the daemon knows of itself right now; written by its threads, read by HTTP's.
 *
 * Ownership: the daemon's. Threads: any; everything under one lock that is held for as long as a
 * copy takes. Cost: once a second per thread.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/harvest.h"
#include "daemon/identity.h"
#include "daemon/latency.h"
#include "store/store.h"

#define STATUS_MAX_SERVICES 1024u /* further ones are counted as one, "(other)" */
#define STATUS_EVENTS 256u
#define STATUS_TEXT 240u

struct status_service {
    char name[IDENTITY_MAX];
    uint64_t cpu_ns;     /* of samples, since the daemon began */
    uint64_t judged_ns;  /* the same when its triggers were last looked at: the sampler's */
    uint32_t processes;  /* alive */
    uint32_t boosted_hz; /* 0: not */
};

struct status_event {
    uint64_t at_ns;
    int32_t pid;
    char kind[16], service[IDENTITY_MAX], version[64], text[STATUS_TEXT], detail[STATUS_TEXT];
};

/* What the sampler counts. */
struct status_sampling {
    uint32_t rate_hz, most_hz;
    double cores, budget_cores; /* what the budget is about: the daemon without its answers */
    uint32_t processes, agents;
    uint64_t rounds, samples, exact, partial, lost; /* since the daemon began */
    uint64_t late;                                  /* rounds that a stall swallowed */
    uint64_t busy;                                  /* looks put off: the keeper had the book */
    uint64_t dropped;                               /* samples that found no room */
    uint64_t started, ended;                        /* processes */
    uint64_t not_python, unreadable, excluded, postponed;
    uint64_t rate_changes, renewed, boosts;
    uint32_t waiting; /* processes that could not be looked at yet */
    uint32_t slowed;  /* processes below the rate, by their own budget */
    bool has_events;  /* the kernel tells of processes */
};

struct status {
    pthread_mutex_t lock;
    uint64_t started_ns; /* wall clock */
    char host[128];

    struct status_sampling sampling;
    struct status_service services[STATUS_MAX_SERVICES];
    uint32_t service_count;
    struct store_stats store;
    uint64_t letters_lost;
    struct harvest_stats harvest;
    struct latency latency;
    double cores; /* everything, answers too */
    uint64_t cpu_ns;
    uint64_t rss_bytes;
    struct status_event events[STATUS_EVENTS]; /* a ring */
    uint64_t event_count;

    /* Without the lock. When each thread last came by (CLOCK_MONOTONIC). */
    atomic_uint_fast64_t sampler_ns, keeper_ns;
    atomic_bool is_ready;
};

struct status *status_new(void); /* NULL: no memory */
void status_free(struct status *status);

/* The service of this name, made when new. Called with the lock held. */
struct status_service *status_service(struct status *status, const char *name);

/* Takes the lock. */
void status_note_event(struct status *status, const struct store_event *event);
