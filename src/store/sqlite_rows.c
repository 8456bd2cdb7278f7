/* SPDX-License-Identifier: MIT */
/* sqlite_rows.c - traces and events: rows with columns to find them by. */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

#define MAX_TRACE_BYTES ((size_t)16 << 20)

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* Copies texts and data behind each other into memory of the row, and points there. */
static int keep(struct pending_row *row, const char **texts[], size_t text_count, const void **data,
                size_t data_size)
{
    size_t size = data_size;
    for (size_t i = 0; i < text_count; i++)
        size += strlen(*texts[i]) + 1;
    row->bytes = malloc(size ? size : 1);
    if (!row->bytes)
        return ERR_NO_MEMORY;
    row->size = size;
    char *at = row->bytes;
    if (data) {
        if (data_size)
            memcpy(at, *data, data_size);
        *data = at;
        at += data_size;
    }
    for (size_t i = 0; i < text_count; i++) {
        size_t length = strlen(*texts[i]) + 1;
        memcpy(at, *texts[i], length);
        *texts[i] = at;
        at += length;
    }
    return 0;
}

static struct pending_row *append(struct store *store, enum duty duty, uint64_t at_ns,
                                  struct err *err)
{
    struct file *file;
    if (!store->write || at_ns == 0 || at_ns > (uint64_t)INT64_MAX) {
        err_set(err, ERR_USAGE, "%s: not a row that can be written", store->dir);
        return NULL;
    }
    if (store_make_file(store, shelf_of(duty, 0), at_ns, &file, err) < 0)
        return NULL;
    if (store->row_count == store->row_capacity) {
        uint32_t capacity = store->row_capacity ? store->row_capacity * 2 : 64;
        struct pending_row *rows = realloc(store->rows, capacity * sizeof *rows);
        if (!rows) {
            err_set(err, ERR_NO_MEMORY, "%s: out of memory", store->dir);
            return NULL;
        }
        store->rows = rows;
        store->row_capacity = capacity;
    }
    struct pending_row *row = &store->rows[store->row_count];
    *row = (struct pending_row){.file = file};
    return row;
}

static int finish(struct store *store, struct pending_row *row, int result, struct err *err)
{
    if (result < 0)
        return err_set(err, result, "%s: out of memory", store->dir);
    store->row_count++;
    store->row_bytes += row->size;
    return 0;
}

int store_add_trace(struct store *store, const struct store_trace *trace, struct err *err)
{
    struct err ignored;
    err = err ? err : &ignored;
    if (trace->size > MAX_TRACE_BYTES)
        return err_set(err, ERR_LIMIT, "a trace of %zu bytes", trace->size);
    struct pending_row *row = append(store, DUTY_TRACE, trace->start_ns, err);
    if (!row)
        return err->code;
    struct store_trace *to = &row->as.trace;
    *to = *trace;
    to->service = text_or_empty(trace->service);
    to->version = text_or_empty(trace->version);
    to->endpoint = text_or_empty(trace->endpoint);
    const char **texts[] = {&to->service, &to->version, &to->endpoint};
    return finish(store, row, keep(row, texts, 3, &to->data, to->size), err);
}

int store_add_event(struct store *store, const struct store_event *event, struct err *err)
{
    struct err ignored;
    err = err ? err : &ignored;
    struct pending_row *row = append(store, DUTY_EVENT, event->at_ns, err);
    if (!row)
        return err->code;
    struct store_event *to = &row->as.event;
    *to = *event;
    to->kind = text_or_empty(event->kind);
    to->service = text_or_empty(event->service);
    to->host = text_or_empty(event->host);
    to->version = text_or_empty(event->version);
    to->text = text_or_empty(event->text);
    to->detail = text_or_empty(event->detail);
    const char **texts[] = {&to->kind,    &to->service, &to->host,
                            &to->version, &to->text,    &to->detail};
    return finish(store, row, keep(row, texts, 6, NULL, 0), err);
}

/* -- reading -------------------------------------------------------------------------------- */

static const char *column_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    return text ? (const char *)text : "";
}

static int give_trace(sqlite3_stmt *row, store_trace_fn *fn, void *context)
{
    struct store_trace trace = {
        .trace_high = (uint64_t)sqlite3_column_int64(row, 0),
        .trace_low = (uint64_t)sqlite3_column_int64(row, 1),
        .start_ns = (uint64_t)sqlite3_column_int64(row, 2),
        .duration_ns = (uint64_t)sqlite3_column_int64(row, 3),
        .service = column_text(row, 4),
        .version = column_text(row, 5),
        .endpoint = column_text(row, 6),
        .pid = sqlite3_column_int(row, 7),
        .status = (uint32_t)sqlite3_column_int64(row, 8),
        .flags = (uint32_t)sqlite3_column_int64(row, 9),
        .data = sqlite3_column_blob(row, 10),
        .size = (size_t)sqlite3_column_bytes(row, 10),
    };
    return fn(context, &trace);
}

static int give_event(sqlite3_stmt *row, store_event_fn *fn, void *context)
{
    struct store_event event = {
        .at_ns = (uint64_t)sqlite3_column_int64(row, 0),
        .kind = column_text(row, 1),
        .service = column_text(row, 2),
        .host = column_text(row, 3),
        .version = column_text(row, 4),
        .pid = sqlite3_column_int(row, 5),
        .text = column_text(row, 6),
        .detail = column_text(row, 7),
    };
    return fn(context, &event);
}

struct row_query { /* one of the two is set */
    const char *sql;
    const struct store_query *query;
    uint64_t number; /* ?4: minimal duration, or the low half of an id */
    uint64_t high;   /* ?7 */
    const char *kind;
    store_trace_fn *trace;
    store_event_fn *event;
    void *context;
};

