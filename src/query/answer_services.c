/* SPDX-License-Identifier: MIT */
/* answer_services.c - services at a glance: what their samples, requests and gauges say.
 *
 * Three readings meet in one row per service: heads of profile windows in steps (cores and the
 * spark line), gauges (memory and how many processes are alive), histograms of requests and tasks.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "abi/agent.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/kinds.h"
#include "query/label.h"
#include "query/rowset.h"
#include "query/steps.h"
#include "query/timing.h"

#define SPARK_POINTS 60u
#define ALIVE_NS UINT64_C(30000000000) /* gauges come every 10 s */

struct service_row {
    const char *service;
    uint64_t processes, seen; /* alive at the end, by their gauges; that had samples */
    uint64_t cpu_ns, requests, errors, last_ns;
    double cores, rss_bytes, rate, error_rate, p50_s, p95_s;
    struct timing timing;
    bool has_agent;
    uint32_t index; /* of its spark line */
};

struct version_row {
    uint32_t service;
    const char *version;
};

struct process_row {
    uint32_t service;
};

struct gathering {
    const struct ask *ask;
    struct rowset services, versions, processes;
    struct steps steps;
    uint64_t *sparks; /* steps.count for each service */
    uint32_t spark_count;
    uint64_t gauges_end_ns;
    bool has_gauges;
    const struct store_answer *answer;
};

static struct service_row *row_of(struct gathering *g, const char *service)
{
    uint32_t id = rowset_id(&g->services, service);
    struct service_row *row = rowset_row(&g->services, id);
    if (row && !row->service) {
        row->service = rowset_text(&g->services, id);
        row->index = g->services.count - 1;
        row->rss_bytes = NAN;
    }
    return row;
}

/* -- samples --------------------------------------------------------------------------------- */

static uint64_t *spark_of(struct gathering *g, uint32_t index)
{
    if (index >= g->spark_count) {
        uint32_t count = index + 32;
        uint64_t *sparks = realloc(g->sparks, (size_t)count * g->steps.count * sizeof *sparks);
        if (!sparks)
            return NULL;
        memset(sparks + (size_t)g->spark_count * g->steps.count, 0,
               (size_t)(count - g->spark_count) * g->steps.count * sizeof *sparks);
        g->sparks = sparks;
        g->spark_count = count;
    }
    return g->sparks + (size_t)index * g->steps.count;
}

static void note_version(struct gathering *g, const char *service, const char *version)
{
    uint32_t id = rowset_id(&g->services, service);
    uint32_t key = rowset_pair(&g->services, id, rowset_id(&g->services, version));
    struct version_row *row = *version ? rowset_row(&g->versions, key) : NULL;
    if (row)
        *row = (struct version_row){id, rowset_keep(&g->services, version)};
}

static void note_process(struct gathering *g, struct service_row *service,
                         const struct store_group_row *group)
{
    struct rowset *names = &g->services;
    uint32_t owner =
        rowset_pair(names, rowset_id(names, group->service), rowset_id(names, group->host));
    uint32_t started =
        rowset_pair(names, (uint32_t)(group->started_ns >> 32), (uint32_t)group->started_ns);
    uint32_t key = rowset_pair(names, rowset_pair(names, owner, (uint32_t)group->pid), started);
    uint32_t known = g->processes.count;
    rowset_row(&g->processes, key);
    service->seen += g->processes.count - known;
}

static int take_group(void *context, uint64_t start_ns, const struct store_group_row *group)
{
    struct gathering *g = context;
    struct service_row *row = row_of(g, group->service);
    uint64_t *spark = row ? spark_of(g, row->index) : NULL;
    if (!spark)
        return ERR_NO_MEMORY;
    uint32_t step = steps_index(&g->steps, start_ns);
    if (step != PROFILE_NONE)
        spark[step] += group->weight_ns;
    row->cpu_ns += group->weight_ns;
    row->last_ns = group->last_ns > row->last_ns ? group->last_ns : row->last_ns;
    note_version(g, group->service, group->version);
    note_process(g, row, group);
    return 0;
}

