/* SPDX-License-Identifier: MIT */
/* watch_columns.c - the columns of each section, and numbers in few characters. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/request_text.h"
#include "cli/watch.h"
#include "codec/text.h"

#define SHOW(name, expression)                                                                     \
    static void name(char out[WATCH_NUMBER], const struct watch_row *row,                          \
                     enum service_period period)                                                   \
    {                                                                                              \
        const struct watch_figures *figures = &row->figures[period];                               \
        expression;                                                                                \
    }

/* ---- numbers ------------------------------------------------------------------------------- */

void watch_time(char out[WATCH_NUMBER], uint64_t ns)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}, {6e10, "m"}, {3.6e12, "h"}};
    unsigned unit = 0;
    if (!ns) {
        snprintf(out, WATCH_NUMBER, "-");
        return;
    }
    while (unit + 1 < sizeof units / sizeof *units && (double)ns >= units[unit + 1].ns * 0.9995)
        unit++;
    double value = (double)ns / units[unit].ns;
    int digits = unit == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(out, WATCH_NUMBER, "%.*f%s", digits, value < 9999 ? value : 9999, units[unit].unit);
}

void watch_number(char out[WATCH_NUMBER], double value)
{
    static const char units[] = " kMGT";
    unsigned unit = 0;
    while (unit + 2 < sizeof units && value >= 999.5) {
        value /= 1000;
        unit++;
    }
    int digits = value == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(out, WATCH_NUMBER, "%.*f%.*s", digits, value < 9999 ? value : 9999, unit > 0,
             units + unit);
}

static void show_count(char out[WATCH_NUMBER], uint64_t count)
{
    if (count < 10000)
        snprintf(out, WATCH_NUMBER, "%u", (unsigned)count);
    else
        watch_number(out, (double)count);
}

void watch_bytes(char out[WATCH_NUMBER], uint64_t bytes)
{
    static const char units[] = "BKMGT";
    double value = (double)bytes;
    unsigned unit = 0;
    while (unit + 2 < sizeof units && value >= 999.5) {
        value /= 1024;
        unit++;
    }
    snprintf(out, WATCH_NUMBER, "%.*f%c", unit && value < 9.995 ? 1 : 0, value, units[unit]);
}

static void show_share(char out[WATCH_NUMBER], uint64_t part, uint64_t whole)
{
    if (!whole)
        snprintf(out, WATCH_NUMBER, "-");
    else
        snprintf(out, WATCH_NUMBER, "%.0f%%", 100.0 * (double)part / (double)whole);
}

/* ---- columns ------------------------------------------------------------------------------- */

SHOW(show_rate, watch_number(out, figures->rate))
SHOW(show_p50, watch_time(out, figures->p50_ns))
SHOW(show_p95, watch_time(out, figures->p95_ns))
SHOW(show_p99, watch_time(out, figures->p99_ns))
SHOW(show_max, watch_time(out, figures->max_ns))
SHOW(show_total, watch_time(out, figures->total_ns))
SHOW(show_number, show_count(out, figures->count))
SHOW(show_database, show_share(out, figures->parts.database_ns, figures->parts.duration_ns))
SHOW(show_cpu, show_share(out, service_parts_cpu_ns(&figures->parts), figures->parts.duration_ns))
SHOW(show_outbound, show_share(out, figures->parts.outbound_ns, figures->parts.duration_ns))
SHOW(show_cache, show_share(out, figures->parts.cache_ns, figures->parts.duration_ns))
SHOW(show_errors, if (figures->errors) show_count(out, figures->errors);
     else snprintf(out, WATCH_NUMBER, figures->count ? "0" : "-"))
SHOW(show_queue,
     watch_time(out,
                figures->parts.requests ? figures->parts.queue_ns / figures->parts.requests : 0))
SHOW(show_statements,
     watch_number(out, figures->parts.requests
                           ? (double)figures->parts.statements / (double)figures->parts.requests
                           : 0))
SHOW(show_rows, if (figures->rows && figures->count)
                    watch_number(out, (double)figures->rows / (double)figures->count);
     else snprintf(out, WATCH_NUMBER, "-"))

static void show_n_plus_one(char out[WATCH_NUMBER], const struct watch_row *row,
                            enum service_period period)
{
    (void)period;
    if (row->first->n_plus_one)
        snprintf(out, WATCH_NUMBER, "x%u",
                 row->first->n_plus_one_most < 10000 ? row->first->n_plus_one_most : 9999);
    else
        snprintf(out, WATCH_NUMBER, "-");
}

static void show_handled(char out[WATCH_NUMBER], const struct watch_row *row,
                         enum service_period period)
{
    (void)period;
    snprintf(out, WATCH_NUMBER, "%s", row->first->group == 1 ? "yes" : "no");
}

