/* SPDX-License-Identifier: MIT */
/* answer_calls.c - what histograms count, by what they are about: statements, calls to others,
 * cache commands, templates, tasks, exceptions.
 *
 * Keys of one name that differ only by status class are one row. By endpoint only statements and
 * exceptions are counted (query/kinds.h): when the question has an endpoint, these rows alone
 * answer, which have sums and no buckets, so quantiles are null then.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "abi/agent.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/kinds.h"
#include "query/label.h"
#include "query/rowset.h"
#include "query/timing.h"
#include "query/uses.h"

struct call_row {
    const char *service, *name, *detail, *summary;
    uint64_t count, errors, total_ns, max_ns, repeats, last_ns;
    double mean_s, p50_s, p95_s, p99_s, rows;
    struct timing timing;
    uint64_t fingerprint;
    uint64_t subject; /* key of its uses */
    bool handled;
};

struct gathering {
    const struct ask *ask;
    uint32_t kind, kind_in; /* kind_in: the same by endpoint; 0: is not counted */
    struct rowset rows;
    struct uses uses;
};

/* What rows of both kinds have in common. */
static uint32_t subject_of(struct gathering *g, const struct store_histogram *histogram)
{
    struct rowset *set = &g->rows;
    uint32_t service = rowset_id(set, histogram->service);
    if (histogram->fingerprint)
        return rowset_pair(set, service,
                           rowset_pair(set, (uint32_t)(histogram->fingerprint >> 32),
                                       (uint32_t)histogram->fingerprint));
    uint32_t name = rowset_pair(set, service, rowset_id(set, histogram->name));
    if (g->kind != AGENT_KIND_EXCEPTION)
        return name;
    return rowset_pair(set, rowset_pair(set, name, rowset_id(set, histogram->detail)),
                       histogram->group);
}

static const char *endpoint_of(const struct gathering *g, const struct store_histogram *histogram)
{
    return g->kind == AGENT_KIND_EXCEPTION ? histogram->summary : histogram->detail;
}

static struct call_row *row_of(struct gathering *g, const struct store_histogram *histogram,
                               uint32_t subject)
{
    /* Of what is counted by endpoint the system is not known: it is one row whatever the system. */
    bool by_system = g->kind != AGENT_KIND_EXCEPTION && histogram->kind == g->kind;
    uint32_t detail = by_system ? rowset_id(&g->rows, histogram->detail) : 0;
    struct call_row *row = rowset_row(&g->rows, rowset_pair(&g->rows, subject, detail));
    if (row && !row->service) {
        bool has_detail = by_system || g->kind == AGENT_KIND_EXCEPTION;
        row->service = rowset_keep(&g->rows, histogram->service);
        row->name = rowset_keep(&g->rows, histogram->name);
        row->detail = has_detail ? rowset_keep(&g->rows, histogram->detail) : NULL;
        row->summary = rowset_keep(&g->rows, histogram->summary);
        row->fingerprint = histogram->fingerprint;
        row->handled = histogram->group == 1;
        row->subject = subject;
    }
    return row;
}

static int take(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    (void)start_ns;
    struct gathering *g = context;
    const char *wanted = g->ask->query.endpoint;
    uint32_t subject = subject_of(g, histogram);
    bool is_use = histogram->kind == g->kind_in;
    if (is_use && (!wanted || !strcmp(endpoint_of(g, histogram), wanted)))
        uses_add(&g->uses, subject, endpoint_of(g, histogram), histogram);
    bool counts = wanted && g->kind_in ? is_use && !strcmp(endpoint_of(g, histogram), wanted)
                                       : !is_use && label_is_wanted(g->ask, histogram);
    if (!counts)
        return 0;
    struct call_row *row = row_of(g, histogram, subject);
    if (!row)
        return ERR_NO_MEMORY;
    row->last_ns = histogram->last_ns > row->last_ns ? histogram->last_ns : row->last_ns;
    return timing_add(&row->timing, histogram);
}

/* -- columns --------------------------------------------------------------------------------- */

static void write_fingerprint(struct jsonw *json, const void *row, void *context)
{
    (void)context;
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, ((const struct call_row *)row)->fingerprint);
    jsonw_string(json, text);
}

static void write_uses(struct jsonw *json, const void *row, void *context)
{
    const struct gathering *g = context;
    uses_write(&g->uses, ((const struct call_row *)row)->subject, g->kind == AGENT_KIND_STATEMENT,
               json);
}

#define TIMES                                                                                      \
    {"count", COLUMN_COUNT, offsetof(struct call_row, count)},                                     \
        {"errors", COLUMN_COUNT, offsetof(struct call_row, errors)},                               \
        {"total_s", COLUMN_NS, offsetof(struct call_row, total_ns)},                               \
        {"mean_s", COLUMN_NUMBER, offsetof(struct call_row, mean_s)},                              \
        {"p50_s", COLUMN_NUMBER, offsetof(struct call_row, p50_s)},                                \
        {"p95_s", COLUMN_NUMBER, offsetof(struct call_row, p95_s)},                                \
        {"p99_s", COLUMN_NUMBER, offsetof(struct call_row, p99_s)},                                \
    {                                                                                              \
        "max_s", COLUMN_WHEN, offsetof(struct call_row, max_ns)                                    \
    }

static const struct column call_columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct call_row, service)},
    {"name", COLUMN_TEXT, offsetof(struct call_row, name), true},
    {"detail", COLUMN_TEXT, offsetof(struct call_row, detail), true},
    TIMES,
    {0},
};

