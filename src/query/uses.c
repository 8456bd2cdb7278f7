/* SPDX-License-Identifier: MIT */
#include "query/uses.h"

#include <stdlib.h>

#include "base/err.h"

struct head {
    uint32_t last; /* item + 1 */
    uint32_t count;
};

struct item {
    const char *endpoint;
    uint64_t count, total_ns, repeats;
    uint32_t before; /* item + 1 */
};

int uses_init(struct uses *uses)
{
    int result = rowset_init(&uses->heads, sizeof(struct head));
    int other = rowset_init(&uses->items, sizeof(struct item));
    return result < 0 ? result : other;
}

void uses_done(struct uses *uses)
{
    rowset_done(&uses->heads);
    rowset_done(&uses->items);
}

bool uses_failed(const struct uses *uses)
{
    return uses->heads.failed || uses->items.failed;
}

void uses_add(struct uses *uses, uint64_t key, const char *endpoint,
              const struct store_histogram *histogram)
{
    struct head *head = rowset_row(&uses->heads, key);
    uint32_t id = rowset_id(&uses->items, endpoint);
    uint32_t at = head ? (uint32_t)(((char *)head - uses->heads.rows) / (long)sizeof *head) : 0;
    struct item *item = head ? rowset_row(&uses->items, (uint64_t)at << 32 | id) : NULL;
    if (!item)
        return;
    if (!item->endpoint) {
        item->endpoint = rowset_text(&uses->items, id);
        item->before = head->last;
        head->last = uses->items.count;
        head->count++;
    }
    item->count += histogram->count;
    item->total_ns += histogram->total_ns;
    item->repeats += histogram->repeats;
}

/* Time first: what is not timed is ordered by count. */
static int compare(const void *left, const void *right)
{
    const struct item *a = *(const struct item *const *)left;
    const struct item *b = *(const struct item *const *)right;
    if (a->total_ns != b->total_ns)
        return a->total_ns < b->total_ns ? 1 : -1;
    return a->count < b->count ? 1 : a->count > b->count ? -1 : 0;
}

void uses_write(const struct uses *uses, uint64_t key, bool times, struct jsonw *json)
{
    const struct head *head = rowset_find(&uses->heads, key);
    const struct item **items = head ? malloc(head->count * sizeof *items) : NULL;
    uint32_t count = 0;
    for (uint32_t at = items ? head->last : 0; at; count++) {
        items[count] = rowset_at(&uses->items, at - 1);
        at = items[count]->before;
    }
    if (count)
        qsort(items, count, sizeof *items, compare);
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        jsonw_object_begin(json);
        jsonw_key_string(json, "endpoint", items[i]->endpoint);
        jsonw_key_u64(json, "count", items[i]->count);
        if (times) {
            jsonw_key_double(json, "total_s", (double)items[i]->total_ns / 1e9);
            jsonw_key_u64(json, "repeated", items[i]->repeats);
        }
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
    free(items);
}
