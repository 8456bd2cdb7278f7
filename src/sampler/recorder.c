/* SPDX-License-Identifier: MIT */
#include "sampler/recorder.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"

#define SPIN_PERIOD_MAX_NS 250000u /* slower recordings always sleep */
#define SLEEP_PROBES 16u
#define SLEEP_PROBE_NS 20000u

void recorder_init(struct recorder *recorder, struct profile *profile, uint64_t rate_hz)
{
    *recorder = (struct recorder){
        .profile = profile,
        .period_ns = rate_hz ? 1000000000u / rate_hz : 10000000u,
        .random = clock_mono_ns() | 1,
        .wake_fd = -1,
        .tick_wanted_ns = UINT64_MAX,
    };
    if (!recorder->period_ns)
        recorder->period_ns = 1;
}

void recorder_done(struct recorder *recorder)
{
    for (uint32_t i = 0; i < recorder->process_count; i++)
        process_free(recorder->processes[i]);
    free(recorder->processes);
    recorder->processes = NULL;
    recorder->process_count = 0;
}

int recorder_add(struct recorder *recorder, struct process *process)
{
    if (recorder->process_count == recorder->process_capacity) {
        uint32_t capacity = recorder->process_capacity ? recorder->process_capacity * 2 : 4;
        void *moved = capacity > RECORDER_MAX_PROCESSES
                          ? NULL
                          : realloc(recorder->processes, capacity * sizeof *recorder->processes);
        if (!moved) {
            process_free(process);
            return capacity > RECORDER_MAX_PROCESSES ? ERR_LIMIT : ERR_NO_MEMORY;
        }
        recorder->processes = moved;
        recorder->process_capacity = capacity;
    }
    recorder->processes[recorder->process_count++] = process;
    return 0;
}

static void let_go(struct recorder *recorder, uint32_t at)
{
    struct process *process = recorder->processes[at];
    if (recorder->hooks.closing)
        recorder->hooks.closing(recorder->hooks.context, process);
    process_free(process);
    recorder->processes[at] = recorder->processes[--recorder->process_count];
}

void recorder_drop(struct recorder *recorder, pid_t pid)
{
    for (uint32_t i = 0; i < recorder->process_count;)
        if (process_target(recorder->processes[i])->pid == pid)
            let_go(recorder, i);
        else
            i++;
}

static void see(void *context, const struct process_sighting *sighting)
{
    struct recorder *recorder = context;
    uint64_t begin_us = recorder->now_us - recorder->elapsed_us;
    if (recorder->hooks.take) {
        recorder->hooks.take(recorder->hooks.context, sighting, begin_us, recorder->elapsed_us);
        return;
    }
    if (profile_see(recorder->profile, sighting->thread, sighting->node, begin_us,
                    recorder->elapsed_us) < 0)
        recorder->profile->stats.errors++;
    if (recorder->hooks.sighting)
        recorder->hooks.sighting(recorder->hooks.context, sighting, begin_us, recorder->elapsed_us);
}

static int round_over_all(struct recorder *recorder, uint64_t mono_ns)
{
    for (uint32_t i = 0; i < recorder->process_count;) {
        int result = process_round(recorder->processes[i], mono_ns, see, recorder);
        if (result == ERR_DENIED && recorder->process_count == 1)
            return target_exited(process_target(recorder->processes[i])) ? 0 : result;
        if (result == ERR_NO_MEMORY)
            return result;
        if (result < 0) {
            pid_t pid = process_target(recorder->processes[i])->pid;
            if (recorder->hooks.dropped)
                recorder->hooks.dropped(recorder->hooks.context, pid);
            let_go(recorder, i);
            continue;
        }
        i++;
    }
    recorder->profile->stats.rounds++;
    return 0;
}

static uint64_t next_interval(struct recorder *recorder)
{
    uint64_t half = recorder->period_ns / 2;
    return half + random_next(&recorder->random) % (2 * half + 1);
}

/* The instant of the next round; what a stall swallowed is counted and left. */
static uint64_t schedule(struct recorder *recorder, uint64_t planned_ns)
{
    uint64_t now_ns = clock_mono_ns();
    uint64_t next_ns = planned_ns + next_interval(recorder);
    if (next_ns + RECORDER_STALL_PERIODS * recorder->period_ns >= now_ns)
        return next_ns;
    recorder->profile->stats.late += (now_ns - next_ns) / recorder->period_ns;
    return now_ns + next_interval(recorder);
}

static bool should_end(const struct recorder *recorder, uint64_t now_ns)
{
    if (recorder->stop && *recorder->stop)
        return true;
    if (recorder->duration_ns && now_ns - recorder->start_mono_ns >= recorder->duration_ns)
        return true;
    return recorder->process_count == 0 && !recorder->wait_for_processes;
}

