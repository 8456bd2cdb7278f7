/* SPDX-License-Identifier: MIT */
/* object.c - dicts and instances as they lie in memory.
 *
 * A dict is a header and a table of keys, which holds hash slots that we do not need and, behind
 * them, the entries in order of insertion:
 *
 *   PyDictObject ─ma_keys─► [header][indices, 1 to 8 bytes × size][entry][entry]…
 *                ─ma_values─► the values, when the table is shared between instances ("split")
 *
 * An entry is {hash, key, value}; from 3.11 on, where all keys are str, only {key, value}. We read
 * the entries from the first to the last and compare the keys' text; the hash of a str is secret.
 *
 * An instance's attributes are, by version:
 *
 *   3.6-3.10   a dict at tp_dictoffset                       (ATTRIBUTES_DICT_ONLY)
 *   3.11       words before the object: values -4, dict -3   (ATTRIBUTES_TWO_SLOTS)
 *   3.12       one word at -3: a dict, or values minus one   (ATTRIBUTES_TAGGED_SLOT)
 *   3.13+      a dict at -3 (free-threaded: -1), or values behind the object's basicsize, with a
 *              header {capacity, size, embedded, valid}      (ATTRIBUTES_INLINE)
 *
 * Values without a dict go with the keys of the class (ht_cached_keys). Classes without the managed
 * dict flag keep a dict at tp_dictoffset in every version.
 */
#include "unwind/object.h"

#include <string.h>

#include "base/err.h"

#define DICT_ENTRY_GENERAL 24u
#define DICT_ENTRY_STR 16u
#define KEYS_BYTES 64u /* of a keys object that we look at */
#define KEYS_LOG2_MAX 40u
#define SPLIT_MAX 64u /* keys of a shared table; CPython's SHARED_KEYS_MAX_SIZE is 30 */
#define BASICSIZE_MAX (1 << 24)
#define FIND_NAME_MAX 64u
#define SET_SCAN_MAX 4096u          /* slots of a set's table */
#define SET_ENTRY 16u               /* {key, hash} */
#define TAG_INLINE_VALUES (1u << 2) /* Py_TPFLAGS_INLINE_VALUES, 3.13 */
#define TAG_MANAGED_DICT (1u << 4)  /* Py_TPFLAGS_MANAGED_DICT, 3.11 */

enum attributes {
    ATTRIBUTES_DICT_ONLY,
    ATTRIBUTES_TWO_SLOTS,
    ATTRIBUTES_TAGGED_SLOT,
    ATTRIBUTES_INLINE,
};

struct layout {
    uint8_t minor;
    bool free_threaded;
    int32_t type_dict, qualname, cached_keys;
    enum attributes attributes;
    int32_t dict_slot;
    int32_t cells, frees;
};

static const struct layout layouts[] = {
#include "unwind/object_layout.inc"
};

static const struct layout *layout_of(const struct target *target)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (target->version_hex >> 16 == (0x0300u | layouts[i].minor) &&
            target->abi.free_threaded == layouts[i].free_threaded)
            return &layouts[i];
    return NULL;
}

static uint64_t load_u64(const uint8_t *at, int32_t offset)
{
    uint64_t value;
    memcpy(&value, at + offset, sizeof value);
    return value;
}

static int read_u64(struct target *target, uint64_t from, uint64_t *out)
{
    return target_read(target, (struct raddr){from}, out, sizeof *out);
}

int object_read_pointer(struct target *target, uint64_t from, uint64_t *out)
{
    uint64_t value;
    int result = read_u64(target, from, &value);
    if (result < 0)
        return result;
    if (!value || value & 7)
        return ERR_BAD_DATA;
    *out = value;
    return 0;
}

/* ---- types --------------------------------------------------------------------------------- */

