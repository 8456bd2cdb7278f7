/* SPDX-License-Identifier: MIT */
/* callgrind.c - for KCachegrind, QCachegrind and callgrind_annotate.
 *
 *     fl=(1) /srv/app.py
 *     fn=(1) main
 *     12 40 400000000              line 12 itself: samples, nanoseconds
 *     cfl=(1)
 *     cfn=(2) handle
 *     calls=17 30                  from line 14 into handle, which begins on line 30
 *     14 17 170000000
 *
 * "calls" are samples. A name is written out once and then known by its number. Functions that
 * share name and file (lambdas) are told apart by their line, because the readers know nothing else
 * of them.
 */
#include <stdlib.h>

#include "codec/formats.h"
#include "codec/text.h"
#include "model/calls.h"

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct calls calls;
    struct map files;     /* string → number */
    struct map names;     /* function → number */
    struct map namesakes; /* hash of (name, file) → how many functions */
    uint32_t *frames;     /* ordered by function */
    uint32_t frame_count;
    bool has_time;
    struct buf *out;
};

static uint64_t namesake_key(const struct calls_function *function)
{
    return (uint64_t)function->name << 32 | function->file;
}

/* "(7) text" the first time, "(7)" later. */
static void add_file(struct writer *w, const char *key, uint32_t file)
{
    uint32_t number = map_get(&w->files, file);
    buf_add_str(w->out, key);
    if (number != MAP_NONE) {
        buf_printf(w->out, "(%u)\n", (unsigned)number);
        return;
    }
    number = w->files.count + 1;
    w->out->failed |= map_set(&w->files, file, number) < 0;
    buf_printf(w->out, "(%u) ", (unsigned)number);
    if (file)
        text_add_line(w->out, w->profile->strings[file].text, w->profile->strings[file].size, 0, 0);
    else
        buf_add_str(w->out, "???");
    buf_add_char(w->out, '\n');
}

static void add_name(struct writer *w, const char *key, uint32_t id)
{
    const struct calls_function *function = &w->calls.functions[id];
    const struct profile_string *name = &w->profile->strings[function->name];
    uint32_t number = map_get(&w->names, id);
    buf_add_str(w->out, key);
    if (number != MAP_NONE) {
        buf_printf(w->out, "(%u)\n", (unsigned)number);
        return;
    }
    number = w->names.count + 1;
    w->out->failed |= map_set(&w->names, id, number) < 0;
    buf_printf(w->out, "(%u) ", (unsigned)number);
    if (name->size)
        text_add_line(w->out, name->text, name->size, 0, 0);
    else
        buf_add_str(w->out, "???");
    if (map_get(&w->namesakes, namesake_key(function)) > 1)
        buf_printf(w->out, ":%d", (int)function->first_line);
    buf_add_char(w->out, '\n');
}

static void add_costs(struct writer *w, int32_t line, const struct calls_sum *sum)
{
    buf_add_u64(w->out, line > 0 ? (uint64_t)line : 0);
    buf_add_char(w->out, ' ');
    buf_add_u64(w->out, sum->count);
    if (w->has_time) {
        buf_add_char(w->out, ' ');
        buf_add_u64(w->out, sum->ns);
    }
    buf_add_char(w->out, '\n');
}

static void add_edge(struct writer *w, const struct calls_edge *edge)
{
    const struct calls_function *callee = &w->calls.functions[edge->callee];
    if (edge->total.count == 0)
        return;
    add_file(w, "cfl=", callee->file);
    add_name(w, "cfn=", edge->callee);
    buf_add_str(w->out, "calls=");
    buf_add_u64(w->out, edge->total.count);
    buf_printf(w->out, " %d\n", callee->first_line > 0 ? (int)callee->first_line : 0);
    add_costs(w, w->profile->frames[edge->caller_frame].line, &edge->total);
}

