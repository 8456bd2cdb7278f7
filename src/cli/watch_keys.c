/* SPDX-License-Identifier: MIT */
#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/tty.h"
#include "cli/watch.h"
#include "query/view.h"

void watch_say(struct watch *watch, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    vsnprintf(watch->message, sizeof watch->message, format, words);
    va_end(words);
    watch->message_until_ns = clock_mono_ns() + WATCH_MESSAGE_NS;
}

/* ---- screens ------------------------------------------------------------------------------- */

static void quit(struct watch *watch, int argument)
{
    (void)argument;
    *watch->stop = 1;
}

static void help(struct watch *watch, int argument)
{
    (void)argument;
    if (watch->screen != WATCH_HELP)
        watch->before_help = watch->screen;
    watch->screen = watch->screen == WATCH_HELP ? watch->before_help : WATCH_HELP;
    watch->first = 0;
}

static void section(struct watch *watch, int number)
{
    watch->section = (enum watch_section)number;
    watch->screen = WATCH_TABLE;
    watch->position = watch->first = 0;
}

static void section_by(struct watch *watch, int step)
{
    section(watch, ((int)watch->section + step + WATCH_SECTIONS) % WATCH_SECTIONS);
}

static void enter(struct watch *watch, int argument)
{
    (void)argument;
    bool has_details = watch->section != WATCH_REQUESTS && watch->section != WATCH_PROCESSES;
    if (watch->screen == WATCH_HELP)
        help(watch, 0);
    else if (watch->screen == WATCH_DETAIL || !has_details || !watch->view.count)
        watch->screen = WATCH_TABLE;
    else
        watch->screen = WATCH_DETAIL;
    watch->first = 0;
}

static void back(struct watch *watch, int argument)
{
    (void)argument;
    if (watch->screen == WATCH_TABLE)
        row_filter_clear(&watch->filter);
    watch->screen = WATCH_TABLE;
    watch->first = 0;
}

/* ---- moving -------------------------------------------------------------------------------- */

static void move_by(struct watch *watch, int lines)
{
    uint32_t count = watch_item_count(watch);
    uint32_t *at = watch->screen == WATCH_TABLE ? &watch->position : &watch->first;
    uint32_t last = watch->screen == WATCH_TABLE ? (count ? count - 1 : 0) : 200;
    int64_t to = (int64_t)*at + lines;
    *at = to < 0 ? 0 : to > last ? last : (uint32_t)to;
}

static void page_by(struct watch *watch, int pages)
{
    move_by(watch, pages * (watch->page > 1 ? (int)watch->page - 1 : 1));
}

static void move_to_end(struct watch *watch, int direction)
{
    move_by(watch, direction * (1 << 30));
}

/* ---- what is shown ------------------------------------------------------------------------- */

/* Through the columns that this section has, and the name. */
static void sort_by(struct watch *watch, int step)
{
    const struct watch_column *columns = watch_columns(watch->section);
    for (unsigned i = 0; i < WATCH_SORTS; i++) {
        watch->sort = (enum watch_sort)(((int)watch->sort + step + WATCH_SORTS) % WATCH_SORTS);
        bool is_here = watch->sort == WATCH_BY_NAME || watch->sort == WATCH_BY_TOTAL;
        for (const struct watch_column *column = columns; column->name; column++)
            is_here |= column->sort == watch->sort;
        if (is_here)
            break;
    }
    static const char *const names[WATCH_SORTS] = {
        "time in all", "rate", "errors", "p50", "p95", "p99", "the longest", "the count", "name"};
    watch_say(watch, "sorted by %s", names[watch->sort]);
}

static void period(struct watch *watch, int argument)
{
    (void)argument;
    bool is_now = watch->period == SERVICE_NOW;
    watch->period = is_now ? SERVICE_ALL : SERVICE_NOW;
    watch_say(watch, is_now ? "everything since the processes began (or since r)"
                            : "the last ten to twenty seconds");
}

static void freeze(struct watch *watch, int argument)
{
    (void)argument;
    watch->is_frozen = !watch->is_frozen;
}

