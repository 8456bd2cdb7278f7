/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent_writer.h"
#include "base/err.h"
#include "collect/collect.h"
#include "collect/histogram.h"

#define SLOTS 64u
#define RECORDS 256u
#define PATIENCE_MS 150u

struct both {
    struct writer writer;
    struct collect *collect;
};

static struct collect *open_reader(const struct writer *writer)
{
    struct collect *collect = NULL;
    struct err err = {0};
    if (collect_open_fd(dup(writer->fd), 0, &collect, &err) < 0)
        fail_msg("%s", err.text);
    return collect;
}

static void both_open(struct both *both)
{
    writer_open(&both->writer, SLOTS, RECORDS);
    both->collect = open_reader(&both->writer);
}

static void both_close(struct both *both)
{
    collect_close(both->collect);
    writer_close(&both->writer);
}

/* ---- histograms ---------------------------------------------------------------------------- */

static void test_collect__every_value_lies_in_its_bucket_and_within_one_percent(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        uint64_t value = random_next(&seed) >> (22 + random_next(&seed) % 42);
        uint32_t bucket = histogram_bucket(value);
        assert_true(bucket < AGENT_HISTOGRAM_BUCKETS);
        if (value >= UINT64_C(1) << 42)
            continue;
        assert_true(histogram_floor(bucket) <= value && value < histogram_floor(bucket + 1));
        double off = fabs((double)histogram_middle(bucket) - (double)value);
        assert_true(off <= 0.0079 * (double)value + 0.5);
    }
    assert_int_equal(histogram_bucket(UINT64_MAX), AGENT_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket((UINT64_C(1) << 42) - 1), AGENT_HISTOGRAM_BUCKETS - 1);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void test_collect__percentiles_are_within_one_percent_of_the_sorted_values(void **state)
{
    (void)state;
    enum { COUNT = 20011 };
    static const uint32_t wanted[] = {1, 10, 500, 900, 950, 990, 999, 1000};
    static uint64_t values[COUNT];
    static struct histogram histogram;
    uint64_t seed = 99;
    for (int i = 0; i < COUNT; i++) {
        double u = (double)(random_next(&seed) >> 11) / 9007199254740992.0;
        values[i] = (uint64_t)(1e5 * exp(3 * u * u));
        histogram_add(&histogram, histogram_bucket(values[i]), 1);
    }
    qsort(values, COUNT, sizeof *values, compare_u64);
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        uint64_t rank = ((uint64_t)COUNT * wanted[i] + 999) / 1000;
        double truth = (double)values[rank - 1];
        double found = (double)histogram_percentile(&histogram, wanted[i]);
        assert_true(fabs(found - truth) <= 0.01 * truth);
    }
    histogram_reset(&histogram);
    assert_int_equal(histogram_percentile(&histogram, 500), 0);
}

/* ---- opening ------------------------------------------------------------------------------- */

static void test_collect__own_process_is_found_among_its_descriptors(void **state)
{
    (void)state;
    struct writer writer;
    struct collect *collect = NULL;
    struct err err;
    assert_int_equal(collect_open(getpid(), &collect, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "pitviper run"));
    writer_open(&writer, SLOTS, RECORDS);
    writer.header->service = writer_string(&writer, "shop");
    assert_int_equal(collect_open(getpid(), &collect, &err), 0);
    assert_int_equal(collect_facts(collect)->pid, getpid());
    assert_int_equal(collect_facts(collect)->python_hex, 0x030b07f0);
    assert_string_equal(collect_service(collect), "shop");
    assert_string_equal(collect_release(collect), "");
    assert_false(collect_exited(collect));
    collect_close(collect);
    writer_close(&writer);
}

