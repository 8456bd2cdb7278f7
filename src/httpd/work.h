/* SPDX-License-Identifier: MIT */
/* work.h - the threads that ask the store, so that the thread of the connections never waits.
 *
 * An answer may read a year. It is put in a queue; its connection sleeps in the library meanwhile;
 * a worker with a store handle of its own writes it, packs it, and wakes the connection. No more
 * than WORK_MAX answers are queued or being written: beyond that a client hears at once that it
 * should come again. One that takes longer than WORK_TIME_NS is given up by its client's
 * connection; the worker writes it to its end and throws it away, and counts among the WORK_MAX
 * until then.
 *
 * A worker opens the store at its first question, again after an error, and closes it when it has
 * had nothing to do for WORK_REST_S: a program that nobody asks holds no file.
 *
 * Ownership: work_new() / work_free(); a job has two owners, its connection and the queue. Threads:
 * jobs are made and ended in one thread (the connections').
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "httpd/reply.h"
#include "httpd/uri.h"

#define WORK_THREADS 4u
#define WORK_MAX 16u
#define WORK_TIME_NS UINT64_C(10000000000)
#define WORK_REST_S 60

struct work;
struct job;

int work_new(const char *data, struct work **out, struct err *err);
void work_free(struct work *work); /* waits for what is being written; NULL is fine */

/* Suspends the connection and queues the question; takes `uri` and wish->have. `id` points into the
 * uri. NULL: too much to do already, nothing was taken. */
struct job *work_ask(struct work *work, struct MHD_Connection *connection,
                     const struct answer_kind *kind, struct uri *uri, const char *id,
                     struct reply_wish *wish);

/* After the connection was woken: moves the answer to *out, and ends the caller's share. */
void work_take(struct work *work, struct job *job, struct reply *out);

/* Wakes connections whose answers take too long. */
void work_expire(struct work *work, uint64_t now_ns);
/* Wakes all; for the end. Questions are no longer taken. */
void work_stop(struct work *work);
