/* SPDX-License-Identifier: MIT */
/* metrics.c - /metrics: one row per metric, Prometheus' text format or OpenMetrics.
 *
 * The two differ in little: in OpenMetrics a counter's family has its name without "_total", units
 * are said, and the end is marked. So a row has the family's name, and the samples add the rest.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "daemon/live.h"
#include "daemon/status.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum value_type { VALUE_U64, VALUE_U32, VALUE_DOUBLE, VALUE_BOOL, VALUE_CPU_NS };

/* What rows point into. */
struct facts {
    struct status_sampling sampling;
    struct store_stats store;
    struct harvest_stats harvest;
    struct httpd_counts http;
    double cores;
    uint64_t cpu_ns, rss_bytes, letters_lost, started_ns;
};

struct metric {
    const char *family; /* without "pitviper_" and "_total" */
    const char *label;  /* as it is written between braces; NULL: none */
    const char *help;   /* NULL: another sample of the family above */
    enum metric_type type;
    enum value_type value;
    size_t offset;
};

#define SAMPLING(member) offsetof(struct facts, sampling.member)
#define STORE(member) offsetof(struct facts, store.member)
#define HARVEST(member) offsetof(struct facts, harvest.member)
#define HTTP(member) offsetof(struct facts, http.member)
#define C METRIC_COUNTER
#define G METRIC_GAUGE

static const struct metric metrics[] = {
    {"cpu_seconds", NULL, "CPU time of the daemon, answers too.", C, VALUE_CPU_NS,
     offsetof(struct facts, cpu_ns)},
    {"cpu_cores", NULL, "Cores that the daemon takes, answers too, over the last seconds.", G,
     VALUE_DOUBLE, offsetof(struct facts, cores)},
    {"sampling_cpu_cores", NULL, "Cores that sampling and keeping take: what the budget is about.",
     G, VALUE_DOUBLE, SAMPLING(cores)},
    {"sampling_budget_cores", NULL, "Cores that they may take.", G, VALUE_DOUBLE,
     SAMPLING(budget_cores)},
    {"resident_memory_bytes", NULL, "Memory of the daemon.", G, VALUE_U64,
     offsetof(struct facts, rss_bytes)},
    {"sampling_rate_hertz", NULL, "Looks per second at each process.", G, VALUE_U32,
     SAMPLING(rate_hz)},
    {"sampling_rate_wanted_hertz", NULL, "The same as it was asked for.", G, VALUE_U32,
     SAMPLING(most_hz)},
    {"sampling_rate_changes", NULL, "How often a budget changed a rate.", C, VALUE_U64,
     SAMPLING(rate_changes)},
    {"boosts", NULL, "How often a service was sampled more often for some seconds.", C, VALUE_U64,
     SAMPLING(boosts)},
    {"processes", NULL, "Python processes that are sampled.", G, VALUE_U32, SAMPLING(processes)},
    {"processes_with_agent", NULL, "Of these, with an agent.", G, VALUE_U32, SAMPLING(agents)},
    {"processes_slowed", NULL, "Of these, sampled less often by their own budget.", G, VALUE_U32,
     SAMPLING(slowed)},
    {"processes_waiting", NULL, "Processes that wait to be looked at.", G, VALUE_U32,
     SAMPLING(waiting)},
    {"processes_started", NULL, "Python processes that were found.", C, VALUE_U64,
     SAMPLING(started)},
    {"processes_ended", NULL, "Of these, that ended.", C, VALUE_U64, SAMPLING(ended)},
    {"processes_unreadable", NULL,
     "Processes that may not be looked into, or run a Python that is not known.", C, VALUE_U64,
     SAMPLING(unreadable)},
    {"processes_excluded", NULL, "Processes that patterns left out.", C, VALUE_U64,
     SAMPLING(excluded)},
    {"processes_postponed", NULL, "How often a process had to wait to be looked at.", C, VALUE_U64,
     SAMPLING(postponed)},
    {"samples", "quality=\"exact\"", "Stacks of threads.", C, VALUE_U64, SAMPLING(exact)},
    {"samples", "quality=\"partial\"", NULL, C, VALUE_U64, SAMPLING(partial)},
    {"samples_lost", "reason=\"unreadable\"", "Stacks that are missing.", C, VALUE_U64,
     SAMPLING(lost)},
    {"samples_lost", "reason=\"no_room\"", NULL, C, VALUE_U64, SAMPLING(dropped)},
    {"rounds", NULL, "Rounds over all processes.", C, VALUE_U64, SAMPLING(rounds)},
    {"rounds_late", NULL, "Rounds that did not take place because one before took too long.", C,
     VALUE_U64, SAMPLING(late)},
    {"looks_put_off", NULL, "Looks that waited for a window to be written.", C, VALUE_U64,
     SAMPLING(busy)},
    {"store_bytes", NULL, "Size of the history.", G, VALUE_U64, STORE(bytes)},
    {"store_budget_bytes", NULL, "What it may take; 0: no limit.", G, VALUE_U64,
     STORE(budget_bytes)},
    {"store_files", NULL, "Files of the history.", G, VALUE_U32, STORE(files)},
    {"store_pending_bytes", NULL, "What waits to be written.", G, VALUE_U64, STORE(pending_bytes)},
    {"store_failing", NULL, "1: the last write failed.", G, VALUE_BOOL, STORE(failing)},
    {"store_flushes", NULL, "Writes that succeeded.", C, VALUE_U64, STORE(flushes)},
    {"store_windows_written", NULL, "Windows written.", C, VALUE_U64, STORE(written_windows)},
    {"store_windows_lost", NULL, "Windows that could not be written in time.", C, VALUE_U64,
     STORE(dropped_windows)},
    {"store_windows_damaged", NULL, "Windows found damaged.", C, VALUE_U64, STORE(damaged_windows)},
    {"store_files_damaged", NULL, "Files that were set aside.", C, VALUE_U32, STORE(damaged_files)},
    {"store_files_deleted", NULL, "Files deleted because of age or size.", C, VALUE_U64,
     STORE(deleted_files)},
    {"mail_lost", NULL, "Messages to the writing thread that found no room.", C, VALUE_U64,
     offsetof(struct facts, letters_lost)},
    {"agent_requests", NULL, "Requests and tasks that agents counted.", C, VALUE_U64,
     HARVEST(requests)},
    {"agent_spans", NULL, "Spans that were read from agents.", C, VALUE_U64, HARVEST(spans)},
    {"agent_records_lost", NULL, "Records that were overwritten before they were read.", C,
     VALUE_U64, HARVEST(records_lost)},
    {"traces_kept", NULL, "Traces that were kept.", C, VALUE_U64, HARVEST(traces_kept)},
    {"traces_dropped", NULL, "Traces that were left out by the rules or for want of room.", C,
     VALUE_U64, HARVEST(traces_dropped)},
    {"http_requests", NULL, "HTTP requests.", C, VALUE_U64, HTTP(requests)},
    {"http_requests_refused", NULL, "Of these, refused.", C, VALUE_U64, HTTP(refused)},
    {"http_request_errors", NULL, "Of these, failed.", C, VALUE_U64, HTTP(errors)},
    {"http_response_bytes", NULL, "Bytes sent.", C, VALUE_U64, HTTP(bytes)},
    {"http_connections", NULL, "Connections that are open.", G, VALUE_U32, HTTP(connections)},
};

