/* SPDX-License-Identifier: MIT */
#include "query/rowset.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define PAIR_BIT 0x80000000u /* texts are below, so a pair never looks like one */

int rowset_init(struct rowset *set, size_t row_size)
{
    *set = (struct rowset){.names = profile_new(), .row_size = row_size};
    map_init(&set->pairs);
    map_init(&set->index);
    return set->names ? 0 : ERR_NO_MEMORY;
}

void rowset_done(struct rowset *set)
{
    profile_free(set->names);
    map_done(&set->pairs);
    map_done(&set->index);
    free(set->rows);
}

uint32_t rowset_id(struct rowset *set, const char *text)
{
    uint32_t id = profile_cstring(set->names, text ? text : "");
    set->failed |= id == PROFILE_NONE;
    return id == PROFILE_NONE ? 0 : id;
}

const char *rowset_text(const struct rowset *set, uint32_t id)
{
    return set->names->strings[id].text;
}

const char *rowset_keep(struct rowset *set, const char *text)
{
    return rowset_text(set, rowset_id(set, text));
}

uint32_t rowset_pair(struct rowset *set, uint32_t a, uint32_t b)
{
    uint64_t key = (uint64_t)a << 32 | b;
    uint32_t known = map_get(&set->pairs, key);
    if (known != MAP_NONE)
        return known;
    uint32_t id = PAIR_BIT | set->pairs.count;
    set->failed |= id == MAP_NONE || map_set(&set->pairs, key, id) < 0;
    return id;
}

static int make_room(struct rowset *set)
{
    if (set->count < set->capacity)
        return 0;
    uint32_t capacity = set->capacity ? set->capacity * 2 : 64;
    char *rows = realloc(set->rows, capacity * set->row_size);
    if (!rows)
        return ERR_NO_MEMORY;
    set->rows = rows;
    set->capacity = capacity;
    return 0;
}

void *rowset_find(const struct rowset *set, uint64_t key)
{
    uint32_t index = map_get(&set->index, key);
    return index == MAP_NONE ? NULL : rowset_at(set, index);
}

void *rowset_row(struct rowset *set, uint64_t key)
{
    void *row = rowset_find(set, key);
    if (row)
        return row;
    if (set->failed || make_room(set) < 0 || map_set(&set->index, key, set->count) < 0) {
        set->failed = true;
        return NULL;
    }
    row = rowset_at(set, set->count++);
    memset(row, 0, set->row_size);
    return row;
}
