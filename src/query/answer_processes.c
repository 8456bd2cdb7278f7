/* SPDX-License-Identifier: MIT */
/* answer_processes.c - processes: their samples, their gauges, and what their first and last events
 * say of them.
 *
 * A number names several processes in the course of time. Samples know when theirs began; a gauge
 * belongs to the newest of its number, an event to the one that began when the event says.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/answer_list.h"
#include "query/answers.h"
#include "query/kinds.h"
#include "query/label.h"
#include "query/rowset.h"

#define ALIVE_NS UINT64_C(30000000000)      /* gauges come every 10 s */
#define SAME_NS UINT64_C(1000000000)        /* two instants of one beginning */
#define BEFORE_NS UINT64_C(604800000000000) /* how long ago a process may have begun, a week */

struct process_row {
    const char *service, *host, *version, *command, *python;
    int32_t pid;
    uint64_t started_ns, ended_ns, cpu_ns, samples;
    uint64_t first_ns, last_ns; /* that it was seen */
    double cores, rss_bytes, threads, rate_hz;
    bool has_agent;
    uint32_t before; /* row + 1 of the same number and host */
};

struct gathering {
    const struct ask *ask;
    struct rowset rows, newest; /* newest: uint32_t, row + 1, by host and number */
    uint64_t gauges_end_ns;
};

static uint32_t *newest_of(struct gathering *g, const char *host, int32_t pid)
{
    uint32_t key = rowset_pair(&g->rows, rowset_id(&g->rows, host), (uint32_t)pid);
    return rowset_row(&g->newest, key);
}

static struct process_row *add(struct gathering *g, const char *service, const char *host,
                               int32_t pid, uint64_t started_ns)
{
    struct rowset *set = &g->rows;
    uint32_t *newest = newest_of(g, host, pid);
    uint32_t owner = rowset_pair(set, rowset_id(set, service), rowset_id(set, host));
    uint32_t began = rowset_pair(set, (uint32_t)(started_ns >> 32), (uint32_t)started_ns);
    uint32_t key = rowset_pair(set, rowset_pair(set, owner, (uint32_t)pid), began);
    struct process_row *row = newest ? rowset_row(set, key) : NULL;
    if (!row || row->service)
        return row;
    *row = (struct process_row){
        .service = rowset_keep(set, service),
        .host = rowset_keep(set, host),
        .pid = pid,
        .started_ns = started_ns,
        .cores = NAN,
        .rss_bytes = NAN,
        .threads = NAN,
        .rate_hz = NAN,
        .before = *newest,
    };
    *newest = set->count;
    return row;
}

/* -- samples and gauges ---------------------------------------------------------------------- */

static void see(struct process_row *row, uint64_t first_ns, uint64_t last_ns)
{
    row->first_ns = !row->first_ns || first_ns < row->first_ns ? first_ns : row->first_ns;
    row->last_ns = last_ns > row->last_ns ? last_ns : row->last_ns;
}

static int take_group(void *context, const struct store_group_row *group)
{
    struct gathering *g = context;
    struct process_row *row = add(g, group->service, group->host, group->pid, group->started_ns);
    if (!row)
        return ERR_NO_MEMORY;
    see(row, group->first_ns, group->last_ns);
    row->version = rowset_keep(&g->rows, group->version);
    row->command = rowset_keep(&g->rows, group->process);
    row->samples += group->count;
    row->cpu_ns += group->weight_ns;
    return 0;
}

static int take_gauge(void *context, uint64_t start_ns, const struct store_gauge *gauge)
{
    (void)start_ns;
    struct gathering *g = context;
    uint32_t *newest = newest_of(g, gauge->host, gauge->pid);
    struct process_row *row = newest && *newest ? rowset_at(&g->rows, *newest - 1) : NULL;
    if (!row)
        row = add(g, gauge->service, gauge->host, gauge->pid, 0);
    if (!row)
        return ERR_NO_MEMORY;
    row->last_ns = gauge->last_ns > row->last_ns ? gauge->last_ns : row->last_ns;
    if (!strcmp(gauge->name, QUERY_GAUGE_MEMORY))
        row->rss_bytes = gauge->last;
    else if (!strcmp(gauge->name, QUERY_GAUGE_THREADS))
        row->threads = gauge->last;
    else if (!strcmp(gauge->name, QUERY_GAUGE_RATE))
        row->rate_hz = gauge->last;
    else if (!strcmp(gauge->name, QUERY_GAUGE_GC) || !strcmp(gauge->name, QUERY_GAUGE_LOOP))
        row->has_agent = true;
    return 0;
}

/* -- events ---------------------------------------------------------------------------------- */

static struct process_row *row_of_event(struct gathering *g, const struct store_event *event,
                                        double started_s)
{
    uint64_t started_ns = started_s > 0 ? (uint64_t)(started_s * 1e9) : 0;
    uint32_t *newest = newest_of(g, event->host, event->pid);
    for (uint32_t at = newest ? *newest : 0; at;) {
        struct process_row *row = rowset_at(&g->rows, at - 1);
        uint64_t apart = row->started_ns > started_ns ? row->started_ns - started_ns
                                                      : started_ns - row->started_ns;
        if (apart < SAME_NS || (!row->started_ns && started_ns < row->last_ns))
            return row;
        at = row->before;
    }
    return NULL;
}

