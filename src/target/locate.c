/* SPDX-License-Identifier: MIT */
/* Where the runtime may be: three ways, from the cheapest to the dearest.
 *
 *  1. The export table, in the memory of the process. Every shared libpython and every executable
 * that can load extension modules exports _PyRuntime (3.7+; before: _PyThreadState_Current). No
 * file is opened, so it does not matter whether one still exists. The executable comes first: if it
 * has a copy relocation of the symbol, that copy is the one the library uses too.
 *  2. The file: section .PyRuntime (3.10+) and .symtab, for interpreters linked with hidden
 * symbols.
 *  3. Writable memory: the cookie of 3.13+, or the text of Py_GetVersion() and the back pointers
 *     between interpreter and thread states, for what was stripped of everything.
 */
#include "base/err.h"
#include "os/dynsym.h"
#include "os/elf_file.h"
#include "target/own.h"

#define RUNTIME_MIN_BYTES 256 /* a section .PyRuntime smaller than this is somebody else's */

static int read_target(void *context, uint64_t address, void *out, size_t size)
{
    return target_read(context, (struct raddr){address}, out, size);
}

static int locate_by_file(struct target *target, const struct objects *objects,
                          const struct object *object, struct location *out)
{
    struct elf_file file;
    struct elf_range range;
    uint64_t bias;
    int fd = object_open_file(object, target->pid);
    if (fd < 0 || elf_file_open(&file, fd) < 0)
        return ERR_NOT_FOUND;
    const struct mapping *first = &objects->maps.list[object->first];
    int result = elf_file_bias(&file, first->start, first->offset, &bias);
    if (result == 0) {
        if ((elf_file_section(&file, ".PyRuntime", &range) == 0 &&
             range.size >= RUNTIME_MIN_BYTES) ||
            elf_file_symbol(&file, "_PyRuntime", &range) == 0)
            out->runtime.value = bias + range.address;
        else if (elf_file_symbol(&file, "interp_head", &range) == 0)
            out->interp_head.value = bias + range.address;
        else
            result = ERR_NOT_FOUND;
    }
    if (result == 0 && out->interp_head.value &&
        elf_file_symbol(&file, "_PyThreadState_Current", &range) == 0)
        out->tstate_current.value = bias + range.address;
    elf_file_close(&file);
    return result;
}

/* 3.6 and before: two variables. The one that matters is not exported; when .symtab is stripped
 * too, version_settle() scans for it. */
static int locate_old(struct target *target, const struct objects *objects,
                      const struct object *object, struct dynsym *exports, struct location *out)
{
    struct location file = {0};
    int result = dynsym_find(exports, "_PyThreadState_Current", &out->tstate_current.value, NULL);
    if (result == 0 && locate_by_file(target, objects, object, &file) == 0)
        out->interp_head = file.interp_head;
    return result;
}

static int locate_by_export(struct target *target, const struct objects *objects,
                            const struct object *object, struct location *out)
{
    struct dynsym exports;
    uint64_t version;
    int result = dynsym_open(&exports, read_target, target, object->image);
    if (result < 0)
        return result;
    result = dynsym_find(&exports, "_PyRuntime", &out->runtime.value, NULL);
    if (result == ERR_NOT_FOUND)
        return locate_old(target, objects, object, &exports, out);
    struct raddr at;
    if (result == 0 && dynsym_find(&exports, "Py_Version", &at.value, NULL) == 0 &&
        target_read(target, at, &version, sizeof version) == 0 && version <= UINT32_MAX)
        out->version_hex = (uint32_t)version;
    return result;
}

static int locate_by_scan(struct target *target, const struct objects *objects,
                          const struct object *object, struct location *out)
{
    int result = scan_cookie(target, objects, object, &out->runtime);
    if (result != ERR_NOT_FOUND)
        return result;
    result = scan_version(target, objects, object, &out->version_hex);
    if (result < 0)
        return result;
    const struct pyabi *abi = pyabi_for_version(out->version_hex);
    if (!abi)
        return 0; /* a Python, but not one of ours: version_settle() says so */
    struct raddr head;
    result = scan_interp_head(target, objects, object, abi, &head);
    if (result < 0)
        return result;
    if (abi->runtime.interpreters_head >= 0)
        out->runtime.value = head.value - (uint64_t)abi->runtime.interpreters_head;
    else
        out->interp_head = head;
    return 0;
}

int locate(struct target *target, const struct objects *objects, const struct object *object,
           enum locate_by way, struct location *out)
{
    *out = (struct location){0};
    switch (way) {
    case LOCATE_BY_EXPORT:
        return object->image ? locate_by_export(target, objects, object, out) : ERR_NOT_FOUND;
    case LOCATE_BY_FILE:
        return locate_by_file(target, objects, object, out);
    default:
        return locate_by_scan(target, objects, object, out);
    }
}
