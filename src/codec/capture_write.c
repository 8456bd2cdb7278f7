/* SPDX-License-Identifier: MIT */
/* capture_write.c - a recording on its way to a file; the format is in
 * docs/design/0002-capture-format.md.
 *
 * Each thread has one run that is still growing. It is written when the thread is seen elsewhere,
 * and cut where it stands when a block is flushed, so that nothing older than a second is only in
 * memory; the reader joins such pieces again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "codec/capture.h"
#include "codec/capture_format.h"
#include "codec/formats.h"

#define FLUSH_US 900000u /* with a round's delay still within the second promised */
#define FLUSH_BYTES ((size_t)64 << 10)
#define COMPRESS_FROM 256u /* smaller blocks do not get smaller */
#define ZSTD_LEVEL 3

struct capture_writer {
    const struct profile *profile;
    int fd; /* -1: to `out` */
    struct buf *out;
    bool sums_only;
    uint32_t strings_done, frames_done, nodes_done, threads_done;
    struct profile_meta meta; /* as last written */
    uint64_t unit_us;
    uint64_t period_units;
    struct capture_guess guess;
    struct profile_run *growing; /* per thread; count 0: none */
    uint32_t growing_count, growing_capacity;
    struct buf records; /* of the block to come */
    struct buf block;   /* scratch: a finished block */
    uint64_t flushed_us;
    ZSTD_CCtx *zstd;
    struct err failure; /* sticky */
};

static int fail(struct capture_writer *w, int code, const char *text)
{
    if (!w->failure.code)
        err_set(&w->failure, code, "capture: %s", text);
    return w->failure.code;
}