static int take_event(void *context, const struct store_event *event)
{
    struct gathering *g = context;
    json_error_t where;
    json_t *facts = json_loads(event->detail, 0, &where);
    double started_s = json_number_value(json_object_get(facts, "started_s"));
    struct process_row *row = row_of_event(g, event, started_s);
    if (row) {
        const char *python = json_string_value(json_object_get(facts, "python"));
        const char *command = json_string_value(json_object_get(facts, "command"));
        row->started_ns = row->started_ns ? row->started_ns : (uint64_t)(started_s * 1e9);
        row->python = python && *python ? rowset_keep(&g->rows, python) : row->python;
        row->command = command && *command ? rowset_keep(&g->rows, command) : row->command;
        row->version = row->version ? row->version : rowset_keep(&g->rows, event->version);
        row->has_agent |= json_is_true(json_object_get(facts, "has_agent"));
        if (!strcmp(event->kind, "exit"))
            row->ended_ns = event->at_ns;
    }
    json_decref(facts);
    return g->rows.failed;
}

static int read_events(struct gathering *g, struct store *store, struct err *err)
{
    struct store_query query = g->ask->query;
    uint64_t from_ns = query.from_ns > BEFORE_NS ? query.from_ns - BEFORE_NS : 0;
    for (uint32_t i = 0; i < g->rows.count; i++) {
        const struct process_row *row = rowset_at(&g->rows, i);
        if (row->started_ns && row->started_ns < from_ns)
            from_ns = row->started_ns;
    }
    query.from_ns = from_ns;
    query.to_ns = UINT64_MAX;
    query.version = NULL;
    int result = store_read_events(store, &query, "start", take_event, g, err);
    return result < 0 ? result : store_read_events(store, &query, "exit", take_event, g, err);
}

/* -- the answer ------------------------------------------------------------------------------ */

static const struct column columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct process_row, service), true},
    {"host", COLUMN_TEXT, offsetof(struct process_row, host)},
    {"version", COLUMN_TEXT, offsetof(struct process_row, version)},
    {"pid", COLUMN_PID, offsetof(struct process_row, pid)},
    {"command", COLUMN_TEXT, offsetof(struct process_row, command), true},
    {"started_s", COLUMN_WHEN, offsetof(struct process_row, started_ns)},
    {"ended_s", COLUMN_WHEN, offsetof(struct process_row, ended_ns)},
    {"python", COLUMN_TEXT, offsetof(struct process_row, python)},
    {"cores", COLUMN_NUMBER, offsetof(struct process_row, cores)},
    {"cpu_s", COLUMN_NS, offsetof(struct process_row, cpu_ns)},
    {"rss_bytes", COLUMN_NUMBER, offsetof(struct process_row, rss_bytes)},
    {"threads", COLUMN_NUMBER, offsetof(struct process_row, threads)},
    {"has_agent", COLUMN_FLAG, offsetof(struct process_row, has_agent)},
    {"rate_hz", COLUMN_NUMBER, offsetof(struct process_row, rate_hz)},
    {"samples", COLUMN_COUNT, offsetof(struct process_row, samples)},
    {0},
};
static const struct list_shape shape = {columns, "cpu_s", sizeof(struct process_row)};

/* Cores while it lived, as far as that is in the range. */
static void finish(struct process_row *row, const struct ask *ask,
                   const struct store_answer *answer)
{
    struct store_answer life = *answer;
    if (row->started_ns > life.first_ns)
        life.first_ns = row->started_ns;
    if (row->ended_ns && row->ended_ns < life.last_ns)
        life.last_ns = row->ended_ns;
    double seconds = list_seconds(ask, &life);
    row->cores = seconds > 0 ? (double)row->cpu_ns / 1e9 / seconds : NAN;
    if (row->ended_ns)
        row->rss_bytes = row->threads = row->rate_hz = NAN;
}

static int gather(struct gathering *g, struct store *store, struct store_answer *answer,
                  struct err *err)
{
    struct store_answer metrics;
    struct store_query query = label_metric_query(g->ask);
    struct store_metric_fns fns = {.gauge = take_gauge, .context = g};
    int result = rowset_init(&g->rows, sizeof(struct process_row));
    int other = rowset_init(&g->newest, sizeof(uint32_t));
    if (result < 0 || other < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    result = store_read_groups(store, &g->ask->query, STORE_BY_PROCESS, take_group, g, answer, err);
    if (result == 0)
        result = store_read_metrics(store, &query, 0, &fns, &metrics, err);
    if (result == 0)
        list_join(answer, &metrics);
    if (result == 0)
        result = read_events(g, store, err);
    if (result == 0 && (g->rows.failed || g->newest.failed))
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    return result;
}

int answer_processes(struct store *store, const struct answer_request *request, struct buf *out,
                     const char **media_type, struct err *err)
{
    (void)media_type;
    struct ask ask;
    struct gathering g = {.ask = &ask};
    struct store_answer answer;
    int result = ask_init(&ask, request, ASK_LIST, err);
    if (result < 0)
        return result;
    result = gather(&g, store, &answer, err);
    for (uint32_t i = 0; i < g.rows.count && result == 0; i++)
        finish(rowset_at(&g.rows, i), &ask, &answer);
    if (result == 0)
        result = list_write(&ask, &answer, &shape, g.rows.rows, g.rows.count, NULL, out, err);
    rowset_done(&g.rows);
    rowset_done(&g.newest);
    return result;
}
