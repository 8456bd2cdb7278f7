/* SPDX-License-Identifier: MIT */
/* capture_read.c - a recording read back, as far as it is whole.
 *
 * A block is taken only when its checksum is right, so what a crash, a full disk or a bad sector
 * left is either wholly there or wholly not; the first block that is not ends the reading. The
 * checksum proves no good will, though: every number inside is checked against what came before it.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "codec/capture.h"
#include "codec/capture_format.h"
#include "codec/formats.h"
#include "codec/id_list.h"
#include "codec/proto.h"

#define MAX_UNITS (UINT64_C(1) << 52) /* no sum of two of these overflows anything */
#define MAX_UNIT_US 1000000u

struct reader {
    struct profile *profile;
    struct capture_range range;
    struct capture_info info;
    struct err *err;
    struct proto at;
    struct id_list strings, frames, nodes, threads;
    struct capture_guess guess;
    uint64_t unit_us;
    uint64_t period_units;
    uint64_t end_units;
    struct buf raw; /* scratch: an unpacked block */
    ZSTD_DCtx *zstd;
};

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The next varint; anything wrong shows as at.bad later. */
static uint64_t get(struct reader *r)
{
    uint64_t value = 0;
    if (!proto_next_packed(&r->at, &value))
        r->at.bad = true;
    return value;
}

static int64_t get_signed(struct reader *r)
{
    return capture_unzigzag(get(r));
}

static uint32_t get_id(struct reader *r, const struct id_list *ids)
{
    uint64_t id = get(r);
    if (id < ids->count)
        return ids->to[id];
    r->at.bad = true;
    return 0;
}

static int32_t get_i32(struct reader *r)
{
    int64_t value = get_signed(r);
    r->at.bad |= value < INT32_MIN || value > INT32_MAX;
    return (int32_t)value;
}

static int read_string(struct reader *r)
{
    uint64_t size = get(r);
    if (r->at.bad || size > (uint64_t)(r->at.end - r->at.at))
        return ERR_BAD_DATA;
    uint32_t id = profile_string(r->profile, (const char *)r->at.at, size);
    r->at.at += size;
    return id_list_add(&r->strings, id);
}

static int read_frame(struct reader *r)
{
    struct profile_frame frame = {.name = get_id(r, &r->strings)};
    frame.file = get_id(r, &r->strings);
    frame.full_file = get_id(r, &r->strings);
    frame.line = get_i32(r);
    frame.first_line = get_i32(r);
    uint64_t kind = get(r);
    frame.kind = kind < FRAME_KINDS ? (enum frame_kind)kind : FRAME_OTHER;
    if (r->at.bad)
        return ERR_BAD_DATA;
    return id_list_add(&r->frames, profile_frame(r->profile, &frame));
}

static int read_node(struct reader *r)
{
    uint64_t up = get(r);
    uint32_t frame = get_id(r, &r->frames);
    if (r->at.bad || up == 0 || up > r->nodes.count)
        return ERR_BAD_DATA;
    uint32_t parent = r->nodes.to[r->nodes.count - up];
    return id_list_add(&r->nodes, profile_node(r->profile, parent, frame));
}

static int read_thread(struct reader *r)
{
    struct profile_thread thread = {.pid = get_i32(r)};
    thread.tid = get_i32(r);
    thread.name = get_id(r, &r->strings);
    thread.process = get_id(r, &r->strings);
    if (r->at.bad)
        return ERR_BAD_DATA;
    return id_list_add(&r->threads, profile_thread(r->profile, &thread));
}

static int read_meta(struct reader *r)
{
    struct profile_meta meta;
    uint64_t unit_us = get(r);
    r->info.has_order = get(r) == 0;
    meta.start_wall_ns = get(r);
    meta.duration_ns = get(r);
    meta.period_ns = get(r);
    meta.pid = get_i32(r);
    meta.command = get_id(r, &r->strings);
    meta.python = get_id(r, &r->strings);
    meta.mode = get_id(r, &r->strings);
    meta.host = get_id(r, &r->strings);
    if (r->at.bad || unit_us == 0 || unit_us > MAX_UNIT_US || meta.period_ns >> 50)
        return ERR_BAD_DATA;
    r->unit_us = unit_us;
    r->period_units = meta.period_ns / 1000 / unit_us;
    r->profile->meta = meta;
    if (!r->info.has_order)
        r->profile->keeps_runs = false;
    return 0;
}

static int read_stats(struct reader *r)
{
    struct profile_stats stats;
    stats.samples = get(r);
    stats.rounds = get(r);
    stats.exact = get(r);
    stats.partial = get(r);
    stats.lost = get(r);
    stats.late = get(r);
    stats.errors = get(r);
    stats.reads = get(r);
    if (r->at.bad)
        return ERR_BAD_DATA;
    r->profile->stats = stats;
    return 0;
}

/* The part of the run that is in range; false: none. A run without length is in or out as a whole.
 */
