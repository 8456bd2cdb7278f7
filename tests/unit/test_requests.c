/* SPDX-License-Identifier: MIT */
/* Samples that wait for their requests, with a region written by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent_writer.h"
#include "base/err.h"
#include "collect/collect.h"
#include "model/profile.h"
#include "sampler/requests.h"

#define SLOTS 16u
#define RECORDS 64u
#define LOG_MAX 64u
#define MS UINT64_C(1000000)

struct went {
    char root[64]; /* name of the outermost frame, "" where it is the function */
    uint64_t start_us;
};

struct bench {
    struct writer writer;
    struct collect *collect;
    struct profile *profile;
    struct requests *requests;
    uint32_t thread, node, labelled;
    struct went log[LOG_MAX];
    uint32_t count;
};

static void note(void *context, uint32_t thread, uint32_t node, uint64_t start_us,
                 uint64_t duration_us)
{
    struct bench *bench = context;
    const struct profile *profile = bench->profile;
    (void)thread;
    assert_true(duration_us > 0);
    if (bench->count == LOG_MAX)
        return;
    struct went *went = &bench->log[bench->count++];
    *went = (struct went){.start_us = start_us};
    for (; node; node = profile->nodes[node].parent) {
        const struct profile_frame *frame = &profile->frames[profile->nodes[node].frame];
        if (frame->kind == FRAME_REQUEST)
            snprintf(went->root, sizeof went->root, "%s", profile->strings[frame->name].text);
    }
}

static uint32_t make_node(struct profile *profile, uint32_t parent, const char *name,
                          enum frame_kind kind)
{
    struct profile_frame frame = {.name = profile_cstring(profile, name), .kind = kind};
    return profile_node(profile, parent, profile_frame(profile, &frame));
}

static void bench_open(struct bench *bench, struct requests_options options)
{
    struct err err;
    *bench = (struct bench){.profile = profile_new()};
    writer_open(&bench->writer, SLOTS, RECORDS);
    assert_int_equal(collect_open_fd(dup(bench->writer.fd), 0, &bench->collect, &err), 0);
    struct profile_thread thread = {.pid = 42, .tid = 42};
    bench->thread = profile_thread(bench->profile, &thread);
    bench->node = make_node(bench->profile, 0, "work", FRAME_PYTHON);
    uint32_t process = make_node(bench->profile, 0, "process 42", FRAME_PROCESS);
    bench->labelled = make_node(bench->profile, process, "work", FRAME_PYTHON);
    assert_int_equal(requests_new(bench->profile, &options, note, bench, &bench->requests, &err),
                     0);
}

static void bench_close(struct bench *bench)
{
    requests_free(bench->requests);
    collect_close(bench->collect);
    writer_close(&bench->writer);
    profile_free(bench->profile);
}

static void see_node(struct bench *bench, uint32_t node, uint64_t request, uint32_t slot,
                     uint64_t at_us)
{
    struct process_sighting sighting = {.thread = bench->thread,
                                        .node = node,
                                        .agent = bench->collect,
                                        .request = request,
                                        .request_slot = slot};
    requests_see(bench->requests, &sighting, at_us, 10);
}

static void see(struct bench *bench, uint64_t request, uint32_t slot, uint64_t at_us)
{
    see_node(bench, bench->node, request, slot, at_us);
}

static void end(struct bench *bench, uint32_t slot, const char *route, uint64_t took_ns)
{
    uint32_t key = writer_key(&bench->writer, AGENT_KIND_REQUEST, route, "GET", 2);
    writer_end(&bench->writer, slot, key, took_ns, (struct agent_record){0}, 0);
    collect_drain(bench->collect, NULL, NULL);
}

static void tick(struct bench *bench)
{
    requests_tick(bench->requests, clock_mono_ns());
}

static void expect(const struct bench *bench, uint32_t at, const char *root, uint64_t start_us)
{
    assert_true(at < bench->count);
    assert_string_equal(bench->log[at].root, root);
    assert_int_equal(bench->log[at].start_us, start_us);
}

static void test_requests__samples_wait_for_the_route_and_stay_in_order(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct requests_options){.by_endpoint = true});
    uint64_t first = writer_begin(&bench.writer, 1, clock_mono_ns());
    uint64_t second = writer_begin(&bench.writer, 2, clock_mono_ns());
    see(&bench, first, 1, 100);
    see(&bench, second, 2, 110);
    see(&bench, 0, AGENT_NONE, 120);
    see(&bench, PROCESS_REQUEST_UNKNOWN, AGENT_NONE, 130);
    see(&bench, first, 1, 140);
    end(&bench, 2, "/second", 5 * MS);
    tick(&bench);
    assert_int_equal(bench.count, 0); /* the oldest has not ended */
    end(&bench, 1, "/first", 7 * MS);
    tick(&bench);
    assert_int_equal(bench.count, 5);
    expect(&bench, 0, "GET /first", 100);
    expect(&bench, 1, "GET /second", 110);
    expect(&bench, 2, "(no request)", 120);
    expect(&bench, 3, "(request not known)", 130);
    expect(&bench, 4, "GET /first", 140);
    const struct requests_stats *stats = requests_stats(bench.requests);
    assert_int_equal(stats->taken, 5);
    assert_int_equal(stats->matched, 3);
    assert_int_equal(stats->outside, 1);
    assert_int_equal(stats->unknown, 1);
    bench_close(&bench);
}

