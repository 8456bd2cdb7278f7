/* SPDX-License-Identifier: MIT */
/* metric.c - the bytes of a window of metrics: number of values, then three columns: key − the key
 * before, slot − the slot before (of the same key), value.
 *
 * Doubles are whole numbers more often than not (bytes, counts): those are stored as integers,
 * others as eight bytes behind a mark. Of a gauge that was seen once in a window only
 * SLOT_GAUGE_LAST is there: it is also the sum, the smallest and the largest.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/cursor.h"
#include "store/dict.h"
#include "store/metric.h"

#define MAX_VALUES (1u << 24)
#define TIDY_FROM 65536u
#define WHOLE_MAX 4503599627370496.0 /* 2^52: the integers that zigzag and a mark leave whole */

void metrics_init(struct metrics *metrics)
{
    memset(metrics, 0, sizeof *metrics);
}

void metrics_done(struct metrics *metrics)
{
    free(metrics->items);
    memset(metrics, 0, sizeof *metrics);
}

void metrics_reset(struct metrics *metrics)
{
    metrics->count = metrics->tidy_count = 0;
    metrics->next_order = 0;
}

int metrics_add(struct metrics *metrics, uint32_t key, uint32_t slot, uint64_t value)
{
    if (metrics->count == metrics->capacity) {
        uint32_t capacity = metrics->capacity ? metrics->capacity * 2 : 64;
        struct metric *items =
            capacity > MAX_VALUES ? NULL : realloc(metrics->items, capacity * sizeof *items);
        if (!items)
            return ERR_NO_MEMORY;
        metrics->items = items;
        metrics->capacity = capacity;
    }
    metrics->items[metrics->count++] = (struct metric){key, slot, value, metrics->next_order++};
    return 0;
}

