/* SPDX-License-Identifier: MIT */
/* ring.c - the records, and what became of those that we do not get.
 *
 * The writer overwrites the oldest record and waits for nobody:
 *
 *            cursor                 ring_next
 *     ... 17 18 19 20 21 22 23 24 25 26        number of a record; its place is number mod size
 *         └ read ┘└─ to deliver ─┘
 *
 * A writer takes a number (ring_next grows), fills the place, and writes `sequence` = number + 1
 * last. So a copy is that record if `sequence` is the expected one and, after copying, ring_next
 * still is so near that nobody can have begun to write the place again: the old sequence stays in
 * it until the new record is complete, it alone proves nothing. The margin leaves room for a
 * writer that counts after it writes. Records are copied in blocks, ring_next is looked at once
 * per block.
 *
 * A place whose sequence is not the expected one belongs to a writer that is interrupted or dead.
 * We wait for it until the next drain, and 100 ms, and then go on without it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "collect/own.h"

#define BLOCK 128u
#define MARGIN 8u
#define PATIENCE_NS 100000000u

static uint64_t ring_next(const struct collect *collect)
{
    return __atomic_load_n(&collect_header(collect)->ring_next, __ATOMIC_ACQUIRE);
}

/* The oldest number that surely is not being overwritten. */
static uint64_t oldest(const struct collect *collect, uint64_t next)
{
    uint64_t records = collect->facts.ring_records;
    uint64_t kept = records > 2 * MARGIN ? records - MARGIN : records / 2;
    return next > kept ? next - kept : 0;
}

/* Copies `count` records from number `from`; how many of the first are lost by now. */
static uint32_t copy_block(const struct collect *collect, uint64_t from, uint32_t count,
                           struct agent_record *out)
{
    uint32_t mask = collect->facts.ring_records - 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct agent_record *place = &collect->ring[(from + i) & mask];
        uint32_t sequence = __atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE);
        memcpy(&out[i], place, sizeof out[i]);
        out[i].sequence = sequence;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    uint64_t safe = oldest(collect, ring_next(collect));
    return safe <= from ? 0 : safe - from < count ? (uint32_t)(safe - from) : count;
}

/* True when the record may be believed as far as its readers go. */
static bool check_record(const struct collect *collect, struct agent_record *record)
{
    if (record->kind == AGENT_RECORD_NONE || record->kind > AGENT_RECORD_ERROR)
        return false;
    if (record->about >= AGENT_KINDS)
        return false;
    uint32_t used = keys_used(collect);
    if (record->kind == AGENT_RECORD_PARTS) {
        if (record->as.parts.repeated_key >= used)
            record->as.parts.repeated_key = 0;
    } else if (record->kind != AGENT_RECORD_TRACE && record->as.span.key >= used) {
        record->as.span.key = 0;
    }
    return true;
}

/* A record that is not there yet: shall we go on without it? */
static bool gives_up(struct collect *collect, uint64_t number)
{
    uint64_t now_ns = clock_mono_ns();
    if (collect->stalled_at != number || !collect->stalled_since_ns) {
        collect->stalled_at = number;
        collect->stalled_since_ns = now_ns;
        return collect_exited(collect);
    }
    return now_ns - collect->stalled_since_ns > PATIENCE_NS || collect_exited(collect);
}

/* Where to begin, and what was lost since last time. */
static void catch_up(struct collect *collect, uint64_t next)
{
    uint64_t from = oldest(collect, next);
    if (!collect->has_drained) {
        collect->has_drained = true;
        collect->stats.before = from;
        collect->cursor = from;
    }
    if (next < collect->cursor) /* only a process that lies counts backwards */
        collect->cursor = next;
    if (collect->cursor < from) {
        collect->stats.lost += from - collect->cursor;
        collect->cursor = from;
    }
}

uint32_t collect_drain(struct collect *collect,
                       void (*see)(void *context, const struct agent_record *record), void *context)
{
    struct agent_record block[BLOCK];
    uint64_t next = ring_next(collect);
    uint32_t delivered = 0;
    catch_up(collect, next);
    while (collect->cursor < next) {
        uint32_t count =
            next - collect->cursor < BLOCK ? (uint32_t)(next - collect->cursor) : BLOCK;
        uint32_t gone = copy_block(collect, collect->cursor, count, block);
        collect->stats.lost += gone;
        collect->cursor += gone;
        for (uint32_t i = gone; i < count; i++) {
            uint64_t number = collect->cursor;
            if (block[i].sequence != (uint32_t)(number + 1)) {
                if (!gives_up(collect, number))
                    return delivered;
                collect->stats.unreadable++;
            } else if (check_record(collect, &block[i])) {
                requests_remember(collect, &block[i]);
                if (see)
                    see(context, &block[i]);
                collect->stats.records++;
                delivered++;
            } else {
                collect->stats.unreadable++;
            }
            collect->cursor++;
        }
    }
    return delivered;
}
