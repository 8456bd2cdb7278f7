/* SPDX-License-Identifier: MIT */
/* routes.c - which address is answered by what; access and parameters are columns. */
#include <string.h>

#include "base/clock.h"
#include "httpd/own.h"
#include "httpd/page.h"
#include "httpd/wishes.h"

#define API "/api/v1/"
#define TEXT_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define EVENT_STREAM "text/event-stream"
#define OPEN_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

static enum route_result not_here(struct request *request)
{
    reply_error(&request->reply, MHD_HTTP_NOT_FOUND, "only a running pitviper serve has this");
    return ROUTE_REPLY;
}

static enum route_result run_page(struct request *request)
{
    const struct page_file *file = page_find(request->uri.path);
    struct reply *reply = &request->reply;
    reply->media_type = file->media_type;
    reply->policy = PAGE_POLICY;
    reply->fixed = file->data;
    reply->fixed_size = file->size;
    reply->fixed_gzip = file->packed.data;
    reply->fixed_gzip_size = file->packed.size;
    return ROUTE_REPLY;
}

static enum route_result say(struct request *request, bool good, const char *yes, const char *no)
{
    struct reply *reply = &request->reply;
    reply->media_type = "text/plain; charset=utf-8";
    reply->status = good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    buf_add_str(&reply->body, good ? yes : no);
    return ROUTE_REPLY;
}

static enum route_result run_healthy(struct request *request)
{
    const struct httpd_live *live = &request->httpd->live;
    return say(request, !live->healthy || live->healthy(live->context), "healthy\n",
               "a thread has stopped\n");
}

static enum route_result run_ready(struct request *request)
{
    const struct httpd_live *live = &request->httpd->live;
    return say(request, !live->ready || live->ready(live->context), "ready\n", "starting\n");
}

static enum route_result run_metrics(struct request *request)
{
    const struct httpd_live *live = &request->httpd->live;
    const char *accept = request_header(request, "Accept");
    unsigned open = wishes_weight(accept, "application/openmetrics-text", 0);
    bool wants_open = open > 0 && open >= wishes_weight(accept, "text/plain", 0);
    if (!live->metrics)
        return not_here(request);
    request->reply.media_type = wants_open ? OPEN_METRICS : TEXT_METRICS;
    int result = live->metrics(live->context, &request->reply.body, wants_open);
    if (result < 0)
        reply_failure(&request->reply, result, &(struct err){0});
    return ROUTE_REPLY;
}

static enum route_result run_status(struct request *request)
{
    const struct httpd_live *live = &request->httpd->live;
    if (!live->status)
        return not_here(request);
    int result = live->status(live->context, &request->reply.body);
    if (result < 0)
        reply_failure(&request->reply, result, &(struct err){0});
    return ROUTE_REPLY;
}

static enum route_result run_openapi(struct request *request)
{
    request->reply.fixed = request->httpd->openapi.data;
    request->reply.fixed_size = request->httpd->openapi.size;
    return ROUTE_REPLY;
}

/* What came of a body: parsed and passed on, or not. */
static enum route_result close_post(struct request *request, struct body *body, int result,
                                    const struct err *err)
{
    body_done(body);
    if (result < 0) {
        reply_failure(&request->reply, result, err);
        return ROUTE_REPLY;
    }
    request->reply.status = request->route->good_status;
    buf_add_str(&request->reply.body, "{\"done\": true}\n");
    return ROUTE_REPLY;
}

static enum route_result run_deploy(struct request *request)
{
    const struct httpd_live *live = &request->httpd->live;
    struct err err = {0};
    struct body body;
    if (!live->deploy)
        return not_here(request);
    int result = body_parse_deploy(request->body.data, request->body.size, &body, &err);
    if (result == 0)
        result = live->deploy(live->context, body.service, body.version, body.text, &err);
    return close_post(request, &body, result, &err);
}

