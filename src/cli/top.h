/* SPDX-License-Identifier: MIT */
/* top.h - pitviper top: the state that its parts share.
 *
 *   cmd_top.c        options, the target, the run
 *   top_run.c        intervals: facts about the process, sums, when to draw
 *   top_keys.c       what a key does to the state
 *   top_draw.c       frame of the screen: header, bottom line; which screen is shown
 *   top_screens.c    the screens: table, callers and callees, threads, help
 *   top_save.c       the selection as a flame graph
 *   top_once.c       one table for scripts
 *   top_requests.c   which request each thread works on
 *
 * Sampling and drawing share one thread: keys are looked for and pictures drawn between rounds
 * (recorder's tick), and neither ever waits.
 */
#pragma once

#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/row_filter.h"
#include "cli/targets.h"
#include "cli/tty.h"
#include "live/list.h"
#include "live/live.h"
#include "sampler/recorder.h"

#define TOP_INTERVAL_NS 1000000000u
#define TOP_KEYS_NS 50000000u /* how long a key may wait */
#define TOP_DEPTH_MAX 64u     /* functions gone through, caller to callee */
#define TOP_CPU_HISTORY 256u  /* intervals */
#define TOP_MESSAGE_NS 5000000000u

struct buf;
struct collect;
struct collect_request;
struct err;

enum top_screen { TOP_TABLE, TOP_DRILL, TOP_THREADS, TOP_HELP };

/* As of the last interval: what the header says. */
struct top_facts {
    double cpu;     /* CPU seconds per second of the process; negative: unknown */
    double gil;     /* part of the time in which somebody held the GIL */
    double rate_hz; /* rounds per second */
    uint32_t threads, processes;
    uint64_t running_ns; /* since the start or the last reset */
    struct profile_stats stats;
};

/* What a thread was last seen working on. */
struct top_request {
    struct collect *agent; /* NULL: nothing, or not known */
    uint64_t id;
    uint32_t slot;
};

/* CPU time of a process when it was last looked at. */
struct top_process {
    pid_t pid;
    uint64_t cpu_ns;
};

struct top {
    uint64_t rate_hz;
    uint32_t mode_strings[LIVE_MODES]; /* of the profile, for meta.mode */
    struct profile *profile;
    struct recorder recorder;
    struct targets targets;
    struct live live;
    bool is_once; /* no terminal: neither keys nor pictures */

    /* What is shown. */
    enum top_screen screen, before_help;
    enum live_mode mode;
    enum live_sort sort;
    bool of_time; /* shares of time (100 %: one thread) instead of all stacks in view */
    bool frozen;
    bool exited;
    struct row_filter filter;
    uint32_t selected; /* group in the table, neighbour in the drill; PROFILE_NONE: none */
    uint32_t position; /* of the selection (table, drill, threads), or lines scrolled (help) */
    uint32_t first;    /* item at the top of the screen */
    uint32_t page;     /* items that fit the screen */
    uint32_t trail[TOP_DEPTH_MAX]; /* focused groups, the last is shown */
    uint32_t trail_count;
    struct live_list list;                   /* table */
    struct live_list neighbours[LIVE_SIDES]; /* drill: callers, then callees */
    struct live_thread *threads;
    uint32_t thread_count;
    struct top_request *requests; /* per thread of the profile */
    uint32_t request_count;

    /* The bottom line. */
    char message[256];
    uint64_t message_until_ns;

    /* Intervals. */
    uint64_t next_ns, closed_ns, since_ns;
    uint64_t rounds_closed;
    struct top_process *processes; /* those of the last look */
    uint32_t process_count;
    struct top_facts facts;
    double cpu_history[TOP_CPU_HISTORY]; /* a ring; the last is at cpu_count - 1 */
    uint32_t cpu_count;

    struct tty_look look;
    volatile sig_atomic_t *stop; /* not 0: leave */
    int fault;                   /* what ended the run, ERR_*; 0: nothing */
};

/* ---- top_run.c ---- */
void top_begin(struct top *top);
/* The recorder's hooks. */
void top_sighting(void *context, const struct process_sighting *sighting, uint64_t start_us,
                  uint64_t duration_us);
int top_tick(void *context, struct recorder *recorder, uint64_t mono_ns);
void top_dropped(void *context, pid_t pid);
/* Ends an interval now. 0 or ERR_NO_MEMORY. */
int top_close(struct top *top, uint64_t mono_ns);
void top_reset(struct top *top);
void top_say(struct top *top, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The whole that a share of `period` is of, in microseconds. */
uint64_t top_whole_us(const struct top *top, enum live_period period);
const char *top_mode_name(enum live_mode mode);
/* Strings of the profile; "" while there is no process yet. */
const char *top_command(const struct top *top);
const char *top_python(const struct top *top);
/* Makes the lists of the screen that is shown; the selection follows. 0 or ERR_NO_MEMORY. */
int top_arrange(struct top *top);
/* Items of the screen that is shown; that of the selection. */
uint32_t top_item_count(const struct top *top);

/* ---- top_requests.c ---- */
void top_request_note(struct top *top, const struct process_sighting *sighting);
/* The recorder's hook. */
void top_closing(void *context, struct process *process);
/* The request that this thread of the profile works on, or was last seen with. NULL: none. */
struct collect *top_request_find(const struct top *top, uint32_t thread,
                                 struct collect_request *out);

/* ---- top_keys.c ---- */
void top_key(struct top *top, int key);

/* ---- top_draw.c ---- */
void top_draw(struct top *top);

/* ---- top_save.c ---- */
int top_save(const struct top *top, char *path, size_t size, struct err *err);

/* ---- top_once.c ---- */
void top_once_text(const struct top *top, uint32_t limit, struct buf *out);
void top_once_json(const struct top *top, uint32_t limit, struct buf *out);