/* ?1 from  ?2 to  ?3 service  ?4 number  ?5 endpoint or kind  ?6 version  ?7 high or pid
 * ?8 host */
static void bind(sqlite3_stmt *rows, const struct row_query *what)
{
    const struct store_query *query = what->query;
    if (query) {
        sqlite3_bind_int64(rows, 1, (int64_t)query->from_ns);
        sqlite3_bind_int64(rows, 2, query->to_ns > INT64_MAX ? INT64_MAX : (int64_t)query->to_ns);
        sqlite3_bind_text(rows, 3, query->service, -1, SQLITE_STATIC);
        sqlite3_bind_text(rows, 5, what->event ? what->kind : query->endpoint, -1, SQLITE_STATIC);
        sqlite3_bind_text(rows, 6, query->version, -1, SQLITE_STATIC);
        sqlite3_bind_int64(rows, 7, query->pid);
        if (what->event)
            sqlite3_bind_text(rows, 8, query->host, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_int64(rows, 7, (int64_t)what->high);
    }
    sqlite3_bind_int64(rows, 4, (int64_t)what->number);
}

/* 0: go on; 1: the callback has enough. */
static int read_file(struct store *store, struct file *file, const struct row_query *what,
                     struct err *err)
{
    int result = store_use(store, file, err);
    if (result < 0)
        return result;
    sqlite3_stmt *rows = NULL;
    int code = sqlite3_prepare_v2(file->db, what->sql, -1, &rows, NULL);
    if (code != SQLITE_OK)
        return file_fail(file, code, err);
    bind(rows, what);
    while (result == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW)
        result = (what->trace ? give_trace(rows, what->trace, what->context)
                              : give_event(rows, what->event, what->context)) != 0;
    if (result == 0 && code != SQLITE_DONE)
        result = file_fail(file, code, err);
    sqlite3_finalize(rows);
    return result;
}

static int read_shelf(struct store *store, enum duty duty, const struct row_query *what,
                      struct err *err)
{
    const struct shelf *shelf = shelf_of(duty, 0);
    int result = store->write ? 0 : store_refresh(store, err);
    for (uint32_t i = store->file_count; i-- > 0 && result == 0;) {
        struct file *file = store->files[i];
        bool in_range = !what->query || (file->start_ns < what->query->to_ns &&
                                         file->start_ns + shelf->period_ns > what->query->from_ns);
        if (file->shelf != shelf || !in_range)
            continue;
        struct err local;
        result = read_file(store, file, what, &local);
        if (result == ERR_BAD_DATA) { /* what is damaged is missing; the others answer */
            store_file_is_bad(store, file, local.text);
            result = 0;
        } else if (result == ERR_NOT_FOUND) {
            result = 0; /* deleted meanwhile */
        } else if (result < 0) {
            *err = local;
        }
    }
    return result;
}

#define TRACE_HEAD "SELECT high,low,start,duration,service,version,endpoint,pid,status,flags,"
#define TRACE_RANGE                                                                                \
    " FROM traces "                                                                                \
    "WHERE start>=?1 AND start<?2 AND duration>=?4 AND (?3 IS NULL OR service=?3)"                 \
    " AND (?5 IS NULL OR endpoint=?5) AND (?6 IS NULL OR version=?6)"                              \
    " AND (?7=0 OR pid=?7) ORDER BY start DESC"

int store_read_traces(struct store *store, const struct store_query *query,
                      uint64_t min_duration_ns, store_trace_fn *fn, void *context, struct err *err)
{
    struct row_query what = {
        .sql = query->heads ? TRACE_HEAD "NULL" TRACE_RANGE : TRACE_HEAD "data" TRACE_RANGE,
        .query = query,
        .number = min_duration_ns,
        .trace = fn,
        .context = context,
    };
    int result = read_shelf(store, DUTY_TRACE, &what, err);
    return result < 0 ? result : 0;
}

struct found {
    store_trace_fn *fn;
    void *context;
    bool any;
};

static int take_first(void *context, const struct store_trace *trace)
{
    struct found *found = context;
    found->any = true;
    found->fn(found->context, trace);
    return 1;
}

int store_read_trace(struct store *store, uint64_t trace_high, uint64_t trace_low,
                     store_trace_fn *fn, void *context, struct err *err)
{
    struct found found = {fn, context, false};
    struct row_query what = {
        .sql = TRACE_HEAD "data FROM traces WHERE low=?4 AND high=?7",
        .number = trace_low,
        .high = trace_high,
        .trace = take_first,
        .context = &found,
    };
    int result = read_shelf(store, DUTY_TRACE, &what, err);
    if (result < 0)
        return result;
    return found.any ? 0 : err_set(err, ERR_NOT_FOUND, "no such trace");
}

int store_read_events(struct store *store, const struct store_query *query, const char *kind,
                      store_event_fn *fn, void *context, struct err *err)
{
    struct row_query what = {
        .sql = "SELECT at,kind,service,host,version,pid,text,detail FROM events "
               "WHERE at>=?1 AND at<?2 AND (?3 IS NULL OR service=?3) AND (?5 IS NULL OR kind=?5)"
               " AND (?6 IS NULL OR version=?6) AND (?7=0 OR pid=?7) AND (?8 IS NULL OR host=?8)"
               " ORDER BY at DESC,id DESC",
        .query = query,
        .kind = kind,
        .event = fn,
        .context = context,
    };
    int result = read_shelf(store, DUTY_EVENT, &what, err);
    return result < 0 ? result : 0;
}
