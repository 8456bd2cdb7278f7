/* SPDX-License-Identifier: MIT */
#include "unwind/sight.h"

#include <stdlib.h>
#include <string.h>

void sight_done(struct sight *sight)
{
    free(sight->chains[0].frames);
    free(sight->chains[1].frames);
    *sight = (struct sight){0};
}

void sight_clear(struct sight *sight)
{
    sight->chain_count = 0;
    sight->sure = 0;
}

void sight_add(struct sight *sight, const struct raw_frame *frames, uint32_t count, bool whole,
               uint32_t sure)
{
    if (sight->chain_count == 2 || !count)
        return;
    struct sight_chain *chain = &sight->chains[sight->chain_count];
    if (count > chain->capacity) {
        struct raw_frame *moved = realloc(chain->frames, count * sizeof *moved);
        if (!moved)
            return;
        chain->frames = moved;
        chain->capacity = count;
    }
    memcpy(chain->frames, frames, count * sizeof *frames);
    chain->count = count;
    chain->whole = whole;
    if (sight->chain_count++ == 0)
        sight->sure = sure;
}

/* The outer `depth` frames are of the same functions. */
static bool begins_alike(const struct sight_chain *chain, const struct raw_frame *frames,
                         uint32_t count, uint32_t depth)
{
    if (count < depth)
        return false;
    for (uint32_t i = 1; i <= depth; i++)
        if (chain->frames[chain->count - i].code != frames[count - i].code)
            return false;
    return true;
}

/* A chain that lost its end: only the innermost frame is certain to have been there. */
static bool has_frame(const struct raw_frame *wanted, const struct raw_frame *frames,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (frames[i].address == wanted->address && frames[i].code == wanted->code)
            return true;
    return false;
}

bool sight_fits(const struct sight *sight, const struct raw_frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < sight->chain_count; i++) {
        const struct sight_chain *chain = &sight->chains[i];
        if (chain->whole
                ? begins_alike(chain, frames, count, chain->count)
                : has_frame(&chain->frames[0], frames, count) && !sight_left(sight, frames, count))
            return true;
    }
    return sight->chain_count == 0;
}

bool sight_left(const struct sight *sight, const struct raw_frame *frames, uint32_t count)
{
    return sight->sure && !begins_alike(&sight->chains[0], frames, count, sight->sure);
}
