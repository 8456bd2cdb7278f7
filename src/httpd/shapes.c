/* SPDX-License-Identifier: MIT */
#include "httpd/shapes.h"

#include <stdio.h>
#include <string.h>

#define TIMES "total_s:n? mean_s:n? p50_s:n? p95_s:n? p99_s:n? max_s:n? "
#define RANGE "from_s:n to_s:n damaged_windows:i missing_s:n "
#define TRACE                                                                                      \
    "trace:s service:s version:s? endpoint:s? start_s:n duration_s:n status:i? error:b? "          \
    "reasons:[s] pid:i? "

const struct shape shapes[] = {
    {"Error", "error:s status:i"},
    {"Done", "done:b"},
    {"Service",
     "service:s versions:[s] processes:i cores:n? cpu_s:n? rss_bytes:n? requests:i? errors:i? "
     "rate:n? error_rate:n? p50_s:n? p95_s:n? spark_step_s:n? spark:[n?] last_s:n? has_agent:b?"},
    {"Process",
     "service:s host:s? version:s? pid:i command:s? started_s:n? ended_s:n? python:s? cores:n? "
     "cpu_s:n? rss_bytes:n? threads:n? has_agent:b? rate_hz:n? samples:i?"},
    {"Endpoint",
     "service:s endpoint:s kind:s? route:s? method:s? requests:i errors:i? rate:n? p90_s:n? " TIMES
     "parts:Parts? repeated:i?"},
    {"Parts", "queue_s:n? cpu_s:n? database_s:n? outbound_s:n? cache_s:n? template_s:n? gc_s:n? "
              "loop_s:n? gil_s:n?"},
    {"Query", "service:s statement:s system:s? summary:s? fingerprint:s? count:i errors:i? " TIMES
              "rows:i? repeats:i? endpoints:[QueryEndpoint]"},
    {"QueryEndpoint", "endpoint:s count:i total_s:n? repeated:i?"},
    {"Call", "service:s name:s? detail:s? count:i errors:i? " TIMES},
    {"Exception", "service:s type:s where:s? handled:b? count:i endpoints:[ExceptionEndpoint] "
                  "last_s:n?"},
    {"ExceptionEndpoint", "endpoint:s count:i"},
    {"TraceHead", TRACE "spans:i?"},
    {"Trace", TRACE "spans:[Span] missing_spans:i errors:[TraceError] profile:o?"},
    {"Span", "span:s parent:s? kind:s name:s? detail:s? start_s:n duration_s:n error:b? status:i? "
             "rows:i?"},
    {"TraceError", "type:s? where:s? at_s:n? span:s?"},
    {"Histogram", RANGE "buckets:[Bucket] count:i mean_s:n? p50_s:n? p95_s:n? p99_s:n?"},
    {"Bucket", "low_s:n high_s:n count:i"},
    {"Series", RANGE "step_s:n times_s:[n] series:[Line]"},
    {"Line", "name:s unit:s values:[n?]"},
    {"Event", "at_s:n kind:s service:s? host:s? version:s? pid:i? text:s? detail:o?"},
    {"Thread", "service:s thread:s samples:i cpu_s:n?"},
    {"Version", "service:s version:s first_s:n? last_s:n? samples:i"},
    {"Status", "version:s started_s:n host:s rate_hz:n cores:n budget_cores:n rss_bytes:n "
               "processes:i samples:i late:i lost:i store:StoreStatus? warnings:[s]"},
    {"StoreStatus", "bytes:i budget_bytes:i files:i failing:b reason:s? damaged_windows:i"},
    {"Deploy", "service:s version:s text:s"},
    {"Boost", "service:s rate_hz:i seconds:i"},
    {0},
};

