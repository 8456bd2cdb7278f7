/* SPDX-License-Identifier: MIT */
/* dict.c - the dictionary, and its parts as bytes.
 *
 * Each kind of entry is a short row of numbers; a part has, per kind, first id, number of entries,
 * and then one column after the other, as differences from the row above: files of functions seen
 * together, parents and lines are near each other. zstd does the rest; a frame takes about 5 bytes
 * and a node 3.
 */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "store/cursor.h"
#include "store/dict.h"

#define MAX_ITEMS (1u << 20) /* series have 20 bits in a window's id; the others need no more */
#define MAX_FIELDS 7u

_Static_assert(sizeof(struct dict_actor) == 32, "no padding");
_Static_assert(sizeof(struct dict_series) == 16, "no padding");
_Static_assert(sizeof(struct dict_key) == 32, "no padding");

int dict_init(struct dict *dict)
{
    *dict = (struct dict){
        .actors.item_size = sizeof(struct dict_actor),
        .series.item_size = sizeof(struct dict_series),
        .keys.item_size = sizeof(struct dict_key),
    };
    dict->shapes = profile_new();
    return dict->shapes ? 0 : ERR_NO_MEMORY;
}

void dict_table_done(struct dict_table *table)
{
    free(table->items);
    map_done(&table->index);
}

void dict_done(struct dict *dict)
{
    profile_free(dict->shapes);
    dict_table_done(&dict->actors);
    dict_table_done(&dict->series);
    dict_table_done(&dict->keys);
    memset(dict, 0, sizeof *dict);
}

static bool table_grow(struct dict_table *table)
{
    if (table->count < table->capacity)
        return true;
    uint32_t capacity = table->capacity ? table->capacity * 2 : 16;
    char *items =
        table->count < MAX_ITEMS ? realloc(table->items, capacity * table->item_size) : NULL;
    if (!items)
        return false;
    table->items = items;
    table->capacity = capacity;
    return true;
}

uint32_t dict_table_add(struct dict_table *table, const void *item)
{
    uint64_t key = XXH3_64bits(item, table->item_size);
    uint32_t id;
    while ((id = map_get(&table->index, key)) != MAP_NONE) {
        if (!memcmp(table->items + id * table->item_size, item, table->item_size))
            return id;
        key = map_mix(key + 1); /* another item with the same hash */
    }
    if (!table_grow(table) || map_set(&table->index, key, table->count) < 0)
        return PROFILE_NONE;
    memcpy(table->items + table->count * table->item_size, item, table->item_size);
    return table->count++;
}

uint32_t dict_actor(struct dict *dict, const struct dict_actor *actor)
{
    return dict_table_add(&dict->actors, actor);
}

uint32_t dict_series(struct dict *dict, const struct dict_series *series)
{
    return dict_table_add(&dict->series, series);
}

uint32_t dict_key(struct dict *dict, const struct dict_key *key)
{
    return dict_table_add(&dict->keys, key);
}

struct dict_mark dict_begin(void)
{
    return (struct dict_mark){.count = {[DICT_STRINGS] = 1, [DICT_NODES] = 1}}; /* "" and root */
}

struct dict_mark dict_end(const struct dict *dict)
{
    return (struct dict_mark){.count = {
                                  [DICT_STRINGS] = dict->shapes->string_count,
                                  [DICT_FRAMES] = dict->shapes->frame_count,
                                  [DICT_NODES] = dict->shapes->node_count,
                                  [DICT_ACTORS] = dict->actors.count,
                                  [DICT_SERIES] = dict->series.count,
                                  [DICT_KEYS] = dict->keys.count,
                              }};
}

