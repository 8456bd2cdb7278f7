/* SPDX-License-Identifier: MIT */
#include "query/answer_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- cells ----------------------------------------------------------------------------------- */

static const void *cell(const struct column *column, const void *row)
{
    return (const char *)row + column->offset;
}

static bool has_order(const struct column *column)
{
    return column->type != COLUMN_TEXT && column->type != COLUMN_FLAG && column->type != COLUMN_OWN;
}

/* What it is sorted by: NaN where nothing is known. */
static double order_of(const struct column *column, const void *row)
{
    const void *at = cell(column, row);
    switch (column->type) {
    case COLUMN_COUNT:
    case COLUMN_NS:
        return (double)*(const uint64_t *)at;
    case COLUMN_WHEN:
        return *(const uint64_t *)at ? (double)*(const uint64_t *)at : NAN;
    case COLUMN_PID:
        return *(const int32_t *)at ? (double)*(const int32_t *)at : NAN;
    case COLUMN_NUMBER:
        return *(const double *)at;
    default:
        return NAN;
    }
}

void list_number(struct jsonw *json, const char *key, double value)
{
    jsonw_key(json, key);
    jsonw_double(json, value); /* NaN is null */
}

static void write_cell(struct jsonw *json, const struct column *column, const void *row,
                       void *context)
{
    const void *at = cell(column, row);
    jsonw_key(json, column->name);
    switch (column->type) {
    case COLUMN_TEXT:
        if (*(const char *const *)at)
            jsonw_string(json, *(const char *const *)at);
        else
            jsonw_null(json);
        break;
    case COLUMN_COUNT:
        jsonw_u64(json, *(const uint64_t *)at);
        break;
    case COLUMN_PID:
        if (*(const int32_t *)at)
            jsonw_i64(json, *(const int32_t *)at);
        else
            jsonw_null(json);
        break;
    case COLUMN_NS:
    case COLUMN_WHEN:
        if (column->type == COLUMN_WHEN && !*(const uint64_t *)at)
            jsonw_null(json);
        else
            jsonw_double(json, (double)*(const uint64_t *)at / 1e9);
        break;
    case COLUMN_NUMBER:
        jsonw_double(json, *(const double *)at);
        break;
    case COLUMN_FLAG:
        jsonw_bool(json, *(const bool *)at);
        break;
    case COLUMN_OWN:
        column->write(json, row, context);
        break;
    }
}

/* -- which, and in which order --------------------------------------------------------------- */

static bool is_found(const struct list_shape *shape, const void *row, const char *search)
{
    if (!search || !*search)
        return true;
    for (const struct column *column = shape->columns; column->name; column++) {
        const char *text = column->searched ? *(const char *const *)cell(column, row) : NULL;
        if (text && strcasestr(text, search))
            return true;
    }
    return false;
}

struct ranked {
    const void *row;
    double order;
    uint32_t at; /* as they came */
};

/* Largest first; what is not known last; else as they came. */
static int compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (isnan(a->order) != isnan(b->order))
        return isnan(a->order) ? 1 : -1;
    if (a->order < b->order || a->order > b->order)
        return a->order < b->order ? 1 : -1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static int refuse_sort(const struct list_shape *shape, const char *sort, struct err *err)
{
    struct buf names;
    buf_init(&names, 0);
    for (const struct column *column = shape->columns; column->name; column++)
        if (has_order(column))
            buf_printf(&names, " %s", column->name);
    err_set(err, ERR_USAGE, "sort: %.80s is none of:%s", sort, names.data ? names.data : "");
    buf_done(&names);
    return ERR_USAGE;
}

static int find_sort(const struct ask *ask, const struct list_shape *shape,
                     const struct column **out, struct err *err)
{
    const char *sort = ask->sort ? ask->sort : shape->sort;
    *out = NULL;
    for (const struct column *column = shape->columns; sort && column->name; column++)
        if (has_order(column) && !strcmp(column->name, sort))
            *out = column;
    return sort && !*out ? refuse_sort(shape, sort, err) : 0;
}

