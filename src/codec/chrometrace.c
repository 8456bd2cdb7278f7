/* SPDX-License-Identifier: MIT */
/* chrometrace.c - the Trace Event format, for Perfetto and chrome://tracing.
 *
 * Each thread is a track. While a thread's runs follow each other, functions that both have from
 * the root down stay open; where the stacks part, the old ones end and become one complete event
 * ("X") each, and the new ones begin. Lines do not count here: a function that goes on on another
 * line is the same bar.
 *
 * A long recording of a lively program has more bars than any viewer shows, at 90 bytes each. So
 * all is gone through twice: first the bars are counted by length, then only those are written
 * that are as long as it takes to stay below MAX_BARS; otherData tells how many are missing.
 */
#include <stdlib.h>

#include "base/jsonw.h"
#include "codec/formats.h"
#include "model/timeline.h"

#define MAX_BARS UINT64_C(5000000)

struct open {
    uint32_t function; /* number of its text */
    uint64_t start_us;
};

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct buf *out;
    struct err *err;
    struct timeline timeline;
    uint32_t *function_of; /* per frame: the first frame of the same function */
    struct buf texts;      /* "name":…,"args":{…} of each function */
    size_t *starts;        /* per frame: where its text is in `texts`; only of first frames */
    size_t *ends;
    struct open *stack;
    uint32_t depth;
    uint32_t *path;
    uint64_t lengths[65]; /* bars by the bits of their length */
    bool counting;        /* the first pass */
    uint64_t shortest_us; /* what the second pass writes */
    uint64_t left_out;
    bool first; /* event: no comma before it */
    int result;
};

/* A function is its name, file and first line; its text is made once. */
static int make_texts(struct writer *w)
{
    const struct profile *profile = w->profile;
    struct map pairs = {0}, functions = {0};
    int result = 0;
    for (uint32_t i = 0; i < profile->frame_count && result == 0; i++) {
        const struct profile_frame *frame = &profile->frames[i];
        uint64_t pair_key = (uint64_t)frame->name << 32 | frame->file;
        uint32_t pair = map_get(&pairs, pair_key);
        if (pair == MAP_NONE) {
            pair = i;
            result = map_set(&pairs, pair_key, pair);
        }
        uint64_t key = (uint64_t)pair << 32 | (uint32_t)frame->first_line;
        w->function_of[i] = map_get(&functions, key);
        if (w->function_of[i] != MAP_NONE || result < 0)
            continue;
        w->function_of[i] = i;
        result = map_set(&functions, key, i);
        struct jsonw json;
        jsonw_init(&json, &w->texts);
        w->starts[i] = w->texts.size;
        jsonw_key(&json, "name");
        jsonw_string_n(&json, profile->strings[frame->name].text,
                       profile->strings[frame->name].size);
        if (frame->file) {
            jsonw_key(&json, "args");
            jsonw_object_begin(&json);
            jsonw_key_string(&json, "file", profile->strings[frame->file].text);
            jsonw_key_i64(&json, "line", frame->first_line);
            jsonw_object_end(&json);
        }
        w->ends[i] = w->texts.size;
    }
    map_done(&pairs);
    map_done(&functions);
    return buf_failed(&w->texts) ? ERR_NO_MEMORY : result;
}

static void begin_event(struct writer *w)
{
    buf_add_str(w->out, w->first ? "\n{" : ",\n{");
    w->first = false;
}

static void add_ids(struct writer *w, uint32_t thread)
{
    const struct profile_thread *t = &w->profile->threads[thread];
    buf_add_str(w->out, "\"pid\":");
    buf_add_u64(w->out, t->pid > 0 ? (uint64_t)t->pid : 1);
    buf_add_str(w->out, ",\"tid\":");
    buf_add_u64(w->out, t->tid > 0 ? (uint64_t)t->tid : (uint64_t)thread + 1);
}

static void add_name(struct writer *w, uint32_t thread, const char *what, uint32_t string)
{
    struct jsonw json;
    const struct profile_string *name = &w->profile->strings[string];
    begin_event(w);
    buf_add_str(w->out, "\"ph\":\"M\",");
    add_ids(w, thread);
    buf_printf(w->out, ",\"name\":\"%s\",\"args\":{\"name\":", what);
    jsonw_init(&json, w->out);
    jsonw_string_n(&json, name->text, name->size);
    buf_add_str(w->out, "}}");
}

static void write_bar(struct writer *w, uint32_t thread, const struct open *open, uint64_t us)
{
    begin_event(w);
    buf_add_str(w->out, "\"ph\":\"X\",");
    add_ids(w, thread);
    buf_add_str(w->out, ",\"ts\":");
    buf_add_u64(w->out, open->start_us);
    buf_add_str(w->out, ",\"dur\":");
    buf_add_u64(w->out, us);
    buf_add_char(w->out, ',');
    buf_add(w->out, w->texts.data + w->starts[open->function],
            w->ends[open->function] - w->starts[open->function]);
    buf_add_char(w->out, '}');
    w->result = codec_flush(w->options, w->out, w->err);
}

