/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/top.h"
#include "cli/tty.h"

const char *top_mode_name(enum live_mode mode)
{
    static const char *const names[LIVE_MODES] = {"cpu", "wall", "gil"};
    return names[mode];
}

void top_say(struct top *top, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    vsnprintf(top->message, sizeof top->message, format, words);
    va_end(words);
    top->message_until_ns = clock_mono_ns() + TOP_MESSAGE_NS;
}

const char *top_command(const struct top *top)
{
    return top->profile->strings[top->profile->meta.command].text;
}

const char *top_python(const struct top *top)
{
    return top->profile->strings[top->profile->meta.python].text;
}

/* ---- the processes ------------------------------------------------------------------------- */

/* CPU time of the whole process, exact to the nanosecond, whoever's it is; 0: gone. */
static uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) < 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What `now` has used since the last look; 0 for a process not seen then. */
static uint64_t cpu_since(const struct top *top, const struct top_process *now, uint32_t hint)
{
    for (uint32_t i = 0; i < top->process_count; i++) {
        const struct top_process *then = &top->processes[(hint + i) % top->process_count];
        if (then->pid == now->pid)
            return now->cpu_ns > then->cpu_ns ? now->cpu_ns - then->cpu_ns : 0;
    }
    return 0;
}

/* CPU time of all processes since the last look. */
static uint64_t look_at_processes(struct top *top)
{
    const struct recorder *recorder = &top->recorder;
    uint64_t used_ns = 0;
    struct top_process *now = calloc((size_t)recorder->process_count + 1, sizeof *now);
    for (uint32_t i = 0; now && i < recorder->process_count; i++) {
        now[i].pid = process_target(recorder->processes[i])->pid;
        now[i].cpu_ns = process_cpu_ns(now[i].pid);
        used_ns += cpu_since(top, &now[i], i);
    }
    free(top->processes);
    top->processes = now;
    top->process_count = now ? recorder->process_count : 0;
    return used_ns;
}

void top_begin(struct top *top)
{
    top->since_ns = clock_mono_ns();
    top->next_ns = top->since_ns + TOP_INTERVAL_NS;
    /* The first round stands for the period before it. */
    top->closed_ns = top->since_ns - top->recorder.period_ns;
    look_at_processes(top);
    top->selected = PROFILE_NONE;
    top->facts.cpu = -1;
}

static void note_facts(struct top *top, uint64_t mono_ns)
{
    struct top_facts *facts = &top->facts;
    const struct recorder *recorder = &top->recorder;
    double passed_ns = (double)(mono_ns - top->closed_ns);
    uint64_t cpu_ns = look_at_processes(top), rounds = top->profile->stats.rounds;
    if (passed_ns <= 0)
        return;
    facts->cpu = recorder->process_count ? (double)cpu_ns / passed_ns : -1;
    facts->rate_hz = (double)(rounds - top->rounds_closed) * 1e9 / passed_ns;
    if (recorder->process_count) { /* else: what there was at last */
        facts->threads = 0;
        facts->processes = recorder->process_count;
    }
    for (uint32_t i = 0; i < recorder->process_count; i++)
        facts->threads += process_thread_count(recorder->processes[i]);
    facts->running_ns = mono_ns - top->since_ns;
    facts->stats = top->profile->stats;
    top->rounds_closed = rounds;
    if (facts->cpu >= 0)
        top->cpu_history[top->cpu_count++ % TOP_CPU_HISTORY] = facts->cpu;
}

/* ---- intervals ----------------------------------------------------------------------------- */

int top_close(struct top *top, uint64_t mono_ns)
{
    note_facts(top, mono_ns);
    int result = live_close(&top->live, (mono_ns - top->closed_ns) / 1000);
    top->closed_ns = mono_ns;
    top->next_ns = mono_ns + TOP_INTERVAL_NS;
    const struct live *live = &top->live;
    uint64_t now_us = live->scope[LIVE_NOW].elapsed_us;
    uint64_t held_us = live->everyone[LIVE_NOW].us[LIVE_GIL];
    top->facts.gil = now_us ? (double)held_us / (double)now_us : 0;
    return result;
}

