/* SPDX-License-Identifier: MIT */
/* What readings say beside sums: whose a metric is, when it was seen last, groups in steps, and
 * when there was anything at all. */
#include "store_kit.h"

#define MAX_ROWS 64

struct seen {
    unsigned count;
    struct {
        char text[64];
        uint64_t at_ns, last_ns, number;
    } rows[MAX_ROWS];
};

static void note(struct seen *seen, const char *text, uint64_t at_ns, uint64_t last_ns,
                 uint64_t number)
{
    assert_true(seen->count < MAX_ROWS);
    snprintf(seen->rows[seen->count].text, sizeof seen->rows->text, "%s", text);
    seen->rows[seen->count].at_ns = at_ns;
    seen->rows[seen->count].last_ns = last_ns;
    seen->rows[seen->count++].number = number;
}

static uint64_t number_of(const struct seen *seen, const char *text)
{
    for (unsigned i = 0; i < seen->count; i++)
        if (!strcmp(seen->rows[i].text, text))
            return seen->rows[i].number;
    fail_msg("%s was not seen", text);
    return 0;
}

static int take_histogram(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    char text[64];
    snprintf(text, sizeof text, "%s %s", histogram->service, histogram->name);
    note(context, text, start_ns, histogram->last_ns, histogram->count);
    return 0;
}

static int take_gauge(void *context, uint64_t start_ns, const struct store_gauge *gauge)
{
    char text[64];
    snprintf(text, sizeof text, "%s@%s %d", gauge->service, gauge->host, gauge->pid);
    note(context, text, start_ns, gauge->last_ns, (uint64_t)gauge->last);
    return 0;
}

static void add_count(struct store *store, const char *service, const char *host, uint32_t kind,
                      uint64_t at_ns, uint64_t count)
{
    struct store_source source = {.service = service, .host = host, .pid = 5};
    struct store_histogram histogram = {.kind = kind, .name = "/", .count = count};
    kit_ok(store_add_histogram(store, &source, at_ns, &histogram, &err));
}

static void add_memory(struct store *store, const char *service, const char *host, uint64_t at_ns,
                       double value)
{
    struct store_source source = {.service = service, .host = host, .pid = 5};
    kit_ok(store_add_gauge(store, &source, at_ns, "memory", value, &err));
}

static void test_store_whose__metrics_are_told_apart_by_service(void **state)
{
    (void)state;
    char *dir = strdup(kit_dir());
    struct store *store = kit_open(dir, true);
    add_count(store, "shop", "a", 1, T0, 3);
    add_count(store, "shop", "b", 1, T0, 4); /* hosts are added up */
    add_count(store, "mail", "a", 1, T0, 5);
    add_count(store, "mail", "a", 2, T0, 100); /* another kind */
    add_memory(store, "shop", "a", T0, 10);
    add_memory(store, "shop", "b", T0 + 20 * S, 20); /* the same number on two hosts */
    struct seen seen = {0};
    uint32_t kind = 1;
    struct store_metric_fns fns = {take_histogram, take_gauge, &seen, &kind, 1};
    struct store_query query = {.from_ns = T0, .to_ns = T0 + MINUTE};
    struct store_answer answer;
    kit_ok(store_flush(store, &err));
    kit_ok(store_read_metrics(store, &query, 0, &fns, &answer, &err));
    assert_int_equal(seen.count, 4);
    assert_int_equal(number_of(&seen, "shop /"), 7);
    assert_int_equal(number_of(&seen, "mail /"), 5);
    assert_int_equal(number_of(&seen, "shop@a 5"), 10);
    assert_int_equal(number_of(&seen, "shop@b 5"), 20);
    for (unsigned i = 0; i < seen.count; i++)
        assert_int_equal(seen.rows[i].last_ns,
                         T0 + (strcmp(seen.rows[i].text, "shop@b 5") ? 10 : 30) * S);
    store_close(store);
    kit_remove(dir);
    free(dir);
}

static int take_group(void *context, uint64_t start_ns, const struct store_group_row *row)
{
    note(context, row->service, start_ns, row->last_ns, row->count);
    return 0;
}