int metrics_add_double(struct metrics *metrics, uint32_t key, uint32_t slot, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return metrics_add(metrics, key, slot, bits);
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double metric_double(const struct metric *metric)
{
    return double_of(metric->value);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool is_double(uint32_t slot)
{
    return slot >= SLOT_GAUGE_SUM && slot <= SLOT_GAUGE_LAST;
}

static int compare(const void *left, const void *right)
{
    const struct metric *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

uint64_t metric_combine(uint32_t slot, uint64_t a, uint64_t b)
{
    switch (slot) {
    case SLOT_MAX_NS:
        return a > b ? a : b;
    case SLOT_GAUGE_SUM:
        return bits_of(double_of(a) + double_of(b));
    case SLOT_GAUGE_MIN:
        return double_of(b) < double_of(a) ? b : a;
    case SLOT_GAUGE_MAX:
        return double_of(b) > double_of(a) ? b : a;
    case SLOT_GAUGE_LAST:
        return b;
    default:
        return a + b;
    }
}

void metrics_tidy(struct metrics *metrics)
{
    if (metrics->tidy_count == metrics->count)
        return;
    struct metric *items = metrics->items;
    qsort(items, metrics->count, sizeof *items, compare);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < metrics->count; i++) {
        if (items[kept].key == items[i].key && items[kept].slot == items[i].slot) {
            items[kept].value = metric_combine(items[i].slot, items[kept].value, items[i].value);
            items[kept].order = items[i].order;
        } else {
            items[++kept] = items[i];
        }
    }
    metrics->count = metrics->tidy_count = kept + 1;
}

void metrics_tidy_when_large(struct metrics *metrics)
{
    if (metrics->count >= TIDY_FROM && metrics->count / 2 >= metrics->tidy_count)
        metrics_tidy(metrics);
}

/* -- bytes ---------------------------------------------------------------------------------- */

static bool is_whole(double value)
{
    return value >= -WHOLE_MAX && value <= WHOLE_MAX && value == nearbyint(value) &&
           !(value == 0 && signbit(value));
}

static void add_double(struct buf *out, double value)
{
    if (is_whole(value)) {
        buf_add_varint(out, zigzag((int64_t)value) << 1);
        return;
    }
    uint64_t bits = bits_of(value);
    buf_add_varint(out, 1);
    for (unsigned i = 0; i < 8; i++)
        buf_add_char(out, (char)(bits >> (8 * i)));
}

static uint64_t cursor_double(struct cursor *cursor)
{
    uint64_t head = cursor_u64(cursor);
    if (head != 1) {
        cursor->bad |= (head & 1) != 0;
        return bits_of((double)unzigzag(head >> 1));
    }
    uint64_t bits = 0;
    if (cursor->end - cursor->at < 8) {
        cursor->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < 8; i++)
        bits |= (uint64_t)*cursor->at++ << (8 * i);
    return bits;
}

/* A gauge that was seen once says the same number four times. */
static bool is_said_by_last(const struct metrics *metrics, uint32_t i)
{
    const struct metric *item = &metrics->items[i];
    if (item->slot < SLOT_GAUGE_COUNT || item->slot >= SLOT_GAUGE_LAST)
        return false;
    while (i > 0 && metrics->items[i - 1].key == item->key)
        i--;
    while (metrics->items[i].slot != SLOT_GAUGE_COUNT && metrics->items[i].key == item->key &&
           i + 1 < metrics->count)
        i++;
    return metrics->items[i].slot == SLOT_GAUGE_COUNT && metrics->items[i].value == 1;
}

void metrics_encode(struct metrics *metrics, struct buf *out)
{
    metrics_tidy(metrics);
    struct buf columns[3] = {{0}, {0}, {0}};
    uint32_t key = 0, slot = 0, count = 0;
    for (uint32_t i = 0; i < metrics->count; i++) {
        const struct metric *item = &metrics->items[i];
        if (is_said_by_last(metrics, i))
            continue;
        buf_add_varint(&columns[0], item->key - key);
        buf_add_varint(&columns[1], item->key == key && count ? item->slot - slot : item->slot);
        if (is_double(item->slot))
            add_double(&columns[2], metric_double(item));
        else
            buf_add_varint(&columns[2], item->value);
        key = item->key;
        slot = item->slot;
        count++;
    }
    buf_add_varint(out, count);
    for (size_t i = 0; i < 3; i++) {
        buf_add(out, columns[i].data, columns[i].size);
        out->failed |= buf_failed(&columns[i]);
        buf_done(&columns[i]);
    }
}

static int add_single(struct metrics *metrics, uint32_t key, uint64_t bits)
{
    static const uint32_t slots[] = {SLOT_GAUGE_SUM, SLOT_GAUGE_MIN, SLOT_GAUGE_MAX};
    int result = metrics_add(metrics, key, SLOT_GAUGE_COUNT, 1);
    for (size_t i = 0; i < sizeof slots / sizeof *slots && result == 0; i++)
        result = metrics_add(metrics, key, slots[i], bits);
    return result;
}

int metrics_decode(const struct dict *dict, const void *data, size_t size, struct metrics *metrics)
{
    struct cursor keys = {.at = data, .end = (const unsigned char *)data + size};
    uint32_t count = cursor_count(&keys);
    struct cursor slots = keys;
    for (uint32_t i = 0; i < count; i++)
        cursor_u64(&slots);
    struct cursor values = slots;
    for (uint32_t i = 0; i < count; i++)
        cursor_u64(&values);
    if (keys.bad || slots.bad || values.bad)
        return ERR_BAD_DATA;
    uint32_t key = 0, slot = 0;
    bool counted = false; /* the gauge's count was there: it was seen more than once */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t step = cursor_u32(&keys);
        bool begins = i == 0 || step != 0;
        key += step;
        slot = (begins ? 0 : slot) + cursor_u32(&slots);
        uint64_t value = is_double(slot) ? cursor_double(&values) : cursor_u64(&values);
        if (keys.bad || slots.bad || values.bad || key >= dict->keys.count || slot >= SLOT_MAX)
            return ERR_BAD_DATA;
        counted = slot == SLOT_GAUGE_COUNT || (!begins && counted);
        int result = 0;
        if (slot == SLOT_GAUGE_LAST && !counted)
            result = add_single(metrics, key, value);
        if (result == 0)
            result = metrics_add(metrics, key, slot, value);
        if (result < 0)
            return result;
    }
    return values.at == values.end ? 0 : ERR_BAD_DATA;
}
