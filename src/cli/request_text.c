/* SPDX-License-Identifier: MIT */
#include "cli/request_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "sampler/requests.h"

#define LEAF_MAX 400u

static uint64_t passed_ns(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* Of one in flight how long it has been running, else how long it took. */
static uint64_t age_ns(const struct collect_request *request, uint64_t mono_ns)
{
    return request->in_flight ? passed_ns(request->start_ns, mono_ns) : request->duration_ns;
}

/* "80 ms", "2.5 s" */
static void format_span(uint64_t ns, char *out, size_t size)
{
    if (ns < 1000000)
        snprintf(out, size, "%" PRIu64 " us", ns / 1000);
    else if (ns < 1000000000)
        snprintf(out, size, "%" PRIu64 " ms", ns / 1000000);
    else
        snprintf(out, size, "%.1f s", (double)ns / 1e9);
}

/* "SELECT orders", "GET api.example.org", "GET". False: it waits for nothing known. */
static bool leaf_name(struct collect *agent, uint32_t key_index, char out[LEAF_MAX])
{
    struct collect_key key;
    if (!key_index || !collect_key(agent, key_index, &key))
        return false;
    if (key.kind == AGENT_KIND_STATEMENT)
        snprintf(out, LEAF_MAX, "%s", *key.summary ? key.summary : key.name);
    else if (key.kind == AGENT_KIND_OUTBOUND)
        snprintf(out, LEAF_MAX, "%s%s%s", key.detail, *key.detail ? " " : "", key.name);
    else if (key.kind == AGENT_KIND_CACHE)
        snprintf(out, LEAF_MAX, "%s%s%s", key.detail, *key.detail ? " " : "", key.name);
    else
        snprintf(out, LEAF_MAX, "%s", key.name);
    return *out != '\0';
}

char *request_text(struct collect *agent, const struct collect_request *request, uint64_t mono_ns,
                   char out[REQUEST_TEXT_MAX])
{
    char label[REQUESTS_LABEL_MAX], leaf[LEAF_MAX], age[32], waited[32];
    format_span(age_ns(request, mono_ns), age, sizeof age);
    requests_label(agent, request, label);
    if (!request->in_flight) {
        snprintf(out, REQUEST_TEXT_MAX, "%s took %s", label, age);
    } else if (leaf_name(agent, request->leaf_key, leaf)) {
        format_span(passed_ns(request->leaf_start_ns, mono_ns), waited, sizeof waited);
        snprintf(out, REQUEST_TEXT_MAX, "%s for %s, waiting for %s %s", label, age, leaf, waited);
    } else {
        snprintf(out, REQUEST_TEXT_MAX, "%s for %s", label, age);
    }
    return out;
}

static const char *kind_name(enum agent_kind kind)
{
    return kind == AGENT_KIND_TASK ? "task" : kind == AGENT_KIND_USER ? "user" : "request";
}

void request_json(struct collect *agent, const struct collect_request *request, uint64_t mono_ns,
                  struct jsonw *json)
{
    char text[REQUESTS_LABEL_MAX], leaf[LEAF_MAX], trace[33];
    if (!request) {
        jsonw_null(json);
        return;
    }
    jsonw_object_begin(json);
    jsonw_key_string(json, "endpoint", requests_label(agent, request, text));
    jsonw_key_string(json, "kind", kind_name(request->kind));
    jsonw_key_u64(json, "id", request->id);
    snprintf(trace, sizeof trace, "%016" PRIx64 "%016" PRIx64, request->trace_high,
             request->trace_low);
    jsonw_key_string(json, "trace_id", trace);
    jsonw_key_bool(json, "in_flight", request->in_flight);
    jsonw_key_double(json, "seconds", (double)age_ns(request, mono_ns) / 1e9);
    jsonw_key(json, "waiting_for");
    if (leaf_name(agent, request->leaf_key, leaf))
        jsonw_string(json, leaf);
    else
        jsonw_null(json);
    jsonw_key_double(json, "waiting_seconds",
                     request->leaf_key ? (double)passed_ns(request->leaf_start_ns, mono_ns) / 1e9
                                       : 0);
    jsonw_object_end(json);
}
