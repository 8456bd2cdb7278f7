/* SPDX-License-Identifier: MIT */
#include "daemon/tally.h"

#include <stdlib.h>

#include "base/err.h"
#include "model/profile.h"

/* Nodes have 26 bits (PROFILE_MAX_NODES), labels 12. */
static uint64_t key_of(uint32_t label, uint32_t thread, uint32_t node)
{
    return (uint64_t)label << 51 | (uint64_t)thread << 26 | node;
}

_Static_assert(PROFILE_MAX_NODES <= 1u << 26, "a node fits into its part of the key");

static bool fit(struct tally *tally)
{
    if (tally->count < tally->capacity)
        return true;
    uint32_t capacity = tally->capacity ? tally->capacity * 2 : 64;
    struct tally_row *rows = realloc(tally->rows, capacity * sizeof *rows);
    if (!rows)
        return false;
    tally->rows = rows;
    tally->capacity = capacity;
    return true;
}

int tally_add(struct tally *tally, const struct tally_row *row)
{
    if (row->label >= TALLY_MAX_LABELS || row->thread >= TALLY_MAX_THREADS)
        return ERR_LIMIT;
    uint64_t key = key_of(row->label, row->thread, row->node);
    uint32_t at = map_get(&tally->index, key);
    if (at == MAP_NONE) {
        at = tally->count;
        if (at >= TALLY_MAX_ROWS)
            return ERR_LIMIT;
        if (!fit(tally) || map_set(&tally->index, key, at) < 0)
            return ERR_NO_MEMORY;
        tally->rows[at] =
            (struct tally_row){.label = row->label, .thread = row->thread, .node = row->node};
        tally->count++;
    }
    tally->rows[at].count += row->count;
    tally->rows[at].weight_ns += row->weight_ns;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct tally_row *a = left, *b = right;
    uint64_t first = key_of(a->label, a->thread, a->node);
    uint64_t second = key_of(b->label, b->thread, b->node);
    return (first > second) - (first < second);
}

struct tally_row *tally_take(struct tally *tally, uint32_t *count)
{
    struct tally_row *rows = tally->rows;
    *count = tally->count;
    if (!tally->count)
        return NULL;
    qsort(rows, tally->count, sizeof *rows, compare);
    map_done(&tally->index); /* the next window may have fewer: memory follows what is there */
    *tally = (struct tally){0};
    return rows;
}

void tally_done(struct tally *tally)
{
    map_done(&tally->index);
    free(tally->rows);
    *tally = (struct tally){0};
}
