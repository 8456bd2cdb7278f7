/* SPDX-License-Identifier: MIT */
#include "store_kit.h"

static void test_store__gives_back_what_was_added(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    struct profile *profile = kit_profile(1, 200, 42);
    kit_add(store, "shop", T0 + 3 * S, profile);
    kit_ok(store_flush(store, &err));
    store_close(store);

    store = kit_open(dir, false);
    struct store_query query = {
        .from_ns = T0 - HOUR, .to_ns = T0 + HOUR, .service = "shop", .split = STORE_SPLIT_THREAD};
    struct store_answer answer;
    struct profile *got = kit_read(store, &query, &answer);
    kit_assert_same(got, profile, true, true);
    assert_int_equal(answer.windows, 1);
    assert_int_equal(answer.damaged_windows, 0);
    assert_int_equal(got->stats.samples, profile->stats.samples);
    assert_int_equal(got->meta.period_ns, 10000000);
    assert_int_equal(got->meta.start_wall_ns, T0);
    assert_int_equal(got->meta.duration_ns, 10 * S);
    profile_free(got);

    query.service = "other";
    got = kit_read(store, &query, &answer);
    assert_int_equal(got->sample_count, 0);
    profile_free(got);
    profile_free(profile);
    store_close(store);
    kit_remove(dir);
}

static void test_store__shares_out_time_by_count_exactly(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    struct store_source source = {.service = "shop", .type = STORE_WALL};
    uint64_t count = 0, weight = 0;
    for (unsigned i = 0; i < 40; i++) {
        struct profile *profile = kit_profile(i, 50, 7);
        count += profile_total_count(profile);
        weight += profile_total_weight_ns(profile);
        kit_ok(store_add_profile(store, &source, T0 + i * 10 * S, profile, &err));
        profile_free(profile);
    }
    kit_ok(store_tick(store, T0 + HOUR, &err));
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR, .type = STORE_WALL};
    struct profile *got = kit_read(store, &query, NULL);
    assert_int_equal(profile_total_count(got), count);
    assert_int_equal(profile_total_weight_ns(got), weight);
    profile_free(got);
    store_close(store);
    kit_remove(dir);
}

static void test_store__merges_as_profile_merge_does(void **state)
{
    (void)state;
    enum { WINDOWS = 130, SERVICES = 3 };
    const char *dir = kit_dir(), *names[SERVICES] = {"shop", "mail", "cron"};
    struct store *store = kit_open(dir, true);
    struct profile *windows[WINDOWS][SERVICES];
    for (unsigned w = 0; w < WINDOWS; w++) {
        for (unsigned s = 0; s < SERVICES; s++) {
            windows[w][s] = kit_profile(w * 7 + s, 30, 100 + (int32_t)s);
            kit_add(store, names[s], T0 + w * 10 * S, windows[w][s]);
        }
        kit_ok(store_tick(store, T0 + (w + 1) * 10 * S, &err));
    }
    uint64_t random = 5;
    struct store *reader = kit_open(dir, false);
    for (unsigned round = 0; round < 25; round++) {
        unsigned from = (unsigned)(random_next(&random) % WINDOWS);
        unsigned to = from + 1 + (unsigned)(random_next(&random) % (WINDOWS - from));
        unsigned s = round % SERVICES;
        struct profile *sum = profile_new();
        for (unsigned w = from; w < to; w++)
            profile_merge(sum, windows[w][s]);
        struct store_query query = {
            .from_ns = T0 + from * 10 * S, .to_ns = T0 + to * 10 * S, .service = names[s]};
        struct profile *flat = kit_flat(sum), *got = kit_read(reader, &query, NULL);
        kit_assert_same(got, flat, false, true);
        profile_free(got);
        query.split = STORE_SPLIT_THREAD;
        got = kit_read(round % 2 ? store : reader, &query, NULL);
        kit_assert_same(got, sum, true, true);
        profile_free(got);
        profile_free(flat);
        profile_free(sum);
    }
    store_close(reader);
    store_close(store);
    for (unsigned w = 0; w < WINDOWS; w++)
        for (unsigned s = 0; s < SERVICES; s++)
            profile_free(windows[w][s]);
    kit_remove(dir);
}

