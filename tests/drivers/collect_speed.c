/* SPDX-License-Identifier: MIT */
/* collect_speed.c - what reading costs, in CPU time, as JSON: a million records through drain,
 * service and keep rules, and a look at a thousand keys that changed.
 *
 * Requests of ten records: seven leaves and the three of their end.
 */
#include <stdio.h>

#include "../unit/agent_writer.h"
#include "collect/keep.h"
#include "collect/service.h"

#define RECORDS_TOTAL 1000000u
#define LEAVES 7u
#define ROUTES 50u
#define STATEMENTS 200u
#define KEYS 1000u
#define PER_ROUND 3000u /* requests: they fit the ring */

struct subject {
    struct writer writer;
    struct collect *collect;
    struct service *service;
    struct service_member *member;
    struct keep *keep;
    uint32_t routes[ROUTES], statements[STATEMENTS];
};

static void ignore_trace(void *context, const struct keep_trace *trace)
{
    *(uint64_t *)context += trace->span_count;
}

static void see_record(void *context, const struct agent_record *record)
{
    keep_record(context, record);
}

static int subject_open(struct subject *subject, uint64_t *kept_spans)
{
    char name[64];
    struct keep_rules rules = KEEP_RULES_DEFAULT;
    writer_open(&subject->writer, AGENT_SLOTS, AGENT_RING_RECORDS);
    for (uint32_t i = 0; i < ROUTES; i++) {
        snprintf(name, sizeof name, "/route/%u/<id>", i);
        subject->routes[i] = writer_key(&subject->writer, AGENT_KIND_REQUEST, name, "GET", 2);
    }
    for (uint32_t i = 0; i < STATEMENTS; i++) {
        snprintf(name, sizeof name, "SELECT a FROM t%u WHERE b = ?", i);
        subject->statements[i] =
            writer_key(&subject->writer, AGENT_KIND_STATEMENT, name, "postgresql", 0);
    }
    if (collect_open_fd(dup(subject->writer.fd), 0, &subject->collect, NULL) < 0 ||
        service_new(&subject->service) < 0 ||
        service_join(subject->service, subject->collect, &subject->member) < 0)
        return -1;
    return keep_new(&rules, ignore_trace, kept_spans, &subject->keep, NULL);
}

static void write_requests(struct subject *subject, uint64_t *seed)
{
    for (uint32_t i = 0; i < PER_ROUND; i++) {
        uint64_t id = writer_begin(&subject->writer, i % AGENT_SLOTS, clock_mono_ns());
        for (uint32_t n = 0; n < LEAVES; n++)
            writer_span(&subject->writer, id, subject->statements[random_next(seed) % STATEMENTS],
                        10000 + random_next(seed) % 1000000, 0);
        writer_end(&subject->writer, i % AGENT_SLOTS, subject->routes[random_next(seed) % ROUTES],
                   1000000 + random_next(seed) % 100000000,
                   (struct agent_record){.as.parts.database_us = 500}, 0);
    }
}

static void ignore_change(void *context, const struct collect_change *change)
{
    *(uint64_t *)context += change->count;
}

/* Nanoseconds for a look at KEYS keys, each with events in a hundred buckets. */
static double measure_changes(uint64_t *seed)
{
    struct writer writer;
    struct collect *collect;
    char name[32];
    uint64_t total = 0, counted_ns = 0;
    writer_open(&writer, 64, 64);
    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "/%u", i);
        uint32_t key = writer_key(&writer, AGENT_KIND_REQUEST, name, "", 0);
        for (int n = 0; n < 100; n++)
            writer_count(&writer, key, 100000 + random_next(seed) % 10000000, false);
    }
    if (collect_open_fd(dup(writer.fd), 0, &collect, NULL) < 0)
        return -1;
    collect_changes(collect, ignore_change, &total);
    for (uint32_t i = AGENT_KINDS; i < AGENT_KINDS + KEYS; i++)
        writer_count(&writer, i, 100000 + random_next(seed) % 10000000, false);
    uint64_t before_ns = clock_cpu_ns();
    collect_changes(collect, ignore_change, &total);
    counted_ns = clock_cpu_ns() - before_ns;
    collect_close(collect);
    writer_close(&writer);
    return total == KEYS * 101 ? (double)counted_ns : -1;
}

int main(void)
{
    struct subject subject;
    uint64_t seed = 42, cpu_ns = 0, kept_spans = 0;
    if (subject_open(&subject, &kept_spans) < 0)
        return 1;
    while (collect_stats(subject.collect)->records < RECORDS_TOTAL) {
        write_requests(&subject, &seed);
        uint64_t before_ns = clock_cpu_ns();
        service_gather(subject.member, see_record, subject.keep);
        cpu_ns += clock_cpu_ns() - before_ns;
    }
    const struct collect_stats *stats = collect_stats(subject.collect);
    const struct keep_stats *kept = keep_stats(subject.keep);
    printf("{\"records\": %llu, \"lost\": %llu, \"cpu_s_per_million\": %.4f, \"requests\": %llu, "
           "\"kept\": %llu, \"kept_spans\": %llu, \"us_per_changed_key\": %.2f}\n",
           (unsigned long long)stats->records, (unsigned long long)stats->lost,
           (double)cpu_ns / 1e9 * 1e6 / (double)stats->records, (unsigned long long)kept->requests,
           (unsigned long long)kept->kept, (unsigned long long)kept_spans,
           measure_changes(&seed) / 1000 / KEYS);
    keep_free(subject.keep);
    service_free(subject.service);
    collect_close(subject.collect);
    writer_close(&subject.writer);
    return 0;
}
