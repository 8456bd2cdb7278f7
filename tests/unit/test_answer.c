/* SPDX-License-Identifier: MIT */
#include "answer_kit.h"

#include "abi/agent.h"
#include "query/kinds.h"

#define MS UINT64_C(1000000)
#define END (T0 + 10 * MINUTE)
#define FROM "from=2024-10-04T00:00:00Z"
#define TO "to=2024-10-04T00:10:00Z"

static struct store *store;

static void fill_requests(uint64_t at)
{
    struct store_histogram users = {
        .kind = AGENT_KIND_REQUEST, .name = "/users/<int:id>", .detail = "GET", .group = 2};
    struct store_histogram failed = users;
    failed.group = 5;
    failed.errors = 2;
    struct store_histogram mail = {
        .kind = AGENT_KIND_TASK, .name = "send_mail", .detail = "celery"};
    kit_add_times(store, "shop", at, users, 20 * MS, 90);
    kit_add_times(store, "shop", at, failed, 400 * MS, 10);
    kit_add_times(store, "mail", at, mail, 1000 * MS, 4);
    struct store_source source = {.service = "shop", .host = "web1", .version = "v1", .pid = 10};
    struct store_histogram part = {.kind = QUERY_KIND_PART,
                                   .name = "GET /users/<int:id>",
                                   .detail = "database",
                                   .count = 100,
                                   .total_ns = 3000 * MS};
    kit_ok(store_add_histogram(store, &source, at, &part, &err));
    part.detail = "repeated";
    part.count = 3;
    part.total_ns = 0;
    kit_ok(store_add_histogram(store, &source, at, &part, &err));
}

static void fill_statements(uint64_t at)
{
    struct store_source source = {.service = "shop", .host = "web1", .version = "v1", .pid = 10};
    struct store_histogram select = {.kind = AGENT_KIND_STATEMENT,
                                     .name = "SELECT * FROM users WHERE id = ?",
                                     .detail = "postgresql",
                                     .summary = "SELECT users",
                                     .fingerprint = UINT64_C(0xfedcba9876543210),
                                     .repeats = 7};
    kit_add_times(store, "shop", at, select, 2 * MS, 50);
    struct store_histogram in = {.kind = QUERY_KIND_STATEMENT_IN,
                                 .name = select.name,
                                 .detail = "GET /users/<int:id>",
                                 .fingerprint = select.fingerprint,
                                 .count = 30,
                                 .total_ns = 60 * MS,
                                 .repeats = 2};
    kit_ok(store_add_histogram(store, &source, at, &in, &err));
    in.detail = "";
    in.count = 20;
    in.total_ns = 40 * MS;
    in.repeats = 0;
    kit_ok(store_add_histogram(store, &source, at, &in, &err));
    struct store_histogram error = {.kind = AGENT_KIND_EXCEPTION,
                                    .name = "ValueError",
                                    .detail = "parse (app.py:3)",
                                    .count = 5};
    kit_ok(store_add_histogram(store, &source, at, &error, &err));
    error.kind = QUERY_KIND_EXCEPTION_IN;
    error.summary = "GET /users/<int:id>";
    kit_ok(store_add_histogram(store, &source, at, &error, &err));
}

