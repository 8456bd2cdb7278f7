/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harvest_kit.h"
#include "query/kinds.h"

static void test_harvest__what_is_counted_reaches_the_store_once(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    uint32_t ok = writer_key(&process.writer, AGENT_KIND_REQUEST, "/cart", "GET", 2);
    uint32_t bad = writer_key(&process.writer, AGENT_KIND_REQUEST, "/cart", "GET", 5);
    kit_add_process(&kit, process.pid, "shop");
    for (int i = 0; i < 3; i++)
        writer_count(&process.writer, ok, MS, false);
    kit_tick(&kit, 0);
    assert_true(harvest_has_agent(kit.harvest, process.pid));
    writer_count(&process.writer, bad, 2 * MS, true);
    for (int second = 0; second < 25; second++) {
        writer_count(&process.writer, ok, MS, false);
        kit_tick(&kit, S);
    }
    kit_ok(harvest_flush(kit.harvest, &err));
    kit_ok(harvest_flush(kit.harvest, &err));
    kit_assert_rows(&kit, AGENT_KIND_REQUEST, "shop",
                    "/cart|GET||2 28 0 28000000 0 28\n"
                    "/cart|GET||5 1 1 2000000 0 1\n");
    kit_assert_rows(&kit, AGENT_KIND_REQUEST, "other", "");
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static int see_window(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    uint64_t *counts = context;
    assert_true(start_ns >= T0 && start_ns < T0 + 100 * S);
    counts[(start_ns - T0) / (10 * S)] += histogram->count;
    return 0;
}

static void test_harvest__counts_lie_in_the_window_they_happened_in(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct store_answer answer;
    uint64_t counts[10] = {0};
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    uint32_t key = writer_key(&process.writer, AGENT_KIND_TASK, "mail", "celery", 0);
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, 0); /* at 2 s */
    for (int second = 2; second < 31; second++) {
        writer_count(&process.writer, key, MS, false);
        kit_tick(&kit, S);
    }
    kit_ok(harvest_flush(kit.harvest, &err));
    kit_ok(store_flush(kit.store, &err));
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR};
    struct store_metric_fns fns = {.histogram = see_window, .context = counts};
    kit_ok(store_read_metrics(kit.store, &query, 10 * S, &fns, &answer, &err));
    assert_int_equal(counts[0], 8);
    assert_int_equal(counts[1], 10);
    assert_int_equal(counts[2], 10);
    assert_int_equal(counts[3], 1);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest__the_last_counts_of_a_process_that_died_are_read(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    uint32_t key = writer_key(&process.writer, AGENT_KIND_CACHE, "GET", "redis", 0);
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    writer_count(&process.writer, key, MS, false);
    kit_tick(&kit, S);
    writer_count(&process.writer, key, MS, false);
    fake_kill(&process);
    harvest_gone(kit.harvest, process.pid);
    assert_false(harvest_has_agent(kit.harvest, process.pid));
    kit_tick(&kit, 10 * S);
    kit_assert_rows(&kit, AGENT_KIND_CACHE, "shop", "GET|redis||0 2 0 2000000 0 2\n");
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest__a_process_that_dies_between_two_ticks_is_read(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    kit_begin(&kit, 0);
    kit_tick(&kit, S);
    fake_start(&process, 1024);
    uint32_t key = writer_key(&process.writer, AGENT_KIND_TASK, "mail", "celery", 0);
    kit_add_process(&kit, process.pid, "shop");
    harvest_look(kit.harvest, kit.mono_ns + 250 * MS);
    assert_true(harvest_has_agent(kit.harvest, process.pid));
    writer_count(&process.writer, key, MS, false);
    fake_kill(&process);
    harvest_gone(kit.harvest, process.pid);
    kit_tick(&kit, S);
    kit_assert_rows(&kit, AGENT_KIND_TASK, "shop", "mail|celery||0 1 0 1000000 0 1\n");
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest__what_was_counted_before_it_began_is_not_counted(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    fake_start(&process, 1024);
    uint32_t key = writer_key(&process.writer, AGENT_KIND_STATEMENT, "SELECT ?", "sqlite", 0);
    writer_span(&process.writer, 0, key, MS, 0);
    kit_begin(&kit, 0); /* the daemon was started again, say */
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    writer_span(&process.writer, 0, key, 5 * MS, 0);
    kit_tick(&kit, S);
    harvest_gone(kit.harvest, process.pid); /* excluded, not dead */
    writer_span(&process.writer, 0, key, 9 * MS, 0);
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    writer_span(&process.writer, 0, key, 7 * MS, 0);
    kit_ok(harvest_flush(kit.harvest, &err));
    kit_assert_rows(&kit, AGENT_KIND_STATEMENT, "shop", "SELECT ?|sqlite||0 2 0 12000000 0 2\n");
    struct harvest_stats stats;
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.spans, 2);
    assert_int_equal(stats.agents, 1);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest__a_full_table_of_names_is_counted_as_other(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    kit_add_process(&kit, process.pid, "shop");
    writer_count(&process.writer, AGENT_KIND_REQUEST, MS, false);
    kit_tick(&kit, S);
    kit_ok(harvest_flush(kit.harvest, &err));
    kit_assert_rows(&kit, AGENT_KIND_REQUEST, "shop", "(other)|||0 1 0 1000000 0 1\n");
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest__another_process_with_the_same_number_is_another(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process first, second;
    kit_begin(&kit, 0);
    fake_start(&first, 1024);
    kit_add_process(&kit, first.pid, "shop");
    uint32_t key = writer_key(&first.writer, AGENT_KIND_TASK, "mail", "celery", 0);
    writer_count(&first.writer, key, MS, false);
    kit_tick(&kit, S);
    struct harvest_process again = {
        .pid = first.pid, .started_ns = T0 + 5, .service = "mailer", .host = "", .version = ""};
    assert_int_equal(harvest_add(kit.harvest, &again), 0);
    kit_tick(&kit, S);
    struct harvest_stats stats;
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.agents, 1);
    kit_assert_rows(&kit, AGENT_KIND_TASK, "shop", "mail|celery||0 1 0 1000000 0 1\n");
    /* Names that change do not end it. */
    again.service = "post";
    assert_int_equal(harvest_add(kit.harvest, &again), 0);
    writer_count(&first.writer, key, MS, false);
    kit_ok(harvest_flush(kit.harvest, &err));
    kit_assert_rows(&kit, AGENT_KIND_TASK, "post", "mail|celery||0 1 0 1000000 0 1\n");
    kit_assert_rows(&kit, AGENT_KIND_TASK, "mailer", "");
    harvest_gone(kit.harvest, 0); /* nobody */
    fake_start(&second, 1024);
    fake_kill(&second);
    fake_done(&second);
    fake_kill(&first);
    fake_done(&first);
    kit_end(&kit);
}

/* A fast process is read more often, until it is slower again. */
static void test_harvest__a_ring_that_fills_fast_is_read_more_often(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct harvest_stats stats;
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    uint32_t key = writer_key(&process.writer, AGENT_KIND_STATEMENT, "SELECT ?", "sqlite", 0);
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, S);
    for (int i = 0; i < 100; i++)
        writer_span(&process.writer, 0, key, MS, 0);
    kit_tick(&kit, S);
    assert_false(harvest_hurries(kit.harvest));
    for (int round = 0; round < 8; round++) { /* 4000 a second: without hurry most would be lost */
        for (int i = 0; i < 1000; i++)
            writer_span(&process.writer, 0, key, MS, 0);
        kit_tick(&kit, S / 4);
        assert_true(harvest_hurries(kit.harvest));
    }
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.records_lost, 0);
    assert_int_equal(stats.spans, 8100);
    kit_tick(&kit, 6 * S);
    assert_false(harvest_hurries(kit.harvest));
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

/* The same process, another program, another memory. */
static void test_harvest__a_process_that_executes_another_program_is_read_anew(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct writer after;
    kit_begin(&kit, 0);
    writer_open(&after, 64, 1024);
    after.header->pid = 1; /* not its own yet */
    fake_start(&process, 1024);
    kit_add_process(&kit, process.pid, "shop");
    uint32_t key = writer_key(&process.writer, AGENT_KIND_TASK, "mail", "celery", 0);
    writer_count(&process.writer, key, MS, false);
    kit_tick(&kit, S);
    process.writer.header->pid = 1;
    after.header->pid = (uint32_t)process.pid;
    writer_count(&after, writer_key(&after, AGENT_KIND_TASK, "mail", "celery", 0), MS, false);
    for (int second = 0; second < 60; second++)
        kit_tick(&kit, S);
    kit_assert_rows(&kit, AGENT_KIND_TASK, "shop", "mail|celery||0 2 0 2000000 0 2\n");
    struct harvest_stats stats;
    harvest_stats(kit.harvest, &stats);
    assert_int_equal(stats.agents, 1);
    fake_kill(&process);
    fake_done(&process);
    writer_close(&after);
    kit_end(&kit);
}

/* ---- gauges ------------------------------------------------------------------------------- */

struct gauges {
    double values[8];
    uint64_t counts[8];
};

static const char *const gauge_names[] = {
    QUERY_GAUGE_CPU,      QUERY_GAUGE_MEMORY, QUERY_GAUGE_THREADS, QUERY_GAUGE_FILES,
    QUERY_GAUGE_SWITCHES, QUERY_GAUGE_GC,     QUERY_GAUGE_LOOP,
};

static int see_gauge(void *context, uint64_t start_ns, const struct store_gauge *gauge)
{
    struct gauges *gauges = context;
    (void)start_ns;
    for (size_t i = 0; i < sizeof gauge_names / sizeof *gauge_names; i++)
        if (strcmp(gauge->name, gauge_names[i]) == 0) {
            gauges->values[i] = gauge->last;
            gauges->counts[i] += gauge->count;
        }
    return 0;
}

static void test_harvest__gauges_of_a_process_are_taken_once_a_window(void **state)
{
    (void)state;
    struct harvest_kit kit;
    struct fake_process process;
    struct gauges gauges = {0};
    struct store_answer answer;
    kit_begin(&kit, 0);
    fake_start(&process, 1024);
    kit_add_process(&kit, process.pid, "shop");
    kit_tick(&kit, 0);
    writer_count(&process.writer, writer_key(&process.writer, AGENT_KIND_GC, "generation 2", "", 2),
                 500 * MS, false);
    writer_count(&process.writer, writer_key(&process.writer, AGENT_KIND_LOOP, "/slow", "", 0),
                 250 * MS, false);
    for (int second = 0; second < 10; second++)
        kit_tick(&kit, S);
    kit_ok(store_flush(kit.store, &err));
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR, .pid = process.pid};
    struct store_metric_fns fns = {.gauge = see_gauge, .context = &gauges};
    kit_ok(store_read_metrics(kit.store, &query, 0, &fns, &answer, &err));
    for (size_t i = 0; i < sizeof gauge_names / sizeof *gauge_names; i++)
        assert_int_equal(gauges.counts[i], 1);
    assert_true(gauges.values[0] >= 0 && gauges.values[0] < 0.1); /* it sleeps */
    assert_true(gauges.values[1] > 64 << 10);
    assert_true(gauges.values[2] == 1);
    assert_true(gauges.values[3] >= 1);
    assert_true(gauges.values[5] > 0.06 && gauges.values[5] < 0.0626); /* 500 ms in 8 s */
    assert_true(gauges.values[6] > 0.249 && gauges.values[6] < 0.251);
    fake_kill(&process);
    fake_done(&process);
    kit_end(&kit);
}

static void test_harvest__a_process_that_is_not_there_is_borne(void **state)
{
    (void)state;
    struct harvest_kit kit;
    kit_begin(&kit, 0);
    kit_add_process(&kit, 1 << 22, "shop");
    for (int second = 0; second < 12; second++)
        kit_tick(&kit, S);
    harvest_gone(kit.harvest, 1 << 22);
    kit_tick(&kit, S);
    kit_end(&kit);
}