/* A C string of unknown length, not beyond the page it begins on when the next cannot be read. */
static int read_c_string(struct target *target, uint64_t from, char *out, size_t limit)
{
    size_t to_page_end = 4096 - (from & 4095);
    size_t first = to_page_end < limit - 1 ? to_page_end : limit - 1;
    int result = target_read(target, (struct raddr){from}, out, first);
    if (result < 0)
        return result;
    out[first] = 0;
    if (strlen(out) < first || first == limit - 1)
        return 0;
    result = target_read(target, (struct raddr){from + first}, out + first, limit - 1 - first);
    out[limit - 1] = 0;
    return result;
}

static int read_type(struct target *target, uint64_t type, struct object_type *out)
{
    const struct pyabi *abi = &target->abi;
    uint8_t bytes[512];
    size_t size = (size_t)abi->type.dictoffset + 8;
    if (abi->type.dictoffset == PYABI_NONE || abi->type.basicsize == PYABI_NONE ||
        size > sizeof bytes || !type || type & 7)
        return ERR_BAD_DATA;
    int result = target_read(target, (struct raddr){type}, bytes, size);
    if (result < 0)
        return result;
    struct object_type found = {.address = type,
                                .name_address = load_u64(bytes, abi->type.name),
                                .flags = load_u64(bytes, abi->type.flags),
                                .basicsize = (int64_t)load_u64(bytes, abi->type.basicsize),
                                .dictoffset = (int64_t)load_u64(bytes, abi->type.dictoffset)};
    if (!(found.flags & OBJECT_READY) || found.basicsize < abi->object.size ||
        found.basicsize > BASICSIZE_MAX)
        return ERR_BAD_DATA;
    *out = found;
    return 0;
}

int object_type_read(struct target *target, uint64_t type, struct object_type *out)
{
    struct target_journal *journal = target->journal;
    target->journal = NULL;
    int result = read_type(target, type, out);
    target->journal = journal;
    return result;
}

int object_type_name(struct target *target, struct object_type *type)
{
    struct target_journal *journal = target->journal;
    target->journal = NULL;
    int result = read_c_string(target, type->name_address, type->name, sizeof type->name);
    target->journal = journal;
    return result;
}

int object_type_of(struct target *target, uint64_t object, struct object_type *out)
{
    uint64_t type;
    if (!object || object & 7)
        return ERR_BAD_DATA;
    int result = object_read_pointer(target, object + (uint64_t)target->abi.object.type, &type);
    return result < 0 ? result : object_type_read(target, type, out);
}

bool object_type_is(const struct object_type *type, const char *name)
{
    return !(type->flags & OBJECT_HEAP_TYPE) && strcmp(type->name, name) == 0;
}

/* The object at `from`, when it is of the wanted kind. */
static int read_object(struct target *target, uint64_t from, uint32_t kind, uint64_t *out)
{
    struct object_type type;
    uint64_t object;
    int result = object_read_pointer(target, from, &object);
    if (result == 0)
        result = object_type_of(target, object, &type);
    if (result < 0)
        return result;
    if (!(type.flags & kind))
        return ERR_BAD_DATA;
    *out = object;
    return 0;
}

int object_class_names(struct target *target, const struct object_type *type, uint64_t *module,
                       uint64_t *qualname)
{
    const struct layout *layout = layout_of(target);
    struct object_dict dict;
    struct object_entry entry;
    uint64_t dict_address, name;
    if (!layout || !(type->flags & OBJECT_HEAP_TYPE))
        return ERR_NOT_FOUND;
    int result = read_object(target, type->address + (uint64_t)layout->type_dict, OBJECT_DICT,
                             &dict_address);
    if (result == 0)
        result = object_dict_open(target, dict_address, &dict);
    if (result == 0)
        result = object_dict_find(target, &dict, "__module__", &entry);
    if (result == 0)
        result = read_object(target, type->address + (uint64_t)layout->qualname, OBJECT_STR, &name);
    if (result < 0)
        return result;
    *module = entry.value;
    *qualname = name;
    return 0;
}

/* ---- dicts --------------------------------------------------------------------------------- */