static void add_u32(struct buf *out, uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                              (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    buf_add(out, bytes, sizeof bytes);
}

static int write_all(struct capture_writer *w, const char *data, size_t size)
{
    if (w->fd < 0) {
        buf_add(w->out, data, size);
        return buf_failed(w->out) ? fail(w, ERR_LIMIT, "the output is too large") : 0;
    }
    while (size) {
        ssize_t written = write(w->fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(w, ERR_IO, strerror(errno));
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Compresses the records onto the block's header; false: no gain, take them as they are. */
static bool compress(struct capture_writer *w)
{
    size_t raw = w->records.size, bound = ZSTD_compressBound(raw);
    char *to = raw < COMPRESS_FROM ? NULL : buf_reserve(&w->block, bound);
    if (!to || !w->zstd)
        return false;
    size_t stored = ZSTD_compressCCtx(w->zstd, to, bound, w->records.data, raw, ZSTD_LEVEL);
    if (ZSTD_isError(stored) || stored >= raw)
        return false;
    w->block.size += stored;
    return true;
}

static int write_block(struct capture_writer *w)
{
    if (w->failure.code || !w->records.size)
        return w->failure.code;
    buf_reset(&w->block);
    if (!buf_reserve(&w->block, CAPTURE_BLOCK_SIZE))
        return fail(w, ERR_NO_MEMORY, "out of memory");
    w->block.size = CAPTURE_BLOCK_SIZE;
    bool compressed = compress(w);
    if (!compressed)
        buf_add(&w->block, w->records.data, w->records.size);
    if (buf_failed(&w->block) || buf_failed(&w->records))
        return fail(w, ERR_NO_MEMORY, "out of memory");

    struct buf head = {0};
    add_u32(&head, CAPTURE_BLOCK_MAGIC);
    add_u32(&head, compressed ? CAPTURE_ZSTD : 0);
    add_u32(&head, (uint32_t)(w->block.size - CAPTURE_BLOCK_SIZE));
    add_u32(&head, (uint32_t)w->records.size);
    uint64_t sum =
        XXH3_64bits_withSeed(w->block.data + CAPTURE_BLOCK_SIZE, w->block.size - CAPTURE_BLOCK_SIZE,
                             XXH3_64bits(head.data, CAPTURE_BLOCK_HASHED));
    add_u32(&head, (uint32_t)sum);
    add_u32(&head, (uint32_t)(sum >> 32));
    memcpy(w->block.data, head.data, CAPTURE_BLOCK_SIZE);
    buf_done(&head);
    buf_reset(&w->records);
    return write_all(w, w->block.data, w->block.size);
}

static void add_strings(struct capture_writer *w)
{
    const struct profile *profile = w->profile;
    for (; w->strings_done < profile->string_count; w->strings_done++) {
        const struct profile_string *string = &profile->strings[w->strings_done];
        buf_add_char(&w->records, CAPTURE_STRING);
        buf_add_varint(&w->records, string->size);
        buf_add(&w->records, string->text, string->size);
    }
}

static void add_frames(struct capture_writer *w)
{
    for (; w->frames_done < w->profile->frame_count; w->frames_done++) {
        const struct profile_frame *frame = &w->profile->frames[w->frames_done];
        buf_add_char(&w->records, CAPTURE_FRAME);
        buf_add_varint(&w->records, frame->name);
        buf_add_varint(&w->records, frame->file);
        buf_add_varint(&w->records, frame->full_file);
        buf_add_varint(&w->records, capture_zigzag(frame->line));
        buf_add_varint(&w->records, capture_zigzag(frame->first_line));
        buf_add_varint(&w->records, frame->kind);
    }
}

static void add_nodes(struct capture_writer *w)
{
    for (; w->nodes_done < w->profile->node_count; w->nodes_done++) {
        const struct profile_node *node = &w->profile->nodes[w->nodes_done];
        buf_add_char(&w->records, CAPTURE_NODE);
        buf_add_varint(&w->records, w->nodes_done - node->parent);
        buf_add_varint(&w->records, node->frame);
    }
}

static void add_threads(struct capture_writer *w)
{
    for (; w->threads_done < w->profile->thread_count; w->threads_done++) {
        const struct profile_thread *thread = &w->profile->threads[w->threads_done];
        buf_add_char(&w->records, CAPTURE_THREAD);
        buf_add_varint(&w->records, capture_zigzag(thread->pid));
        buf_add_varint(&w->records, capture_zigzag(thread->tid));
        buf_add_varint(&w->records, thread->name);
        buf_add_varint(&w->records, thread->process);
    }
}

/* What the profile has got since. */
static void add_new(struct capture_writer *w)
{
    const struct profile *profile = w->profile;
    if (w->strings_done == profile->string_count && w->nodes_done == profile->node_count &&
        w->frames_done == profile->frame_count && w->threads_done == profile->thread_count)
        return;
    add_strings(w);
    add_frames(w);
    add_nodes(w);
    add_threads(w);
    if (capture_guess_fit(&w->guess, profile->thread_count, profile->node_count) < 0)
        fail(w, ERR_NO_MEMORY, "out of memory");
}

static void add_meta(struct capture_writer *w)
{
    const struct profile_meta *meta = &w->profile->meta;
    w->meta = *meta;
    w->period_units = meta->period_ns / 1000 / w->unit_us;
    buf_add_char(&w->records, CAPTURE_META);
    buf_add_varint(&w->records, w->unit_us);
    buf_add_varint(&w->records, w->sums_only);
    buf_add_varint(&w->records, meta->start_wall_ns);
    buf_add_varint(&w->records, meta->duration_ns);
    buf_add_varint(&w->records, meta->period_ns);
    buf_add_varint(&w->records, capture_zigzag(meta->pid));
    buf_add_varint(&w->records, meta->command);
    buf_add_varint(&w->records, meta->python);
    buf_add_varint(&w->records, meta->mode);
    buf_add_varint(&w->records, meta->host);
}

static void add_stats(struct capture_writer *w)
{
    const struct profile_stats *stats = &w->profile->stats;
    const uint64_t values[] = {stats->samples, stats->rounds, stats->exact,  stats->partial,
                               stats->lost,    stats->late,   stats->errors, stats->reads};
    buf_add_char(&w->records, CAPTURE_STATS);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        buf_add_varint(&w->records, values[i]);
}

static enum capture_run_node guess_node(const struct capture_guess *guess,
                                        const struct capture_track *track, uint32_t node)
{
    if (node == track->node)
        return RUN_NODE_SAME;
    if (node == guess->next_node[track->node])
        return RUN_NODE_NEXT;
    return node == track->before ? RUN_NODE_BEFORE : RUN_NODE_NAMED;
}

static void add_run(struct capture_writer *w, const struct profile_run *run)
{
    add_new(w);
    if (w->failure.code)
        return;
    struct capture_guess *guess = &w->guess;
    const struct capture_track *track = &guess->tracks[run->thread];
    uint64_t start = (run->start_us + w->unit_us / 2) / w->unit_us;
    uint64_t end = (run->start_us + run->duration_us + w->unit_us / 2) / w->unit_us;
    if (start < track->at)
        start = track->at;
    if (end < start)
        end = start;
    enum capture_run_thread thread = run->thread == guess->thread ? RUN_THREAD_SAME
                                     : run->thread == guess->tracks[guess->thread].next_thread
                                         ? RUN_THREAD_NEXT
                                         : RUN_THREAD_NAMED;
    enum capture_run_node node = guess_node(guess, track, run->node);
    uint32_t count = run->count <= RUN_COUNT_MORE ? run->count - 1 : RUN_COUNT_MORE;
    struct buf *out = &w->records;
    buf_add_char(out, (char)(CAPTURE_RUN | thread << RUN_THREAD_SHIFT |
                             (start > track->at ? RUN_GAP : 0) | node << RUN_NODE_SHIFT | count));
    if (thread == RUN_THREAD_NAMED)
        buf_add_varint(out, run->thread);
    if (start > track->at)
        buf_add_varint(out, start - track->at);
    if (node == RUN_NODE_NAMED)
        buf_add_varint(out, run->node);
    if (count == RUN_COUNT_MORE)
        buf_add_varint(out, run->count - RUN_COUNT_MORE - 1);
    buf_add_varint(
        out, capture_zigzag((int64_t)(end - start) - (int64_t)(run->count * w->period_units)));
    capture_guess_learn(guess, run->thread, run->node, end);
}

static int flush(struct capture_writer *w, bool last)
{
    for (uint32_t i = 0; i < w->growing_count; i++) {
        if (w->growing[i].count)
            add_run(w, &w->growing[i]);
        w->growing[i].count = 0;
    }
    add_new(w);
    if (memcmp(&w->meta, &w->profile->meta, sizeof w->meta) != 0)
        add_meta(w);
    if (!w->records.size && !last) /* nobody ran: an idle target costs nothing */
        return w->failure.code;
    add_stats(w);
    if (last)
        buf_add_char(&w->records, CAPTURE_END);
    return write_block(w);
}

static uint64_t choose_unit_us(const struct profile *profile, bool sums_only)
{
    uint64_t unit_us = 1;
    while (!sums_only && unit_us < 1000 && unit_us * 1000 * 1000 <= profile->meta.period_ns)
        unit_us *= 10;
    return unit_us;
}

static struct capture_writer *writer_new(const struct profile *profile, int fd, struct buf *out,
                                         bool sums_only)
{
    struct capture_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    *w = (struct capture_writer){.profile = profile, .fd = fd, .out = out, .sums_only = sums_only};
    w->strings_done = 1; /* "" and the root are everywhere */
    w->nodes_done = 1;
    w->unit_us = choose_unit_us(profile, sums_only);
    w->zstd = ZSTD_createCCtx(); /* NULL: blocks stay as they are */
    char header[CAPTURE_HEADER_SIZE] = CAPTURE_MAGIC;
    header[CAPTURE_MAGIC_SIZE] = CAPTURE_VERSION;
    if (write_all(w, header, sizeof header) == 0) {
        add_new(w);
        add_meta(w);
        flush(w, false);
    }
    return w;
}

static void writer_free(struct capture_writer *w)
{
    ZSTD_freeCCtx(w->zstd);
    capture_guess_done(&w->guess);
    free(w->growing);
    buf_done(&w->records);
    buf_done(&w->block);
    free(w);
}

int capture_writer_open(const struct profile *profile, int fd, struct capture_writer **out,
                        struct err *err)
{
    struct capture_writer *w = writer_new(profile, fd, NULL, false);
    if (!w)
        return err_set(err, ERR_NO_MEMORY, "capture: out of memory");
    if (w->failure.code) {
        int result = err_set(err, w->failure.code, "%s", w->failure.text);
        writer_free(w);
        return result;
    }
    *out = w;
    return 0;
}

/* The growing run of a thread; NULL: out of memory. */
static struct profile_run *growing_of(struct capture_writer *w, uint32_t thread)
{
    if (thread >= w->growing_capacity) {
        uint32_t capacity = thread + thread / 2 + 16;
        void *larger = realloc(w->growing, (size_t)capacity * sizeof *w->growing);
        if (!larger)
            return NULL;
        w->growing = larger;
        w->growing_capacity = capacity;
    }
    while (w->growing_count <= thread)
        w->growing[w->growing_count++] = (struct profile_run){0};
    return &w->growing[thread];
}

static int see_run(struct capture_writer *w, const struct profile_run *seen)
{
    struct profile_run *run = growing_of(w, seen->thread);
    if (!run)
        return fail(w, ERR_NO_MEMORY, "out of memory");
    if (run->count && profile_run_extend(run, seen))
        return w->failure.code;
    if (run->count)
        add_run(w, run);
    *run = *seen;
    return w->records.size >= FLUSH_BYTES ? write_block(w) : w->failure.code;
}

int capture_writer_see(struct capture_writer *w, uint32_t thread, uint32_t node, uint64_t start_us,
                       uint64_t duration_us)
{
    int result = see_run(w, &(struct profile_run){.start_us = start_us,
                                                  .thread = thread,
                                                  .node = node,
                                                  .count = 1,
                                                  .duration_us = duration_us > UINT32_MAX
                                                                     ? UINT32_MAX
                                                                     : (uint32_t)duration_us});
    return result < 0 ? result : capture_writer_tick(w, start_us + duration_us);
}

int capture_writer_tick(struct capture_writer *w, uint64_t now_us)
{
    if (w->failure.code || now_us < w->flushed_us + FLUSH_US)
        return w->failure.code;
    w->flushed_us = now_us;
    return flush(w, false);
}

int capture_writer_close(struct capture_writer *w, struct err *err)
{
    if (!w)
        return 0;
    int result = flush(w, true);
    if (result < 0)
        err_set(err, result, "%s", w->failure.text);
    writer_free(w);
    return result;
}

/* A whole profile: its runs, or, where there are none, its sums one after the other. */

static int write_runs(struct capture_writer *w)
{
    for (uint64_t i = 0; i < w->profile->run_count && !w->failure.code; i++)
        see_run(w, &w->profile->runs[i]);
    return w->failure.code;
}

/* In several runs where count or weight do not fit 32 bits. */
static void write_sum(struct capture_writer *w, const struct profile_sample *sample)
{
    uint64_t count = sample->count, rest_us = (sample->weight_ns + 500) / 1000;
    uint64_t pieces = (count > rest_us ? count : rest_us) / UINT32_MAX + 1;
    for (; pieces && count; pieces--) {
        uint64_t part = count / pieces ? count / pieces : 1;
        struct profile_run run = {.start_us = w->guess.tracks[sample->thread].at * w->unit_us,
                                  .thread = sample->thread,
                                  .node = sample->node,
                                  .count = (uint32_t)part,
                                  .duration_us = (uint32_t)(rest_us / pieces)};
        add_run(w, &run);
        count -= part;
        rest_us -= run.duration_us;
    }
}

static int write_sums(struct capture_writer *w)
{
    add_new(w);
    for (uint32_t i = 0; i < w->profile->sample_count && !w->failure.code; i++) {
        write_sum(w, &w->profile->samples[i]);
        if (w->records.size >= FLUSH_BYTES)
            write_block(w);
    }
    return w->failure.code;
}

int capture_write(const struct profile *profile, const struct codec_options *options,
                  struct buf *out, struct err *err)
{
    struct capture_writer *w = writer_new(profile, -1, out, !profile->keeps_runs);
    if (!w)
        return err_set(err, ERR_NO_MEMORY, "capture: out of memory");
    if (profile->keeps_runs)
        write_runs(w);
    else
        write_sums(w);
    int result = capture_writer_close(w, err);
    return result < 0 ? result : codec_flush(options, out, err);
}
