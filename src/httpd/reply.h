/* SPDX-License-Identifier: MIT */
/* reply.h - an answer on its way out: status, body, tag, encoding and the headers of each answer.
 *
 * Ownership: reply_init() on caller's storage, reply_done() frees. Threads: one at a time.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define REPLY_JSON "application/json"

struct reply {
    unsigned status;
    const char *media_type; /* static storage */
    struct buf body;
    const char *fixed; /* instead of body: bytes of the program itself */
    size_t fixed_size;
    const char *fixed_gzip; /* the same, packed; NULL: not */
    size_t fixed_gzip_size;
    const char *policy; /* Content-Security-Policy; NULL: nothing may run */
    const char *allow;  /* methods, with 405 */
    unsigned retry_after_s;
    bool gzip;    /* the body is packed */
    char tag[40]; /* of the bytes before packing; "": none */
};

/* What the request said about the form of its answer. */
struct reply_wish {
    bool gzip;
    char *have; /* If-None-Match; NULL */
};

void reply_init(struct reply *reply, size_t ceiling);
void reply_done(struct reply *reply);

/* {"error": …, "status": …} instead of what was there. */
void reply_error(struct reply *reply, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reply_failure(struct reply *reply, int code, const struct err *err);

/* Tags and packs a good answer; 304 when the client has it. Costs time: not in the thread of the
 * connections for large bodies. */
void reply_finish(struct reply *reply, const struct reply_wish *wish);

/* Hands it to the library, body included; *size: its bytes. */
enum MHD_Result reply_send(struct reply *reply, struct MHD_Connection *connection, size_t *size);

/* The headers that every answer has. */
void reply_headers(struct MHD_Response *response, const char *media_type, const char *policy);
