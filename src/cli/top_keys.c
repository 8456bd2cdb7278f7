/* SPDX-License-Identifier: MIT */
#include "cli/top_keys.h"

#include <curses.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/top.h"
#include "cli/tty.h"
#include "query/view.h"

static void check(struct top *top, int result)
{
    if (result < 0)
        top->fault = result;
}

/* ---- screens ------------------------------------------------------------------------------- */

static void show(struct top *top, enum top_screen screen)
{
    top->screen = screen;
    top->position = top->first = 0;
    if (screen != TOP_TABLE)
        return;
    top->trail_count = 0;
    check(top, live_focus(&top->live, PROFILE_NONE));
}

static void quit(struct top *top, int argument)
{
    (void)argument;
    *top->stop = 1;
}

static void help(struct top *top, int argument)
{
    (void)argument;
    if (top->screen != TOP_HELP)
        top->before_help = top->screen;
    top->screen = top->screen == TOP_HELP ? top->before_help : TOP_HELP;
    top->position = top->first = 0;
}

static void threads(struct top *top, int argument)
{
    (void)argument;
    show(top, TOP_THREADS);
}

static void focus(struct top *top, uint32_t group)
{
    if (top->trail_count == TOP_DEPTH_MAX) { /* the oldest steps are forgotten */
        top->trail_count--;
        memmove(top->trail, top->trail + 1, top->trail_count * sizeof *top->trail);
    }
    top->trail[top->trail_count++] = group;
    check(top, live_focus(&top->live, group));
    top->screen = TOP_DRILL;
    top->position = top->first = 0;
}

static void back(struct top *top, int argument)
{
    (void)argument;
    if (top->screen == TOP_HELP) {
        help(top, 0);
    } else if (top->screen == TOP_DRILL && top->trail_count > 1) {
        top->trail_count -= 2;
        focus(top, top->trail[top->trail_count]);
    } else if (top->screen != TOP_TABLE) {
        show(top, TOP_TABLE);
    } else if (top->selected != PROFILE_NONE) {
        top->selected = PROFILE_NONE;
        top->position = top->first = 0;
    } else {
        row_filter_clear(&top->filter);
    }
}

static void select_part(struct top *top, enum group_by by, uint32_t thread)
{
    bool regroups = by != top->live.by;
    check(top, live_select(&top->live, by, thread));
    if (!regroups)
        return;
    top->selected = PROFILE_NONE;
    show(top, TOP_TABLE);
}

static void enter_neighbour(struct top *top)
{
    uint32_t callers = top->neighbours[LIVE_CALLERS].count, at = top->position;
    bool is_caller = at < callers;
    const struct live_list *list = &top->neighbours[is_caller ? LIVE_CALLERS : LIVE_CALLEES];
    uint32_t item = is_caller ? at : at - callers;
    if (item >= list->count)
        return;
    if (list->items[item] == top->live.grouping.count)
        top_say(top, is_caller ? "nobody called it: it is the outermost function"
                               : "that is the time of the function itself");
    else
        focus(top, list->items[item]);
}

static void enter(struct top *top, int argument)
{
    (void)argument;
    if (top->screen == TOP_TABLE && top->position < top->list.count) {
        top->selected = top->list.items[top->position];
        focus(top, top->selected);
    } else if (top->screen == TOP_DRILL) {
        enter_neighbour(top);
    } else if (top->screen == TOP_THREADS && top->position <= top->thread_count) {
        uint32_t chosen = top->position ? top->threads[top->position - 1].thread : PROFILE_NONE;
        select_part(top, top->live.by, chosen);
        show(top, TOP_TABLE);
    } else if (top->screen == TOP_HELP) {
        help(top, 0);
    }
}

/* ---- moving -------------------------------------------------------------------------------- */

static void move_to(struct top *top, uint32_t position)
{
    uint32_t count = top_item_count(top);
    if (top->screen == TOP_HELP) { /* drawing knows where it ends */
        top->first = position;
        return;
    }
    if (count == 0)
        return;
    top->position = position < count ? position : count - 1;
    if (top->screen == TOP_TABLE)
        top->selected = top->list.items[top->position];
}

static void move_by(struct top *top, int lines)
{
    bool is_first_move = top->screen == TOP_TABLE && top->selected == PROFILE_NONE;
    uint32_t from = top->screen == TOP_HELP ? top->first : top->position;
    if (is_first_move && lines == 1)
        lines = 0; /* from no line to the first */
    uint32_t up = lines < 0 ? (uint32_t)-lines : 0;
    move_to(top, lines >= 0 ? from + (uint32_t)lines : from > up ? from - up : 0);
}

static void page_by(struct top *top, int pages)
{
    int page = top->page > 1 ? (int)top->page - 1 : 1;
    move_by(top, pages * page);
}

static void move_to_end(struct top *top, int to_last)
{
    uint32_t count = top_item_count(top);
    move_to(top, to_last && count ? count - 1 : 0);
}

/* ---- what is shown ------------------------------------------------------------------------- */

static void sort_by(struct top *top, int sort)
{
    top->sort = (enum live_sort)sort;
}

static void sort_next(struct top *top, int step)
{
    top->sort = (enum live_sort)(((int)top->sort + step + LIVE_SORTS) % LIVE_SORTS);
}

static void next_mode(struct top *top, int argument)
{
    (void)argument;
    static const char *const meaning[LIVE_MODES] = {
        [LIVE_CPU] = "CPU: threads that run",
        [LIVE_WALL] = "wall clock: threads that run or wait",
        [LIVE_GIL] = "GIL: the thread that holds it",
    };
    top->mode = (enum live_mode)((top->mode + 1) % LIVE_MODES);
    live_set_mode(&top->live, top->mode);
    top_say(top, "%s", meaning[top->mode]);
}

