/* SPDX-License-Identifier: MIT */
/* own.h - the server from inside: what its parts share. */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "httpd/body.h"
#include "httpd/clients.h"
#include "httpd/guard.h"
#include "httpd/httpd.h"
#include "httpd/listen.h"
#include "httpd/reply.h"
#include "httpd/stream.h"
#include "httpd/tls.h"
#include "httpd/uri.h"
#include "httpd/work.h"

#define HTTPD_HEAD_MAX_BYTES 8192u
#define HTTPD_CONNECTION_BYTES                                                                     \
    24576u /* of memory: a head, its table, and a block of the answer                              \
            */
#define HTTPD_IDLE_S 30u
#define HTTPD_HELD_MAX_BYTES ((uint64_t)256 << 20) /* answers that clients have not taken yet */
#define HTTPD_TOKEN_MIN 16u

struct httpd {
    struct httpd_live live;
    char *data, *token, *allowed_hosts;
    struct listen_address address;
    struct guard guard;
    struct tls tls;
    struct MHD_Daemon *daemon;
    struct clients clients;
    struct streams streams;
    struct work *work;
    struct buf openapi;

    pthread_t clock; /* wakes what waits, once a second */
    pthread_mutex_t clock_lock;
    pthread_cond_t clock_wanted;
    bool clock_runs, stopping;

    _Atomic uint64_t requests, refused, errors, bytes, held_bytes;
};

struct route;

/* One request, from the first line to the last byte of its answer. */
struct request {
    struct httpd *httpd;
    struct MHD_Connection *connection;
    struct client *client;
    struct uri uri;
    int uri_result;
    struct err uri_err;
    const struct route *route;
    const struct answer_kind *kind; /* with its id, where the route is an answer's */
    const char *id;
    bool begun, refused, answered;
    struct buf body;
    struct reply_wish wish;
    struct reply reply;
    struct job *job;
    uint64_t held_bytes;
};

/* A row of the table in routes.c. */
enum route_result { ROUTE_REPLY, ROUTE_WAITS, ROUTE_STREAM };
struct route {
    const char *path;
    bool post;
    bool open;                                         /* without a token */
    bool any_params;                                   /* else parameters are refused */
    enum route_result (*run)(struct request *request); /* fills request->reply */
    unsigned good_status;                              /* 0: 200 */
    const char *media_type;                            /* NULL: JSON */
    const char *body_shape;                            /* POST: shapes.h */
    const char *help; /* half a sentence; NULL: not in the document */
};
extern const struct route httpd_routes[]; /* ended by a row without a path */

/* Sets route, kind and id. false: no such path; *wrong_method: but one for another method. */
bool route_find(struct request *request, bool post, const char **allow);

/* Is this header sent? The first one. */
const char *request_header(const struct request *request, const char *name);

/* Everything that may be wrong with a request before it is looked at; false: the reply says what.
 */
bool request_check(struct request *request, const char *method);
