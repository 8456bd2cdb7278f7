/* SPDX-License-Identifier: MIT */
/* httpd.c - the server: one thread of connections, some that ask the store, one that looks at the
 * clock.
 *
 *     client ── libmicrohttpd (poll, one thread) ── check.c ── routes.c ── reply
 *                        │ suspended                                │
 *                        └────────── work.c: 4 threads, each with a store of its own
 *
 * A pool of the library's threads would tie each connection to one of them: a question that takes
 * ten seconds would hold up the health check of another client. So connections have one thread, in
 * which nothing waits, and questions to the store have their own. That thread uses poll and not
 * epoll: for 256 connections both cost the same, and libmicrohttpd 0.9.75 with epoll does not see
 * the end of a client that came together with its request.
 */
#include "httpd/httpd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "httpd/openapi.h"
#include "httpd/own.h"
#include "httpd/page.h"
#include "httpd/wishes.h"

/* ---- one request --------------------------------------------------------------------------- */

/* The library's first call for a request: the target as it was sent. */
static void *begin_request(void *context, const char *target, struct MHD_Connection *connection)
{
    struct httpd *httpd = context;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->httpd = httpd;
    request->connection = connection;
    request->client = info ? info->socket_context : NULL;
    request->uri_result = uri_parse(target, &request->uri, &request->uri_err);
    buf_init(&request->body, BODY_MAX_BYTES);
    reply_init(&request->reply, ANSWER_MAX_BYTES);
    return request;
}

static void end_request(void *context, struct MHD_Connection *connection, void **own,
                        enum MHD_RequestTerminationCode why)
{
    struct httpd *httpd = context;
    struct request *request = *own;
    (void)connection;
    (void)why;
    if (!request)
        return;
    *own = NULL;
    if (request->job) /* the connection ended first */
        work_take(httpd->work, request->job, &request->reply);
    httpd->held_bytes -= request->held_bytes;
    clients_step(&httpd->clients, request->client, CLIENT_HEAD, 0, clock_mono_ns());
    uri_done(&request->uri);
    buf_done(&request->body);
    free(request->wish.have);
    reply_done(&request->reply);
    free(request);
}

static enum MHD_Result send_reply(struct request *request)
{
    struct httpd *httpd = request->httpd;
    size_t size;
    enum MHD_Result result = reply_send(&request->reply, request->connection, &size);
    request->answered = true;
    request->held_bytes = request->reply.fixed ? 0 : size;
    httpd->held_bytes += request->held_bytes;
    httpd->bytes += size;
    httpd->errors += request->reply.status >= 500;
    clients_step(&httpd->clients, request->client, CLIENT_TAKES, size, clock_mono_ns());
    return result;
}

/* What a worker wrote; thrown away where clients leave too much untaken. */
static enum MHD_Result send_answer(struct request *request)
{
    struct httpd *httpd = request->httpd;
    work_take(httpd->work, request->job, &request->reply);
    request->job = NULL;
    if (httpd->held_bytes > 0 &&
        httpd->held_bytes + request->reply.body.size > HTTPD_HELD_MAX_BYTES) {
        reply_error(&request->reply, MHD_HTTP_SERVICE_UNAVAILABLE,
                    "too many answers wait for their clients; ask again later");
        request->reply.retry_after_s = 5;
    }
    return send_reply(request);
}

static enum MHD_Result run_route(struct request *request)
{
    const char *tags = request_header(request, "If-None-Match");
    const char *codings = request_header(request, "Accept-Encoding");
    request->wish.gzip = wishes_weight(codings, "gzip", 0) > 0;
    request->wish.have = tags ? strdup(tags) : NULL;
    clients_step(&request->httpd->clients, request->client, CLIENT_ANSWER, 0, clock_mono_ns());
    switch (request->route->run(request)) {
    case ROUTE_WAITS:
        return MHD_YES;
    case ROUTE_STREAM:
        request->answered = true;
        return MHD_YES;
    case ROUTE_REPLY:
        break;
    }
    reply_finish(&request->reply, &request->wish);
    return send_reply(request);
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *size)
{
    buf_add(&request->body, data, *size);
    *size = 0;
    return MHD_YES; /* too much is said at its end: before, the library has no answer to send */
}