/* Frames of function i are frames[starts[i]] to frames[starts[i + 1] - 1]. */
static uint32_t *sort_frames(struct writer *w)
{
    const struct calls *calls = &w->calls;
    uint32_t *starts = calloc((size_t)calls->function_count + 2, sizeof *starts);
    w->frames = malloc(((size_t)w->frame_count + 1) * sizeof *w->frames);
    if (!starts || !w->frames) {
        free(starts);
        return NULL;
    }
    uint32_t *next = starts + 1;
    for (uint32_t i = 0; i < w->frame_count; i++)
        next[calls->function_of[i] + 1]++;
    for (uint32_t i = 1; i <= calls->function_count; i++)
        next[i] += next[i - 1];
    for (uint32_t i = 0; i < w->frame_count; i++)
        w->frames[next[calls->function_of[i]]++] = i;
    return starts;
}

static int write_functions(struct writer *w, const uint32_t *starts, struct err *err)
{
    const struct calls *calls = &w->calls;
    uint32_t edge = 0;
    int result = 0;
    for (uint32_t i = 0; i < calls->function_count && result == 0; i++) {
        add_file(w, "\nfl=", calls->functions[i].file);
        add_name(w, "fn=", i);
        for (uint32_t k = starts[i]; k < starts[i + 1]; k++)
            if (calls->frame_self[w->frames[k]].count)
                add_costs(w, w->profile->frames[w->frames[k]].line,
                          &calls->frame_self[w->frames[k]]);
        for (; edge < calls->edge_count && calls->edges[edge].caller == i; edge++)
            add_edge(w, &calls->edges[edge]);
        result = codec_flush(w->options, w->out, err);
    }
    return result;
}

static void write_head(struct writer *w)
{
    const struct profile *profile = w->profile;
    buf_add_str(w->out, "# callgrind format\nversion: 1\ncreator: pitviper " PITVIPER_VERSION "\n");
    if (profile->meta.pid)
        buf_printf(w->out, "pid: %d\n", (int)profile->meta.pid);
    if (profile->meta.command) {
        const struct profile_string *command = &profile->strings[profile->meta.command];
        buf_add_str(w->out, "cmd: ");
        text_add_line(w->out, command->text, command->size, 0, 0);
        buf_add_char(w->out, '\n');
    }
    buf_add_str(w->out, "positions: line\nevent: Samples : samples of the stack\n");
    if (w->has_time)
        buf_add_str(w->out, "event: Nanoseconds : time they stand for\n");
    buf_add_str(w->out, w->has_time ? "events: Samples Nanoseconds\nsummary: "
                                    : "events: Samples\nsummary: ");
    buf_add_u64(w->out, profile_total_count(profile));
    if (w->has_time) {
        buf_add_char(w->out, ' ');
        buf_add_u64(w->out, profile_total_weight_ns(profile));
    }
    buf_add_char(w->out, '\n');
}

static int count_namesakes(struct writer *w)
{
    for (uint32_t i = 0; i < w->calls.function_count; i++) {
        uint64_t key = namesake_key(&w->calls.functions[i]);
        uint32_t known = map_get(&w->namesakes, key);
        if (map_set(&w->namesakes, key, known == MAP_NONE ? 1 : known + 1) < 0)
            return ERR_NO_MEMORY;
    }
    return 0;
}

int callgrind_write(const struct profile *profile, const struct codec_options *options,
                    struct buf *out, struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out};
    w.frame_count = profile->frame_count;
    w.has_time = profile_total_weight_ns(profile) > 0;
    uint32_t *starts = NULL;
    int result = calls_init(&w.calls, profile);
    if (result == 0)
        result = count_namesakes(&w);
    if (result == 0 && !(starts = sort_frames(&w)))
        result = ERR_NO_MEMORY;
    if (result < 0) {
        err_set(err, result, "callgrind: out of memory");
    } else {
        calls_sort_by_caller(&w.calls);
        write_head(&w);
        result = write_functions(&w, starts, err);
    }
    if (result == 0)
        result = codec_flush(options, out, err);
    free(starts);
    free(w.frames);
    map_done(&w.files);
    map_done(&w.names);
    map_done(&w.namesakes);
    calls_done(&w.calls);
    return result;
}