/* Sleeping costs CPU, too: setting a timer, two switches, cold caches; 3 us on bare metal, 20 us on
 * some virtual machines. A gap shorter than that is cheaper to spin away. */
static uint64_t measure_sleep_cost_ns(void)
{
    uint64_t before_ns = clock_cpu_ns();
    for (uint32_t i = 0; i < SLEEP_PROBES; i++)
        clock_sleep_until(clock_mono_ns() + SLEEP_PROBE_NS);
    return (clock_cpu_ns() - before_ns) / SLEEP_PROBES;
}

/* Sleeps until the instant, or until the wake fd is readable or a signal comes. */
static void sleep_until(const struct recorder *recorder, uint64_t until_ns)
{
    if (recorder->wake_fd < 0) {
        clock_sleep_until(until_ns);
        return;
    }
    uint64_t now_ns = clock_mono_ns();
    uint64_t rest_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec rest = {.tv_sec = (time_t)(rest_ns / 1000000000u),
                            .tv_nsec = (long)(rest_ns % 1000000000u)};
    struct pollfd wake = {.fd = recorder->wake_fd, .events = POLLIN};
    ppoll(&wake, 1, &rest, NULL);
}

static int tick(struct recorder *recorder, uint64_t now_ns)
{
    recorder->ticked_ns = now_ns;
    recorder->tick_wanted_ns = UINT64_MAX;
    return recorder->hooks.tick ? recorder->hooks.tick(recorder->hooks.context, recorder, now_ns)
                                : 0;
}

/* Waits for the instant of the next round. 0, 1: the run is over, or what a tick returned. */
static int wait_until(struct recorder *recorder, uint64_t planned_ns)
{
    for (;;) {
        uint64_t now_ns = clock_mono_ns();
        if (should_end(recorder, now_ns))
            return 1;
        if (now_ns >= planned_ns)
            return 0;
        if (planned_ns - now_ns <= recorder->sleep_cost_ns)
            continue;
        uint64_t tick_ns = recorder->tick_wanted_ns;
        sleep_until(recorder, tick_ns < planned_ns ? tick_ns : planned_ns);
        now_ns = clock_mono_ns();
        if (now_ns < planned_ns) { /* woken early, or for a tick */
            int result = tick(recorder, now_ns);
            if (result < 0)
                return result;
        }
    }
}

/* One round at `now_ns`, weighing the time since the one before. */
static int do_round(struct recorder *recorder, uint64_t now_ns, uint64_t last_ns)
{
    uint64_t longest_ns = RECORDER_STALL_PERIODS * recorder->period_ns;
    uint64_t elapsed_ns = now_ns - last_ns;
    if (last_ns == recorder->start_mono_ns && elapsed_ns < recorder->period_ns)
        elapsed_ns = recorder->period_ns; /* the first one stands for a whole period */
    recorder->elapsed_us = (elapsed_ns < longest_ns ? elapsed_ns : longest_ns) / 1000;
    recorder->now_us = (now_ns - recorder->start_mono_ns) / 1000;
    if (recorder->now_us < recorder->elapsed_us)
        recorder->now_us = recorder->elapsed_us;
    return round_over_all(recorder, now_ns);
}

static int loop(struct recorder *recorder)
{
    uint64_t planned_ns = recorder->start_mono_ns, last_ns = planned_ns;
    for (;;) {
        int result = wait_until(recorder, planned_ns);
        if (result != 0)
            return result < 0 ? result : 0;
        uint64_t now_ns = clock_mono_ns();
        result = do_round(recorder, now_ns, last_ns);
        last_ns = now_ns;
        if (result == 0 && (now_ns - recorder->ticked_ns >= RECORDER_TICK_NS ||
                            now_ns >= recorder->tick_wanted_ns))
            result = tick(recorder, now_ns);
        if (result < 0)
            return result;
        planned_ns = schedule(recorder, planned_ns);
    }
}

int recorder_run(struct recorder *recorder)
{
    struct profile_meta *meta = &recorder->profile->meta;
    /* The default slack of 50 us would be a whole period at 20 kHz. */
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    if (recorder->period_ns <= SPIN_PERIOD_MAX_NS)
        recorder->sleep_cost_ns = measure_sleep_cost_ns();
    recorder->start_mono_ns = clock_mono_ns();
    meta->start_wall_ns = clock_wall_ns();
    meta->period_ns = recorder->period_ns;
    int result = loop(recorder);
    recorder->end_mono_ns = clock_mono_ns();
    meta->duration_ns = recorder->end_mono_ns - recorder->start_mono_ns;
    return result;
}
