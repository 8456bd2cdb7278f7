/* SPDX-License-Identifier: MIT */
/* keeper.h - the thread that writes the store: windows, events, what agents and /proc say.
 *
 * Ownership: keeper_new() / keeper_free(); mail and status are borrowed, the store is opened here.
 * Threads: keeper_run() is one. A disk that is full or cannot be written is said once, and said
 * again when it is over; sampling goes on.
 */
#pragma once

#include "base/err.h"

struct daemon_config;
struct keeper;
struct mail;
struct status;

/* Errors: those of store_open(). */
int keeper_new(const struct daemon_config *config, struct mail *mail, struct status *status,
               struct keeper **out, struct err *err);
void keeper_free(struct keeper *keeper); /* NULL is fine; without a flush */

/* Until keeper_stop(); writes what is in the mail, and flushes, before it returns. */
void keeper_run(struct keeper *keeper);
void keeper_stop(struct keeper *keeper); /* from any thread */
