/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harvest_kit.h"
#include "query/kinds.h"

struct shop { /* a process with two endpoints, a statement, an exception */
    struct harvest_kit kit;
    struct fake_process process;
    uint32_t list, list_failed, task, select, insert, error, handled;
};

static void shop_open(struct shop *shop, uint32_t records)
{
    struct writer *writer = &shop->process.writer;
    kit_begin(&shop->kit, 0);
    fake_start(&shop->process, records);
    kit_add_process(&shop->kit, shop->process.pid, "shop");
    shop->list = writer_key(writer, AGENT_KIND_REQUEST, "/users/<int:id>", "GET", 2);
    shop->list_failed = writer_key(writer, AGENT_KIND_REQUEST, "/users/<int:id>", "GET", 5);
    shop->task = writer_key(writer, AGENT_KIND_TASK, "mail", "celery", 0);
    shop->select = writer_key(writer, AGENT_KIND_STATEMENT, "SELECT ?", "sqlite", 0);
    shop->insert = writer_key(writer, AGENT_KIND_STATEMENT, "INSERT ?", "sqlite", 0);
    shop->error = writer_key(writer, AGENT_KIND_EXCEPTION, "KeyError", "view (app.py:3)", 0);
    shop->handled = writer_key(writer, AGENT_KIND_EXCEPTION, "KeyError", "view (app.py:3)", 1);
    kit_tick(&shop->kit, S);
}

static void shop_close(struct shop *shop)
{
    fake_kill(&shop->process);
    fake_done(&shop->process);
    kit_end(&shop->kit);
}

static void raise_error(struct shop *shop, uint64_t request, uint32_t key)
{
    writer_count(&shop->process.writer, key, 0, true);
    writer_record(&shop->process.writer, (struct agent_record){.kind = AGENT_RECORD_ERROR,
                                                               .about = AGENT_KIND_EXCEPTION,
                                                               .request = request,
                                                               .as.span.key = key});
}

static const struct agent_record parts_of_list = {
    .as.parts = {.queue_us = 1,
                 .cpu_us = 2000,
                 .database_us = 7000,
                 .outbound_us = 3,
                 .cache_us = 4,
                 .template_us = 5,
                 .gc_us = 6,
                 .loop_us = 8,
                 .gil_us = AGENT_NONE},
};

static void test_harvest_parts__times_of_an_endpoint_are_added_up(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, 1024);
    struct writer *writer = &shop.process.writer;
    for (int i = 0; i < 3; i++) {
        struct agent_record parts = parts_of_list;
        parts.as.parts.cpu_us = i == 2 ? AGENT_NONE : 2000; /* not measured */
        writer_begin(writer, 0, clock_mono_ns());
        writer_end(writer, 0, i ? shop.list : shop.list_failed, 10 * MS, parts, 0);
        if (i == 1)
            kit_tick(&shop.kit, S);
    }
    kit_ok(harvest_flush(shop.kit.harvest, &err));
    kit_assert_rows(&shop.kit, QUERY_KIND_PART, "shop",
                    "GET /users/<int:id>|cache||0 3 0 12000 0 0\n"
                    "GET /users/<int:id>|cpu||0 2 0 4000000 0 0\n"
                    "GET /users/<int:id>|database||0 3 0 21000000 0 0\n"
                    "GET /users/<int:id>|gc||0 3 0 18000 0 0\n"
                    "GET /users/<int:id>|loop||0 3 0 24000 0 0\n"
                    "GET /users/<int:id>|outbound||0 3 0 9000 0 0\n"
                    "GET /users/<int:id>|queue||0 3 0 3000 0 0\n"
                    "GET /users/<int:id>|template||0 3 0 15000 0 0\n");
    shop_close(&shop);
}

static void test_harvest_parts__statements_belong_to_the_endpoint_they_ran_in(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, 1024);
    struct writer *writer = &shop.process.writer;
    /* Two requests at once, whose spans mix, and one span of nobody. */
    uint64_t list = writer_begin(writer, 0, clock_mono_ns());
    uint64_t task = writer_begin(writer, 1, clock_mono_ns());
    for (int i = 0; i < 7; i++) {
        writer_span(writer, list, shop.select, MS, 0);
        writer_span(writer, task, i % 2 ? shop.insert : shop.select, 2 * MS,
                    i == 1 ? AGENT_FLAG_ERROR : 0);
        kit_tick(&shop.kit, S / 10);
    }
    writer_span(writer, 0, shop.insert, 5 * MS, 0);
    writer_end(writer, 0, shop.list, 10 * MS,
               (struct agent_record){
                   .as.parts = {.repeated_key = shop.select, .repeated = 7, .gil_us = AGENT_NONE}},
               AGENT_FLAG_REPEATED);
    writer_end(writer, 1, shop.task, 10 * MS, parts_of_list, 0);
    writer_span(writer, task, shop.insert, 4 * MS, 0); /* behind its end */
    kit_ok(harvest_flush(shop.kit.harvest, &err));
    kit_assert_rows(&shop.kit, QUERY_KIND_STATEMENT_IN, "shop",
                    "INSERT ?|task mail||0 4 1 10000000 0 0\n"
                    "INSERT ?|||0 1 0 5000000 0 0\n"
                    "SELECT ?|GET /users/<int:id>||0 7 0 7000000 1 0\n"
                    "SELECT ?|task mail||0 4 0 8000000 0 0\n");
    char *parts = kit_rows(&shop.kit, QUERY_KIND_PART, "shop");
    assert_non_null(strstr(parts, "GET /users/<int:id>|repeated||0 1 0 0 0 0\n"));
    assert_null(strstr(parts, "task mail|repeated"));
    free(parts);
    shop_close(&shop);
}

