/* SPDX-License-Identifier: MIT */
/* proto.h - the little of protobuf's wire format that a profile needs.
 *
 * Writing: fields in any order, zeros left out, as proto3 does. Nested messages are built in a
 * buffer of their own and added as bytes. Reading: a cursor over one message; nested ones are
 * cursors again. Nothing is allocated, nothing recurses; damaged input ends a cursor with `bad`
 * set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

void proto_add_u64(struct buf *out, uint32_t field, uint64_t value);
void proto_add_bytes(struct buf *out, uint32_t field, const void *bytes, size_t size);
void proto_add_message(struct buf *out, uint32_t field, const struct buf *message);

struct proto {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

struct proto_field {
    uint32_t number;
    enum proto_wire wire;
    uint64_t value;     /* of varints and fixed ones */
    struct proto bytes; /* of PROTO_BYTES */
};

static inline struct proto proto_open(const void *bytes, size_t size)
{
    return (struct proto){.at = bytes, .end = (const unsigned char *)bytes + size};
}

/* The next field; false at the end or when damaged. */
bool proto_next(struct proto *proto, struct proto_field *field);
/* The next number of a packed field; false at the end or when damaged. */
bool proto_next_packed(struct proto *packed, uint64_t *value);
