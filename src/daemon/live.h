/* SPDX-License-Identifier: MIT */
/* live.h - what the daemon tells of itself: /api/v1/status, events as they happen, /metrics.
 *
 * Ownership: the status is borrowed. Threads: any, several at once; each takes the status's lock
 * for as long as a copy takes. Errors: those of the buffer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "httpd/httpd.h"

struct status;

int live_status(struct status *status, struct buf *out);
/* Events newer than *cursor, a line of JSON each. */
int live_events(struct status *status, uint64_t *cursor, struct buf *out);
/* `http` may be NULL. */
int live_metrics(struct status *status, const struct httpd_counts *http, bool open_metrics,
                 struct buf *out);

/* The threads came by lately. */
bool live_is_healthy(const struct status *status);
