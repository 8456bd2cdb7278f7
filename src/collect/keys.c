/* SPDX-License-Identifier: MIT */
/* keys.c - texts, keys, and what they counted since they were last looked at.
 *
 * Texts are copied at their first use: the process could change them while somebody prints them.
 * String ids are offsets, so a hostile process can make texts overlap, half a million of them; a
 * ceiling on all copies together is the answer.
 *
 * What a key had counted last time is kept as the buckets that are not 0, which are about a
 * hundred of 2368. A key whose count has not moved is not looked into. Count and histogram are two
 * stores of the writer, so one may be ahead; such a key is looked into again even if its count
 * stands still.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collect/histogram.h"
#include "collect/own.h"

#define STRING_UNIT 8u /* an id counts these */

/* ---- texts --------------------------------------------------------------------------------- */

static char *keep_text(struct collect *collect, const char *text, uint32_t size)
{
    if (collect->text_count == collect->text_capacity) {
        uint32_t capacity = collect->text_capacity ? 2 * collect->text_capacity : 64;
        char **list = realloc(collect->text_list, capacity * sizeof *list);
        if (!list)
            return NULL;
        collect->text_list = list;
        collect->text_capacity = capacity;
    }
    char *copy = malloc(size + 1u);
    if (!copy)
        return NULL;
    memcpy(copy, text, size);
    copy[size] = 0;
    collect->text_list[collect->text_count++] = copy;
    collect->text_bytes += size + 1u + sizeof(char *);
    return copy;
}

static uint32_t strings_used(const struct collect *collect)
{
    uint32_t used = __atomic_load_n(&collect_header(collect)->strings_used, __ATOMIC_ACQUIRE);
    return used < collect->strings_bytes ? used : collect->strings_bytes;
}

/* NULL: no such string. */
static const char *find_text(const struct collect *collect, uint32_t id, uint32_t *size)
{
    uint64_t offset = (uint64_t)id * STRING_UNIT, used = strings_used(collect);
    uint64_t head = offsetof(struct agent_string, text);
    if (id == 0 || offset + head > used)
        return NULL;
    const struct agent_string *string = (const void *)(collect->strings + offset);
    *size = __atomic_load_n(&string->size, __ATOMIC_RELAXED);
    if (*size > AGENT_STRING_MAX || *size > used - offset - head)
        return NULL;
    return string->text;
}

const char *collect_string(struct collect *collect, uint32_t id)
{
    uint32_t size, index = map_get(&collect->texts, id);
    if (index != MAP_NONE)
        return collect->text_list[index];
    const char *text = find_text(collect, id, &size);
    if (!text)
        return "";
    if (collect->text_bytes + size > COLLECT_MAX_TEXT_BYTES) {
        collect->stats.texts_refused++;
        return "";
    }
    const char *copy = keep_text(collect, text, size);
    if (!copy)
        return "";
    map_set(&collect->texts, id,
            collect->text_count - 1); /* without memory: copied again, bounded */
    return copy;
}

/* ---- keys ---------------------------------------------------------------------------------- */

const char *collect_kind_name(enum agent_kind kind)
{
    static const char *const names[AGENT_KINDS] = {
        [AGENT_KIND_NONE] = "none",         [AGENT_KIND_REQUEST] = "request",
        [AGENT_KIND_TASK] = "task",         [AGENT_KIND_STATEMENT] = "statement",
        [AGENT_KIND_OUTBOUND] = "outbound", [AGENT_KIND_CACHE] = "cache",
        [AGENT_KIND_TEMPLATE] = "template", [AGENT_KIND_EXCEPTION] = "exception",
        [AGENT_KIND_USER] = "span",         [AGENT_KIND_GC] = "gc",
        [AGENT_KIND_QUEUE] = "queue",       [AGENT_KIND_LOOP] = "loop",
    };
    return names[kind < AGENT_KINDS ? kind : AGENT_KIND_NONE];
}

uint32_t keys_used(const struct collect *collect)
{
    uint32_t used = __atomic_load_n(&collect_header(collect)->keys_used, __ATOMIC_ACQUIRE);
    return used < collect->facts.keys_limit ? used : collect->facts.keys_limit;
}

uint32_t collect_key_count(const struct collect *collect)
{
    return keys_used(collect);
}

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

bool collect_key(struct collect *collect, uint32_t index, struct collect_key *out)
{
    if (index == 0 || index >= keys_used(collect))
        return false;
    const struct agent_key *key = &collect->keys[index];
    bool is_other = index < AGENT_KINDS;
    uint32_t kind = is_other ? index : __atomic_load_n(&key->kind, __ATOMIC_RELAXED);
    if (kind == AGENT_KIND_NONE || kind >= AGENT_KINDS)
        return false;
    *out = (struct collect_key){
        .kind = (enum agent_kind)kind,
        .name = is_other ? "" : collect_string(collect, key->name),
        .detail = is_other ? "" : collect_string(collect, key->detail),
        .summary = is_other ? "" : collect_string(collect, key->summary),
        .group = is_other ? 0 : key->group,
        .is_other = is_other,
        .fingerprint = key->fingerprint,
        .count = load(&key->count),
        .errors = load(&key->errors),
        .total_ns = load(&key->total_ns),
        .max_ns = load(&key->max_ns),
        .rows = load(&key->rows),
        .repeats = load(&key->repeats),
        .first_ns = load(&key->first_ns),
        .last_ns = load(&key->last_ns),
    };
    return true;
}

