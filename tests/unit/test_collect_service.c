/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent_writer.h"
#include "collect/service.h"

#define MS UINT64_C(1000000)
#define WORKERS 3

struct workers {
    struct writer writers[WORKERS];
    struct collect *collects[WORKERS];
    struct service_member *members[WORKERS];
    struct service *service;
};

static void join(struct workers *workers, int i)
{
    assert_int_equal(collect_open_fd(dup(workers->writers[i].fd), 0, &workers->collects[i], NULL),
                     0);
    assert_int_equal(service_join(workers->service, workers->collects[i], &workers->members[i]), 0);
}

static void workers_open(struct workers *workers)
{
    *workers = (struct workers){0};
    for (int i = 0; i < WORKERS; i++)
        writer_open(&workers->writers[i], 64, 1024);
    assert_int_equal(service_new(&workers->service), 0);
    for (int i = 0; i < WORKERS; i++)
        join(workers, i);
}

static void leave(struct workers *workers, int i)
{
    service_leave(workers->members[i]);
    collect_close(workers->collects[i]);
    workers->members[i] = NULL;
    workers->collects[i] = NULL;
}

static void workers_close(struct workers *workers)
{
    for (int i = 0; i < WORKERS; i++) {
        leave(workers, i);
        writer_close(&workers->writers[i]);
    }
    service_free(workers->service);
}

static void gather(struct workers *workers)
{
    for (int i = 0; i < WORKERS; i++)
        if (workers->members[i])
            assert_int_equal(service_gather(workers->members[i], NULL, NULL), 0);
}

static const struct service_row *find(const struct service *service, enum agent_kind kind,
                                      const char *name)
{
    for (uint32_t i = 0; i < service_row_count(service); i++) {
        const struct service_row *row = service_row(service, i);
        if (row->kind == kind && strcmp(row->name, name) == 0)
            return row;
    }
    fail_msg("no row %s", name);
    return NULL;
}

static void test_collect_service__workers_are_added_up_by_what_it_is_about(void **state)
{
    (void)state;
    struct workers workers;
    struct service_sums sums;
    workers_open(&workers);
    /* The same keys, at other indexes. */
    for (int i = 0; i < WORKERS; i++) {
        char own[16];
        snprintf(own, sizeof own, "/own/%d", i);
        writer_count(&workers.writers[i],
                     writer_key(&workers.writers[i], AGENT_KIND_REQUEST, own, "GET", 2), MS, false);
        uint32_t key = writer_key(&workers.writers[i], AGENT_KIND_REQUEST, "/cart", "GET", 2);
        for (int n = 0; n <= i; n++)
            writer_count(&workers.writers[i], key, (uint64_t)(n + 1) * MS, n == 0);
        writer_count(&workers.writers[i],
                     writer_key(&workers.writers[i], AGENT_KIND_REQUEST, "/cart", "GET", 5), MS,
                     true);
    }
    gather(&workers);
    gather(&workers);
    assert_int_equal(service_row_count(workers.service), WORKERS + 2);
    const struct service_row *cart = find(workers.service, AGENT_KIND_REQUEST, "/cart");
    assert_int_equal(cart->group, 2);
    assert_true(service_sums(cart, SERVICE_ALL, &sums));
    assert_int_equal(sums.count, 6);
    assert_int_equal(sums.errors, 3);
    assert_int_equal(sums.total_ns, (1 + 1 + 2 + 1 + 2 + 3) * MS);
    assert_int_equal(sums.max_ns, 3 * MS);
    assert_int_equal(sums.histogram.total, 6);
    workers_close(&workers);
}

static void test_collect_service__what_a_dead_worker_counted_stays(void **state)
{
    (void)state;
    struct workers workers;
    struct service_sums sums;
    workers_open(&workers);
    uint32_t key = writer_key(&workers.writers[0], AGENT_KIND_TASK, "mail", "celery", 0);
    writer_count(&workers.writers[0], key, MS, false);
    gather(&workers);
    leave(&workers, 0);
    gather(&workers);
    assert_true(service_sums(find(workers.service, AGENT_KIND_TASK, "mail"), SERVICE_ALL, &sums));
    assert_int_equal(sums.count, 1);
    workers_close(&workers);
}