/* An answer to the head alone would end the connection, as what follows might be a body: right
 * where a body is refused, else not. */
static enum MHD_Result begin(struct request *request, const char *method)
{
    struct httpd *httpd = request->httpd;
    request->begun = true;
    httpd->requests++;
    clients_step(&httpd->clients, request->client, CLIENT_BODY, 0, clock_mono_ns());
    request->refused = !request_check(request, method);
    bool has_body =
        request_header(request, "Content-Length") || request_header(request, "Transfer-Encoding");
    return request->refused && has_body ? send_reply(request) : MHD_YES;
}

/* Called at the head, for each piece of a body, at its end, and when woken. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_size, void **own)
{
    struct request *request = *own;
    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (!request)
        return MHD_NO;
    if (!request->begun)
        return begin(request, method);
    if (*data_size > 0)
        return take_body(request, data, data_size);
    if (request->answered)
        return MHD_YES;
    if (request->refused)
        return send_reply(request);
    if (request->job)
        return send_answer(request);
    if (buf_failed(&request->body)) {
        reply_error(&request->reply, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than %u bytes",
                    BODY_MAX_BYTES);
        return send_reply(request);
    }
    return run_route(request);
}

/* ---- connections --------------------------------------------------------------------------- */

static enum MHD_Result may_come(void *context, const struct sockaddr *address, socklen_t size)
{
    struct httpd *httpd = context;
    (void)size;
    return clients_may_come(&httpd->clients, address) ? MHD_YES : MHD_NO;
}

static void note_connection(void *context, struct MHD_Connection *connection, void **own,
                            enum MHD_ConnectionNotificationCode what)
{
    struct httpd *httpd = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        clients_remove(&httpd->clients, *own);
        return;
    }
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int number = fd ? fd->connect_fd : -1;
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (number >= 0 && address)
        *own = clients_add(&httpd->clients, number, address->client_addr, clock_mono_ns());
}

static void *clock_main(void *context)
{
    struct httpd *httpd = context;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&httpd->clock_lock);
    while (!httpd->stopping) {
        next.tv_sec++;
        pthread_cond_timedwait(&httpd->clock_wanted, &httpd->clock_lock, &next);
        pthread_mutex_unlock(&httpd->clock_lock);
        uint64_t now_ns = clock_mono_ns();
        httpd->refused += clients_expire(&httpd->clients, now_ns);
        work_expire(httpd->work, now_ns);
        streams_tick(&httpd->streams);
        pthread_mutex_lock(&httpd->clock_lock);
    }
    pthread_mutex_unlock(&httpd->clock_lock);
    return NULL;
}

/* ---- start and end ------------------------------------------------------------------------- */

static int copy_text(const char *from, char **to, struct err *err)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? err_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

static int check_safety(const struct httpd *httpd, struct err *err)
{
    if (httpd->token && strlen(httpd->token) < HTTPD_TOKEN_MIN)
        return err_set(err, ERR_USAGE,
                       "the token has less than %u characters; make one with: openssl rand -hex 32",
                       HTTPD_TOKEN_MIN);
    if (!httpd->address.loopback && !httpd->token && httpd->tls.client_ca.size == 0)
        return err_set(err, ERR_USAGE,
                       "listening beyond this machine demands a token; make one with: (umask 077; "
                       "openssl rand -hex 32 > token), and give it with --token-file token");
    return 0;
}

static int take_options(struct httpd *httpd, const struct httpd_options *options, struct err *err)
{
    httpd->live = options->live;
    int result = copy_text(options->data, &httpd->data, err);
    if (result == 0)
        result = copy_text(options->token, &httpd->token, err);
    if (result == 0)
        result = copy_text(options->allowed_hosts, &httpd->allowed_hosts, err);
    if (result == 0)
        result = listen_parse(options->listen, &httpd->address, err);
    if (result == 0)
        result =
            tls_load(options->tls_cert, options->tls_key, options->client_ca, &httpd->tls, err);
    if (result == 0)
        result = check_safety(httpd, err);
    httpd->guard = (struct guard){httpd->address.text, httpd->allowed_hosts, httpd->token};
    return result;
}

