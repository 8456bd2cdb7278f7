/* SPDX-License-Identifier: MIT */
/* pprof.c - gzipped perftools.profiles.Profile, for go tool pprof, Parca, Pyroscope.
 *
 * The message is a list of tables that refer to each other by number, which is what a profile is
 * already: its strings are the string table, location i + 1 is frame i, and only functions need a
 * numbering of their own. So every row is written as it is met, through a scratch buffer
 * into the compressor, and no tree of message objects is ever built (docs/formats.md, "pprof").
 *
 * Threads are labels ("thread", "thread_id", "process", "process_id"): `pprof -tagfocus`.
 */
#include "codec/pprof.h"

#include <string.h>

#include "base/jsonw.h"
#include "codec/formats.h"
#include "codec/gzip.h"
#include "codec/proto.h"

#define PUSH_BYTES ((size_t)1 << 18)

/* Strings beyond the profile's own, in the order of `extra_text`. */
enum extra {
    EXTRA_SAMPLES,
    EXTRA_COUNT,
    EXTRA_TIME, /* the mode: cpu, wall or gil */
    EXTRA_NANOSECONDS,
    EXTRA_THREAD,
    EXTRA_THREAD_ID,
    EXTRA_PROCESS,
    EXTRA_PROCESS_ID,
    EXTRA_COMMENT,
    EXTRA_LAST,
};

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct buf *out;
    struct err *err;
    struct gzip *gzip;
    struct buf raw;            /* top level, not yet compressed */
    struct buf message, inner; /* scratch */
    struct map pairs;          /* name and file → their number */
    struct map functions;      /* number of the pair and first line → function */
    bool has_time;
    int result;
};

static void fail(struct writer *w, int code)
{
    if (w->result == 0)
        w->result = err_set(w->err, code, "pprof: %s", err_text(code));
}

static void push(struct writer *w, bool last)
{
    if (w->result < 0 || (w->raw.size < PUSH_BYTES && !last))
        return;
    if (gzip_push(w->gzip, &w->raw, last, w->out) < 0)
        fail(w, ERR_NO_MEMORY);
    else
        w->result = codec_flush(w->options, w->out, w->err);
}

/* Ends a top-level field that was built in w->message. */
static void add_row(struct writer *w, uint32_t field)
{
    proto_add_message(&w->raw, field, &w->message);
    buf_reset(&w->message);
    push(w, false);
}

static uint64_t extra(const struct writer *w, enum extra which)
{
    return (uint64_t)w->profile->string_count + which;
}

static void add_value_type(struct writer *w, uint32_t field, enum extra type, enum extra unit)
{
    proto_add_u64(&w->message, VALUE_TYPE_TYPE, extra(w, type));
    proto_add_u64(&w->message, VALUE_TYPE_UNIT, extra(w, unit));
    add_row(w, field);
}

static void write_header(struct writer *w)
{
    const struct profile_meta *meta = &w->profile->meta;
    add_value_type(w, PROFILE_SAMPLE_TYPE, EXTRA_SAMPLES, EXTRA_COUNT);
    if (w->has_time)
        add_value_type(w, PROFILE_SAMPLE_TYPE, EXTRA_TIME, EXTRA_NANOSECONDS);
    proto_add_u64(&w->raw, PROFILE_TIME_NANOS, meta->start_wall_ns);
    proto_add_u64(&w->raw, PROFILE_DURATION_NANOS, meta->duration_ns);
    if (meta->period_ns) {
        add_value_type(w, PROFILE_PERIOD_TYPE, EXTRA_TIME, EXTRA_NANOSECONDS);
        proto_add_u64(&w->raw, PROFILE_PERIOD, meta->period_ns);
    }
    proto_add_u64(&w->raw, PROFILE_COMMENT, extra(w, EXTRA_COMMENT));
    proto_add_u64(&w->raw, PROFILE_DEFAULT_SAMPLE_TYPE,
                  extra(w, w->has_time ? EXTRA_TIME : EXTRA_SAMPLES));
    /* One mapping that claims to be fully symbolised, so that no reader goes looking for a binary.
     */
    proto_add_u64(&w->message, MAPPING_ID, 1);
    proto_add_u64(&w->message, MAPPING_FILENAME, meta->command);
    for (uint32_t field = MAPPING_HAS_FUNCTIONS; field <= MAPPING_HAS_INLINE_FRAMES; field++)
        proto_add_u64(&w->message, field, 1);
    add_row(w, PROFILE_MAPPING);
}

static void add_string(struct writer *w, const char *text, size_t size)
{
    jsonw_repair_utf8(&w->message, text, size);
    add_row(w, PROFILE_STRING_TABLE);
}

