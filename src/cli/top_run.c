/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/top.h"

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

/* ---- the process --------------------------------------------------------------------------- */

/* CPU time of the whole process, exact to the nanosecond, whoever's it is; 0: gone. */
static uint64_t process_cpu_ns(const struct top *top)
{
    struct timespec time;
    if (!top->has_cpu_clock || clock_gettime(top->cpu_clock, &time) < 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void top_begin(struct top *top)
{
    top->has_cpu_clock = clock_getcpuclockid(top->pid, &top->cpu_clock) == 0;
    top->since_ns = clock_mono_ns();
    top->next_ns = top->since_ns + TOP_INTERVAL_NS;
    /* The first round stands for the period before it. */
    top->closed_ns = top->since_ns - top->recorder.period_ns;
    top->cpu_closed_ns = process_cpu_ns(top);
    top->selected = PROFILE_NONE;
    top->facts.cpu = -1;
}

static void note_facts(struct top *top, uint64_t mono_ns)
{
    struct top_facts *facts = &top->facts;
    const struct recorder *recorder = &top->recorder;
    double passed_ns = (double)(mono_ns - top->closed_ns);
    uint64_t cpu_ns = process_cpu_ns(top), rounds = top->profile->stats.rounds;
    if (passed_ns <= 0)
        return;
    facts->cpu =
        cpu_ns < top->cpu_closed_ns ? -1 : (double)(cpu_ns - top->cpu_closed_ns) / passed_ns;
    facts->rate_hz = (double)(rounds - top->rounds_closed) * 1e9 / passed_ns;
    if (recorder->process_count) /* else: what there was at last */
        facts->threads = 0;
    for (uint32_t i = 0; i < recorder->process_count; i++)
        facts->threads += process_thread_count(recorder->processes[i]);
    facts->running_ns = mono_ns - top->since_ns;
    facts->stats = top->profile->stats;
    top->cpu_closed_ns = cpu_ns;
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
    top->cpu_closed_ns = process_cpu_ns(top);
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
}

int top_tick(void *context, struct recorder *recorder, uint64_t mono_ns)
{
    struct top *top = context;
    (void)recorder;
    bool changed = false;
    for (int key; (key = top_term_key()) >= 0; changed = true)
        top_key(top, key);
    if (mono_ns >= top->next_ns) {
        int result = 0;
        if (top->frozen)
            top->next_ns = mono_ns + TOP_INTERVAL_NS;
        else
            result = top_close(top, mono_ns);
        if (result < 0)
            return result;
        changed = true;
    }
    if (changed && !*top->stop)
        top_draw(top);
    return top->fault;
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
        .filter = top->has_filter ? &top->filter : NULL,
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