static void test_store_whose__groups_in_steps_add_up_to_the_whole(void **state)
{
    (void)state;
    char *dir = strdup(kit_dir());
    struct store *store = kit_open(dir, true);
    uint64_t total = 0;
    for (unsigned i = 0; i < 12; i++) { /* every other ten minutes somebody else */
        struct profile *profile = kit_profile(i, 10, 10);
        total += profile_total_count(profile);
        kit_add(store, i % 2 ? "shop" : "mail", T0 + i * 10 * MINUTE, profile);
        profile_free(profile);
    }
    kit_ok(store_tick(store, T0 + 2 * HOUR, &err));
    struct seen seen = {0};
    struct store_query query = {.from_ns = T0, .to_ns = T0 + 2 * HOUR};
    struct store_answer answer;
    kit_ok(store_read_group_steps(store, &query, STORE_BY_SERVICE, 10 * MINUTE, take_group, &seen,
                                  &answer, &err));
    assert_int_equal(seen.count, 12);
    uint64_t sum = 0;
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(seen.rows[i].at_ns, T0 + i * 10 * MINUTE);
        assert_string_equal(seen.rows[i].text, i % 2 ? "shop" : "mail");
        sum += seen.rows[i].number;
    }
    assert_int_equal(sum, total);
    struct err err;
    assert_int_equal(store_read_group_steps(store, &query, STORE_BY_SERVICE, 7 * S, take_group,
                                            &seen, &answer, &err),
                     ERR_USAGE);
    store_close(store);
    kit_remove(dir);
    free(dir);
}

static void test_store_whose__an_answer_says_when_there_was_anything(void **state)
{
    (void)state;
    char *dir = strdup(kit_dir());
    struct store *store = kit_open(dir, true);
    struct profile *profile = kit_profile(1, 10, 10);
    kit_add(store, "shop", T0 + 5 * MINUTE, profile);
    kit_add(store, "mail", T0 + 8 * MINUTE, profile);
    profile_free(profile);
    kit_ok(store_flush(store, &err));
    struct profile *into = profile_new();
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR, .service = "shop"};
    struct store_answer answer;
    kit_ok(store_read_profile(store, &query, into, &answer, &err));
    assert_int_equal(answer.first_ns, T0 + 5 * MINUTE);
    assert_int_equal(answer.last_ns, T0 + 8 * MINUTE + 10 * S); /* of whomever */
    assert_int_equal(answer.longest_ns, 10 * S);
    query.from_ns = T0 + 30 * MINUTE;
    kit_ok(store_read_profile(store, &query, into, &answer, &err));
    assert_int_equal(answer.first_ns, 0);
    profile_free(into);
    store_close(store);
    kit_remove(dir);
    free(dir);
}

static int take_trace(void *context, const struct store_trace *trace)
{
    note(context, trace->endpoint, trace->start_ns, 0, trace->size);
    return 0;
}

static int take_event(void *context, const struct store_event *event)
{
    note(context, event->host, event->at_ns, 0, 0);
    return 0;
}

static void test_store_whose__traces_without_data_and_events_of_a_host(void **state)
{
    (void)state;
    char *dir = strdup(kit_dir());
    struct store *store = kit_open(dir, true);
    struct store_trace trace = {
        .trace_low = 1, .start_ns = T0, .endpoint = "GET /", .data = "spans", .size = 5};
    kit_ok(store_add_trace(store, &trace, &err));
    for (int i = 0; i < 2; i++) {
        struct store_event event = {.at_ns = T0, .kind = "start", .host = i ? "b" : "a"};
        kit_ok(store_add_event(store, &event, &err));
    }
    kit_ok(store_flush(store, &err));
    struct seen seen = {0};
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR};
    kit_ok(store_read_traces(store, &query, 0, take_trace, &seen, &err));
    query.heads = true;
    kit_ok(store_read_traces(store, &query, 0, take_trace, &seen, &err));
    assert_int_equal(seen.rows[0].number, 5);
    assert_int_equal(seen.rows[1].number, 0);
    seen.count = 0;
    query.host = "b";
    kit_ok(store_read_events(store, &query, NULL, take_event, &seen, &err));
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.rows[0].text, "b");
    store_close(store);
    kit_remove(dir);
    free(dir);
}