static void test_collect__a_parents_region_is_not_the_childs(void **state)
{
    (void)state;
    struct writer writer;
    struct collect *collect;
    int ready[2];
    char byte;
    writer_open(&writer, SLOTS, RECORDS); /* its descriptor is inherited */
    assert_int_equal(pipe(ready), 0);
    pid_t without = fork();
    if (without == 0)
        pause();
    pid_t with = fork();
    if (with == 0) {
        struct writer own;
        writer_open(&own, SLOTS, RECORDS);
        writer_begin(&own, 3, clock_mono_ns());
        ssize_t unused = write(ready[1], "x", 1);
        (void)unused;
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(collect_open(without, &collect, NULL), ERR_NOT_FOUND);
    assert_int_equal(collect_open(with, &collect, NULL), 0);
    struct collect_request request;
    assert_int_equal(collect_in_flight(collect, &request, 1), 1);
    assert_int_equal(request.flags & AGENT_FLAG_UNFINISHED, 0);
    kill(with, SIGKILL);
    kill(without, SIGKILL);
    waitpid(with, NULL, 0);
    waitpid(without, NULL, 0);
    /* The process is gone; what it was doing is still there. */
    assert_true(collect_exited(collect));
    assert_int_equal(collect_in_flight(collect, &request, 1), 1);
    assert_int_equal(request.flags & AGENT_FLAG_UNFINISHED, AGENT_FLAG_UNFINISHED);
    assert_int_equal(request.id, 1);
    collect_close(collect);
    assert_int_equal(collect_open(with, &collect, NULL), ERR_GONE);
    close(ready[0]);
    close(ready[1]);
    writer_close(&writer);
}

static int try_header(const struct writer *writer)
{
    struct collect *collect = NULL;
    struct err err = {0};
    int result = collect_open_fd(dup(writer->fd), 0, &collect, &err);
    if (result == 0)
        collect_close(collect);
    else
        assert_true(err.text[0] != 0);
    return result;
}

static void test_collect__headers_that_lie_are_refused(void **state)
{
    (void)state;
    struct writer writer;
    writer_open(&writer, SLOTS, RECORDS);
    struct agent_header good = *writer.header;
#define TRY(field, value, expected)                                                                \
    do {                                                                                           \
        writer.header->field = (value);                                                            \
        assert_int_equal(try_header(&writer), expected);                                           \
        *writer.header = good;                                                                     \
    } while (0)
    TRY(magic, 0, ERR_STARTING);
    TRY(magic, 1, ERR_BAD_DATA);
    TRY(version, AGENT_VERSION + 1, ERR_UNSUPPORTED);
    TRY(region_bytes, good.region_bytes + 1, ERR_BAD_DATA);
    TRY(region_bytes, UINT64_MAX, ERR_BAD_DATA);
    TRY(region_bytes, 4096, ERR_BAD_DATA);
    TRY(strings_offset, UINT64_MAX - 7, ERR_BAD_DATA);
    TRY(strings_offset, 0, ERR_BAD_DATA);
    TRY(strings_bytes, UINT32_MAX, ERR_BAD_DATA);
    TRY(keys_offset, good.keys_offset + 1, ERR_BAD_DATA);
    TRY(keys_limit, UINT32_MAX, ERR_BAD_DATA);
    TRY(keys_limit, 0, ERR_BAD_DATA);
    TRY(histograms_offset, good.region_bytes - 8, ERR_BAD_DATA);
    TRY(slots_limit, UINT32_MAX, ERR_BAD_DATA);
    TRY(slots_limit, 0, ERR_BAD_DATA);
    TRY(ring_records, 0, ERR_BAD_DATA);
    TRY(ring_records, 100, ERR_BAD_DATA);
    TRY(ring_records, UINT32_C(1) << 31, ERR_BAD_DATA);
    TRY(ring_offset, good.region_bytes, ERR_BAD_DATA);
    TRY(pid, 1, 0);
#undef TRY
    writer_close(&writer);
}

static void test_collect__memory_that_could_shrink_is_refused(void **state)
{
    (void)state;
    struct writer writer;
    struct collect *collect;
    struct err err;
    writer_open(&writer, SLOTS, RECORDS);
    int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    uint64_t size = writer.header->region_bytes;
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, writer.header, sizeof *writer.header, 0), sizeof *writer.header);
    assert_int_equal(collect_open_fd(fd, 0, &collect, &err), ERR_BAD_DATA);
    assert_non_null(strstr(err.text, "sealed"));
    writer_close(&writer);
}

/* ---- keys ---------------------------------------------------------------------------------- */

struct seen {
    uint32_t calls, index;
    uint64_t count, errors, total_ns, max_ns, in_buckets;
    char name[64];
};

