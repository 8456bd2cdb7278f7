/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "collect/keep.h"
#include "daemon/harvest_traces.h"
#include "harvest_kit.h"
#include "query/trace_blob.h"

#define MONTH_OF_TRACES 64

struct found {
    struct store_trace head;
    struct trace_blob_head blob_head;
    char endpoint[64];
    json_t *json;
};

struct all {
    struct found traces[MONTH_OF_TRACES];
    uint32_t count;
};

static int see_trace(void *context, const struct store_trace *trace)
{
    struct all *all = context;
    struct buf json = {0};
    json_error_t error;
    assert_true(all->count < MONTH_OF_TRACES);
    struct found *found = &all->traces[all->count++];
    found->head = *trace;
    snprintf(found->endpoint, sizeof found->endpoint, "%s", trace->endpoint);
    assert_int_equal(trace_blob_head(trace->data, trace->size, &found->blob_head), 0);
    kit_ok(trace_blob_decode(trace->data, trace->size, &json, &err));
    found->json = json_loadb(json.data, json.size, 0, &error);
    if (!found->json)
        fail_msg("%s in %.*s", error.text, (int)json.size, json.data);
    buf_done(&json);
    return 0;
}

static void read_all(struct harvest_kit *kit, struct all *all)
{
    struct store_query query = {.from_ns = T0 - DAY, .to_ns = T0 + DAY};
    all->count = 0;
    kit_ok(store_flush(kit->store, &err));
    kit_ok(store_read_traces(kit->store, &query, 0, see_trace, all, &err));
}

