/* SPDX-License-Identifier: MIT */
/* harvest.h - what agents and /proc say of processes, turned into rows of the store.
 *
 * Runs in the keeper's thread. The sampler says which processes there are (harvest_add / _gone);
 * once a second harvest_tick() reads their agents' changes and records, assembles traces and keeps
 * those that keep.h says, and takes the runtime facts of each process. Everything lands in the
 * 10-second window of its instant.
 *
 * Ownership: harvest_new() / harvest_free(); the store is borrowed. Threads: one (the keeper's).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/profile.h"
#include "store/store.h"

struct harvest;
struct latency;

#define HARVEST_MAX_PROCESSES 4096u

struct harvest_process { /* copied */
    pid_t pid;
    uint64_t started_ns; /* wall clock */
    const char *service, *host, *version, *command;
};

struct harvest_stats {
    uint64_t spans, requests, traces_kept, traces_dropped, records_lost;
    uint32_t agents; /* processes that have one */
};

int harvest_new(struct store *store, double trace_sample, struct harvest **out, struct err *err);
void harvest_free(struct harvest *harvest); /* NULL is fine */
/* Again: its names are others now. ERR_NO_MEMORY, ERR_LIMIT. */
int harvest_add(struct harvest *harvest, const struct harvest_process *process);
void harvest_gone(struct harvest *harvest, pid_t pid); /* reads what is left first */

/* Samples of requests, as the sampler sees them: `node` of `from` until mono_ns, since duration_ns
 * before. They wait for the trace's end, and a kept trace waits TRACES_PATIENCE_NS for them.
 * `from` is borrowed for the call; of a process it is the same one, grown, until the next
 * harvest_add() of the process says otherwise. */
int harvest_sample(struct harvest *harvest, pid_t pid, uint64_t request, uint64_t mono_ns,
                   uint64_t duration_ns, const struct profile *from, uint32_t node);

/* mono_ns and wall_ns are the same instant. Call it before store_tick(): a window's counters are
 * written by the first tick after it. The first error of the store is returned; what could be read
 * and stored was. */
int harvest_tick(struct harvest *harvest, uint64_t mono_ns, uint64_t wall_ns, struct err *err);
/* Between ticks: looks for the agents of processes that are just a few seconds old, because some
 * live no longer than that. Once found, an agent's memory outlives its process. */
void harvest_look(struct harvest *harvest, uint64_t mono_ns);
/* True when some process fills its ring so fast that records are lost before a second is over: tick
 * four times as often then. */
bool harvest_hurries(const struct harvest *harvest);
/* The end: what has been counted up to now. */
int harvest_flush(struct harvest *harvest, struct err *err);
void harvest_stats(const struct harvest *harvest, struct harvest_stats *out);
/* Of all processes, those that ended too; valid until the next call. */
const struct latency *harvest_latency(const struct harvest *harvest);
bool harvest_has_agent(const struct harvest *harvest, pid_t pid);
