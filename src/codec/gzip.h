/* SPDX-License-Identifier: MIT */
/* gzip.h - gzip in pieces, between buffers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct gzip;

struct gzip *gzip_new(void);       /* NULL: out of memory */
void gzip_free(struct gzip *gzip); /* NULL is fine */

/* Compresses what is in `in` onto `out` and empties `in`; `last` ends the stream. 0 or
 * ERR_NO_MEMORY. */
int gzip_push(struct gzip *gzip, struct buf *in, bool last, struct buf *out);

/* Unpacks a whole file (several members too) onto `out`, up to its ceiling. 0, ERR_BAD_DATA,
 * ERR_LIMIT. */
int gzip_unpack(const void *data, size_t size, struct buf *out);
static inline bool gzip_is(const char *data, size_t size)
{
    return size >= 2 && data[0] == '\x1f' && data[1] == '\x8b';
}