struct days {
    uint64_t count[4];
};

static int take_step(void *context, uint64_t start_ns, const struct store_sum *sums,
                     uint32_t sum_count)
{
    struct days *days = context;
    for (uint32_t i = 0; i < sum_count; i++)
        days->count[(start_ns - T0) / DAY] += sums[i].count;
    return 0;
}

static unsigned count_files(const char *dir, const char *prefix)
{
    unsigned count = 0;
    DIR *list = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(list)))
        count += !strncmp(entry->d_name, prefix, strlen(prefix)) &&
                 !strcmp(strrchr(entry->d_name, '.'), ".db");
    closedir(list);
    return count;
}

static void test_store__keeps_sums_through_all_levels(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    uint64_t total = 0, weight = 0;
    struct days days = {0}, expected = {0};
    struct profile *sum = profile_new();
    for (uint64_t at = T0; at < T0 + 3 * DAY; at += 5 * MINUTE) {
        struct profile *profile = kit_profile(at / MINUTE, 12, 5 + (int32_t)(at / MINUTE % 3));
        kit_add(store, "shop", at, profile);
        total += profile_total_count(profile);
        weight += profile_total_weight_ns(profile);
        expected.count[(at - T0) / DAY] += profile_total_count(profile);
        profile_merge(sum, profile);
        profile_free(profile);
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
    kit_ok(store_tick(store, T0 + 3 * DAY + MINUTE, &err));
    assert_true(count_files(dir, "profile-10s-") <= 3);
    assert_int_equal(count_files(dir, "profile-1m-"), 3);
    assert_int_equal(count_files(dir, "profile-1d-"), 1);

    struct store_query query = {.from_ns = T0, .to_ns = T0 + 3 * DAY};
    struct store_answer answer;
    struct profile *got = kit_read(store, &query, &answer), *flat = kit_flat(sum);
    assert_int_equal(profile_total_count(got), total);
    assert_int_equal(profile_total_weight_ns(got), weight);
    assert_int_equal(answer.windows, 3); /* days */
    kit_assert_same(got, flat, false, true);
    profile_free(got);

    uint64_t by_process = 0; /* the days' windows with actors say the same */
    for (query.pid = 5; query.pid < 8; query.pid++) {
        got = kit_read(store, &query, NULL);
        by_process += profile_total_count(got);
        profile_free(got);
    }
    assert_int_equal(by_process, total);
    query.pid = 0;
    query.split = STORE_SPLIT_PROCESS;
    got = kit_read(store, &query, NULL);
    assert_int_equal(got->thread_count, 3);
    assert_int_equal(profile_total_weight_ns(got), weight);
    profile_free(got);
    query.split = STORE_SPLIT_NONE;

    query.from_ns += 7 * HOUR + 25 * MINUTE; /* both ends finer */
    struct profile *shape = profile_new();
    kit_ok(store_read_steps(store, &query, HOUR, shape, take_step, &days, &answer, &err));
    assert_int_equal(days.count[1], expected.count[1]);
    assert_int_equal(days.count[2], expected.count[2]);
    assert_true(days.count[0] > 0 && days.count[0] < expected.count[0]);
    got = kit_read(store, &query, NULL);
    assert_int_equal(profile_total_count(got), days.count[0] + days.count[1] + days.count[2]);
    profile_free(got);
    profile_free(shape);
    profile_free(flat);
    profile_free(sum);
    store_close(store);
    kit_remove(dir);
}

static void test_store__adds_what_comes_late_once(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    struct profile *profile = kit_profile(1, 20, 5);
    uint64_t count = profile_total_count(profile);
    for (unsigned i = 0; i < 180; i++) {
        kit_add(store, "shop", T0 + i * 10 * S, profile);
        kit_ok(store_tick(store, T0 + (i + 1) * 10 * S, &err));
    }
    /* the clock is set back by twenty minutes */
    for (unsigned i = 60; i < 90; i++) {
        kit_add(store, "shop", T0 + i * 10 * S, profile);
        kit_ok(store_tick(store, T0 + (i + 1) * 10 * S, &err));
    }
    kit_ok(store_tick(store, T0 + 31 * MINUTE, &err));
    for (int again = 0; again < 2; again++) {
        struct store_query query = {.from_ns = T0, .to_ns = T0 + 30 * MINUTE};
        struct profile *got = kit_read(store, &query, NULL);
        assert_int_equal(profile_total_count(got), 210 * count);
        profile_free(got);
        query.from_ns = T0 + 600 * S; /* windows of a minute, and of ten seconds */
        query.to_ns = T0 + 1190 * S;
        got = kit_read(store, &query, NULL);
        assert_int_equal(profile_total_count(got), (59 + 30) * count);
        profile_free(got);
        store_close(store);
        store = kit_open(dir, true);
        kit_ok(store_tick(store, T0 + 32 * MINUTE, &err));
    }
    profile_free(profile);
    store_close(store);
    kit_remove(dir);
}

static uint64_t bytes_of(const char *dir)
{
    uint64_t bytes = 0;
    DIR *list = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(list))) {
        struct stat status;
        char path[600];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.' && stat(path, &status) == 0)
            bytes += (uint64_t)status.st_size;
    }
    closedir(list);
    return bytes;
}

