/* SPDX-License-Identifier: MIT */
#include "unwind/names.h"

#include <string.h>

#include "base/err.h"
#include "target/journal.h"
#include "unwind/object.h"

#define INTERPRETERS_MAX 256u
#define READINGS_MAX 4u
#define PASSES_MAX 8u
#define READS_MAX 500000u          /* of one load, in a target that leads us in circles */
#define NAMELESS (UINT32_MAX - 1)  /* in by_id: the thread has no name */
#define TEXT_TIDY_BYTES (1u << 20) /* so much text of old names, and all are read anew */
#define ITEMS_MAX 65536u           /* of _active that are looked at */

struct loader {
    struct target *target;
    struct thread_names *names;
    const uint64_t *wanted; /* NULL: all threads */
    size_t wanted_count;
    bool trust_places;    /* what an earlier load found */
    uint64_t reads_until; /* when target->reads_total gets there, it was enough */
};

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
    return at == MAP_NONE || at == NAMELESS ? NULL : names->text.data + at;
}

/* Not worth going on after these. */
static bool is_final(int result)
{
    return result == ERR_GONE || result == ERR_DENIED || result == ERR_NO_MEMORY;
}

static bool is_enough(const struct loader *loader)
{
    return loader->target->reads_total >= loader->reads_until;
}

static bool is_known(const struct thread_names *names, uint64_t thread_id)
{
    return thread_names_find(names, thread_id) != NULL;
}

static bool is_wanted(const struct loader *loader, uint64_t thread_id)
{
    for (size_t i = 0; i < loader->wanted_count; i++)
        if (loader->wanted[i] == thread_id)
            return !is_known(loader->names, thread_id);
    return !loader->wanted;
}

/* Threads that are wanted and have no name yet. */
static uint32_t count_missing(const struct loader *loader)
{
    uint32_t missing = 0;
    for (size_t i = 0; i < loader->wanted_count; i++)
        missing += !is_known(loader->names, loader->wanted[i]);
    return missing;
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
static int load_active(struct loader *loader, const struct object_dict *active, uint32_t *unknown)
{
    struct thread_names *names = loader->names;
    struct object_cursor cursor;
    struct object_entry entry;
    char name[THREAD_NAME_MAX];
    int result = 0;
    if (!active->has_hash)
        return active->entry_count ? ERR_TORN : 0;
    object_cursor_init(&cursor, active);
    for (uint32_t items = 0; items < ITEMS_MAX && names->by_id.count < THREAD_NAMES_MAX; items++) {
        if (is_enough(loader))
            return ERR_TORN;
        result = object_cursor_next(&cursor, loader->target, &entry);
        if (result <= 0)
            break;
        if (!is_wanted(loader, entry.hash))
            continue;
        result = prove_name(loader->target, active, &entry, name);
        if (result == 0)
            result = add_name(names, entry.hash, name);
        else if (!is_known(names, entry.hash))
            (*unknown)++;
        if (is_final(result))
            return result;
    }
    return result == ERR_FAULT ? ERR_TORN : 0;
}

/* threading._active of the interpreter. ERR_NOT_FOUND: not imported there. */
static int find_active(struct target *target, uint64_t interp, struct thread_names_place *place)
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
        *place = (struct thread_names_place){interp, entry.slot, entry.value};
    return result;
}

/* As find_active(), until one look is proven, be the answer yes or no. A sys.modules too large for
 * a proof is taken as it looks. */
