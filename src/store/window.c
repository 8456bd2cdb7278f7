/* SPDX-License-Identifier: MIT */
/* window.c - the bytes of a window.
 *
 *     flags (1: own weights)  period  8 × stats
 *     sections  then per section, column by column:
 *       actor − the one before, entries, samples, time in µs (or ns, flag 2)
 *     node ids of all entries: ascending within a section, each as the difference − 1
 *     counts of all entries − 1
 *     own weights: per entry, zigzag of weight − what its count would say, in the same unit
 *
 * Without own weights a section's time is shared out by count; the shares of all entries add up to
 * exactly the whole, and so do those of any later sum. The samplers look at random instants, so a
 * stack's time is its count times the mean interval anyway; the jitter of each single interval
 * would double the size of a window and says nothing about the program.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/cursor.h"
#include "store/dict.h"
#include "store/window.h"

#define MAX_ENTRIES (1u << 26)
#define TIDY_FROM 65536u

enum { FLAG_OWN_WEIGHTS = 1, FLAG_NANOSECONDS = 2, FLAGS_KNOWN = 3 };

void window_init(struct window *window)
{
    memset(window, 0, sizeof *window);
}

void window_done(struct window *window)
{
    free(window->entries);
    memset(window, 0, sizeof *window);
}

void window_reset(struct window *window)
{
    struct window_entry *entries = window->entries;
    uint32_t capacity = window->capacity;
    *window = (struct window){.entries = entries, .capacity = capacity};
}

void window_sections_done(struct window_sections *sections)
{
    free(sections->items);
    memset(sections, 0, sizeof *sections);
}

static int reserve(struct window *window, uint32_t more)
{
    if (more <= window->capacity - window->count)
        return 0;
    if (more > MAX_ENTRIES - window->count)
        return ERR_LIMIT;
    uint32_t capacity = window->capacity ? window->capacity * 2 : 64;
    if (capacity < window->count + more)
        capacity = window->count + more;
    struct window_entry *entries = realloc(window->entries, capacity * sizeof *entries);
    if (!entries)
        return ERR_NO_MEMORY;
    window->entries = entries;
    window->capacity = capacity;
    return 0;
}

int window_add(struct window *window, const struct window_entry *entry)
{
    int result = reserve(window, 1);
    if (result == 0)
        window->entries[window->count++] = *entry;
    return result;
}

void window_add_facts(struct window *window, const struct profile_stats *stats, uint64_t period_ns,
                      bool own_weights)
{
    struct profile_stats *sum = &window->stats;
    sum->samples += stats->samples;
    sum->rounds += stats->rounds;
    sum->exact += stats->exact;
    sum->partial += stats->partial;
    sum->lost += stats->lost;
    sum->late += stats->late;
    sum->errors += stats->errors;
    sum->reads += stats->reads;
    window->period_ns = !window->has_period || window->period_ns == period_ns ? period_ns : 0;
    window->has_period = true;
    window->own_weights |= own_weights;
}

static int compare(const void *left, const void *right)
{
    const struct window_entry *a = left, *b = right;
    if (a->actor != b->actor)
        return a->actor < b->actor ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

void window_tidy(struct window *window)
{
    if (window->tidy_count == window->count)
        return;
    struct window_entry *entries = window->entries;
    qsort(entries, window->count, sizeof *entries, compare);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < window->count; i++) {
        if (compare(&entries[kept], &entries[i]) == 0) {
            entries[kept].count += entries[i].count;
            entries[kept].weight_ns += entries[i].weight_ns;
        } else {
            entries[++kept] = entries[i];
        }
    }
    window->count = window->tidy_count = kept + 1;
}

void window_tidy_when_large(struct window *window)
{
    if (window->count >= TIDY_FROM && window->count / 2 >= window->tidy_count)
        window_tidy(window);
}

__extension__ typedef unsigned __int128 wide; /* both compilers have it on every 64-bit machine */

/* The part of `whole` that the entries up to a running count have. */
static uint64_t share(uint64_t whole, uint64_t running, uint64_t samples)
{
    return samples ? (uint64_t)((wide)whole * running / samples) : 0;
}

/* -- writing -------------------------------------------------------------------------------- */