static void all_done(struct all *all)
{
    for (uint32_t i = 0; i < all->count; i++)
        json_decref(all->traces[i].json);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void assert_near(const json_t *object, const char *key, double expected)
{
    double value = json_number_value(json_object_get(object, key));
    if (value < expected - 1e-6 || value > expected + 1e-6)
        fail_msg("%s is %f, not %f", key, value, expected);
}

static void leaf(struct writer *writer, uint64_t request, uint32_t key, uint64_t start_ns,
                 uint64_t ns)
{
    writer_count(writer, key, ns, false);
    writer_record(writer, (struct agent_record){.kind = AGENT_RECORD_SPAN,
                                                .about = (uint8_t)writer->keys[key].kind,
                                                .request = request,
                                                .as.span = {.start_ns = start_ns,
                                                            .duration_ns = ns,
                                                            .span = 0xabc,
                                                            .parent = request,
                                                            .key = key,
                                                            .rows = 3}});
}

static void raise_error(struct writer *writer, uint64_t request, uint32_t key, uint64_t at_ns)
{
    writer_count(writer, key, 0, true);
    writer_record(
        writer, (struct agent_record){.kind = AGENT_RECORD_ERROR,
                                      .about = AGENT_KIND_EXCEPTION,
                                      .flags = AGENT_FLAG_ERROR,
                                      .request = request,
                                      .as.span = {.start_ns = at_ns, .parent = 0xabc, .key = key}});
}

/* A stack of two frames, in a profile as the sampler has it. */
static uint32_t add_stack(struct profile *profile, const char *inner)
{
    struct profile_frame outer = {.name = profile_cstring(profile, "main"),
                                  .file = profile_cstring(profile, "app.py"),
                                  .line = 3};
    struct profile_frame leaf_frame = {.name = profile_cstring(profile, inner),
                                       .file = profile_cstring(profile, "app.py"),
                                       .line = 9};
    uint32_t node = profile_node(profile, 0, profile_frame(profile, &outer));
    return profile_node(profile, node, profile_frame(profile, &leaf_frame));
}

static void test_harvest_traces__a_failed_request_is_kept_with_spans_errors_and_stacks(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct all all;
    struct profile *sampled = profile_new();
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    struct writer *writer = &process.writer;
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    uint64_t start_ns = kit.mono_ns - 100 * MS;
    uint32_t route = writer_key(writer, AGENT_KIND_REQUEST, "/users/<int:id>", "GET", 5);
    uint32_t select = writer_key(writer, AGENT_KIND_STATEMENT, "SELECT ?\nFROM \"users\"", "", 0);
    writer->keys[select].summary = writer_string(writer, "SELECT users");
    uint32_t call = writer_key(writer, AGENT_KIND_OUTBOUND, "api:80", "POST", 2);
    uint32_t error = writer_key(writer, AGENT_KIND_EXCEPTION, "KeyError", "view (app.py:3)", 0);
    uint64_t id = writer_begin(writer, 0, start_ns);
    leaf(writer, id, select, start_ns + 10 * MS, 20 * MS);
    leaf(writer, id, call, start_ns + 40 * MS, 5 * MS);
    raise_error(writer, id, error, start_ns + 50 * MS);
    uint32_t work = add_stack(sampled, "work"), wait = add_stack(sampled, "wait");
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(harvest_sample(kit.harvest, process.pid, id, start_ns + (i + 1) * 10 * MS,
                                        10 * MS, sampled, i < 6 ? work : wait),
                         0);
    assert_int_equal(
        harvest_sample(kit.harvest, process.pid, id + 1, start_ns, 10 * MS, sampled, work), 0);
    writer_end(writer, 0, route, 100 * MS, (struct agent_record){0}, AGENT_FLAG_ERROR);
    kit_tick(&kit, S);
    read_all(&kit, &all);
    assert_int_equal(all.count, 0); /* samples may still come */
    kit_tick(&kit, 3 * S);
    read_all(&kit, &all);
    assert_int_equal(all.count, 1);
    const struct found *found = &all.traces[0];
    assert_string_equal(found->endpoint, "GET /users/<int:id>");
    assert_int_equal(found->head.pid, process.pid);
    assert_int_equal(found->head.status, 500);
    assert_int_equal(found->head.flags & AGENT_FLAG_ERROR, AGENT_FLAG_ERROR);
    assert_int_equal(found->head.duration_ns, 100 * MS);
    assert_int_equal(found->head.start_ns, T0 + 3 * S - 100 * MS);
    assert_int_equal(found->blob_head.reasons, KEEP_ERROR);
    assert_int_equal(found->blob_head.spans, 3);

    json_t *spans = json_object_get(found->json, "spans");
    assert_int_equal(json_array_size(spans), 3);
    assert_string_equal(text_of(found->json, "service"), "shop");
    assert_string_equal(text_of(found->json, "version"), "1.0");
    assert_near(found->json, "start_s", (double)(T0 / S) + 2.9);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(found->json, "reasons"), 0)), "error");
    const json_t *root = json_array_get(spans, 0), *first = json_array_get(spans, 1);
    assert_string_equal(text_of(root, "name"), "GET /users/<int:id>");
    assert_string_equal(text_of(root, "kind"), "request");
    assert_true(json_is_null(json_object_get(root, "parent")));
    assert_string_equal(text_of(first, "parent"), text_of(root, "span"));
    assert_string_equal(text_of(first, "kind"), "statement");
    assert_string_equal(text_of(first, "name"), "SELECT users");
    assert_string_equal(text_of(first, "detail"), "SELECT ?\nFROM \"users\"");
    assert_near(first, "start_s", 0.01);
    assert_near(first, "duration_s", 0.02);
    assert_near(first, "rows", 3);
    assert_string_equal(text_of(json_array_get(spans, 2), "name"), "api:80");
    const json_t *raised = json_array_get(json_object_get(found->json, "errors"), 0);
    assert_string_equal(text_of(raised, "type"), "KeyError");
    assert_string_equal(text_of(raised, "where"), "view (app.py:3)");
    assert_string_equal(text_of(raised, "span"), "0000000000000abc");
    assert_near(raised, "at_s", 0.05);

    const json_t *profile = json_object_get(found->json, "profile");
    assert_string_equal(text_of(profile, "format"), "pitviper-profile");
    json_t *counts = json_object_get(json_object_get(profile, "samples"), "count");
    assert_int_equal(json_array_size(counts), 2);
    assert_int_equal(json_integer_value(json_array_get(counts, 0)), 6);
    assert_int_equal(json_integer_value(json_array_get(counts, 1)), 4);
    assert_true(json_is_object(json_object_get(profile, "timeline")));
    all_done(&all);
    profile_free(sampled);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest_traces__ordinary_requests_are_kept_by_share(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct all all;
    kit_begin(&kit, 0.1);
    fake_start(&process, 4096);
    struct writer *writer = &process.writer;
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    uint32_t route = writer_key(writer, AGENT_KIND_REQUEST, "/", "GET", 2);
    for (int i = 0; i < 50; i++) { /* no percentile yet: none of them is slow */
        writer_begin(writer, 0, kit.mono_ns);
        writer->slots[0].trace_low = (uint64_t)i * (UINT64_C(1) << 56) / 50 + 1000;
        writer_end(writer, 0, route, MS, (struct agent_record){0}, 0);
    }
    kit_tick(&kit, S);
    kit_ok(harvest_flush(kit.harvest, &err));
    read_all(&kit, &all);
    assert_int_equal(all.count, 5);
    for (uint32_t i = 0; i < all.count; i++) {
        assert_int_equal(all.traces[i].blob_head.reasons, KEEP_SHARE);
        assert_true(json_is_null(json_object_get(all.traces[i].json, "profile")));
    }
    struct harvest_stats stats;
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.requests, 50);
    assert_int_equal(stats.traces_kept, 5);
    assert_int_equal(stats.traces_dropped, 0);
    all_done(&all);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

