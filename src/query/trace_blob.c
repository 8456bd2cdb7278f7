/* SPDX-License-Identifier: MIT */
#include "query/trace_blob.h"

#include <zstd.h>

#define VERSION 1
#define EFFORT 6 /* JSON of spans repeats itself: 12 times smaller; 15 would save another tenth */

const char *trace_blob_reason(unsigned bit)
{
    static const char *const names[] = {"error", "slow", "first", "repeated", "sampled", "share"};
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

int trace_blob_encode(const struct trace_blob_head *head, const char *json, size_t size,
                      struct buf *out)
{
    if (size > TRACE_BLOB_MAX_BYTES)
        return ERR_LIMIT;
    buf_add_char(out, VERSION);
    buf_add_varint(out, head->reasons);
    buf_add_varint(out, head->spans);
    size_t bound = ZSTD_compressBound(size);
    char *to = buf_reserve(out, bound);
    if (!to)
        return ERR_NO_MEMORY;
    size_t packed = ZSTD_compress(to, bound, json, size, EFFORT);
    if (ZSTD_isError(packed))
        return ERR_NO_MEMORY; /* the only way it fails when there is room for the bound */
    out->size += packed;
    return 0;
}

struct walk {
    const unsigned char *at, *end;
};

static int take_u32(struct walk *walk, uint32_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35 && walk->at < walk->end; shift += 7) {
        unsigned char byte = *walk->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (value > UINT32_MAX)
            return ERR_BAD_DATA;
        *out = (uint32_t)value;
        return 0;
    }
    return ERR_BAD_DATA;
}

static int take_head(struct walk *walk, struct trace_blob_head *head)
{
    if (walk->at == walk->end || *walk->at++ != VERSION)
        return ERR_BAD_DATA;
    int result = take_u32(walk, &head->reasons);
    return result < 0 ? result : take_u32(walk, &head->spans);
}

int trace_blob_head(const void *data, size_t size, struct trace_blob_head *head)
{
    struct walk walk = {data, (const unsigned char *)data + size};
    struct trace_blob_head found = {0};
    int result = take_head(&walk, &found);
    if (result == 0)
        *head = found;
    return result;
}

int trace_blob_decode(const void *data, size_t size, struct buf *out, struct err *err)
{
    struct walk walk = {data, (const unsigned char *)data + size};
    struct trace_blob_head head;
    if (take_head(&walk, &head) < 0)
        return err_set(err, ERR_BAD_DATA, "the trace is damaged");
    size_t packed = (size_t)(walk.end - walk.at);
    unsigned long long plain = ZSTD_getFrameContentSize(walk.at, packed);
    if (plain == ZSTD_CONTENTSIZE_UNKNOWN || plain == ZSTD_CONTENTSIZE_ERROR)
        return err_set(err, ERR_BAD_DATA, "the trace is damaged");
    if (plain > TRACE_BLOB_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "the trace says that it has %llu bytes", plain);
    char *to = buf_reserve(out, (size_t)plain + 1);
    if (!to)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    size_t got = ZSTD_decompress(to, (size_t)plain, walk.at, packed);
    if (ZSTD_isError(got) || got != plain)
        return err_set(err, ERR_BAD_DATA, "the trace is damaged");
    out->size += got;
    return 0;
}