static void test_store__never_takes_more_than_its_budget(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store_options options = {.write = true, .no_sync = true, .budget_bytes = 3 << 20};
    struct store *store;
    kit_ok(store_open(dir, &options, &store, &err));
    uint64_t most = 0;
    for (uint64_t at = T0; at < T0 + 30 * HOUR; at += 4 * MINUTE) {
        struct profile *profile = kit_profile(at / MINUTE, 700, 5);
        kit_add(store, "shop", at, profile);
        profile_free(profile);
        kit_ok(store_tick(store, at + 10 * S, &err));
        uint64_t bytes = bytes_of(dir);
        most = bytes > most ? bytes : most;
    }
    struct store_stats stats;
    store_stats(store, &stats);
    assert_true(most <= options.budget_bytes);
    assert_true(most > options.budget_bytes / 4);
    assert_true(stats.deleted_files > 30);
    struct store_query query = {.from_ns = T0 + 29 * HOUR, .to_ns = T0 + 30 * HOUR};
    struct profile *got = kit_read(store, &query, NULL);
    assert_true(got->sample_count > 0);
    profile_free(got);
    store_close(store);
    kit_remove(dir);
}

static void test_store__keeps_what_is_old_while_the_clock_is_in_doubt(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    struct profile *profile = kit_profile(1, 20, 5);
    kit_add(store, "shop", T0, profile);
    kit_ok(store_tick(store, T0 + 10 * S, &err));
    kit_ok(store_tick(store, T0 + 3000 * DAY, &err)); /* a wrong clock */
    kit_add(store, "shop", T0 + 3000 * DAY, profile);
    kit_ok(store_tick(store, T0 + 3000 * DAY + 10 * S, &err));
    kit_ok(store_tick(store, T0 + 20 * S, &err)); /* is set right */
    for (unsigned i = 2; i < 20; i++) {
        kit_add(store, "shop", T0 + i * 10 * S, profile);
        kit_ok(store_tick(store, T0 + (i + 1) * 10 * S, &err));
    }
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR};
    struct profile *got = kit_read(store, &query, NULL);
    assert_int_equal(profile_total_count(got), 19 * profile_total_count(profile));
    profile_free(got);
    profile_free(profile);
    store_close(store);
    kit_remove(dir);
}

