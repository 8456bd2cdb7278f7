/* SPDX-License-Identifier: MIT */
/* json_profile.c - the whole profile as one JSON object; docs/formats.md, "Profile JSON". */
#include "base/jsonw.h"
#include "codec/formats.h"
#include "model/timeline.h"

#define COLUMN_FLUSH 65536u

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct buf *out;
    struct err *err;
    struct jsonw json;
    int result; /* of the last flush; columns stop at the first failure */
};

static const char *text_of(const struct profile *profile, uint32_t string)
{
    return profile->strings[string].text;
}

static void write_meta(struct writer *w)
{
    const struct profile_meta *meta = &w->profile->meta;
    const struct codec_options *options = w->options;
    const char *title = !options                      ? NULL
                        : w->profile == options->base ? options->base_title
                                                      : options->title;
    jsonw_key(&w->json, "meta");
    jsonw_object_begin(&w->json);
    jsonw_key_string(&w->json, "title", title ? title : text_of(w->profile, meta->command));
    jsonw_key_string(&w->json, "command", text_of(w->profile, meta->command));
    jsonw_key_string(&w->json, "python", text_of(w->profile, meta->python));
    jsonw_key_string(&w->json, "host", text_of(w->profile, meta->host));
    jsonw_key_string(&w->json, "mode", text_of(w->profile, meta->mode));
    jsonw_key_i64(&w->json, "pid", meta->pid);
    jsonw_key_u64(&w->json, "start_us", meta->start_wall_ns / 1000);
    jsonw_key_u64(&w->json, "duration_us", meta->duration_ns / 1000);
    jsonw_key_u64(&w->json, "period_ns", meta->period_ns);
    jsonw_object_end(&w->json);
}

static void write_stats(struct writer *w)
{
    const struct profile_stats *stats = &w->profile->stats;
    jsonw_key(&w->json, "stats");
    jsonw_object_begin(&w->json);
    jsonw_key_u64(&w->json, "samples", stats->samples);
    jsonw_key_u64(&w->json, "rounds", stats->rounds);
    jsonw_key_u64(&w->json, "exact", stats->exact);
    jsonw_key_u64(&w->json, "partial", stats->partial);
    jsonw_key_u64(&w->json, "lost", stats->lost);
    jsonw_key_u64(&w->json, "late", stats->late);
    jsonw_key_u64(&w->json, "errors", stats->errors);
    jsonw_key_u64(&w->json, "reads", stats->reads);
    jsonw_object_end(&w->json);
}

/* One number of row `i`. */
typedef uint64_t cell_fn(const struct profile *profile, uint64_t i);

static void write_column(struct writer *w, const char *key, uint64_t count, cell_fn *cell)
{
    jsonw_key(&w->json, key);
    jsonw_array_begin(&w->json);
    for (uint64_t i = 0; i < count && w->result == 0; i++) {
        jsonw_u64(&w->json, cell(w->profile, i));
        if (i % COLUMN_FLUSH == 0)
            w->result = codec_flush(w->options, w->out, w->err);
    }
    jsonw_array_end(&w->json);
}

static uint64_t frame_name(const struct profile *profile, uint64_t i)
{
    return profile->frames[i].name;
}

static uint64_t frame_file(const struct profile *profile, uint64_t i)
{
    return profile->frames[i].file;
}

static uint64_t frame_full_file(const struct profile *profile, uint64_t i)
{
    return profile->frames[i].full_file;
}

static uint64_t frame_line(const struct profile *profile, uint64_t i)
{
    return profile->frames[i].line > 0 ? (uint64_t)profile->frames[i].line : 0;
}

static uint64_t frame_first_line(const struct profile *profile, uint64_t i)
{
    return profile->frames[i].first_line > 0 ? (uint64_t)profile->frames[i].first_line : 0;
}

static uint64_t frame_kind(const struct profile *profile, uint64_t i)
{
    return profile->frames[i].kind;
}