/* -- writing --------------------------------------------------------------------------------- */

int list_check(const struct buf *out, struct err *err)
{
    if (!buf_failed(out) && out->size <= ANSWER_MAX_BYTES)
        return 0;
    return err_set(err, ERR_LIMIT, "the answer is larger than 256 MiB; ask for less of it");
}

void list_write_range(struct jsonw *json, const struct store_answer *answer)
{
    jsonw_key_double(json, "from_s", (double)answer->from_ns / 1e9);
    jsonw_key_double(json, "to_s", (double)answer->to_ns / 1e9);
    jsonw_key_u64(json, "damaged_windows", answer->damaged_windows);
    jsonw_key_double(json, "missing_s", (double)answer->missing_ns / 1e9);
}

void list_join(struct store_answer *into, const struct store_answer *other)
{
    if (other->from_ns < into->from_ns)
        into->from_ns = other->from_ns;
    if (other->to_ns > into->to_ns)
        into->to_ns = other->to_ns;
    if (other->first_ns && (!into->first_ns || other->first_ns < into->first_ns))
        into->first_ns = other->first_ns;
    if (other->last_ns > into->last_ns)
        into->last_ns = other->last_ns;
    if (other->longest_ns > into->longest_ns)
        into->longest_ns = other->longest_ns;
    if (other->missing_ns > into->missing_ns)
        into->missing_ns = other->missing_ns;
    into->damaged_windows += other->damaged_windows;
    into->windows += other->windows;
}

double list_part_seconds(const struct ask *ask, const struct store_answer *answer, uint64_t from_ns,
                         uint64_t to_ns)
{
    struct store_answer part = *answer;
    part.from_ns = from_ns > answer->from_ns ? from_ns : answer->from_ns;
    part.to_ns = to_ns < answer->to_ns ? to_ns : answer->to_ns;
    return list_seconds(ask, &part);
}

double list_seconds(const struct ask *ask, const struct store_answer *answer)
{
    uint64_t now_ns = ask->request->now_wall_ns;
    uint64_t from_ns = answer->first_ns > answer->from_ns ? answer->first_ns : answer->from_ns;
    uint64_t to_ns = answer->last_ns < answer->to_ns ? answer->last_ns : answer->to_ns;
    to_ns = to_ns > now_ns && now_ns > from_ns ? now_ns : to_ns; /* a window that is not over */
    return answer->first_ns && to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static void write_rows(const struct ask *ask, const struct store_answer *answer,
                       const struct list_shape *shape, const struct ranked *ranked, uint32_t count,
                       void *context, struct buf *out)
{
    uint32_t shown = ask->limit && ask->limit < count ? ask->limit : count;
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    list_write_range(&json, answer);
    jsonw_key_u64(&json, "total", count);
    jsonw_key(&json, "rows");
    jsonw_array_begin(&json);
    for (uint32_t i = 0; i < shown && !buf_failed(out); i++) {
        jsonw_object_begin(&json);
        for (const struct column *column = shape->columns; column->name; column++)
            write_cell(&json, column, ranked[i].row, context);
        jsonw_object_end(&json);
    }
    jsonw_array_end(&json);
    jsonw_object_end(&json);
}

int list_write(const struct ask *ask, const struct store_answer *answer,
               const struct list_shape *shape, const void *rows, uint32_t count, void *context,
               struct buf *out, struct err *err)
{
    const struct column *sort;
    int result = find_sort(ask, shape, &sort, err);
    if (result < 0)
        return result;
    struct ranked *ranked = malloc((count + 1) * sizeof *ranked);
    if (!ranked)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const void *row = (const char *)rows + i * shape->row_size;
        if (is_found(shape, row, ask->search))
            ranked[found++] = (struct ranked){row, sort ? order_of(sort, row) : 0, i};
    }
    qsort(ranked, found, sizeof *ranked, compare);
    write_rows(ask, answer, shape, ranked, found, context, out);
    free(ranked);
    return list_check(out, err);
}
