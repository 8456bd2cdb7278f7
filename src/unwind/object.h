/* SPDX-License-Identifier: MIT */
/* object.h - Python objects of another process: types, dicts, attributes, sequences, cells.
 *
 * Addresses in, addresses out; nothing here is kept alive or locked, so any answer may be out of
 * date when it arrives. Every loop and size has a bound and everything that is followed is first
 * looked at (aligned, a ready type, the right kind of object): torn memory gives an error or a
 * wrong address, never a crash, a hang or much memory.
 *
 * Ownership: all structs are the caller's, nothing to free. Threads: as the target's.
 * Errors:    ERR_BAD_DATA (not what it should be), ERR_NOT_FOUND, ERR_UNSUPPORTED (a layout we do
 *            not know), and those of target_read().
 * Cost:      a few reads per call; object_dict_find: two per OBJECT_BLOCK entries. Cold paths only.
 *
 * To be sure of what was followed set target->journal (target/journal.h). Classes are left out of
 * it: they are large and hardly ever change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

#define OBJECT_BLOCK 64u           /* dict entries read at a time */
#define OBJECT_DICT_MAX (1u << 20) /* entries; a larger dict is not looked at */
#define OBJECT_NAME_MAX 256u       /* bytes of a type's C name */
#define OBJECT_ITEMS_MAX 4096u     /* of one sequence, in one call */

/* Bits of tp_flags that have not moved since 3.6 (Include/object.h). */
#define OBJECT_HEAP_TYPE (1u << 9)
#define OBJECT_READY (1u << 12)
#define OBJECT_INT (1u << 24)
#define OBJECT_LIST (1u << 25)
#define OBJECT_TUPLE (1u << 26)
#define OBJECT_BYTES (1u << 27)
#define OBJECT_STR (1u << 28)
#define OBJECT_DICT (1u << 29)
#define OBJECT_CLASS (1u << 31)

struct object_type {
    uint64_t address;
    uint64_t flags;
    int64_t basicsize, dictoffset;
    uint64_t name_address;
    char name[OBJECT_NAME_MAX]; /* tp_name, cut; empty before object_type_name() */
};

/* The type of an object, or, with object_type_read, of the class at an address. */
int object_type_of(struct target *target, uint64_t object, struct object_type *out);
int object_type_read(struct target *target, uint64_t type, struct object_type *out);
int object_type_name(struct target *target, struct object_type *type);

/* True for the interpreter's own type of this name, not for one that merely is called so. After
 * object_type_name(). */
bool object_type_is(const struct object_type *type, const char *name);

/* The str objects of a class' __qualname__ and __module__; ERR_NOT_FOUND where the C name is all.
 */
int object_class_names(struct target *target, const struct object_type *type, uint64_t *module,
                       uint64_t *qualname);

/* A pointer in the target, or an error when it is NULL or not aligned. */
int object_read_pointer(struct target *target, uint64_t from, uint64_t *out);

/* ---- dicts and attributes -------------------------------------------------------------------- */

struct object_dict {
    uint64_t used;            /* items; 0 for an instance without a dict of its own (not counted) */
    uint64_t keys_slot, keys; /* address and value of the pointer to the table of keys */
    uint64_t entries;         /* address of the first entry */
    uint64_t values;          /* address of the split table's values; 0: the entries hold them */
    uint32_t entry_count;     /* including empty ones */
    uint32_t entry_size;      /* bytes */
    uint32_t key_offset;      /* of the key in an entry; the value follows it */
    bool has_hash;            /* an entry begins with its key's hash */
};

struct object_entry {
    uint64_t hash; /* 0 unless has_hash */
    uint64_t key, value;
    uint64_t
        slot; /* address of the value's pointer: read it again to know that it still is there */
};

struct object_cursor {
    const struct object_dict *dict;
    uint32_t at; /* next entry */
    uint32_t block_at, block_count;
    struct object_entry block[OBJECT_BLOCK];
};

/* A dict, or an instance of a subclass of it, or a frozendict. */
int object_dict_open(struct target *target, uint64_t dict, struct object_dict *out);

/* What an instance keeps in its __dict__, be it one, or values in or beside the instance. */
int object_attributes_open(struct target *target, uint64_t instance, struct object_dict *out);

/* The namespace of a module object. */
int object_module_open(struct target *target, uint64_t module, struct object_dict *out);

void object_cursor_init(struct object_cursor *cursor, const struct object_dict *dict);

/* 1 and *out: an item. 0: no more. ERR_*: the table could not be read. */
int object_cursor_next(struct object_cursor *cursor, struct target *target,
                       struct object_entry *out);

/* The item whose key is the ASCII str `name`. 0 or ERR_NOT_FOUND, or as above. */
int object_dict_find(struct target *target, const struct object_dict *dict, const char *name,
                     struct object_entry *out);

/* ---- sequences, sets, cells --------------------------------------------------------------------
 */

struct object_items {
    uint64_t size;  /* what the object claims */
    uint64_t first; /* address of the first item's pointer */
};

/* A list or a tuple; `type` is its type. */
int object_items_open(struct target *target, uint64_t sequence, const struct object_type *type,
                      struct object_items *out);

/* The first `count` pointers (at most OBJECT_ITEMS_MAX and at most `items->size`). */
int object_items_read(struct target *target, const struct object_items *items, uint64_t *out,
                      uint32_t count);

struct object_set {
    uint64_t used, table, mask;
};

int object_set_open(struct target *target, uint64_t set, struct object_set *out);

/* Up to `limit` members, in table order, among the first slots. Returns how many, or ERR_*. */
int object_set_read(struct target *target, const struct object_set *set, uint64_t *out,
                    uint32_t limit);

/* What a closure cell holds; *out is 0 for an empty one. */
int object_cell_read(struct target *target, uint64_t cell, uint64_t *out);

/* co_cellvars and co_freevars (tuples of str) of a code object up to 3.10. */
int object_code_closure(struct target *target, uint64_t code, uint64_t *cellvars,
                        uint64_t *freevars);