static const struct watch_column request_columns[] = {
    {"rate/s", 6, 0, WATCH_BY_RATE, show_rate},
    {"err", 4, 0, WATCH_BY_ERRORS, show_errors},
    {"p50", 6, 60, WATCH_BY_P50, show_p50},
    {"p95", 6, 0, WATCH_BY_P95, show_p95},
    {"p99", 6, 70, WATCH_BY_P99, show_p99},
    {"max", 6, 80, WATCH_BY_MAX, show_max},
    {"db", 4, 76, WATCH_SORTS, show_database},
    {"out", 4, 80, WATCH_SORTS, show_outbound},
    {"cpu", 4, 96, WATCH_SORTS, show_cpu},
    {"cache", 5, 108, WATCH_SORTS, show_cache},
    {"queue", 6, 108, WATCH_SORTS, show_queue},
    {"stmts", 5, 96, WATCH_SORTS, show_statements},
    {"total", 6, 116, WATCH_BY_TOTAL, show_total},
    {"count", 5, 124, WATCH_BY_COUNT, show_number},
    {0},
};
static const struct watch_column statement_columns[] = {
    {"rate/s", 6, 0, WATCH_BY_RATE, show_rate},    {"total", 6, 0, WATCH_BY_TOTAL, show_total},
    {"p50", 6, 80, WATCH_BY_P50, show_p50},        {"p95", 6, 0, WATCH_BY_P95, show_p95},
    {"max", 6, 96, WATCH_BY_MAX, show_max},        {"err", 4, 70, WATCH_BY_ERRORS, show_errors},
    {"N+1", 5, 60, WATCH_SORTS, show_n_plus_one},  {"rows", 5, 108, WATCH_SORTS, show_rows},
    {"count", 5, 96, WATCH_BY_COUNT, show_number}, {0},
};
static const struct watch_column leaf_columns[] = {
    {"rate/s", 6, 0, WATCH_BY_RATE, show_rate},
    {"err", 4, 0, WATCH_BY_ERRORS, show_errors},
    {"p50", 6, 60, WATCH_BY_P50, show_p50},
    {"p95", 6, 0, WATCH_BY_P95, show_p95},
    {"p99", 6, 80, WATCH_BY_P99, show_p99},
    {"max", 6, 70, WATCH_BY_MAX, show_max},
    {"total", 6, 76, WATCH_BY_TOTAL, show_total},
    {"count", 5, 96, WATCH_BY_COUNT, show_number},
    {0},
};
static const struct watch_column error_columns[] = {
    {"count", 5, 0, WATCH_BY_COUNT, show_number},
    {"rate/s", 6, 50, WATCH_BY_RATE, show_rate},
    {"handled", 7, 76, WATCH_SORTS, show_handled},
    {0},
};
static const struct watch_column no_columns[] = {{0}};

const struct watch_column *watch_columns(enum watch_section section)
{
    switch (section) {
    case WATCH_ENDPOINTS:
    case WATCH_TASKS:
        return request_columns;
    case WATCH_STATEMENTS:
        return statement_columns;
    case WATCH_OUTBOUND:
    case WATCH_CACHE:
    case WATCH_REST:
        return leaf_columns;
    case WATCH_ERRORS:
        return error_columns;
    default:
        return no_columns;
    }
}

/* ---- words --------------------------------------------------------------------------------- */

static void add(struct buf *out, const char *text)
{
    text_add_line(out, text, strlen(text), 0, 0);
}

static void add_pair(struct buf *out, const char *first, const char *between, const char *second)
{
    add(out, first);
    if (*first && *second)
        buf_add_str(out, between);
    add(out, second);
}

void watch_title(const struct watch *watch, const struct watch_row *row, struct buf *out)
{
    const struct service_row *first = row->first;
    if (watch->has_services && *first->service) {
        add(out, first->service);
        buf_add_str(out, ": ");
    }
    if (first->is_other) {
        buf_printf(out, "(other %ss: the table of names is full)", collect_kind_name(row->kind));
        return;
    }
    switch (row->kind) {
    case AGENT_KIND_REQUEST:
    case AGENT_KIND_OUTBOUND:
    case AGENT_KIND_CACHE:
        add_pair(out, first->detail, " ", first->name);
        break;
    case AGENT_KIND_EXCEPTION:
        add_pair(out, first->name, " in ", first->detail);
        break;
    case AGENT_KIND_STATEMENT:
        add(out, first->name);
        break;
    case AGENT_KIND_TASK:
        add_pair(out, first->name, "  ", first->detail);
        break;
    default:
        buf_printf(out, "%s ", collect_kind_name(row->kind));
        add_pair(out, first->name, "  ", first->detail);
        break;
    }
}

static void add_caller(const struct watch *watch, const struct service_caller *caller,
                       struct buf *out)
{
    if (caller->row == SERVICE_NO_ROW) {
        buf_add_str(out, "outside of requests");
        return;
    }
    const struct service_row *route = service_row(watch->service, caller->row);
    add_pair(out, route->kind == AGENT_KIND_REQUEST ? route->detail : "", " ", route->name);
}

void watch_remark(const struct watch *watch, const struct watch_row *row, struct buf *out)
{
    const struct service_row *first = row->first;
    if (row->kind == AGENT_KIND_STATEMENT && first->n_plus_one)
        buf_printf(out, "N+1 (up to %u times in one request) in ", first->n_plus_one_most);
    else if (row->kind != AGENT_KIND_EXCEPTION || !first->caller_count)
        return;
    for (uint32_t i = 0; i < first->caller_count; i++) {
        if (i)
            buf_add_str(out, ", ");
        add_caller(watch, &first->callers[i], out);
        buf_printf(out, " (%llu)", (unsigned long long)first->callers[i].count);
    }
    if (first->callers_missing)
        buf_printf(out, ", others (%llu)", (unsigned long long)first->callers_missing);
}

void watch_request_title(const struct watch *watch, const struct watch_request *request,
                         struct buf *out)
{
    char text[REQUEST_TEXT_MAX];
    struct collect *collect = watch->processes[request->process].collect;
    add(out, request_text(collect, &request->request, request->at_ns, text));
}