static int prove_active(struct target *target, uint64_t interp, struct thread_names_place *place)
{
    for (uint32_t reading = 0; reading < READINGS_MAX; reading++) {
        journal_reset(target->journal);
        int result = find_active(target, interp, place);
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

static struct thread_names_place *find_place(struct thread_names *names, uint64_t interp)
{
    for (uint32_t i = 0; i < names->place_count; i++)
        if (names->places[i].interp == interp)
            return &names->places[i];
    return NULL;
}

/* By the place found before, when it still holds the same dict; else by searching. */
static int open_active(struct loader *loader, uint64_t interp, struct object_dict *active)
{
    struct thread_names *names = loader->names;
    struct thread_names_place *known = find_place(names, interp), found;
    uint64_t now;
    if (known && loader->trust_places &&
        object_read_pointer(loader->target, known->slot, &now) == 0 && now == known->dict &&
        object_dict_open(loader->target, now, active) == 0)
        return 0;
    int result = prove_active(loader->target, interp, &found);
    if (result < 0)
        return result;
    if (!known && names->place_count < THREAD_NAMES_PLACES)
        known = &names->places[names->place_count++];
    if (known)
        *known = found;
    return object_dict_open(loader->target, found.dict, active);
}

/* The names of one interpreter, in a few passes: a program that starts and ends threads moves the
 * dict's table under our eyes, and the names proven before stay. */
static int load_interp(struct loader *loader, uint64_t interp)
{
    uint32_t unknown = 1;
    int result = 0;
    for (uint32_t pass = 0; pass < PASSES_MAX && unknown && !is_enough(loader); pass++) {
        struct object_dict active;
        unknown = 0;
        result = open_active(loader, interp, &active);
        if (result == 0)
            result = load_active(loader, &active, &unknown);
        if (is_final(result) || result == ERR_NOT_FOUND)
            break;
        unknown += result < 0;
    }
    loader->names->unknown += unknown;
    return result;
}

/* Interpreters are listed newest first, so the main one comes last and its names win where an OS
 * thread runs several. One that cannot be read is as one without names, if others can. */
static int load_all(struct loader *loader)
{
    struct target *target = loader->target;
    uint64_t interp = 0;
    uint32_t failed = 0;
    int result = target_read(target, target->interp_head_slot, &interp, sizeof interp);
    for (uint32_t steps = 0; result == 0 && interp && steps < INTERPRETERS_MAX; steps++) {
        int found = load_interp(loader, interp);
        if (is_final(found))
            return found;
        failed += found < 0 && found != ERR_NOT_FOUND;
        if (loader->wanted && !count_missing(loader))
            return 0;
        result = target_read(target, (struct raddr){interp + (uint64_t)target->abi.interp.next},
                             &interp, sizeof interp);
    }
    if (result < 0)
        return result == ERR_FAULT ? ERR_TORN : result;
    return failed && !loader->names->by_id.count ? ERR_TORN : 0;
}

static int run_loader(struct loader *loader)
{
    struct target *target = loader->target;
    struct target_journal journal, *noting = target->journal;
    if (target->abi.interp.modules == PYABI_NONE || target->abi.interp.next == PYABI_NONE)
        return ERR_UNSUPPORTED;
    loader->reads_until = target->reads_total + READS_MAX;
    journal_init(&journal);
    target->journal = &journal;
    int result = load_all(loader);
    target->journal = noting;
    journal_done(&journal);
    return result;
}

int thread_names_load(struct target *target, struct thread_names *names)
{
    struct thread_names fresh;
    thread_names_init(&fresh);
    struct loader loader = {.target = target, .names = &fresh};
    int result = run_loader(&loader);
    if (result < 0) {
        thread_names_done(&fresh);
        return result;
    }
    thread_names_done(names);
    *names = fresh;
    return 0;
}

int thread_names_load_some(struct target *target, struct thread_names *names,
                           const uint64_t *thread_ids, size_t count)
{
    if (!names->place_count || names->text.size > TEXT_TIDY_BYTES)
        return thread_names_load(target, names);
    for (size_t i = 0; i < count; i++)
        if (is_known(names, thread_ids[i]) && map_set(&names->by_id, thread_ids[i], NAMELESS) < 0)
            return ERR_NO_MEMORY;
    struct loader loader = {.target = target,
                            .names = names,
                            .wanted = thread_ids,
                            .wanted_count = count,
                            .trust_places = true};
    names->unknown = 0;
    return run_loader(&loader);
}