static bool cut_run(const struct capture_range *range, struct profile_run *run)
{
    uint64_t end_us = run->start_us + run->duration_us;
    uint64_t from_us = run->start_us > range->from_us ? run->start_us : range->from_us;
    uint64_t to_us = end_us < range->to_us ? end_us : range->to_us;
    if (from_us > to_us || (from_us == to_us && run->duration_us) || run->start_us >= range->to_us)
        return false;
    if (run->duration_us) {
        uint64_t share = run->count * (to_us - from_us);
        run->count = (uint32_t)((share + run->duration_us / 2) / run->duration_us);
    }
    run->start_us = from_us - range->from_us;
    run->duration_us = (uint32_t)(to_us - from_us);
    if (run->count == 0)
        run->count = 1;
    return true;
}

static int add_run(struct reader *r, uint32_t thread, uint32_t node, uint64_t start, uint64_t end,
                   uint32_t count)
{
    uint64_t duration_us = (end - start) * r->unit_us;
    if (end > MAX_UNITS / r->unit_us || duration_us > UINT32_MAX)
        return ERR_BAD_DATA;
    if (end > r->end_units)
        r->end_units = end;
    struct profile_run run = {.start_us = start * r->unit_us,
                              .thread = r->threads.to[thread],
                              .node = r->nodes.to[node],
                              .count = count,
                              .duration_us = (uint32_t)duration_us};
    if (!cut_run(&r->range, &run))
        return 0;
    return profile_see_run(r->profile, &run);
}

static uint64_t run_thread(struct reader *r, unsigned char head)
{
    switch (head >> RUN_THREAD_SHIFT & 3) {
    case RUN_THREAD_SAME:
        return r->guess.thread;
    case RUN_THREAD_NEXT:
        return r->guess.tracks[r->guess.thread].next_thread;
    case RUN_THREAD_NAMED:
        return get(r);
    default:
        return UINT64_MAX;
    }
}

static uint64_t run_node(struct reader *r, unsigned char head, const struct capture_track *track)
{
    switch (head >> RUN_NODE_SHIFT & 3) {
    case RUN_NODE_SAME:
        return track->node;
    case RUN_NODE_NEXT:
        return r->guess.next_node[track->node];
    case RUN_NODE_BEFORE:
        return track->before;
    default:
        return get(r);
    }
}

static int read_run(struct reader *r, unsigned char head)
{
    if (!r->threads.count || capture_guess_fit(&r->guess, r->threads.count, r->nodes.count) < 0)
        return ERR_BAD_DATA;
    uint64_t thread = run_thread(r, head);
    if (thread >= r->threads.count)
        return ERR_BAD_DATA;
    const struct capture_track *track = &r->guess.tracks[thread];
    uint64_t gap = head & RUN_GAP ? get(r) : 0;
    uint64_t node = run_node(r, head, track);
    uint64_t count = (head & 3) + 1;
    if (count > RUN_COUNT_MORE)
        count += get(r);
    int64_t extra = get_signed(r);
    if (r->at.bad || node >= r->nodes.count || count > UINT32_MAX || gap > MAX_UNITS ||
        extra > (int64_t)MAX_UNITS || extra < -(int64_t)MAX_UNITS ||
        (r->period_units && count > MAX_UNITS / r->period_units))
        return ERR_BAD_DATA;
    int64_t duration = extra + (int64_t)(count * r->period_units);
    uint64_t start = track->at + gap;
    if (duration < 0 || start > MAX_UNITS || (uint64_t)duration > MAX_UNITS - start)
        return ERR_BAD_DATA;
    uint64_t end = start + (uint64_t)duration;
    capture_guess_learn(&r->guess, (uint32_t)thread, (uint32_t)node, end);
    return add_run(r, (uint32_t)thread, (uint32_t)node, start, end, (uint32_t)count);
}

static int read_record(struct reader *r)
{
    unsigned char head = *r->at.at++;
    if (head >= CAPTURE_RUN)
        return read_run(r, head);
    switch (head) {
    case CAPTURE_STRING:
        return read_string(r);
    case CAPTURE_FRAME:
        return read_frame(r);
    case CAPTURE_NODE:
        return read_node(r);
    case CAPTURE_THREAD:
        return read_thread(r);
    case CAPTURE_META:
        return read_meta(r);
    case CAPTURE_STATS:
        return read_stats(r);
    case CAPTURE_END:
        r->info.ended = true;
        return 0;
    default:
        return ERR_BAD_DATA;
    }
}

/* Version 1 is the newest. When there is a version 2, read_block_1 stays here, made of whatever the
 * newest reader can be told to do the old way. */
static int read_block_1(struct reader *r, const void *raw, size_t size)
{
    int result = 0;
    r->at = proto_open(raw, size);
    while (result == 0 && r->at.at < r->at.end)
        result = read_record(r);
    return result;
}

static const struct version {
    uint32_t number;
    int (*read_block)(struct reader *r, const void *raw, size_t size);
} versions[] = {
    {1, read_block_1},
};