static void test_requests__root_lies_below_process_and_thread(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct requests_options){.by_endpoint = true});
    uint64_t id = writer_begin(&bench.writer, 1, clock_mono_ns());
    see_node(&bench, bench.labelled, id, 1, 100);
    end(&bench, 1, "/x", MS);
    tick(&bench);
    expect(&bench, 0, "GET /x", 100);
    uint32_t last = bench.profile->node_count - 1; /* work */
    uint32_t root = bench.profile->nodes[last].parent;
    uint32_t process = bench.profile->nodes[root].parent;
    assert_int_equal(bench.profile->frames[bench.profile->nodes[root].frame].kind, FRAME_REQUEST);
    assert_int_equal(bench.profile->frames[bench.profile->nodes[process].frame].kind,
                     FRAME_PROCESS);
    bench_close(&bench);
}

static void test_requests__slower_than_keeps_the_slow(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct requests_options){.slower_than_ns = 200 * MS});
    uint64_t quick = writer_begin(&bench.writer, 1, clock_mono_ns());
    uint64_t slow = writer_begin(&bench.writer, 2, clock_mono_ns());
    uint64_t old = writer_begin(&bench.writer, 3, clock_mono_ns() - 900 * MS);
    uint64_t young = writer_begin(&bench.writer, 4, clock_mono_ns());
    see(&bench, quick, 1, 100);
    see(&bench, slow, 2, 110);
    see(&bench, old, 3, 120);
    see(&bench, young, 4, 130);
    see(&bench, 0, AGENT_NONE, 140);
    end(&bench, 1, "/quick", 199 * MS);
    end(&bench, 2, "/slow", 200 * MS);
    tick(&bench);
    assert_int_equal(bench.count, 1);
    expect(&bench, 0, "", 110); /* no roots were asked for */
    requests_end(bench.requests);
    assert_int_equal(bench.count, 2); /* those that run on count by their age */
    expect(&bench, 1, "", 120);
    bench_close(&bench);
}

static void test_requests__endpoint_as_text_and_as_expression(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        uint32_t kept;
    } rows[] = {{"GET /users/{id}", 1}, {"/users/[{]", 1}, {"^GET /", 2}, {"POST", 0}, {"[", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench bench;
        bench_open(&bench, (struct requests_options){.endpoint = rows[i].pattern});
        uint64_t user = writer_begin(&bench.writer, 1, clock_mono_ns());
        uint64_t other = writer_begin(&bench.writer, 2, clock_mono_ns());
        see(&bench, user, 1, 100);
        see(&bench, other, 2, 110);
        end(&bench, 1, "/users/{id}", MS);
        end(&bench, 2, "/other", MS);
        tick(&bench);
        assert_int_equal(bench.count, rows[i].kept);
        bench_close(&bench);
    }
}

static void test_requests__trace_only_that(void **state)
{
    (void)state;
    struct bench bench;
    char trace[33];
    snprintf(trace, sizeof trace, "%032llX", (unsigned long long)map_mix(1)); /* the writer's */
    bench_open(&bench, (struct requests_options){.trace = trace});
    see(&bench, writer_begin(&bench.writer, 1, clock_mono_ns()), 1, 100);
    see(&bench, writer_begin(&bench.writer, 2, clock_mono_ns()), 2, 110);
    requests_end(bench.requests);
    assert_int_equal(bench.count, 1);
    expect(&bench, 0, "", 100);
    bench_close(&bench);
}

static void test_requests__bad_options_are_refused(void **state)
{
    (void)state;
    const struct requests_options rows[] = {
        {.trace = "abc"}, {.trace = "0af7651916cd43dd8448eb211c80319x"}, {.endpoint = ""}};
    struct profile *profile = profile_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct requests *requests = NULL;
        struct err err;
        assert_int_equal(requests_new(profile, &rows[i], note, NULL, &requests, &err), ERR_USAGE);
        assert_null(requests);
    }
    profile_free(profile);
}

static void test_requests__a_process_that_goes_takes_no_samples_along(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct requests_options){.by_endpoint = true});
    uint64_t id = writer_begin(&bench.writer, 1, clock_mono_ns());
    bench.writer.slots[1].route = writer_string(&bench.writer, "/cut");
    see(&bench, id, 1, 100);
    tick(&bench);
    assert_int_equal(bench.count, 0);
    requests_forget(bench.requests, bench.collect);
    assert_int_equal(bench.count, 1);
    expect(&bench, 0, "/cut", 100);
    bench_close(&bench);
}

static void test_requests__a_full_queue_judges_the_oldest(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct requests_options){.by_endpoint = true});
    uint64_t id = writer_begin(&bench.writer, 1, clock_mono_ns());
    bench.writer.slots[1].route = writer_string(&bench.writer, "/long");
    for (uint32_t i = 0; i < REQUESTS_MAX_SAMPLES; i++)
        see(&bench, id, 1, i);
    tick(&bench);
    assert_int_equal(bench.count, 0);
    see(&bench, id, 1, REQUESTS_MAX_SAMPLES);
    assert_int_equal(bench.count, 1);
    expect(&bench, 0, "/long", 0);
    assert_true(requests_stats(bench.requests)->early > 0);
    bench_close(&bench);
}

static void test_requests__many_requests_reuse_their_places(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct requests_options){.by_endpoint = true});
    for (uint32_t i = 0; i < 50000; i++) {
        see(&bench, writer_begin(&bench.writer, 1, clock_mono_ns()), 1, i);
        end(&bench, 1, "/x", MS);
        tick(&bench);
    }
    assert_int_equal(requests_stats(bench.requests)->matched, 50000);
    expect(&bench, LOG_MAX - 1, "GET /x", LOG_MAX - 1);
    bench_close(&bench);
}