static void forget(struct gathering *g)
{
    rowset_done(&g->services);
    rowset_done(&g->versions);
    rowset_done(&g->processes);
    free(g->sparks);
    g->sparks = NULL;
    g->spark_count = 0;
}

static int begin(struct gathering *g, struct err *err)
{
    if (rowset_init(&g->services, sizeof(struct service_row)) < 0 ||
        rowset_init(&g->versions, sizeof(struct version_row)) < 0 ||
        rowset_init(&g->processes, sizeof(struct process_row)) < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int read_samples(struct gathering *g, struct store *store, struct store_answer *answer,
                        struct err *err)
{
    int result;
    g->steps = steps_choose(&g->ask->query, SPARK_POINTS);
    do {
        forget(g);
        result = begin(g, err);
        if (result == 0)
            result = store_read_group_steps(store, &g->ask->query, STORE_BY_PROCESS,
                                            g->steps.step_ns, take_group, g, answer, err);
    } while (result == 0 && steps_are_short(&g->steps, &g->ask->query, answer));
    return result;
}

/* -- gauges and requests --------------------------------------------------------------------- */

static int take_gauge(void *context, uint64_t start_ns, const struct store_gauge *gauge)
{
    (void)start_ns;
    struct gathering *g = context;
    struct service_row *row = row_of(g, gauge->service);
    if (!row)
        return ERR_NO_MEMORY;
    row->last_ns = gauge->last_ns > row->last_ns ? gauge->last_ns : row->last_ns;
    g->has_gauges = true;
    if (gauge->last_ns + ALIVE_NS < g->gauges_end_ns)
        return 0; /* it has ended */
    if (!strcmp(gauge->name, QUERY_GAUGE_MEMORY)) {
        row->rss_bytes = (isnan(row->rss_bytes) ? 0 : row->rss_bytes) + gauge->last;
        row->processes++;
    }
    if (!strcmp(gauge->name, QUERY_GAUGE_GC))
        row->has_agent = true;
    return 0;
}

static int take_histogram(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    (void)start_ns;
    struct gathering *g = context;
    struct service_row *row = row_of(g, histogram->service);
    if (!row)
        return ERR_NO_MEMORY;
    row->has_agent = true;
    row->last_ns = histogram->last_ns > row->last_ns ? histogram->last_ns : row->last_ns;
    return label_is_wanted(g->ask, histogram) ? timing_add(&row->timing, histogram) : 0;
}

static int read_metrics(struct gathering *g, struct store *store, struct store_answer *answer,
                        struct err *err)
{
    static const uint32_t kinds[] = {AGENT_KIND_REQUEST, AGENT_KIND_TASK};
    struct store_query query = label_metric_query(g->ask);
    struct store_metric_fns fns = {.histogram = take_histogram,
                                   .context = g,
                                   .kinds = kinds,
                                   .kind_count = sizeof kinds / sizeof *kinds};
    struct store_answer metrics;
    int result = store_read_metrics(store, &query, 0, &fns, &metrics, err);
    if (result < 0)
        return result;
    list_join(answer, &metrics);
    /* What is alive is in the last windows: only they are read for it. */
    g->gauges_end_ns = metrics.last_ns;
    if (!metrics.last_ns)
        return 0;
    query.to_ns = metrics.last_ns;
    uint64_t since_ns = metrics.last_ns - ALIVE_NS;
    query.from_ns = since_ns > query.from_ns ? since_ns : query.from_ns;
    fns = (struct store_metric_fns){.gauge = take_gauge, .context = g};
    return store_read_metrics(store, &query, 0, &fns, &metrics, err);
}

/* -- the answer ------------------------------------------------------------------------------ */

static void write_versions(struct jsonw *json, const void *row, void *context)
{
    const struct service_row *service = row;
    struct gathering *g = context;
    uint32_t id = rowset_id(&g->services, service->service);
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < g->versions.count; i++) {
        const struct version_row *version = rowset_at(&g->versions, i);
        if (version->service == id)
            jsonw_string(json, version->version);
    }
    jsonw_array_end(json);
}

static void write_spark_step(struct jsonw *json, const void *row, void *context)
{
    (void)row;
    const struct gathering *g = context;
    jsonw_double(json, (double)g->steps.step_ns / 1e9);
}

static void write_spark(struct jsonw *json, const void *row, void *context)
{
    const struct service_row *service = row;
    const struct gathering *g = context;
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < g->steps.count; i++) {
        uint64_t ns = service->index < g->spark_count
                          ? g->sparks[(size_t)service->index * g->steps.count + i]
                          : 0;
        uint64_t from_ns = g->steps.first_ns + i * g->steps.step_ns;
        double seconds = list_part_seconds(g->ask, g->answer, from_ns, from_ns + g->steps.step_ns);
        jsonw_double(json, seconds > 0 ? (double)ns / 1e9 / seconds : NAN);
    }
    jsonw_array_end(json);
}

