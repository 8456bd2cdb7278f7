/* SPDX-License-Identifier: MIT */
/* uses.h - by which endpoints something was used: lists inside the rows of an answer.
 *
 * Ownership: uses_init() / uses_done(). Errors are sticky, as those of rowset.h.
 */
#pragma once

#include "base/jsonw.h"
#include "query/rowset.h"
#include "store/store.h"

struct uses {
    struct rowset heads, items;
};

int uses_init(struct uses *uses); /* 0 or ERR_NO_MEMORY; uses_done() after either */
void uses_done(struct uses *uses);
bool uses_failed(const struct uses *uses);

/* `key` is whose they are; the same for uses_write(). */
void uses_add(struct uses *uses, uint64_t key, const char *endpoint,
              const struct store_histogram *histogram);
/* An array, largest first: endpoint, count, and with `times` total_s and repeated. */
void uses_write(const struct uses *uses, uint64_t key, bool times, struct jsonw *json);