static uint32_t section_end(const struct window *window, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < window->count && window->entries[end].actor == window->entries[first].actor)
        end++;
    return end;
}

static struct window_section section_at(const struct window *window, uint32_t first)
{
    struct window_section section = {.actor = window->entries[first].actor,
                                     .first = first,
                                     .count = section_end(window, first) - first};
    for (uint32_t i = first; i < first + section.count; i++) {
        section.samples += window->entries[i].count;
        section.weight_ns += window->entries[i].weight_ns;
    }
    return section;
}

static bool in_microseconds(const struct window *window)
{
    for (uint32_t i = 0; i < window->count; i++)
        if (window->entries[i].weight_ns % 1000)
            return false;
    return true;
}

static void encode_facts(const struct window *window, unsigned flags, struct buf *out)
{
    const struct profile_stats *stats = &window->stats;
    const uint64_t facts[] = {flags,         window->period_ns, stats->samples, stats->rounds,
                              stats->exact,  stats->partial,    stats->lost,    stats->late,
                              stats->errors, stats->reads};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        buf_add_varint(out, facts[i]);
}

static void encode_sections(const struct window *window, uint64_t unit, struct buf *out)
{
    struct buf columns[3] = {{0}, {0}, {0}};
    uint32_t sections = 0, actor = 0;
    struct buf actors = {0};
    for (uint32_t first = 0; first < window->count;) {
        struct window_section section = section_at(window, first);
        buf_add_varint(&actors, section.actor - actor);
        buf_add_varint(&columns[0], section.count);
        buf_add_varint(&columns[1], section.samples);
        buf_add_varint(&columns[2], section.weight_ns / unit);
        actor = section.actor;
        first += section.count;
        sections++;
    }
    buf_add_varint(out, sections);
    buf_add(out, actors.data, actors.size);
    out->failed |= buf_failed(&actors);
    buf_done(&actors);
    for (size_t i = 0; i < 3; i++) {
        buf_add(out, columns[i].data, columns[i].size);
        out->failed |= buf_failed(&columns[i]);
        buf_done(&columns[i]);
    }
}

static void encode_weights(const struct window *window, uint64_t unit, struct buf *out)
{
    for (uint32_t first = 0; first < window->count;) {
        struct window_section section = section_at(window, first);
        uint64_t running = 0, whole = section.weight_ns / unit, before = 0;
        for (uint32_t i = first; i < first + section.count; i++) {
            running += window->entries[i].count;
            uint64_t until = share(whole, running, section.samples);
            add_difference(out, window->entries[i].weight_ns / unit, until - before);
            before = until;
        }
        first += section.count;
    }
}

void window_encode(struct window *window, struct buf *out)
{
    window_tidy(window);
    const struct window_entry *entries = window->entries;
    bool microseconds = in_microseconds(window);
    uint64_t unit = microseconds ? 1000 : 1;
    unsigned flags =
        (window->own_weights ? FLAG_OWN_WEIGHTS : 0u) | (microseconds ? 0u : FLAG_NANOSECONDS);
    encode_facts(window, flags, out);
    encode_sections(window, unit, out);
    for (uint32_t i = 0; i < window->count; i++) {
        bool begins = i == 0 || entries[i].actor != entries[i - 1].actor;
        buf_add_varint(out, begins ? entries[i].node : entries[i].node - entries[i - 1].node - 1);
    }
    for (uint32_t i = 0; i < window->count; i++)
        buf_add_varint(out, entries[i].count);
    if (window->own_weights)
        encode_weights(window, unit, out);
}

/* -- reading -------------------------------------------------------------------------------- */

static unsigned decode_facts(struct cursor *cursor, struct window *window)
{
    uint64_t facts[10];
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        facts[i] = cursor_u64(cursor);
    struct profile_stats stats = {facts[2], facts[3], facts[4], facts[5],
                                  facts[6], facts[7], facts[8], facts[9]};
    cursor->bad |= facts[0] > FLAGS_KNOWN;
    if (window && !cursor->bad)
        window_add_facts(window, &stats, facts[1], facts[0] & FLAG_OWN_WEIGHTS);
    return (unsigned)facts[0];
}