static const struct shape_answer answers[] = {
    {"services", "Service", true, false},   {"processes", "Process", true, false},
    {"endpoints", "Endpoint", true, false}, {"queries", "Query", true, false},
    {"outbound", "Call", true, false},      {"cache", "Call", true, false},
    {"templates", "Call", true, false},     {"tasks", "Call", true, false},
    {"errors", "Exception", true, false},   {"traces", "TraceHead", true, false},
    {"traces", "Trace", false, true},       {"histogram", "Histogram", false, false},
    {"series", "Series", false, false},     {"events", "Event", true, false},
    {"threads", "Thread", true, false},     {"versions", "Version", true, false},
    {"status", "Status", false, false},     {"deploys", "Done", false, false},
    {"boost", "Done", false, false},        {0},
};

static const struct shape_param params[] = {
    {"from", "s", "begin of the range: seconds since 1970, RFC 3339, now, or an age (5m, 24h, 7d)"},
    {"to", "s", "its end, written the same way; default: now"},
    {"service", "s", "only this service"},
    {"host", "s", "only this host"},
    {"pid", "i", "only this process"},
    {"version", "s", "only this version of the service"},
    {"endpoint", "s", "only within requests to this endpoint, as endpoints names it"},
    {"thread", "s", "only this thread: its name or its number"},
    {"type", "cpu|wall|gil|alloc", "what was sampled; default: cpu"},
    {"limit", "i", "rows at most; default 100, 0: all"},
    {"sort", "s", "a column of numbers, largest first"},
    {"search", "s", "only rows whose names contain this"},
    {"min_duration", "s", "only requests that took this long, such as 200ms"},
    {"max_duration", "s", "only requests that took no longer"},
    {"status", "any|error", "error: only requests that failed"},
    {"kind", "request|task|statement|outbound|cache|template|exception|user|gc|queue|loop",
     "of what; default: request", "histogram"},
    {"kind", "s", "only these: start, exit, deploy, drop, alert, …"},
    {"name", "s", "only what has this name"},
    {"what", "cpu|requests|latency|queries|runtime", "what is drawn; default: cpu"},
    {"by", "none|process|thread|endpoint|version", "a line for each"},
    {"norm", "shares|seconds", "what is compared; default: shares"},
    {"all", "0|1", "1: with what is too small to test"},
    {"points", "i", "about so many steps; default 120"},
    {"format", "s", "json (default), folded, pprof, speedscope, flamegraph, html, callgrind, …"},
    {"split", "none|process|thread|endpoint", "what the threads of the profile are"},
    {"base_from", "s", "compared with a range that begins then"},
    {"base_to", "s", "and ends then"},
    {"base_version", "s", "compared with this version"},
    {"base_service", "s", "compared with this service"},
    {"split", "none|process|thread|endpoint", "what the threads of the profile are"},
    {"norm", "shares|seconds", "what is compared: shares of the samples, or seconds per second"},
    {"all", "0|1", "1: also what is noise"},
    {"base_service", "s", "compared with this service"},
    {"seconds", "i", "the last so many seconds, as go tool pprof and Parca ask"},
    {0},
};

const struct shape_answer *shape_of_answer(const char *kind, bool with_id)
{
    for (const struct shape_answer *answer = answers; answer->kind; answer++)
        if (!strcmp(answer->kind, kind) && answer->with_id == with_id)
            return answer;
    return NULL;
}

const struct shape_param *shape_of_param(const char *kind, const char *name)
{
    for (const struct shape_param *param = params; param->name; param++)
        if (!strcmp(param->name, name) && (!param->kind || !strcmp(param->kind, kind)))
            return param;
    return NULL;
}

void shape_write_ref(struct jsonw *json, const char *name)
{
    char text[96];
    snprintf(text, sizeof text, "#/components/schemas/%s", name);
    jsonw_object_begin(json);
    jsonw_key_string(json, "$ref", text);
    jsonw_object_end(json);
}

static void write_choices(struct jsonw *json, const char *type, size_t size)
{
    jsonw_object_begin(json);
    jsonw_key_string(json, "type", "string");
    jsonw_key(json, "enum");
    jsonw_array_begin(json);
    for (const char *at = type, *end = type + size; at < end; at++) {
        size_t length = strcspn(at, "|");
        jsonw_string_n(json, at, length);
        at += length;
    }
    jsonw_array_end(json);
    jsonw_object_end(json);
}

