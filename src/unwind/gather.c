/* SPDX-License-Identifier: MIT */
#include "unwind/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

#define INTERRUPTED_FACTOR 2.0
#define INTERRUPTED_GRACE_NS 2000.0
#define USUAL_DRIFT 64
#define GATHER_BATCH 1024u /* IOV_MAX of Linux */

void gather_init(struct gather *gather)
{
    *gather = (struct gather){0};
}

void gather_done(struct gather *gather)
{
    free(gather->data);
    free(gather->pieces);
    free(gather->offsets);
    free(gather->bad);
    *gather = (struct gather){0};
}

void gather_reset(struct gather *gather)
{
    gather->count = 0;
    gather->size = 0;
}

static bool grow_pieces(struct gather *gather)
{
    uint32_t capacity = gather->piece_capacity ? gather->piece_capacity * 2 : 64;
    struct iovec *pieces = realloc(gather->pieces, capacity * sizeof *pieces);
    if (pieces)
        gather->pieces = pieces;
    uint32_t *offsets = realloc(gather->offsets, capacity * sizeof *offsets);
    if (offsets)
        gather->offsets = offsets;
    bool *bad = realloc(gather->bad, capacity * sizeof *bad);
    if (bad)
        gather->bad = bad;
    if (!pieces || !offsets || !bad)
        return false;
    gather->piece_capacity = capacity;
    return true;
}

static bool grow_data(struct gather *gather, size_t need)
{
    size_t capacity = gather->capacity ? gather->capacity : 16384;
    while (capacity < need)
        capacity *= 2;
    uint8_t *data = realloc(gather->data, capacity);
    if (!data)
        return false;
    gather->data = data;
    gather->capacity = capacity;
    return true;
}

uint32_t gather_add(struct gather *gather, uint64_t address, uint32_t size)
{
    size_t aligned = ((size_t)size + 7) & ~(size_t)7;
    if (gather->count >= GATHER_MAX_PIECES || gather->size + aligned > GATHER_MAX_BYTES)
        return GATHER_NONE;
    if (gather->count == gather->piece_capacity && !grow_pieces(gather))
        return GATHER_NONE;
    if (gather->size + aligned > gather->capacity && !grow_data(gather, gather->size + aligned))
        return GATHER_NONE;
    uint32_t piece = gather->count++;
    /* An aligned length keeps every local field aligned; the few bytes too many are harmless. */
    gather->pieces[piece] = (struct iovec){(void *)(uintptr_t)address, aligned};
    gather->offsets[piece] = (uint32_t)gather->size;
    gather->bad[piece] = false;
    gather->size += aligned;
    return piece;
}

/* Reads pieces [first, last). Returns the index of the first piece not read completely. */
static uint32_t read_run(struct gather *gather, struct target *target, uint32_t first,
                         uint32_t last, int *result)
{
    size_t begin = gather->offsets[first];
    size_t end = last < gather->count ? gather->offsets[last] : gather->size;
    ssize_t got = target_readv(target, gather->data + begin, end - begin, &gather->pieces[first],
                               last - first);
    *result = got < 0 ? (int)got : 0;
    if (got == (ssize_t)(end - begin))
        return last;
    size_t reached = begin + (got > 0 ? (size_t)got : 0);
    uint32_t piece = first;
    while (piece + 1 < last && gather->offsets[piece + 1] <= reached)
        piece++;
    return piece;
}

/* A reading that was cut in two by the scheduler spans milliseconds, in which a program can change
 * and change back many times: then equal copies prove nothing. */
static void judge_time(struct gather *gather, uint64_t took_ns)
{
    if (!gather->count)
        return;
    double per_piece_ns = (double)took_ns / gather->count;
    gather->interrupted = gather->usual_ns > 0 &&
                          (double)took_ns > INTERRUPTED_FACTOR * gather->usual_ns * gather->count +
                                                INTERRUPTED_GRACE_NS;
    if (gather->usual_ns <= 0 || per_piece_ns < gather->usual_ns)
        gather->usual_ns = per_piece_ns;
    else /* slowly up, so that one outlier does not count */
        gather->usual_ns += gather->usual_ns / USUAL_DRIFT;
}

static int run_pieces(struct gather *gather, struct target *target)
{
    uint32_t bad_count = 0;
    for (uint32_t first = 0; first < gather->count;) {
        uint32_t last = gather->count - first > GATHER_BATCH ? first + GATHER_BATCH : gather->count;
        int result;
        uint32_t reached = read_run(gather, target, first, last, &result);
        if (result == ERR_GONE || result == ERR_DENIED)
            return result;
        if (reached < last) {
            gather->bad[reached] = true;
            if (++bad_count > GATHER_MAX_BAD) {
                memset(gather->bad + reached, true, (gather->count - reached) * sizeof(bool));
                return 0;
            }
            reached++;
        }
        first = reached;
    }
    return 0;
}

int gather_run(struct gather *gather, struct target *target)
{
    gather->began_ns = clock_mono_ns();
    int result = run_pieces(gather, target);
    gather->took_ns = clock_mono_ns() - gather->began_ns;
    judge_time(gather, gather->took_ns);
    return result;
}