static void see_change(void *context, const struct collect_change *change)
{
    struct seen *seen = context;
    seen->calls++;
    seen->index = change->index;
    seen->count = change->count;
    seen->errors = change->errors;
    seen->total_ns = change->total_ns;
    seen->max_ns = change->max_ns;
    seen->in_buckets = 0;
    for (uint32_t i = 0; i < change->bucket_count; i++)
        seen->in_buckets += change->buckets[i].count;
    snprintf(seen->name, sizeof seen->name, "%s", change->key.name);
}

static struct seen changes_of(struct collect *collect)
{
    struct seen seen = {0};
    assert_int_equal(collect_changes(collect, see_change, &seen), 0);
    return seen;
}

static void test_collect__changes_are_what_came_since_last_time(void **state)
{
    (void)state;
    struct both both;
    both_open(&both);
    uint32_t key = writer_key(&both.writer, AGENT_KIND_REQUEST, "/orders/<id>", "GET", 2);
    assert_int_equal(changes_of(both.collect).calls, 0);
    writer_count(&both.writer, key, 1000000, false);
    writer_count(&both.writer, key, 5000000, true);
    struct seen seen = changes_of(both.collect);
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.name, "/orders/<id>");
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.errors, 1);
    assert_int_equal(seen.total_ns, 6000000);
    assert_int_equal(seen.max_ns, 5000000);
    assert_int_equal(seen.in_buckets, 2);
    assert_int_equal(changes_of(both.collect).calls, 0);
    writer_count(&both.writer, key, 2000000, false);
    seen = changes_of(both.collect);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.in_buckets, 1);
    assert_true(seen.max_ns >= 1980000 && seen.max_ns <= 2020000);
    struct collect_key whole;
    assert_true(collect_key(both.collect, key, &whole));
    assert_int_equal(whole.count, 3);
    assert_string_equal(whole.detail, "GET");
    assert_int_equal(whole.group, 2);
    assert_false(whole.is_other);
    both_close(&both);
}

static void test_collect__a_count_ahead_of_its_histogram_is_completed_later(void **state)
{
    (void)state;
    struct both both;
    both_open(&both);
    uint32_t key = writer_key(&both.writer, AGENT_KIND_TASK, "mail", "celery", 0);
    both.writer.keys[key].count = 1;
    both.writer.keys[key].total_ns = 7;
    struct seen seen = changes_of(both.collect);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.in_buckets, 0);
    both.writer.histograms[key].buckets[7] = 1;
    seen = changes_of(both.collect);
    assert_int_equal(seen.count, 0);
    assert_int_equal(seen.in_buckets, 1);
    assert_int_equal(changes_of(both.collect).calls, 0);
    both_close(&both);
}

static void test_collect__keys_without_room_count_as_other(void **state)
{
    (void)state;
    struct both both;
    both_open(&both);
    writer_count(&both.writer, AGENT_KIND_STATEMENT, 10, false);
    struct collect_key key;
    assert_true(collect_key(both.collect, AGENT_KIND_STATEMENT, &key));
    assert_true(key.is_other);
    assert_int_equal(key.kind, AGENT_KIND_STATEMENT);
    assert_string_equal(key.name, "");
    assert_int_equal(changes_of(both.collect).calls, 1);
    assert_false(collect_key(both.collect, 0, &key));
    assert_false(collect_key(both.collect, AGENT_KINDS, &key));
    assert_false(collect_key(both.collect, UINT32_MAX, &key));
    both_close(&both);
}

static void test_collect__strings_that_lie_are_empty_and_copies_are_bounded(void **state)
{
    (void)state;
    struct both both;
    both_open(&both);
    uint32_t id = writer_string(&both.writer, "a name");
    assert_string_equal(collect_string(both.collect, 0), "");
    assert_string_equal(collect_string(both.collect, UINT32_MAX), "");
    const char *kept = collect_string(both.collect, id);
    assert_string_equal(kept, "a name");
    uint8_t *strings = both.writer.base + both.writer.header->strings_offset;
    memset(strings + 8, 0x01, WRITER_STRINGS - 8); /* sizes of 0x01010101 */
    assert_string_equal(kept, "a name");           /* the copy does not change */
    both.writer.header->strings_used = UINT32_MAX;
    assert_string_equal(collect_string(both.collect, id + 1), "");
    memset(strings, 0, WRITER_STRINGS);
    for (uint32_t at = 8; at < WRITER_STRINGS; at += 8)
        memcpy(strings + at, &(uint32_t){AGENT_STRING_MAX}, 4);
    size_t size = 0;
    for (uint32_t i = 2; i < WRITER_STRINGS / 8; i++)
        size += strlen(collect_string(both.collect, i));
    assert_true(collect_stats(both.collect)->texts_refused > 0);
    assert_true(size <= COLLECT_MAX_TEXT_BYTES);
    both_close(&both);
}

