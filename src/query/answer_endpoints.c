/* SPDX-License-Identifier: MIT */
/* answer_endpoints.c - requests and tasks by what was asked for, and where their time went. */
#include <math.h>
#include <string.h>

#include "abi/agent.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/kinds.h"
#include "query/label.h"
#include "query/rowset.h"
#include "query/timing.h"

static const char *const parts[] = {"queue",    "cpu", "database", "outbound", "cache",
                                    "template", "gc",  "loop",     "gil"};
#define PARTS (sizeof parts / sizeof *parts)

struct endpoint_row {
    const char *service, *endpoint, *kind, *route, *method;
    uint64_t requests, errors, total_ns, max_ns;
    double rate, mean_s, p50_s, p90_s, p95_s, p99_s, repeated;
    struct timing timing;
    uint64_t part_count[PARTS], part_ns[PARTS];
};

struct gathering {
    const struct ask *ask;
    struct rowset rows;
};

static struct endpoint_row *row_of(struct gathering *g, const char *service, const char *label)
{
    uint32_t service_id = rowset_id(&g->rows, service), label_id = rowset_id(&g->rows, label);
    struct endpoint_row *row = rowset_row(&g->rows, rowset_pair(&g->rows, service_id, label_id));
    if (row && !row->service) {
        row->service = rowset_text(&g->rows, service_id);
        row->endpoint = rowset_text(&g->rows, label_id);
        row->repeated = NAN;
    }
    return row;
}

static void take_part(struct endpoint_row *row, const struct store_histogram *histogram)
{
    if (!strcmp(histogram->detail, "repeated"))
        row->repeated = (isnan(row->repeated) ? 0 : row->repeated) + (double)histogram->count;
    for (size_t i = 0; i < PARTS; i++)
        if (!strcmp(histogram->detail, parts[i])) {
            row->part_count[i] += histogram->count;
            row->part_ns[i] += histogram->total_ns;
        }
}

static int take(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    (void)start_ns;
    struct gathering *g = context;
    char label[LABEL_MAX];
    bool is_part = histogram->kind == QUERY_KIND_PART;
    const char *name = is_part
                           ? histogram->name
                           : label_of(histogram->kind, histogram->name, histogram->detail, label);
    if (g->ask->query.endpoint && strcmp(name, g->ask->query.endpoint) != 0)
        return 0;
    struct endpoint_row *row = row_of(g, histogram->service, name);
    if (!row)
        return ERR_NO_MEMORY;
    if (is_part) {
        take_part(row, histogram);
        return 0;
    }
    bool is_task = histogram->kind == AGENT_KIND_TASK;
    row->kind = is_task ? "task" : "request";
    row->route = rowset_keep(&g->rows, histogram->name);
    row->method = is_task ? NULL : rowset_keep(&g->rows, histogram->detail);
    return timing_add(&row->timing, histogram);
}

static void write_parts(struct jsonw *json, const void *row, void *context)
{
    (void)context;
    const struct endpoint_row *endpoint = row;
    uint64_t known = 0;
    for (size_t i = 0; i < PARTS; i++)
        known += endpoint->part_count[i];
    if (!known) {
        jsonw_null(json);
        return;
    }
    jsonw_object_begin(json);
    for (size_t i = 0; i < PARTS; i++) {
        char key[16] = "";
        strcat(strcat(key, parts[i]), "_s");
        list_number(json, key, endpoint->part_count[i] ? (double)endpoint->part_ns[i] / 1e9 : NAN);
    }
    jsonw_object_end(json);
}

static const struct column columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct endpoint_row, service)},
    {"endpoint", COLUMN_TEXT, offsetof(struct endpoint_row, endpoint), true},
    {"kind", COLUMN_TEXT, offsetof(struct endpoint_row, kind)},
    {"route", COLUMN_TEXT, offsetof(struct endpoint_row, route)},
    {"method", COLUMN_TEXT, offsetof(struct endpoint_row, method)},
    {"requests", COLUMN_COUNT, offsetof(struct endpoint_row, requests)},
    {"errors", COLUMN_COUNT, offsetof(struct endpoint_row, errors)},
    {"rate", COLUMN_NUMBER, offsetof(struct endpoint_row, rate)},
    {"mean_s", COLUMN_NUMBER, offsetof(struct endpoint_row, mean_s)},
    {"p50_s", COLUMN_NUMBER, offsetof(struct endpoint_row, p50_s)},
    {"p90_s", COLUMN_NUMBER, offsetof(struct endpoint_row, p90_s)},
    {"p95_s", COLUMN_NUMBER, offsetof(struct endpoint_row, p95_s)},
    {"p99_s", COLUMN_NUMBER, offsetof(struct endpoint_row, p99_s)},
    {"max_s", COLUMN_NS, offsetof(struct endpoint_row, max_ns)},
    {"total_s", COLUMN_NS, offsetof(struct endpoint_row, total_ns)},
    {"parts", COLUMN_OWN, .write = write_parts},
    {"repeated", COLUMN_NUMBER, offsetof(struct endpoint_row, repeated)},
    {0},
};
static const struct list_shape shape = {columns, "total_s", sizeof(struct endpoint_row)};

static void finish(struct endpoint_row *row, double seconds)
{
    const struct timing *timing = &row->timing;
    row->requests = timing->count;
    row->errors = timing->errors;
    row->total_ns = timing->total_ns;
    row->max_ns = timing->max_ns;
    row->rate = seconds > 0 ? (double)timing->count / seconds : NAN;
    row->mean_s = timing_mean_s(timing);
    row->p50_s = timing_quantile_s(timing, 500);
    row->p90_s = timing_quantile_s(timing, 900);
    row->p95_s = timing_quantile_s(timing, 950);
    row->p99_s = timing_quantile_s(timing, 990);
}

int answer_endpoints(struct store *store, const struct answer_request *request, struct buf *out,
                     const char **media_type, struct err *err)
{
    (void)media_type;
    static const uint32_t kinds[] = {AGENT_KIND_REQUEST, AGENT_KIND_TASK, QUERY_KIND_PART};
    struct ask ask;
    struct gathering g = {.ask = &ask};
    struct store_answer answer;
    struct store_metric_fns fns = {.histogram = take,
                                   .context = &g,
                                   .kinds = kinds,
                                   .kind_count = sizeof kinds / sizeof *kinds};
    int result = ask_init(&ask, request, ASK_LIST, err);
    if (result == 0)
        result = label_check_thread(&ask, err);
    if (result == 0 && rowset_init(&g.rows, sizeof(struct endpoint_row)) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0) {
        struct store_query query = label_metric_query(&ask);
        result = store_read_metrics(store, &query, 0, &fns, &answer, err);
    }
    for (uint32_t i = 0; i < g.rows.count && result == 0; i++)
        finish(rowset_at(&g.rows, i), list_seconds(&ask, &answer));
    if (result == 0)
        result = list_write(&ask, &answer, &shape, g.rows.rows, g.rows.count, NULL, out, err);
    for (uint32_t i = 0; i < g.rows.count; i++)
        timing_done(&((struct endpoint_row *)rowset_at(&g.rows, i))->timing);
    rowset_done(&g.rows);
    return result;
}
