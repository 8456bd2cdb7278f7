/* SPDX-License-Identifier: MIT */
#include "query/blocks.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

struct span {
    uint64_t from_us;
    uint64_t to_us;
    uint64_t count;
};

static struct span span_of(const struct profile *profile)
{
    struct span span = {UINT64_MAX, 0, 0};
    for (uint64_t i = 0; i < profile->run_count; i++) {
        const struct profile_run *run = &profile->runs[i];
        uint64_t end_us = run->start_us + run->duration_us;
        span.from_us = run->start_us < span.from_us ? run->start_us : span.from_us;
        span.to_us = end_us > span.to_us ? end_us : span.to_us;
        span.count += run->count;
    }
    return span;
}

static struct block_piece *piece_of(struct blocks *blocks, struct map *map, uint32_t block,
                                    uint32_t node)
{
    uint64_t key = (uint64_t)block << 32 | node;
    uint32_t found = map_get(map, key);
    if (found != MAP_NONE)
        return &blocks->pieces[found];
    if (blocks->piece_count == blocks->piece_room) {
        size_t room = (size_t)blocks->piece_room * 2 + 256;
        struct block_piece *larger = realloc(blocks->pieces, room * sizeof *larger);
        if (!larger)
            return NULL;
        blocks->pieces = larger;
        blocks->piece_room = (uint32_t)room;
    }
    if (map_set(map, key, blocks->piece_count) < 0)
        return NULL;
    struct block_piece *piece = &blocks->pieces[blocks->piece_count];
    *piece = (struct block_piece){.node = node, .next = blocks->head[block]};
    blocks->head[block] = blocks->piece_count++;
    return piece;
}

/* A run that crosses from block to block is shared out by time. */
static int add_run(struct blocks *blocks, struct map *map, const struct profile_run *run,
                   uint32_t node, uint64_t from_us)
{
    double block_us = blocks->length_ns / 1e3;
    double start = (double)(run->start_us - from_us), length = (double)run->duration_us;
    double end = start + length;
    for (uint32_t block = (uint32_t)(start / block_us);; block++) {
        block = block < blocks->count ? block : blocks->count - 1;
        double limit = (block + 1) * block_us;
        bool last = block + 1 == blocks->count || end <= limit;
        double part = length > 0 ? ((last ? end : limit) - start) / length : 1;
        struct block_piece *piece = piece_of(blocks, map, block, node);
        if (!piece)
            return ERR_NO_MEMORY;
        piece->count += part * run->count;
        piece->weight_ns += part * length * 1e3;
        blocks->samples[block] += part * run->count;
        if (last)
            return 0;
        start = limit;
    }
}

int blocks_init(struct blocks *blocks, const struct profile *profile, const uint32_t *node_map)
{
    *blocks = (struct blocks){0};
    struct span span = span_of(profile);
    uint64_t all = profile_total_count(profile);
    if (span.to_us <= span.from_us || span.count + all / 50 < all)
        return 0; /* runs are missing for more than 2 % of the samples: they do not speak for all */
    uint64_t length_us = span.to_us - span.from_us, count = length_us / BLOCKS_MIN_US;
    if (count < BLOCKS_MIN)
        return 0;
    blocks->count = count < BLOCKS_MAX ? (uint32_t)count : BLOCKS_MAX;
    blocks->length_ns = (double)length_us * 1e3 / blocks->count;
    for (uint32_t i = 0; i < blocks->count; i++)
        blocks->head[i] = PROFILE_NONE;

    struct map map;
    int result = 0;
    map_init(&map);
    for (uint64_t i = 0; result == 0 && i < profile->run_count; i++)
        result =
            add_run(blocks, &map, &profile->runs[i], node_map[profile->runs[i].node], span.from_us);
    map_done(&map);
    return result;
}

void blocks_done(struct blocks *blocks)
{
    free(blocks->pieces);
    *blocks = (struct blocks){0};
}
