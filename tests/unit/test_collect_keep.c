/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "collect/keep.h"

#define MS UINT64_C(1000000)
#define ROUTE 20u
#define OTHER_ROUTE 21u

struct kept {
    uint32_t count, reasons, span_count, missing;
    uint64_t id, first_span, last_span;
};

struct bench {
    struct keep *keep;
    struct kept kept;
    uint64_t now_ns, next_id;
};

static void note(void *context, const struct keep_trace *trace)
{
    struct kept *kept = context;
    kept->count++;
    kept->reasons = trace->reasons;
    kept->span_count = trace->span_count;
    kept->missing = trace->missing;
    kept->id = trace->request.request;
    assert_int_equal(trace->trace.request, kept->id);
    assert_true(trace->parts.request == kept->id || trace->parts.kind == AGENT_RECORD_NONE);
    for (uint32_t i = 0; i < trace->span_count; i++)
        assert_int_equal(trace->spans[i].request, kept->id);
    kept->first_span = trace->span_count ? trace->spans[0].as.span.span : 0;
    kept->last_span = trace->span_count ? trace->spans[trace->span_count - 1].as.span.span : 0;
}

static void bench_open(struct bench *bench, struct keep_rules rules)
{
    *bench = (struct bench){.now_ns = 1000 * MS};
    assert_int_equal(keep_new(&rules, note, &bench->kept, &bench->keep, NULL), 0);
}

static void add_span(struct bench *bench, uint64_t id, uint64_t span, uint16_t flags)
{
    struct agent_record record = {.kind = AGENT_RECORD_SPAN,
                                  .about = AGENT_KIND_STATEMENT,
                                  .flags = flags,
                                  .request = id,
                                  .as.span.span = span};
    keep_record(bench->keep, &record);
}

static void end(struct bench *bench, uint64_t id, uint32_t key, uint64_t ns, uint16_t flags,
                uint64_t trace_low)
{
    struct agent_record record = {
        .kind = AGENT_RECORD_REQUEST,
        .about = AGENT_KIND_REQUEST,
        .flags = flags,
        .request = id,
        .as.span = {.start_ns = bench->now_ns, .duration_ns = ns, .key = key}};
    keep_record(bench->keep, &record);
    record = (struct agent_record){.kind = AGENT_RECORD_PARTS, .request = id};
    keep_record(bench->keep, &record);
    record = (struct agent_record){
        .kind = AGENT_RECORD_TRACE, .request = id, .as.trace.trace_low = trace_low};
    keep_record(bench->keep, &record);
}

/* A request without spans; how often something was kept by it. */
static uint32_t run(struct bench *bench, uint32_t key, uint64_t ns, uint16_t flags,
                    uint64_t trace_low)
{
    uint32_t before = bench->kept.count;
    end(bench, ++bench->next_id, key, ns, flags, trace_low);
    return bench->kept.count - before;
}

static void test_collect_keep__errors_firsts_repeats_and_wishes_are_kept(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct keep_rules){.share = 0});
    assert_int_equal(run(&bench, ROUTE, MS, 0, UINT64_MAX), 0);
    static const struct {
        uint16_t flag;
        uint32_t reason;
    } cases[] = {{AGENT_FLAG_ERROR, KEEP_ERROR},
                 {AGENT_FLAG_FIRST, KEEP_FIRST},
                 {AGENT_FLAG_REPEATED, KEEP_REPEATED},
                 {AGENT_FLAG_SAMPLED, KEEP_SAMPLED}};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(run(&bench, ROUTE, MS, cases[i].flag, 0), 1);
        assert_int_equal(bench.kept.reasons, cases[i].reason);
    }
    assert_int_equal(keep_stats(bench.keep)->requests, 5);
    assert_int_equal(keep_stats(bench.keep)->kept, 4);
    keep_free(bench.keep);
}

static void test_collect_keep__a_span_that_failed_or_is_new_keeps_its_request(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct keep_rules){.share = 0});
    add_span(&bench, 1, 10, 0);
    add_span(&bench, 2, 20, 0);
    add_span(&bench, 1, 11, AGENT_FLAG_FIRST);
    add_span(&bench, 2, 21, 0);
    add_span(&bench, 1, 12, 0);
    add_span(&bench, 0, 99, AGENT_FLAG_ERROR); /* of no request */
    end(&bench, 2, ROUTE, MS, 0, 0);
    assert_int_equal(bench.kept.count, 0);
    end(&bench, 1, ROUTE, MS, 0, 0);
    assert_int_equal(bench.kept.count, 1);
    assert_int_equal(bench.kept.reasons, KEEP_FIRST);
    assert_int_equal(bench.kept.span_count, 3);
    assert_int_equal(bench.kept.first_span, 10);
    assert_int_equal(bench.kept.last_span, 12);
    assert_int_equal(bench.kept.missing, 0);
    struct agent_record error = {.kind = AGENT_RECORD_ERROR, .request = 3};
    keep_record(bench.keep, &error);
    end(&bench, 3, ROUTE, MS, 0, 0);
    assert_int_equal(bench.kept.reasons, KEEP_ERROR);
    keep_free(bench.keep);
}

static void test_collect_keep__slower_than_the_limit_is_kept(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct keep_rules){.share = 0, .slower_than_ns = 200 * MS});
    assert_int_equal(run(&bench, ROUTE, 200 * MS - 1, 0, 0), 0);
    assert_int_equal(run(&bench, ROUTE, 200 * MS, 0, 0), 1);
    assert_int_equal(bench.kept.reasons, KEEP_SLOW);
    keep_free(bench.keep);
}

