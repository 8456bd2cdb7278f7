/* SPDX-License-Identifier: MIT */
#include "sampler/recorder.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "bpf/pystack.h"

#define SPIN_PERIOD_MAX_NS 250000u /* slower recordings always sleep */
#define SLEEP_PROBES 16u
#define SLEEP_PROBE_NS 20000u
#define VARY_PERIODS 64u       /* changing a timer's period loses half a period */
#define DRAIN_MIN_NS 10000000u /* the ring holds far more than comes in so long */
#define DRAIN_MAX_NS 50000000u

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

/* A process that the kernel cannot sample is read like without it, and counted. */
static void ask_kernel(struct recorder *recorder, struct process *process)
{
    struct pystack_config config;
    if (!recorder->kernel)
        return;
    bool is_taken = process_kernel_config(process, &config) &&
                    pystack_add(recorder->kernel, process_target(process)->pid, &config,
                                recorder->period_ns) == 0;
    process_set_by_kernel(process, is_taken);
    recorder->kernel_refused += !is_taken;
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
    ask_kernel(recorder, process);
    return 0;
}

static void let_go(struct recorder *recorder, uint32_t at)
{
    struct process *process = recorder->processes[at];
    if (process_is_by_kernel(process))
        pystack_remove(recorder->kernel, process_target(process)->pid);
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
    uint64_t elapsed_us = recorder->elapsed_us, now_us = recorder->now_us;
    if (sighting->cpu_ns) {
        elapsed_us = sighting->cpu_ns / 1000;
        now_us = sighting->mono_ns > recorder->start_mono_ns
                     ? (sighting->mono_ns - recorder->start_mono_ns) / 1000
                     : 0;
    }
    uint64_t begin_us = now_us > elapsed_us ? now_us - elapsed_us : 0;
    if (recorder->hooks.take) {
        recorder->hooks.take(recorder->hooks.context, sighting, begin_us, elapsed_us);
        return;
    }
    if (profile_see(recorder->profile, sighting->thread, sighting->node, begin_us, elapsed_us) < 0)
        recorder->profile->stats.errors++;
    if (recorder->hooks.sighting)
        recorder->hooks.sighting(recorder->hooks.context, sighting, begin_us, elapsed_us);
}

static int look_at(struct recorder *recorder, struct process *process, uint64_t mono_ns)
{
    if (process_is_by_kernel(process))
        return process_listen(process, mono_ns);
    return process_round(process, mono_ns, see, recorder);
}

static int round_over_all(struct recorder *recorder, uint64_t mono_ns)
{
    for (uint32_t i = 0; i < recorder->process_count;) {
        int result = look_at(recorder, recorder->processes[i], mono_ns);
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

/* ---- what the kernel took ------------------------------------------------------------------ */

static int take(void *context, const struct pystack_sample *sample)
{
    struct recorder *recorder = context;
    if (sample->mono_ns < recorder->start_mono_ns)
        return 0; /* the timers run from when the process was added */
    for (uint32_t i = 0; i < recorder->process_count; i++) {
        struct process *process = recorder->processes[i];
        if ((uint32_t)process_target(process)->pid == sample->pid)
            return process_take(process, sample, see, recorder);
    }
    return 0; /* of a process that has just been let go */
}

static bool all_by_kernel(const struct recorder *recorder)
{
    for (uint32_t i = 0; i < recorder->process_count; i++)
        if (!process_is_by_kernel(recorder->processes[i]))
            return false;
    return recorder->kernel;
}

static int drain(struct recorder *recorder)
{
    int result = recorder->kernel ? pystack_drain(recorder->kernel, take, recorder) : 0;
    uint64_t now_ns = clock_mono_ns();
    if (recorder->kernel && now_ns - recorder->varied_ns >= VARY_PERIODS * recorder->period_ns) {
        pystack_vary(recorder->kernel, recorder->period_ns, &recorder->random);
        recorder->varied_ns = now_ns;
    }
    return result < 0 ? result : 0;
}

/* Timers do not come in rounds: those that a busy thread's timer would have made. */
static void count_kernel(struct recorder *recorder)
{
    struct profile_stats *stats = &recorder->profile->stats;
    if (!recorder->kernel || !recorder->by_kernel)
        return;
    uint64_t lost = pystack_lost(recorder->kernel);
    stats->rounds = (recorder->end_mono_ns - recorder->start_mono_ns) / recorder->period_ns;
    stats->rounds -= lost < stats->rounds ? lost : stats->rounds;
    stats->lost += lost;
}

static uint64_t next_interval(struct recorder *recorder)
{
    if (all_by_kernel(recorder)) {
        uint64_t few = 5 * recorder->period_ns;
        return few < DRAIN_MIN_NS ? DRAIN_MIN_NS : few > DRAIN_MAX_NS ? DRAIN_MAX_NS : few;
    }
    uint64_t half = recorder->period_ns / 2;
    return half + random_next(&recorder->random) % (2 * half + 1);
}

/* The instant of the next round; what a stall swallowed is counted and left. */
static uint64_t schedule(struct recorder *recorder, uint64_t planned_ns)
{
    uint64_t now_ns = clock_mono_ns();
    if (all_by_kernel(recorder))
        return now_ns + next_interval(recorder);
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
    int result = drain(recorder);
    return result < 0 ? result : round_over_all(recorder, now_ns);
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
    recorder->by_kernel = recorder->process_count && all_by_kernel(recorder);
    if (recorder->period_ns <= SPIN_PERIOD_MAX_NS && !recorder->by_kernel)
        recorder->sleep_cost_ns = measure_sleep_cost_ns();
    recorder->start_mono_ns = clock_mono_ns();
    meta->start_wall_ns = clock_wall_ns();
    meta->period_ns = recorder->period_ns;
    int result = loop(recorder);
    if (recorder->kernel)
        pystack_stop(recorder->kernel);
    if (result == 0)
        result = drain(recorder);
    recorder->end_mono_ns = clock_mono_ns();
    meta->duration_ns = recorder->end_mono_ns - recorder->start_mono_ns;
    count_kernel(recorder);
    return result;
}
