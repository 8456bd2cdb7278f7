/* SPDX-License-Identifier: MIT */
/* fuzz_target_memory.c - whatever a process's memory holds, opening it ends, soon and unharmed.
 *
 * Input: byte 0 chooses the layout. Without its bit 7 the memory is that of a sound process
 * (tests/unit/fake_target.h) and the rest are patches of 10 bytes, {offset, value}, where a value
 * below 64 KiB means a place in the memory: so graphs and cycles of all kinds are a few bytes away.
 * With bit 7 the rest is the memory itself, repeated.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_target.h"

#define PATCH_BYTES 10
#define TABLES 7 /* 3.6 to 3.12 */
#define MAX_READS 2000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_memory(struct fake *fake, const struct pyabi *abi, const uint8_t *data,
                        size_t size)
{
    fake_build(fake, abi);
    if (data[0] & 0x80) {
        for (size_t i = 0; i < FAKE_SIZE; i++)
            fake->bytes[i] = data[1 + i % (size - 1)];
        return;
    }
    for (size_t i = 1; i + PATCH_BYTES <= size; i += PATCH_BYTES) {
        uint16_t offset;
        uint64_t value;
        memcpy(&offset, data + i, sizeof offset);
        memcpy(&value, data + i + sizeof offset, sizeof value);
        if (value && value < FAKE_SIZE)
            value += FAKE_BASE;
        if (offset <= FAKE_SIZE - sizeof value)
            memcpy(fake->bytes + offset, &value, sizeof value);
    }
}

static void settle(struct target *target, const struct objects *objects,
                   const struct location *location)
{
    struct proof proof;
    struct err err;
    if (version_settle(target, objects, &objects->list[0], location, &err) == 0)
        proof_walk(target, &proof);
}

static void open_all_ways(struct target *target, const struct objects *objects)
{
    struct location location;
    static const enum locate_by ways[] = {LOCATE_BY_EXPORT, LOCATE_BY_SCAN};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (locate(target, objects, &objects->list[0], ways[i], &location) == 0)
            settle(target, objects, &location);
    location = (struct location){.runtime = {FAKE_RUNTIME}};
    settle(target, objects, &location);
}

static void read_objects(struct target *target)
{
    char text[512];
    uint64_t full;
    ssize_t size = target_read_str(target, (struct raddr){FAKE_NAME}, text, sizeof text);
    if (size >= 0 && ((size_t)size >= sizeof text || text[size]))
        abort();
    if (target_read_bytes(target, (struct raddr){FAKE_FILE}, text, sizeof text, &full) >
        (ssize_t)sizeof text)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake fake;
    struct objects objects;
    struct proof proof;
    if (size < 2)
        return 0;
    const struct pyabi *abi = pyabi_for_version(3u << 24 | (6 + data[0] % 0x80u % TABLES) << 16);
    struct target *target = target_new(1 << 30, fake_readv, &fake);
    if (!abi || !target || fake_objects(&objects) < 0)
        abort();
    make_memory(&fake, abi, data, size);
    target->abi = *abi;
    int32_t head = abi->runtime.interpreters_head;
    target->interp_head_slot.value = FAKE_RUNTIME + (uint64_t)(head >= 0 ? head : 0);
    proof_walk(target, &proof);
    read_objects(target);
    open_all_ways(target, &objects);
    if (fake.reads > MAX_READS)
        abort();
    objects_done(&objects);
    target_close(target);
    return 0;
}
