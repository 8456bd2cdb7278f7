/* SPDX-License-Identifier: MIT */
#include "daemon/harvest_traces.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "codec/codec.h"
#include "daemon/harvest_inside.h"
#include "query/trace_blob.h"

#define SLACK_NS UINT64_C(10000000000) /* a tick may take long, and what ends meanwhile is read */
#define OLDEST_NS UINT64_C(259200000000000) /* three days */

enum text { SERVICE, VERSION, ENDPOINT, HOST, COMMAND, TEXTS };

struct waiting {
    struct buf json; /* an object that is still open: "profile" is missing */
    struct store_trace head;
    struct trace_blob_head blob_head;
    char *texts[TEXTS];
    uint64_t request, start_ns, due_ns; /* CLOCK_MONOTONIC */
    uint32_t owner;
};

struct traces {
    struct store *store;
    const struct samples *samples;
    uint64_t mono_ns, wall_ns; /* of the last tick */
    double tokens;
    struct waiting *waiting[TRACES_MAX_WAITING]; /* in order of due_ns */
    uint32_t count;
    struct buf blob;
    int fault; /* the first one since it was asked for */
    struct err err;
};

/* ---- spans as JSON -------------------------------------------------------------------------- */

static void write_id(struct jsonw *json, const char *key, uint64_t id)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, id);
    jsonw_key(json, key);
    if (id)
        jsonw_string(json, text);
    else
        jsonw_null(json);
}

static void write_known(struct jsonw *json, const char *key, uint32_t value, uint32_t unknown)
{
    jsonw_key(json, key);
    if (value == unknown)
        jsonw_null(json);
    else
        jsonw_u64(json, value);
}

/* Clocks of a region that lies may say anything. */
static double since_s(uint64_t at_ns, uint64_t start_ns)
{
    return at_ns > start_ns ? (double)(at_ns - start_ns) / 1e9 : 0;
}

/* A statement's name is what it does ("SELECT orders"), its text is the detail. */
static void write_names(struct jsonw *json, struct collect *collect, uint32_t index)
{
    struct collect_key key;
    if (!collect_key(collect, index, &key))
        key = (struct collect_key){.name = "", .detail = "", .summary = ""};
    const char *name = key.is_other ? HARVEST_OTHER : key.name;
    bool is_statement = key.kind == AGENT_KIND_STATEMENT && !key.is_other;
    jsonw_key_string(json, "name", is_statement && *key.summary ? key.summary : name);
    jsonw_key_string(json, "detail", is_statement ? key.name : key.detail);
}

static void write_times(struct jsonw *json, const struct agent_record *record, uint64_t start_ns)
{
    jsonw_key_double(json, "start_s", since_s(record->as.span.start_ns, start_ns));
    jsonw_key_double(json, "duration_s", (double)record->as.span.duration_ns / 1e9);
    jsonw_key_bool(json, "error", record->flags & AGENT_FLAG_ERROR);
    write_known(json, "status", record->as.span.status, 0);
    write_known(json, "rows", record->as.span.rows, AGENT_NONE);
}

static void write_span(struct jsonw *json, struct collect *collect,
                       const struct agent_record *record, uint64_t start_ns)
{
    jsonw_object_begin(json);
    write_id(json, "span", record->as.span.span);
    write_id(json, "parent", record->as.span.parent);
    jsonw_key_string(json, "kind", collect_kind_name((enum agent_kind)record->about));
    write_names(json, collect, record->as.span.key);
    write_times(json, record, start_ns);
    jsonw_object_end(json);
}

/* The request itself is the first of its spans. */
static void write_root(struct jsonw *json, const struct keep_trace *trace, const char *endpoint)
{
    const struct agent_record *request = &trace->request;
    jsonw_object_begin(json);
    write_id(json, "span", request->as.span.span);
    write_id(json, "parent", trace->trace.as.trace.remote_parent);
    jsonw_key_string(json, "kind", collect_kind_name((enum agent_kind)request->about));
    jsonw_key_string(json, "name", endpoint);
    jsonw_key_string(json, "detail", "");
    write_times(json, request, request->as.span.start_ns);
    jsonw_object_end(json);
}

/* Returns how many were written. */
static uint32_t write_spans(struct jsonw *json, const struct traces_process *process,
                            const struct keep_trace *trace, const char *endpoint)
{
    uint32_t written = 1;
    jsonw_key(json, "spans");
    jsonw_array_begin(json);
    write_root(json, trace, endpoint);
    for (uint32_t i = 0; i < trace->span_count && json->out->size < TRACES_MAX_JSON; i++)
        if (trace->spans[i].kind == AGENT_RECORD_SPAN) {
            write_span(json, process->collect, &trace->spans[i], trace->request.as.span.start_ns);
            written++;
        }
    jsonw_array_end(json);
    return written;
}

static uint32_t count_spans(const struct keep_trace *trace)
{
    uint32_t count = 1 + trace->missing;
    for (uint32_t i = 0; i < trace->span_count; i++)
        count += trace->spans[i].kind == AGENT_RECORD_SPAN;
    return count;
}

