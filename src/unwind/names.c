/* SPDX-License-Identifier: MIT */
#include "unwind/names.h"

#include <string.h>

#include "base/err.h"
#include "target/journal.h"
#include "unwind/object.h"

#define INTERPRETERS_MAX 256u
#define READINGS_MAX 4u
#define PASSES_MAX 8u
#define READS_MAX 500000u /* of one load, in a target that leads us in circles */
#define ITEMS_MAX 65536u  /* of _active that are looked at */

void thread_names_init(struct thread_names *names)
{
    *names = (struct thread_names){0};
    map_init(&names->by_id);
    buf_init(&names->text, (size_t)THREAD_NAME_MAX * THREAD_NAMES_MAX);
}

void thread_names_done(struct thread_names *names)
{
    map_done(&names->by_id);
    buf_done(&names->text);
}

const char *thread_names_find(const struct thread_names *names, uint64_t thread_id)
{
    uint32_t at = map_get(&names->by_id, thread_id);
    return at == MAP_NONE ? NULL : names->text.data + at;
}

/* Not worth going on after these. */
static bool is_final(int result)
{
    return result == ERR_GONE || result == ERR_DENIED || result == ERR_NO_MEMORY;
}

static bool is_enough(const struct target *target, const struct thread_names *names)
{
    return target->reads_total >= names->reads_until;
}

/* Thread._name, cut to THREAD_NAME_MAX. */
static int read_name(struct target *target, uint64_t thread, char name[THREAD_NAME_MAX])
{
    struct object_dict attributes;
    struct object_entry entry;
    struct object_type type;
    int result = object_attributes_open(target, thread, &attributes);
    if (result == 0)
        result = object_dict_find(target, &attributes, "_name", &entry);
    if (result == 0)
        result = object_type_of(target, entry.value, &type);
    if (result < 0)
        return result;
    if (!(type.flags & OBJECT_STR))
        return ERR_BAD_DATA;
    ssize_t size = target_read_str(target, (struct raddr){entry.value}, name, THREAD_NAME_MAX);
    return size < 0 ? (int)size : 0;
}

/* That the dict still has its table, and the table this item. */
static int read_item(struct target *target, const struct object_dict *dict,
                     const struct object_entry *expected)
{
    uint64_t keys, item[3]; /* hash, key, value */
    int result = object_read_pointer(target, dict->keys_slot, &keys);
    if (result == 0)
        result = target_read(target, (struct raddr){expected->slot - 16}, item, sizeof item);
    if (result < 0)
        return result;
    bool same = keys == dict->keys && item[0] == expected->hash && item[2] == expected->value;
    return same ? 0 : ERR_TORN;
}

/* Reads the name of the thread in an item until one reading is proven. ERR_TORN: it is no item any
 * more, or none was. */
static int prove_name(struct target *target, const struct object_dict *active,
                      const struct object_entry *entry, char name[THREAD_NAME_MAX])
{
    for (uint32_t reading = 0; reading < READINGS_MAX; reading++) {
        journal_reset(target->journal);
        int result = read_item(target, active, entry);
        if (result < 0)
            return result;
        result = read_name(target, entry->value, name);
        if (is_final(result))
            return result;
        int proof = journal_prove(target->journal, target);
        if (result == 0 || is_final(proof))
            result = proof;
        if (result == 0 || is_final(result))
            return result;
    }
    return ERR_TORN;
}

static int add_name(struct thread_names *names, uint64_t thread_id, const char *name)
{
    size_t at = names->text.size;
    buf_add(&names->text, name, strlen(name) + 1);
    if (buf_failed(&names->text))
        return ERR_NO_MEMORY;
    return map_set(&names->by_id, thread_id, (uint32_t)at);
}

/* The key of _active is an int below 2**61 - 1, and such a number is its own hash. */
static int load_active(struct target *target, const struct object_dict *active,
                       struct thread_names *names, uint32_t *unknown)
{
    struct object_cursor cursor;
    struct object_entry entry;
    char name[THREAD_NAME_MAX];
    int result = 0;
    if (!active->has_hash)
        return active->entry_count ? ERR_TORN : 0;
    object_cursor_init(&cursor, active);
    for (uint32_t items = 0; items < ITEMS_MAX && names->by_id.count < THREAD_NAMES_MAX; items++) {
        if (is_enough(target, names))
            return ERR_TORN;
        result = object_cursor_next(&cursor, target, &entry);
        if (result <= 0)
            break;
        result = prove_name(target, active, &entry, name);
        if (result == 0)
            result = add_name(names, entry.hash, name);
        else if (map_get(&names->by_id, entry.hash) == MAP_NONE)
            (*unknown)++;
        if (is_final(result))
            return result;
    }
    return result == ERR_FAULT ? ERR_TORN : 0;
}

