/* SPDX-License-Identifier: MIT */
/* speedscope.c - speedscope's own file format, one "sampled" profile per thread.
 *
 * Frames are shared by all threads; a sample is the list of its frames, outermost first, and a
 * weight. Where the order in time was kept each run is one sample, so that the time-order view
 * means something; otherwise each stack comes once. Weights are nanoseconds, or counts where the
 * source had no time.
 */
#include <stdlib.h>

#include "base/jsonw.h"
#include "codec/formats.h"
#include "model/timeline.h"

#define SCHEMA_URL "https://www.speedscope.app/file-format-schema.json"

/* What one thread shows: either its runs or its samples, by index. */
struct entry {
    uint32_t node;
    uint64_t count;
    uint64_t weight_ns;
};

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct buf *out;
    struct err *err;
    struct jsonw json;
    bool has_time;
    struct timeline timeline; /* of runs; empty without */
    uint32_t *samples;        /* sample ids by thread, when there are no runs */
    uint64_t *starts;
    uint32_t *path; /* scratch for one stack */
    int result;
};

/* Samples grouped by thread, as timeline_init() does for runs. */
static int group_samples(struct writer *w)
{
    const struct profile *profile = w->profile;
    w->starts = calloc((size_t)profile->thread_count + 2, sizeof *w->starts);
    w->samples = malloc(((size_t)profile->sample_count + 1) * sizeof *w->samples);
    if (!w->starts || !w->samples)
        return ERR_NO_MEMORY;
    uint64_t *next = w->starts + 1;
    for (uint32_t i = 0; i < profile->sample_count; i++)
        next[profile->samples[i].thread + 1]++;
    for (uint32_t t = 1; t <= profile->thread_count; t++)
        next[t] += next[t - 1];
    for (uint32_t i = 0; i < profile->sample_count; i++)
        w->samples[next[profile->samples[i].thread]++] = i;
    return 0;
}

static uint64_t entry_count(const struct writer *w, uint32_t thread)
{
    if (w->profile->keeps_runs)
        return timeline_count(&w->timeline, thread);
    return w->starts[thread + 1] - w->starts[thread];
}

static struct entry entry_at(const struct writer *w, uint32_t thread, uint64_t i)
{
    if (w->profile->keeps_runs) {
        const struct profile_run *run = timeline_run(&w->timeline, thread, i);
        return (struct entry){run->node, run->count, (uint64_t)run->duration_us * 1000};
    }
    const struct profile_sample *sample = &w->profile->samples[w->samples[w->starts[thread] + i]];
    return (struct entry){sample->node, sample->count, sample->weight_ns};
}

static uint64_t weight_of(const struct writer *w, const struct entry *entry)
{
    return w->has_time ? entry->weight_ns : entry->count;
}

static void write_frames(struct writer *w)
{
    const struct profile *profile = w->profile;
    jsonw_key(&w->json, "shared");
    jsonw_object_begin(&w->json);
    jsonw_key(&w->json, "frames");
    jsonw_array_begin(&w->json);
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        const struct profile_frame *frame = &profile->frames[i];
        uint32_t file = frame->full_file ? frame->full_file : frame->file;
        jsonw_object_begin(&w->json);
        jsonw_key(&w->json, "name");
        jsonw_string_n(&w->json, profile->strings[frame->name].text,
                       profile->strings[frame->name].size);
        if (file)
            jsonw_key_string(&w->json, "file", profile->strings[file].text);
        if (frame->line > 0)
            jsonw_key_u64(&w->json, "line", (uint64_t)frame->line);
        jsonw_object_end(&w->json);
    }
    jsonw_array_end(&w->json);
    jsonw_object_end(&w->json);
}

static void write_stack(struct writer *w, uint32_t node)
{
    const struct profile *profile = w->profile;
    uint32_t depth = 0;
    for (; node; node = profile->nodes[node].parent)
        w->path[depth++] = profile->nodes[node].frame;
    jsonw_array_begin(&w->json);
    while (depth)
        jsonw_u64(&w->json, w->path[--depth]);
    jsonw_array_end(&w->json);
}