/* Messages are there only where the agent was asked to keep them. */
static void write_errors(struct jsonw *json, struct collect *collect,
                         const struct keep_trace *trace)
{
    jsonw_key(json, "errors");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        const struct agent_record *record = &trace->spans[i];
        struct collect_key key;
        if (record->kind != AGENT_RECORD_ERROR || !collect_key(collect, record->as.span.key, &key))
            continue;
        jsonw_object_begin(json);
        jsonw_key_string(json, "type", key.is_other ? HARVEST_OTHER : key.name);
        jsonw_key_string(json, "where", key.detail);
        jsonw_key_double(json, "at_s",
                         since_s(record->as.span.start_ns, trace->request.as.span.start_ns));
        write_id(json, "span", record->as.span.parent);
        if (record->as.span.status)
            jsonw_key_string(json, "message", collect_string(collect, record->as.span.status));
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void write_head(struct jsonw *json, const struct waiting *waiting)
{
    const struct store_trace *head = &waiting->head;
    char id[33];
    snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, head->trace_high, head->trace_low);
    jsonw_key_string(json, "trace", id);
    jsonw_key_string(json, "service", head->service);
    jsonw_key_string(json, "version", head->version);
    jsonw_key_string(json, "endpoint", head->endpoint);
    jsonw_key_double(json, "start_s", (double)head->start_ns / 1e9);
    jsonw_key_double(json, "duration_s", (double)head->duration_ns / 1e9);
    write_known(json, "status", head->status, 0);
    jsonw_key_bool(json, "error", head->flags & AGENT_FLAG_ERROR);
    jsonw_key(json, "reasons");
    jsonw_array_begin(json);
    for (unsigned bit = 0; trace_blob_reason(bit); bit++)
        if (waiting->blob_head.reasons & 1u << bit)
            jsonw_string(json, trace_blob_reason(bit));
    jsonw_array_end(json);
    jsonw_key_i64(json, "pid", head->pid);
}

static void write_trace(struct waiting *waiting, const struct traces_process *process,
                        const struct keep_trace *trace)
{
    struct jsonw json;
    jsonw_init(&json, &waiting->json);
    jsonw_object_begin(&json);
    write_head(&json, waiting);
    uint32_t written = write_spans(&json, process, trace, waiting->texts[ENDPOINT]);
    waiting->blob_head.spans = count_spans(trace);
    jsonw_key_u64(&json, "missing_spans", waiting->blob_head.spans - written);
    write_errors(&json, process->collect, trace);
}

/* ---- stacks --------------------------------------------------------------------------------- */

static struct profile *profile_of(const struct traces *traces, const struct waiting *waiting)
{
    struct profile *profile = profile_new();
    if (!profile)
        return NULL;
    struct profile_thread thread = {.pid = waiting->head.pid};
    thread.name = profile_cstring(profile, waiting->texts[ENDPOINT]);
    thread.process = profile_cstring(profile, waiting->texts[COMMAND]);
    profile->meta = (struct profile_meta){
        .start_wall_ns = waiting->head.start_ns,
        .duration_ns = waiting->head.duration_ns,
        .pid = waiting->head.pid,
        .command = thread.process,
        .mode = profile_cstring(profile, "wall"),
        .host = profile_cstring(profile, waiting->texts[HOST]),
    };
    profile_keep_runs(profile);
    uint32_t count = samples_fill(traces->samples, waiting->owner, waiting->request,
                                  waiting->start_ns, profile, profile_thread(profile, &thread));
    profile->stats.samples = profile->stats.exact = count;
    if (count)
        return profile;
    profile_free(profile);
    return NULL;
}