/* threading._active of the interpreter. ERR_NOT_FOUND: not imported there. */
static int find_active(struct target *target, uint64_t interp, struct object_dict *active)
{
    struct object_dict dict;
    struct object_entry entry;
    uint64_t modules;
    int result =
        object_read_pointer(target, interp + (uint64_t)target->abi.interp.modules, &modules);
    if (result < 0)
        return result;
    result = object_dict_open(target, modules, &dict);
    if (result == 0)
        result = object_dict_find(target, &dict, "threading", &entry);
    if (result == 0)
        result = object_module_open(target, entry.value, &dict);
    if (result == 0)
        result = object_dict_find(target, &dict, "_active", &entry);
    if (result == 0)
        result = object_dict_open(target, entry.value, active);
    return result;
}

/* As find_active(), until one look is proven, be the answer yes or no. A sys.modules too large for
 * a proof is taken as it looks. */
static int prove_active(struct target *target, uint64_t interp, struct object_dict *active)
{
    for (uint32_t reading = 0; reading < READINGS_MAX; reading++) {
        journal_reset(target->journal);
        int result = find_active(target, interp, active);
        if (is_final(result))
            return result;
        int proof = journal_prove(target->journal, target);
        if (is_final(proof))
            return proof;
        if ((result == 0 || result == ERR_NOT_FOUND) && (proof == 0 || proof == ERR_LIMIT))
            return result;
    }
    return ERR_TORN;
}

/* The names of one interpreter, in a few passes: a program that starts and ends threads moves the
 * dict's table under our eyes, and the names proven before stay. */
static int load_interp(struct target *target, uint64_t interp, struct thread_names *names)
{
    uint32_t unknown = 1;
    int result = 0;
    for (uint32_t pass = 0; pass < PASSES_MAX && unknown && !is_enough(target, names); pass++) {
        struct object_dict active;
        unknown = 0;
        result = prove_active(target, interp, &active);
        if (result == 0)
            result = load_active(target, &active, names, &unknown);
        if (is_final(result) || result == ERR_NOT_FOUND)
            break;
        unknown += result < 0;
    }
    names->unknown += unknown;
    return result;
}

/* Interpreters are listed newest first, so the main one comes last and its names win where an OS
 * thread runs several. One that cannot be read is as one without names, if others can. */
static int load_all(struct target *target, struct thread_names *names)
{
    uint64_t interp = 0;
    uint32_t failed = 0;
    int result = target_read(target, target->interp_head_slot, &interp, sizeof interp);
    for (uint32_t steps = 0; result == 0 && interp && steps < INTERPRETERS_MAX; steps++) {
        int found = load_interp(target, interp, names);
        if (is_final(found))
            return found;
        failed += found < 0 && found != ERR_NOT_FOUND;
        result = target_read(target, (struct raddr){interp + (uint64_t)target->abi.interp.next},
                             &interp, sizeof interp);
    }
    if (result < 0)
        return result == ERR_FAULT ? ERR_TORN : result;
    return failed && !names->by_id.count ? ERR_TORN : 0;
}

int thread_names_load(struct target *target, struct thread_names *names)
{
    struct thread_names fresh;
    if (target->abi.interp.modules == PYABI_NONE || target->abi.interp.next == PYABI_NONE)
        return ERR_UNSUPPORTED;
    thread_names_init(&fresh);
    fresh.reads_until = target->reads_total + READS_MAX;
    struct target_journal journal, *noting = target->journal;
    journal_init(&journal);
    target->journal = &journal;
    int result = load_all(target, &fresh);
    target->journal = noting;
    journal_done(&journal);
    if (result < 0) {
        thread_names_done(&fresh);
        return result;
    }
    thread_names_done(names);
    *names = fresh;
    return 0;
}