static void write_name(struct writer *w, const struct profile_thread *thread)
{
    const char *name = w->profile->strings[thread->name].text;
    struct buf text;
    buf_init(&text, 0);
    buf_add_str(&text, *name ? name : "thread");
    if (thread->tid)
        buf_printf(&text, " (%d)", (int)thread->tid);
    if (thread->process && !w->profile->meta.pid)
        buf_printf(&text, " of %s (%d)", w->profile->strings[thread->process].text,
                   (int)thread->pid);
    jsonw_key(&w->json, "name");
    jsonw_string_n(&w->json, text.data, text.size);
    buf_done(&text);
}

/* `thread_count` of none: a profile without samples still has one (empty) profile, as the schema's
 * readers expect at least one to show. */
static void write_thread(struct writer *w, const struct profile_thread *thread, uint32_t id,
                         uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct entry entry = entry_at(w, id, i);
        sum += weight_of(w, &entry);
    }
    jsonw_object_begin(&w->json);
    jsonw_key_string(&w->json, "type", "sampled");
    write_name(w, thread);
    jsonw_key_string(&w->json, "unit", w->has_time ? "nanoseconds" : "none");
    jsonw_key_u64(&w->json, "startValue", 0);
    jsonw_key_u64(&w->json, "endValue", sum);
    jsonw_key(&w->json, "samples");
    jsonw_array_begin(&w->json);
    for (uint64_t i = 0; i < count && w->result == 0; i++) {
        write_stack(w, entry_at(w, id, i).node);
        w->result = codec_flush(w->options, w->out, w->err);
    }
    jsonw_array_end(&w->json);
    jsonw_key(&w->json, "weights");
    jsonw_array_begin(&w->json);
    for (uint64_t i = 0; i < count && w->result == 0; i++) {
        struct entry entry = entry_at(w, id, i);
        jsonw_u64(&w->json, weight_of(w, &entry));
        w->result = codec_flush(w->options, w->out, w->err);
    }
    jsonw_array_end(&w->json);
    jsonw_object_end(&w->json);
}

static void write_all(struct writer *w)
{
    const struct profile *profile = w->profile;
    const char *title = w->options && w->options->title
                            ? w->options->title
                            : profile->strings[profile->meta.command].text;
    uint32_t written = 0;
    jsonw_object_begin(&w->json);
    jsonw_key_string(&w->json, "$schema", SCHEMA_URL);
    jsonw_key_string(&w->json, "name", *title ? title : "pitviper");
    jsonw_key_string(&w->json, "exporter", "pitviper@" PITVIPER_VERSION);
    jsonw_key_u64(&w->json, "activeProfileIndex", 0);
    write_frames(w);
    jsonw_key(&w->json, "profiles");
    jsonw_array_begin(&w->json);
    for (uint32_t i = 0; i < profile->thread_count && w->result == 0; i++) {
        uint64_t count = entry_count(w, i);
        if (count == 0)
            continue;
        write_thread(w, &profile->threads[i], i, count);
        written++;
    }
    if (!written)
        write_thread(w, &(struct profile_thread){0}, 0, 0);
    jsonw_array_end(&w->json);
    jsonw_object_end(&w->json);
}

int speedscope_write(const struct profile *profile, const struct codec_options *options,
                     struct buf *out, struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out, .err = err};
    jsonw_init(&w.json, out);
    w.has_time = profile_total_weight_ns(profile) > 0;
    w.path = malloc(((size_t)profile_max_depth(profile) + 1) * sizeof *w.path);
    w.result = profile->keeps_runs ? timeline_init(&w.timeline, profile) : group_samples(&w);
    if (w.result < 0 || !w.path)
        w.result = err_set(err, ERR_NO_MEMORY, "speedscope: out of memory");
    else
        write_all(&w);
    if (w.result == 0)
        w.result = codec_flush(options, out, err);
    timeline_done(&w.timeline);
    free(w.samples);
    free(w.starts);
    free(w.path);
    return w.result;
}
