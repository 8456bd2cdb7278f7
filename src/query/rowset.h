/* SPDX-License-Identifier: MIT */
/* rowset.h - rows of an answer while they are added up: found by a few texts and numbers, made
 * when they are new.
 *
 * A text becomes a number, two numbers become one (rowset_pair), and the last number is a row's
 * key. Texts stay where they are until the end, so rows may point at them.
 *
 * Ownership: rowset_init() / rowset_done(). Errors are sticky: check `failed` at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "model/profile.h"

struct rowset {
    struct profile *names;
    struct map pairs, index;
    char *rows;
    size_t row_size;
    uint32_t count, capacity;
    bool failed;
};

int rowset_init(struct rowset *set, size_t row_size); /* 0 or ERR_NO_MEMORY; _done() after either */
void rowset_done(struct rowset *set);

uint32_t rowset_id(struct rowset *set, const char *text);       /* below 2^31 */
const char *rowset_text(const struct rowset *set, uint32_t id); /* "" of what failed */
const char *rowset_keep(struct rowset *set, const char *text);  /* both */
uint32_t rowset_pair(struct rowset *set, uint32_t a, uint32_t b);

/* Valid until the next call. A new one is all 0. NULL: failed. */
void *rowset_row(struct rowset *set, uint64_t key);
void *rowset_find(const struct rowset *set, uint64_t key); /* NULL: there is none */
static inline void *rowset_at(const struct rowset *set, uint32_t index)
{
    return set->rows + index * set->row_size;
}
