/* SPDX-License-Identifier: MIT */
/* store_figures.c - what history costs, measured on a real recording, as JSON.
 *
 *     store_figures CAPTURE.pv DIR PROCESSES HOURS [DAYS [GIGABYTES]]
 *
 * The recording is cut into windows of ten seconds; each of PROCESSES processes of one service goes
 * through them in an order of its own for HOURS hours. Then the store is opened and read as a page
 * would. With DAYS a second store holds that many days of which each has the whole recording four
 * times per process: what a year of the coarsest windows is read from. With GIGABYTES the first one
 * is made so large, by traces of a megabyte each, and opened again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "codec/capture.h"
#include "query/answer.h"
#include "store/store.h"

#define WINDOW_NS UINT64_C(10000000000)
#define MINUTE_NS (6 * WINDOW_NS)
#define HOUR_NS (60 * MINUTE_NS)
#define DAY_NS (24 * HOUR_NS)
#define START_NS (UINT64_C(20160) * DAY_NS) /* a day on which files of all levels begin */
#define MAX_WINDOWS 360u
#define TURNS 5

struct recording {
    struct profile *windows[MAX_WINDOWS];
    unsigned count;
    struct profile *whole;
};

static int fail(const struct err *err)
{
    fprintf(stderr, "store_figures: %s\n", err->text);
    return 1;
}

static int cut(const char *path, struct recording *recording, struct err *err)
{
    struct buf data;
    buf_init(&data, (size_t)4 << 30);
    int result = file_read(path, &data, err);
    recording->whole = profile_new();
    for (uint64_t at = 0; result == 0 && recording->count < MAX_WINDOWS; at += WINDOW_NS / 1000) {
        struct capture_range range = {at, at + WINDOW_NS / 1000};
        struct capture_info info;
        struct profile *window = profile_new();
        result = capture_read_range(data.data, data.size, &range, window, &info, err);
        if (result < 0 || info.end_us < range.to_us) { /* the last one is not whole */
            profile_free(window);
            break;
        }
        profile_merge(recording->whole, window);
        recording->windows[recording->count++] = window;
    }
    buf_done(&data);
    return result;
}

static int add(struct store *store, uint64_t at_ns, struct profile *profile, unsigned process,
               struct err *err)
{
    char name[32];
    for (uint32_t i = 0; i < profile->thread_count; i++)
        profile->threads[i].pid = 1000 + (int32_t)process;
    snprintf(name, sizeof name, "shop");
    struct store_source source = {.service = name, .host = "web1", .version = "1.0"};
    return store_add_profile(store, &source, at_ns, profile, err);
}

static int fill_hours(struct store *store, const struct recording *recording, unsigned processes,
                      unsigned hours, struct err *err)
{
    uint64_t random = 4711, end = START_NS + hours * HOUR_NS;
    int result = 0;
    for (uint64_t at = START_NS; at < end && result == 0; at += WINDOW_NS) {
        for (unsigned p = 0; p < processes && result == 0; p++)
            result =
                add(store, at, recording->windows[random_next(&random) % recording->count], p, err);
        if (result == 0)
            result = store_tick(store, at + WINDOW_NS, err);
    }
    return result == 0 ? store_tick(store, end + MINUTE_NS, err) : result;
}

static int fill_days(struct store *store, const struct recording *recording, unsigned processes,
                     unsigned days, struct err *err)
{
    int result = 0;
    uint64_t end = START_NS + days * DAY_NS;
    for (uint64_t at = START_NS; at <= end + 5 * MINUTE_NS && result == 0; at += 5 * MINUTE_NS) {
        bool full = (at - START_NS) % (6 * HOUR_NS) == 0 && at < end;
        for (unsigned p = 0; p < processes && full && result == 0; p++)
            result = add(store, at, recording->whole, p, err);
        if (result == 0)
            result = store_tick(store, at + WINDOW_NS, err);
    }
    return result;
}

struct sizes {
    uint64_t bytes[8], all;
};

static int add_size(void *context, const struct store_file *file)
{
    struct sizes *sizes = context;
    static const uint64_t windows[] = {WINDOW_NS, MINUTE_NS, 10 * MINUTE_NS, HOUR_NS, DAY_NS};
    sizes->all += file->bytes;
    for (size_t i = 0; i < 5; i++)
        if (windows[i] == file->window_ns)
            sizes->bytes[i] += file->bytes;
    return 0;
}

/* The best of some turns, each with a store opened for it, as a request to a fresh program would
 * be; *open_ns: of which the opening. */