/* Bytes of all hash slots: up to 3.10 by the rule of Objects/dict-common.h, DK_IXSIZE. */
static bool keys_layout(const struct pyabi *abi, const uint8_t *keys, uint64_t *indices_size,
                        bool *str_only)
{
    *str_only = false;
    if (abi->dict.keys_log2_size != PYABI_NONE) {
        uint8_t log2_size = keys[abi->dict.keys_log2_size];
        uint8_t log2_bytes = keys[abi->dict.keys_log2_index_bytes];
        *str_only = keys[abi->dict.keys_kind] != 0;
        *indices_size = (uint64_t)1 << (log2_bytes & 63);
        return log2_size <= KEYS_LOG2_MAX && log2_bytes >= log2_size && log2_bytes <= log2_size + 3;
    }
    uint64_t size = load_u64(keys, abi->dict.keys_size);
    uint64_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;
    *indices_size = size * width;
    return size && !(size & (size - 1)) && size <= (uint64_t)1 << KEYS_LOG2_MAX;
}

static int keys_open(struct target *target, uint64_t keys_slot, uint64_t keys,
                     struct object_dict *out)
{
    const struct pyabi *abi = &target->abi;
    uint8_t bytes[KEYS_BYTES];
    uint64_t indices_size;
    bool str_only;
    size_t size = (size_t)abi->dict.keys_indices;
    if (abi->dict.keys_indices == PYABI_NONE || size > sizeof bytes)
        return ERR_UNSUPPORTED;
    int result = target_read(target, (struct raddr){keys}, bytes, size);
    if (result < 0)
        return result;
    uint64_t count = load_u64(bytes, abi->dict.keys_nentries);
    if (!keys_layout(abi, bytes, &indices_size, &str_only) || count > indices_size)
        return ERR_BAD_DATA;
    if (count > OBJECT_DICT_MAX)
        return ERR_LIMIT;
    out->keys_slot = keys_slot;
    out->keys = keys;
    out->entries = keys + size + indices_size;
    out->entry_count = (uint32_t)count;
    out->entry_size = str_only ? DICT_ENTRY_STR : DICT_ENTRY_GENERAL;
    out->key_offset = str_only ? 0 : 8;
    out->has_hash = !str_only;
    return 0;
}

/* Where the pointers begin in a struct of split values: 3.13 put a header before them. */
static uint64_t values_begin(const struct layout *layout, uint64_t values)
{
    return layout && layout->attributes == ATTRIBUTES_INLINE ? values + 8 : values;
}

static bool is_dict(struct target *target, struct object_type *type)
{
    if (type->flags & OBJECT_DICT)
        return true;
    return target->version_hex >= 0x030f0000 && object_type_name(target, type) == 0 &&
           object_type_is(type, "frozendict"); /* PEP 814 */
}

int object_dict_open(struct target *target, uint64_t dict, struct object_dict *out)
{
    const struct pyabi *abi = &target->abi;
    const struct layout *layout = layout_of(target);
    struct object_type type;
    struct object_dict found = {0};
    uint8_t bytes[128];
    size_t size = (size_t)abi->dict.values + 8;
    int result = object_type_of(target, dict, &type);
    if (result < 0)
        return result;
    if (!is_dict(target, &type))
        return ERR_BAD_DATA;
    if (abi->dict.used == PYABI_NONE || size > sizeof bytes)
        return ERR_UNSUPPORTED;
    result = target_read(target, (struct raddr){dict}, bytes, size);
    if (result < 0)
        return result;
    uint64_t keys = load_u64(bytes, abi->dict.keys), values = load_u64(bytes, abi->dict.values);
    if (!keys || keys & 7 || values & 7)
        return ERR_BAD_DATA;
    result = keys_open(target, dict + (uint64_t)abi->dict.keys, keys, &found);
    if (result < 0)
        return result;
    if (values && (!layout || found.entry_count > SPLIT_MAX))
        return layout ? ERR_BAD_DATA : ERR_UNSUPPORTED;
    found.used = load_u64(bytes, abi->dict.used);
    if (found.used > found.entry_count)
        return ERR_BAD_DATA;
    found.values = values ? values_begin(layout, values) : 0;
    *out = found;
    return 0;
}