static void reset(struct watch *watch, int argument)
{
    (void)argument;
    uint64_t now_ns = clock_mono_ns();
    service_reset(watch->service, now_ns);
    watch_forget_dead(watch);
    watch->request_count = 0; /* they name processes by index */
    watch->since_ns = now_ns;
    watch_say(watch, "counting from now");
}

static void redraw(struct watch *watch, int argument)
{
    (void)watch;
    (void)argument;
    clearok(stdscr, TRUE);
}

/* ---- typing -------------------------------------------------------------------------------- */

static void begin_filter(struct watch *watch, int argument)
{
    (void)argument;
    row_filter_type(&watch->filter);
}

static void type(struct watch *watch, int key)
{
    struct err err;
    watch->message_until_ns = 0;
    int result = row_filter_key(&watch->filter, key, &err);
    if (result < 0)
        watch_say(watch, "%s", err.text);
    else if (result > 0)
        section(watch, (int)watch->section);
}

/* ---- the table ----------------------------------------------------------------------------- */

const struct watch_binding watch_bindings[] = {
    {"q", 'q', "quit; Ctrl-C, too", quit, 0},
    {"h ?", 'h', "this page, and back", help, 0},
    {NULL, '?', NULL, help, 0},
    {"1 to 9", '1',
     "section: endpoints, statements, outbound, cache, tasks, errors, requests in "
     "flight, the rest, processes",
     section, WATCH_ENDPOINTS},
    {NULL, '2', NULL, section, WATCH_STATEMENTS},
    {NULL, '3', NULL, section, WATCH_OUTBOUND},
    {NULL, '4', NULL, section, WATCH_CACHE},
    {NULL, '5', NULL, section, WATCH_TASKS},
    {NULL, '6', NULL, section, WATCH_ERRORS},
    {NULL, '7', NULL, section, WATCH_REQUESTS},
    {NULL, '8', NULL, section, WATCH_REST},
    {NULL, '9', NULL, section, WATCH_PROCESSES},
    {"Left Right", KEY_LEFT, "the section before, the next one; Tab, too", section_by, -1},
    {NULL, KEY_RIGHT, NULL, section_by, 1},
    {NULL, '\t', NULL, section_by, 1},
    {"Up Down", KEY_UP, "choose a row; PgUp, PgDn, Home and End, too", move_by, -1},
    {NULL, 'k', NULL, move_by, -1},
    {NULL, KEY_DOWN, NULL, move_by, 1},
    {NULL, 'j', NULL, move_by, 1},
    {NULL, KEY_PPAGE, NULL, page_by, -1},
    {NULL, KEY_NPAGE, NULL, page_by, 1},
    {NULL, KEY_HOME, NULL, move_to_end, -1},
    {NULL, KEY_END, NULL, move_to_end, 1},
    {"Enter", '\r', "all there is to say about the row", enter, 0},
    {NULL, '\n', NULL, enter, 0},
    {NULL, KEY_ENTER, NULL, enter, 0},
    {"Esc", TTY_ESCAPE, "back; on a table: no filter; Backspace, too", back, 0},
    {NULL, KEY_BACKSPACE, NULL, back, 0},
    {NULL, TTY_DELETE, NULL, back, 0},
    {"< >", '<', "sort by the figure before, by the next one", sort_by, -1},
    {NULL, '>', NULL, sort_by, 1},
    {"/", '/', "only rows that match a regular expression", begin_filter, 0},
    {"w", 'w', "figures of the last seconds, or of all the time", period, 0},
    {"Space", ' ', "freeze the picture; counting goes on", freeze, 0},
    {"r", 'r', "reset: count from now, forget who died", reset, 0},
    {NULL, TTY_CTRL('L'), NULL, redraw, 0},
    {NULL, KEY_RESIZE, NULL, redraw, 0},
    {0},
};

void watch_key(struct watch *watch, int key)
{
    if (watch->filter.is_typing && key != KEY_RESIZE) {
        type(watch, key);
        return;
    }
    for (const struct watch_binding *binding = watch_bindings; binding->code; binding++)
        if (binding->code == key) {
            binding->act(watch, binding->argument);
            return;
        }
}
