/* SPDX-License-Identifier: MIT */
/* recorder.h - the clock of a recording: rounds over one or more processes at random intervals.
 *
 * Intervals are uniform in 0.5 to 1.5 periods, so that a periodic program is not met in step. A
 * sample stands for the time since the round before it, at most RECORDER_STALL_PERIODS periods;
 * rounds that a stall has swallowed are counted as late and never made up.
 *
 * With `kernel` set there are no rounds for processes that the kernel samples: each of their
 * threads has a timer on its own CPU time, and a sample stands for the time that the timer ran. The
 * recorder then only drains.
 *
 * Ownership: recorder_init on caller's storage; processes added belong to it and are freed when
 * they end or in recorder_done. Threads: one.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "sampler/process.h"

#define RECORDER_STALL_PERIODS 10u
#define RECORDER_TICK_NS 5000000u
#define RECORDER_MAX_PROCESSES 4096u

struct recorder;
struct pystack;

struct recorder_hooks {
    void *context;
    /* Every stack, after it went into the profile. Times in microseconds since the start. May be
     * NULL. */
    void (*sighting)(void *context, const struct process_sighting *sighting, uint64_t start_us,
                     uint64_t duration_us);
    /* Gets every stack instead: nothing goes into the profile, and `sighting` is not called. May be
     * NULL. */
    void (*take)(void *context, const struct process_sighting *sighting, uint64_t start_us,
                 uint64_t duration_us);
    /* Between rounds, at most every RECORDER_TICK_NS. May add processes. A negative result ends the
     * run with it. May be NULL. */
    int (*tick)(void *context, struct recorder *recorder, uint64_t mono_ns);
    /* A process has ended, or has become another program by exec, and is let go. May be NULL. */
    void (*dropped)(void *context, pid_t pid);
    /* A process is about to be freed, but for recorder_done(). May be NULL. */
    void (*closing)(void *context, struct process *process);
};

struct recorder {
    struct profile *profile;
    struct process **processes;
    uint32_t process_count, process_capacity;
    uint64_t period_ns;
    uint64_t duration_ns;              /* 0: until stopped or everything has exited */
    const volatile sig_atomic_t *stop; /* not 0: end the run; may be NULL */
    bool wait_for_processes;           /* go on with no process left (tick may bring new ones) */
    int wake_fd;                       /* readable: tick at once; -1: none */
    uint64_t tick_wanted_ns; /* tick at this instant even if no round is due; UINT64_MAX: no wish */
    struct recorder_hooks hooks;
    struct pystack
        *kernel; /* samples come from there where a process allows it; NULL: by reading. Borrowed */

    uint64_t start_mono_ns, end_mono_ns;
    bool by_kernel;              /* all processes at the start were */
    uint64_t now_us, elapsed_us; /* of the round in progress */
    uint32_t kernel_refused;     /* processes that the kernel could not sample and that were read */
    uint64_t varied_ns;          /* when the kernel's timers last got another period */
    uint64_t ticked_ns;          /* when the last tick was */
    uint64_t random;
    uint64_t sleep_cost_ns; /* CPU time of one sleep; shorter gaps are spun away */
};

void recorder_init(struct recorder *recorder, struct profile *profile, uint64_t rate_hz);
void recorder_done(struct recorder *recorder);

/* Takes the process, also on failure. 0, ERR_LIMIT, ERR_NO_MEMORY. */
int recorder_add(struct recorder *recorder, struct process *process);

/* Lets go of a process. Not from within a round: from a tick. */
void recorder_drop(struct recorder *recorder, pid_t pid);

/* Runs until the duration is over, stopped, or every process has exited (all of these are 0), or
 * ERR_DENIED, ERR_NO_MEMORY, or what a tick returned. Fills profile->meta and stats. */
int recorder_run(struct recorder *recorder);
