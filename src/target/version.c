/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "target/own.h"

#define FIRST_MINOR 6       /* of the versions that pyabi_for_version() is asked for */
#define LAST_TABLE_MINOR 12 /* from 3.13 on the process describes itself */

static size_t parse_number(const char *text, size_t size, uint32_t *out)
{
    size_t used = 0;
    uint32_t value = 0;
    for (; used < size && used < 3 && isdigit((unsigned char)text[used]); used++)
        value = value * 10 + (uint32_t)(text[used] - '0');
    *out = value;
    return used;
}

/* "3.10.13", "3.13.0rc2", "3.9.0a6+": as PY_VERSION_HEX. */
uint32_t version_parse(const char *text, size_t size)
{
    uint32_t part[3];
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        size_t used = parse_number(text + at, size - at, &part[i]);
        at += used;
        if (!used || part[i] > 255 || (i < 2 && (at >= size || text[at++] != '.')))
            return 0;
    }
    if (part[0] != 2 && part[0] != 3)
        return 0;
    uint32_t level = 0xf, serial = 0;
    if (at < size && (text[at] == 'a' || text[at] == 'b')) {
        level = text[at] == 'a' ? 0xa : 0xb;
        at++;
    } else if (size - at >= 2 && text[at] == 'r' && text[at + 1] == 'c') {
        level = 0xc;
        at += 2;
    }
    if (level != 0xf && (!(size - at) || !parse_number(text + at, size - at, &serial)))
        return 0;
    return part[0] << 24 | part[1] << 16 | part[2] << 8 | level << 4 | (serial & 0xf);
}

uint32_t version_from_path(const char *path)
{
    const char *name = strrchr(path, '/');
    name = strstr(name ? name + 1 : path, "python");
    uint32_t major, minor;
    if (!name)
        return 0;
    name += strlen("python");
    size_t used = parse_number(name, strlen(name), &major);
    if (!used || name[used] != '.' || (major != 2 && major != 3))
        return 0;
    name += used + 1;
    if (!parse_number(name, strlen(name), &minor) || minor > 255)
        return 0;
    return major << 24 | minor << 16;
}

void version_format(uint32_t version_hex, bool free_threaded, char out[32])
{
    static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
    const char *level = levels[version_hex >> 4 & 15];
    int used = snprintf(out, 32, "%u.%u", version_hex >> 24, version_hex >> 16 & 255);
    if (version_hex & 0xffff)
        used += snprintf(out + used, 32 - (size_t)used, ".%u", version_hex >> 8 & 255);
    if (level)
        used += snprintf(out + used, 32 - (size_t)used, "%s%u", level, version_hex & 15);
    if (free_threaded)
        snprintf(out + used, 32 - (size_t)used, "t");
}

static int refuse_version(struct target *target, const struct object *object, uint32_t version_hex,
                          struct err *err)
{
    char text[32];
    version_format(version_hex, false, text);
    return err_set(err, ERR_UNSUPPORTED,
                   "pid %d runs Python %s (%s); this pitviper reads Python %s", (int)target->pid,
                   text, object->path, pyabi_supported());
}

static void set_layout(struct target *target, const struct pyabi *abi, uint32_t version_hex,
                       const struct location *location)
{
    target->abi = *abi;
    target->version_hex = version_hex;
    target->runtime = location->runtime;
    target->interp_head_slot = location->interp_head;
    target->tstate_current_slot = location->tstate_current;
    if (!location->runtime.value)
        return;
    target->interp_head_slot.value =
        location->runtime.value + (uint64_t)abi->runtime.interpreters_head;
    if (abi->runtime.tstate_current >= 0)
        target->tstate_current_slot.value =
            location->runtime.value + (uint64_t)abi->runtime.tstate_current;
}

/* 3.13+: the process's own table. ERR_NOT_FOUND: there is none. */
static int settle_by_table(struct target *target, const struct object *object,
                           const struct location *location, struct err *err)
{
    unsigned char table[PYABI_RUNTIME_MAX];
    struct iovec piece = {(void *)(uintptr_t)location->runtime.value, sizeof table};
    ssize_t got = target_readv(target, table, sizeof table, &piece, 1);
    if (got < 0)
        return (int)got;
    if (got < 24 || memcmp(table, "xdebugpy", 8) != 0)
        return ERR_NOT_FOUND;
    struct pyabi abi;
    struct err why = {0};
    int result = pyabi_from_debug_offsets(table, (size_t)got, &abi, &why);
    if (result == 0) {
        set_layout(target, &abi, abi.version_hex, location);
        return 0;
    }
    uint64_t version;
    memcpy(&version, table + 8, sizeof version);
    char text[32];
    version_format((uint32_t)version, false, text);
    return err_set(err, ERR_UNSUPPORTED,
                   "pid %d runs Python %s (%s), which describes itself in a way this pitviper does "
                   "not know: %s; it reads Python %s",
                   (int)target->pid, text, object->path, why.text[0] ? why.text : err_text(result),
                   pyabi_supported());
}

/* No sign of the version at all: the layout that holds. */
static int settle_by_trial(struct target *target, const struct object *object,
                           const struct location *location, struct err *err)
{
    for (uint32_t minor = LAST_TABLE_MINOR; minor >= FIRST_MINOR; minor--) {
        uint32_t version_hex = 3u << 24 | minor << 16;
        const struct pyabi *abi = pyabi_for_version(version_hex);
        if (!abi || (abi->runtime.interpreters_head >= 0) != (location->runtime.value != 0))
            continue;
        struct proof proof;
        set_layout(target, abi, version_hex, location);
        if (target->interp_head_slot.value && proof_walk(target, &proof) == 0 && proof.codes)
            return 0;
    }
    return err_set(err, ERR_STARTING,
                   "pid %d: found a Python runtime in %s, but it does not say its version and fits "
                   "no known layout; it may still be starting",
                   (int)target->pid, object->path);
}

static uint32_t decide_version(struct target *target, const struct objects *objects,
                               const struct object *object, const struct location *location)
{
    uint32_t version_hex = location->version_hex;
    if (version_hex || scan_version(target, objects, object, &version_hex) == 0)
        return version_hex;
    version_hex = version_from_path(object->path);
    if (version_hex)
        scan_version_literal(target, objects, object, &version_hex);
    return version_hex;
}

int version_settle(struct target *target, const struct objects *objects,
                   const struct object *object, const struct location *location, struct err *err)
{
    if (location->runtime.value) {
        int result = settle_by_table(target, object, location, err);
        if (result != ERR_NOT_FOUND)
            return result;
    }
    uint32_t version_hex = decide_version(target, objects, object, location);
    if (!version_hex)
        return settle_by_trial(target, object, location, err);
    const struct pyabi *abi = NULL;
    if (version_hex >> 24 == 3 && (version_hex >> 16 & 255) <= LAST_TABLE_MINOR)
        abi = pyabi_for_version(version_hex);
    if (!abi)
        return refuse_version(target, object, version_hex, err);

    struct location complete = *location;
    if (abi->runtime.interpreters_head < 0 && !location->interp_head.value) {
        int result = scan_interp_head(target, objects, object, abi, &complete.interp_head);
        if (result == ERR_NOT_FOUND)
            return err_set(err, ERR_STARTING,
                           "pid %d: no interpreter in %s yet; it is starting up or shutting down",
                           (int)target->pid, object->path);
        if (result < 0)
            return result;
    }
    if ((abi->runtime.interpreters_head >= 0) != (complete.runtime.value != 0))
        return ERR_BAD_DATA;
    set_layout(target, abi, version_hex, &complete);
    return 0;
}
