/* SPDX-License-Identifier: MIT */
/* answers_store.c - a store that has something of everything, in the last two minutes.
 *
 *     answers_store DIR
 *
 * One service with a hostile name and one without requests, so that every answer of the API has
 * rows.
 */
#include <stdio.h>
#include <string.h>

#include "abi/agent.h"
#include "base/clock.h"
#include "base/loglinear.h"
#include "query/kinds.h"
#include "query/trace_blob.h"
#include "store/store.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)
#define HOSTILE "<script>alert(\"x\")</script>'&\x01\n"
#define ENDPOINT "GET /users/<int:id>"

static const struct store_source web = {
    .service = HOSTILE, .host = "web1", .version = "v1", .pid = 10, .endpoint = ENDPOINT};
static const struct store_source worker = {
    .service = "worker", .host = "web1", .version = "", .pid = 11};

static int add_samples(struct store *store, const struct store_source *source, uint64_t at_ns,
                       struct err *err)
{
    struct profile *profile = profile_new();
    struct profile_thread thread = {.pid = source->pid,
                                    .tid = source->pid,
                                    .name = profile_cstring(profile, "MainThread"),
                                    .process = profile_cstring(profile, "python " HOSTILE)};
    struct profile_frame frame = {.name = profile_cstring(profile, HOSTILE),
                                  .file = profile_cstring(profile, "app.py"),
                                  .line = 7};
    uint32_t node = profile_node(profile, 0, profile_frame(profile, &frame));
    profile_add(profile, profile_thread(profile, &thread), node, 100, S);
    int result = store_add_profile(store, source, at_ns, profile, err);
    profile_free(profile);
    return result;
}

static int add_counts(struct store *store, uint64_t at_ns, struct err *err)
{
    static const struct store_histogram what[] = {
        {.kind = AGENT_KIND_REQUEST, .name = "/users/<int:id>", .detail = "GET", .group = 2},
        {.kind = AGENT_KIND_TASK, .name = "send_mail", .detail = "celery"},
        {.kind = AGENT_KIND_STATEMENT, .name = "SELECT ?", .detail = "sqlite", .fingerprint = 7},
        {.kind = AGENT_KIND_OUTBOUND, .name = "api.example", .detail = "GET", .group = 2},
        {.kind = AGENT_KIND_CACHE, .name = "GET", .detail = "redis"},
        {.kind = AGENT_KIND_TEMPLATE, .name = "page.html", .detail = "jinja2"},
        {.kind = AGENT_KIND_EXCEPTION, .name = "ValueError", .detail = "f (app.py:3)"},
        {.kind = QUERY_KIND_PART, .name = ENDPOINT, .detail = "database"},
        {.kind = QUERY_KIND_PART, .name = ENDPOINT, .detail = "repeated"},
        {.kind = QUERY_KIND_STATEMENT_IN, .name = "SELECT ?", .detail = ENDPOINT, .fingerprint = 7},
        {.kind = QUERY_KIND_EXCEPTION_IN,
         .name = "ValueError",
         .detail = "f (app.py:3)",
         .summary = ENDPOINT},
    };
    int result = 0;
    for (size_t i = 0; i < sizeof what / sizeof *what && result == 0; i++) {
        struct store_bucket bucket = {loglinear_bucket(20 * MS), 3};
        struct store_histogram histogram = what[i];
        histogram.count = 3;
        histogram.total_ns = 60 * MS;
        histogram.max_ns = 20 * MS;
        histogram.pid = web.pid;
        histogram.buckets = &bucket;
        histogram.bucket_count = histogram.kind < QUERY_KIND_PART;
        result = store_add_histogram(store, &web, at_ns, &histogram, err);
    }
    return result;
}

static int add_gauges(struct store *store, uint64_t at_ns, struct err *err)
{
    static const char *const names[] = {QUERY_GAUGE_CPU, QUERY_GAUGE_MEMORY, QUERY_GAUGE_THREADS,
                                        QUERY_GAUGE_GC, QUERY_GAUGE_RATE};
    int result = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && result == 0; i++)
        result = store_add_gauge(store, &web, at_ns, names[i], 0.5, err);
    return result;
}

static int add_trace(struct store *store, uint64_t at_ns, struct err *err)
{
    static const char json[] =
        "{\"trace\":\"00000000000000010000000000000002\",\"service\":\"shop\",\"version\":null,"
        "\"endpoint\":\"GET /\",\"start_s\":1,\"duration_s\":0.5,\"status\":200,\"error\":false,"
        "\"reasons\":[\"slow\"],\"pid\":10,\"spans\":[],\"missing_spans\":0,\"errors\":[],"
        "\"profile\":null}";
    struct trace_blob_head head = {.reasons = 2, .spans = 1};
    struct buf blob;
    buf_init(&blob, 0);
    int result = trace_blob_encode(&head, json, strlen(json), &blob);
    struct store_trace trace = {.trace_high = 1,
                                .trace_low = 2,
                                .start_ns = at_ns,
                                .duration_ns = 500 * MS,
                                .service = HOSTILE,
                                .version = "v1",
                                .endpoint = ENDPOINT,
                                .pid = 10,
                                .status = 200,
                                .data = blob.data,
                                .size = blob.size};
    if (result == 0)
        result = store_add_trace(store, &trace, err);
    buf_done(&blob);
    return result;
}

static int add_event(struct store *store, uint64_t at_ns, struct err *err)
{
    struct store_event event = {.at_ns = at_ns,
                                .kind = "deploy",
                                .service = HOSTILE,
                                .host = "web1",
                                .version = "v1",
                                .text = HOSTILE,
                                .detail = "{\"by\": \"hand\"}"};
    return store_add_event(store, &event, err);
}

static int fill(struct store *store, struct err *err)
{
    uint64_t now = clock_wall_ns(), at = now - 120 * S;
    int result = 0;
    for (; at < now - 20 * S && result == 0; at += 10 * S) {
        result = add_samples(store, &web, at, err);
        if (result == 0)
            result = add_samples(store, &worker, at, err);
        if (result == 0)
            result = add_counts(store, at, err);
        if (result == 0)
            result = add_gauges(store, at, err);
    }
    if (result == 0)
        result = add_trace(store, now - 60 * S, err);
    if (result == 0)
        result = add_event(store, now - 60 * S, err);
    return result == 0 ? store_tick(store, now, err) : result;
}

int main(int argc, char **argv)
{
    struct store_options options = {.write = true};
    struct store *store = NULL;
    struct err err = {0};
    if (argc != 2)
        return 2;
    int result = store_open(argv[1], &options, &store, &err);
    if (result == 0)
        result = fill(store, &err);
    store_close(store);
    if (result < 0)
        fprintf(stderr, "answers_store: %s\n", err.text);
    return result < 0;
}
