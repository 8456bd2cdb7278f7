/* SPDX-License-Identifier: MIT */
/* cursor.h - numbers out of bytes that may be damaged: errors are sticky, the caller looks once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct cursor {
    const unsigned char *at, *end;
    bool bad;
};

static inline uint64_t cursor_u64(struct cursor *cursor)
{
    uint64_t value = 0;
    if (cursor->at < cursor->end && *cursor->at < 0x80)
        return *cursor->at++;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        unsigned char byte = *cursor->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    cursor->bad = true;
    return 0;
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
    uint64_t value = cursor_u64(cursor);
    cursor->bad |= value > UINT32_MAX;
    return (uint32_t)value;
}

/* A number of things of which each takes at least a byte: never more than there are bytes. */
static inline uint32_t cursor_count(struct cursor *cursor)
{
    uint64_t value = cursor_u64(cursor);
    if (value > (uint64_t)(cursor->end - cursor->at) || value > UINT32_MAX) {
        cursor->bad = true;
        return 0;
    }
    return (uint32_t)value;
}

static inline uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Differences wrap, so that any two numbers have one. */
static inline void add_difference(struct buf *out, uint64_t value, uint64_t before)
{
    buf_add_varint(out, zigzag((int64_t)(value - before)));
}

static inline uint64_t cursor_difference(struct cursor *cursor, uint64_t before)
{
    return before + (uint64_t)unzigzag(cursor_u64(cursor));
}