/* The keys of a class with values that are not in a dict. */
static int split_open(struct target *target, const struct object_type *type,
                      const struct layout *layout, uint64_t values, struct object_dict *out)
{
    struct object_dict found = {0};
    uint64_t keys, keys_slot = type->address + (uint64_t)layout->cached_keys;
    int result = object_read_pointer(target, keys_slot, &keys);
    if (result == 0)
        result = keys_open(target, keys_slot, keys, &found);
    if (result < 0)
        return result;
    if (found.has_hash || found.entry_count > SPLIT_MAX)
        return ERR_BAD_DATA;
    found.values = values;
    *out = found;
    return 0;
}

static int inline_values_open(struct target *target, uint64_t instance,
                              const struct object_type *type, const struct layout *layout,
                              struct object_dict *out)
{
    struct {
        uint8_t capacity, size, embedded, valid;
    } header;
    uint64_t values = instance + (uint64_t)type->basicsize;
    if (!(type->flags & TAG_INLINE_VALUES))
        return ERR_NOT_FOUND;
    int result = target_read(target, (struct raddr){values}, &header, sizeof header);
    if (result < 0)
        return result;
    if (header.embedded != 1 || header.valid > 1 || header.size > header.capacity ||
        header.capacity > SPLIT_MAX)
        return ERR_BAD_DATA;
    if (!header.valid)
        return ERR_NOT_FOUND;
    result = split_open(target, type, layout, values_begin(layout, values), out);
    if (result == 0 && out->entry_count > header.capacity)
        out->entry_count = header.capacity;
    return result;
}

static int managed_open(struct target *target, uint64_t instance, const struct object_type *type,
                        const struct layout *layout, struct object_dict *out)
{
    uint64_t word, values;
    int result = read_u64(target, instance + (uint64_t)(int64_t)layout->dict_slot, &word);
    if (result < 0)
        return result;
    if (layout->attributes == ATTRIBUTES_TAGGED_SLOT && word & 1)
        return split_open(target, type, layout, word + 1, out);
    if (word)
        return object_dict_open(target, word, out);
    if (layout->attributes == ATTRIBUTES_INLINE)
        return inline_values_open(target, instance, type, layout, out);
    if (layout->attributes != ATTRIBUTES_TWO_SLOTS)
        return ERR_NOT_FOUND;
    result =
        object_read_pointer(target, instance + (uint64_t)(int64_t)layout->dict_slot - 8, &values);
    return result < 0 ? result : split_open(target, type, layout, values, out);
}

int object_attributes_open(struct target *target, uint64_t instance, struct object_dict *out)
{
    const struct layout *layout = layout_of(target);
    struct object_type type;
    uint64_t dict;
    int result = object_type_of(target, instance, &type);
    if (result < 0)
        return result;
    if (!layout)
        return ERR_UNSUPPORTED;
    if (layout->attributes != ATTRIBUTES_DICT_ONLY && type.flags & TAG_MANAGED_DICT)
        return managed_open(target, instance, &type, layout, out);
    if (type.dictoffset <= 0 || type.dictoffset > type.basicsize - 8)
        return ERR_NOT_FOUND;
    result = object_read_pointer(target, instance + (uint64_t)type.dictoffset, &dict);
    return result < 0 ? result : object_dict_open(target, dict, out);
}

/* md_dict is the first field of a module in every version (Include/internal/pycore_moduleobject.h).
 */
int object_module_open(struct target *target, uint64_t module, struct object_dict *out)
{
    uint64_t dict;
    int result = object_read_pointer(target, module + (uint64_t)target->abi.object.size, &dict);
    return result < 0 ? result : object_dict_open(target, dict, out);
}

/* ---- walking a dict ------------------------------------------------------------------------ */

void object_cursor_init(struct object_cursor *cursor, const struct object_dict *dict)
{
    cursor->dict = dict;
    cursor->at = 0;
    cursor->block_at = 0;
    cursor->block_count = 0;
}

