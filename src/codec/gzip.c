/* SPDX-License-Identifier: MIT */
#include "codec/gzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/err.h"

#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to say gzip */
#define STEP_BYTES 65536u

struct gzip {
    z_stream stream;
};

struct gzip *gzip_new(void)
{
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip && deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, 8,
                             Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

void gzip_free(struct gzip *gzip)
{
    if (!gzip)
        return;
    deflateEnd(&gzip->stream);
    free(gzip);
}

int gzip_push(struct gzip *gzip, struct buf *in, bool last, struct buf *out)
{
    z_stream *stream = &gzip->stream;
    if (buf_failed(in) || in->size > UINT_MAX)
        return ERR_NO_MEMORY;
    stream->next_in = (Bytef *)in->data;
    stream->avail_in = (uInt)in->size;
    do {
        char *to = buf_reserve(out, STEP_BYTES);
        if (!to)
            return ERR_NO_MEMORY;
        stream->next_out = (Bytef *)to;
        stream->avail_out = STEP_BYTES;
        deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
        out->size += STEP_BYTES - stream->avail_out;
    } while (stream->avail_out == 0);
    buf_reset(in);
    return 0;
}

static int unpack(z_stream *stream, struct buf *out)
{
    for (;;) {
        char *to = buf_reserve(out, STEP_BYTES);
        if (!to)
            return ERR_LIMIT;
        stream->next_out = (Bytef *)to;
        stream->avail_out = STEP_BYTES;
        int status = inflate(stream, Z_NO_FLUSH);
        out->size += STEP_BYTES - stream->avail_out;
        if (status == Z_STREAM_END && stream->avail_in)
            status = inflateReset(stream);
        else if (status == Z_STREAM_END)
            return 0;
        if (status != Z_OK)
            return ERR_BAD_DATA;
    }
}

int gzip_unpack(const void *data, size_t size, struct buf *out)
{
    z_stream stream = {0};
    if (size > UINT_MAX)
        return ERR_LIMIT;
    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
        return ERR_NO_MEMORY;
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)size;
    int result = unpack(&stream, out);
    inflateEnd(&stream);
    return result;
}
