/* SPDX-License-Identifier: MIT */
/* blocks.h - a recording cut into equal blocks of time, each with its own sums per node.
 *
 * What a program does now it still does a moment later, so samples are no independent draws and
 * counting them as such calls chance a finding. Sums over blocks that are long against such spells
 * can be treated as independent; how much they differ is how sure their mean is.
 *
 * All threads share the blocks, so what threads do together is kept together.
 */
#pragma once

#include "model/profile.h"

#define BLOCKS_MIN 10u
#define BLOCKS_MAX 60u
#define BLOCKS_MIN_US 500000u

struct block_piece {
    uint32_t node;
    uint32_t next; /* piece of the same block; PROFILE_NONE: last */
    double count;
    double weight_ns;
};

struct blocks {
    uint32_t count; /* 0: the profile has no order in time, or too little of it */
    double length_ns;
    uint32_t head[BLOCKS_MAX]; /* first piece */
    double samples[BLOCKS_MAX];
    struct block_piece *pieces;
    uint32_t piece_count;
    uint32_t piece_room;
};

/* Nodes are translated through node_map on the way in. 0 or ERR_NO_MEMORY; blocks_done() is fine
 * after either. */
int blocks_init(struct blocks *blocks, const struct profile *profile, const uint32_t *node_map);
void blocks_done(struct blocks *blocks);
