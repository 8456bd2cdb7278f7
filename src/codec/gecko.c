/* SPDX-License-Identifier: MIT */
/* gecko.c - for profiler.firefox.com: its "processed" format, version 61, which every later version
 * upgrades.
 *
 * Since version 60 all threads share one table of stacks, which is what our nodes are: stack i is
 * node i + 1, function numbers are those of calls.h, frame i is frame i. Rules:
 * github.com/firefox-devtools/profiler, docs-developer/CHANGELOG-formats.md. A run of n sightings
 * becomes n samples, because the page draws a sample no wider than the interval.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "codec/formats.h"
#include "model/calls.h"
#include "model/timeline.h"

#define PROCESSED_VERSION 61u
#define GECKO_VERSION 31u
#define COLUMN_FLUSH 4096u

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct buf *out;
    struct err *err;
    struct jsonw json;
    struct timeline timeline;
    struct calls calls;
    uint32_t *sources;   /* strings that name a file, in order */
    uint32_t *source_of; /* per string: its place there; PROFILE_NONE: not a file */
    uint32_t source_count;
    int result;
};

enum category { CATEGORY_OTHER, CATEGORY_PYTHON, CATEGORY_NATIVE, CATEGORY_KERNEL, CATEGORY_GC };

static enum category category_of(enum frame_kind kind)
{
    static const enum category categories[] = {
        [FRAME_PYTHON] = CATEGORY_PYTHON,  [FRAME_NATIVE] = CATEGORY_NATIVE,
        [FRAME_KERNEL] = CATEGORY_KERNEL,  [FRAME_THREAD] = CATEGORY_OTHER,
        [FRAME_PROCESS] = CATEGORY_OTHER,  [FRAME_GC] = CATEGORY_GC,
        [FRAME_CHANGING] = CATEGORY_OTHER, [FRAME_OTHER] = CATEGORY_OTHER,
        [FRAME_REQUEST] = CATEGORY_OTHER,
    };
    return categories[kind];
}

static void write_raw_key(struct writer *w, const char *key, const char *value)
{
    jsonw_key(&w->json, key);
    buf_add_str(w->out, value);
    w->json.wants_comma = true;
}

/* 12345 µs as "12.345" ms */
static void add_ms(struct buf *out, uint64_t us)
{
    buf_add_u64(out, us / 1000);
    buf_printf(out, ".%03u", (unsigned)(us % 1000));
}

static void key_ms(struct writer *w, const char *key, uint64_t us)
{
    jsonw_key(&w->json, key);
    add_ms(w->out, us);
    w->json.wants_comma = true;
}

static void write_categories(struct writer *w)
{
    static const char *const rows[][2] = {
        {"Other", "grey"},    {"Python", "yellow"}, {"Native", "blue"},
        {"Kernel", "orange"}, {"GC", "green"},
    };
    jsonw_key(&w->json, "categories");
    jsonw_array_begin(&w->json);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        jsonw_object_begin(&w->json);
        jsonw_key_string(&w->json, "name", rows[i][0]);
        jsonw_key_string(&w->json, "color", rows[i][1]);
        write_raw_key(w, "subcategories", "[\"Other\"]");
        jsonw_object_end(&w->json);
    }
    jsonw_array_end(&w->json);
}

static void write_meta(struct writer *w)
{
    const struct profile_meta *meta = &w->profile->meta;
    const char *title = w->options && w->options->title ? w->options->title
                                                        : w->profile->strings[meta->command].text;
    jsonw_key(&w->json, "meta");
    jsonw_object_begin(&w->json);
    key_ms(w, "interval", meta->period_ns >= 1000 ? meta->period_ns / 1000 : 1000);
    key_ms(w, "startTime", meta->start_wall_ns / 1000);
    key_ms(w, "profilingStartTime", 0);
    key_ms(w, "profilingEndTime", meta->duration_ns / 1000);
    jsonw_key_u64(&w->json, "processType", 0);
    jsonw_key_string(&w->json, "product", *title ? title : "Python");
    jsonw_key_string(&w->json, "importedFrom", "pitviper " PITVIPER_VERSION);
    jsonw_key_string(&w->json, "arguments", w->profile->strings[meta->command].text);
    jsonw_key_u64(&w->json, "stackwalk", 0);
    jsonw_key_u64(&w->json, "version", GECKO_VERSION);
    jsonw_key_u64(&w->json, "preprocessedProfileVersion", PROCESSED_VERSION);
    jsonw_key_bool(&w->json, "symbolicationNotSupported", true);
    jsonw_key_bool(&w->json, "usesOnlyOneStackType", true);
    jsonw_key_bool(&w->json, "sourceCodeIsNotOnSearchfox", true);
    write_raw_key(w, "markerSchema", "[]");
    write_categories(w);
    jsonw_object_end(&w->json);
}

/* Columns */

typedef void cell_fn(struct writer *w, uint32_t i);