static const char *const type_names[] = {"counter", "gauge", "histogram"};

struct exposition {
    struct buf *out;
    bool open;
};

static void add_head(struct exposition *text, const char *family, enum metric_type type,
                     const char *help)
{
    const char *ending = type == METRIC_COUNTER && !text->open ? "_total" : "";
    buf_printf(text->out, "# HELP pitviper_%s%s %s\n", family, ending, help);
    buf_printf(text->out, "# TYPE pitviper_%s%s %s\n", family, ending, type_names[type]);
}

static void add_name(struct exposition *text, const char *family, enum metric_type type,
                     const char *label)
{
    buf_printf(text->out, "pitviper_%s%s", family, type == METRIC_COUNTER ? "_total" : "");
    if (label)
        buf_printf(text->out, "{%s}", label);
    buf_add_char(text->out, ' ');
}

static void add_double(struct exposition *text, double value)
{
    buf_printf(text->out, "%.9g\n", value);
}

static void add_value(struct exposition *text, const struct metric *metric,
                      const struct facts *facts)
{
    const char *at = (const char *)facts + metric->offset;
    uint64_t whole = 0;
    switch (metric->value) {
    case VALUE_DOUBLE: {
        double value;
        memcpy(&value, at, sizeof value);
        add_double(text, value);
        return;
    }
    case VALUE_CPU_NS:
        memcpy(&whole, at, sizeof whole);
        add_double(text, (double)whole / 1e9);
        return;
    case VALUE_U32: {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        whole = value;
        break;
    }
    case VALUE_BOOL:
        whole = *(const bool *)at;
        break;
    case VALUE_U64:
        memcpy(&whole, at, sizeof whole);
        break;
    }
    buf_add_u64(text->out, whole);
    buf_add_char(text->out, '\n');
}

/* Backslash, quote and newline are escaped; what is not UTF-8 is repaired. */
static void add_label_value(struct buf *out, const char *value)
{
    struct buf repaired;
    buf_init(&repaired, 0);
    jsonw_repair_utf8(&repaired, value, strlen(value));
    for (size_t i = 0; i < repaired.size; i++) {
        char c = repaired.data[i];
        if (c == '\\' || c == '"')
            buf_add_char(out, '\\');
        if (c == '\n')
            buf_add_str(out, "\\n");
        else
            buf_add_char(out, c);
    }
    buf_done(&repaired);
}

