/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

static void empty(struct map_slot *slots, uint32_t capacity)
{
    for (uint32_t i = 0; i < capacity; i++)
        slots[i] = (struct map_slot){.value = MAP_NONE};
}

void map_reset(struct map *map)
{
    if (map->slots)
        empty(map->slots, map->mask + 1);
    map->count = 0;
}

/* The slot that holds `key` or the empty one where it belongs. */
static struct map_slot *place(struct map_slot *slots, uint32_t mask, uint64_t key)
{
    uint32_t i = (uint32_t)map_mix(key) & mask;
    while (slots[i].value != MAP_NONE && slots[i].key != key)
        i = (i + 1) & mask;
    return &slots[i];
}

static int grow(struct map *map)
{
    uint32_t capacity = map->slots ? (map->mask + 1) * 2 : 64;
    struct map_slot *slots = capacity ? malloc((size_t)capacity * sizeof *slots) : NULL;
    if (!slots)
        return ERR_NO_MEMORY;
    empty(slots, capacity);
    for (uint32_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].value != MAP_NONE)
            *place(slots, capacity - 1, map->slots[i].key) = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->mask = capacity - 1;
    return 0;
}

int map_set(struct map *map, uint64_t key, uint32_t value)
{
    if (!map->slots || map->count >= (map->mask + 1) / 4 * 3) {
        int result = grow(map);
        if (result < 0)
            return result;
    }
    struct map_slot *slot = place(map->slots, map->mask, key);
    if (slot->value == MAP_NONE)
        map->count++;
    slot->key = key;
    slot->value = value;
    return 0;
}