static void write_column(struct writer *w, const char *key, uint32_t count, cell_fn *cell)
{
    jsonw_key(&w->json, key);
    jsonw_array_begin(&w->json);
    for (uint32_t i = 0; i < count && w->result == 0; i++) {
        cell(w, i);
        if (i % COLUMN_FLUSH == 0)
            w->result = codec_flush(w->options, w->out, w->err);
    }
    jsonw_array_end(&w->json);
}

static void number(struct writer *w, bool known, uint64_t value)
{
    if (known)
        jsonw_u64(&w->json, value);
    else
        jsonw_null(&w->json);
}

static void cell_null(struct writer *w, uint32_t i)
{
    (void)i;
    jsonw_null(&w->json);
}

static void cell_zero(struct writer *w, uint32_t i)
{
    (void)i;
    jsonw_u64(&w->json, 0);
}

static void cell_one(struct writer *w, uint32_t i)
{
    (void)i;
    jsonw_u64(&w->json, 1);
}

static void cell_minus_one(struct writer *w, uint32_t i)
{
    (void)i;
    jsonw_i64(&w->json, -1);
}

static void cell_false(struct writer *w, uint32_t i)
{
    (void)i;
    jsonw_bool(&w->json, false);
}

static void stack_frame(struct writer *w, uint32_t i)
{
    jsonw_u64(&w->json, w->profile->nodes[i + 1].frame);
}

static void stack_prefix(struct writer *w, uint32_t i)
{
    uint32_t parent = w->profile->nodes[i + 1].parent;
    number(w, parent != 0, (uint64_t)parent - 1);
}

static void frame_category(struct writer *w, uint32_t i)
{
    jsonw_u64(&w->json, category_of(w->profile->frames[i].kind));
}

static void frame_func(struct writer *w, uint32_t i)
{
    jsonw_u64(&w->json, w->calls.function_of[i]);
}

static void frame_line(struct writer *w, uint32_t i)
{
    int32_t line = w->profile->frames[i].line;
    number(w, line > 0, (uint64_t)line);
}

static void func_name(struct writer *w, uint32_t i)
{
    jsonw_u64(&w->json, w->calls.functions[i].name);
}

static void func_source(struct writer *w, uint32_t i)
{
    uint32_t file = w->calls.functions[i].file;
    number(w, file != 0, w->source_of[file]);
}

static void func_line(struct writer *w, uint32_t i)
{
    int32_t line = w->calls.functions[i].first_line;
    number(w, line > 0, (uint64_t)line);
}

static void source_file(struct writer *w, uint32_t i)
{
    jsonw_u64(&w->json, w->sources[i]);
}

static void string(struct writer *w, uint32_t i)
{
    jsonw_string_n(&w->json, w->profile->strings[i].text, w->profile->strings[i].size);
}

struct column {
    const char *key;
    cell_fn *cell;
};

static void write_table(struct writer *w, const char *key, uint32_t length,
                        const struct column *columns, size_t column_count)
{
    jsonw_key(&w->json, key);
    jsonw_object_begin(&w->json);
    jsonw_key_u64(&w->json, "length", length);
    for (size_t i = 0; i < column_count; i++)
        write_column(w, columns[i].key, length, columns[i].cell);
    jsonw_object_end(&w->json);
}

#define TABLE(w, key, length, columns)                                                             \
    write_table(w, key, length, columns, sizeof columns / sizeof columns[0])

static const struct column stack_columns[] = {{"frame", stack_frame}, {"prefix", stack_prefix}};
static const struct column frame_columns[] = {
    {"address", cell_minus_one},  {"inlineDepth", cell_zero}, {"category", frame_category},
    {"subcategory", cell_zero},   {"func", frame_func},       {"nativeSymbol", cell_null},
    {"innerWindowID", cell_null}, {"line", frame_line},       {"column", cell_null},
};
static const struct column func_columns[] = {
    {"name", func_name},          {"isJS", cell_false},    {"relevantForJS", cell_false},
    {"resource", cell_minus_one}, {"source", func_source}, {"lineNumber", func_line},
    {"columnNumber", cell_null},
};
static const struct column source_columns[] = {
    {"id", cell_null},         {"filename", source_file},   {"startLine", cell_one},
    {"startColumn", cell_one}, {"sourceMapURL", cell_null},
};

static void write_shared(struct writer *w)
{
    jsonw_key(&w->json, "shared");
    jsonw_object_begin(&w->json);
    TABLE(w, "stackTable", w->profile->node_count - 1, stack_columns);
    TABLE(w, "frameTable", w->profile->frame_count, frame_columns);
    TABLE(w, "funcTable", w->calls.function_count, func_columns);
    write_raw_key(w, "resourceTable",
                  "{\"length\":0,\"lib\":[],\"name\":[],\"host\":[],\"type\":[]}");
    write_raw_key(w, "nativeSymbols",
                  "{\"length\":0,\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[]}");
    TABLE(w, "sources", w->source_count, source_columns);
    write_column(w, "stringArray", w->profile->string_count, string);
    jsonw_object_end(&w->json);
}

/* Threads */

