/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/query.h"

static const struct query_column services[] = {
    {"cores", "cores", QUERY_NUMBER},      {"rss_bytes", "memory", QUERY_BYTES},
    {"processes", "procs", QUERY_COUNT},   {"rate", "req/s", QUERY_NUMBER},
    {"error_rate", "errors", QUERY_SHARE}, {"p50_s", "p50", QUERY_SECONDS},
    {"p95_s", "p95", QUERY_SECONDS},       {"service", "service", QUERY_TEXT},
    {"versions", "versions", QUERY_LIST},  {0},
};
static const struct query_column processes[] = {
    {"pid", "pid", QUERY_NUMBER},
    {"cores", "cores", QUERY_NUMBER},
    {"rss_bytes", "memory", QUERY_BYTES},
    {"threads", "threads", QUERY_NUMBER},
    {"samples", "samples", QUERY_COUNT},
    {"started_s", "started", QUERY_WHEN},
    {"ended_s", "ended", QUERY_WHEN},
    {"python", "python", QUERY_TEXT},
    {"service", "service", QUERY_TEXT},
    {"version", "version", QUERY_TEXT},
    {"host", "host", QUERY_TEXT},
    {"command", "command", QUERY_TEXT},
    {0},
};
static const struct query_column endpoints[] = {
    {"requests", "requests", QUERY_COUNT},
    {"errors", "errors", QUERY_COUNT},
    {"total_s", "total", QUERY_SECONDS},
    {"p50_s", "p50", QUERY_SECONDS},
    {"p95_s", "p95", QUERY_SECONDS},
    {"p99_s", "p99", QUERY_SECONDS},
    {"max_s", "max", QUERY_SECONDS},
    {"repeated", "N+1", QUERY_NUMBER},
    {"service", "service", QUERY_TEXT},
    {"endpoint", "endpoint", QUERY_TEXT},
    {0},
};
static const struct query_column queries[] = {
    {"count", "count", QUERY_COUNT},        {"errors", "errors", QUERY_COUNT},
    {"total_s", "total", QUERY_SECONDS},    {"mean_s", "mean", QUERY_SECONDS},
    {"p95_s", "p95", QUERY_SECONDS},        {"repeats", "repeats", QUERY_COUNT},
    {"system", "system", QUERY_TEXT},       {"service", "service", QUERY_TEXT},
    {"statement", "statement", QUERY_TEXT}, {0},
};
static const struct query_column calls[] = {
    {"count", "count", QUERY_COUNT},     {"errors", "errors", QUERY_COUNT},
    {"total_s", "total", QUERY_SECONDS}, {"mean_s", "mean", QUERY_SECONDS},
    {"p95_s", "p95", QUERY_SECONDS},     {"max_s", "max", QUERY_SECONDS},
    {"service", "service", QUERY_TEXT},  {"detail", "kind", QUERY_TEXT},
    {"name", "name", QUERY_TEXT},        {0},
};
static const struct query_column errors[] = {
    {"count", "count", QUERY_COUNT},
    {"last_s", "last", QUERY_WHEN},
    {"handled", "handled", QUERY_FLAG},
    {"service", "service", QUERY_TEXT},
    {"type", "type", QUERY_TEXT},
    {"where", "where", QUERY_TEXT},
    {0},
};
static const struct query_column traces[] = {
    {"start_s", "start", QUERY_WHEN},     {"duration_s", "took", QUERY_SECONDS},
    {"status", "status", QUERY_NUMBER},   {"error", "error", QUERY_FLAG},
    {"spans", "spans", QUERY_COUNT},      {"trace", "trace", QUERY_TEXT},
    {"reasons", "kept as", QUERY_LIST},   {"service", "service", QUERY_TEXT},
    {"endpoint", "endpoint", QUERY_TEXT}, {0},
};
static const struct query_column events[] = {
    {"at_s", "at", QUERY_WHEN},
    {"kind", "kind", QUERY_TEXT},
    {"pid", "pid", QUERY_NUMBER},
    {"service", "service", QUERY_TEXT},
    {"version", "version", QUERY_TEXT},
    {"text", "what", QUERY_TEXT},
    {0},
};
static const struct query_column threads[] = {
    {"cpu_s", "time", QUERY_SECONDS},
    {"samples", "samples", QUERY_COUNT},
    {"service", "service", QUERY_TEXT},
    {"thread", "thread", QUERY_TEXT},
    {0},
};
static const struct query_column versions[] = {
    {"first_s", "first", QUERY_WHEN},    {"last_s", "last", QUERY_WHEN},
    {"samples", "samples", QUERY_COUNT}, {"service", "service", QUERY_TEXT},
    {"version", "version", QUERY_TEXT},  {0},
};

const struct query_column *query_columns(const char *name)
{
    static const struct {
        const char *name;
        const struct query_column *columns;
    } all[] = {
        {"services", services}, {"processes", processes}, {"endpoints", endpoints},
        {"queries", queries},   {"outbound", calls},      {"cache", calls},
        {"templates", calls},   {"tasks", calls},         {"errors", errors},
        {"traces", traces},     {"events", events},       {"threads", threads},
        {"versions", versions},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, name))
            return all[i].columns;
    return NULL;
}