static void test_harvest_parts__exceptions_belong_to_the_endpoint_they_were_raised_in(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, 1024);
    struct writer *writer = &shop.process.writer;
    uint64_t id = writer_begin(writer, 0, clock_mono_ns());
    raise_error(&shop, id, shop.handled);
    raise_error(&shop, id, shop.error);
    raise_error(&shop, 0, shop.error);
    writer_end(writer, 0, shop.list_failed, 10 * MS, parts_of_list, AGENT_FLAG_ERROR);
    kit_ok(harvest_flush(shop.kit.harvest, &err));
    kit_assert_rows(&shop.kit, QUERY_KIND_EXCEPTION_IN, "shop",
                    "KeyError|view (app.py:3)|GET /users/<int:id>|0 1 0 0 0 0\n"
                    "KeyError|view (app.py:3)|GET /users/<int:id>|1 1 0 0 0 0\n"
                    "KeyError|view (app.py:3)||0 1 0 0 0 0\n");
    shop_close(&shop);
}

static int see_event(void *context, const struct store_event *event)
{
    char *lines = context;
    strcat(strcat(lines, event->text), "\n");
    return 0;
}

static void test_harvest_parts__what_a_killed_process_was_doing_is_not_lost(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, 1024);
    struct writer *writer = &shop.process.writer;
    uint64_t routed = writer_begin(writer, 0, clock_mono_ns());
    writer->slots[0].route = writer_string(writer, "/users/<int:id>");
    writer->slots[0].method = writer_string(writer, "GET");
    uint64_t early = writer_begin(writer, 1, clock_mono_ns());
    writer_span(writer, routed, shop.select, MS, 0);
    writer_span(writer, early, shop.select, MS, 0);
    writer->slots[0].start_ns = shop.kit.mono_ns - 2 * S;
    writer->slots[0].leaf_key = shop.select;
    writer->slots[0].leaf_start_ns = shop.kit.mono_ns;
    writer->slots[1].start_ns = shop.kit.mono_ns - S;
    kit_tick(&shop.kit, S);
    fake_kill(&shop.process);
    harvest_gone(shop.kit.harvest, shop.process.pid);
    kit_assert_rows(&shop.kit, QUERY_KIND_STATEMENT_IN, "shop",
                    "SELECT ?|(request not known)||0 1 0 1000000 0 0\n"
                    "SELECT ?|GET /users/<int:id>||0 1 0 1000000 0 0\n");
    char lines[1024] = "";
    struct store_query query = {.from_ns = T0, .to_ns = T0 + DAY};
    kit_ok(store_read_events(shop.kit.store, &query, "cut", see_event, lines, &err));
    assert_string_equal(lines, "(unmatched) had run for 2.0 s when its process ended\n"
                               "GET /users/<int:id> had run for 3.0 s when its process ended, "
                               "waiting for SELECT ? for 1.0 s\n");
    fake_done(&shop.process);
    kit_end(&shop.kit);
}

/* Requests far apart share a place; statements beyond those that are looked at get a second note.
 */
static void test_harvest_parts__nothing_is_left_out_when_places_are_scarce(void **state)
{
    (void)state;
    enum { STATEMENTS = 200, ROUNDS = 3 };
    struct shop shop;
    uint32_t keys[STATEMENTS];
    shop_open(&shop, 4096);
    struct writer *writer = &shop.process.writer;
    for (int i = 0; i < STATEMENTS; i++) {
        char text[16];
        snprintf(text, sizeof text, "SELECT %d", i);
        keys[i] = writer_key(writer, AGENT_KIND_STATEMENT, text, "sqlite", 0);
    }
    uint64_t old = writer_begin(writer, 0, clock_mono_ns());
    writer_span(writer, old, shop.insert, MS, 0);
    writer->next_id += 4095;
    uint64_t id = writer_begin(writer, 1, clock_mono_ns()); /* in its place */
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < STATEMENTS; i++)
            writer_span(writer, id, keys[i], MS, 0);
    writer_end(writer, 1, shop.list, 10 * MS, parts_of_list, 0);
    kit_ok(harvest_flush(shop.kit.harvest, &err));
    char *rows = kit_rows(&shop.kit, QUERY_KIND_STATEMENT_IN, "shop");
    assert_non_null(strstr(rows, "INSERT ?|(request not known)||0 1 0 1000000 0 0\n"));
    int found = 0;
    for (const char *at = rows; (at = strstr(at, "|GET /users/<int:id>||0 3 0 3000000 0 0\n"));
         at++)
        found++;
    assert_int_equal(found, STATEMENTS);
    free(rows);
    shop_close(&shop);
}

/* The keys of a region that lies are of the wrong kind, or none. */
static void test_harvest_parts__records_that_lie_are_borne(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, 1024);
    struct writer *writer = &shop.process.writer;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 5000; i++) {
        struct agent_record record;
        uint64_t *words = (uint64_t *)(void *)&record;
        for (size_t word = 0; word < sizeof record / 8; word++)
            words[word] = random_next(&random);
        record.kind = (uint8_t)(random_next(&random) % 7);
        record.about = (uint8_t)(random_next(&random) % 14);
        record.request = random_next(&random) % 50;
        if (record.kind != AGENT_RECORD_PARTS && record.kind != AGENT_RECORD_TRACE)
            record.as.span.key = (uint32_t)(random_next(&random) % 30);
        writer_record(writer, record);
        if (i % 500 == 0)
            kit_tick(&shop.kit, S);
    }
    kit_ok(harvest_flush(shop.kit.harvest, &err));
    kit_tick(&shop.kit, 10 * S);
    harvest_gone(shop.kit.harvest, shop.process.pid);
    shop_close(&shop);
}