/* One column of the samples: a run's sightings lie evenly in it. */
static void write_samples_column(struct writer *w, uint32_t thread, bool times)
{
    uint64_t last_us = 0, count = timeline_count(&w->timeline, thread);
    jsonw_key(&w->json, times ? "timeDeltas" : "stack");
    jsonw_array_begin(&w->json);
    for (uint64_t i = 0; i < count && w->result == 0; i++) {
        const struct profile_run *run = timeline_run(&w->timeline, thread, i);
        for (uint64_t k = 0; k < run->count && w->result == 0; k++) {
            uint64_t at_us = run->start_us + run->duration_us * k / run->count;
            if (!times) {
                number(w, run->node != 0, (uint64_t)run->node - 1);
            } else {
                if (w->json.wants_comma)
                    buf_add_char(w->out, ',');
                add_ms(w->out, at_us > last_us ? at_us - last_us : 0);
                w->json.wants_comma = true;
                last_us = at_us > last_us ? at_us : last_us;
            }
            w->result = codec_flush(w->options, w->out, w->err);
        }
    }
    jsonw_array_end(&w->json);
}

static void write_samples(struct writer *w, uint32_t thread)
{
    uint64_t sightings = 0;
    for (uint64_t i = 0; i < timeline_count(&w->timeline, thread); i++)
        sightings += timeline_run(&w->timeline, thread, i)->count;
    jsonw_key(&w->json, "samples");
    jsonw_object_begin(&w->json);
    jsonw_key_u64(&w->json, "length", sightings);
    write_raw_key(w, "weight", "null");
    jsonw_key_string(&w->json, "weightType", "samples");
    write_samples_column(w, thread, false);
    write_samples_column(w, thread, true);
    jsonw_object_end(&w->json);
}

static void write_thread(struct writer *w, uint32_t id)
{
    const struct profile_thread *thread = &w->profile->threads[id];
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)thread->pid);
    jsonw_object_begin(&w->json);
    jsonw_key_string(&w->json, "processType", "default");
    jsonw_key_string(&w->json, "processName", w->profile->strings[thread->process].text);
    jsonw_key_u64(&w->json, "processStartupTime", 0);
    write_raw_key(w, "processShutdownTime", "null");
    jsonw_key_u64(&w->json, "registerTime", 0);
    write_raw_key(w, "unregisterTime", "null");
    write_raw_key(w, "pausedRanges", "[]");
    jsonw_key_string(&w->json, "name",
                     thread->name ? w->profile->strings[thread->name].text : "thread");
    jsonw_key_bool(&w->json, "isMainThread", thread->tid == thread->pid);
    jsonw_key_string(&w->json, "pid", pid);
    jsonw_key_i64(&w->json, "tid", thread->tid);
    write_raw_key(w, "markers",
                  "{\"length\":0,\"data\":[],\"name\":[],\"startTime\":[],\"endTime\":[],"
                  "\"phase\":[],\"category\":[]}");
    write_samples(w, id);
    jsonw_object_end(&w->json);
}

static int prepare(struct writer *w)
{
    const struct profile *profile = w->profile;
    int result = timeline_init(&w->timeline, profile);
    if (result == 0)
        result = calls_init(&w->calls, profile);
    w->sources = malloc(profile->string_count * sizeof *w->sources);
    w->source_of = malloc(profile->string_count * sizeof *w->source_of);
    if (result < 0 || !w->sources || !w->source_of)
        return result < 0 ? result : ERR_NO_MEMORY;
    for (uint32_t i = 0; i < profile->string_count; i++)
        w->source_of[i] = PROFILE_NONE;
    for (uint32_t i = 0; i < w->calls.function_count; i++) {
        uint32_t file = w->calls.functions[i].file;
        if (!file || w->source_of[file] != PROFILE_NONE)
            continue;
        w->source_of[file] = w->source_count;
        w->sources[w->source_count++] = file;
    }
    return 0;
}

static void write_all(struct writer *w)
{
    jsonw_init(&w->json, w->out);
    jsonw_object_begin(&w->json);
    write_meta(w);
    write_raw_key(w, "libs", "[]");
    write_shared(w);
    jsonw_key(&w->json, "threads");
    jsonw_array_begin(&w->json);
    for (uint32_t i = 0; i < w->profile->thread_count && w->result == 0; i++)
        if (timeline_count(&w->timeline, i))
            write_thread(w, i);
    jsonw_array_end(&w->json);
    jsonw_object_end(&w->json);
}

int gecko_write(const struct profile *profile, const struct codec_options *options, struct buf *out,
                struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out, .err = err};
    if (!profile->keeps_runs && profile->sample_count)
        return err_set(err, ERR_USAGE, CODEC_NO_ORDER, "gecko");
    w.result = prepare(&w);
    if (w.result < 0)
        err_set(err, w.result, "gecko: %s", err_text(w.result));
    else
        write_all(&w);
    if (w.result == 0)
        w.result = codec_flush(options, out, err);
    timeline_done(&w.timeline);
    calls_done(&w.calls);
    free(w.sources);
    free(w.source_of);
    return w.result;
}
