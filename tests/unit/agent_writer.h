/* SPDX-License-Identifier: MIT */
/* agent_writer.h - a region as an instrumented process writes it (abi/agent.h), for tests of its
 * readers.
 *
 * Straightforward and slow on purpose: no caches, a linear search for keys. The sizes are chosen by
 * the test.
 */
#pragma once

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/agent.h"
#include "base/clock.h"
#include "base/map.h"
#include "collect/histogram.h"

#define WRITER_STRINGS (64u << 10)

struct writer {
    int fd;
    uint8_t *base;
    struct agent_header *header;
    struct agent_key *keys;
    struct agent_histogram *histograms;
    struct agent_slot *slots;
    struct agent_record *ring;
    uint64_t next_id;
};

static inline void writer_open(struct writer *writer, uint32_t slots, uint32_t records)
{
    uint64_t strings = AGENT_HEADER_BYTES, keys = strings + WRITER_STRINGS;
    uint64_t histograms = keys + AGENT_KEYS * sizeof(struct agent_key);
    uint64_t slots_at = histograms + AGENT_KEYS * sizeof(struct agent_histogram);
    uint64_t ring = slots_at + slots * sizeof(struct agent_slot);
    uint64_t size = ring + records * sizeof(struct agent_record);
    *writer =
        (struct writer){.fd = memfd_create(AGENT_MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    int result = ftruncate(writer->fd, (off_t)size);
    assert(writer->fd >= 0 && result == 0);
    fcntl(writer->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    writer->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, writer->fd, 0);
    assert(writer->base != MAP_FAILED);
    writer->header = (void *)writer->base;
    writer->keys = (void *)(writer->base + keys);
    writer->histograms = (void *)(writer->base + histograms);
    writer->slots = (void *)(writer->base + slots_at);
    writer->ring = (void *)(writer->base + ring);
    *writer->header = (struct agent_header){
        .version = AGENT_VERSION,
        .pid = (uint32_t)getpid(),
        .region_bytes = size,
        .start_mono_ns = clock_mono_ns(),
        .start_wall_ns = clock_wall_ns(),
        .python_hex = 0x030b07f0,
        .strings_offset = strings,
        .keys_offset = keys,
        .histograms_offset = histograms,
        .slots_offset = slots_at,
        .ring_offset = ring,
        .strings_bytes = WRITER_STRINGS,
        .keys_limit = AGENT_KEYS,
        .slots_limit = slots,
        .ring_records = records,
        .strings_used = 8, /* id 0 is no string */
        .keys_used = AGENT_KINDS,
        .tstate_context = -1,
    };
    for (uint32_t kind = 0; kind < AGENT_KINDS; kind++)
        writer->keys[kind].kind = kind;
    __atomic_store_n(&writer->header->magic, AGENT_MAGIC, __ATOMIC_RELEASE);
}

static inline void writer_close(struct writer *writer)
{
    munmap(writer->base, writer->header->region_bytes);
    close(writer->fd);
}

static inline uint32_t writer_string(struct writer *writer, const char *text)
{
    uint32_t at = writer->header->strings_used, size = (uint32_t)strlen(text);
    uint8_t *strings = writer->base + writer->header->strings_offset;
    if (!size)
        return 0;
    for (uint32_t i = 8; i < at;) {
        struct agent_string *old = (void *)(strings + i);
        if (old->size == size && memcmp(old->text, text, size) == 0)
            return i / 8;
        i += (4 + old->size + 1 + 7) / 8 * 8;
    }
    assert(at + 4 + size + 8 <= WRITER_STRINGS);
    struct agent_string *string = (void *)(strings + at);
    string->size = size;
    memcpy(string->text, text, size + 1);
    __atomic_store_n(&writer->header->strings_used, at + (4 + size + 1 + 7) / 8 * 8,
                     __ATOMIC_RELEASE);
    return at / 8;
}

static inline uint32_t writer_key(struct writer *writer, enum agent_kind kind, const char *name,
                                  const char *detail, uint32_t group)
{
    uint32_t used = writer->header->keys_used;
    uint32_t name_id = writer_string(writer, name), detail_id = writer_string(writer, detail);
    for (uint32_t i = AGENT_KINDS; i < used; i++) {
        const struct agent_key *key = &writer->keys[i];
        if (key->kind == kind && key->name == name_id && key->detail == detail_id &&
            key->group == group)
            return i;
    }
    if (used == AGENT_KEYS)
        return kind;
    writer->keys[used] =
        (struct agent_key){.kind = kind, .name = name_id, .detail = detail_id, .group = group};
    __atomic_store_n(&writer->header->keys_used, used + 1, __ATOMIC_RELEASE);
    return used;
}

static inline void writer_count(struct writer *writer, uint32_t key, uint64_t ns, bool error)
{
    struct agent_key *counted = &writer->keys[key];
    counted->count++;
    counted->errors += error;
    counted->total_ns += ns;
    counted->last_ns = clock_mono_ns();
    if (ns > counted->max_ns)
        counted->max_ns = ns;
    writer->histograms[key].buckets[histogram_bucket(ns)]++;
}

static inline void writer_record(struct writer *writer, struct agent_record record)
{
    uint64_t number = __atomic_fetch_add(&writer->header->ring_next, 1, __ATOMIC_RELEASE);
    struct agent_record *place = &writer->ring[number & (writer->header->ring_records - 1)];
    uint32_t sequence = place->sequence;
    record.sequence = sequence;
    *place = record;
    __atomic_store_n(&place->sequence, (uint32_t)(number + 1), __ATOMIC_RELEASE);
    writer->header->counters.events++;
}

static inline void writer_span(struct writer *writer, uint64_t request, uint32_t key, uint64_t ns,
                               uint16_t flags)
{
    writer_count(writer, key, ns, flags & AGENT_FLAG_ERROR);
    writer_record(writer, (struct agent_record){
                              .kind = AGENT_RECORD_SPAN,
                              .about = (uint8_t)writer->keys[key].kind,
                              .flags = flags,
                              .request = request,
                              .as.span = {.duration_ns = ns, .key = key, .rows = AGENT_NONE},
                          });
}

/* Begins a request in a slot; its id. */
static inline uint64_t writer_begin(struct writer *writer, uint32_t slot, uint64_t start_ns)
{
    struct agent_slot *place = &writer->slots[slot];
    uint32_t generation = place->generation;
    *place = (struct agent_slot){
        .generation = generation,
        .kind = AGENT_KIND_REQUEST,
        .id = ++writer->next_id,
        .trace_low = map_mix(writer->next_id),
        .start_ns = start_ns,
    };
    __atomic_store_n(&place->generation, generation + 1, __ATOMIC_RELEASE);
    return place->id;
}

/* Ends it: counts, and writes its three records. */
static inline void writer_end(struct writer *writer, uint32_t slot, uint32_t key, uint64_t ns,
                              struct agent_record parts, uint16_t flags)
{
    struct agent_slot *place = &writer->slots[slot];
    writer_count(writer, key, ns, flags & AGENT_FLAG_ERROR);
    writer_record(writer, (struct agent_record){
                              .kind = AGENT_RECORD_REQUEST,
                              .about = (uint8_t)place->kind,
                              .flags = flags,
                              .request = place->id,
                              .as.span = {.start_ns = place->start_ns,
                                          .duration_ns = ns,
                                          .span = place->id,
                                          .key = key,
                                          .status = writer->keys[key].group * 100},
                          });
    parts.kind = AGENT_RECORD_PARTS;
    parts.request = place->id;
    writer_record(writer, parts);
    writer_record(writer, (struct agent_record){.kind = AGENT_RECORD_TRACE,
                                                .request = place->id,
                                                .as.trace.trace_low = place->trace_low});
    __atomic_store_n(&place->generation, place->generation + 1, __ATOMIC_RELEASE);
}