static void write_frames(struct writer *w)
{
    static const char *const kinds[] = {
        [FRAME_PYTHON] = "python",     [FRAME_NATIVE] = "native",   [FRAME_KERNEL] = "kernel",
        [FRAME_THREAD] = "thread",     [FRAME_PROCESS] = "process", [FRAME_GC] = "gc",
        [FRAME_CHANGING] = "changing", [FRAME_OTHER] = "other",   [FRAME_REQUEST] = "request",
    };
    jsonw_key(&w->json, "kinds");
    jsonw_array_begin(&w->json);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        jsonw_string(&w->json, kinds[i]);
    jsonw_array_end(&w->json);

    uint64_t count = w->profile->frame_count;
    jsonw_key(&w->json, "frames");
    jsonw_object_begin(&w->json);
    write_column(w, "name", count, frame_name);
    write_column(w, "file", count, frame_file);
    write_column(w, "full_file", count, frame_full_file);
    write_column(w, "line", count, frame_line);
    write_column(w, "first_line", count, frame_first_line);
    write_column(w, "kind", count, frame_kind);
    jsonw_object_end(&w->json);
}

static void write_strings(struct writer *w)
{
    jsonw_key(&w->json, "strings");
    jsonw_array_begin(&w->json);
    for (uint32_t i = 0; i < w->profile->string_count; i++)
        jsonw_string_n(&w->json, w->profile->strings[i].text, w->profile->strings[i].size);
    jsonw_array_end(&w->json);
}

/* The root has neither parent nor frame and is written as -1. */
static void write_nodes(struct writer *w)
{
    const struct profile *profile = w->profile;
    jsonw_key(&w->json, "nodes");
    jsonw_object_begin(&w->json);
    for (int column = 0; column < 2; column++) {
        jsonw_key(&w->json, column ? "frame" : "parent");
        jsonw_array_begin(&w->json);
        jsonw_i64(&w->json, -1);
        for (uint32_t i = 1; i < profile->node_count; i++)
            jsonw_u64(&w->json, column ? profile->nodes[i].frame : profile->nodes[i].parent);
        jsonw_array_end(&w->json);
    }
    jsonw_object_end(&w->json);
}

static void write_threads(struct writer *w)
{
    jsonw_key(&w->json, "threads");
    jsonw_array_begin(&w->json);
    for (uint32_t i = 0; i < w->profile->thread_count; i++) {
        const struct profile_thread *thread = &w->profile->threads[i];
        jsonw_object_begin(&w->json);
        jsonw_key_i64(&w->json, "pid", thread->pid);
        jsonw_key_i64(&w->json, "tid", thread->tid);
        jsonw_key_string(&w->json, "name", text_of(w->profile, thread->name));
        jsonw_key_string(&w->json, "process", text_of(w->profile, thread->process));
        jsonw_object_end(&w->json);
    }
    jsonw_array_end(&w->json);
}

static uint64_t sample_thread(const struct profile *profile, uint64_t i)
{
    return profile->samples[i].thread;
}

static uint64_t sample_node(const struct profile *profile, uint64_t i)
{
    return profile->samples[i].node;
}

static uint64_t sample_count(const struct profile *profile, uint64_t i)
{
    return profile->samples[i].count;
}

static uint64_t sample_weight(const struct profile *profile, uint64_t i)
{
    return profile->samples[i].weight_ns;
}

static void write_samples(struct writer *w)
{
    uint64_t count = w->profile->sample_count;
    jsonw_key(&w->json, "samples");
    jsonw_object_begin(&w->json);
    write_column(w, "thread", count, sample_thread);
    write_column(w, "node", count, sample_node);
    write_column(w, "count", count, sample_count);
    write_column(w, "weight_ns", count, sample_weight);
    jsonw_object_end(&w->json);
}

/* A tenth of the interval between samples, as a power of ten: nothing is lost that was known. */
static uint64_t choose_unit_us(const struct profile *profile)
{
    uint64_t unit_us = 1;
    while (unit_us < 1000 && unit_us * 100 * 1000 <= profile->meta.period_ns)
        unit_us *= 10;
    return unit_us;
}

/* Rounded to the unit so that starts stay right: what a gap or duration lost, the next one gets. */
struct ruler {
    uint64_t unit_us;
    uint64_t at; /* units, the end of what was written */
};