/* Failures without end, of many routes: as many are stored as the bounds say, the others counted.
 */
static void test_harvest_traces__no_traffic_floods_the_store(void **state)
{
    (void)state;
    enum { ROUTES = 100, EACH = 10 };
    struct harvest_kit kit;
    struct fake_process process;
    struct harvest_stats stats;
    kit_begin(&kit, 1);
    fake_start(&process, 4096);
    struct writer *writer = &process.writer;
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    for (int i = 0; i < ROUTES * EACH; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i % ROUTES);
        writer_begin(writer, 0, kit.mono_ns);
        writer_end(writer, 0, writer_key(writer, AGENT_KIND_REQUEST, path, "GET", 5), MS,
                   (struct agent_record){0}, AGENT_FLAG_ERROR);
    }
    kit_tick(&kit, S);
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.requests, ROUTES * EACH);
    assert_int_equal(stats.traces_kept, TRACES_BURST);
    assert_int_equal(stats.traces_dropped, ROUTES * EACH - TRACES_BURST);
    writer_begin(writer, 0, kit.mono_ns);
    writer_end(writer, 0, writer_key(writer, AGENT_KIND_REQUEST, "/ok", "GET", 2), MS,
               (struct agent_record){0}, 0);
    kit_tick(&kit, 10 * S);
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.traces_kept, TRACES_BURST); /* an ordinary one leaves room for errors */
    writer_begin(writer, 0, kit.mono_ns);
    writer_end(writer, 0, writer_key(writer, AGENT_KIND_REQUEST, "/bad", "GET", 5), MS,
               (struct agent_record){0}, AGENT_FLAG_ERROR);
    kit_tick(&kit, S);
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.traces_kept, TRACES_BURST + 1);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest_traces__what_waits_is_stored_when_its_process_dies(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct all all;
    kit_begin(&kit, 1);
    fake_start(&process, 1024);
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    uint32_t route = writer_key(&process.writer, AGENT_KIND_TASK, "mail", "celery", 0);
    writer_begin(&process.writer, 0, kit.mono_ns);
    writer_end(&process.writer, 0, route, MS, (struct agent_record){0}, 0);
    fake_kill(&process);
    harvest_gone(kit.harvest, process.pid);
    read_all(&kit, &all);
    assert_int_equal(all.count, 1);
    assert_string_equal(all.traces[0].endpoint, "task mail");
    all_done(&all);
    fake_done(&process);
    kit_end(&kit);
}