/* ---- records ------------------------------------------------------------------------------- */

struct heard {
    uint32_t count;
    uint64_t first, last; /* start_ns of them */
    bool in_order;
};

static void hear(void *context, const struct agent_record *record)
{
    struct heard *heard = context;
    uint64_t value = record->as.span.start_ns;
    heard->in_order = heard->count == 0 || (heard->in_order && value == heard->last + 1);
    if (heard->count++ == 0)
        heard->first = value;
    heard->last = value;
}

static void write_numbered(struct writer *writer, uint64_t from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        writer_record(writer, (struct agent_record){.kind = AGENT_RECORD_SPAN,
                                                    .about = AGENT_KIND_USER,
                                                    .as.span.start_ns = from + i});
}

static void test_collect__records_come_once_in_order_and_losses_are_counted(void **state)
{
    (void)state;
    struct both both;
    struct heard heard = {0};
    both_open(&both);
    write_numbered(&both.writer, 1, 100);
    assert_int_equal(collect_drain(both.collect, hear, &heard), 100);
    assert_true(heard.in_order);
    assert_int_equal(heard.first, 1);
    assert_int_equal(collect_drain(both.collect, hear, &heard), 0);
    write_numbered(&both.writer, 101, 50);
    collect_drain(both.collect, hear, &heard);
    assert_true(heard.in_order);
    assert_int_equal(heard.last, 150);
    assert_int_equal(collect_stats(both.collect)->lost, 0);
    write_numbered(&both.writer, 151, 1000);
    uint32_t got = collect_drain(both.collect, NULL, NULL);
    const struct collect_stats *stats = collect_stats(both.collect);
    assert_in_range(got, RECORDS - 16, RECORDS);
    assert_int_equal(stats->lost + got, 1000);
    assert_int_equal(stats->records, 150 + got);
    assert_int_equal(stats->unreadable, 0);
    both_close(&both);
}

static void test_collect__a_late_reader_gets_what_is_left(void **state)
{
    (void)state;
    struct both both;
    struct heard heard = {0};
    both_open(&both);
    write_numbered(&both.writer, 0, 5000);
    uint32_t got = collect_drain(both.collect, hear, &heard);
    assert_true(heard.in_order);
    assert_int_equal(heard.last, 4999);
    assert_int_equal(collect_stats(both.collect)->before + got, 5000);
    assert_int_equal(collect_stats(both.collect)->lost, 0);
    both_close(&both);
}

static void test_collect__an_unfinished_record_is_awaited_but_not_for_ever(void **state)
{
    (void)state;
    struct both both;
    both_open(&both);
    write_numbered(&both.writer, 0, 3);
    struct agent_record *second = &both.writer.ring[1];
    second->sequence = 0; /* its writer is at work */
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 1);
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 0);
    second->sequence = 2;
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 2);
    write_numbered(&both.writer, 3, 2);
    both.writer.ring[3].sequence = 0; /* and never comes back */
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 0);
    usleep(PATIENCE_MS * 1000);
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 1);
    assert_int_equal(collect_stats(both.collect)->unreadable, 1);
    both_close(&both);
}

static void test_collect__nonsense_is_counted_not_delivered(void **state)
{
    (void)state;
    struct both both;
    both_open(&both);
    writer_record(&both.writer, (struct agent_record){.kind = 99});
    writer_record(&both.writer, (struct agent_record){.kind = AGENT_RECORD_SPAN, .about = 200});
    writer_record(&both.writer, (struct agent_record){.kind = AGENT_RECORD_NONE});
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 0);
    assert_int_equal(collect_stats(both.collect)->unreadable, 3);
    both.writer.header->ring_next = 1; /* backwards */
    assert_int_equal(collect_drain(both.collect, NULL, NULL), 0);
    both.writer.header->ring_next = UINT64_MAX; /* and very far */
    assert_in_range(collect_drain(both.collect, NULL, NULL), 0, RECORDS);
    both_close(&both);
}

struct hammer {
    struct writer *writer;
    bool stop;
};

