/* SPDX-License-Identifier: MIT */
/* answer_events.c - what happened: starts, exits, deploys, alerts. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "query/answer_list.h"
#include "query/answers.h"
#include "query/rowset.h"

struct event_row {
    uint64_t at_ns;
    const char *kind, *service, *host, *version, *text;
    char *detail; /* its own: may be longer than a name */
    int32_t pid;
};

static int take(void *context, const struct store_event *event)
{
    struct rowset *rows = context;
    struct event_row *row = rowset_row(rows, rows->count);
    if (!row)
        return 1;
    *row = (struct event_row){
        .at_ns = event->at_ns,
        .kind = rowset_keep(rows, event->kind),
        .service = rowset_keep(rows, event->service),
        .host = rowset_keep(rows, event->host),
        .version = rowset_keep(rows, event->version),
        .text = rowset_keep(rows, event->text),
        .detail = strdup(event->detail),
        .pid = event->pid,
    };
    rows->failed |= !row->detail;
    return rows->failed;
}

/* JSON as it is; what is none is a text. */
static void write_detail(struct jsonw *json, const void *row, void *context)
{
    (void)context;
    const char *detail = ((const struct event_row *)row)->detail;
    json_error_t where;
    json_t *value = json_loads(detail, JSON_DECODE_ANY, &where);
    if (value)
        jsonw_raw(json, detail, strlen(detail));
    else if (*detail)
        jsonw_string(json, detail);
    else
        jsonw_null(json);
    json_decref(value);
}

static const struct column columns[] = {
    {"at_s", COLUMN_WHEN, offsetof(struct event_row, at_ns)},
    {"kind", COLUMN_TEXT, offsetof(struct event_row, kind)},
    {"service", COLUMN_TEXT, offsetof(struct event_row, service)},
    {"host", COLUMN_TEXT, offsetof(struct event_row, host)},
    {"version", COLUMN_TEXT, offsetof(struct event_row, version)},
    {"pid", COLUMN_PID, offsetof(struct event_row, pid)},
    {"text", COLUMN_TEXT, offsetof(struct event_row, text), true},
    {"detail", COLUMN_OWN, .write = write_detail},
    {0},
};
static const struct list_shape shape = {columns, "at_s", sizeof(struct event_row)};

int answer_events(struct store *store, const struct answer_request *request, struct buf *out,
                  const char **media_type, struct err *err)
{
    (void)media_type;
    struct ask ask;
    struct rowset rows = {0};
    int result = ask_init(&ask, request, ANSWER_EVENTS_PARAMS, err);
    if (result == 0)
        result = ask_refuse(&ask, "endpoint thread", "events are of processes and services", err);
    if (result == 0 && rowset_init(&rows, sizeof(struct event_row)) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0)
        result = store_read_events(store, &ask.query, ask_text(&ask, "kind"), take, &rows, err);
    if (result == 0 && rows.failed)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    struct store_answer answer = {.from_ns = ask.query.from_ns, .to_ns = ask.query.to_ns};
    if (result == 0)
        result = list_write(&ask, &answer, &shape, rows.rows, rows.count, NULL, out, err);
    for (uint32_t i = 0; i < rows.count; i++)
        free(((struct event_row *)rowset_at(&rows, i))->detail);
    rowset_done(&rows);
    return result;
}