static void test_collect_service__lately_forgets_and_all_does_not(void **state)
{
    (void)state;
    struct workers workers;
    struct service_sums sums;
    /* A process that has counted before we came. */
    struct writer old;
    writer_open(&old, 64, 1024);
    uint32_t key = writer_key(&old, AGENT_KIND_CACHE, "GET", "redis", 0);
    writer_count(&old, key, MS, false);
    workers_open(&workers);
    struct collect *collect;
    struct service_member *member;
    assert_int_equal(collect_open_fd(dup(old.fd), 0, &collect, NULL), 0);
    assert_int_equal(service_join(workers.service, collect, &member), 0);
    assert_int_equal(service_gather(member, NULL, NULL), 0);
    const struct service_row *row = find(workers.service, AGENT_KIND_CACHE, "GET");
    assert_true(service_sums(row, SERVICE_ALL, &sums));
    assert_false(service_sums(row, SERVICE_NOW, &sums)); /* that was before */
    writer_count(&old, key, 2 * MS, false);
    assert_int_equal(service_gather(member, NULL, NULL), 0);
    assert_true(service_sums(row, SERVICE_NOW, &sums));
    assert_int_equal(sums.count, 1);
    uint64_t now_ns = clock_mono_ns() + SERVICE_HALF_NS;
    service_advance(workers.service, now_ns);
    assert_true(service_sums(row, SERVICE_NOW, &sums));
    assert_in_range(service_elapsed_ns(workers.service, SERVICE_NOW, now_ns), SERVICE_HALF_NS,
                    2 * SERVICE_HALF_NS);
    service_advance(workers.service, now_ns + SERVICE_HALF_NS);
    assert_false(service_sums(row, SERVICE_NOW, &sums));
    assert_true(service_sums(row, SERVICE_ALL, &sums));
    assert_int_equal(sums.count, 2);
    service_reset(workers.service, now_ns);
    assert_false(service_sums(row, SERVICE_ALL, &sums));
    service_leave(member);
    collect_close(collect);
    writer_close(&old);
    workers_close(&workers);
}

static void test_collect_service__parts_errors_and_repeats_belong_to_their_routes(void **state)
{
    (void)state;
    struct workers workers;
    struct service_parts parts;
    workers_open(&workers);
    struct writer *writer = &workers.writers[1];
    uint32_t route = writer_key(writer, AGENT_KIND_REQUEST, "/list", "GET", 2);
    uint32_t statement = writer_key(writer, AGENT_KIND_STATEMENT, "SELECT ?", "sqlite", 0);
    uint32_t error = writer_key(writer, AGENT_KIND_EXCEPTION, "KeyError", "view (app.py:3)", 0);
    uint64_t id = writer_begin(writer, 0, clock_mono_ns());
    for (int i = 0; i < 7; i++)
        writer_span(writer, id, statement, MS, 0);
    writer_count(writer, error, 0, true);
    writer_record(writer, (struct agent_record){.kind = AGENT_RECORD_ERROR,
                                                .about = AGENT_KIND_EXCEPTION,
                                                .request = id,
                                                .as.span.key = error});
    writer_record(writer, (struct agent_record){.kind = AGENT_RECORD_ERROR,
                                                .about = AGENT_KIND_EXCEPTION,
                                                .as.span.key = error}); /* outside */
    writer_end(writer, 0, route, 10 * MS,
               (struct agent_record){.as.parts = {.database_us = 7000,
                                                  .cpu_us = 2000,
                                                  .gil_us = AGENT_NONE,
                                                  .statements = 7,
                                                  .repeated_key = statement,
                                                  .repeated = 7}},
               AGENT_FLAG_REPEATED);
    gather(&workers);
    const struct service_row *row = find(workers.service, AGENT_KIND_REQUEST, "/list");
    service_parts(row, SERVICE_ALL, &parts);
    assert_int_equal(parts.requests, 1);
    assert_int_equal(parts.duration_ns, 10 * MS);
    assert_int_equal(parts.database_ns, 7 * MS);
    assert_int_equal(parts.cpu_ns, 2 * MS);
    assert_int_equal(parts.gil_requests, 0);
    assert_int_equal(parts.repeated, 1);
    service_parts(row, SERVICE_NOW, &parts);
    assert_int_equal(parts.requests, 1);
    const struct service_row *raised = find(workers.service, AGENT_KIND_EXCEPTION, "KeyError");
    assert_int_equal(raised->caller_count, 2);
    uint32_t outside = raised->callers[0].row == SERVICE_NO_ROW ? 0 : 1;
    assert_int_equal(raised->callers[outside].row, SERVICE_NO_ROW);
    assert_ptr_equal(service_row(workers.service, raised->callers[!outside].row), row);
    const struct service_row *repeated = find(workers.service, AGENT_KIND_STATEMENT, "SELECT ?");
    assert_int_equal(repeated->n_plus_one, 1);
    assert_int_equal(repeated->n_plus_one_most, 7);
    assert_ptr_equal(service_row(workers.service, repeated->callers[0].row), row);
    workers_close(&workers);
}