static void *write_fast(void *context)
{
    struct hammer *hammer = context;
    for (uint64_t i = 1; !__atomic_load_n(&hammer->stop, __ATOMIC_RELAXED); i++)
        writer_record(hammer->writer,
                      (struct agent_record){
                          .kind = AGENT_RECORD_SPAN,
                          .about = AGENT_KIND_USER,
                          .request = i,
                          .as.span = {.start_ns = i, .duration_ns = i, .span = i, .parent = i}});
    return NULL;
}

struct proof {
    uint64_t delivered, torn, last;
};

static void prove(void *context, const struct agent_record *record)
{
    struct proof *proof = context;
    uint64_t i = record->request;
    proof->delivered++;
    if (record->as.span.start_ns != i || record->as.span.duration_ns != i ||
        record->as.span.span != i || record->as.span.parent != i || i <= proof->last)
        proof->torn++;
    proof->last = i;
}

static void test_collect__a_writer_that_overtakes_the_reader_tears_nothing(void **state)
{
    (void)state;
    struct both both;
    struct proof proof = {0};
    pthread_t thread;
    both_open(&both);
    struct hammer hammer = {.writer = &both.writer};
    pthread_create(&thread, NULL, write_fast, &hammer);
    uint64_t until_ns = clock_mono_ns() + 300000000u;
    while (clock_mono_ns() < until_ns)
        collect_drain(both.collect, prove, &proof);
    __atomic_store_n(&hammer.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    collect_drain(both.collect, prove, &proof);
    const struct collect_stats *stats = collect_stats(both.collect);
    assert_int_equal(proof.torn, 0);
    assert_true(proof.delivered > 1000);
    assert_int_equal(stats->records, proof.delivered);
    assert_int_equal(stats->records + stats->lost + stats->before + stats->unreadable,
                     both.writer.header->ring_next);
    both_close(&both);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void test_collect__requests_are_found_in_flight_and_after(void **state)
{
    (void)state;
    struct both both;
    struct collect_request request, list[4];
    both_open(&both);
    struct writer *writer = &both.writer;
    uint32_t route = writer_key(writer, AGENT_KIND_REQUEST, "/cart", "POST", 5);
    uint32_t statement = writer_key(writer, AGENT_KIND_STATEMENT, "SELECT ?", "sqlite", 0);
    uint64_t now_ns = clock_mono_ns();
    uint64_t younger = writer_begin(writer, 9, now_ns), older = writer_begin(writer, 4, now_ns - 5);
    writer->slots[4].leaf_key = statement;
    writer->slots[9].leaf_key = 4000; /* no such key */
    writer->slots[4].repeats[2].key = statement;
    writer->slots[4].repeats[2].count = 12;
    assert_int_equal(collect_in_flight(both.collect, list, 4), 2);
    assert_int_equal(list[0].id, older);
    assert_int_equal(list[0].leaf_key, statement);
    assert_int_equal(list[0].repeated, 12);
    assert_int_equal(list[1].id, younger);
    assert_int_equal(list[1].leaf_key, 0);
    assert_int_equal(collect_in_flight(both.collect, list, 1), 2);
    assert_true(collect_find(both.collect, younger, 9, &request) && request.in_flight);
    assert_false(collect_find(both.collect, younger, 4, &request));
    assert_true(collect_find(both.collect, older, AGENT_NONE, &request));
    writer_end(writer, 9, route, 1500000,
               (struct agent_record){.as.parts = {.database_us = 1200, .statements = 3}},
               AGENT_FLAG_ERROR);
    assert_false(collect_slot(both.collect, 9, younger, &request));
    collect_drain(both.collect, NULL, NULL);
    assert_true(collect_find(both.collect, younger, 9, &request));
    assert_false(request.in_flight);
    assert_string_equal(collect_string(both.collect, request.route), "/cart");
    assert_string_equal(collect_string(both.collect, request.method), "POST");
    assert_int_equal(request.status, 500);
    assert_int_equal(request.duration_ns, 1500000);
    assert_int_equal(request.database_ns, 1200000);
    assert_int_equal(request.trace_low, map_mix(younger));
    assert_false(collect_find(both.collect, 77, AGENT_NONE, &request));
    assert_false(collect_slot(both.collect, SLOTS, 0, &request));
    both_close(&both);
}