struct histograms {
    uint64_t calls, count, errors, total_ns, max_ns, bucket_sum, gauge_count;
    double gauge_sum, gauge_min, gauge_max, gauge_last;
};

static int take_histogram(void *context, uint64_t start_ns, const struct store_histogram *h)
{
    (void)start_ns;
    struct histograms *sum = context;
    sum->calls++;
    sum->count += h->count;
    sum->errors += h->errors;
    sum->total_ns += h->total_ns;
    sum->max_ns = h->max_ns > sum->max_ns ? h->max_ns : sum->max_ns;
    assert_string_equal(h->name, "/cart/<id>");
    assert_string_equal(h->detail, "GET");
    for (uint32_t i = 0; i < h->bucket_count; i++) {
        assert_true(i == 0 || h->buckets[i].index > h->buckets[i - 1].index);
        sum->bucket_sum += h->buckets[i].count;
    }
    return 0;
}

static int take_gauge(void *context, uint64_t start_ns, const struct store_gauge *gauge)
{
    (void)start_ns;
    struct histograms *sum = context;
    assert_string_equal(gauge->name, "process.memory.usage");
    sum->gauge_count += gauge->count;
    sum->gauge_sum += gauge->sum;
    sum->gauge_min = gauge->min;
    sum->gauge_max = gauge->max;
    sum->gauge_last = gauge->last;
    return 0;
}

