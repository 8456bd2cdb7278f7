/* SPDX-License-Identifier: MIT */
/* sampling.h - the sampler's thread: finds processes, looks at them, hands their windows over.
 *
 * Ownership: sampling_new() / sampling_free(); mail and status are borrowed. Threads:
 * sampling_run() is one; what else may be called while it runs says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct daemon_config;
struct mail;
struct sampling;
struct status;

#define SAMPLING_WINDOW_NS UINT64_C(10000000000)
#define SAMPLING_MAX_PROCESSES 4096u
#define SAMPLING_BOOST_MAX_HZ 1000u
#define SAMPLING_BOOST_MAX_S 30u

struct sampling_costs {
    /* CPU time so far of what the budget is about. */
    uint64_t (*cpu_ns)(void *context);
    void *context;
};

/* ERR_USAGE: a pattern is none. */
int sampling_new(const struct daemon_config *config, const struct sampling_costs *costs,
                 struct mail *mail, struct status *status, struct sampling **out, struct err *err);
void sampling_free(struct sampling *sampling); /* NULL is fine */

/* Until sampling_stop(); hands over what it has before it returns. */
void sampling_run(struct sampling *sampling);
void sampling_stop(struct sampling *sampling); /* from any thread */

/* From any thread. Rate, budgets, patterns and rules of another configuration, from the next tick
 * on. Copied. ERR_USAGE. */
int sampling_configure(struct sampling *sampling, const struct daemon_config *config,
                       struct err *err);
/* From any thread. ERR_USAGE, ERR_NOT_FOUND: no such service; ERR_LIMIT: it has had its share. */
int sampling_boost(struct sampling *sampling, const char *service, uint32_t rate_hz,
                   uint32_t seconds, struct err *err);