bool dict_mark_equal(const struct dict_mark *a, const struct dict_mark *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* -- entries as rows of numbers ------------------------------------------------------------- */

static const unsigned field_count[DICT_KINDS] = {
    [DICT_FRAMES] = 6, [DICT_NODES] = 2, [DICT_ACTORS] = 6, [DICT_SERIES] = 4, [DICT_KEYS] = 7};

static void get_fields(const struct dict *dict, enum dict_kind kind, uint32_t id,
                       uint64_t out[MAX_FIELDS])
{
    if (kind == DICT_FRAMES) {
        const struct profile_frame *frame = &dict->shapes->frames[id];
        uint64_t fields[] = {frame->name,
                             frame->file,
                             frame->full_file,
                             (uint64_t)frame->line,
                             (uint64_t)frame->first_line,
                             frame->kind};
        memcpy(out, fields, sizeof fields);
    } else if (kind == DICT_NODES) {
        const struct profile_node *node = &dict->shapes->nodes[id];
        uint64_t fields[] = {node->parent, node->frame};
        memcpy(out, fields, sizeof fields);
    } else if (kind == DICT_ACTORS) {
        const struct dict_actor *actor = dict_actor_at(dict, id);
        uint64_t fields[] = {actor->started_ns, (uint64_t)actor->pid, (uint64_t)actor->tid,
                             actor->process,    actor->thread,        actor->endpoint};
        memcpy(out, fields, sizeof fields);
    } else if (kind == DICT_SERIES) {
        const struct dict_series *series = dict_series_at(dict, id);
        uint64_t fields[] = {series->service, series->host, series->version, series->type};
        memcpy(out, fields, sizeof fields);
    } else {
        const struct dict_key *key = dict_key_at(dict, id);
        uint64_t fields[] = {key->fingerprint, key->kind,    key->group,        key->name,
                             key->detail,      key->summary, (uint64_t)key->pid};
        memcpy(out, fields, sizeof fields);
    }
}

static bool is_string(const struct dict *dict, uint64_t id)
{
    return id < dict->shapes->string_count;
}

static bool is_i32(uint64_t value)
{
    return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
}

static uint32_t add_frame(struct dict *dict, const uint64_t f[MAX_FIELDS])
{
    if (!is_string(dict, f[0]) || !is_string(dict, f[1]) || !is_string(dict, f[2]) ||
        !is_i32(f[3]) || !is_i32(f[4]) || f[5] > FRAME_OTHER)
        return PROFILE_NONE;
    struct profile_frame frame = {
        .name = (uint32_t)f[0],
        .file = (uint32_t)f[1],
        .full_file = (uint32_t)f[2],
        .line = (int32_t)f[3],
        .first_line = (int32_t)f[4],
        .kind = (enum frame_kind)f[5],
    };
    return profile_frame(dict->shapes, &frame);
}

static uint32_t add_actor(struct dict *dict, const uint64_t f[MAX_FIELDS])
{
    if (!is_i32(f[1]) || !is_i32(f[2]) || !is_string(dict, f[3]) || !is_string(dict, f[4]) ||
        !is_string(dict, f[5]))
        return PROFILE_NONE;
    struct dict_actor actor = {
        .started_ns = f[0],
        .pid = (int32_t)f[1],
        .tid = (int32_t)f[2],
        .process = (uint32_t)f[3],
        .thread = (uint32_t)f[4],
        .endpoint = (uint32_t)f[5],
    };
    return dict_actor(dict, &actor);
}

static uint32_t add_series(struct dict *dict, const uint64_t f[MAX_FIELDS])
{
    if (!is_string(dict, f[0]) || !is_string(dict, f[1]) || !is_string(dict, f[2]) || f[3] > 255)
        return PROFILE_NONE;
    struct dict_series series = {(uint32_t)f[0], (uint32_t)f[1], (uint32_t)f[2], (uint32_t)f[3]};
    return dict_series(dict, &series);
}

static uint32_t add_key(struct dict *dict, const uint64_t f[MAX_FIELDS])
{
    if (f[1] > UINT32_MAX || f[2] > UINT32_MAX || !is_string(dict, f[3]) ||
        !is_string(dict, f[4]) || !is_string(dict, f[5]) || !is_i32(f[6]))
        return PROFILE_NONE;
    struct dict_key key = {
        .fingerprint = f[0],
        .kind = (uint32_t)f[1],
        .group = (uint32_t)f[2],
        .name = (uint32_t)f[3],
        .detail = (uint32_t)f[4],
        .summary = (uint32_t)f[5],
        .pid = (int32_t)f[6],
    };
    return dict_key(dict, &key);
}

static uint32_t add_fields(struct dict *dict, enum dict_kind kind, const uint64_t f[MAX_FIELDS])
{
    switch (kind) {
    case DICT_FRAMES:
        return add_frame(dict, f);
    case DICT_NODES:
        if (f[0] >= dict->shapes->node_count || f[1] >= dict->shapes->frame_count)
            return PROFILE_NONE;
        return profile_node(dict->shapes, (uint32_t)f[0], (uint32_t)f[1]);
    case DICT_ACTORS:
        return add_actor(dict, f);
    case DICT_SERIES:
        return add_series(dict, f);
    default:
        return add_key(dict, f);
    }
}

/* -- parts ---------------------------------------------------------------------------------- */

static void encode_strings(const struct dict *dict, uint32_t from, struct buf *out)
{
    const struct profile *shapes = dict->shapes;
    for (uint32_t i = from; i < shapes->string_count; i++)
        buf_add_varint(out, shapes->strings[i].size);
    for (uint32_t i = from; i < shapes->string_count; i++)
        buf_add(out, shapes->strings[i].text, shapes->strings[i].size);
}

static void encode_rows(const struct dict *dict, enum dict_kind kind, uint32_t from, uint32_t to,
                        struct buf *out)
{
    for (unsigned field = 0; field < field_count[kind]; field++) {
        uint64_t before = 0, fields[MAX_FIELDS];
        for (uint32_t i = from; i < to; i++) {
            get_fields(dict, kind, i, fields);
            add_difference(out, fields[field], before);
            before = fields[field];
        }
    }
}

void dict_encode(const struct dict *dict, const struct dict_mark *from, struct buf *out)
{
    struct dict_mark end = dict_end(dict);
    for (enum dict_kind kind = 0; kind < DICT_KINDS; kind++) {
        uint32_t first = from->count[kind], last = end.count[kind];
        buf_add_varint(out, first);
        buf_add_varint(out, last - first);
        if (kind == DICT_STRINGS)
            encode_strings(dict, first, out);
        else
            encode_rows(dict, kind, first, last, out);
    }
}

static int decode_strings(struct dict *dict, uint32_t first, uint32_t count, struct cursor *cursor)
{
    struct profile *shapes = dict->shapes;
    uint32_t known = shapes->string_count;
    struct cursor sizes = *cursor;
    for (uint32_t i = 0; i < count; i++)
        cursor_u64(cursor);
    for (uint32_t i = 0; i < count && !cursor->bad; i++) {
        uint64_t size = cursor_u64(&sizes);
        if (size > PROFILE_MAX_STRING_BYTES || size > (uint64_t)(cursor->end - cursor->at))
            return ERR_BAD_DATA;
        if (first + i >= known &&
            profile_string(shapes, (const char *)cursor->at, size) != first + i)
            return ERR_BAD_DATA;
        cursor->at += size;
    }
    return cursor->bad ? ERR_BAD_DATA : 0;
}

static int decode_rows(struct dict *dict, enum dict_kind kind, uint32_t first, uint32_t count,
                       struct cursor *cursor)
{
    uint32_t known = dict_end(dict).count[kind];
    struct cursor column[MAX_FIELDS];
    uint64_t fields[MAX_FIELDS] = {0};
    for (unsigned field = 0; field < field_count[kind]; field++) {
        column[field] = *cursor;
        for (uint32_t i = 0; i < count; i++)
            cursor_u64(cursor);
    }
    if (cursor->bad)
        return ERR_BAD_DATA;
    for (uint32_t i = 0; i < count; i++) {
        for (unsigned field = 0; field < field_count[kind]; field++)
            fields[field] = cursor_difference(&column[field], fields[field]);
        if (first + i >= known && add_fields(dict, kind, fields) != first + i)
            return ERR_BAD_DATA;
    }
    return 0;
}

int dict_decode(struct dict *dict, const void *data, size_t size)
{
    struct cursor cursor = {.at = data, .end = (const unsigned char *)data + size};
    for (enum dict_kind kind = 0; kind < DICT_KINDS; kind++) {
        uint32_t first = cursor_u32(&cursor);
        uint32_t count = cursor_count(&cursor);
        if (cursor.bad || first > dict_end(dict).count[kind])
            return ERR_BAD_DATA;
        int result = kind == DICT_STRINGS ? decode_strings(dict, first, count, &cursor)
                                          : decode_rows(dict, kind, first, count, &cursor);
        if (result < 0)
            return result;
    }
    return cursor.at == cursor.end ? 0 : ERR_BAD_DATA;
}