static const char *name_of_type(char letter)
{
    switch (letter) {
    case 's':
        return "string";
    case 'i':
        return "integer";
    case 'n':
        return "number";
    default:
        return "boolean";
    }
}

static void write_letter(struct jsonw *json, char letter, bool nullable)
{
    if (letter == 'o')
        return; /* the schema {} */
    jsonw_key(json, "type");
    if (nullable)
        jsonw_array_begin(json);
    jsonw_string(json, name_of_type(letter));
    if (nullable) {
        jsonw_string(json, "null");
        jsonw_array_end(json);
    }
}

static void write_nullable_ref(struct jsonw *json, const char *name)
{
    jsonw_object_begin(json);
    jsonw_key(json, "anyOf");
    jsonw_array_begin(json);
    shape_write_ref(json, name);
    jsonw_object_begin(json);
    jsonw_key_string(json, "type", "null");
    jsonw_object_end(json);
    jsonw_array_end(json);
    jsonw_object_end(json);
}

static void write_type(struct jsonw *json, const char *type, size_t size)
{
    char name[64] = {0};
    bool nullable = type[size - 1] == '?';
    if (memchr(type, '|', size)) {
        write_choices(json, type, size);
        return;
    }
    size -= nullable;
    size = size < sizeof name ? size : sizeof name - 1;
    memcpy(name, type, size);
    if (*name >= 'A' && *name <= 'Z') {
        if (nullable)
            write_nullable_ref(json, name);
        else
            shape_write_ref(json, name);
        return;
    }
    jsonw_object_begin(json);
    if (*name == '[') {
        jsonw_key_string(json, "type", "array");
        jsonw_key(json, "items");
        write_type(json, name + 1, size - 2);
    } else {
        write_letter(json, *name, nullable);
    }
    jsonw_object_end(json);
}

void shape_write_type(struct jsonw *json, const char *type)
{
    write_type(json, type, strlen(type));
}

static void write_names(struct jsonw *json, const char *words)
{
    jsonw_key(json, "required");
    jsonw_array_begin(json);
    for (const char *at = words + strspn(words, " "); *at; at += strspn(at, " ")) {
        jsonw_string_n(json, at, strcspn(at, ":"));
        at += strcspn(at, " ");
    }
    jsonw_array_end(json);
}

static void write_properties(struct jsonw *json, const char *words)
{
    for (const char *at = words + strspn(words, " "); *at; at += strspn(at, " ")) {
        char name[48] = {0};
        size_t size = strcspn(at, ":");
        memcpy(name, at, size < sizeof name ? size : sizeof name - 1);
        jsonw_key(json, name);
        at += size + 1;
        size = strcspn(at, " ");
        write_type(json, at, size);
        at += size;
    }
}

void shape_write(struct jsonw *json, const struct shape *shape)
{
    jsonw_object_begin(json);
    jsonw_key_string(json, "type", "object");
    write_names(json, shape->words);
    jsonw_key(json, "properties");
    jsonw_object_begin(json);
    write_properties(json, shape->words);
    jsonw_object_end(json);
    jsonw_object_end(json);
}

void shape_write_list(struct jsonw *json, const char *name)
{
    static const char words[] = RANGE "total:i";
    jsonw_object_begin(json);
    jsonw_key_string(json, "type", "object");
    write_names(json, RANGE "total:i rows:o");
    jsonw_key(json, "properties");
    jsonw_object_begin(json);
    write_properties(json, words);
    jsonw_key(json, "rows");
    jsonw_object_begin(json);
    jsonw_key_string(json, "type", "array");
    jsonw_key(json, "items");
    shape_write_ref(json, name);
    jsonw_object_end(json);
    jsonw_object_end(json);
    jsonw_object_end(json);
}