/* ---- event loops -------------------------------------------------------------------------- */

struct told {
    char text[256];
    uint32_t count;
};

static int see_event(void *context, const struct store_event *event)
{
    struct told *told = context;
    assert_string_equal(event->service, "shop");
    snprintf(told->text, sizeof told->text, "%s", event->text);
    told->count++;
    return 0;
}

static struct told read_blocked(struct harvest_kit *kit)
{
    struct told told = {0};
    struct store_query query = {.from_ns = T0, .to_ns = T0 + DAY};
    kit_ok(store_flush(kit->store, &err));
    kit_ok(store_read_events(kit->store, &query, "blocked", see_event, &told, &err));
    return told;
}

/* The application's function below a library's. */
static uint32_t add_call(struct profile *profile, const char *own, const char *file,
                         const char *library)
{
    struct profile_frame frame = {.name = profile_cstring(profile, own),
                                  .file = profile_cstring(profile, file),
                                  .full_file = profile_cstring(profile, file),
                                  .line = 31};
    uint32_t node = profile_node(profile, 0, profile_frame(profile, &frame));
    frame.name = profile_cstring(profile, library);
    frame.full_file = profile_cstring(profile, "/usr/lib/python3.12/socket.py");
    return profile_node(profile, node, profile_frame(profile, &frame));
}

static void test_harvest_traces__who_held_up_the_loop_is_named_once_an_hour(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct profile *sampled = profile_new();
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    struct writer *writer = &process.writer;
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    uint32_t load_all = add_call(sampled, "load_all", "shop/data.py", "recv_into");
    uint32_t other = add_call(sampled, "quick", "shop/views.py", "encode");
    uint32_t route = writer_key(writer, AGENT_KIND_REQUEST, "/report", "GET", 2);
    uint32_t loop = writer_key(writer, AGENT_KIND_LOOP, "/report", "", 0);
    for (int round = 0; round < 2; round++) {
        uint64_t start_ns = kit.mono_ns;
        uint64_t id = writer_begin(writer, 0, start_ns);
        for (uint64_t i = 1; i <= 4; i++) /* each in a turn of its own */
            harvest_sample(kit.harvest, process.pid, id, start_ns + i * 100 * MS, 10 * MS, sampled,
                           other);
        for (uint64_t i = 1; i <= 30; i++)
            harvest_sample(kit.harvest, process.pid, id, start_ns + 500 * MS + i * 10 * MS, 10 * MS,
                           sampled, load_all);
        writer_count(writer, loop, 300 * MS, false);
        writer_end(writer, 0, route, 900 * MS, (struct agent_record){0}, 0);
        for (int second = 0; second < 10; second++)
            kit_tick(&kit, S);
    }
    struct told told = read_blocked(&kit);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.text, "GET /report held up the event loop 1 time, for 0.30 s at most, "
                                   "in load_all (shop/data.py:31)");
    profile_free(sampled);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

/* Held up, but never long in one piece where the sampler looked: nobody is blamed. */
static void test_harvest_traces__short_turns_are_not_blamed(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct profile *sampled = profile_new();
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    struct writer *writer = &process.writer;
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    uint32_t quick = add_call(sampled, "quick", "shop/views.py", "encode");
    uint64_t start_ns = kit.mono_ns, id = writer_begin(writer, 0, start_ns);
    for (uint64_t i = 1; i <= 20; i++)
        harvest_sample(kit.harvest, process.pid, id, start_ns + i * 40 * MS, 10 * MS, sampled,
                       quick);
    writer_count(writer, writer_key(writer, AGENT_KIND_LOOP, "/", "", 0), 300 * MS, false);
    writer_end(writer, 0, writer_key(writer, AGENT_KIND_REQUEST, "/", "GET", 2), 900 * MS,
               (struct agent_record){0}, 0);
    for (int second = 0; second < 10; second++)
        kit_tick(&kit, S);
    assert_int_equal(read_blocked(&kit).count, 0);
    profile_free(sampled);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}
