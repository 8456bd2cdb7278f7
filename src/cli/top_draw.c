/* SPDX-License-Identifier: MIT */
/* top_draw.c - the frame of the screen.
 *
 *      pitviper top  4711 python3 app.py             Python 3.12.1  cpu  1:23
 *      CPU  98 % ▂▃▅▇▇▇▆▅▇▇▇█▇▇▇          GIL  97 %  threads 5  100 of 100 Hz
 *      12,345 stacks  partial 0.01 %  lost 0  late 0  errors 0  filter /json/
 *      …the screen…
 *      q quit  h help  / filter  t threads  m mode  Enter callers  s save
 *
 * Made for 80 columns, usable in 40: pieces stand in order of importance, and what does not fit its
 * line is left out whole.
 */
#include "cli/top_draw.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/top.h"

#define COMFORTABLE_ROWS 16 /* from here on the header takes three lines */
#define COMFORTABLE_COLUMNS 60
#define GAP DRAW_GAP
#define SPARK_MIN 8
#define SPARK_MAX 60

attr_t draw_colour(const struct top *top, enum draw_colour colour)
{
    return draw_pair(&top->look, colour);
}

void draw_scroll(struct top *top, uint32_t count, int page)
{
    top->page = page > 1 ? (uint32_t)page : 1;
    if (top->position >= count)
        top->position = count ? count - 1 : 0;
    top->first = draw_first(top->first, top->position, count, top->page);
}

/* ---- header -------------------------------------------------------------------------------- */

