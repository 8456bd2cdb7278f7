/* SPDX-License-Identifier: MIT */
/* query_text.c - an answer as a table: what programs get as JSON, with columns as wide as what is
 * in them. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/columns.h"
#include "cli/query.h"
#include "codec/text.h"

#define UNKNOWN "-"
#define GAP "  "
#define MAX_COLUMNS 16u

/* -- cells ----------------------------------------------------------------------------------- */

void query_add_text(struct buf *out, const char *text)
{
    text_add_line(out, text, strlen(text), 0, 0);
}

static void add_number(struct buf *out, double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        buf_printf(out, "%.0f", value);
    else
        buf_printf(out, fabs(value) < 0.1 ? "%.3f" : "%.2f", value);
}

static void add_bytes(struct buf *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    buf_printf(out, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void add_when(struct buf *out, double seconds)
{
    char text[40];
    struct tm local;
    time_t at = (time_t)seconds;
    if (!localtime_r(&at, &local) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local))
        text[0] = '\0';
    buf_add_str(out, text);
}

static void add_seconds(struct buf *out, double seconds) /* columns_seconds() without its padding */
{
    struct buf text;
    buf_init(&text, 0);
    columns_seconds(&text, seconds);
    const char *begin = text.data ? text.data + strspn(text.data, " ") : "";
    size_t size = strlen(begin);
    while (size && begin[size - 1] == ' ')
        size--;
    buf_add(out, begin, size);
    buf_done(&text);
}

static void add_list(struct buf *out, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        buf_add_str(out, i ? " " : "");
        query_add_text(out, json_is_string(item) ? json_string_value(item) : UNKNOWN);
    }
}

void query_add_cell(struct buf *out, const json_t *value, enum query_show show)
{
    double number = json_number_value(value);
    if (show == QUERY_LIST)
        add_list(out, value);
    else if (show == QUERY_FLAG)
        buf_add_str(out, json_is_true(value) ? "yes" : UNKNOWN);
    else if (show == QUERY_TEXT)
        query_add_text(out, json_is_string(value) ? json_string_value(value) : UNKNOWN);
    else if (!json_is_number(value))
        buf_add_str(out, UNKNOWN);
    else if (show == QUERY_COUNT)
        columns_count(out, number > 0 ? (uint64_t)number : 0);
    else if (show == QUERY_SECONDS)
        add_seconds(out, number);
    else if (show == QUERY_BYTES)
        add_bytes(out, number);
    else if (show == QUERY_SHARE)
        buf_printf(out, "%.2f %%", 100 * number);
    else if (show == QUERY_WHEN)
        add_when(out, number);
    else
        add_number(out, number);
}

/* -- tables ---------------------------------------------------------------------------------- */

struct grid { /* cells of all rows, titles first; the text of one begins where the last ended */
    const struct query_column *columns;
    size_t column_count, row_count;
    struct buf text;
    size_t *ends;
    size_t widths[MAX_COLUMNS];
};

static size_t characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static bool is_left(enum query_show show)
{
    return show == QUERY_TEXT || show == QUERY_LIST || show == QUERY_WHEN || show == QUERY_FLAG;
}

static void end_cell(struct grid *grid, size_t at, size_t begin)
{
    size_t width =
        grid->text.data ? characters(grid->text.data + begin, grid->text.size - begin) : 0;
    size_t *widest = &grid->widths[at % grid->column_count];
    grid->ends[at] = grid->text.size;
    *widest = width > *widest ? width : *widest;
}

static int fill(struct grid *grid, const json_t *rows)
{
    size_t at = 0, i;
    json_t *row;
    grid->row_count = json_array_size(rows) + 1;
    grid->ends = calloc(grid->row_count * grid->column_count, sizeof *grid->ends);
    if (!grid->ends)
        return ERR_NO_MEMORY;
    for (; at < grid->column_count; at++) {
        size_t begin = grid->text.size;
        buf_add_str(&grid->text, grid->columns[at].title);
        end_cell(grid, at, begin);
    }
    json_array_foreach(rows, i, row)
    {
        for (size_t column = 0; column < grid->column_count; column++, at++) {
            const struct query_column *about = &grid->columns[column];
            size_t begin = grid->text.size;
            query_add_cell(&grid->text, json_object_get(row, about->key), about->show);
            end_cell(grid, at, begin);
        }
    }
    return buf_failed(&grid->text) ? ERR_NO_MEMORY : 0;
}

static void print_row(const struct grid *grid, size_t row, unsigned width, struct buf *out)
{
    size_t start = out->size;
    for (size_t column = 0; column < grid->column_count; column++) {
        size_t at = row * grid->column_count + column;
        size_t begin = at ? grid->ends[at - 1] : 0, size = grid->ends[at] - begin;
        size_t pad = grid->widths[column] - characters(grid->text.data + begin, size);
        bool left = is_left(grid->columns[column].show);
        buf_add_str(out, column ? GAP : "");
        buf_printf(out, "%*s", left ? 0 : (int)pad, "");
        buf_add(out, grid->text.data + begin, size);
        if (left && column + 1 < grid->column_count)
            buf_printf(out, "%*s", (int)pad, "");
    }
    columns_end_line(out, start, width);
}

static int print_list(const struct query_column *columns, const json_t *answer, unsigned width,
                      struct buf *out)
{
    const json_t *rows = json_object_get(answer, "rows");
    struct grid grid = {.columns = columns};
    size_t shown = json_array_size(rows);
    json_int_t total = json_integer_value(json_object_get(answer, "total"));
    while (columns[grid.column_count].key)
        grid.column_count++;
    buf_init(&grid.text, 0);
    int result = shown ? fill(&grid, rows) : 0;
    for (size_t row = 0; row < grid.row_count && result == 0; row++)
        print_row(&grid, row, width, out);
    free(grid.ends);
    buf_done(&grid.text);
    if (total > (json_int_t)shown)
        log_info("%zu of %lld; --limit 0 shows all", shown, (long long)total);
    if (!shown)
        log_info("there is nothing in this range");
    return result;
}

/* -- the answer ------------------------------------------------------------------------------ */

static void warn(const json_t *answer)
{
    json_int_t damaged = json_integer_value(json_object_get(answer, "damaged_windows"));
    double missing_s = json_number_value(json_object_get(answer, "missing_s"));
    if (damaged > 0)
        log_warning("%lld windows are damaged and were left out", (long long)damaged);
    if (missing_s > 0)
        log_warning("%.0f minutes could not be read", missing_s / 60);
}

static int print(const struct query_question *question, const json_t *answer, unsigned width,
                 struct buf *out)
{
    const struct query_column *columns = query_columns(question->name);
    if (question->id)
        query_trace_text(answer, width, out);
    else if (columns)
        return print_list(columns, answer, width, out);
    else if (!strcmp(question->name, QUERY_STATUS))
        query_status_text(answer, out);
    else if (!strcmp(question->name, "histogram"))
        query_histogram_text(answer, out);
    else
        query_series_text(answer, out);
    return 0;
}

int query_text(const struct query_question *question, const struct buf *json, unsigned width,
               struct buf *out, struct err *err)
{
    json_error_t where;
    json_t *answer = json_loadb(json->data ? json->data : "", json->size, 0, &where);
    if (!json_is_object(answer)) {
        json_decref(answer);
        return err_set(err, ERR_BAD_DATA, "the answer is no JSON object: %s", where.text);
    }
    warn(answer);
    int result = print(question, answer, width, out);
    json_decref(answer);
    return result < 0 ? err_set(err, result, "out of memory") : 0;
}
