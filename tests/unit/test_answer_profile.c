/* SPDX-License-Identifier: MIT */
#include "answer_kit.h"

#include "abi/agent.h"
#include "codec/codec.h"
#include "query/trace_blob.h"

#define MS UINT64_C(1000000)
#define HALF (T0 + 30 * MINUTE)
#define WHOLE "from=2024-10-04T00:00:00Z", "to=2024-10-04T01:00:00Z"
#define BEFORE "base_from=2024-10-04T00:00:00Z", "base_to=2024-10-04T00:30:00Z"
#define AFTER "from=2024-10-04T00:30:00Z", "to=2024-10-04T01:00:00Z"

static struct store *store;

/* A trace whose samples are `count` sightings of a function named after its duration. */
static void add_trace(uint64_t low, uint64_t start_ns, uint64_t duration_ns, uint32_t flags,
                      unsigned count)
{
    struct profile *profile = profile_new();
    char name[40];
    snprintf(name, sizeof name, "took_%llu_ms", (unsigned long long)(duration_ns / MS));
    struct profile_frame frame = {.name = profile_cstring(profile, name)};
    uint32_t node = profile_node(profile, 0, profile_frame(profile, &frame));
    struct profile_thread thread = {.pid = 10, .tid = 10};
    profile_keep_runs(profile);
    uint32_t id = profile_thread(profile, &thread);
    for (unsigned i = 0; i < count; i++)
        profile_see(profile, id, node, i * 10000, 10000);
    struct buf json, blob;
    buf_init(&json, 0);
    buf_init(&blob, 0);
    buf_printf(&json, "{\"trace\":\"%016x%016llx\",\"spans\":[],\"profile\":", 7,
               (unsigned long long)low);
    kit_ok(codec_find("json")->write(profile, NULL, &json, &err));
    buf_add_str(&json, "}");
    struct trace_blob_head head = {.reasons = 2, .spans = 3};
    assert_int_equal(trace_blob_encode(&head, json.data, json.size, &blob), 0);
    struct store_trace trace = {.trace_high = 7,
                                .trace_low = low,
                                .start_ns = start_ns,
                                .duration_ns = duration_ns,
                                .service = "shop",
                                .version = "v1",
                                .endpoint = "GET /slow",
                                .pid = 10,
                                .status = flags ? 500 : 200,
                                .flags = flags,
                                .data = blob.data,
                                .size = blob.size};
    kit_ok(store_add_trace(store, &trace, &err));
    buf_done(&json);
    buf_done(&blob);
    profile_free(profile);
}

