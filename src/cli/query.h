/* SPDX-License-Identifier: MIT */
/* query.h - the parts of `pitviper query`: where an answer comes from, and how it looks.
 *
 *   cmd_query.c     options, and which part does what
 *   query_place.c   a store on this machine, or a running daemon through HTTP
 *   query_http.c    the latter
 *   query_text.c    tables for people, from the JSON that programs get
 *   query_shapes.c  which columns of which answer
 *   query_special.c what is no table: a histogram, series, a trace
 *   query_profile.c flame graphs and other files, top, diff
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "query/answer.h"

struct json_t;
struct store;

#define QUERY_MAX_PARAMS 32u
#define QUERY_STATUS "status" /* no answer of the store, but of a daemon: through --url only */

struct query_question {
    const char *name, *id; /* id: NULL without one */
    struct answer_param params[QUERY_MAX_PARAMS];
    size_t param_count;
};

/* Sets or replaces; NULL: takes it away. Borrows. */
void query_set(struct query_question *question, const char *name, const char *value);
const char *query_get(const struct query_question *question,
                      const char *name); /* NULL: not there */

struct query_place {
    const char *data;  /* a directory; NULL: the default */
    const char *url;   /* "http://127.0.0.1:7117"; NULL: the store */
    const char *token; /* for the URL; NULL: none */
    uint64_t now_ns;
    struct store *store; /* opened at the first question */
};

void query_place_done(struct query_place *place);
/* Appends the body. Errors are those of answer.h; of a daemon ERR_IO (it is not running, or too
 * slow) and ERR_DENIED (it wants a token) too. */
int query_ask(struct query_place *place, const struct query_question *question, struct buf *out,
              struct err *err);
int query_http_ask(const struct query_place *place, const struct query_question *question,
                   struct buf *out, struct err *err);

/* -- for people ------------------------------------------------------------------------------ */

enum query_show {
    QUERY_TEXT,
    QUERY_COUNT,
    QUERY_NUMBER,
    QUERY_SECONDS,
    QUERY_BYTES,
    QUERY_SHARE,
    QUERY_WHEN,
    QUERY_FLAG,
    QUERY_LIST, /* of texts */
};

struct query_column {
    const char *key, *title;
    enum query_show show;
};

/* Ended by a row without a key; NULL: the answer is no list. */
const struct query_column *query_columns(const char *name);

/* The whole answer; `width` as columns_width(). ERR_BAD_DATA: it is not what it should be. */
int query_text(const struct query_question *question, const struct buf *json, unsigned width,
               struct buf *out, struct err *err);
void query_histogram_text(const struct json_t *answer, struct buf *out);
void query_series_text(const struct json_t *answer, struct buf *out);
void query_status_text(const struct json_t *answer, struct buf *out);
void query_trace_text(const struct json_t *answer, unsigned width, struct buf *out);

/* Cells, for all of them. A text of any origin cannot move the cursor. */
void query_add_text(struct buf *out, const char *text);
void query_add_cell(struct buf *out, const struct json_t *value, enum query_show show);

/* -- profiles -------------------------------------------------------------------------------- */

/* In the format of the file's name or by name (NULL), into the file. */
int query_write_profile(struct query_place *place, struct query_question *question,
                        const char *path, const char *format, struct err *err);
int query_top_text(struct query_place *place, struct query_question *question, uint32_t limit,
                   unsigned width, struct buf *out, struct err *err);
int query_diff_text(struct query_place *place, struct query_question *question, uint32_t limit,
                    unsigned width, struct buf *out, struct err *err);
