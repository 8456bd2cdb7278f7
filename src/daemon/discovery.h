/* SPDX-License-Identifier: MIT */
/* discovery.h - which processes to sample, and opening them without taking more than is due.
 *
 * sampler/family.h finds them. Opening one costs milliseconds, so there is an account of time for
 * it: full at the start, refilled with a part of the budget. When it is empty, processes wait;
 * those that end meanwhile have cost nothing. So a host where processes come and go all the time is
 * sampled where they stay.
 *
 * Ownership: discovery_new() / discovery_free(). Threads: one.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "sampler/family.h"

struct discovery;
struct target;

struct discovery_hooks {
    /* Takes the target. 0 or ERR_*. */
    int (*opened)(void *context, struct target *target, struct err *err);
    /* It has become another program. */
    void (*left)(void *context, pid_t pid);
    void *context;
};

struct discovery_stats {
    uint64_t excluded;  /* by the patterns */
    uint64_t postponed; /* times that one had to wait */
    uint32_t waiting;   /* at the last look */
};

/* Command lines that are wanted and that are not, compiled. */
struct patterns {
    struct pattern_list {
        regex_t *items;
        size_t count;
    } include, exclude;
};
/* Lists ended by NULL; NULL: none. ERR_USAGE. patterns_done() after either. */
int patterns_init(struct patterns *out, char *const *include, char *const *exclude,
                  struct err *err);
void patterns_done(struct patterns *patterns);

int discovery_new(const struct discovery_hooks *hooks, struct discovery **out, struct err *err);
void discovery_free(struct discovery *discovery); /* NULL is fine */

/* Patterns are borrowed until the next ones. Budget: in cores, of the whole daemon. */
void discovery_configure(struct discovery *discovery, const struct patterns *patterns,
                         double budget);
bool discovery_wants(const struct discovery *discovery, pid_t pid);

void discovery_tick(struct discovery *discovery, uint64_t mono_ns);
uint64_t discovery_next_ns(const struct discovery *discovery); /* when it wants the next tick */
/* It is no longer sampled: it ended, or will be tried again. */
void discovery_dropped(struct discovery *discovery, pid_t pid);

const struct discovery_stats *discovery_stats(const struct discovery *discovery);
const struct family_stats *discovery_family(const struct discovery *discovery);