static void write_profile(const struct traces *traces, struct waiting *waiting)
{
    struct profile *profile = profile_of(traces, waiting);
    buf_add_str(&waiting->json, ",\"profile\":");
    if (!profile || codec_find("json")->write(profile, NULL, &waiting->json, NULL) < 0)
        buf_add_str(&waiting->json, "null");
    buf_add_char(&waiting->json, '}');
    profile_free(profile);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void waiting_free(struct waiting *waiting)
{
    for (enum text i = SERVICE; i < TEXTS; i++)
        free(waiting->texts[i]);
    buf_done(&waiting->json);
    free(waiting);
}

static int store_it(struct traces *traces, struct waiting *waiting, struct err *err)
{
    write_profile(traces, waiting);
    buf_reset(&traces->blob);
    if (buf_failed(&waiting->json))
        return err_set(err, ERR_NO_MEMORY, "a trace: out of memory");
    int result = trace_blob_encode(&waiting->blob_head, waiting->json.data, waiting->json.size,
                                   &traces->blob);
    if (result < 0)
        return err_set(err, result, "a trace: %s", err_text(result));
    waiting->head.data = traces->blob.data;
    waiting->head.size = traces->blob.size;
    return store_add_trace(traces->store, &waiting->head, err);
}

static void finish(struct traces *traces, uint32_t at)
{
    struct err err = {0};
    struct waiting *waiting = traces->waiting[at];
    int result = store_it(traces, waiting, &err);
    if (result < 0 && !traces->fault) {
        traces->fault = result;
        traces->err = err;
    }
    waiting_free(waiting);
    traces->count--;
    memmove(&traces->waiting[at], &traces->waiting[at + 1],
            (traces->count - at) * sizeof *traces->waiting);
}

static int report(struct traces *traces, struct err *err)
{
    int result = traces->fault;
    if (result < 0 && err)
        *err = traces->err;
    traces->fault = 0;
    return result;
}

int traces_tick(struct traces *traces, uint64_t mono_ns, uint64_t wall_ns, struct err *err)
{
    if (mono_ns > traces->mono_ns && traces->mono_ns)
        traces->tokens += (double)(mono_ns - traces->mono_ns) / 1e9 * TRACES_PER_S;
    if (traces->tokens > TRACES_BURST)
        traces->tokens = TRACES_BURST;
    traces->mono_ns = mono_ns;
    traces->wall_ns = wall_ns;
    while (traces->count && traces->waiting[0]->due_ns <= mono_ns)
        finish(traces, 0);
    return report(traces, err);
}

int traces_finish(struct traces *traces, uint32_t owner, struct err *err)
{
    for (uint32_t i = traces->count; i-- > 0;)
        if (!owner || traces->waiting[i]->owner == owner)
            finish(traces, i);
    return report(traces, err);
}

/* ---- adding --------------------------------------------------------------------------------- */

static bool take_token(struct traces *traces, uint32_t reasons)
{
    bool is_ordinary = !(reasons & ~(uint32_t)(KEEP_SHARE | KEEP_SAMPLED));
    if (traces->tokens < (is_ordinary ? TRACES_BURST / 2.0 : 1.0))
        return false;
    traces->tokens -= 1;
    return true;
}

static bool copy_texts(struct waiting *waiting, const struct traces_process *process,
                       const char *endpoint)
{
    const char *from[TEXTS] = {process->source->service, process->source->version, endpoint,
                               process->source->host, process->command};
    bool has_all = true;
    for (enum text i = SERVICE; i < TEXTS; i++)
        has_all &= (waiting->texts[i] = strdup(from[i])) != NULL;
    return has_all;
}

static uint64_t wall_of(const struct traces *traces, uint64_t mono_ns)
{
    return traces->wall_ns - (traces->mono_ns - mono_ns); /* wraps twice where it is later */
}

static void set_head(const struct traces *traces, struct waiting *waiting,
                     const struct traces_process *process, const struct keep_trace *trace)
{
    const struct agent_record *request = &trace->request;
    waiting->request = request->request;
    waiting->owner = process->owner;
    waiting->start_ns = request->as.span.start_ns;
    waiting->due_ns = traces->mono_ns + TRACES_PATIENCE_NS;
    waiting->blob_head.reasons = trace->reasons;
    waiting->head = (struct store_trace){
        .trace_high = trace->trace.as.trace.trace_high,
        .trace_low = trace->trace.as.trace.trace_low,
        .start_ns = wall_of(traces, request->as.span.start_ns),
        .duration_ns = request->as.span.duration_ns,
        .service = waiting->texts[SERVICE],
        .version = waiting->texts[VERSION],
        .endpoint = waiting->texts[ENDPOINT],
        .pid = process->source->pid,
        .status = request->as.span.status,
        .flags = request->flags,
    };
}

/* What a region that lies says of time would end in a file of 1970. */
static bool is_credible(const struct traces *traces, const struct agent_record *request)
{
    uint64_t until_ns = traces->mono_ns + SLACK_NS, start_ns = request->as.span.start_ns;
    return start_ns <= until_ns && until_ns - start_ns <= OLDEST_NS &&
           request->as.span.duration_ns <= until_ns - start_ns;
}

bool traces_add(struct traces *traces, const struct traces_process *process,
                const struct keep_trace *trace)
{
    if (!is_credible(traces, &trace->request) || !take_token(traces, trace->reasons))
        return false;
    struct waiting *waiting = calloc(1, sizeof *waiting);
    const char *endpoint = parts_label(process->parts, trace->request.as.span.key);
    if (!waiting || !copy_texts(waiting, process, endpoint)) {
        if (waiting)
            waiting_free(waiting);
        return false;
    }
    buf_init(&waiting->json, TRACE_BLOB_MAX_BYTES);
    set_head(traces, waiting, process, trace);
    write_trace(waiting, process, trace);
    if (traces->count == TRACES_MAX_WAITING)
        finish(traces, 0);
    traces->waiting[traces->count++] = waiting;
    return true;
}

/* ---- life ----------------------------------------------------------------------------------- */

int traces_new(struct store *store, const struct samples *samples, struct traces **out)
{
    struct traces *traces = calloc(1, sizeof *traces);
    if (!traces)
        return ERR_NO_MEMORY;
    traces->store = store;
    traces->samples = samples;
    traces->tokens = TRACES_BURST;
    buf_init(&traces->blob, 0);
    *out = traces;
    return 0;
}

void traces_free(struct traces *traces)
{
    if (!traces)
        return;
    while (traces->count)
        waiting_free(traces->waiting[--traces->count]);
    buf_done(&traces->blob);
    free(traces);
}