static void add_service(struct exposition *text, const char *family, enum metric_type type,
                        const char *service, double value)
{
    buf_printf(text->out, "pitviper_%s%s{service=\"", family,
               type == METRIC_COUNTER ? "_total" : "");
    add_label_value(text->out, service);
    buf_add_str(text->out, "\"} ");
    add_double(text, value);
}

/* Called with the lock held. */
static void add_services(struct exposition *text, const struct status *status)
{
    add_head(text, "service_cpu_seconds", METRIC_COUNTER,
             "CPU time of a service's processes, by its samples.");
    for (uint32_t i = 0; i < status->service_count; i++)
        add_service(text, "service_cpu_seconds", METRIC_COUNTER, status->services[i].name,
                    (double)status->services[i].cpu_ns / 1e9);
    add_head(text, "service_processes", METRIC_GAUGE, "Processes of a service that live.");
    for (uint32_t i = 0; i < status->service_count; i++)
        add_service(text, "service_processes", METRIC_GAUGE, status->services[i].name,
                    status->services[i].processes);
}

/* OpenMetrics only: a trace that fell into the bucket. */
static void add_exemplar(struct exposition *text, const struct latency_exemplar *exemplar)
{
    if (text->open && (exemplar->trace_high || exemplar->trace_low))
        buf_printf(text->out, " # {trace_id=\"%016" PRIx64 "%016" PRIx64 "\"} %.9g %.3f",
                   exemplar->trace_high, exemplar->trace_low, exemplar->value_s,
                   (double)exemplar->at_ns / 1e9);
    buf_add_char(text->out, '\n');
}

static void add_durations(struct exposition *text, const struct latency_service *service)
{
    static const char family[] = "pitviper_service_request_duration_seconds";
    uint64_t count = 0;
    for (uint32_t i = 0; i <= LATENCY_BOUNDS; i++) {
        count += service->buckets[i];
        buf_printf(text->out, "%s_bucket{service=\"", family);
        add_label_value(text->out, service->name);
        if (i == LATENCY_BOUNDS)
            buf_add_str(text->out, "\",le=\"+Inf\"} ");
        else
            buf_printf(text->out, "\",le=\"%s\"} ", latency_bounds[i].text);
        buf_add_u64(text->out, count);
        add_exemplar(text, &service->exemplars[i]);
    }
    buf_printf(text->out, "%s_sum{service=\"", family);
    add_label_value(text->out, service->name);
    buf_add_str(text->out, "\"} ");
    add_double(text, service->sum_s);
    buf_printf(text->out, "%s_count{service=\"", family);
    add_label_value(text->out, service->name);
    buf_printf(text->out, "\"} %" PRIu64 "\n", count);
}

/* Called with the lock held. */
static void add_latency(struct exposition *text, const struct latency *latency)
{
    add_head(text, "service_request_duration_seconds", METRIC_HISTOGRAM,
             "How long a service's requests took: all that agents counted.");
    for (uint32_t i = 0; i < latency->count; i++)
        add_durations(text, &latency->services[i]);
}

static void add_metrics(struct exposition *text, const struct facts *facts)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        const struct metric *metric = &metrics[i];
        if (metric->help)
            add_head(text, metric->family, metric->type, metric->help);
        add_name(text, metric->family, metric->type, metric->label);
        add_value(text, metric, facts);
    }
}

int live_metrics(struct status *status, const struct httpd_counts *http, bool open_metrics,
                 struct buf *out)
{
    struct exposition text = {.out = out, .open = open_metrics};
    struct facts facts = {.http = http ? *http : (struct httpd_counts){0}};
    add_head(&text, "build_info", METRIC_GAUGE, "Version of the daemon.");
    buf_add_str(out, "pitviper_build_info{version=\"" PITVIPER_VERSION "\"} 1\n");
    pthread_mutex_lock(&status->lock);
    facts.sampling = status->sampling;
    facts.store = status->store;
    facts.harvest = status->harvest;
    facts.cores = status->cores;
    facts.cpu_ns = status->cpu_ns;
    facts.rss_bytes = status->rss_bytes;
    facts.letters_lost = status->letters_lost;
    add_services(&text, status);
    add_latency(&text, &status->latency);
    pthread_mutex_unlock(&status->lock);
    add_head(&text, "start_time_seconds", METRIC_GAUGE, "When the daemon began, since 1970.");
    buf_printf(out, "pitviper_start_time_seconds %.3f\n", (double)status->started_ns / 1e9);
    add_metrics(&text, &facts);
    if (open_metrics)
        buf_add_str(out, "# EOF\n");
    return buf_failed(out) ? ERR_NO_MEMORY : 0;
}