static int time_read(const char *dir, uint64_t from_ns, uint64_t to_ns, double *cold_ms,
                     double *warm_ms, double *open_ms, struct profile **out, struct err *err)
{
    struct store_query query = {.from_ns = from_ns, .to_ns = to_ns, .service = "shop"};
    *cold_ms = *warm_ms = *open_ms = 1e9;
    for (int turn = 0; turn < TURNS; turn++) {
        struct store_options options = {.write = false};
        struct store *store;
        uint64_t begin = clock_mono_ns();
        int result = store_open(dir, &options, &store, err);
        uint64_t opened = clock_mono_ns();
        for (int again = 0; again < 2 && result == 0; again++) {
            uint64_t start = clock_mono_ns();
            struct store_answer answer;
            profile_free(*out);
            *out = profile_new();
            result = store_read_profile(store, &query, *out, &answer, err);
            double ms = (double)(clock_mono_ns() - start) / 1e6;
            double *best = again ? warm_ms : cold_ms;
            *best = ms < *best ? ms : *best;
        }
        if (result < 0)
            return result;
        double ms = (double)(opened - begin) / 1e6;
        *open_ms = ms < *open_ms ? ms : *open_ms;
        store_close(store);
    }
    return 0;
}

/* One question as HTTP and the command line ask it, to the last byte of JSON. */
static int ask(struct store *store, const char *name, uint64_t from_ns, uint64_t to_ns,
               size_t *bytes, struct err *err)
{
    char from[32], to[32];
    const char *media_type;
    struct buf out;
    snprintf(from, sizeof from, "%llu", (unsigned long long)(from_ns / 1000000000));
    snprintf(to, sizeof to, "%llu", (unsigned long long)(to_ns / 1000000000));
    struct answer_param params[] = {{"from", from}, {"to", to}};
    struct answer_request request = {.params = params, .param_count = 2, .now_wall_ns = to_ns};
    buf_init(&out, 0);
    int result = answer_find(name)->write(store, &request, &out, &media_type, err);
    *bytes = out.size;
    buf_done(&out);
    return result;
}

static int print_answer(const char *key, const char *name, const char *dir, uint64_t from_ns,
                        uint64_t to_ns, struct err *err)
{
    double cold_ms = 1e9, warm_ms = 1e9;
    size_t bytes = 0;
    int result = 0;
    for (int turn = 0; turn < TURNS && result == 0; turn++) {
        struct store_options options = {.write = false};
        struct store *store;
        uint64_t start = clock_mono_ns();
        result = store_open(dir, &options, &store, err);
        for (int again = 0; again < 2 && result == 0; again++) {
            result = ask(store, name, from_ns, to_ns, &bytes, err);
            double ms = (double)(clock_mono_ns() - start) / 1e6;
            double *best = again ? &warm_ms : &cold_ms;
            *best = ms < *best ? ms : *best;
            start = clock_mono_ns();
        }
        if (result == 0)
            store_close(store);
    }
    if (result == 0)
        printf(",\"%s_%s\":{\"cold_ms\":%.2f,\"warm_ms\":%.2f,\"bytes\":%zu}", key, name, cold_ms,
               warm_ms, bytes);
    return result;
}

static int print_answers(const char *key, const char *dir, uint64_t from_ns, uint64_t to_ns,
                         struct err *err)
{
    static const char *const names[] = {"profile", "services", "processes", "series", "top"};
    int result = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && result == 0; i++)
        result = print_answer(key, names[i], dir, from_ns, to_ns, err);
    return result;
}

static int make(const char *dir, struct store **store, struct err *err)
{
    struct store_options options = {.write = true, .no_sync = true};
    return store_open(dir, &options, store, err);
}

static int print_read(const char *name, const char *dir, uint64_t from_ns, uint64_t to_ns,
                      struct err *err)
{
    double cold = 0, warm = 0, open = 0;
    struct profile *profile = NULL;
    int result = time_read(dir, from_ns, to_ns, &cold, &warm, &open, &profile, err);
    if (result == 0)
        printf(",\"%s\":{\"cold_ms\":%.2f,\"warm_ms\":%.2f,\"open_ms\":%.2f,\"samples\":%llu,"
               "\"stacks\":%u}",
               name, cold, warm, open, (unsigned long long)profile_total_count(profile),
               profile->sample_count);
    profile_free(profile);
    return result;
}

static double mean_stacks(const struct recording *recording)
{
    double sum = 0;
    for (unsigned i = 0; i < recording->count; i++)
        sum += recording->windows[i]->sample_count;
    return sum / recording->count;
}

