/* SPDX-License-Identifier: MIT */
/* watch_json.c - everything as one JSON document on one line (docs/watch.md describes it).
 *
 * Times are seconds, sizes bytes. Every list is there in every document, empty when there is
 * nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "cli/request_text.h"
#include "cli/watch.h"

static void key_seconds(struct jsonw *json, const char *key, uint64_t ns)
{
    jsonw_key_double(json, key, (double)ns / 1e9);
}

static void key_rate(struct jsonw *json, const char *key, double value)
{
    jsonw_key(json, key);
    if (value >= 0)
        jsonw_double(json, value);
    else
        jsonw_null(json); /* not known */
}

/* ---- processes ----------------------------------------------------------------------------- */

static void add_usage(struct jsonw *json, const struct watch_process *process)
{
    const struct usage *usage = &process->usage;
    jsonw_key_u64(json, "rss_bytes", usage->resident_bytes);
    key_seconds(json, "cpu_seconds", usage->cpu_user_ns + usage->cpu_system_ns);
    key_rate(json, "cpu", watch_cpu(process));
    jsonw_key_u64(json, "threads", usage->threads);
    jsonw_key(json, "fds");
    if (usage->descriptors >= 0)
        jsonw_i64(json, usage->descriptors);
    else
        jsonw_null(json);
    jsonw_key_u64(json, "voluntary_switches", usage->switches_voluntary);
    jsonw_key_u64(json, "forced_switches", usage->switches_forced);
    key_rate(json, "switches_per_second", watch_switches(process));
    jsonw_key_u64(json, "major_faults", usage->faults_major);
}

