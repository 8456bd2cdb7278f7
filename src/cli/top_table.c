/* SPDX-License-Identifier: MIT */
/* top_table.c - the table of functions or lines.
 *
 * Columns have a width of their own and a width of the terminal from which on they are shown; the
 * name takes the rest.
 */
#include <string.h>

#include "cli/top.h"
#include "cli/top_draw.h"

#define HOT 0.20 /* own share now */
#define WARM 0.05
#define FILE_MIN 8 /* columns; a file in fewer says nothing */

struct column {
    const char *title; /* over a pair of columns, at the first of them */
    const char *name;
    int width;
    int from_columns;
    int sort; /* enum live_sort; -1: none */
    void (*show)(char out[FIT_NUMBER], const struct top *top, const struct live_row *row);
};

static void show_own_now(char out[FIT_NUMBER], const struct top *top, const struct live_row *row)
{
    fit_share(out, row->own[LIVE_NOW].us[top->mode], top_whole_us(top, LIVE_NOW));
}

static void show_total_now(char out[FIT_NUMBER], const struct top *top, const struct live_row *row)
{
    fit_share(out, row->total[LIVE_NOW].us[top->mode], top_whole_us(top, LIVE_NOW));
}

static void show_own_since(char out[FIT_NUMBER], const struct top *top, const struct live_row *row)
{
    fit_share(out, row->own[LIVE_SINCE].us[top->mode], top_whole_us(top, LIVE_SINCE));
}

static void show_total_since(char out[FIT_NUMBER], const struct top *top,
                             const struct live_row *row)
{
    fit_share(out, row->total[LIVE_SINCE].us[top->mode], top_whole_us(top, LIVE_SINCE));
}

static void show_own_time(char out[FIT_NUMBER], const struct top *top, const struct live_row *row)
{
    fit_time(out, row->own[LIVE_SINCE].us[top->mode]);
}

static void show_total_time(char out[FIT_NUMBER], const struct top *top, const struct live_row *row)
{
    fit_time(out, row->total[LIVE_SINCE].us[top->mode]);
}

static void show_gil(char out[FIT_NUMBER], const struct top *top, const struct live_row *row)
{
    fit_share(out, row->own[LIVE_NOW].us[LIVE_GIL], top->live.scope[LIVE_NOW].elapsed_us);
}

static const struct column columns[] = {
    {"now %", "own", 4, 0, LIVE_BY_OWN_NOW, show_own_now},
    {NULL, "tot", 4, 0, LIVE_BY_TOTAL_NOW, show_total_now},
    {"all %", "own", 4, 60, LIVE_BY_OWN_SINCE, show_own_since},
    {NULL, "tot", 4, 60, LIVE_BY_TOTAL_SINCE, show_total_since},
    {"all, time", "own", 5, 72, -1, show_own_time},
    {NULL, "tot", 5, 80, -1, show_total_time},
    {NULL, "GIL", 4, 50, LIVE_BY_GIL, show_gil},
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)
#define HISTORY_FROM_COLUMNS 112

/* ---- head ---------------------------------------------------------------------------------- */

/* Two lines where there are two times to tell apart, else one. */
static int draw_head(const struct top *top, struct draw_area area)
{
    bool is_double = area.columns >= columns[2].from_columns && area.rows >= 6;
    int row = area.row + is_double, at = 1;
    attr_t plain = A_BOLD | draw_colour(top, DRAW_CYAN);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const struct column *column = &columns[i];
        if (area.columns < column->from_columns)
            continue;
        if (is_double && column->title)
            draw_words(area.row, at, 2 * column->width + 1, column->title, plain);
        bool is_sorted = column->sort == (int)top->sort;
        draw_format(row, at, column->width + 1, is_sorted ? plain | A_UNDERLINE : plain, "%*s%s",
                    column->width, column->name,
                    !is_sorted          ? ""
                    : top->look.unicode ? "▾"
                                        : "v");
        at += column->width + 1;
    }
    if (area.columns >= HISTORY_FROM_COLUMNS) {
        draw_words(row, at + 1, LIVE_HISTORY, "own, lately", plain);
        at += LIVE_HISTORY + 2;
    }
    bool is_sorted = top->sort == LIVE_BY_NAME;
    draw_format(row, at + 1, area.columns - at - 1, plain, "%s%s",
                top->live.by == GROUP_LINE ? "line" : "function",
                !is_sorted          ? ""
                : top->look.unicode ? "▾"
                                    : "v");
    return row - area.row + 1;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static attr_t heat(const struct top *top, const struct live_row *row)
{
    uint64_t whole = top_whole_us(top, LIVE_NOW);
    double share = whole ? (double)row->own[LIVE_NOW].us[top->mode] / (double)whole : 0;
    if (share >= HOT)
        return A_BOLD | draw_colour(top, DRAW_RED);
    return share >= WARM ? A_BOLD | draw_colour(top, DRAW_YELLOW) : 0;
}