/* Reads the next entries and keeps those that are items. */
static int fill_block(struct object_cursor *cursor, struct target *target)
{
    const struct object_dict *dict = cursor->dict;
    uint8_t bytes[OBJECT_BLOCK * DICT_ENTRY_GENERAL];
    uint64_t values[OBJECT_BLOCK];
    uint32_t left = dict->entry_count - cursor->at;
    uint32_t count = left < OBJECT_BLOCK ? left : OBJECT_BLOCK;
    uint64_t from = dict->entries + (uint64_t)cursor->at * dict->entry_size;
    int result = target_read(target, (struct raddr){from}, bytes, count * dict->entry_size);
    if (result == 0 && dict->values)
        result = target_read(target, (struct raddr){dict->values + 8 * (uint64_t)cursor->at},
                             values, count * sizeof *values);
    if (result < 0)
        return result;
    cursor->block_at = cursor->block_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = bytes + i * dict->entry_size;
        struct object_entry entry = {
            .hash = dict->has_hash ? load_u64(at, 0) : 0,
            .key = load_u64(at, (int32_t)dict->key_offset),
            .value = dict->values ? values[i] : load_u64(at, (int32_t)dict->key_offset + 8),
            .slot = dict->values ? dict->values + 8 * (uint64_t)(cursor->at + i)
                                 : from + i * dict->entry_size + dict->key_offset + 8};
        if (entry.key && entry.value && !(entry.key & 7) && !(entry.value & 7))
            cursor->block[cursor->block_count++] = entry;
    }
    cursor->at += count;
    return 0;
}

int object_cursor_next(struct object_cursor *cursor, struct target *target,
                       struct object_entry *out)
{
    while (cursor->block_at == cursor->block_count) {
        if (cursor->at >= cursor->dict->entry_count)
            return 0;
        int result = fill_block(cursor, target);
        if (result < 0)
            return result;
    }
    *out = cursor->block[cursor->block_at++];
    return 1;
}

/* True when the bytes are those of the ASCII str `name`. */
static bool is_name(const struct pyabi *abi, const uint8_t *str, const char *name, size_t size)
{
    uint32_t state;
    memcpy(&state, str + abi->unicode.state, sizeof state);
    return load_u64(str, abi->unicode.length) == size && state >> abi->unicode.ascii_shift & 1 &&
           state >> abi->unicode.compact_shift & 1 &&
           memcmp(str + abi->unicode.ascii_size, name, size) == 0;
}

/* Which of the block's keys is `name`, all read in one call; -1: none; ERR_* below that. */
static int find_in_block(struct target *target, const struct object_cursor *cursor,
                         const char *name, size_t name_size)
{
    uint8_t bytes[OBJECT_BLOCK * 128];
    struct iovec pieces[OBJECT_BLOCK];
    size_t size = (size_t)target->abi.unicode.ascii_size + name_size;
    for (uint32_t i = 0; i < cursor->block_count; i++)
        pieces[i] = (struct iovec){(void *)(uintptr_t)cursor->block[i].key, size};
    ssize_t got =
        target_readv(target, bytes, size * cursor->block_count, pieces, cursor->block_count);
    if (got < 0 && got != ERR_FAULT)
        return (int)got;
    uint32_t whole = got > 0 ? (uint32_t)((size_t)got / size) : 0;
    for (uint32_t i = 0; i < cursor->block_count; i++) {
        uint8_t *str = bytes + i * size;
        if (i >= whole && target_read(target, (struct raddr){cursor->block[i].key}, str, size) < 0)
            continue; /* a shorter str at the end of a mapping, or one that has gone */
        if (is_name(&target->abi, str, name, name_size))
            return (int)i;
    }
    return -1;
}

