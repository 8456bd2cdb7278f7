/* SPDX-License-Identifier: MIT */
/* answer_list.h - lists of rows as JSON: the columns as a table, and from it keys, sorting, search.
 *
 *     {"from_s": …, "to_s": …, "damaged_windows": 0, "missing_s": 0, "total": 2, "rows": [{…},
 * {…}]}
 */
#pragma once

#include "base/jsonw.h"
#include "query/ask.h"

enum column_type {
    COLUMN_TEXT,   /* const char *; NULL: null */
    COLUMN_COUNT,  /* uint64_t */
    COLUMN_PID,    /* int32_t; 0: null */
    COLUMN_NUMBER, /* double; NaN: null */
    COLUMN_NS,     /* uint64_t, in JSON seconds */
    COLUMN_WHEN,   /* the same; 0: null */
    COLUMN_FLAG,   /* bool */
    COLUMN_OWN,    /* `write` does it */
};

struct column {
    const char *name;
    enum column_type type;
    size_t offset; /* in the row */
    bool searched; /* `search` looks into it */
    void (*write)(struct jsonw *json, const void *row, void *context);
};

struct list_shape {
    const struct column *columns; /* ended by a row without a name */
    const char *sort;             /* unless asked otherwise; NULL: as they came */
    size_t row_size;
};

/* The rows that the question wants, in its order. `context` is for COLUMN_OWN. ERR_USAGE: there is
 * nothing of that name to sort by; ERR_NO_MEMORY; ERR_LIMIT: more than ANSWER_MAX_BYTES. */
int list_write(const struct ask *ask, const struct store_answer *answer,
               const struct list_shape *shape, const void *rows, uint32_t count, void *context,
               struct buf *out, struct err *err);

/* What begins the object of every answer that is about a range. */
void list_write_range(struct jsonw *json, const struct store_answer *answer);
/* One answer about what two readings found. */
void list_join(struct store_answer *into, const struct store_answer *other);
/* How long it is that something can have been seen: the windows that there were, within the range.
 * 0: there were none. */
double list_seconds(const struct ask *ask, const struct store_answer *answer);
/* The same of a part of the range. */
double list_part_seconds(const struct ask *ask, const struct store_answer *answer, uint64_t from_ns,
                         uint64_t to_ns);
/* Seconds, or null where there are none. */
void list_number(struct jsonw *json, const char *key, double value);
/* Of a finished body: too large, no memory, or 0. */
int list_check(const struct buf *out, struct err *err);
