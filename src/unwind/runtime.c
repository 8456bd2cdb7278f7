/* SPDX-License-Identifier: MIT */
#include "unwind/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define TSTATE_BYTES 512u

void runtime_init(struct runtime *runtime)
{
    *runtime = (struct runtime){0};
}

void runtime_done(struct runtime *runtime)
{
    free(runtime->interps);
    free(runtime->threads);
    *runtime = (struct runtime){0};
}

static struct runtime_interp *add_interp(struct runtime *runtime)
{
    if (runtime->interp_count == runtime->interp_capacity) {
        uint32_t capacity = runtime->interp_capacity ? runtime->interp_capacity * 2 : 4;
        void *moved = realloc(runtime->interps, capacity * sizeof *runtime->interps);
        if (!moved)
            return NULL;
        runtime->interps = moved;
        runtime->interp_capacity = capacity;
    }
    return &runtime->interps[runtime->interp_count++];
}

static struct runtime_thread *add_thread(struct runtime *runtime)
{
    if (runtime->thread_count == runtime->thread_capacity) {
        uint32_t capacity = runtime->thread_capacity ? runtime->thread_capacity * 2 : 16;
        void *moved = realloc(runtime->threads, capacity * sizeof *runtime->threads);
        if (!moved)
            return NULL;
        runtime->threads = moved;
        runtime->thread_capacity = capacity;
    }
    return &runtime->threads[runtime->thread_count++];
}

static uint64_t field(const uint8_t *bytes, size_t size, int32_t offset)
{
    uint64_t value = 0;
    if (offset != PYABI_NONE && (size_t)offset + sizeof value <= size)
        memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static int read_field(struct target *target, uint64_t base, int32_t offset, uint64_t *out)
{
    *out = 0;
    if (offset == PYABI_NONE)
        return 0;
    return target_read(target, (struct raddr){base + (uint64_t)offset}, out, sizeof *out);
}

static int list_threads(struct runtime *runtime, struct target *target, uint32_t interp)
{
    const struct pyabi *abi = &target->abi;
    uint8_t bytes[TSTATE_BYTES];
    size_t size = abi->tstate.size > 0 && (size_t)abi->tstate.size < sizeof bytes
                      ? (size_t)abi->tstate.size
                      : sizeof bytes;
    uint64_t at = runtime->interps[interp].threads_head;
    for (uint32_t steps = 0; at; steps++) {
        if (steps >= RUNTIME_MAX_THREADS || at & 7)
            return ERR_TORN;
        int result = target_read(target, (struct raddr){at}, bytes, size);
        if (result < 0)
            return result == ERR_FAULT ? ERR_TORN : result;
        if (field(bytes, size, abi->tstate.interp) != runtime->interps[interp].address)
            return ERR_TORN;
        struct runtime_thread *thread = add_thread(runtime);
        if (!thread)
            return ERR_NO_MEMORY;
        *thread = (struct runtime_thread){at, interp, field(bytes, size, abi->tstate.thread_id),
                                          field(bytes, size, abi->tstate.native_thread_id)};
        at = field(bytes, size, abi->tstate.next);
    }
    return 0;
}

static int list_interp(struct runtime *runtime, struct target *target, uint64_t at, uint64_t *next)
{
    const struct pyabi *abi = &target->abi;
    uint64_t id = 0, threads_head = 0, gil = 0;
    int result = read_field(target, at, abi->interp.next, next);
    if (result == 0)
        result = read_field(target, at, abi->interp.id, &id);
    if (result == 0)
        result = read_field(target, at, abi->interp.threads_head, &threads_head);
    if (result == 0)
        result = read_field(target, at, abi->interp.ceval_gil, &gil);
    if (result < 0)
        return result == ERR_FAULT ? ERR_TORN : result;
    struct runtime_interp *interp = add_interp(runtime);
    if (!interp)
        return ERR_NO_MEMORY;
    *interp = (struct runtime_interp){at, (int64_t)id, threads_head, gil};
    return list_threads(runtime, target, runtime->interp_count - 1);
}

int runtime_list(struct runtime *runtime, struct target *target)
{
    runtime->interp_count = 0;
    runtime->thread_count = 0;
    uint64_t at = 0;
    int result = target_read(target, target->interp_head_slot, &at, sizeof at);
    int torn = 0;
    while (result == 0 && at) {
        if (runtime->interp_count >= RUNTIME_MAX_INTERPRETERS || at & 7)
            return ERR_TORN;
        uint64_t next = 0;
        result = list_interp(runtime, target, at, &next);
        if (result == ERR_TORN &&
            next) { /* its threads moved; the other interpreters may be fine */
            torn = ERR_TORN;
            result = 0;
        }
        at = next;
    }
    return result < 0 ? result : torn;
}
