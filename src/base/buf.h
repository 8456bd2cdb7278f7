/* SPDX-License-Identifier: MIT */
/* buf.h - a growing run of bytes with a ceiling.
 *
 * The one way to build text or binary of unknown length. Errors are sticky: after an
 * allocation failure or when the ceiling is hit, further appends do nothing and
 * buf_failed() is true; so a renderer checks once, at its end.
 *
 * Ownership: buf_init() on caller's storage, buf_done() frees; buf_take() moves the bytes out.
 * `data` is always NUL-terminated once anything was appended (the NUL is not in `size`).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUF_DEFAULT_CEILING ((size_t)1 << 30)

struct buf {
    char *data;
    size_t size;
    size_t capacity;
    size_t ceiling; /* bytes; 0 means BUF_DEFAULT_CEILING */
    bool failed;
};

void buf_init(struct buf *buf, size_t ceiling);
void buf_done(struct buf *buf);
void buf_reset(struct buf *buf);               /* keeps the memory */
char *buf_take(struct buf *buf, size_t *size); /* NULL when failed; caller frees */
static inline bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

/* Makes room for `size` more bytes and returns where they go, or NULL; add buf->size yourself. */
char *buf_reserve(struct buf *buf, size_t size);
void buf_add(struct buf *buf, const void *bytes, size_t size);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value);    /* decimal */
void buf_add_varint(struct buf *buf, uint64_t value); /* LEB128, as protobuf */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