/* The block's content, unpacked, and *taken bytes of the file; NULL: damaged. */
static const char *open_block(struct reader *r, const unsigned char *at, size_t left,
                              size_t *raw_size, size_t *taken)
{
    if (left < CAPTURE_BLOCK_SIZE || get_u32(at) != CAPTURE_BLOCK_MAGIC)
        return NULL;
    uint32_t flags = get_u32(at + 4), stored = get_u32(at + 8), raw = get_u32(at + 12);
    uint64_t sum = get_u32(at + 16) | (uint64_t)get_u32(at + 20) << 32;
    const char *content = (const char *)at + CAPTURE_BLOCK_SIZE;
    if (stored > left - CAPTURE_BLOCK_SIZE || raw > CAPTURE_MAX_RAW || flags > CAPTURE_ZSTD ||
        XXH3_64bits_withSeed(content, stored, XXH3_64bits(at, CAPTURE_BLOCK_HASHED)) != sum)
        return NULL;
    *taken = CAPTURE_BLOCK_SIZE + stored;
    *raw_size = raw;
    if (!(flags & CAPTURE_ZSTD))
        return raw == stored ? content : NULL;
    buf_reset(&r->raw);
    char *to = buf_reserve(&r->raw, raw);
    if (!to || ZSTD_decompressDCtx(r->zstd, to, raw, content, stored) != raw)
        return NULL;
    return to;
}

static int read_blocks(struct reader *r, const struct version *version, const unsigned char *data,
                       size_t size)
{
    size_t at = CAPTURE_HEADER_SIZE;
    while (at < size && !r->info.ended) {
        size_t raw_size, taken;
        const char *raw = open_block(r, data + at, size - at, &raw_size, &taken);
        if (!raw)
            break;
        int result = version->read_block(r, raw, raw_size);
        if (result == ERR_BAD_DATA)
            return err_set(r->err, result, "block %llu makes no sense",
                           (unsigned long long)r->info.blocks);
        if (result < 0)
            return err_set(r->err, result, "%s", err_text(result));
        r->info.blocks++;
        at += taken;
    }
    r->info.bad_bytes = size - at;
    return 0;
}

static const struct version *find_version(uint32_t number)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (versions[i].number == number)
            return &versions[i];
    return NULL;
}

/* A recording that was cut off does not know how long it was; nor does a part of one. */
static void finish(struct reader *r)
{
    struct profile_meta *meta = &r->profile->meta;
    r->info.end_us = r->end_units * r->unit_us;
    if (!r->info.ended || meta->duration_ns / 1000 < r->info.end_us)
        meta->duration_ns = r->info.end_us * 1000;
    bool whole = r->range.from_us == 0 && r->range.to_us >= meta->duration_ns / 1000;
    if (whole)
        return;
    uint64_t to_us = meta->duration_ns / 1000;
    to_us = r->range.to_us < to_us ? r->range.to_us : to_us;
    meta->start_wall_ns += meta->start_wall_ns ? r->range.from_us * 1000 : 0;
    meta->duration_ns = to_us > r->range.from_us ? (to_us - r->range.from_us) * 1000 : 0;
    r->profile->stats = (struct profile_stats){.samples = profile_total_count(r->profile)};
}

static void reader_done(struct reader *r)
{
    ZSTD_freeDCtx(r->zstd);
    capture_guess_done(&r->guess);
    id_list_done(&r->strings);
    id_list_done(&r->frames);
    id_list_done(&r->nodes);
    id_list_done(&r->threads);
    buf_done(&r->raw);
}

bool capture_sniff(const char *data, size_t size)
{
    return size >= CAPTURE_MAGIC_SIZE && memcmp(data, CAPTURE_MAGIC, CAPTURE_MAGIC_SIZE) == 0;
}

int capture_read_range(const void *data, size_t size, const struct capture_range *range,
                       struct profile *profile, struct capture_info *info, struct err *err)
{
    if (!capture_sniff(data, size) || size < CAPTURE_HEADER_SIZE)
        return err_set(err, ERR_BAD_DATA, "this is no pitviper capture");
    uint32_t number = get_u32((const unsigned char *)data + CAPTURE_MAGIC_SIZE);
    const struct version *version = find_version(number);
    if (!version)
        return err_set(err, ERR_UNSUPPORTED,
                       "the capture has format %u, this pitviper reads up to %u; use a newer one",
                       (unsigned)number, CAPTURE_VERSION);
    struct reader r = {.profile = profile, .err = err, .unit_us = 1};
    r.range = range ? *range : (struct capture_range){.to_us = UINT64_MAX};
    r.info.has_order = true;
    r.zstd = ZSTD_createDCtx();
    int result = r.zstd ? id_list_add(&r.strings, 0) : ERR_NO_MEMORY;
    if (result == 0)
        result = id_list_add(&r.nodes, 0);
    if (result < 0)
        err_set(err, result, "capture: out of memory");
    else
        result = read_blocks(&r, version, data, size);
    if (result == 0) {
        finish(&r);
        if (info)
            *info = r.info;
    }
    reader_done(&r);
    return result;
}

int capture_read(const void *data, size_t size, struct profile *profile, struct err *err)
{
    return capture_read_range(data, size, NULL, profile, NULL, err);
}