static unsigned bits_of(uint64_t value)
{
    return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

/* Ends what is open beyond `depth`, innermost first. */
static void close_to(struct writer *w, uint32_t thread, uint32_t depth, uint64_t now_us)
{
    while (w->depth > depth && w->result == 0) {
        const struct open *open = &w->stack[--w->depth];
        uint64_t us = now_us > open->start_us ? now_us - open->start_us : 0;
        if (w->counting)
            w->lengths[bits_of(us)]++;
        else if (us >= w->shortest_us)
            write_bar(w, thread, open, us);
    }
}

static void go_to(struct writer *w, uint32_t thread, const struct profile_run *run)
{
    const struct profile_node *nodes = w->profile->nodes;
    uint32_t depth = nodes[run->node].depth, common = 0;
    for (uint32_t node = run->node, at = depth; node; node = nodes[node].parent)
        w->path[--at] = w->function_of[nodes[node].frame];
    while (common < depth && common < w->depth && w->stack[common].function == w->path[common])
        common++;
    close_to(w, thread, common, run->start_us);
    while (w->depth < depth) {
        w->stack[w->depth] = (struct open){w->path[w->depth], run->start_us};
        w->depth++;
    }
}

static void go_through(struct writer *w, uint32_t thread)
{
    uint64_t end_us = 0, count = timeline_count(&w->timeline, thread);
    for (uint64_t i = 0; i < count && w->result == 0; i++) {
        const struct profile_run *run = timeline_run(&w->timeline, thread, i);
        uint64_t gap_us = run->start_us > end_us ? run->start_us - end_us : 0;
        if (gap_us > run->duration_us / run->count)
            close_to(w, thread, 0, end_us);
        go_to(w, thread, run);
        end_us = run->start_us + run->duration_us;
    }
    close_to(w, thread, 0, end_us);
}

static void write_thread(struct writer *w, uint32_t thread)
{
    const struct profile_thread *t = &w->profile->threads[thread];
    if (timeline_count(&w->timeline, thread) == 0)
        return;
    if (t->name)
        add_name(w, thread, "thread_name", t->name);
    if (t->process)
        add_name(w, thread, "process_name", t->process);
    go_through(w, thread);
}

/* Counts all bars, and decides how long one must be. */
static void choose_shortest(struct writer *w)
{
    uint64_t kept = 0;
    w->counting = true;
    for (uint32_t thread = 0; thread < w->profile->thread_count; thread++)
        go_through(w, thread);
    w->counting = false;
    for (unsigned bits = 65; bits-- > 0;) {
        if (kept + w->lengths[bits] > MAX_BARS) {
            w->shortest_us = UINT64_C(1) << (bits < 63 ? bits : 63);
            for (unsigned i = 0; i <= bits; i++)
                w->left_out += w->lengths[i];
            return;
        }
        kept += w->lengths[bits];
    }
}

static void write_all(struct writer *w)
{
    const struct profile_meta *meta = &w->profile->meta;
    struct jsonw json;
    jsonw_init(&json, w->out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "displayTimeUnit", "ms");
    jsonw_key(&json, "otherData");
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "exporter", "pitviper " PITVIPER_VERSION);
    jsonw_key_string(&json, "command", w->profile->strings[meta->command].text);
    jsonw_key_string(&json, "host", w->profile->strings[meta->host].text);
    jsonw_key_u64(&json, "start_us", meta->start_wall_ns / 1000);
    if (w->left_out) {
        jsonw_key_u64(&json, "shortest_bar_us", w->shortest_us);
        jsonw_key_u64(&json, "bars_left_out", w->left_out);
    }
    jsonw_object_end(&json);
    jsonw_key(&json, "traceEvents");
    buf_add_char(w->out, '[');
    for (uint32_t thread = 0; thread < w->profile->thread_count && w->result == 0; thread++)
        write_thread(w, thread);
    buf_add_str(w->out, "\n]}\n");
}

static int prepare(struct writer *w)
{
    const struct profile *profile = w->profile;
    size_t frames = (size_t)profile->frame_count + 1;
    size_t depth = (size_t)profile_max_depth(profile) + 1;
    w->function_of = malloc(frames * sizeof *w->function_of);
    w->starts = malloc(frames * sizeof *w->starts);
    w->ends = malloc(frames * sizeof *w->ends);
    w->stack = malloc(depth * sizeof *w->stack);
    w->path = malloc(depth * sizeof *w->path);
    int result = timeline_init(&w->timeline, profile);
    if (!w->function_of || !w->starts || !w->ends || !w->stack || !w->path)
        return ERR_NO_MEMORY;
    return result < 0 ? result : make_texts(w);
}

int chrometrace_write(const struct profile *profile, const struct codec_options *options,
                      struct buf *out, struct err *err)
{
    struct writer w = {
        .profile = profile, .options = options, .out = out, .err = err, .first = true};
    if (!profile->keeps_runs && profile->sample_count)
        return err_set(err, ERR_USAGE, CODEC_NO_ORDER, "chrometrace");
    w.result = prepare(&w);
    if (w.result < 0)
        err_set(err, w.result, "chrometrace: %s", err_text(w.result));
    if (w.result == 0) {
        choose_shortest(&w);
        write_all(&w);
    }
    if (w.result == 0)
        w.result = codec_flush(options, out, err);
    timeline_done(&w.timeline);
    buf_done(&w.texts);
    free(w.function_of);
    free(w.starts);
    free(w.ends);
    free(w.stack);
    free(w.path);
    return w.result;
}
