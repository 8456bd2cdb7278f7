/* SPDX-License-Identifier: MIT */
/* harvest_speed.c - what taking in spans costs the daemon, in CPU time, as JSON.
 *
 *     harvest_speed FOLDER PROCESSES SPANS_PER_SECOND SECONDS
 *
 * The processes are children that sleep; their memory is written from here, a second's worth
 * between two ticks, so that time passes as fast as it is worked on. What is measured is the ticks
 * of the harvest and of the store: reading, counting, judging and keeping traces, compressing and
 * writing. A request has seven statements and is one span itself.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../unit/agent_writer.h"
#include "daemon/harvest.h"

#define MAX_PROCESSES 500u
#define LEAVES 7u
#define ROUTES 50u
#define STATEMENTS 200u
#define SECOND UINT64_C(1000000000)
#define BEGIN_NS (UINT64_C(20000) * 86400 * SECOND)

struct process {
    pid_t pid;
    struct writer writer;
    uint32_t routes[ROUTES], statements[STATEMENTS];
};

static struct process processes[MAX_PROCESSES];

static void start(struct process *process)
{
    char name[64];
    writer_open(&process->writer, AGENT_SLOTS, AGENT_RING_RECORDS);
    process->pid = fork();
    if (process->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    process->writer.header->pid = (uint32_t)process->pid;
    for (uint32_t i = 0; i < ROUTES; i++) {
        snprintf(name, sizeof name, "/route/%u/<id>", i);
        process->routes[i] = writer_key(&process->writer, AGENT_KIND_REQUEST, name, "GET", 2);
    }
    for (uint32_t i = 0; i < STATEMENTS; i++) {
        snprintf(name, sizeof name, "SELECT a FROM t%u WHERE b = ?", i);
        process->statements[i] =
            writer_key(&process->writer, AGENT_KIND_STATEMENT, name, "postgresql", 0);
    }
}

static void stop(struct process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    writer_close(&process->writer);
}

/* Each route has some of the statements, as endpoints do. */
static void serve(struct process *process, uint32_t number, uint64_t start_ns, uint64_t *seed)
{
    uint32_t route = (uint32_t)(random_next(seed) % ROUTES), slot = number % AGENT_SLOTS;
    uint64_t id = writer_begin(&process->writer, slot, start_ns);
    for (uint32_t i = 0; i < LEAVES; i++)
        writer_span(&process->writer, id, process->statements[(route * 4 + i % 5) % STATEMENTS],
                    10000 + random_next(seed) % 1000000, 0);
    writer_end(&process->writer, slot, process->routes[route],
               1000000 + random_next(seed) % 100000000,
               (struct agent_record){
                   .as.parts = {.database_us = 500, .cpu_us = 900, .gil_us = AGENT_NONE}},
               0);
}

struct run {
    struct store *store;
    struct harvest *harvest;
    uint64_t mono_ns, wall_ns, cpu_ns, seed;
};

static int tick(struct run *run, struct err *err)
{
    uint64_t before_ns = clock_cpu_ns();
    run->mono_ns += SECOND;
    run->wall_ns += SECOND;
    int result = harvest_tick(run->harvest, run->mono_ns, run->wall_ns, err);
    if (result == 0 && run->wall_ns / SECOND % 10 == 0)
        result = store_tick(run->store, run->wall_ns, err);
    run->cpu_ns += clock_cpu_ns() - before_ns;
    return result;
}

static int begin(struct run *run, const char *folder, uint32_t count, struct err *err)
{
    struct store_options options = {.write = true, .no_sync = true};
    int result = store_open(folder, &options, &run->store, err);
    if (result == 0)
        result = harvest_new(run->store, 0.01, &run->harvest, err);
    run->mono_ns = clock_mono_ns();
    run->wall_ns = BEGIN_NS;
    run->seed = 42;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        start(&processes[i]);
        result = harvest_add(run->harvest, &(struct harvest_process){.pid = processes[i].pid,
                                                                     .started_ns = BEGIN_NS,
                                                                     .service = "shop",
                                                                     .host = "web1",
                                                                     .version = "1",
                                                                     .command = "app"});
    }
    return result;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    struct err err = {0};
    struct harvest_stats stats;
    struct store_stats stored;
    if (argc != 5)
        return 2;
    uint32_t count = (uint32_t)atoi(argv[2]), seconds = (uint32_t)atoi(argv[4]);
    uint32_t requests = (uint32_t)atoi(argv[3]) / (LEAVES + 1);
    if (!count || count > MAX_PROCESSES)
        return 2;
    int result = begin(&run, argv[1], count, &err);
    if (result == 0)
        result = tick(&run, &err); /* agents are found */
    run.cpu_ns = 0;
    for (uint32_t second = 0; second < seconds && result == 0; second++) {
        for (uint32_t i = 0; i < requests; i++)
            serve(&processes[i % count], i / count, run.mono_ns + i * (SECOND / 2) / requests,
                  &run.seed);
        result = tick(&run, &err);
    }
    for (uint32_t i = 0; i < count; i++)
        stop(&processes[i]);
    if (result < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    harvest_stats(run.harvest, &stats);
    store_stats(run.store, &stored);
    printf("{\"spans\": %llu, \"requests\": %llu, \"lost\": %llu, \"kept\": %llu, "
           "\"dropped\": %llu, \"cpu_percent\": %.2f, \"ns_per_span\": %.1f, "
           "\"store_bytes\": %llu}\n",
           (unsigned long long)(stats.spans + stats.requests), (unsigned long long)stats.requests,
           (unsigned long long)stats.records_lost, (unsigned long long)stats.traces_kept,
           (unsigned long long)stats.traces_dropped, (double)run.cpu_ns / 1e7 / seconds,
           (double)run.cpu_ns / (double)(stats.spans + stats.requests),
           (unsigned long long)stored.bytes);
    harvest_free(run.harvest);
    store_close(run.store);
    return 0;
}