static int sections_fit(struct window_sections *sections, uint32_t count)
{
    if (count <= sections->capacity)
        return 0;
    struct window_section *items = realloc(sections->items, count * sizeof *items);
    if (!items)
        return ERR_NO_MEMORY;
    sections->items = items;
    sections->capacity = count;
    return 0;
}

static int decode_sections(const struct dict *dict, struct cursor *cursor, uint64_t unit,
                           struct window_sections *sections, uint32_t *total)
{
    uint32_t count = cursor_count(cursor), actor = 0;
    uint64_t entries = 0;
    if (cursor->bad || sections_fit(sections, count) < 0)
        return cursor->bad ? ERR_BAD_DATA : ERR_NO_MEMORY;
    sections->count = count;
    struct window_section *items = sections->items;
    for (uint32_t i = 0; i < count; i++) {
        actor += cursor_u32(cursor);
        cursor->bad |= actor >= dict->actors.count;
        items[i].actor = actor;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i].first = (uint32_t)entries;
        items[i].count = cursor_count(cursor);
        entries += items[i].count;
        cursor->bad |= entries > MAX_ENTRIES;
    }
    for (uint32_t i = 0; i < count; i++)
        items[i].samples = cursor_u64(cursor);
    for (uint32_t i = 0; i < count; i++)
        items[i].weight_ns = cursor_u64(cursor) * unit;
    *total = (uint32_t)entries;
    return cursor->bad || entries > (uint64_t)(cursor->end - cursor->at) ? ERR_BAD_DATA : 0;
}

/* The sections say how many entries there are; `to` has room for all. */
static bool decode_entries(const struct dict *dict, struct cursor *cursor,
                           const struct window_sections *sections, struct window_entry *to)
{
    uint32_t nodes = dict->shapes->node_count;
    for (uint32_t s = 0; s < sections->count; s++) {
        const struct window_section *section = &sections->items[s];
        uint64_t node = 0;
        for (uint32_t i = section->first; i < section->first + section->count; i++) {
            uint64_t step = cursor_u64(cursor);
            node = i == section->first ? step : node + step + 1;
            if (step >= nodes || node >= nodes)
                return false;
            to[i].actor = section->actor;
            to[i].node = (uint32_t)node;
        }
    }
    for (uint32_t s = 0; s < sections->count; s++) {
        const struct window_section *section = &sections->items[s];
        uint64_t samples = 0;
        for (uint32_t i = section->first; i < section->first + section->count; i++)
            samples += to[i].count = cursor_u64(cursor);
        if (samples != section->samples)
            return false;
    }
    return !cursor->bad;
}

static void decode_weights(struct cursor *cursor, bool own, uint64_t unit,
                           const struct window_sections *sections, struct window_entry *to)
{
    for (uint32_t s = 0; s < sections->count; s++) {
        const struct window_section *section = &sections->items[s];
        uint64_t running = 0, before = 0, whole = section->weight_ns / unit;
        for (uint32_t i = section->first; i < section->first + section->count; i++) {
            running += to[i].count;
            uint64_t until = share(whole, running, section->samples);
            uint64_t weight = until - before;
            to[i].weight_ns = (own ? cursor_difference(cursor, weight) : weight) * unit;
            before = until;
        }
    }
}

int window_decode(const struct dict *dict, const void *data, size_t size, struct window *window,
                  struct window_sections *sections)
{
    struct cursor cursor = {.at = data, .end = (const unsigned char *)data + size};
    unsigned flags = decode_facts(&cursor, window);
    uint64_t unit = flags & FLAG_NANOSECONDS ? 1 : 1000;
    uint32_t total = 0;
    int result = decode_sections(dict, &cursor, unit, sections, &total);
    if (result < 0 || !window)
        return result;
    result = reserve(window, total);
    if (result < 0)
        return result;
    struct window_entry *to = window->entries + window->count;
    if (!decode_entries(dict, &cursor, sections, to))
        return ERR_BAD_DATA;
    decode_weights(&cursor, flags & FLAG_OWN_WEIGHTS, unit, sections, to);
    if (cursor.bad || cursor.at != cursor.end)
        return ERR_BAD_DATA;
    window->count += total;
    return 0;
}