static void write_strings(struct writer *w)
{
    static const char *const texts[] = {
        [EXTRA_SAMPLES] = "samples",
        [EXTRA_COUNT] = "count",
        [EXTRA_TIME] = "wall",
        [EXTRA_NANOSECONDS] = "nanoseconds",
        [EXTRA_THREAD] = "thread",
        [EXTRA_THREAD_ID] = "thread_id",
        [EXTRA_PROCESS] = "process",
        [EXTRA_PROCESS_ID] = "process_id",
        [EXTRA_COMMENT] = ("pitviper " PITVIPER_VERSION),
    };
    const struct profile *profile = w->profile;
    for (uint32_t i = 0; i < profile->string_count; i++)
        add_string(w, profile->strings[i].text, profile->strings[i].size);
    for (int i = 0; i < EXTRA_LAST; i++) {
        const char *text = texts[i];
        if (i == EXTRA_TIME && profile->meta.mode)
            text = profile->strings[profile->meta.mode].text;
        add_string(w, text, strlen(text));
    }
}

/* Functions are numbered from 1 in the order they are met; a new one is written at once. They get
 * no system name: go tool pprof demangles names that equal it, and takes "<module>" for a template.
 */
static uint32_t function_of(struct writer *w, const struct profile_frame *frame)
{
    uint32_t file = frame->full_file ? frame->full_file : frame->file;
    uint64_t pair_key = (uint64_t)frame->name << 32 | file;
    uint32_t pair = map_get(&w->pairs, pair_key);
    if (pair == MAP_NONE) {
        pair = w->pairs.count;
        if (map_set(&w->pairs, pair_key, pair) < 0)
            fail(w, ERR_NO_MEMORY);
    }
    uint64_t key = (uint64_t)pair << 32 | (uint32_t)frame->first_line;
    uint32_t id = map_get(&w->functions, key);
    if (id != MAP_NONE)
        return id;
    id = w->functions.count + 1;
    if (map_set(&w->functions, key, id) < 0)
        fail(w, ERR_NO_MEMORY);
    proto_add_u64(&w->message, FUNCTION_ID, id);
    proto_add_u64(&w->message, FUNCTION_NAME, frame->name);
    proto_add_u64(&w->message, FUNCTION_FILENAME, file);
    if (frame->first_line > 0)
        proto_add_u64(&w->message, FUNCTION_START_LINE, (uint64_t)frame->first_line);
    add_row(w, PROFILE_FUNCTION);
    return id;
}

static void write_locations(struct writer *w)
{
    for (uint32_t i = 0; i < w->profile->frame_count && w->result == 0; i++) {
        const struct profile_frame *frame = &w->profile->frames[i];
        uint32_t function = function_of(w, frame);
        buf_reset(&w->inner);
        proto_add_u64(&w->inner, LINE_FUNCTION_ID, function);
        if (frame->line > 0)
            proto_add_u64(&w->inner, LINE_LINE, (uint64_t)frame->line);
        proto_add_u64(&w->message, LOCATION_ID, (uint64_t)i + 1);
        proto_add_u64(&w->message, LOCATION_MAPPING_ID, 1);
        proto_add_message(&w->message, LOCATION_LINE, &w->inner);
        add_row(w, PROFILE_LOCATION);
    }
}

static void add_label(struct writer *w, enum extra key, uint64_t string, uint64_t number)
{
    if (!string && !number)
        return;
    buf_reset(&w->inner);
    proto_add_u64(&w->inner, LABEL_KEY, extra(w, key));
    proto_add_u64(&w->inner, LABEL_STR, string);
    proto_add_u64(&w->inner, LABEL_NUM, number);
    proto_add_message(&w->message, SAMPLE_LABEL, &w->inner);
}

static void write_sample(struct writer *w, const struct profile_sample *sample)
{
    const struct profile *profile = w->profile;
    const struct profile_thread *thread = &profile->threads[sample->thread];
    buf_reset(&w->inner);
    for (uint32_t node = sample->node; node; node = profile->nodes[node].parent)
        buf_add_varint(&w->inner, (uint64_t)profile->nodes[node].frame + 1);
    proto_add_message(&w->message, SAMPLE_LOCATION_ID, &w->inner);
    buf_reset(&w->inner);
    buf_add_varint(&w->inner, sample->count);
    if (w->has_time)
        buf_add_varint(&w->inner, sample->weight_ns);
    proto_add_message(&w->message, SAMPLE_VALUE, &w->inner);
    add_label(w, EXTRA_THREAD, thread->name, 0);
    add_label(w, EXTRA_THREAD_ID, 0, (uint64_t)(int64_t)thread->tid);
    add_label(w, EXTRA_PROCESS, thread->process, 0);
    add_label(w, EXTRA_PROCESS_ID, 0, (uint64_t)(int64_t)thread->pid);
    add_row(w, PROFILE_SAMPLE);
}

int pprof_write(const struct profile *profile, const struct codec_options *options, struct buf *out,
                struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out, .err = err};
    w.has_time = profile_total_weight_ns(profile) > 0 || profile->sample_count == 0;
    w.gzip = gzip_new();
    if (!w.gzip)
        return err_set(err, ERR_NO_MEMORY, "pprof: out of memory");
    write_header(&w);
    write_locations(&w);
    for (uint32_t i = 0; i < profile->sample_count && w.result == 0; i++)
        write_sample(&w, &profile->samples[i]);
    write_strings(&w);
    push(&w, true);
    gzip_free(w.gzip);
    buf_done(&w.raw);
    buf_done(&w.message);
    buf_done(&w.inner);
    map_done(&w.pairs);
    map_done(&w.functions);
    return w.result;
}