static const struct column columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct service_row, service), true},
    {"versions", COLUMN_OWN, .write = write_versions},
    {"processes", COLUMN_COUNT, offsetof(struct service_row, processes)},
    {"cores", COLUMN_NUMBER, offsetof(struct service_row, cores)},
    {"cpu_s", COLUMN_NS, offsetof(struct service_row, cpu_ns)},
    {"rss_bytes", COLUMN_NUMBER, offsetof(struct service_row, rss_bytes)},
    {"requests", COLUMN_COUNT, offsetof(struct service_row, requests)},
    {"errors", COLUMN_COUNT, offsetof(struct service_row, errors)},
    {"rate", COLUMN_NUMBER, offsetof(struct service_row, rate)},
    {"error_rate", COLUMN_NUMBER, offsetof(struct service_row, error_rate)},
    {"p50_s", COLUMN_NUMBER, offsetof(struct service_row, p50_s)},
    {"p95_s", COLUMN_NUMBER, offsetof(struct service_row, p95_s)},
    {"spark_step_s", COLUMN_OWN, .write = write_spark_step},
    {"spark", COLUMN_OWN, .write = write_spark},
    {"last_s", COLUMN_WHEN, offsetof(struct service_row, last_ns)},
    {"has_agent", COLUMN_FLAG, offsetof(struct service_row, has_agent)},
    {0},
};
static const struct list_shape shape = {columns, "cpu_s", sizeof(struct service_row)};

static void finish(struct gathering *g, const struct store_answer *answer)
{
    double seconds = list_seconds(g->ask, answer);
    for (uint32_t i = 0; i < g->services.count; i++) {
        struct service_row *row = rowset_at(&g->services, i);
        row->processes = g->has_gauges ? row->processes : row->seen;
        row->requests = row->timing.count;
        row->errors = row->timing.errors;
        row->cores = seconds > 0 ? (double)row->cpu_ns / 1e9 / seconds : NAN;
        row->rate = seconds > 0 && row->has_agent ? (double)row->requests / seconds : NAN;
        row->error_rate = row->requests ? (double)row->errors / (double)row->requests : NAN;
        row->p50_s = timing_quantile_s(&row->timing, 500);
        row->p95_s = timing_quantile_s(&row->timing, 950);
    }
}

int answer_services(struct store *store, const struct answer_request *request, struct buf *out,
                    const char **media_type, struct err *err)
{
    (void)media_type;
    struct ask ask;
    struct gathering g = {.ask = &ask};
    struct store_answer answer;
    int result = ask_init(&ask, request, ASK_LIST, err);
    if (result == 0)
        result = read_samples(&g, store, &answer, err);
    if (result == 0)
        result = read_metrics(&g, store, &answer, err);
    if (result == 0 && (g.services.failed || g.versions.failed || g.processes.failed))
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0) {
        g.answer = &answer;
        finish(&g, &answer);
        result = list_write(&ask, &answer, &shape, g.services.rows, g.services.count, &g, out, err);
    }
    for (uint32_t i = 0; i < g.services.count; i++)
        timing_done(&((struct service_row *)rowset_at(&g.services, i))->timing);
    forget(&g);
    return result;
}
