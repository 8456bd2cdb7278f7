/* SPDX-License-Identifier: MIT */
/* top_screens.c - the screens beside the table: callers and callees, threads, help. */
#include <string.h>

#include "base/clock.h"
#include "cli/request_text.h"
#include "cli/top.h"
#include "cli/top_draw.h"
#include "cli/top_keys.h"

#define NUMBERS 11    /* " 12.3  45.6 " */
#define ROOMY_ROWS 12 /* callers and callees with an empty line between */

static attr_t title_attributes(const struct top *top)
{
    return A_BOLD | draw_colour(top, DRAW_CYAN);
}

/* Share now, share since the start, and then what it is of; where that begins. */
static int draw_shares(const struct top *top, int row, const struct live_time time[LIVE_PERIODS],
                       const uint64_t whole_us[LIVE_PERIODS], attr_t attributes)
{
    char now[FIT_NUMBER], since[FIT_NUMBER];
    fit_share(now, time[LIVE_NOW].us[top->mode], whole_us[LIVE_NOW]);
    fit_share(since, time[LIVE_SINCE].us[top->mode], whole_us[LIVE_SINCE]);
    draw_format(row, 0, NUMBERS, attributes, " %s  %s", now, since);
    return NUMBERS + 1;
}

/* ---- callers and callees ------------------------------------------------------------------- */

struct drill {
    struct top *top;
    int columns;
    uint64_t whole_us[LIVE_PERIODS]; /* the function's own total: 100 % */
};

static void draw_neighbour(const struct drill *drill, int row, enum live_side side, uint32_t index,
                           bool is_selected)
{
    const struct top *top = drill->top;
    uint32_t group = top->neighbours[side].items[index];
    attr_t all = is_selected ? A_REVERSE : 0;
    if (is_selected)
        draw_fill(row, 0, drill->columns, all);
    int at = draw_shares(top, row, top->live.neighbours[side][group].time, drill->whole_us, all);
    if (group < top->live.grouping.count)
        draw_group(top, row, at, drill->columns - at, &top->live.grouping.groups[group], all);
    else
        draw_words(row, at, drill->columns - at,
                   side == LIVE_CALLERS ? "(outermost function)" : "(the function itself)",
                   all ? all : A_DIM);
}

/* A title and `rows` items, scrolled to the selection when that is here. Returns the next row. */
static int draw_side(const struct drill *drill, int row, int rows, enum live_side side)
{
    static const char *const titles[] = {" now %  all %  called by", " now %  all %  calls"};
    const struct top *top = drill->top;
    uint32_t count = top->neighbours[side].count;
    uint32_t before = side == LIVE_CALLEES ? top->neighbours[LIVE_CALLERS].count : 0;
    uint32_t at = top->position - before; /* wraps when it is not here: then beyond count */
    uint32_t first = at < count && at >= (uint32_t)rows ? at - (uint32_t)rows + 1 : 0;
    draw_format(row++, 0, drill->columns, title_attributes(top), "%s (%u)", titles[side], count);
    for (int i = 0; i < rows && first + (uint32_t)i < count; i++)
        draw_neighbour(drill, row++, side, first + (uint32_t)i, first + (uint32_t)i == at);
    return row;
}

void draw_drill(struct top *top, struct draw_area area)
{
    const struct live *live = &top->live;
    if (live->focus >= live->grouping.count)
        return;
    const struct live_row *row = &live->rows[live->focus];
    struct drill drill = {.top = top, .columns = area.columns};
    uint64_t whole_us[LIVE_PERIODS];
    for (unsigned period = 0; period < LIVE_PERIODS; period++) {
        drill.whole_us[period] = row->total[period].us[top->mode];
        whole_us[period] = top_whole_us(top, period);
    }
    int at = draw_shares(top, area.row, row->total, whole_us, A_BOLD);
    draw_group(top, area.row, at, area.columns - at, &live->grouping.groups[live->focus], A_BOLD);
    uint32_t callers = top->neighbours[LIVE_CALLERS].count, all = top_item_count(top);
    if (top->position >= all)
        top->position = all ? all - 1 : 0;
    bool is_roomy = area.rows >= ROOMY_ROWS;
    int rows = area.rows - 3 - 2 * is_roomy; /* three titles */
    top->page = rows > 1 ? (uint32_t)rows : 1;
    int for_callers = rows / 2 < (int)callers ? rows / 2 : (int)callers;
    int for_callees = (int)(all - callers);
    if (for_callees < rows - for_callers) /* what callees do not need */
        for_callers = rows - for_callees < (int)callers ? rows - for_callees : (int)callers;
    int next = draw_side(&drill, area.row + 1 + is_roomy, for_callers, LIVE_CALLERS);
    draw_side(&drill, next + is_roomy, rows - for_callers, LIVE_CALLEES);
}

