/* SPDX-License-Identifier: MIT */
#include "unwind/names.h"

#include <string.h>

#include "base/err.h"
#include "unwind/object.h"

#define INTERPRETERS_MAX 256u
#define ITEMS_MAX 65536u /* of _active that are looked at */

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

/* The value of `slot` is still `value`. */
static bool is_still(struct target *target, uint64_t slot, uint64_t value)
{
    uint64_t now;
    return object_read_pointer(target, slot, &now) == 0 && now == value;
}

/* Thread._name. Believed when the attribute still is that str afterwards. */
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
    if (size < 0)
        return (int)size;
    return is_still(target, entry.slot, entry.value) ? 0 : ERR_TORN;
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
                       struct thread_names *names)
{
    struct object_cursor cursor;
    struct object_entry entry;
    char name[THREAD_NAME_MAX];
    int result = 0;
    if (!active->has_hash)
        return active->entry_count ? ERR_TORN : 0;
    object_cursor_init(&cursor, active);
    for (uint32_t items = 0; items < ITEMS_MAX && names->by_id.count < THREAD_NAMES_MAX; items++) {
        result = object_cursor_next(&cursor, target, &entry);
        if (result <= 0)
            break;
        result = read_name(target, entry.value, name);
        if (result == 0 && is_still(target, entry.slot, entry.value))
            result = add_name(names, entry.hash, name);
        else
            names->unknown++;
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

/* Interpreters are listed newest first, so the main one comes last and its names win where an OS
 * thread runs several. One that cannot be read is as one without names, if others can. */
static int load_all(struct target *target, struct thread_names *names)
{
    uint64_t interp = 0;
    uint32_t failed = 0;
    int result = target_read(target, target->interp_head_slot, &interp, sizeof interp);
    for (uint32_t steps = 0; result == 0 && interp && steps < INTERPRETERS_MAX; steps++) {
        struct object_dict active;
        int found = find_active(target, interp, &active);
        if (found == 0)
            found = load_active(target, &active, names);
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
    int result = load_all(target, &fresh);
    if (result < 0) {
        thread_names_done(&fresh);
        return result;
    }
    thread_names_done(names);
    *names = fresh;
    return 0;
}
