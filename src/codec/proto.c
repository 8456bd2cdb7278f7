/* SPDX-License-Identifier: MIT */
#include "codec/proto.h"

#include <string.h>

static void add_key(struct buf *out, uint32_t field, enum proto_wire wire)
{
    buf_add_varint(out, (uint64_t)field << 3 | wire);
}

void proto_add_u64(struct buf *out, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    add_key(out, field, PROTO_VARINT);
    buf_add_varint(out, value);
}

void proto_add_bytes(struct buf *out, uint32_t field, const void *bytes, size_t size)
{
    add_key(out, field, PROTO_BYTES);
    buf_add_varint(out, size);
    buf_add(out, bytes, size);
}

void proto_add_message(struct buf *out, uint32_t field, const struct buf *message)
{
    proto_add_bytes(out, field, message->data, message->size);
    out->failed |= message->failed;
}

bool proto_next_packed(struct proto *packed, uint64_t *value)
{
    uint64_t sum = 0;
    if (packed->bad || packed->at == packed->end)
        return false;
    for (unsigned shift = 0; shift < 64 && packed->at < packed->end; shift += 7) {
        unsigned char byte = *packed->at++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return true;
        }
    }
    packed->bad = true;
    return false;
}

static bool take_fixed(struct proto *proto, size_t size, uint64_t *value)
{
    if ((size_t)(proto->end - proto->at) < size)
        return false;
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value |= (uint64_t)proto->at[i] << (8 * i);
    proto->at += size;
    return true;
}

static bool take_bytes(struct proto *proto, struct proto *bytes)
{
    uint64_t size;
    if (!proto_next_packed(proto, &size) || size > (uint64_t)(proto->end - proto->at))
        return false;
    *bytes = proto_open(proto->at, size);
    proto->at += size;
    return true;
}

bool proto_next(struct proto *proto, struct proto_field *field)
{
    uint64_t key;
    bool good = false;
    if (!proto_next_packed(proto, &key))
        return false;
    *field = (struct proto_field){.number = (uint32_t)(key >> 3), .wire = key & 7};
    switch (field->wire) {
    case PROTO_VARINT:
        good = proto_next_packed(proto, &field->value);
        break;
    case PROTO_FIXED64:
        good = take_fixed(proto, 8, &field->value);
        break;
    case PROTO_FIXED32:
        good = take_fixed(proto, 4, &field->value);
        break;
    case PROTO_BYTES:
        good = take_bytes(proto, &field->bytes);
        break;
    }
    proto->bad |= !good || key >> 3 == 0 || key >> 32 != 0;
    return !proto->bad;
}