static void clock_text(uint64_t ns, char *out, size_t size)
{
    unsigned seconds = (unsigned)(ns / 1000000000u);
    if (seconds < 3600)
        snprintf(out, size, "%u:%02u", seconds / 60, seconds % 60);
    else
        snprintf(out, size, "%u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/* Who, and on the right how and how long. */
static void draw_title(const struct top *top, int row, int columns)
{
    char passed[32], right[128], command[512];
    const char *state = top->exited ? "EXITED  " : top->frozen ? "FROZEN  " : "";
    const char *mode = top_mode_name(top->mode);
    bool is_wide = columns >= COMFORTABLE_COLUMNS;
    clock_text(top->facts.running_ns, passed, sizeof passed);
    draw_shorten(top_command(top), command, sizeof command);
    if (is_wide)
        snprintf(right, sizeof right, "%sPython %s  %s  %s", state, top_python(top), mode, passed);
    else
        snprintf(right, sizeof right, "%s%s  %s", state, mode, passed);
    int size = (int)strlen(right), at = 0;
    attr_t bar = A_REVERSE;
    draw_fill(row, 0, columns, bar);
    if (is_wide)
        at += draw_words(row, at, columns, "pitviper top  ", bar | A_BOLD);
    if (top->targets.several)
        at += draw_format(row, at, columns - size - GAP - at, bar, "%u processes  ",
                          top->facts.processes);
    else
        at += draw_format(row, at, columns - size - GAP - at, bar, "%d ",
                          (int)top->profile->meta.pid);
    draw_words(row, at, columns - size - GAP - at, command, bar);
    draw_words(row, columns - size, size, right, bar | (*state ? A_BOLD : 0));
}

static void draw_sparkline(const struct top *top, int row, int column, int columns)
{
    double highest = 1;
    uint32_t shown = columns < (int)top->cpu_count ? (uint32_t)columns : top->cpu_count;
    if (shown > TOP_CPU_HISTORY)
        shown = TOP_CPU_HISTORY;
    for (uint32_t i = 0; i < shown; i++) {
        double value = top->cpu_history[(top->cpu_count - 1 - i) % TOP_CPU_HISTORY];
        highest = value > highest ? value : highest;
    }
    for (uint32_t i = 0; i < shown; i++) {
        double value = top->cpu_history[(top->cpu_count - shown + i) % TOP_CPU_HISTORY];
        draw_bar(row, column + (int)i, value / highest, draw_colour(top, DRAW_GREEN));
    }
}

/* CPU with its recent past, which takes what the other figures leave. */
static void draw_load(const struct top *top, int row, int columns)
{
    const struct top_facts *facts = &top->facts;
    char cpu[32], rest[128];
    if (facts->cpu >= 0)
        snprintf(cpu, sizeof cpu, "CPU %3.0f %% ", 100 * facts->cpu);
    else
        snprintf(cpu, sizeof cpu, "CPU   - ");
    int size =
        snprintf(rest, sizeof rest, "GIL %3.0f %%  threads %u  %.0f of %llu Hz", 100 * facts->gil,
                 facts->threads, facts->rate_hz, (unsigned long long)top->rate_hz);
    int spark = columns - (int)strlen(cpu) - size - GAP;
    if (spark < SPARK_MIN) {
        size =
            snprintf(rest, sizeof rest, "GIL %3.0f %%  %u thr", 100 * facts->gil, facts->threads);
        spark = columns - (int)strlen(cpu) - size - GAP;
    }
    if (spark > SPARK_MAX)
        spark = SPARK_MAX;
    int at = draw_words(row, 0, columns, cpu, A_BOLD);
    draw_sparkline(top, row, at, spark);
    at += (spark > 0 ? spark : 0) + GAP;
    draw_words(row, at, columns - at, rest, 0);
}

/* How good the figures are, and what they are of. */
static void draw_quality(const struct top *top, int row, int columns)
{
    const struct profile_stats *stats = &top->facts.stats;
    struct draw_line line = {.row = row, .end = columns};
    const struct live_scope *now = &top->live.scope[LIVE_NOW];
    bool has_trouble = stats->errors || stats->lost;
    if (top->live.thread != PROFILE_NONE) {
        const struct profile_thread *thread = &top->profile->threads[top->live.thread];
        draw_piece(&line, A_BOLD | draw_colour(top, DRAW_CYAN), "thread %d %s", thread->tid,
                   top->profile->strings[thread->name].text);
    }
    if (top->filter.is_set)
        draw_piece(&line, A_BOLD | draw_colour(top, DRAW_CYAN), "filter /%s/", top->filter.text);
    draw_piece(&line, 0, "stacks %llu now, %llu in all", (unsigned long long)now->stacks[top->mode],
               (unsigned long long)top->live.scope[LIVE_SINCE].stacks[top->mode]);
    draw_piece(&line, has_trouble ? A_BOLD | draw_colour(top, DRAW_RED) : 0,
               "errors %llu lost %llu", (unsigned long long)stats->errors,
               (unsigned long long)stats->lost);
    draw_piece(&line, 0, "partial %.2f %%",
               stats->samples ? 100.0 * (double)stats->partial / (double)stats->samples : 0);
    draw_piece(&line, 0, "late %llu", (unsigned long long)stats->late);
}

/* ---- bottom line --------------------------------------------------------------------------- */

static void draw_keys(const struct top *top, int row, int columns)
{
    static const char *const of_screens[][12] = {
        [TOP_TABLE] = {"q quit", "h help", "Enter callers", "/ filter", "t threads", "m mode",
                       "l lines", "< > sort", "Space freeze", "s save", "r reset", NULL},
        [TOP_DRILL] = {"Esc back", "Enter go on", "m mode", "s save", "h help", "q quit", NULL},
        [TOP_THREADS] = {"Esc back", "Enter choose", "m mode", "h help", "q quit", NULL},
        [TOP_HELP] = {"Esc back", "Up Down scroll", "q quit", NULL},
    };
    struct draw_line line = {.row = row, .end = columns};
    const char *const *words = of_screens[top->screen];
    for (; *words; words++)
        draw_piece(&line, draw_colour(top, DRAW_CYAN), "%s", *words);
}

static void draw_bottom(const struct top *top, int row, int columns)
{
    bool has_message = clock_mono_ns() < top->message_until_ns;
    if (top->filter.is_typing) {
        char text[ROW_FILTER_MAX + 256];
        snprintf(text, sizeof text, "/%s", top->filter.typed);
        int at = draw_text(row, 0, columns - 1, text, strlen(text), FIT_CUT_BEGIN, A_BOLD);
        if (has_message)
            draw_words(row, at + GAP, columns - at - GAP, top->message, draw_colour(top, DRAW_RED));
        move(row, at);
    } else if (has_message) {
        draw_words(row, 0, columns, top->message, A_BOLD | draw_colour(top, DRAW_YELLOW));
    } else if (top->exited && top->screen == TOP_TABLE) {
        draw_format(row, 0, columns, A_BOLD | draw_colour(top, DRAW_YELLOW),
                    "the process has exited; this is the last picture; q quits");
    } else {
        draw_keys(top, row, columns);
    }
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int draw_header(const struct top *top, int rows, int columns)
{
    draw_title(top, 0, columns);
    if (rows < 4)
        return 1;
    draw_load(top, 1, columns);
    bool has_selection = top->filter.is_set || top->live.thread != PROFILE_NONE;
    if (rows < COMFORTABLE_ROWS && !has_selection)
        return 2;
    draw_quality(top, 2, columns);
    return 3;
}

void top_draw(struct top *top)
{
    static void (*const screens[])(struct top *, struct draw_area) = {
        [TOP_TABLE] = draw_table,
        [TOP_DRILL] = draw_drill,
        [TOP_THREADS] = draw_threads,
        [TOP_HELP] = draw_help,
    };
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    int result = top_arrange(top);
    if (result < 0)
        top->fault = result;
    erase();
    int head = draw_header(top, rows, columns);
    struct draw_area area = {.row = head, .rows = rows - head - 1, .columns = columns};
    if (area.rows > 0)
        screens[top->screen](top, area);
    draw_bottom(top, rows - 1, columns);
    refresh();
}