static enum route_result run_boost(struct request *request)
{
    const struct httpd_live *live = &request->httpd->live;
    struct err err = {0};
    struct body body;
    if (!live->boost)
        return not_here(request);
    int result = body_parse_boost(request->body.data, request->body.size, &body, &err);
    if (result == 0)
        result = live->boost(live->context, body.service, body.rate_hz, body.seconds, &err);
    return close_post(request, &body, result, &err);
}

static enum route_result run_live(struct request *request)
{
    struct httpd *httpd = request->httpd;
    struct MHD_Response *response;
    if (!httpd->live.status && !httpd->live.events)
        return not_here(request);
    response =
        stream_new(&httpd->streams, request->connection, request_header(request, "Last-Event-ID"));
    if (!response) {
        reply_error(&request->reply, MHD_HTTP_SERVICE_UNAVAILABLE,
                    "%u clients follow what happens already; come again later", STREAMS_MAX);
        request->reply.retry_after_s = 30;
        return ROUTE_REPLY;
    }
    reply_headers(response, EVENT_STREAM, NULL);
    MHD_queue_response(request->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return ROUTE_STREAM;
}

static enum route_result run_answer(struct request *request)
{
    struct httpd *httpd = request->httpd;
    request->job = work_ask(httpd->work, request->connection, request->kind, &request->uri,
                            request->id, &request->wish);
    if (request->job)
        return ROUTE_WAITS;
    reply_error(&request->reply, MHD_HTTP_SERVICE_UNAVAILABLE,
                "%u answers are being written already; ask again in a second", WORK_MAX);
    request->reply.retry_after_s = 1;
    return ROUTE_REPLY;
}

const struct route httpd_routes[] = {
    {.path = "/", .open = true, .any_params = true, .run = run_page},
    {.path = "/app.js", .open = true, .any_params = true, .run = run_page},
    {.path = "/app.css", .open = true, .any_params = true, .run = run_page},
    {.path = "/-/healthy", .open = true, .run = run_healthy},
    {.path = "/-/ready", .open = true, .run = run_ready},
    {.path = "/metrics", .run = run_metrics},
    {.path = API "openapi.json", .run = run_openapi, .help = "this document"},
    {.path = API "status", .run = run_status, .help = "what the daemon does and costs"},
    {.path = API "live",
     .run = run_live,
     .media_type = EVENT_STREAM,
     .help = "status and events while they happen"},
    {.path = API "deploys",
     .post = true,
     .run = run_deploy,
     .good_status = MHD_HTTP_CREATED,
     .body_shape = "Deploy",
     .help = "marks a release"},
    {.path = API "boost",
     .post = true,
     .run = run_boost,
     .good_status = MHD_HTTP_ACCEPTED,
     .body_shape = "Boost",
     .help = "samples one service more often for some seconds"},
    {0},
};

static const struct route answer_route = {.path = API, .any_params = true, .run = run_answer};

/* "/api/v1/traces/4bf9…" is the kind "traces" with an id. */
static bool find_answer(struct request *request)
{
    char name[64];
    const char *path = request->uri.path, *slash;
    if (strncmp(path, API, strlen(API)) != 0)
        return false;
    path += strlen(API);
    slash = strchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : strlen(path);
    if (size >= sizeof name)
        return false;
    memcpy(name, path, size);
    name[size] = 0;
    request->kind = answer_find(name);
    request->id = slash ? slash + 1 : NULL;
    if (!request->kind || (slash && (!request->kind->takes_id || !slash[1])))
        return false;
    request->route = &answer_route;
    return true;
}

bool route_find(struct request *request, bool post, const char **allow)
{
    const struct route *found = NULL;
    for (const struct route *route = httpd_routes; route->path && !found; route++)
        if (!strcmp(route->path, request->uri.path))
            found = route;
    *allow = NULL;
    if (!found && find_answer(request))
        found = &answer_route;
    if (found && found->post != post)
        *allow = found->post ? "POST" : "GET, HEAD";
    request->route = found;
    return found && !*allow;
}