static void test_store__adds_up_histograms_and_gauges(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    uint64_t end = T0 + 40 * MINUTE;
    for (uint64_t at = T0; at < end; at += 10 * S) {
        uint64_t i = (at - T0) / (10 * S);
        for (int32_t pid = 1; pid <= 3; pid++) {
            struct store_source source = {.service = "shop", .host = "web1", .pid = pid};
            struct store_bucket buckets[] = {{700, 2}, {100 + (uint32_t)(i % 9), 1}};
            struct store_histogram histogram = {.kind = 1,
                                                .name = "/cart/<id>",
                                                .detail = "GET",
                                                .group = 2,
                                                .count = 3,
                                                .errors = i % 2,
                                                .total_ns = 1000 + i,
                                                .max_ns = i,
                                                .buckets = buckets,
                                                .bucket_count = 2};
            kit_ok(store_add_histogram(store, &source, at, &histogram, &err));
        }
        struct store_source source = {.service = "shop", .host = "web1", .pid = 1};
        kit_ok(
            store_add_gauge(store, &source, at, "process.memory.usage", 1000.25 + (double)i, &err));
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
    struct histograms sum = {0};
    struct store_metric_fns fns = {take_histogram, take_gauge, &sum};
    struct store_query query = {.from_ns = T0, .to_ns = end, .service = "shop"};
    struct store_answer answer;
    kit_ok(store_read_metrics(store, &query, 0, &fns, &answer, &err));
    assert_int_equal(sum.calls, 1); /* processes added up */
    assert_int_equal(sum.count, 240 * 9);
    assert_int_equal(sum.bucket_sum, 240 * 9);
    assert_int_equal(sum.errors, 120 * 3);
    assert_int_equal(sum.total_ns, 3 * (240 * 1000 + 239 * 240 / 2));
    assert_int_equal(sum.max_ns, 239);
    assert_int_equal(sum.gauge_count, 240);
    assert_true(sum.gauge_min == 1000.25 && sum.gauge_max == 1239.25);
    assert_true(sum.gauge_last == 1239.25 && sum.gauge_sum == 240 * 1000.25 + 239 * 120);
    sum = (struct histograms){0};
    kit_ok(store_read_metrics(store, &query, 10 * MINUTE, &fns, &answer, &err));
    assert_int_equal(sum.calls, 4);
    assert_int_equal(sum.count, 240 * 9);
    store_close(store);
    kit_remove(dir);
}

struct rows {
    unsigned count;
    uint64_t last_ns;
    char text[200];
};

static int take_event(void *context, const struct store_event *event)
{
    struct rows *rows = context;
    assert_true(rows->count == 0 || event->at_ns <= rows->last_ns); /* newest first */
    rows->last_ns = event->at_ns;
    rows->count++;
    snprintf(rows->text, sizeof rows->text, "%s %s %s %s", event->kind, event->service,
             event->version, event->text);
    return 0;
}

static int take_trace(void *context, const struct store_trace *trace)
{
    struct rows *rows = context;
    rows->count++;
    assert_int_equal(trace->size, 5);
    assert_memory_equal(trace->data, "a\0b\0c", 5);
    snprintf(rows->text, sizeof rows->text, "%s %u", trace->endpoint, (unsigned)trace->status);
    return 0;
}

static void test_store__finds_events_and_traces(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    for (unsigned i = 0; i < 50; i++) {
        struct store_event event = {.at_ns = T0 + i * HOUR,
                                    .kind = i % 10 ? "start" : "deploy",
                                    .service = i % 2 ? "shop" : "mail",
                                    .version = "1.1",
                                    .text = "it's \"here\""};
        kit_ok(store_add_event(store, &event, &err));
        struct store_trace trace = {.trace_high = UINT64_MAX - i,
                                    .trace_low = i,
                                    .start_ns = T0 + i * HOUR,
                                    .duration_ns = i * S,
                                    .service = "shop",
                                    .endpoint = i % 2 ? "/a" : "/b",
                                    .status = 500 + i,
                                    .data = "a\0b\0c",
                                    .size = 5};
        kit_ok(store_add_trace(store, &trace, &err));
    }
    kit_ok(store_flush(store, &err));
    struct store *reader = kit_open(dir, false);
    struct rows rows = {0};
    struct store_query query = {.from_ns = T0, .to_ns = T0 + 100 * HOUR};
    kit_ok(store_read_events(reader, &query, NULL, take_event, &rows, &err));
    assert_int_equal(rows.count, 50);
    rows.count = 0;
    query.service = "mail";
    kit_ok(store_read_events(reader, &query, "deploy", take_event, &rows, &err));
    assert_int_equal(rows.count, 5);
    assert_string_equal(rows.text, "deploy mail 1.1 it's \"here\"");
    rows.count = 0;
    query = (struct store_query){.from_ns = T0, .to_ns = T0 + 100 * HOUR, .endpoint = "/a"};
    kit_ok(store_read_traces(reader, &query, 40 * S, take_trace, &rows, &err));
    assert_int_equal(rows.count, 5);
    rows.count = 0;
    kit_ok(store_read_trace(reader, UINT64_MAX - 7, 7, take_trace, &rows, &err));
    assert_string_equal(rows.text, "/a 507");
    struct err err;
    assert_int_equal(store_read_trace(reader, 1, 2, take_trace, &rows, &err), ERR_NOT_FOUND);
    store_close(reader);
    store_close(store);
    kit_remove(dir);
}

struct groups {
    unsigned rows;
    uint64_t count;
    uint64_t first_ns, last_ns;
};

static int take_group(void *context, const struct store_group_row *row)
{
    struct groups *groups = context;
    groups->rows++;
    groups->count += row->count;
    groups->first_ns = row->first_ns;
    groups->last_ns = row->last_ns;
    return 0;
}

static void test_store__knows_what_there_is(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    uint64_t count = 0;
    for (int32_t pid = 1; pid <= 6; pid++) {
        struct profile *profile = kit_profile((uint64_t)pid, 20, pid * 10);
        count += profile_total_count(profile);
        kit_add(store, pid % 2 ? "shop" : "mail", T0 + (uint64_t)pid * MINUTE, profile);
        profile_free(profile);
    }
    kit_ok(store_tick(store, T0 + HOUR, &err));
    const struct {
        enum store_group by;
        unsigned rows;
    } expected[] = {
        {STORE_BY_SERVICE, 2}, {STORE_BY_PROCESS, 6}, {STORE_BY_ENDPOINT, 2}, {STORE_BY_THREAD, 4}};
    for (size_t i = 0; i < 4; i++) {
        struct groups groups = {0};
        struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR};
        struct store_answer answer;
        kit_ok(
            store_read_groups(store, &query, expected[i].by, take_group, &groups, &answer, &err));
        assert_int_equal(groups.rows, expected[i].rows);
        assert_int_equal(groups.count, count);
        query.pid = 30;
        groups = (struct groups){0};
        kit_ok(
            store_read_groups(store, &query, STORE_BY_PROCESS, take_group, &groups, &answer, &err));
        assert_int_equal(groups.rows, 1);
        assert_true(groups.first_ns <= T0 + 3 * MINUTE && groups.last_ns > T0 + 3 * MINUTE);
    }
    store_close(store);
    kit_remove(dir);
}