static void add_agent(struct jsonw *json, const struct watch_process *process)
{
    struct agent_counters counters;
    uint64_t keys_full = 0;
    const struct collect_stats *stats = collect_stats(process->collect);
    uint32_t hex = collect_facts(process->collect)->python_hex;
    char version[32];
    collect_counters(process->collect, &counters);
    for (unsigned i = 0; i < 16; i++)
        keys_full += counters.keys_full[i];
    snprintf(version, sizeof version, "%u.%u.%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
    jsonw_key_string(json, "python", version);
    jsonw_key_string(json, "service", collect_service(process->collect));
    jsonw_key_string(json, "release", collect_release(process->collect));
    jsonw_key_u64(json, "in_flight", process->in_flight);
    jsonw_key(json, "gc");
    jsonw_object_begin(json);
    jsonw_key_u64(json, "count", process->gc_count);
    key_seconds(json, "total_seconds", process->gc_total_ns);
    key_seconds(json, "max_seconds", process->gc_max_ns);
    jsonw_object_end(json);
    jsonw_key(json, "agent");
    jsonw_object_begin(json);
    jsonw_key_u64(json, "records", counters.events);
    jsonw_key_u64(json, "records_read", stats->records);
    jsonw_key_u64(json, "records_before", stats->before);
    jsonw_key_u64(json, "records_lost", stats->lost);
    jsonw_key_u64(json, "records_unreadable", stats->unreadable);
    jsonw_key_u64(json, "slots_full", counters.slots_full);
    jsonw_key_u64(json, "strings_full", counters.strings_full);
    jsonw_key_u64(json, "keys_full", keys_full);
    jsonw_key_u64(json, "hook_errors", counters.hook_errors);
    jsonw_key_u64(json, "sql_withheld", counters.sql_withheld);
    jsonw_object_end(json);
}

static void add_processes(struct jsonw *json, const struct watch *watch)
{
    jsonw_key(json, "processes");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < watch->process_count; i++) {
        const struct watch_process *process = &watch->processes[i];
        if (!process->is_chosen || process->state == WATCH_OTHER)
            continue;
        jsonw_object_begin(json);
        jsonw_key_i64(json, "pid", process->pid);
        jsonw_key_string(json, "command", process->command);
        jsonw_key_string(json, "state", watch_state_name(process->state));
        jsonw_key_string(json, "meaning", watch_state_text(process->state));
        if (process->usage_ns)
            add_usage(json, process);
        if (process->collect)
            add_agent(json, process);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void add_parts(struct jsonw *json, const struct service_parts *parts)
{
    jsonw_key(json, "parts");
    jsonw_object_begin(json);
    jsonw_key_u64(json, "requests", parts->requests);
    key_seconds(json, "duration_seconds", parts->duration_ns);
    key_seconds(json, "queue_seconds", parts->queue_ns);
    key_seconds(json, "cpu_seconds", service_parts_cpu_ns(parts));
    key_seconds(json, "database_seconds", parts->database_ns);
    key_seconds(json, "outbound_seconds", parts->outbound_ns);
    key_seconds(json, "cache_seconds", parts->cache_ns);
    key_seconds(json, "template_seconds", parts->template_ns);
    key_seconds(json, "gc_seconds", parts->gc_ns);
    key_seconds(json, "loop_seconds", parts->loop_ns);
    jsonw_key(json, "gil_seconds");
    if (parts->gil_requests)
        jsonw_double(json, (double)parts->gil_ns / 1e9);
    else
        jsonw_null(json);
    jsonw_key_u64(json, "statements", parts->statements);
    jsonw_key_u64(json, "outbound_calls", parts->outbound);
    jsonw_key_u64(json, "n_plus_one", parts->repeated);
    jsonw_object_end(json);
}

static void add_figures(struct jsonw *json, const struct watch_row *row, enum service_period period)
{
    const struct watch_figures *figures = &row->figures[period];
    jsonw_object_begin(json);
    jsonw_key_u64(json, "count", figures->count);
    jsonw_key_u64(json, "errors", figures->errors);
    jsonw_key_double(json, "rate", figures->rate);
    if (row->kind != AGENT_KIND_EXCEPTION) {
        key_seconds(json, "total_seconds", figures->total_ns);
        key_seconds(json, "p50_seconds", figures->p50_ns);
        key_seconds(json, "p90_seconds", figures->p90_ns);
        key_seconds(json, "p95_seconds", figures->p95_ns);
        key_seconds(json, "p99_seconds", figures->p99_ns);
        key_seconds(json, "max_seconds", figures->max_ns);
    }
    if (row->kind == AGENT_KIND_STATEMENT) {
        jsonw_key_u64(json, "rows", figures->rows);
        jsonw_key_u64(json, "repeats", figures->repeats);
    }
    if (row->kind == AGENT_KIND_REQUEST || row->kind == AGENT_KIND_TASK)
        add_parts(json, &figures->parts);
    jsonw_object_end(json);
}

static void add_callers(struct jsonw *json, const struct watch *watch,
                        const struct service_row *row)
{
    jsonw_key(json, "endpoints");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < row->caller_count; i++) {
        const struct service_caller *caller = &row->callers[i];
        jsonw_object_begin(json);
        if (caller->row == SERVICE_NO_ROW) {
            jsonw_key(json, "route");
            jsonw_null(json);
        } else {
            const struct service_row *route = service_row(watch->service, caller->row);
            jsonw_key_string(json, "route", route->name);
            jsonw_key_string(json, "method", route->detail);
        }
        jsonw_key_u64(json, "count", caller->count);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
    jsonw_key_u64(json, "endpoints_missing", row->callers_missing);
}

static void add_status(struct jsonw *json, const struct watch_row *row)
{
    static const char *const names[WATCH_GROUPS] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    jsonw_key(json, "status");
    jsonw_object_begin(json);
    for (unsigned i = 0; i < WATCH_GROUPS; i++)
        if (row->groups[i])
            jsonw_key_u64(json, names[i], row->groups[i]);
    jsonw_object_end(json);
}

/* What the row is about: its own keys for each kind. */
static void add_identity(struct jsonw *json, const struct watch *watch, const struct watch_row *row)
{
    static const struct {
        const char *name, *detail;
    } words[AGENT_KINDS] = {
        [AGENT_KIND_REQUEST] = {"route", "method"},  [AGENT_KIND_TASK] = {"task", "system"},
        [AGENT_KIND_STATEMENT] = {"text", "system"}, [AGENT_KIND_OUTBOUND] = {"host", "method"},
        [AGENT_KIND_CACHE] = {"command", "system"},  [AGENT_KIND_EXCEPTION] = {"type", "where"},
    };
    const struct service_row *first = row->first;
    bool has_words = words[row->kind].name != NULL;
    if (!has_words)
        jsonw_key_string(json, "kind", collect_kind_name(row->kind));
    jsonw_key_string(json, has_words ? words[row->kind].name : "name", first->name);
    jsonw_key_string(json, has_words ? words[row->kind].detail : "detail", first->detail);
    jsonw_key_string(json, "service", first->service);
    jsonw_key_bool(json, "is_other", first->is_other);
    if (row->kind == AGENT_KIND_REQUEST || row->kind == AGENT_KIND_OUTBOUND)
        add_status(json, row);
    if (row->kind == AGENT_KIND_EXCEPTION)
        jsonw_key_bool(json, "handled", first->group == 1);
    if (row->kind == AGENT_KIND_STATEMENT) {
        char fingerprint[17];
        snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, first->fingerprint);
        jsonw_key_string(json, "summary", first->summary);
        jsonw_key_string(json, "fingerprint", fingerprint);
        jsonw_key_u64(json, "n_plus_one", first->n_plus_one);
        jsonw_key_u64(json, "n_plus_one_most", first->n_plus_one_most);
    }
    if (row->kind == AGENT_KIND_STATEMENT || row->kind == AGENT_KIND_EXCEPTION)
        add_callers(json, watch, first);
}

static int add_section(struct jsonw *json, struct watch *watch, enum watch_section section,
                       uint32_t limit, uint64_t mono_ns)
{
    int result = watch_arrange(watch, section, SERVICE_ALL, mono_ns);
    jsonw_key(json, watch_section_name(section));
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < watch->view.count && (!limit || i < limit); i++) {
        const struct watch_row *row = &watch->view.rows[i];
        jsonw_object_begin(json);
        add_identity(json, watch, row);
        jsonw_key(json, "all");
        add_figures(json, row, SERVICE_ALL);
        jsonw_key(json, "now");
        add_figures(json, row, SERVICE_NOW);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
    return result;
}

static void add_requests(struct jsonw *json, const struct watch *watch, uint32_t limit)
{
    jsonw_key(json, "requests");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < watch->request_count && (!limit || i < limit); i++) {
        const struct watch_request *request = &watch->requests[i];
        const struct watch_process *process = &watch->processes[request->process];
        jsonw_object_begin(json);
        jsonw_key_i64(json, "pid", process->pid);
        jsonw_key_u64(json, "thread", request->request.thread);
        jsonw_key_bool(json, "died", request->request.flags & AGENT_FLAG_UNFINISHED);
        jsonw_key_u64(json, "statements", request->request.statements);
        jsonw_key(json, "request");
        request_json(process->collect, &request->request, request->at_ns, json);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
    jsonw_key_u64(json, "requests_in_flight", watch->request_total);
}

int watch_json(struct watch *watch, uint32_t limit, uint64_t mono_ns, struct buf *out)
{
    struct jsonw json;
    int result = 0;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "pitviper", PITVIPER_VERSION);
    key_seconds(&json, "time", clock_wall_ns());
    key_seconds(&json, "all_seconds", service_elapsed_ns(watch->service, SERVICE_ALL, mono_ns));
    key_seconds(&json, "now_seconds", service_elapsed_ns(watch->service, SERVICE_NOW, mono_ns));
    add_processes(&json, watch);
    for (unsigned section = 0; section < WATCH_SECTIONS && result == 0; section++) {
        if (section == WATCH_REQUESTS)
            add_requests(&json, watch, limit);
        else if (section != WATCH_PROCESSES)
            result = add_section(&json, watch, section, limit, mono_ns);
    }
    jsonw_key_u64(&json, "refused", service_refused(watch->service));
    jsonw_object_end(&json);
    buf_add_char(out, '\n');
    return result;
}