/* "name  file:line": the name from its beginning, the file from its end. */
void draw_group(const struct top *top, int row, int column, int room, const struct group *group,
                attr_t attributes)
{
    char number[16] = "", file[FIT_MAX + 16];
    if (group->line > 0)
        snprintf(number, sizeof number, ":%d", group->line);
    /* The end of a path is what matters; the number is always whole. */
    uint32_t size = group->file.size, from = size > FIT_MAX - 1 ? size - (FIT_MAX - 1) : 0;
    snprintf(file, sizeof file, "%.*s%s", (int)(size - from), group->file.text + from, number);
    struct fit_text name, place;
    fit_text(&name, group->name.text, group->name.size, FIT_MAX, FIT_CUT_END);
    fit_text(&place, file, strlen(file), FIT_MAX, FIT_CUT_BEGIN);
    int for_file = group->file.size ? (int)place.columns : 0;
    int for_name = (int)name.columns;
    if (for_name + 2 + for_file > room) { /* the name first, but not all of it */
        int least = room * 2 / 3;
        for_name = for_name < least ? for_name : least;
        for_file = room - for_name - 2 < for_file ? room - for_name - 2 : for_file;
        if (for_file < FILE_MIN)
            for_file = 0;
        for_name = for_file ? room - 2 - for_file : room;
    }
    int at = column + draw_text(row, column, for_name, group->name.text, group->name.size,
                                FIT_CUT_END, attributes);
    draw_text(row, at + 2, for_file, file, strlen(file), FIT_CUT_BEGIN,
              attributes ? attributes : A_DIM | draw_colour(top, DRAW_PLAIN));
}

static int draw_history(const struct top *top, int row, int at, const struct live_row *values,
                        attr_t attributes)
{
    uint8_t history[LIVE_HISTORY];
    live_history(&top->live, values, history);
    for (int i = 0; i < (int)LIVE_HISTORY; i++)
        draw_bar(row, at + 1 + i, history[i] / 255.0,
                 attributes ? attributes : draw_colour(top, DRAW_GREEN));
    return at + (int)LIVE_HISTORY + 2;
}

static void draw_row(const struct top *top, int row, int width, uint32_t group, bool is_selected)
{
    const struct live_row *values = &top->live.rows[group];
    attr_t all = is_selected ? A_REVERSE : 0;
    if (is_selected)
        draw_fill(row, 0, width, all);
    int at = 1;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        char text[FIT_NUMBER];
        if (width < columns[i].from_columns)
            continue;
        columns[i].show(text, top, values);
        draw_words(row, at, columns[i].width, text, all ? all : i == 0 ? heat(top, values) : 0);
        at += columns[i].width + 1;
    }
    if (values->trend && !top->frozen && !top->exited)
        draw_words(row, 0, 1,
                   values->trend > 0 ? (top->look.unicode ? "▴" : "+")
                                     : (top->look.unicode ? "▾" : "-"),
                   all);
    if (width >= HISTORY_FROM_COLUMNS)
        at = draw_history(top, row, at, values, all);
    draw_group(top, row, at + 1, width - at - 1, &top->live.grouping.groups[group], all);
}

static const char *why_empty(const struct top *top)
{
    if (top->filter.is_set)
        return "nothing matches the filter; Esc takes it away";
    if (top->mode != LIVE_WALL && top->profile->stats.samples)
        return "not seen running yet; m shows waiting threads, too";
    return "nothing seen yet";
}

void draw_table(struct top *top, struct draw_area area)
{
    int head = draw_head(top, area), rows = area.rows - head;
    if (rows <= 0)
        return;
    if (top->selected == PROFILE_NONE)
        top->position = 0;
    draw_scroll(top, top->list.count, rows);
    if (!top->list.count)
        draw_words(area.row + head, 1, area.columns - 1, why_empty(top), A_BOLD);
    for (int i = 0; i < rows && top->first + (uint32_t)i < top->list.count; i++) {
        uint32_t group = top->list.items[top->first + (uint32_t)i];
        draw_row(top, area.row + head + i, area.columns, group, group == top->selected);
    }
}