/* ---- threads ------------------------------------------------------------------------------- */

/* Behind a thread's name: what it works on. Returns the columns used. */
static int draw_request(const struct top *top, int row, int at, int columns, uint32_t thread,
                        attr_t all)
{
    struct collect_request request;
    struct collect *agent = top_request_find(top, thread, &request);
    char text[REQUEST_TEXT_MAX];
    if (!agent || columns - at < 4)
        return 0;
    request_text(agent, &request, clock_mono_ns(), text);
    return 2 + draw_text(row, at + 2, columns - at - 2, text, strlen(text), FIT_CUT_END,
                         all ? all : draw_colour(top, DRAW_CYAN));
}

static void draw_thread(const struct top *top, int row, int columns, uint32_t item, attr_t all)
{
    const struct live *live = &top->live;
    uint64_t elapsed_us[LIVE_PERIODS];
    for (unsigned period = 0; period < LIVE_PERIODS; period++)
        elapsed_us[period] = live->scope[period].elapsed_us;
    if (all)
        draw_fill(row, 0, columns, all);
    if (item == 0) {
        draw_words(row, NUMBERS + 1, columns - NUMBERS - 1, "all threads", all);
        return;
    }
    const struct live_thread *seen = &top->threads[item - 1];
    const struct profile_thread *thread = &top->profile->threads[seen->thread];
    const struct profile_string *name = &top->profile->strings[thread->name];
    char gil[FIT_NUMBER];
    int at = draw_shares(top, row, seen->time, elapsed_us, all);
    fit_share(gil, seen->time[LIVE_NOW].us[LIVE_GIL], elapsed_us[LIVE_NOW]);
    at += draw_format(row, at, columns - at, all, "%s  %7d  ", gil, thread->tid);
    at += draw_text(row, at, columns - at, name->text, name->size, FIT_CUT_END, all);
    at += draw_request(top, row, at, columns, seen->thread, all);
    if (!top->targets.several)
        return;
    char command[128];
    draw_shorten(top->profile->strings[thread->process].text, command, sizeof command);
    draw_format(row, at, columns - at, all ? all : A_DIM, "  of %d %s", thread->pid, command);
}

void draw_threads(struct top *top, struct draw_area area)
{
    int rows = area.rows - 1;
    uint32_t count = top_item_count(top);
    draw_format(area.row, 0, area.columns, title_attributes(top),
                " now %%  all %%   GIL       id  name");
    draw_scroll(top, count, rows);
    for (int i = 0; i < rows && top->first + (uint32_t)i < count; i++) {
        uint32_t item = top->first + (uint32_t)i;
        draw_thread(top, area.row + 1 + i, area.columns, item,
                    item == top->position ? A_REVERSE : 0);
    }
}

/* ---- help ---------------------------------------------------------------------------------- */

static const struct top_binding explanations[] = {
    {"own", 1, "time in the function itself", NULL, 0},
    {"tot", 1, "with what it calls", NULL, 0},
    {"now", 1, "the last two seconds", NULL, 0},
    {"all", 1, "since the start, or since r", NULL, 0},
    {"GIL", 1, "own time with the GIL, in % of the time that passed", NULL, 0},
    {"left edge", 1, "own share now rises or falls by more than 2 %", NULL, 0},
    {0},
};

static uint32_t draw_help_from(const struct top *top, struct draw_area area, uint32_t first)
{
    struct draw_page page = {
        .area = area, .label_attributes = title_attributes(top), .first = first};
    for (const struct top_binding *binding = top_bindings; binding->code; binding++)
        if (binding->label)
            draw_explain(&page, binding->label, binding->help);
    page.line++; /* an empty one */
    for (const struct top_binding *binding = explanations; binding->code; binding++)
        draw_explain(&page, binding->label, binding->help);
    return page.line;
}

void draw_help(struct top *top, struct draw_area area)
{
    struct draw_area nowhere = {.columns = area.columns};
    uint32_t count = draw_help_from(top, nowhere, 0);
    top->page = (uint32_t)area.rows;
    uint32_t last = count > top->page ? count - top->page : 0;
    top->first = top->first < last ? top->first : last;
    draw_help_from(top, area, top->first);
}