/* ---- changes ------------------------------------------------------------------------------- */

/* A counter that went backwards belongs to a process that lies: nothing is made of it. */
static uint64_t growth(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* The buckets that are not 0 now, into scratch[0]; those that grew, into scratch[1]. */
static uint32_t compare_buckets(struct collect *collect, uint32_t index, uint32_t *now_count)
{
    const uint32_t *buckets = collect->histograms[index].buckets;
    const struct key_seen *seen = &collect->seen[index];
    struct collect_bucket *now = collect->scratch[0], *grown = collect->scratch[1];
    uint32_t before_at = 0, grown_count = 0, count = 0;
    for (uint32_t i = 0; i < AGENT_HISTOGRAM_BUCKETS; i++) {
        uint32_t value = __atomic_load_n(&buckets[i], __ATOMIC_RELAXED), before = 0;
        if (before_at < seen->bucket_count && seen->buckets[before_at].index == i)
            before = seen->buckets[before_at++].count;
        if (value)
            now[count++] = (struct collect_bucket){i, value};
        if (value != before) /* a counter of 32 bits may wrap */
            grown[grown_count++] = (struct collect_bucket){i, value - before};
    }
    *now_count = count;
    return grown_count;
}

static int remember_buckets(struct key_seen *seen, const struct collect_bucket *now, uint32_t count)
{
    if (count > seen->bucket_count) {
        struct collect_bucket *buckets = realloc(seen->buckets, count * sizeof *buckets);
        if (!buckets)
            return ERR_NO_MEMORY;
        seen->buckets = buckets;
    }
    seen->bucket_count = count;
    seen->bucket_total = 0;
    for (uint32_t i = 0; i < count; i++) {
        seen->buckets[i] = now[i];
        seen->bucket_total += now[i].count;
    }
    return 0;
}

static uint64_t max_of_change(const struct collect_change *change, const struct key_seen *seen)
{
    if (change->key.max_ns != seen->max_ns || !change->bucket_count)
        return change->bucket_count ? change->key.max_ns : 0;
    uint64_t middle = histogram_middle(change->buckets[change->bucket_count - 1].index);
    return middle < change->key.max_ns ? middle : change->key.max_ns;
}

static int look_into(struct collect *collect, struct collect_change *change)
{
    struct key_seen *seen = &collect->seen[change->index];
    const struct collect_key *key = &change->key;
    uint32_t now_count;
    change->count = growth(key->count, seen->count);
    change->errors = growth(key->errors, seen->errors);
    change->total_ns = growth(key->total_ns, seen->total_ns);
    change->rows = growth(key->rows, seen->rows);
    change->repeats = growth(key->repeats, seen->repeats);
    change->bucket_count = compare_buckets(collect, change->index, &now_count);
    change->buckets = collect->scratch[1];
    change->max_ns = max_of_change(change, seen);
    int result = remember_buckets(seen, collect->scratch[0], now_count);
    if (result < 0)
        return result;
    seen->count = key->count;
    seen->errors = key->errors;
    seen->total_ns = key->total_ns;
    seen->rows = key->rows;
    seen->repeats = key->repeats;
    seen->max_ns = key->max_ns;
    return 0;
}

int collect_changes(struct collect *collect,
                    void (*see)(void *context, const struct collect_change *change), void *context)
{
    uint32_t used = keys_used(collect);
    for (uint32_t i = 1; i < used; i++) {
        const struct key_seen *seen = &collect->seen[i];
        uint64_t count = load(&collect->keys[i].count);
        if (count == 0 || (count == seen->count && count == seen->bucket_total))
            continue;
        struct collect_change change = {.index = i};
        if (!collect_key(collect, i, &change.key))
            continue;
        int result = look_into(collect, &change);
        if (result < 0)
            return result;
        if (change.count || change.bucket_count)
            see(context, &change);
    }
    return 0;
}

void keys_done(struct collect *collect)
{
    for (uint32_t i = 0; collect->seen && i < collect->facts.keys_limit; i++)
        free(collect->seen[i].buckets);
    free(collect->seen);
    free(collect->scratch[0]);
    free(collect->scratch[1]);
    for (uint32_t i = 0; i < collect->text_count; i++)
        free(collect->text_list[i]);
    free(collect->text_list);
    map_done(&collect->texts);
}