/* Ten minutes, known to the second. */
static int setup(void **state)
{
    const char *dir = kit_dir();
    *state = strdup(dir);
    store = kit_open(dir, true);
    for (uint64_t at = T0; at < END; at += 10 * S) {
        kit_add_seconds(store, "shop", "v1", 10, "GET /users/<int:id>", at, "slow", 300, 3 * S);
        kit_add_seconds(store, "shop", "v1", 10, "", at, "idle_work", 200, 2 * S);
        kit_add_seconds(store, "shop", "v2", 11, "", at, "slow", 500, 5 * S);
        kit_add_seconds(store, "mail", "", 20, "task send_mail", at, "send", 100, S);
        for (int32_t pid = 10; pid <= 11; pid++) {
            kit_add_gauge(store, "shop", pid, at, QUERY_GAUGE_MEMORY, 1000.0 * pid);
            kit_add_gauge(store, "shop", pid, at, QUERY_GAUGE_THREADS, 4);
        }
        kit_add_gauge(store, "shop", 10, at, QUERY_GAUGE_GC, 0.01);
        if (at < T0 + 5 * MINUTE) /* it ended then */
            kit_add_gauge(store, "shop", 12, at, QUERY_GAUGE_MEMORY, 5e6);
        fill_requests(at);
        fill_statements(at);
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
    struct store_event start = {.at_ns = T0 - DAY + 11,
                                .kind = "start",
                                .service = "shop",
                                .host = "web1",
                                .pid = 11,
                                .text = "python app.py",
                                .detail = "{\"started_s\":1727913600.0,\"python\":\"3.12.1\"}"};
    struct store_event deploy = {
        .at_ns = T0 + MINUTE, .kind = "deploy", .service = "shop", .version = "v2", .text = "<b>"};
    kit_ok(store_add_event(store, &start, &err));
    kit_ok(store_add_event(store, &deploy, &err));
    kit_ok(store_flush(store, &err));
    return 0;
}

static int teardown(void **state)
{
    store_close(store);
    kit_remove(*state);
    free(*state);
    return 0;
}

static void test_answer__services__add_up_what_was_stored(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "services", FROM, TO);
    kit_exact(answer, "total", 2);
    kit_exact(answer, "damaged_windows", 0);
    const json_t *first = json_array_get(json_object_get(answer, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "service")), "shop");
    kit_exact(first, "cpu_s", 600);
    kit_exact(first, "cores", 1);
    kit_exact(first, "processes", 2); /* the third has ended */
    kit_exact(first, "rss_bytes", 21000);
    kit_exact(first, "requests", 6000);
    kit_exact(first, "errors", 120);
    kit_exact(first, "rate", 10);
    kit_exact(first, "error_rate", 0.02);
    kit_near(first, "p50_s", 0.02, 0.02 * 0.008);
    kit_near(first, "p95_s", 0.4, 0.4 * 0.008);
    kit_exact(first, "last_s", (double)END / 1e9);
    assert_true(json_is_true(json_object_get(first, "has_agent")));
    assert_int_equal(json_array_size(json_object_get(first, "versions")), 2);
    const json_t *spark = json_object_get(first, "spark");
    kit_exact(first, "spark_step_s", 10);
    assert_int_equal(json_array_size(spark), 60);
    assert_true(json_number_value(json_array_get(spark, 59)) == 1.0);
    const json_t *mail = kit_row(answer, "service", "mail");
    kit_exact(mail, "cores", 0.1);
    kit_exact(mail, "requests", 240);
    assert_true(json_is_null(json_object_get(mail, "rss_bytes"))); /* nobody measured it */
    json_decref(answer);
    answer = kit_ask(store, "services", FROM, TO, "version=v2");
    kit_exact(answer, "total", 1);
    kit_exact(kit_row(answer, "service", "shop"), "cpu_s", 300);
    json_decref(answer);
    teardown(state);
}

static void test_answer__endpoints__have_quantiles_and_parts(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "endpoints", FROM, TO, "service=shop");
    kit_exact(answer, "total", 1);
    const json_t *row = kit_row(answer, "endpoint", "GET /users/<int:id>");
    assert_non_null(row);
    assert_string_equal(json_string_value(json_object_get(row, "kind")), "request");
    assert_string_equal(json_string_value(json_object_get(row, "method")), "GET");
    kit_exact(row, "requests", 6000);
    kit_exact(row, "errors", 120);
    kit_exact(row, "total_s", 60 * (90 * 0.02 + 10 * 0.4));
    kit_exact(row, "mean_s", (90 * 0.02 + 10 * 0.4) / 100);
    kit_near(row, "p90_s", 0.02, 0.02 * 0.008);
    kit_near(row, "p99_s", 0.4, 0.4 * 0.008);
    kit_exact(row, "max_s", 0.4);
    kit_exact(row, "repeated", 180);
    const json_t *parts = json_object_get(row, "parts");
    kit_exact(parts, "database_s", 180);
    assert_true(json_is_null(json_object_get(parts, "gil_s"))); /* not known */
    json_decref(answer);
    answer = kit_ask(store, "endpoints", FROM, TO, "endpoint=task send_mail");
    kit_exact(answer, "total", 1);
    row = kit_row(answer, "service", "mail");
    kit_exact(row, "requests", 240);
    assert_true(json_is_null(json_object_get(row, "parts")));
    json_decref(answer);
    teardown(state);
}

static void test_answer__queries__say_which_endpoints(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "queries", FROM, TO);
    kit_exact(answer, "total", 1);
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "fingerprint")), "fedcba9876543210");
    assert_string_equal(json_string_value(json_object_get(row, "system")), "postgresql");
    assert_string_equal(json_string_value(json_object_get(row, "summary")), "SELECT users");
    kit_exact(row, "count", 3000);
    kit_exact(row, "repeats", 420);
    kit_near(row, "p95_s", 0.002, 0.002 * 0.008);
    const json_t *uses = json_object_get(row, "endpoints");
    assert_int_equal(json_array_size(uses), 2);
    kit_exact(json_array_get(uses, 0), "count", 1800); /* the largest first */
    kit_exact(json_array_get(uses, 0), "repeated", 120);
    kit_exact(json_array_get(uses, 1), "total_s", 2.4);
    json_decref(answer);
    answer = kit_ask(store, "queries", FROM, TO, "endpoint=GET /users/<int:id>");
    row = json_array_get(json_object_get(answer, "rows"), 0);
    kit_exact(row, "count", 1800);
    assert_true(json_is_null(json_object_get(row, "p95_s"))); /* sums only */
    json_decref(answer);
    teardown(state);
}