static void no_finding(void *context, const char *file, const char *finding)
{
    (void)context;
    fail_msg("%s: %s", file, finding);
}

static void fill(struct store *store, uint64_t from_ns, uint64_t to_ns, int32_t pid)
{
    for (uint64_t at = from_ns; at < to_ns; at += 10 * S) {
        struct profile *profile = kit_profile(at / S, 10, pid);
        kit_add(store, "shop", at, profile);
        profile_free(profile);
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
}

static void test_store__export_is_a_store_and_import_takes_what_is_missing(void **state)
{
    (void)state;
    char dir[64], copy[80], third[64];
    snprintf(dir, sizeof dir, "%s", kit_dir());
    snprintf(third, sizeof third, "%s", kit_dir());
    snprintf(copy, sizeof copy, "%s-copy", dir);
    struct store *store = kit_open(dir, true);
    fill(store, T0, T0 + 90 * MINUTE, 5);
    struct store_event event = {.at_ns = T0, .kind = "deploy", .service = "shop"};
    kit_ok(store_add_event(store, &event, &err));
    kit_ok(store_flush(store, &err));
    kit_ok(store_export(store, T0, T0 + DAY, copy, &err));
    struct store_query query = {.from_ns = T0, .to_ns = T0 + 3 * HOUR};
    struct profile *original = kit_read(store, &query, NULL);
    struct store *other = kit_open(copy, false);
    kit_ok(store_check(other, no_finding, NULL, &err));
    struct profile *got = kit_read(other, &query, NULL);
    kit_assert_same(got, original, false, true);
    profile_free(got);
    store_close(other);

    other = kit_open(third, true); /* has an hour of its own, overlapping in time */
    fill(other, T0 + 80 * MINUTE, T0 + 140 * MINUTE, 6);
    query.from_ns = T0 + 90 * MINUTE;
    struct profile *tail = kit_read(other, &query, NULL);
    query.from_ns = T0;
    for (int again = 0; again < 2; again++) {
        struct store_import import;
        kit_ok(store_import(other, copy, &import, &err));
        assert_true(again ? import.windows == 0 : import.windows >= 480);
        assert_int_equal(import.events, again ? 0 : 1);
        assert_int_equal(import.damaged, 0);
        kit_ok(store_check(other, no_finding, NULL, &err));
        got = kit_read(other, &query, NULL);
        assert_int_equal(profile_total_count(got),
                         profile_total_count(original) + profile_total_count(tail));
        profile_free(got);
    }
    profile_free(tail);
    profile_free(original);
    store_close(other);
    store_close(store);
    kit_remove(copy);
    kit_remove(third);
    kit_remove(dir);
}

static void test_store__refuses_a_second_writer(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true), *second = NULL;
    struct store_options options = {.write = true};
    struct err err;
    assert_int_equal(store_open(dir, &options, &second, &err), ERR_LIMIT);
    assert_null(second);
    store_close(store);
    kit_remove(dir);
}