int object_dict_find(struct target *target, const struct object_dict *dict, const char *name,
                     struct object_entry *out)
{
    struct object_cursor cursor;
    size_t size = strlen(name);
    if (size > FIND_NAME_MAX || target->abi.unicode.ascii_size > 64)
        return ERR_LIMIT;
    object_cursor_init(&cursor, dict);
    while (cursor.at < dict->entry_count) {
        int result = fill_block(&cursor, target);
        if (result < 0)
            return result;
        int found = cursor.block_count ? find_in_block(target, &cursor, name, size) : -1;
        if (found < -1)
            return found;
        if (found >= 0) {
            *out = cursor.block[found];
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- sequences, sets, cells ---------------------------------------------------------------- */

int object_items_open(struct target *target, uint64_t sequence, const struct object_type *type,
                      struct object_items *out)
{
    const struct pyabi *abi = &target->abi;
    bool is_list = type->flags & OBJECT_LIST;
    struct object_items found = {0};
    if (!is_list && !(type->flags & OBJECT_TUPLE))
        return ERR_BAD_DATA;
    int32_t size_offset = is_list ? abi->list.ob_size : abi->tuple.ob_size;
    int result = read_u64(target, sequence + (uint64_t)size_offset, &found.size);
    if (result < 0)
        return result;
    if (found.size >> 48)
        return ERR_BAD_DATA;
    found.first = sequence + (uint64_t)abi->tuple.items;
    if (is_list && found.size)
        result = object_read_pointer(target, sequence + (uint64_t)abi->list.items, &found.first);
    if (result == 0)
        *out = found;
    return result;
}

int object_items_read(struct target *target, const struct object_items *items, uint64_t *out,
                      uint32_t count)
{
    if (count > OBJECT_ITEMS_MAX || count > items->size)
        return ERR_LIMIT;
    return count ? target_read(target, (struct raddr){items->first}, out, count * sizeof *out) : 0;
}

/* fill, used, mask, table follow the header in every version (Include/setobject.h, later
 * Include/cpython/setobject.h). */
int object_set_open(struct target *target, uint64_t set, struct object_set *out)
{
    uint64_t words[4];
    int result = target_read(target, (struct raddr){set + (uint64_t)target->abi.object.size}, words,
                             sizeof words);
    if (result < 0)
        return result;
    uint64_t fill = words[0], used = words[1], mask = words[2];
    if (used > fill || fill > mask || mask & (mask + 1) || mask >> 40 || words[3] & 7)
        return ERR_BAD_DATA;
    *out = (struct object_set){used, words[3], mask};
    return 0;
}

int object_set_read(struct target *target, const struct object_set *set, uint64_t *out,
                    uint32_t limit)
{
    uint32_t found = 0;
    uint64_t slots[2 * OBJECT_BLOCK];
    uint64_t size = set->mask + 1 < SET_SCAN_MAX ? set->mask + 1 : SET_SCAN_MAX;
    for (uint64_t at = 0; at < size && found < limit; at += OBJECT_BLOCK) {
        uint64_t count = size - at < OBJECT_BLOCK ? size - at : OBJECT_BLOCK;
        int result = target_read(target, (struct raddr){set->table + at * SET_ENTRY}, slots,
                                 count * SET_ENTRY);
        if (result < 0)
            return result;
        for (uint64_t i = 0; i < count && found < limit; i++)
            if (slots[2 * i] && slots[2 * i + 1] != UINT64_MAX) /* hash -1: a removed member */
                out[found++] = slots[2 * i];
    }
    return (int)found;
}

int object_cell_read(struct target *target, uint64_t cell, uint64_t *out)
{
    uint64_t value;
    int result = read_u64(target, cell + (uint64_t)target->abi.object.size, &value);
    if (result < 0)
        return result;
    if (value & 7)
        return ERR_BAD_DATA;
    *out = value;
    return 0;
}

int object_code_closure(struct target *target, uint64_t code, uint64_t *cellvars,
                        uint64_t *freevars)
{
    const struct layout *layout = layout_of(target);
    uint64_t cells, frees;
    if (!layout || layout->cells == PYABI_NONE)
        return ERR_UNSUPPORTED;
    int result = read_object(target, code + (uint64_t)layout->cells, OBJECT_TUPLE, &cells);
    if (result == 0)
        result = read_object(target, code + (uint64_t)layout->frees, OBJECT_TUPLE, &frees);
    if (result < 0)
        return result;
    *cellvars = cells;
    *freevars = frees;
    return 0;
}
