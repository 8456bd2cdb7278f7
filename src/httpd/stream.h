/* SPDX-License-Identifier: MIT */
/* stream.h - server-sent events: what happens, while it happens.
 *
 *     event: status            every 5 s, the JSON of /api/v1/status
 *     data: {...}
 *
 *     id: 17                   as they happen (looked for once a second)
 *     event: event
 *     data: {...}
 *
 * A stream that has nothing to send sleeps in the library; streams_tick() wakes it. A client that
 * comes back names the last id it saw and misses nothing that is still remembered.
 *
 * Ownership: streams_init() / streams_done(). Threads: streams_tick() in any, the rest in the
 * connections'.
 */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "httpd/httpd.h"

#define STREAMS_MAX 32u
#define STREAM_STATUS_NS UINT64_C(5000000000)
#define STREAM_EVENTS_MAX_BYTES ((size_t)4 << 20) /* waiting for one client */

struct stream;
struct streams {
    pthread_mutex_t lock;
    const struct httpd_live *live;
    struct stream *first;
    unsigned count;
    bool stopping;
};

void streams_init(struct streams *streams, const struct httpd_live *live);
void streams_done(struct streams *streams);

/* `last_id`: value of Last-Event-ID, or NULL. NULL: too many, or no memory. The response's end is
 * the stream's. */
struct MHD_Response *stream_new(struct streams *streams, struct MHD_Connection *connection,
                                const char *last_id);
void streams_tick(struct streams *streams);
void streams_stop(struct streams *streams); /* wakes all; each ends */
