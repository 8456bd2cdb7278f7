/* SPDX-License-Identifier: MIT */
/* fake_target.h - a made-up process: 64 KiB of memory that is laid out as a pyabi says.
 *
 * One interpreter, two threads, two frames each, one code object "worker" in "/app/jobs.py". Reads
 * beyond the memory fail as they would in a process.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "pyabi/pyabi.h"
#include "target/own.h"

#define FAKE_BASE 0x100000u
#define FAKE_SIZE 0x10000u

/* Places, as addresses in the fake process. */
#define FAKE_RUNTIME (FAKE_BASE + 0x0000)
#define FAKE_INTERP (FAKE_BASE + 0x2000)
#define FAKE_THREAD(n) (FAKE_BASE + 0x8000 + 0x400 * (unsigned)(n))
#define FAKE_FRAME(n) (FAKE_BASE + 0x9000 + 0x200 * (unsigned)(n))
#define FAKE_CFRAME(n) (FAKE_BASE + 0xa000 + 0x40 * (unsigned)(n))
#define FAKE_CODE (FAKE_BASE + 0xb000)
#define FAKE_TYPE (FAKE_BASE + 0xb400)
#define FAKE_TYPE_NAME (FAKE_BASE + 0xb800)
#define FAKE_NAME (FAKE_BASE + 0xb900)
#define FAKE_FILE (FAKE_BASE + 0xba00)
#define FAKE_FREE (FAKE_BASE + 0xc000) /* for the test */

struct fake {
    unsigned char bytes[FAKE_SIZE];
    uint32_t reads;
};

static inline ssize_t fake_readv(void *context, void *local, size_t size,
                                 const struct iovec *pieces, size_t count)
{
    struct fake *fake = context;
    size_t done = 0;
    fake->reads++;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)(uintptr_t)pieces[i].iov_base;
        size_t want = pieces[i].iov_len < size - done ? pieces[i].iov_len : size - done;
        if (at < FAKE_BASE || at - FAKE_BASE >= FAKE_SIZE)
            return done ? (ssize_t)done : ERR_FAULT;
        size_t left = FAKE_SIZE - (size_t)(at - FAKE_BASE);
        memcpy((char *)local + done, fake->bytes + (at - FAKE_BASE), want < left ? want : left);
        done += want < left ? want : left;
        if (left < want)
            break;
    }
    return (ssize_t)done;
}

static inline void fake_put(struct fake *fake, uint64_t at, int32_t offset, uint64_t value,
                            size_t size)
{
    if (offset >= 0)
        memcpy(fake->bytes + (at - FAKE_BASE) + offset, &value, size);
}

static inline void fake_put_ptr(struct fake *fake, uint64_t at, int32_t offset, uint64_t value)
{
    fake_put(fake, at, offset, value, 8);
}

/* A compact str; `kind` 1, 2 or 4; `characters` already in that width. */
static inline void fake_put_str(struct fake *fake, const struct pyabi *abi, uint64_t at,
                                unsigned kind, bool ascii, const void *characters, size_t length)
{
    fake_put_ptr(fake, at, abi->unicode.length, length);
    uint32_t state = kind << abi->unicode.kind_shift | 1u << abi->unicode.compact_shift |
                     (uint32_t)ascii << abi->unicode.ascii_shift;
    fake_put(fake, at, abi->unicode.state, state, 4);
    uint64_t data = at + (uint64_t)(ascii ? abi->unicode.ascii_size : abi->unicode.compact_size);
    memcpy(fake->bytes + (data - FAKE_BASE), characters, length * kind);
}

static inline void fake_put_frames(struct fake *fake, const struct pyabi *abi, unsigned thread)
{
    uint64_t inner = FAKE_FRAME(2 * thread), outer = FAKE_FRAME(2 * thread + 1);
    fake_put_ptr(fake, inner, abi->frame.code, FAKE_CODE);
    fake_put_ptr(fake, inner, abi->frame.previous, outer);
    fake_put_ptr(fake, outer, abi->frame.code, FAKE_CODE);
    uint64_t head = inner;
    if (abi->stack == PYABI_STACK_CFRAME) {
        head = FAKE_CFRAME(thread);
        fake_put_ptr(fake, head, abi->cframe.current_frame, inner);
    }
    fake_put_ptr(fake, FAKE_THREAD(thread), abi->tstate.frame, head);
}

static inline void fake_build(struct fake *fake, const struct pyabi *abi)
{
    memset(fake, 0, sizeof *fake);
    int32_t head = abi->runtime.interpreters_head >= 0 ? abi->runtime.interpreters_head : 0;
    fake_put_ptr(fake, FAKE_RUNTIME, head, FAKE_INTERP);
    fake_put_ptr(fake, FAKE_RUNTIME, head + 8, FAKE_INTERP); /* interpreters.main */
    fake_put_ptr(fake, FAKE_INTERP, abi->interp.threads_head, FAKE_THREAD(0));
    for (unsigned i = 0; i < 2; i++) {
        fake_put_ptr(fake, FAKE_THREAD(i), abi->tstate.interp, FAKE_INTERP);
        fake_put_ptr(fake, FAKE_THREAD(i), abi->tstate.next, i == 0 ? FAKE_THREAD(1) : 0);
        fake_put_ptr(fake, FAKE_THREAD(i), abi->tstate.prev, i == 1 ? FAKE_THREAD(0) : 0);
        fake_put_ptr(fake, FAKE_THREAD(i), abi->tstate.thread_id, 0x7000 + i);
        fake_put_frames(fake, abi, i);
    }
    fake_put_ptr(fake, FAKE_CODE, abi->object.type, FAKE_TYPE);
    fake_put_ptr(fake, FAKE_CODE, abi->code.name, FAKE_NAME);
    fake_put_ptr(fake, FAKE_CODE, abi->code.filename, FAKE_FILE);
    fake_put_ptr(fake, FAKE_TYPE, abi->type.name, FAKE_TYPE_NAME);
    memcpy(fake->bytes + (FAKE_TYPE_NAME - FAKE_BASE), "code", 5);
    fake_put_str(fake, abi, FAKE_NAME, 1, true, "worker", 6);
    fake_put_str(fake, abi, FAKE_FILE, 1, true, "/app/jobs.py", 12);
}

/* Objects as if the whole memory were the writable data of one executable. */
static inline int fake_objects(struct objects *objects)
{
    static const char map[] = "100000-110000 rw-p 00000000 08:01 7 /opt/app\n"
                              "110000-111000 r-xp 00010000 08:01 7 /opt/app\n";
    *objects = (struct objects){0};
    int result = maps_parse(&objects->maps, strdup(map), strlen(map));
    return result < 0 ? result : objects_from_maps(objects, "/opt/app");
}
