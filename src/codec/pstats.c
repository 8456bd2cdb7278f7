/* SPDX-License-Identifier: MIT */
/* pstats.c - what cProfile writes and pstats, snakeviz and gprof2dot read: one marshalled dict
 *
 *     {(file, first line, name): (primitive calls, calls, own s, total s, callers), …}
 *     callers = {(file, first line, name): (calls, primitive calls, own s, total s), …}
 *
 * A sampler sees no calls: both counts are the samples that the function (or the edge) was seen in.
 * Times are the weights, or, where the source had none, the counts at the period (1 ms when even
 * that is unknown). Only marshal codes that every version reads are used: no references, no
 * interned strings.
 */
#include <string.h>

#include "base/jsonw.h"
#include "codec/formats.h"
#include "model/calls.h"

#define UNKNOWN_PERIOD_NS 1000000u

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct calls calls;
    struct buf *out;
    uint64_t period_ns; /* what a count is worth; 0: there are weights */
};

static void add_le(struct buf *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add_char(out, (char)(value >> (8 * i)));
}

/* Integers up to 31 bits have a code of their own; above, digits of 15 bits. */
static void add_int(struct buf *out, uint64_t value)
{
    if (value <= INT32_MAX) {
        buf_add_char(out, 'i');
        add_le(out, value, 4);
        return;
    }
    int digits = 0;
    for (uint64_t rest = value; rest; rest >>= 15)
        digits++;
    buf_add_char(out, 'l');
    add_le(out, (uint64_t)digits, 4);
    for (; digits; digits--, value >>= 15)
        add_le(out, value & 0x7fff, 2);
}

static void add_seconds(struct buf *out, uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    buf_add_char(out, 'g');
    add_le(out, bits, 8);
}

static void add_text(struct buf *out, const char *text, size_t size)
{
    struct buf repaired;
    buf_init(&repaired, 0);
    jsonw_repair_utf8(&repaired, text, size);
    buf_add_char(out, 'u');
    add_le(out, repaired.size, 4);
    buf_add(out, repaired.data, repaired.size);
    out->failed |= repaired.failed;
    buf_done(&repaired);
}

static void add_tuple(struct buf *out, unsigned char size)
{
    buf_add_char(out, ')');
    buf_add_char(out, (char)size);
}

static void add_key(struct writer *w, const struct calls_function *function)
{
    const struct profile_string *name = &w->profile->strings[function->name];
    const struct profile_string *file = &w->profile->strings[function->file];
    add_tuple(w->out, 3);
    if (function->file)
        add_text(w->out, file->text, file->size);
    else
        add_text(w->out, "~", 1); /* what cProfile says of C functions */
    add_int(w->out, function->first_line > 0 ? (uint64_t)function->first_line : 0);
    add_text(w->out, name->text, name->size);
}

static uint64_t time_of(const struct writer *w, const struct calls_sum *sum)
{
    return w->period_ns ? sum->count * w->period_ns : sum->ns;
}

/* The callers of a function are the edges from `first` on; returns the edge after them. */
static uint32_t add_callers(struct writer *w, uint32_t function, uint32_t first)
{
    const struct calls *calls = &w->calls;
    uint32_t at = first;
    buf_add_char(w->out, '{');
    while (at < calls->edge_count && calls->edges[at].callee == function) {
        uint32_t caller = calls->edges[at].caller;
        struct calls_sum self = {0}, total = {0};
        for (; at < calls->edge_count && calls->edges[at].callee == function &&
               calls->edges[at].caller == caller;
             at++) { /* from several lines of it */
            self.ns += time_of(w, &calls->edges[at].self);
            total.ns += time_of(w, &calls->edges[at].total);
            total.count += calls->edges[at].total.count;
        }
        add_key(w, &calls->functions[caller]);
        add_tuple(w->out, 4);
        add_int(w->out, total.count);
        add_int(w->out, total.count);
        add_seconds(w->out, self.ns);
        add_seconds(w->out, total.ns);
    }
    buf_add_char(w->out, '0');
    return at;
}

static int write_functions(struct writer *w, struct err *err)
{
    uint32_t edge = 0;
    for (uint32_t i = 0; i < w->calls.function_count; i++) {
        const struct calls_function *function = &w->calls.functions[i];
        add_key(w, function);
        add_tuple(w->out, 5);
        add_int(w->out, function->total.count);
        add_int(w->out, function->total.count);
        add_seconds(w->out, time_of(w, &function->self));
        add_seconds(w->out, time_of(w, &function->total));
        edge = add_callers(w, i, edge);
        int result = codec_flush(w->options, w->out, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* pstats refuses a file without any function. */
static void write_nothing(struct writer *w)
{
    static const char name[] = "<no samples>";
    add_tuple(w->out, 3);
    add_text(w->out, "~", 1);
    add_int(w->out, 0);
    add_text(w->out, name, sizeof name - 1);
    add_tuple(w->out, 5);
    add_int(w->out, 0);
    add_int(w->out, 0);
    add_seconds(w->out, 0);
    add_seconds(w->out, 0);
    buf_add_str(w->out, "{0");
}

int pstats_write(const struct profile *profile, const struct codec_options *options,
                 struct buf *out, struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out};
    if (profile_total_weight_ns(profile) == 0)
        w.period_ns = profile->meta.period_ns ? profile->meta.period_ns : UNKNOWN_PERIOD_NS;
    int result = calls_init(&w.calls, profile);
    if (result < 0) {
        err_set(err, result, "pstats: out of memory");
    } else {
        calls_sort_by_callee(&w.calls);
        buf_add_char(out, '{');
        if (w.calls.function_count)
            result = write_functions(&w, err);
        else
            write_nothing(&w);
        buf_add_char(out, '0');
    }
    if (result == 0)
        result = codec_flush(options, out, err);
    calls_done(&w.calls);
    return result;
}
