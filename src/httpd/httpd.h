/* SPDX-License-Identifier: MIT */
/* httpd.h - the HTTP server: the API, the page, /metrics (docs/design/0009-serve.md).
 *
 * Ownership: httpd_start() / httpd_stop(). Threads: its own; the callbacks are called from them,
 * several at once, and must lock what they touch.
 * Errors: ERR_USAGE (an address that is none; beyond loopback without a token: the sentence says
 * how to make one), ERR_DENIED, ERR_IO (the port is taken).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct httpd;

/* What only the daemon knows. Each appends to `out`; 0 or ERR_*. NULL: 404. */
struct httpd_live {
    void *context;
    int (*status)(void *context, struct buf *out);                     /* JSON of /api/v1/status */
    int (*metrics)(void *context, struct buf *out, bool open_metrics); /* exposition text */
    int (*deploy)(void *context, const char *service, const char *version, const char *text,
                  struct err *err);
    int (*boost)(void *context, const char *service, uint32_t rate_hz, uint32_t seconds,
                 struct err *err);
    bool (*healthy)(void *context);
    bool (*ready)(void *context);
    /* Events newer than *cursor as JSON lines, *cursor moved on; for server-sent events. */
    int (*events)(void *context, uint64_t *cursor, struct buf *out);
};

struct httpd_options {
    const char *listen; /* "127.0.0.1:7117", "[::1]:7117", ":7117" (all addresses); port 0: any */
    const char *data;   /* directory of the store */
    const char *token;  /* NULL: none; demanded beyond loopback */
    const char *allowed_hosts; /* space separated, beside the address itself; NULL: none */
    const char *tls_cert, *tls_key, *client_ca; /* files; NULL: plain HTTP */
    struct httpd_live live;
};

int httpd_start(const struct httpd_options *options, struct httpd **out, struct err *err);
uint16_t httpd_port(const struct httpd *httpd); /* the one that is listened on */
void httpd_stop(struct httpd *httpd);           /* NULL is fine; ends running answers */

struct httpd_counts { /* for /metrics */
    uint64_t requests, refused, errors, bytes;
    uint32_t connections;
};
void httpd_counts(const struct httpd *httpd, struct httpd_counts *out);