static void test_answer__errors__say_where_and_in_what(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "errors", FROM, TO);
    const json_t *row = kit_row(answer, "type", "ValueError");
    assert_non_null(row);
    kit_exact(row, "count", 300);
    assert_string_equal(json_string_value(json_object_get(row, "where")), "parse (app.py:3)");
    assert_true(json_is_false(json_object_get(row, "handled")));
    const json_t *use = json_array_get(json_object_get(row, "endpoints"), 0);
    assert_string_equal(json_string_value(json_object_get(use, "endpoint")), "GET /users/<int:id>");
    kit_exact(use, "count", 300);
    json_decref(answer);
    teardown(state);
}

static void test_answer__processes__know_their_beginning_and_end(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "processes", FROM, TO, "service=shop", "sort=samples");
    kit_exact(answer, "total", 3);
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    size_t i;
    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        int pid = (int)kit_number(row, "pid");
        if (pid == 12) {
            kit_exact(row, "samples", 0);
            assert_true(json_is_null(json_object_get(row, "started_s")));
            continue;
        }
        kit_exact(row, "cores", 0.5);
        kit_exact(row, "threads", 4);
        kit_exact(row, "rss_bytes", 1000.0 * pid);
        assert_string_equal(json_string_value(json_object_get(row, "command")), "python app.py");
        assert_int_equal(json_is_true(json_object_get(row, "has_agent")), pid == 10);
        assert_int_equal(json_is_string(json_object_get(row, "python")), pid == 11);
    }
    json_decref(answer);
    teardown(state);
}

static double sum_of(const json_t *values)
{
    double sum = 0;
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value) sum += json_number_value(value);
    return sum;
}

static void test_answer__series__have_the_same_sums_as_the_lists(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "series", FROM, TO, "what=cpu", "by=version", "points=10");
    kit_exact(answer, "step_s", 60);
    const json_t *lines = json_object_get(answer, "series");
    assert_int_equal(json_array_size(lines), 3);
    double cores = 0;
    for (size_t i = 0; i < 3; i++)
        cores += sum_of(json_object_get(json_array_get(lines, i), "values"));
    assert_true(cores > 10.999 && cores < 11.001); /* 1.1 cores in ten steps */
    json_decref(answer);
    answer = kit_ask(store, "series", FROM, TO, "what=requests", "endpoint=GET /users/<int:id>");
    const json_t *line = json_array_get(json_object_get(answer, "series"), 0);
    double requests = sum_of(json_object_get(line, "values")) * kit_number(answer, "step_s");
    assert_true(requests > 5999.9 && requests < 6000.1);
    json_decref(answer);
    answer = kit_ask(store, "series", FROM, TO, "what=latency", "service=mail");
    line = json_array_get(json_object_get(answer, "series"), 1);
    assert_string_equal(json_string_value(json_object_get(line, "name")), "p95");
    double p95 = json_number_value(json_array_get(json_object_get(line, "values"), 0));
    assert_true(p95 > 0.992 && p95 < 1.008);
    json_decref(answer);
    answer = kit_ask(store, "series", FROM, TO, "what=runtime", "name=" QUERY_GAUGE_MEMORY);
    line = json_array_get(json_object_get(answer, "series"), 0);
    const json_t *values = json_object_get(line, "values");
    assert_true(json_number_value(json_array_get(values, 0)) == 21000 + 5e6);
    assert_true(json_number_value(json_array_get(values, 59)) == 21000);
    json_decref(answer);
    teardown(state);
}

static void test_answer__steps_before_anything_was_stored__are_unknown(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "series", "from=2024-10-03T23:50:00Z", TO, "points=20");
    const json_t *line = json_array_get(json_object_get(answer, "series"), 0);
    const json_t *values = json_object_get(line, "values");
    assert_int_equal(json_array_size(values), 20);
    assert_true(json_is_null(json_array_get(values, 9)));
    assert_true(json_number_value(json_array_get(values, 10)) > 1.09);
    json_decref(answer);
    teardown(state);
}

static void test_answer__a_step_that_is_not_over__has_its_true_rate(void **state)
{
    setup(state);
    const char *const to = "to=2024-10-04T00:07:00Z"; /* steps of five minutes */
    json_t *answer = kit_ask(store, "series", FROM, to, "points=2", "service=mail");
    const json_t *values =
        json_object_get(json_array_get(json_object_get(answer, "series"), 0), "values");
    kit_exact(answer, "step_s", 300);
    assert_int_equal(json_array_size(values), 2);
    double last = json_number_value(json_array_get(values, 1));
    assert_true(last > 0.099 && last < 0.101);
    json_decref(answer);
    teardown(state);
}