static const struct column query_columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct call_row, service)},
    {"statement", COLUMN_TEXT, offsetof(struct call_row, name), true},
    {"system", COLUMN_TEXT, offsetof(struct call_row, detail)},
    {"summary", COLUMN_TEXT, offsetof(struct call_row, summary), true},
    {"fingerprint", COLUMN_OWN, .write = write_fingerprint},
    TIMES,
    {"rows", COLUMN_NUMBER, offsetof(struct call_row, rows)},
    {"repeats", COLUMN_COUNT, offsetof(struct call_row, repeats)},
    {"endpoints", COLUMN_OWN, .write = write_uses},
    {0},
};

static const struct column error_columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct call_row, service)},
    {"type", COLUMN_TEXT, offsetof(struct call_row, name), true},
    {"where", COLUMN_TEXT, offsetof(struct call_row, detail), true},
    {"handled", COLUMN_FLAG, offsetof(struct call_row, handled)},
    {"count", COLUMN_COUNT, offsetof(struct call_row, count)},
    {"endpoints", COLUMN_OWN, .write = write_uses},
    {"last_s", COLUMN_WHEN, offsetof(struct call_row, last_ns)},
    {0},
};

/* -- answers --------------------------------------------------------------------------------- */

static void finish(struct call_row *row)
{
    const struct timing *timing = &row->timing;
    row->count = timing->count;
    row->errors = timing->errors;
    row->total_ns = timing->total_ns;
    row->max_ns = timing->max_ns;
    row->repeats = timing->repeats;
    row->rows = timing->rows ? (double)timing->rows : NAN; /* few drivers tell */
    row->mean_s = timing_mean_s(timing);
    row->p50_s = timing_quantile_s(timing, 500);
    row->p95_s = timing_quantile_s(timing, 950);
    row->p99_s = timing_quantile_s(timing, 990);
}

static int gather(struct gathering *g, struct store *store, struct store_answer *answer,
                  struct err *err)
{
    uint32_t kinds[] = {g->kind, g->kind_in};
    struct store_query query = label_metric_query(g->ask);
    struct store_metric_fns fns = {
        .histogram = take, .context = g, .kinds = kinds, .kind_count = g->kind_in ? 2 : 1};
    int result = rowset_init(&g->rows, sizeof(struct call_row));
    int other = uses_init(&g->uses);
    if (result < 0 || other < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    result = store_read_metrics(store, &query, 0, &fns, answer, err);
    if (result == 0 && (g->rows.failed || uses_failed(&g->uses)))
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    return result;
}

static int check_filters(const struct ask *ask, const struct gathering *g, struct err *err)
{
    bool by_endpoint = g->kind_in || g->kind == AGENT_KIND_TASK;
    if (ask->query.endpoint && !by_endpoint)
        return err_set(err, ERR_USAGE,
                       "endpoint: these are not counted by endpoint; traces show them");
    return label_check_thread(ask, err);
}

static int answer_kind_of(struct store *store, const struct answer_request *request, uint32_t kind,
                          uint32_t kind_in, const struct column *columns, const char *sort,
                          struct buf *out, struct err *err)
{
    struct ask ask;
    struct store_answer answer;
    struct gathering g = {.ask = &ask, .kind = kind, .kind_in = kind_in};
    struct list_shape shape = {columns, sort, sizeof(struct call_row)};
    int result = ask_init(&ask, request, ASK_LIST, err);
    if (result == 0)
        result = check_filters(&ask, &g, err);
    if (result < 0)
        return result;
    result = gather(&g, store, &answer, err);
    for (uint32_t i = 0; i < g.rows.count && result == 0; i++)
        finish(rowset_at(&g.rows, i));
    if (result == 0)
        result = list_write(&ask, &answer, &shape, g.rows.rows, g.rows.count, &g, out, err);
    for (uint32_t i = 0; i < g.rows.count; i++)
        timing_done(&((struct call_row *)rowset_at(&g.rows, i))->timing);
    rowset_done(&g.rows);
    uses_done(&g.uses);
    return result;
}

int answer_queries(struct store *store, const struct answer_request *request, struct buf *out,
                   const char **media_type, struct err *err)
{
    (void)media_type;
    return answer_kind_of(store, request, AGENT_KIND_STATEMENT, QUERY_KIND_STATEMENT_IN,
                          query_columns, "total_s", out, err);
}

int answer_errors(struct store *store, const struct answer_request *request, struct buf *out,
                  const char **media_type, struct err *err)
{
    (void)media_type;
    return answer_kind_of(store, request, AGENT_KIND_EXCEPTION, QUERY_KIND_EXCEPTION_IN,
                          error_columns, "count", out, err);
}

int answer_outbound(struct store *store, const struct answer_request *request, struct buf *out,
                    const char **media_type, struct err *err)
{
    (void)media_type;
    return answer_kind_of(store, request, AGENT_KIND_OUTBOUND, 0, call_columns, "total_s", out,
                          err);
}

int answer_cache(struct store *store, const struct answer_request *request, struct buf *out,
                 const char **media_type, struct err *err)
{
    (void)media_type;
    return answer_kind_of(store, request, AGENT_KIND_CACHE, 0, call_columns, "total_s", out, err);
}

int answer_templates(struct store *store, const struct answer_request *request, struct buf *out,
                     const char **media_type, struct err *err)
{
    (void)media_type;
    return answer_kind_of(store, request, AGENT_KIND_TEMPLATE, 0, call_columns, "total_s", out,
                          err);
}

int answer_tasks(struct store *store, const struct answer_request *request, struct buf *out,
                 const char **media_type, struct err *err)
{
    (void)media_type;
    return answer_kind_of(store, request, AGENT_KIND_TASK, 0, call_columns, "total_s", out, err);
}