void top_reset(struct top *top)
{
    live_reset(&top->live);
    top->since_ns = top->closed_ns = clock_mono_ns();
    top->facts.running_ns = 0;
    top->rounds_closed = top->profile->stats.rounds;
    look_at_processes(top);
}

uint64_t top_whole_us(const struct top *top, enum live_period period)
{
    const struct live_scope *scope = &top->live.scope[period];
    return top->of_time ? scope->elapsed_us : scope->time.us[top->mode];
}

void top_sighting(void *context, const struct process_sighting *sighting, uint64_t start_us,
                  uint64_t duration_us)
{
    struct top *top = context;
    (void)start_us;
    const struct live_sight sight = {
        .thread = sighting->thread,
        .node = sighting->node,
        .idle = sighting->idle,
        .holds_gil = sighting->holds_gil,
        .duration_us = duration_us,
    };
    if (live_see(&top->live, &sight) < 0)
        top->fault = ERR_NO_MEMORY;
    if (sighting->agent)
        top_request_note(top, sighting);
}

/* The next tick comes in time for a key, however slow the rounds are. */
static void want_tick(struct recorder *recorder, uint64_t mono_ns)
{
    uint64_t soon_ns = mono_ns + TOP_KEYS_NS;
    if (recorder->tick_wanted_ns > soon_ns)
        recorder->tick_wanted_ns = soon_ns;
}

static int end_interval(struct top *top, uint64_t mono_ns)
{
    if (!top->frozen)
        return top_close(top, mono_ns);
    top->next_ns = mono_ns + TOP_INTERVAL_NS;
    return 0;
}

int top_tick(void *context, struct recorder *recorder, uint64_t mono_ns)
{
    struct top *top = context;
    targets_tick(&top->targets, mono_ns);
    for (uint32_t i = 0; i < recorder->process_count; i++)
        process_drain(recorder->processes[i]);
    if (top->is_once)
        return top->fault;
    want_tick(recorder, mono_ns);
    bool changed = false;
    for (int key; (key = tty_key()) >= 0; changed = true)
        top_key(top, key);
    if (mono_ns >= top->next_ns) {
        int result = end_interval(top, mono_ns);
        if (result < 0)
            return result;
        changed = true;
    }
    if (changed && !*top->stop)
        top_draw(top);
    return top->fault;
}

void top_dropped(void *context, pid_t pid)
{
    struct top *top = context;
    targets_dropped(&top->targets, pid);
}

/* ---- lists --------------------------------------------------------------------------------- */

uint32_t top_item_count(const struct top *top)
{
    switch (top->screen) {
    case TOP_TABLE:
        return top->list.count;
    case TOP_DRILL:
        return top->neighbours[LIVE_CALLERS].count + top->neighbours[LIVE_CALLEES].count;
    case TOP_THREADS:
        return top->thread_count + 1;
    case TOP_HELP:
        break;
    }
    return 0;
}

/* The selection is a function, not a place: it stays with it when the order changes. */
static void follow_selection(struct top *top)
{
    if (top->screen != TOP_TABLE || top->selected == PROFILE_NONE)
        return;
    for (uint32_t i = 0; i < top->list.count; i++) {
        if (top->list.items[i] == top->selected) {
            top->position = i;
            return;
        }
    }
    top->selected = PROFILE_NONE;
}

int top_arrange(struct top *top)
{
    struct live_list_options options = {
        .mode = top->mode,
        .sort = top->sort,
        .filter = top->filter.is_set ? &top->filter.regex : NULL,
    };
    int result = 0;
    if (top->screen == TOP_TABLE)
        result = live_list_rows(&top->list, &top->live, &options);
    for (unsigned side = 0; result == 0 && top->screen == TOP_DRILL && side < LIVE_SIDES; side++)
        result = live_list_neighbours(&top->neighbours[side], &top->live, side, top->mode);
    if (top->screen == TOP_THREADS) {
        free(top->threads);
        top->threads = NULL;
        top->thread_count = 0;
        result = live_threads(&top->live, top->mode, &top->threads, &top->thread_count);
    }
    follow_selection(top);
    return result;
}