static int measure_hours(const struct recording *recording, const char *dir, unsigned processes,
                         unsigned hours, struct err *err)
{
    struct store *store;
    struct sizes sizes = {0};
    uint64_t cpu = clock_cpu_ns();
    int result = make(dir, &store, err);
    if (result < 0)
        return result;
    result = fill_hours(store, recording, processes, hours, err);
    double cpu_s = (double)(clock_cpu_ns() - cpu) / 1e9;
    if (result == 0)
        result = store_list(store, add_size, &sizes, err);
    store_close(store);
    if (result < 0)
        return result;
    double process_days = processes * hours / 24.0;
    printf("{\"processes\":%u,\"hours\":%u,\"windows\":%u,\"stacks_per_window\":%.0f,"
           "\"stacks\":%u,\"writing_cpu_percent\":%.3f",
           processes, hours, recording->count, mean_stacks(recording),
           recording->whole->sample_count, 100 * cpu_s / (hours * 3600.0));
    static const char *const names[] = {"10s", "1m", "10m", "1h", "1d"};
    for (size_t i = 1; i < 5; i++)
        printf(",\"mb_per_process_day_%s\":%.4f", names[i],
               (double)sizes.bytes[i] / 1e6 / process_days);
    uint64_t end = START_NS + hours * HOUR_NS;
    result = print_read("all", dir, START_NS, end, err);
    if (result == 0)
        result = print_read("unaligned", dir, START_NS + 25 * MINUTE_NS + WINDOW_NS,
                            end - 7 * MINUTE_NS - WINDOW_NS, err);
    if (result == 0)
        result = print_read("hour", dir, end - HOUR_NS - 5 * MINUTE_NS, end - 5 * MINUTE_NS, err);
    if (result == 0)
        result = print_answers("unaligned", dir, START_NS + 25 * MINUTE_NS + WINDOW_NS,
                               end - 7 * MINUTE_NS - WINDOW_NS, err);
    if (result == 0)
        result =
            print_answers("hour", dir, end - HOUR_NS - 5 * MINUTE_NS, end - 5 * MINUTE_NS, err);
    return result;
}

static int measure_days(const struct recording *recording, const char *dir, unsigned processes,
                        unsigned days, struct err *err)
{
    char place[600];
    snprintf(place, sizeof place, "%s/year", dir);
    struct store *store;
    int result = make(place, &store, err);
    if (result < 0)
        return result;
    result = fill_days(store, recording, processes, days, err);
    struct store_stats stats;
    store_stats(store, &stats);
    store_close(store);
    if (result == 0)
        printf(",\"days\":%u,\"days_bytes\":%llu,\"days_files\":%u", days,
               (unsigned long long)stats.bytes, stats.files);
    if (result == 0)
        result = print_read("year", place, START_NS, START_NS + days * DAY_NS, err);
    return result == 0 ? print_answers("year", place, START_NS, START_NS + days * DAY_NS, err)
                       : result;
}

static int fill_traces(struct store *store, uint64_t gigabytes, struct err *err)
{
    static unsigned char noise[1 << 20];
    uint64_t random = 4711, count = gigabytes * 1000, span_ns = 3 * DAY_NS;
    int result = 0;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)random_next(&random);
    for (uint64_t i = 0; i < count && result == 0; i++) {
        struct store_trace trace = {
            .trace_low = i + 1,
            .start_ns = START_NS + i * (span_ns / count),
            .duration_ns = 1000000,
            .service = "shop",
            .endpoint = "GET /",
            .data = noise,
            .size = sizeof noise,
        };
        result = store_add_trace(store, &trace, err);
        if (result == 0 && i % 16 == 0)
            result = store_flush(store, err);
    }
    return result == 0 ? store_flush(store, err) : result;
}

static int measure_large(const char *dir, uint64_t gigabytes, struct err *err)
{
    struct store *store;
    struct sizes sizes = {0};
    int result = make(dir, &store, err);
    if (result < 0)
        return result;
    result = fill_traces(store, gigabytes, err);
    if (result == 0)
        result = store_list(store, add_size, &sizes, err);
    store_close(store);
    if (result == 0)
        printf(",\"large_bytes\":%llu", (unsigned long long)sizes.all);
    if (result == 0)
        result = print_read("large", dir, START_NS, START_NS + HOUR_NS, err);
    if (result == 0)
        result = print_answer("large", "traces", dir, START_NS, START_NS + 3 * DAY_NS, err);
    return result;
}

int main(int argc, char **argv)
{
    struct recording recording = {.count = 0};
    struct err err = {0};
    if (argc < 5)
        return 2;
    unsigned processes = (unsigned)atoi(argv[3]), hours = (unsigned)atoi(argv[4]);
    int result = cut(argv[1], &recording, &err);
    if (result == 0 && recording.count == 0)
        result = err_set(&err, ERR_USAGE, "%s: less than ten seconds", argv[1]);
    if (result == 0)
        result = measure_hours(&recording, argv[2], processes, hours, &err);
    if (result == 0 && argc > 5)
        result = measure_days(&recording, argv[2], processes, (unsigned)atoi(argv[5]), &err);
    if (result == 0 && argc > 6)
        result = measure_large(argv[2], (uint64_t)atoi(argv[6]), &err);
    if (result < 0)
        return fail(&err);
    puts("}");
    for (unsigned i = 0; i < recording.count; i++)
        profile_free(recording.windows[i]);
    profile_free(recording.whole);
    return 0;
}
