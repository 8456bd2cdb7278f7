/* SPDX-License-Identifier: MIT */
/* harvest_kit.h - a process whose agent is the test, and a store that a harvest writes.
 *
 * The process is a real one, a child that sleeps; the memory it would share is its own descriptor
 * and is written from here, so that what it says is known exactly.
 */
#pragma once

#include "agent_writer.h"
#include "daemon/harvest.h"
#include "store_kit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MS UINT64_C(1000000)

struct harvest_kit {
    char *dir;
    struct store *store;
    struct harvest *harvest;
    uint64_t mono_ns, wall_ns;
};

struct fake_process {
    pid_t pid;
    struct writer writer;
};

static inline void kit_begin(struct harvest_kit *kit, double trace_sample)
{
    *kit = (struct harvest_kit){.dir = strdup(kit_dir())};
    kit->store = kit_open(kit->dir, true);
    kit_ok(harvest_new(kit->store, trace_sample, &kit->harvest, &err));
    kit->mono_ns = clock_mono_ns();
    kit->wall_ns = T0 + 2 * S;
}

static inline void kit_end(struct harvest_kit *kit)
{
    harvest_free(kit->harvest);
    store_close(kit->store);
    kit_remove(kit->dir);
    free(kit->dir);
}

/* So much later. */
static inline void kit_tick(struct harvest_kit *kit, uint64_t passed_ns)
{
    kit->mono_ns += passed_ns;
    kit->wall_ns += passed_ns;
    kit_ok(harvest_tick(kit->harvest, kit->mono_ns, kit->wall_ns, &err));
}

static inline void fake_start(struct fake_process *process, uint32_t records)
{
    writer_open(&process->writer, 64, records);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails kills nobody */
        for (;;)
            pause();
    }
    process->writer.header->pid = (uint32_t)process->pid;
}

static inline void fake_kill(const struct fake_process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
}

static inline void fake_done(struct fake_process *process)
{
    writer_close(&process->writer);
}

static inline void kit_add_process(struct harvest_kit *kit, pid_t pid, const char *service)
{
    struct harvest_process process = {
        .pid = pid,
        .started_ns = T0,
        .service = service,
        .host = "web1",
        .version = "1.0",
        .command = "python app.py",
    };
    assert_int_equal(harvest_add(kit->harvest, &process), 0);
}

/* Everything of one kind, one line each, sorted: "name|detail|summary|group count errors total_ns
 * repeats buckets". */
struct kit_rows {
    uint32_t kind;
    char *lines[512];
    uint32_t count;
};

static inline int kit_see_row(void *context, uint64_t start_ns,
                              const struct store_histogram *histogram)
{
    struct kit_rows *rows = context;
    uint64_t in_buckets = 0;
    char line[1024];
    (void)start_ns;
    if (histogram->kind != rows->kind)
        return 0;
    for (uint32_t i = 0; i < histogram->bucket_count; i++)
        in_buckets += histogram->buckets[i].count;
    snprintf(line, sizeof line, "%s|%s|%s|%u %llu %llu %llu %llu %llu\n", histogram->name,
             histogram->detail, histogram->summary, histogram->group,
             (unsigned long long)histogram->count, (unsigned long long)histogram->errors,
             (unsigned long long)histogram->total_ns, (unsigned long long)histogram->repeats,
             (unsigned long long)in_buckets);
    assert_true(rows->count < 512);
    rows->lines[rows->count++] = strdup(line);
    return 0;
}

/* Of all windows, of the service (NULL: all). The caller frees it. */
static inline char *kit_rows(struct harvest_kit *kit, uint32_t kind, const char *service)
{
    struct kit_rows rows = {.kind = kind};
    struct store_query query = {.from_ns = T0, .to_ns = T0 + HOUR, .service = service};
    struct store_metric_fns fns = {.histogram = kit_see_row, .context = &rows};
    struct store_answer answer;
    kit_ok(store_flush(kit->store, &err));
    kit_ok(store_read_metrics(kit->store, &query, 0, &fns, &answer, &err));
    qsort(rows.lines, rows.count, sizeof *rows.lines, kit_compare_lines);
    struct buf out = {0};
    buf_add_str(&out, "");
    for (uint32_t i = 0; i < rows.count; i++) {
        buf_add_str(&out, rows.lines[i]);
        free(rows.lines[i]);
    }
    size_t size;
    return buf_take(&out, &size);
}

#define kit_assert_rows(kit, kind, service, expected)                                              \
    do {                                                                                           \
        char *kit_found = kit_rows(kit, kind, service);                                            \
        assert_string_equal(kit_found, expected);                                                  \
        free(kit_found);                                                                           \
    } while (0)
