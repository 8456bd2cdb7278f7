/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "store/blob.h"

#define COMPRESS_FROM 48u
#define SUM_BYTES 4u

enum { FORMAT_PLAIN, FORMAT_ZSTD };

struct blob_tools {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
};

struct blob_tools *blob_tools_new(void)
{
    struct blob_tools *tools = calloc(1, sizeof *tools);
    if (!tools)
        return NULL;
    tools->pack = ZSTD_createCCtx();
    tools->unpack = ZSTD_createDCtx();
    if (tools->pack && tools->unpack)
        return tools;
    blob_tools_free(tools);
    return NULL;
}

void blob_tools_free(struct blob_tools *tools)
{
    if (!tools)
        return;
    ZSTD_freeCCtx(tools->pack);
    ZSTD_freeDCtx(tools->unpack);
    free(tools);
}

uint64_t blob_seed(uint64_t shelf, uint64_t start_ns, uint64_t table, uint64_t id)
{
    return map_mix(map_mix(map_mix(shelf + 1) ^ start_ns) + (table << 62) + id);
}

static uint32_t sum_of(const void *data, size_t size, uint64_t seed)
{
    return (uint32_t)XXH3_64bits_withSeed(data, size, seed);
}

uint32_t blob_sum(const void *blob, size_t size)
{
    const unsigned char *at = blob;
    if (size < SUM_BYTES)
        return 0;
    at += size - SUM_BYTES;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* false: it would not get smaller. */
static bool compress(struct blob_tools *tools, const void *data, size_t size,
                     enum blob_effort effort, struct buf *out)
{
    size_t bound = ZSTD_compressBound(size);
    char *to = size < COMPRESS_FROM ? NULL : buf_reserve(out, bound);
    if (!to)
        return false;
    size_t packed = ZSTD_compressCCtx(tools->pack, to, bound, data, size, (int)effort);
    if (ZSTD_isError(packed) || packed >= size)
        return false;
    out->size += packed;
    return true;
}

int blob_pack(struct blob_tools *tools, const void *data, size_t size, uint64_t seed,
              enum blob_effort effort, struct buf *out)
{
    if (size > BLOB_MAX_BYTES)
        return ERR_LIMIT;
    buf_reset(out);
    buf_add_char(out, FORMAT_ZSTD);
    if (!compress(tools, data, size, effort, out)) {
        buf_reset(out);
        buf_add_char(out, FORMAT_PLAIN);
        buf_add(out, data, size);
    }
    if (buf_failed(out))
        return ERR_NO_MEMORY;
    uint32_t sum = sum_of(out->data, out->size, seed);
    unsigned char bytes[SUM_BYTES] = {(unsigned char)sum, (unsigned char)(sum >> 8),
                                      (unsigned char)(sum >> 16), (unsigned char)(sum >> 24)};
    buf_add(out, bytes, sizeof bytes);
    return buf_failed(out) ? ERR_NO_MEMORY : 0;
}

static int decompress(struct blob_tools *tools, const void *data, size_t size, struct buf *out)
{
    unsigned long long raw = ZSTD_getFrameContentSize(data, size);
    if (raw == ZSTD_CONTENTSIZE_UNKNOWN || raw == ZSTD_CONTENTSIZE_ERROR || raw > BLOB_MAX_BYTES)
        return ERR_BAD_DATA;
    char *to = buf_reserve(out, raw + 1);
    if (!to)
        return ERR_NO_MEMORY;
    size_t got = ZSTD_decompressDCtx(tools->unpack, to, raw, data, size);
    if (ZSTD_isError(got) || got != raw)
        return ERR_BAD_DATA;
    out->size += got;
    return 0;
}

int blob_unpack(struct blob_tools *tools, const void *blob, size_t size, uint64_t seed,
                struct buf *out)
{
    const unsigned char *data = blob;
    buf_reset(out);
    if (size < 1 + SUM_BYTES || sum_of(data, size - SUM_BYTES, seed) != blob_sum(blob, size))
        return ERR_BAD_DATA;
    size_t content = size - 1 - SUM_BYTES;
    if (data[0] == FORMAT_ZSTD)
        return decompress(tools, data + 1, content, out);
    if (data[0] != FORMAT_PLAIN)
        return ERR_BAD_DATA;
    buf_add(out, data + 1, content);
    return buf_failed(out) ? ERR_NO_MEMORY : 0;
}