static int start_library(struct httpd *httpd, struct err *err)
{
    struct MHD_OptionItem more[4] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    int fd, count = 0, result = listen_open(&httpd->address, &fd, err);
    if (result < 0)
        return result;
    if (httpd->tls.cert.size > 0) {
        flags |= MHD_USE_TLS;
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, httpd->tls.cert.data};
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, httpd->tls.key.data};
        if (httpd->tls.client_ca.size > 0)
            more[count++] =
                (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, httpd->tls.client_ca.data};
        more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    httpd->daemon = MHD_start_daemon(
        flags, httpd->address.port, may_come, httpd, handle, httpd, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_URI_LOG_CALLBACK, begin_request, httpd, MHD_OPTION_NOTIFY_COMPLETED, end_request,
        httpd, MHD_OPTION_NOTIFY_CONNECTION, note_connection, httpd, MHD_OPTION_CONNECTION_LIMIT,
        CLIENTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HTTPD_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPD_CONNECTION_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (httpd->daemon)
        return 0;
    close(fd);
    return httpd->tls.cert.size > 0
               ? err_set(err, ERR_USAGE,
                         "TLS did not start: are the certificate and the key a pair, as PEM?")
               : err_set(err, ERR_IO, "the HTTP server did not start: %s", strerror(errno));
}

static int start_clock(struct httpd *httpd, struct err *err)
{
    if (pthread_create(&httpd->clock, NULL, clock_main, httpd) != 0)
        return err_set(err, ERR_NO_MEMORY, "no thread could be made for the server");
    httpd->clock_runs = true;
    return 0;
}

int httpd_start(const struct httpd_options *options, struct httpd **out, struct err *err)
{
    struct httpd *httpd = calloc(1, sizeof *httpd);
    pthread_condattr_t monotonic;
    if (!httpd)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    clients_init(&httpd->clients);
    streams_init(&httpd->streams, &httpd->live);
    pthread_mutex_init(&httpd->clock_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&httpd->clock_wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    page_init();
    openapi_write(&httpd->openapi);
    int result = take_options(httpd, options, err);
    if (result == 0)
        result = work_new(httpd->data, &httpd->work, err);
    if (result == 0)
        result = start_library(httpd, err);
    if (result == 0)
        result = start_clock(httpd, err);
    if (result < 0) {
        httpd_stop(httpd);
        return result;
    }
    *out = httpd;
    return 0;
}

uint16_t httpd_port(const struct httpd *httpd)
{
    return httpd->address.port;
}

void httpd_stop(struct httpd *httpd)
{
    if (!httpd)
        return;
    pthread_mutex_lock(&httpd->clock_lock);
    httpd->stopping = true;
    pthread_cond_signal(&httpd->clock_wanted);
    pthread_mutex_unlock(&httpd->clock_lock);
    if (httpd->clock_runs)
        pthread_join(httpd->clock, NULL);
    if (httpd->work)
        work_stop(httpd->work);
    streams_stop(&httpd->streams);
    if (httpd->daemon)
        MHD_stop_daemon(httpd->daemon);
    work_free(httpd->work);
    streams_done(&httpd->streams);
    clients_done(&httpd->clients);
    pthread_cond_destroy(&httpd->clock_wanted);
    pthread_mutex_destroy(&httpd->clock_lock);
    page_done();
    buf_done(&httpd->openapi);
    tls_done(&httpd->tls);
    if (httpd->token)
        explicit_bzero(httpd->token, strlen(httpd->token));
    free(httpd->token);
    free(httpd->data);
    free(httpd->allowed_hosts);
    free(httpd);
}

void httpd_counts(const struct httpd *httpd, struct httpd_counts *out)
{
    struct httpd *own = (struct httpd *)(uintptr_t)httpd; /* its lock */
    *out = (struct httpd_counts){
        .requests = httpd->requests,
        .refused = httpd->refused,
        .errors = httpd->errors,
        .bytes = httpd->bytes,
        .connections = clients_count(&own->clients),
    };
}
