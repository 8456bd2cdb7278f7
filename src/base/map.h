/* SPDX-License-Identifier: MIT */
/* map.h - a hash map from uint64_t to uint32_t.
 *
 * Open addressing, linear probing, power-of-two capacity, load at most 3/4. Keys are
 * mixed (splitmix64's finaliser), so addresses and packed pairs are fine as they are.
 * No removal: its users either only grow or are reset whole. Value MAP_NONE is reserved.
 *
 * Cost: a hit is one mix and on average 1.5 probes of 16 bytes; map_set may allocate.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

struct map_slot {
    uint64_t key;
    uint32_t value; /* MAP_NONE: empty */
};

struct map {
    struct map_slot *slots;
    uint32_t mask; /* capacity - 1; 0 before the first map_set */
    uint32_t count;
};

void map_init(struct map *map);
void map_done(struct map *map);
void map_reset(struct map *map);

static inline uint64_t map_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint32_t map_get(const struct map *map, uint64_t key)
{
    if (!map->slots)
        return MAP_NONE;
    for (uint32_t i = (uint32_t)map_mix(key) & map->mask;; i = (i + 1) & map->mask) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->value == MAP_NONE || slot->key == key)
            return slot->value;
    }
}

/* Sets or overwrites. 0 or ERR_NO_MEMORY (the map is unchanged then). */
int map_set(struct map *map, uint64_t key, uint32_t value);