/* An hour: `grows` is a third in the first half, and two thirds in the second, in which v2 runs. */
static char *fill(void)
{
    char *dir = strdup(kit_dir());
    store = kit_open(dir, true);
    for (uint64_t at = T0; at < T0 + HOUR; at += 10 * S) {
        const char *version = at < HALF ? "v1" : "v2";
        uint64_t grows = at < HALF ? 300 : 600;
        kit_add_seconds(store, "shop", version, 10, "", at, "grows", grows, grows * 10 * MS);
        kit_add_seconds(store, "shop", version, 10, "", at, "stays", 600, 6 * S);
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
    add_trace(1, T0 + MINUTE, 100 * MS, 0, 10);
    add_trace(2, T0 + 2 * MINUTE, 400 * MS, AGENT_FLAG_ERROR, 40);
    add_trace(3, T0 + 3 * MINUTE, 900 * MS, 0, 90);
    kit_ok(store_flush(store, &err));
    return dir;
}

static void drop(char *dir)
{
    store_close(store);
    kit_remove(dir);
    free(dir);
}

static uint64_t count_of(const json_t *samples)
{
    uint64_t sum = 0;
    size_t i;
    json_t *count;
    json_array_foreach(json_object_get(samples, "count"), i, count) sum +=
        (uint64_t)json_integer_value(count);
    return sum;
}

static uint64_t samples_of(const json_t *page)
{
    return count_of(json_object_get(page, "samples"));
}

static void test_answer_profile__has_every_sample_of_the_range(void **state)
{
    (void)state;
    char *dir = fill();
    json_t *page = kit_ask(store, "profile", WHOLE);
    assert_int_equal(samples_of(page), 180 * (300 + 600) + 180 * (600 + 600));
    json_decref(page);
    page = kit_ask(store, "profile", WHOLE, "version=v2");
    assert_int_equal(samples_of(page), 180 * 1200);
    json_decref(page);
    page = kit_ask(store, "profile", "seconds=1800"); /* the kit's now is at the end of the hour */
    assert_int_equal(samples_of(page), 180 * 1200);
    json_decref(page);
    page = kit_ask(store, "profile", WHOLE, "split=thread");
    const json_t *thread = json_array_get(json_object_get(page, "threads"), 0);
    assert_string_equal(json_string_value(json_object_get(thread, "name")), "MainThread");
    json_decref(page);
    drop(dir);
}

static void test_answer_profile__base_is_in_terms_of_the_same_ids(void **state)
{
    (void)state;
    char *dir = fill();
    json_t *page = kit_ask(store, "profile", AFTER, BEFORE);
    const json_t *base = json_object_get(page, "base");
    assert_int_equal(samples_of(page), 180 * 1200);
    assert_int_equal(samples_of(base), 180 * 900);
    size_t nodes = json_array_size(json_object_get(json_object_get(page, "nodes"), "parent"));
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(json_object_get(base, "samples"), "node"), i, node)
        assert_true((size_t)json_integer_value(node) < nodes);
    json_decref(page);
    page = kit_ask(store, "profile", WHOLE, "version=v2", "base_version=v1");
    assert_int_equal(samples_of(json_object_get(page, "base")), 180 * 900);
    json_decref(page);
    drop(dir);
}

static void test_answer_profile__every_format_that_holds_sums_is_there(void **state)
{
    (void)state;
    char *dir = fill();
    const char *const formats[] = {"folded", "pprof",     "speedscope", "flamegraph",
                                   "svg",    "callgrind", "pstats",     "json"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char format[40];
        snprintf(format, sizeof format, "format=%s", formats[i]);
        struct buf out;
        buf_init(&out, 0);
        kit_ok(kit_ask_text(store, "profile", NULL, (const char *const[]){WHOLE, format, NULL},
                            &out, &err));
        assert_true(out.size > 20);
        buf_done(&out);
    }
    struct buf out;
    buf_init(&out, 0);
    kit_ok(kit_ask_text(store, "profile", NULL,
                        (const char *const[]){AFTER, BEFORE, "format=flamegraph", NULL}, &out,
                        &err));
    assert_non_null(strstr(out.data, "slower"));
    buf_done(&out);
    kit_refused(store, "profile", "one profile", AFTER, BEFORE, "format=pprof");
    drop(dir);
}

static void test_answer_profile__slow_traces__are_the_sum_of_their_samples(void **state)
{
    (void)state;
    char *dir = fill();
    json_t *page = kit_ask(store, "profile", WHOLE, "min_duration=300ms");
    assert_int_equal(samples_of(page), 130);
    json_decref(page);
    page = kit_ask(store, "profile", WHOLE, "min_duration=300ms", "max_duration=500ms");
    assert_int_equal(samples_of(page), 40);
    json_decref(page);
    page = kit_ask(store, "profile", WHOLE, "min_duration=0", "endpoint=GET /fast");
    assert_int_equal(samples_of(page), 0);
    json_decref(page);
    drop(dir);
}

