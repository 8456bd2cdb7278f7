/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "os/pidfd.h"
#include "target/journal.h"
#include "target/own.h"
#include "target/target.h"

ssize_t target_readv(struct target *target, void *local, size_t size, const struct iovec *remote,
                     size_t count)
{
    struct target_own *own = target->own;
    ssize_t got;
    if (own->source) {
        got = own->source(own->source_context, local, size, remote, count);
    } else {
        got = remote_readv(&own->remote, local, size, remote, count);
        target->reads_total = own->remote.reads_total;
    }
    if (target->journal && got > 0)
        journal_add(target->journal, local, (size_t)got, remote, count);
    return got;
}

int target_read(struct target *target, struct raddr from, void *out, size_t size)
{
    struct iovec piece = {(void *)(uintptr_t)from.value, size};
    ssize_t got = target_readv(target, out, size, &piece, 1);
    if (got < 0)
        return (int)got;
    return (size_t)got == size ? 0 : ERR_FAULT;
}

int target_read_ptr(struct target *target, struct raddr from, struct raddr *out)
{
    return target_read(target, from, &out->value, sizeof out->value);
}

bool target_exited(const struct target *target)
{
    return pidfd_exited(target->pidfd, target->pid);
}

/* One code point as UTF-8; what is none becomes U+FFFD. */
static size_t put_utf8(uint32_t code, char out[4])
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[size] | code);
    return size;
}

static uint32_t unit_at(const unsigned char *data, size_t index, size_t kind)
{
    uint16_t two;
    uint32_t four;
    switch (kind) {
    case 1:
        return data[index];
    case 2:
        memcpy(&two, data + index * 2, 2);
        return two;
    default:
        memcpy(&four, data + index * 4, 4);
        return four;
    }
}

/* Reads the characters in steps, so that the caller's limit bounds the work whatever the length
 * says. */
static ssize_t copy_text(struct target *target, uint64_t data, uint64_t length, size_t kind,
                         char *out, size_t limit)
{
    unsigned char step[2048];
    size_t size = 0, at = 0;
    while (at < length) {
        size_t units = sizeof step / kind;
        if (units > length - at)
            units = (size_t)(length - at);
        int result = target_read(target, (struct raddr){data + at * kind}, step, units * kind);
        if (result < 0)
            return result;
        for (size_t i = 0; i < units; i++) {
            char utf8[4];
            size_t more = put_utf8(unit_at(step, i, kind), utf8);
            if (size + more >= limit) {
                out[size] = 0;
                return (ssize_t)size;
            }
            memcpy(out + size, utf8, more);
            size += more;
        }
        at += units;
    }
    out[size] = 0;
    return (ssize_t)size;
}

ssize_t target_read_str(struct target *target, struct raddr object, char *out, size_t limit)
{
    unsigned char header[128];
    size_t need = (size_t)target->abi.unicode.compact_size;
    if (!limit || need > sizeof header || need < 16)
        return ERR_LIMIT;
    /* The header alone: reading on into the characters would fault for a short string at the end
     * of a mapping. */
    size_t ascii_size = (size_t)target->abi.unicode.ascii_size;
    if (ascii_size > need)
        return ERR_BAD_DATA;
    int result = target_read(target, object, header, ascii_size);
    if (result < 0)
        return result;
    int64_t length;
    uint32_t state;
    memcpy(&length, header + target->abi.unicode.length, sizeof length);
    memcpy(&state, header + target->abi.unicode.state, sizeof state);
    size_t kind = state >> target->abi.unicode.kind_shift & 7;
    bool compact = state >> target->abi.unicode.compact_shift & 1;
    bool ascii = state >> target->abi.unicode.ascii_shift & 1;
    if (length < 0 || (kind != 1 && kind != 2 && kind != 4) || !compact)
        return ERR_BAD_DATA;
    uint64_t data = object.value + (ascii ? ascii_size : need);
    return copy_text(target, data, (uint64_t)length, kind, out, limit);
}

ssize_t target_read_bytes(struct target *target, struct raddr object, void *out, size_t limit,
                          uint64_t *full_size)
{
    int64_t size;
    int result =
        target_read(target, (struct raddr){object.value + (uint64_t)target->abi.bytes.ob_size},
                    &size, sizeof size);
    if (result < 0)
        return result;
    if (size < 0)
        return ERR_BAD_DATA;
    size_t want = (uint64_t)size < limit ? (size_t)size : limit;
    if (want) {
        result = target_read(
            target, (struct raddr){object.value + (uint64_t)target->abi.bytes.data}, out, want);
        if (result < 0)
            return result;
    }
    *full_size = (uint64_t)size;
    return (ssize_t)want;
}