static uint64_t ruler_advance(struct ruler *ruler, uint64_t to_us)
{
    uint64_t to = (to_us + ruler->unit_us / 2) / ruler->unit_us;
    uint64_t step = to > ruler->at ? to - ruler->at : 0;
    ruler->at += step;
    return step;
}

enum run_column { RUN_GAP, RUN_DURATION, RUN_NODE, RUN_COUNT, RUN_COLUMNS };

static void write_run_column(struct writer *w, const struct timeline *timeline, uint32_t thread,
                             enum run_column column, uint64_t unit_us)
{
    static const char *const keys[] = {"gap", "duration", "node", "count"};
    struct ruler ruler = {.unit_us = unit_us};
    jsonw_key(&w->json, keys[column]);
    jsonw_array_begin(&w->json);
    uint64_t count = timeline_count(timeline, thread);
    for (uint64_t i = 0; i < count && w->result == 0; i++) {
        const struct profile_run *run = timeline_run(timeline, thread, i);
        uint64_t gap = ruler_advance(&ruler, run->start_us);
        uint64_t duration = ruler_advance(&ruler, run->start_us + run->duration_us);
        jsonw_u64(&w->json, column == RUN_GAP        ? gap
                            : column == RUN_DURATION ? duration
                            : column == RUN_NODE     ? run->node
                                                     : run->count);
        if (i % COLUMN_FLUSH == 0)
            w->result = codec_flush(w->options, w->out, w->err);
    }
    jsonw_array_end(&w->json);
}

static int write_timeline(struct writer *w)
{
    struct timeline timeline;
    uint64_t unit_us = choose_unit_us(w->profile);
    int result = timeline_init(&timeline, w->profile);
    if (result < 0) {
        timeline_done(&timeline);
        return err_set(w->err, result, "json: out of memory");
    }
    jsonw_object_begin(&w->json);
    jsonw_key_u64(&w->json, "unit_us", unit_us);
    jsonw_key(&w->json, "threads");
    jsonw_array_begin(&w->json);
    for (uint32_t thread = 0; thread < w->profile->thread_count && w->result == 0; thread++) {
        if (timeline_count(&timeline, thread) == 0)
            continue;
        jsonw_object_begin(&w->json);
        jsonw_key_u64(&w->json, "thread", thread);
        for (int column = 0; column < RUN_COLUMNS; column++)
            write_run_column(w, &timeline, thread, (enum run_column)column, unit_us);
        jsonw_object_end(&w->json);
    }
    jsonw_array_end(&w->json);
    jsonw_object_end(&w->json);
    timeline_done(&timeline);
    return w->result;
}

/* The older profile of a differential page; its ids are those of the newer one. */
static void write_base(struct writer *w)
{
    const struct profile *newer = w->profile;
    const struct codec_options *options = w->options;
    w->profile = options->base;
    jsonw_key(&w->json, "base");
    jsonw_object_begin(&w->json);
    write_meta(w);
    write_stats(w);
    write_samples(w);
    if (options->design_effect) {
        jsonw_key(&w->json, "design_effect");
        jsonw_array_begin(&w->json);
        jsonw_double(&w->json, options->design_effect[0]);
        jsonw_double(&w->json, options->design_effect[1]);
        jsonw_array_end(&w->json);
    }
    jsonw_object_end(&w->json);
    w->profile = newer;
}

int json_profile_write(const struct profile *profile, const struct codec_options *options,
                       struct buf *out, struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out, .err = err};
    jsonw_init(&w.json, out);
    jsonw_object_begin(&w.json);
    jsonw_key_string(&w.json, "format", "pitviper-profile");
    jsonw_key_u64(&w.json, "version", 1);
    write_meta(&w);
    write_stats(&w);
    write_strings(&w);
    write_frames(&w);
    write_nodes(&w);
    write_threads(&w);
    write_samples(&w);
    jsonw_key(&w.json, "timeline");
    if (!profile->keeps_runs)
        jsonw_null(&w.json);
    else if (w.result == 0)
        w.result = write_timeline(&w);
    if (options && options->base && w.result == 0)
        write_base(&w);
    jsonw_object_end(&w.json);
    return w.result < 0 ? w.result : codec_flush(options, out, err);
}