static void test_answer_profile__a_damaged_trace__is_left_out(void **state)
{
    (void)state;
    char *dir = fill();
    struct store_trace trace = {
        .trace_low = 9, .start_ns = T0 + MINUTE, .duration_ns = S, .data = "no trace", .size = 8};
    kit_ok(store_add_trace(store, &trace, &err));
    kit_ok(store_flush(store, &err));
    json_t *page = kit_ask(store, "profile", WHOLE, "min_duration=300ms");
    assert_int_equal(samples_of(page), 130);
    json_decref(page);
    struct buf out;
    struct err err;
    buf_init(&out, 0);
    assert_int_equal(kit_ask_text(store, "traces", "00000000000000000000000000000009",
                                  (const char *const[]){NULL}, &out, &err),
                     ERR_BAD_DATA);
    buf_done(&out);
    drop(dir);
}

static void test_answer_profile__top_says_what_the_store_says(void **state)
{
    (void)state;
    char *dir = fill();
    json_t *report = kit_ask(store, "top", AFTER);
    kit_exact(report, "samples", 180 * 1200);
    const json_t *first = json_array_get(json_object_get(report, "functions"), 0);
    kit_exact(first, "self", 180 * 600);
    json_decref(report);
    drop(dir);
}

static void test_answer_profile__diff_finds_what_grew(void **state)
{
    (void)state;
    char *dir = fill();
    json_t *diff = kit_ask(store, "diff", AFTER, BEFORE, "norm=seconds");
    const json_t *items = json_object_get(diff, "items");
    bool found = false;
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *verdict = json_string_value(json_object_get(item, "verdict"));
        assert_true(!name || strcmp(name, "stays") != 0);
        found |= name && !strcmp(name, "grows") && !strcmp(verdict, "slower");
    }
    assert_true(found);
    json_decref(diff);
    drop(dir);
}

static void test_answer_profile__traces_are_a_list_and_one(void **state)
{
    (void)state;
    char *dir = fill();
    json_t *answer = kit_ask(store, "traces", WHOLE);
    kit_exact(answer, "total", 3);
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0); /* newest first */
    assert_string_equal(json_string_value(json_object_get(row, "trace")),
                        "00000000000000070000000000000003");
    kit_exact(row, "duration_s", 0.9);
    kit_exact(row, "spans", 3);
    assert_string_equal(json_string_value(json_array_get(json_object_get(row, "reasons"), 0)),
                        "slow");
    assert_true(json_is_false(json_object_get(row, "error")));
    json_decref(answer);
    answer = kit_ask(store, "traces", WHOLE, "status=error");
    kit_exact(answer, "total", 1);
    kit_exact(json_array_get(json_object_get(answer, "rows"), 0), "status", 500);
    json_decref(answer);
    answer = kit_ask(store, "traces", WHOLE, "min_duration=200ms", "max_duration=500ms");
    kit_exact(answer, "total", 1);
    json_decref(answer);
    answer = kit_ask(store, "traces", WHOLE, "sort=duration_s", "limit=1");
    kit_exact(json_array_get(json_object_get(answer, "rows"), 0), "duration_s", 0.9);
    json_decref(answer);
    answer = kit_ask_list(store, "traces", "00000000000000070000000000000002",
                          (const char *const[]){NULL});
    assert_string_equal(json_string_value(json_object_get(answer, "trace")),
                        "00000000000000070000000000000002");
    assert_int_equal(samples_of(json_object_get(answer, "profile")), 40);
    json_decref(answer);
    drop(dir);
}

static void test_answer_profile__a_trace_id_that_is_none__is_refused(void **state)
{
    (void)state;
    char *dir = fill();
    const char *const ids[] = {"", "7", "0000000000000007000000000000000g",
                               "000000000000000700000000000000021", "../../etc/passwd"};
    struct buf out;
    struct err err;
    buf_init(&out, 0);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_int_equal(
            kit_ask_text(store, "traces", ids[i], (const char *const[]){NULL}, &out, &err),
            ERR_USAGE);
    assert_int_equal(kit_ask_text(store, "traces", "00000000000000070000000000000099",
                                  (const char *const[]){NULL}, &out, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(out.size, 0);
    buf_done(&out);
    drop(dir);
}