static void test_collect_keep__slower_than_its_route_lately_is_kept(void **state)
{
    (void)state;
    struct bench bench;
    uint64_t seed = 5;
    uint32_t by_chance = 0;
    bench_open(&bench, (struct keep_rules){.share = 0});
    for (int i = 0; i < 99; i++) /* not known well yet */
        assert_int_equal(run(&bench, ROUTE, MS + random_next(&seed) % MS, 0, 0), 0);
    for (int i = 0; i < 2000; i++)
        by_chance += run(&bench, ROUTE, MS + random_next(&seed) % MS, 0, 0);
    assert_in_range(by_chance, 0, 60);
    assert_int_equal(run(&bench, ROUTE, 10 * MS, 0, 0), 1);
    assert_int_equal(bench.kept.reasons, KEEP_SLOW);
    assert_int_equal(run(&bench, OTHER_ROUTE, 10 * MS, 0, 0), 0); /* usual or not, nobody knows */
    /* The route becomes slower for good: that is usual soon. */
    for (int minute = 0; minute < 6; minute++, bench.now_ns += 60000 * MS)
        for (int i = 0; i < 500; i++)
            run(&bench, ROUTE, 10 * MS + random_next(&seed) % MS, 0, 0);
    assert_int_equal(run(&bench, ROUTE, 10 * MS, 0, 0), 0);
    keep_free(bench.keep);
}

static void test_collect_keep__the_share_is_by_trace_id_and_as_large_as_asked(void **state)
{
    (void)state;
    struct bench bench;
    uint32_t kept = 0, same = 0;
    bench_open(&bench, (struct keep_rules){.share = 0.01});
    for (uint64_t i = 1; i <= 100000; i++) {
        uint64_t id = map_mix(i);
        uint32_t got = run(&bench, ROUTE, MS, 0, id);
        kept += got;
        /* The last 56 bits decide, as other services do it. */
        same += got == ((id & ((UINT64_C(1) << 56) - 1)) >= (uint64_t)(0.99 * 0x1p56));
    }
    assert_in_range(kept, 900, 1100);
    assert_int_equal(same, 100000);
    keep_free(bench.keep);
}

static void test_collect_keep__a_route_has_its_share_of_a_minute(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct keep_rules){.share = 1, .per_minute = 5});
    uint32_t errors = 0, slow = 0, rest = 0, other = 0;
    for (int i = 0; i < 50; i++) {
        errors += run(&bench, ROUTE, MS, AGENT_FLAG_ERROR, 0);
        slow += run(&bench, ROUTE, MS, AGENT_FLAG_FIRST, 0);
        rest += run(&bench, ROUTE, MS, 0, 0);
        other += run(&bench, OTHER_ROUTE, MS, AGENT_FLAG_ERROR, 0);
    }
    assert_int_equal(errors, 5);
    assert_int_equal(slow, 5);
    assert_int_equal(rest, 5);
    assert_int_equal(other, 5);
    assert_int_equal(keep_stats(bench.keep)->limited, 180);
    bench.now_ns += 60000 * MS;
    assert_int_equal(run(&bench, ROUTE, MS, AGENT_FLAG_ERROR, 0), 1);
    keep_free(bench.keep);
}

static void test_collect_keep__what_the_history_lost_is_missing_and_counted(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, (struct keep_rules){.share = 0, .history = 64});
    add_span(&bench, 1, 1, 0);
    add_span(&bench, 1, 2, 0);
    for (uint64_t i = 0; i < 63; i++) /* another request's: they push out the first span */
        add_span(&bench, 2, 100 + i, 0);
    add_span(&bench, 1, 3, 0);
    end(&bench, 1, ROUTE, MS, AGENT_FLAG_ERROR, 0);
    assert_int_equal(bench.kept.span_count, 1);
    assert_int_equal(bench.kept.first_span, 3);
    assert_int_equal(bench.kept.missing, 2);
    end(&bench, 2, ROUTE, MS, AGENT_FLAG_ERROR, 0);
    assert_int_equal(bench.kept.span_count, 63);
    assert_int_equal(bench.kept.missing, 0);
    keep_free(bench.keep);
}

static void test_collect_keep__any_records_in_any_order_stay_within_bounds(void **state)
{
    (void)state;
    struct bench bench;
    uint64_t seed = 11;
    bench_open(&bench, (struct keep_rules){.share = 0.5, .history = 16, .per_minute = 3});
    for (int i = 0; i < 200000; i++) {
        struct agent_record record = {
            .kind = (uint8_t)(random_next(&seed) % 7),
            .about = (uint8_t)(random_next(&seed) % AGENT_KINDS),
            .flags = (uint16_t)random_next(&seed),
            .request = random_next(&seed) % 9000,
            .as.span = {.start_ns = random_next(&seed), .duration_ns = random_next(&seed)},
        };
        if (record.kind == AGENT_RECORD_REQUEST)
            record.as.span.key = (uint32_t)random_next(&seed) % 5000;
        keep_record(bench.keep, &record);
    }
    assert_true(keep_stats(bench.keep)->requests > 0);
    keep_free(bench.keep);
}

static void test_collect_keep__rules_that_are_none_are_refused(void **state)
{
    (void)state;
    struct keep *keep = NULL;
    struct keep_rules rules = {.share = 1.5};
    assert_int_equal(keep_new(&rules, note, NULL, &keep, NULL), ERR_USAGE);
    rules = (struct keep_rules){.history = 100};
    assert_int_equal(keep_new(&rules, note, NULL, &keep, NULL), ERR_USAGE);
    assert_null(keep);
    keep_free(NULL);
}