static void next_thread(struct top *top, int step)
{
    /* All threads, the first, …, the last, and round. */
    uint32_t places = top->profile->thread_count + 1;
    uint32_t at = top->live.thread == PROFILE_NONE ? 0 : top->live.thread + 1;
    at = (at + places + (uint32_t)step) % places;
    select_part(top, top->live.by, at ? at - 1 : PROFILE_NONE);
}

static void lines(struct top *top, int argument)
{
    (void)argument;
    bool by_line = top->live.by == GROUP_LINE;
    select_part(top, by_line ? GROUP_FUNCTION : GROUP_LINE, top->live.thread);
    top_say(top, by_line ? "a row per function" : "a row per line");
}

static void shares(struct top *top, int argument)
{
    (void)argument;
    top->of_time = !top->of_time;
    top_say(top, top->of_time ? "100 is one thread, all the time" : "100 is all that is in view");
}

static void freeze(struct top *top, int argument)
{
    (void)argument;
    if (top->exited)
        return;
    top->frozen = !top->frozen;
    if (top->frozen)
        return;
    check(top, top_close(top, clock_mono_ns()));
    live_forget_window(&top->live); /* the pause is not "now" */
}

static void reset(struct top *top, int argument)
{
    (void)argument;
    if (top->exited) {
        top_say(top, "the process has exited: there is nothing to begin anew");
        return;
    }
    top->frozen = false;
    top_reset(top);
    top_say(top, "counting from now");
}

static void save(struct top *top, int argument)
{
    (void)argument;
    char path[256];
    struct err err;
    if (top_save(top, path, sizeof path, &err) < 0)
        top_say(top, "%s", err.text);
    else
        top_say(top, "saved %s", path);
}

static void redraw(struct top *top, int argument)
{
    (void)top;
    (void)argument;
    clearok(stdscr, TRUE);
}

/* ---- typing -------------------------------------------------------------------------------- */

static void begin_filter(struct top *top, int argument)
{
    (void)argument;
    row_filter_type(&top->filter);
}

static void type(struct top *top, int key)
{
    struct err err;
    top->message_until_ns = 0;
    int result = row_filter_key(&top->filter, key, &err);
    if (result < 0)
        top_say(top, "%s", err.text);
    if (result <= 0)
        return;
    top->selected = PROFILE_NONE;
    show(top, TOP_TABLE);
}

/* ---- the table ----------------------------------------------------------------------------- */

const struct top_binding top_bindings[] = {
    {"q", 'q', "quit; Ctrl-C, too", quit, 0},
    {"h ?", 'h', "this page, and back", help, 0},
    {NULL, '?', NULL, help, 0},
    {"Up Down", KEY_UP, "choose a row; PgUp, PgDn, Home and End, too", move_by, -1},
    {NULL, 'k', NULL, move_by, -1},
    {NULL, KEY_DOWN, NULL, move_by, 1},
    {NULL, 'j', NULL, move_by, 1},
    {NULL, KEY_PPAGE, NULL, page_by, -1},
    {NULL, KEY_NPAGE, NULL, page_by, 1},
    {NULL, KEY_HOME, NULL, move_to_end, 0},
    {NULL, KEY_END, NULL, move_to_end, 1},
    {"Enter", '\r', "callers and callees of the function; again to go on", enter, 0},
    {NULL, '\n', NULL, enter, 0},
    {NULL, KEY_ENTER, NULL, enter, 0},
    {"Esc", TTY_ESCAPE, "one step back; on the table: no choice, no filter; Backspace, too", back,
     0},
    {NULL, KEY_BACKSPACE, NULL, back, 0},
    {NULL, TTY_DELETE, NULL, back, 0},
    {NULL, TTY_CTRL('H'), NULL, back, 0},
    {"1 2 3 4", '1', "sort by own or total share now, own or total since the start", sort_by,
     LIVE_BY_OWN_NOW},
    {NULL, '2', NULL, sort_by, LIVE_BY_TOTAL_NOW},
    {NULL, '3', NULL, sort_by, LIVE_BY_OWN_SINCE},
    {NULL, '4', NULL, sort_by, LIVE_BY_TOTAL_SINCE},
    {"5 6", '5', "sort by time with the GIL; by name", sort_by, LIVE_BY_GIL},
    {NULL, '6', NULL, sort_by, LIVE_BY_NAME},
    {"< >", '<', "sort by the column before, behind", sort_next, -1},
    {NULL, '>', NULL, sort_next, 1},
    {"/", '/', "only names and files that match a regular expression", begin_filter, 0},
    {"t", 't', "threads: choose one", threads, 0},
    {"Left Right", KEY_LEFT, "the thread before, the next one", next_thread, -1},
    {NULL, KEY_RIGHT, NULL, next_thread, 1},
    {"m", 'm', "CPU, wall-clock or GIL time", next_mode, 0},
    {"l", 'l', "a row per function or per line", lines, 0},
    {"%", '%', "100 is all in view, or one thread all the time", shares, 0},
    {"Space", ' ', "freeze the picture; sampling goes on", freeze, 0},
    {"r", 'r', "reset: count from now", reset, 0},
    {"s", 's', "save what is in view since the start as a flame graph", save, 0},
    {NULL, TTY_CTRL('L'), NULL, redraw, 0},
    {NULL, KEY_RESIZE, NULL, redraw, 0},
    {0},
};

void top_key(struct top *top, int key)
{
    if (top->filter.is_typing && key != KEY_RESIZE) {
        type(top, key);
        return;
    }
    for (const struct top_binding *binding = top_bindings; binding->code; binding++)
        if (binding->code == key) {
            binding->act(top, binding->argument);
            return;
        }
}
