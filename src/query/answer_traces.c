/* SPDX-License-Identifier: MIT */
/* answer_traces.c - kept traces: the list, and one.
 *
 * The list reads columns only; of the rows that are shown, the heads of their blobs say the rest.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/agent.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/rowset.h"
#include "query/trace_blob.h"

struct trace_row {
    uint64_t high, low;
    const char *service, *version, *endpoint;
    uint64_t start_ns, duration_ns;
    double status;
    int32_t pid;
    bool error;
};

struct gathering {
    struct store *store;
    struct rowset rows;
    bool errors_only;
    uint64_t max_duration_ns;
    struct trace_blob_head head; /* of the row that is being written */
};

static void id_text(uint64_t high, uint64_t low, char out[33])
{
    snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, high, low);
}

static int take(void *context, const struct store_trace *trace)
{
    struct gathering *g = context;
    bool error = (trace->flags & AGENT_FLAG_ERROR) != 0;
    if ((g->errors_only && !error) || trace->duration_ns > g->max_duration_ns)
        return 0;
    struct trace_row *row = rowset_row(&g->rows, g->rows.count);
    if (!row)
        return 1;
    *row = (struct trace_row){
        .high = trace->trace_high,
        .low = trace->trace_low,
        .service = rowset_keep(&g->rows, trace->service),
        .version = rowset_keep(&g->rows, trace->version),
        .endpoint = rowset_keep(&g->rows, trace->endpoint),
        .start_ns = trace->start_ns,
        .duration_ns = trace->duration_ns,
        .status = trace->status ? (double)trace->status : NAN,
        .pid = trace->pid,
        .error = error,
    };
    return 0;
}

/* -- columns --------------------------------------------------------------------------------- */

static int take_head(void *context, const struct store_trace *trace)
{
    struct gathering *g = context;
    trace_blob_head(trace->data, trace->size, &g->head);
    return 1;
}

static void write_id(struct jsonw *json, const void *row, void *context)
{
    const struct trace_row *trace = row;
    struct gathering *g = context;
    char text[33];
    struct err ignored; /* deleted meanwhile: the rest of the row is still true */
    id_text(trace->high, trace->low, text);
    jsonw_string(json, text);
    g->head = (struct trace_blob_head){0};
    store_read_trace(g->store, trace->high, trace->low, take_head, g, &ignored);
}

static void write_reasons(struct jsonw *json, const void *row, void *context)
{
    (void)row;
    const struct gathering *g = context;
    jsonw_array_begin(json);
    for (unsigned bit = 0; trace_blob_reason(bit); bit++)
        if (g->head.reasons & 1u << bit)
            jsonw_string(json, trace_blob_reason(bit));
    jsonw_array_end(json);
}

static void write_spans(struct jsonw *json, const void *row, void *context)
{
    (void)row;
    const struct gathering *g = context;
    jsonw_u64(json, g->head.spans);
}

static const struct column columns[] = {
    {"trace", COLUMN_OWN, .write = write_id},
    {"service", COLUMN_TEXT, offsetof(struct trace_row, service)},
    {"version", COLUMN_TEXT, offsetof(struct trace_row, version)},
    {"endpoint", COLUMN_TEXT, offsetof(struct trace_row, endpoint), true},
    {"start_s", COLUMN_WHEN, offsetof(struct trace_row, start_ns)},
    {"duration_s", COLUMN_NS, offsetof(struct trace_row, duration_ns)},
    {"status", COLUMN_NUMBER, offsetof(struct trace_row, status)},
    {"error", COLUMN_FLAG, offsetof(struct trace_row, error)},
    {"reasons", COLUMN_OWN, .write = write_reasons},
    {"spans", COLUMN_OWN, .write = write_spans},
    {"pid", COLUMN_PID, offsetof(struct trace_row, pid)},
    {0},
};
static const struct list_shape shape = {columns, "start_s", sizeof(struct trace_row)};

/* -- answers --------------------------------------------------------------------------------- */

static int list_traces(struct store *store, const struct answer_request *request, struct buf *out,
                       struct err *err)
{
    struct ask ask;
    struct gathering g = {.store = store, .max_duration_ns = UINT64_MAX};
    uint64_t min_duration_ns = 0;
    unsigned status = 0;
    int result = ask_init(&ask, request, ANSWER_TRACES_PARAMS, err);
    if (result == 0)
        result = ask_refuse(&ask, "host thread", "traces are not kept by it", err);
    if (result == 0)
        result = ask_duration(&ask, "min_duration", &min_duration_ns, err);
    if (result == 0)
        result = ask_duration(&ask, "max_duration", &g.max_duration_ns, err);
    if (result == 0)
        result = ask_choice(&ask, "status", "any error", &status, err);
    if (result == 0 && rowset_init(&g.rows, sizeof(struct trace_row)) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    g.errors_only = status == 1;
    ask.query.heads = true;
    if (result == 0)
        result = store_read_traces(store, &ask.query, min_duration_ns, take, &g, err);
    if (result == 0 && g.rows.failed)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    struct store_answer answer = {.from_ns = ask.query.from_ns, .to_ns = ask.query.to_ns};
    if (result == 0)
        result = list_write(&ask, &answer, &shape, g.rows.rows, g.rows.count, &g, out, err);
    rowset_done(&g.rows);
    return result;
}

struct one {
    struct buf *out;
    struct err *err;
    int result;
};

static int take_one(void *context, const struct store_trace *trace)
{
    struct one *one = context;
    one->result = trace_blob_decode(trace->data, trace->size, one->out, one->err);
    return 1;
}

static bool parse_half(const char *text, uint64_t *out)
{
    char half[17];
    memcpy(half, text, 16);
    half[16] = '\0';
    *out = strtoull(half, NULL, 16);
    return strspn(half, "0123456789abcdefABCDEF") == 16;
}

static int one_trace(struct store *store, const struct answer_request *request, struct buf *out,
                     struct err *err)
{
    struct one one = {.out = out, .err = err};
    uint64_t high, low;
    const char *id = request->id;
    if (request->param_count)
        return err_set(err, ERR_USAGE, "a trace has no parameters");
    if (strlen(id) != 32 || !parse_half(id, &high) || !parse_half(id + 16, &low))
        return err_set(err, ERR_USAGE, "%.40s is no trace id, which has 32 hexadecimal digits", id);
    int result = store_read_trace(store, high, low, take_one, &one, err);
    if (result == ERR_NOT_FOUND)
        err_set(err, result, "there is no trace %s: it was not kept, or its time is over", id);
    return result < 0 ? result : one.result;
}

int answer_traces(struct store *store, const struct answer_request *request, struct buf *out,
                  const char **media_type, struct err *err)
{
    (void)media_type;
    return request->id ? one_trace(store, request, out, err)
                       : list_traces(store, request, out, err);
}