static void test_answer__histogram__counts_everyone_once(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "histogram", FROM, TO, "name=GET /users/<int:id>");
    const json_t *buckets = json_object_get(answer, "buckets");
    assert_int_equal(json_array_size(buckets), 2);
    kit_exact(json_array_get(buckets, 0), "count", 5400);
    assert_true(kit_number(json_array_get(buckets, 1), "low_s") <= 0.4);
    assert_true(kit_number(json_array_get(buckets, 1), "high_s") > 0.4);
    kit_exact(answer, "count", 6000);
    json_decref(answer);
    answer = kit_ask(store, "histogram", FROM, TO, "kind=statement", "name=fedcba9876543210");
    kit_exact(answer, "count", 3000);
    json_decref(answer);
    teardown(state);
}

static void test_answer__threads_and_versions__are_sums_by_name(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "threads", FROM, TO, "service=shop");
    kit_exact(kit_row(answer, "thread", "MainThread"), "samples", 60000);
    json_decref(answer);
    answer = kit_ask(store, "versions", FROM, TO, "service=shop");
    kit_exact(kit_row(answer, "version", "v1"), "samples", 30000);
    kit_exact(kit_row(answer, "version", "v2"), "first_s", (double)T0 / 1e9);
    json_decref(answer);
    teardown(state);
}

static void test_answer__events__are_newest_first_with_json_as_json(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "events", "from=7d");
    kit_exact(answer, "total", 2);
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "kind")), "deploy");
    assert_true(json_is_null(json_object_get(row, "pid")));
    row = json_array_get(json_object_get(answer, "rows"), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(row, "detail"), "python")), "3.12.1");
    json_decref(answer);
    answer = kit_ask(store, "events", "from=7d", "kind=start");
    kit_exact(answer, "total", 1);
    json_decref(answer);
    teardown(state);
}

static void test_answer__lists__are_searched_sorted_and_cut(void **state)
{
    setup(state);
    json_t *answer = kit_ask(store, "services", FROM, TO, "sort=p95_s", "limit=1");
    kit_exact(answer, "total", 2);
    assert_int_equal(json_array_size(json_object_get(answer, "rows")), 1);
    assert_non_null(kit_row(answer, "service", "mail")); /* a second */
    json_decref(answer);
    answer = kit_ask(store, "services", FROM, TO, "search=MAI");
    kit_exact(answer, "total", 1);
    json_decref(answer);
    teardown(state);
}

static void test_answer__what_makes_no_sense__is_refused_by_name(void **state)
{
    setup(state);
    kit_refused(store, "services", "wheather", "wheather=nice");
    kit_refused(store, "services", "from", "from=yesterday");
    kit_refused(store, "services", "before", "from=now", "to=1h");
    kit_refused(store, "services", "type", "type=heat");
    kit_refused(store, "services", "pid", "pid=-1");
    kit_refused(store, "services", "limit", "limit=1e3");
    kit_refused(store, "services", "sort", "sort=service");
    kit_refused(store, "services", "twice", "limit=1", "limit=2");
    kit_refused(store, "series", "what", "what=weather");
    kit_refused(store, "series", "by", "what=latency", "by=thread");
    kit_refused(store, "series", "points", "points=100000");
    kit_refused(store, "outbound", "endpoint", "endpoint=GET /");
    kit_refused(store, "endpoints", "thread", "thread=MainThread");
    kit_refused(store, "profile", "format", "format=gecko");
    kit_refused(store, "profile", "thread", "min_duration=1s", "thread=MainThread");
    kit_refused(store, "traces", "host", "host=web1");
    kit_refused(store, "events", "endpoint", "endpoint=GET /");
    kit_refused(store, "profile", "base_from", "base_from=now", "base_to=1h");
    kit_refused(store, "diff", "compared", FROM);
    kit_refused(store, "traces", "status", "status=500");
    kit_refused(store, "traces", "min_duration", "min_duration=fast");
    assert_null(answer_find("weather"));
    teardown(state);
}

static void test_answer__an_empty_store__answers_with_nothing(void **state)
{
    (void)state;
    char *dir = strdup(kit_dir());
    store = kit_open(dir, true);
    for (const struct answer_kind *kind = answer_kinds; kind->name; kind++) {
        if (!strcmp(kind->name, "diff"))
            continue;
        json_t *answer = kit_ask_list(store, kind->name, NULL, (const char *const[]){NULL});
        assert_true(json_is_object(answer));
        json_decref(answer);
    }
    store_close(store);
    kit_remove(dir);
    free(dir);
}
