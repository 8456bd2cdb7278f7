/* SPDX-License-Identifier: MIT */
/* debug_offsets.c - what a process from 3.13 on says about its own layout.
 *
 * The first bytes of _PyRuntime (ELF section .PyRuntime) are
 *
 *     char cookie[8] = "xdebugpy"; uint64 version_hex; uint64 free_threaded;
 *     uint64 for every field of the minor's list, without gaps
 *
 * (CPython Include/internal/pycore_debug_offsets.h; 3.13: pycore_runtime.h). The list itself
 * changes with the minor, so there is one `list_3xx` each, and a new minor is one more list. A
 * final keeps the list of its minor; of the pre-releases only those whose list is known to be the
 * final one are taken (`since`).
 *
 * The lists name slots; `placements` says, once for all minors, where a slot goes in struct pyabi
 * and in which struct it must fit. What is not published (`neighbours`) comes from the row that
 * the headers of that minor gave, moved along with the published fields around it, and only when
 * the distance between those is what the headers say: then nothing was inserted in between.
 *
 * Checked against every field of the headers' own rows (tests/unit/test_pyabi.c) for 3.13.0,
 * 3.14.10 and 3.15.2, GIL and free-threaded.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "pyabi/pyabi.h"

#define COOKIE "xdebugpy"
#define COOKIE_SIZE 8
#define HEADER_SIZE 24         /* cookie, version, free_threaded */
#define OFFSET_MAX (16u << 20) /* larger than any offset or size by far */
#define STRUCT_MIN 16u         /* no object is smaller than its header */

/* Everything that some minor publishes and we want to tell apart. */
enum slot {
    IGNORED, /* published, not needed */
    RUNTIME_SIZE,
    RUNTIME_FINALIZING,
    RUNTIME_INTERPRETERS,
    INTERP_SIZE,
    INTERP_ID,
    INTERP_NEXT,
    INTERP_THREADS,
    INTERP_THREADS_MAIN,
    INTERP_GC,
    INTERP_MODULES,
    INTERP_SYSDICT,
    INTERP_CEVAL_GIL,
    INTERP_GIL,
    INTERP_GIL_ENABLED,
    INTERP_GIL_LOCKED,
    INTERP_GIL_HOLDER,
    INTERP_CODE_GENERATION,
    INTERP_TLBC_GENERATION,
    INTERP_GC_COLLECTING, /* made: INTERP_GC + GC_COLLECTING */
    GIL_LOCKED,           /* made: INTERP_GIL_LOCKED - INTERP_GIL */
    GIL_HOLDER,           /* made: INTERP_GIL_HOLDER - INTERP_GIL */
    THREAD_SIZE,
    THREAD_PREV,
    THREAD_NEXT,
    THREAD_INTERP,
    THREAD_FRAME,
    THREAD_BASE_FRAME,
    THREAD_ID,
    THREAD_NATIVE_ID,
    THREAD_CHUNK,
    THREAD_STATUS,
    THREAD_HOLDS_GIL,
    THREAD_GIL_REQUESTED,
    FRAME_SIZE,
    FRAME_PREVIOUS,
    FRAME_EXECUTABLE,
    FRAME_INSTR,
    FRAME_LOCALSPLUS,
    FRAME_OWNER,
    FRAME_STACKPOINTER,
    FRAME_TLBC_INDEX,
    CODE_SIZE,
    CODE_FILENAME,
    CODE_NAME,
    CODE_QUALNAME,
    CODE_LINES,
    CODE_FIRSTLINENO,
    CODE_ARGCOUNT,
    CODE_NAMES,
    CODE_KINDS,
    CODE_BYTECODE,
    CODE_TLBC,
    OBJECT_SIZE,
    OBJECT_TYPE,
    TYPE_SIZE,
    TYPE_NAME,
    TYPE_FLAGS,
    TYPE_BASICSIZE,
    TYPE_DICTOFFSET,
    TUPLE_SIZE,
    TUPLE_ITEMS,
    TUPLE_LENGTH,
    LIST_SIZE,
    LIST_ITEMS,
    LIST_LENGTH,
    DICT_SIZE,
    DICT_KEYS,
    DICT_VALUES,
    FLOAT_SIZE,
    FLOAT_VALUE,
    LONG_SIZE,
    LONG_TAG,
    LONG_DIGITS,
    BYTES_SIZE,
    BYTES_LENGTH,
    BYTES_DATA,
    STR_SIZE,
    STR_STATE,
    STR_LENGTH,
    STR_ASCII_SIZE,
    STR_COMPACT_SIZE,
    GC_SIZE,
    GC_COLLECTING,
    GEN_SIZE,
    GEN_IFRAME,
    GEN_STATE,
    SLOT_COUNT,
};

/* Groups that several minors share, in published order. */
#define RUNTIME_GROUP RUNTIME_SIZE, RUNTIME_FINALIZING, RUNTIME_INTERPRETERS
#define INTERP_BEGIN INTERP_SIZE, INTERP_ID, INTERP_NEXT, INTERP_THREADS
#define INTERP_REST                                                                                \
    INTERP_GC, INTERP_MODULES, INTERP_SYSDICT, IGNORED /* builtins */, INTERP_CEVAL_GIL,           \
        INTERP_GIL, INTERP_GIL_ENABLED, INTERP_GIL_LOCKED, INTERP_GIL_HOLDER
#define THREAD_BEGIN THREAD_SIZE, THREAD_PREV, THREAD_NEXT, THREAD_INTERP, THREAD_FRAME
#define THREAD_REST THREAD_ID, THREAD_NATIVE_ID, THREAD_CHUNK, THREAD_STATUS
#define FRAME_GROUP                                                                                \
    FRAME_SIZE, FRAME_PREVIOUS, FRAME_EXECUTABLE, FRAME_INSTR, FRAME_LOCALSPLUS, FRAME_OWNER
#define CODE_GROUP                                                                                 \
    CODE_SIZE, CODE_FILENAME, CODE_NAME, CODE_QUALNAME, CODE_LINES, CODE_FIRSTLINENO,              \
        CODE_ARGCOUNT, CODE_NAMES, CODE_KINDS, CODE_BYTECODE
#define OBJECT_GROUP OBJECT_SIZE, OBJECT_TYPE
#define TYPE_GROUP TYPE_SIZE, TYPE_NAME, IGNORED /* tp_repr */, TYPE_FLAGS
#define SEQUENCE_GROUPS TUPLE_SIZE, TUPLE_ITEMS, TUPLE_LENGTH, LIST_SIZE, LIST_ITEMS, LIST_LENGTH
#define SET_GROUP IGNORED, IGNORED, IGNORED, IGNORED /* size, used, table, mask */
#define DICT_GROUP DICT_SIZE, DICT_KEYS, DICT_VALUES
#define SCALAR_GROUPS                                                                              \
    FLOAT_SIZE, FLOAT_VALUE, LONG_SIZE, LONG_TAG, LONG_DIGITS, BYTES_SIZE, BYTES_LENGTH,           \
        BYTES_DATA, STR_SIZE, STR_STATE, STR_LENGTH, STR_ASCII_SIZE
#define GC_GROUP GC_SIZE, GC_COLLECTING
#define GEN_GROUP GEN_SIZE, IGNORED /* gi_name */, GEN_IFRAME, GEN_STATE
#define LLIST_GROUP IGNORED, IGNORED                                        /* next, prev */
#define DEBUGGER_GROUP IGNORED, IGNORED, IGNORED, IGNORED, IGNORED, IGNORED /* remote execution */

static const uint8_t list_313[] = {
    RUNTIME_GROUP, INTERP_BEGIN,  INTERP_REST,  THREAD_BEGIN, THREAD_REST,
    FRAME_GROUP,   CODE_GROUP,    OBJECT_GROUP, TYPE_GROUP,   SEQUENCE_GROUPS,
    DICT_GROUP,    SCALAR_GROUPS, GC_GROUP,
};

static const uint8_t list_314[] = {
    RUNTIME_GROUP,
    INTERP_BEGIN,
    INTERP_THREADS_MAIN,
    INTERP_REST,
    INTERP_CODE_GENERATION,
    INTERP_TLBC_GENERATION,
    THREAD_BEGIN,
    THREAD_REST,
    FRAME_GROUP,
    FRAME_STACKPOINTER,
    FRAME_TLBC_INDEX,
    CODE_GROUP,
    CODE_TLBC,
    OBJECT_GROUP,
    TYPE_GROUP,
    SEQUENCE_GROUPS,
    SET_GROUP,
    DICT_GROUP,
    SCALAR_GROUPS,
    GC_GROUP,
    GEN_GROUP,
    LLIST_GROUP,
    DEBUGGER_GROUP,
};

static const uint8_t list_315[] = {
    RUNTIME_GROUP,
    INTERP_BEGIN,
    INTERP_THREADS_MAIN,
    INTERP_REST,
    INTERP_CODE_GENERATION,
    INTERP_TLBC_GENERATION,
    THREAD_BEGIN,
    THREAD_BASE_FRAME,
    IGNORED, /* last_profiled_frame */
    IGNORED, /* last_profiled_frame_seq, since 3.15.0b4 */
    THREAD_REST,
    THREAD_HOLDS_GIL,
    THREAD_GIL_REQUESTED,
    IGNORED, /* current_exception */
    IGNORED, /* exc_state */
    IGNORED, /* err_stackitem.exc_value */
    FRAME_GROUP,
    FRAME_STACKPOINTER,
    FRAME_TLBC_INDEX,
    CODE_GROUP,
    CODE_TLBC,
    OBJECT_GROUP,
    TYPE_GROUP,
    TYPE_BASICSIZE,
    TYPE_DICTOFFSET,
    IGNORED, /* heap type size */
    IGNORED, /* ht_cached_keys */
    SEQUENCE_GROUPS,
    SET_GROUP,
    DICT_GROUP,
    SCALAR_GROUPS,
    STR_COMPACT_SIZE,
    GC_GROUP,
    IGNORED, /* gc.frame */
    IGNORED, /* generation_stats_size */
    IGNORED, /* generation_stats */
    GEN_GROUP,
    LLIST_GROUP,
    DEBUGGER_GROUP,
};

struct list {
    uint32_t minor_hex;
    uint32_t since; /* the first version that has this very list; earlier ones are refused */
    const uint8_t *slots;
    size_t count;
};

static const struct list lists[] = {
    {0x030d0000, 0x030d00f0, list_313, sizeof list_313},
    {0x030e0000, 0x030e00f0, list_314, sizeof list_314},
    {0x030f0000, 0x030f00c1, list_315, sizeof list_315},
};

#define OUT(field) offsetof(struct pyabi, field)

enum presence {
    REQUIRED,      /* in every list that has it, any value */
    FREE_THREADED, /* 0 where the build has none, which is every GIL build */
};

struct placement {
    uint16_t out;      /* offset of the int32_t in struct pyabi */
    uint8_t slot;      /* its value */
    uint8_t size_slot; /* the size of the struct it must lie in; IGNORED: a size itself */
    uint8_t width;     /* bytes and alignment of the field */
    uint8_t presence;
};

static const struct placement placements[] = {
    {OUT(runtime.size), RUNTIME_SIZE, IGNORED, 0, REQUIRED},
    {OUT(runtime.finalizing), RUNTIME_FINALIZING, RUNTIME_SIZE, 8, REQUIRED},
    {OUT(runtime.interpreters_head), RUNTIME_INTERPRETERS, RUNTIME_SIZE, 8, REQUIRED},
    {OUT(interp.size), INTERP_SIZE, IGNORED, 0, REQUIRED},
    {OUT(interp.next), INTERP_NEXT, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.id), INTERP_ID, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.threads_head), INTERP_THREADS, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.threads_main), INTERP_THREADS_MAIN, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.modules), INTERP_MODULES, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.sysdict), INTERP_SYSDICT, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.gc_collecting), INTERP_GC_COLLECTING, INTERP_SIZE, 4, REQUIRED},
    {OUT(interp.ceval_gil), INTERP_CEVAL_GIL, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.gil_enabled), INTERP_GIL_ENABLED, INTERP_SIZE, 4, FREE_THREADED},
    {OUT(interp.code_object_generation), INTERP_CODE_GENERATION, INTERP_SIZE, 8, REQUIRED},
    {OUT(interp.tlbc_generation), INTERP_TLBC_GENERATION, INTERP_SIZE, 4, FREE_THREADED},
    {OUT(gil.last_holder), GIL_HOLDER, INTERP_SIZE, 8, REQUIRED},
    {OUT(gil.locked), GIL_LOCKED, INTERP_SIZE, 4, REQUIRED},
    {OUT(tstate.size), THREAD_SIZE, IGNORED, 0, REQUIRED},
    {OUT(tstate.prev), THREAD_PREV, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.next), THREAD_NEXT, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.interp), THREAD_INTERP, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.frame), THREAD_FRAME, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.base_frame), THREAD_BASE_FRAME, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.thread_id), THREAD_ID, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.native_thread_id), THREAD_NATIVE_ID, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.datastack_chunk), THREAD_CHUNK, THREAD_SIZE, 8, REQUIRED},
    {OUT(tstate.status), THREAD_STATUS, THREAD_SIZE, 4, REQUIRED},
    {OUT(tstate.holds_gil), THREAD_HOLDS_GIL, THREAD_SIZE, 4, REQUIRED},
    {OUT(tstate.gil_requested), THREAD_GIL_REQUESTED, THREAD_SIZE, 4, REQUIRED},
    {OUT(frame.previous), FRAME_PREVIOUS, FRAME_SIZE, 8, REQUIRED},
    {OUT(frame.code), FRAME_EXECUTABLE, FRAME_SIZE, 8, REQUIRED},
    {OUT(frame.instr), FRAME_INSTR, FRAME_SIZE, 8, REQUIRED},
    {OUT(frame.localsplus), FRAME_LOCALSPLUS, FRAME_SIZE, 8, REQUIRED},
    {OUT(frame.size), FRAME_LOCALSPLUS, FRAME_SIZE, 8, REQUIRED},
    {OUT(frame.owner), FRAME_OWNER, FRAME_SIZE, 1, REQUIRED},
    {OUT(frame.stackpointer), FRAME_STACKPOINTER, FRAME_SIZE, 8, REQUIRED},
    {OUT(frame.tlbc_index), FRAME_TLBC_INDEX, FRAME_SIZE, 4, FREE_THREADED},
    {OUT(code.size), CODE_BYTECODE, CODE_SIZE, 8, REQUIRED},
    {OUT(code.argcount), CODE_ARGCOUNT, CODE_SIZE, 4, REQUIRED},
    {OUT(code.firstlineno), CODE_FIRSTLINENO, CODE_SIZE, 4, REQUIRED},
    {OUT(code.name), CODE_NAME, CODE_SIZE, 8, REQUIRED},
    {OUT(code.qualname), CODE_QUALNAME, CODE_SIZE, 8, REQUIRED},
    {OUT(code.filename), CODE_FILENAME, CODE_SIZE, 8, REQUIRED},
    {OUT(code.lines), CODE_LINES, CODE_SIZE, 8, REQUIRED},
    {OUT(code.localsplusnames), CODE_NAMES, CODE_SIZE, 8, REQUIRED},
    {OUT(code.localspluskinds), CODE_KINDS, CODE_SIZE, 8, REQUIRED},
    {OUT(code.bytecode), CODE_BYTECODE, CODE_SIZE, 8, REQUIRED},
    {OUT(code.tlbc), CODE_TLBC, CODE_SIZE, 8, FREE_THREADED},
    {OUT(object.size), OBJECT_SIZE, IGNORED, 0, REQUIRED},
    {OUT(object.type), OBJECT_TYPE, OBJECT_SIZE, 8, REQUIRED},
    {OUT(type.name), TYPE_NAME, TYPE_SIZE, 8, REQUIRED},
    {OUT(type.flags), TYPE_FLAGS, TYPE_SIZE, 8, REQUIRED},
    {OUT(type.basicsize), TYPE_BASICSIZE, TYPE_SIZE, 8, REQUIRED},
    {OUT(type.dictoffset), TYPE_DICTOFFSET, TYPE_SIZE, 8, REQUIRED},
    {OUT(unicode.ascii_size), STR_ASCII_SIZE, IGNORED, 0, REQUIRED},
    {OUT(unicode.compact_size), STR_COMPACT_SIZE, IGNORED, 0, REQUIRED},
    {OUT(unicode.length), STR_LENGTH, STR_SIZE, 8, REQUIRED},
    {OUT(unicode.state), STR_STATE, STR_SIZE, 4, REQUIRED},
    {OUT(bytes.ob_size), BYTES_LENGTH, BYTES_SIZE, 8, REQUIRED},
    {OUT(bytes.data), BYTES_DATA, BYTES_SIZE, 1, REQUIRED},
    {OUT(tuple.ob_size), TUPLE_LENGTH, TUPLE_SIZE, 8, REQUIRED},
    {OUT(tuple.items), TUPLE_ITEMS, TUPLE_SIZE, 8, REQUIRED},
    {OUT(list.ob_size), LIST_LENGTH, LIST_SIZE, 8, REQUIRED},
    {OUT(list.items), LIST_ITEMS, LIST_SIZE, 8, REQUIRED},
    {OUT(dict.keys), DICT_KEYS, DICT_SIZE, 8, REQUIRED},
    {OUT(dict.values), DICT_VALUES, DICT_SIZE, 8, REQUIRED},
    {OUT(integer.lv_tag), LONG_TAG, LONG_SIZE, 8, REQUIRED},
    {OUT(integer.digits), LONG_DIGITS, LONG_SIZE, 4, REQUIRED},
    {OUT(real.value), FLOAT_VALUE, FLOAT_SIZE, 8, REQUIRED},
    {OUT(gen.iframe), GEN_IFRAME, GEN_SIZE, 8, REQUIRED},
    {OUT(gen.frame_state), GEN_STATE, GEN_SIZE, 1, REQUIRED},
};

/* Not published: lies between two fields that are (or right behind one: low == high). */
struct neighbour {
    uint16_t out, low, high; /* offsets in struct pyabi */
    uint8_t size_slot;       /* the size of its struct; IGNORED: not published */
    uint8_t slot;            /* where a later minor publishes it after all; IGNORED: none does */
};

#define GAP(field, low, high, size_slot, slot)                                                     \
    {                                                                                              \
        OUT(field), OUT(low), OUT(high), size_slot, slot                                           \
    }

static const struct neighbour neighbours[] = {
    GAP(runtime.autotsskey, runtime.interpreters_head, runtime.size, RUNTIME_SIZE, IGNORED),
    GAP(tstate.context, tstate.native_thread_id, tstate.datastack_chunk, THREAD_SIZE, IGNORED),
    GAP(tstate.datastack_top, tstate.datastack_chunk, tstate.datastack_chunk, THREAD_SIZE, IGNORED),
    GAP(tstate.datastack_limit, tstate.datastack_chunk, tstate.datastack_chunk, THREAD_SIZE,
        IGNORED),
    GAP(frame.f_locals, frame.previous, frame.instr, FRAME_SIZE, IGNORED),
    GAP(frame.f_globals, frame.previous, frame.instr, FRAME_SIZE, IGNORED),
    GAP(frame.stacktop, frame.instr, frame.owner, FRAME_SIZE, IGNORED),
    GAP(code.flags, object.size, code.argcount, CODE_SIZE, IGNORED),
    GAP(code.kwonlyargcount, code.argcount, code.firstlineno, CODE_SIZE, IGNORED),
    GAP(code.framesize, code.firstlineno, code.localsplusnames, CODE_SIZE, IGNORED),
    GAP(code.nlocals, code.firstlineno, code.localsplusnames, CODE_SIZE, IGNORED),
    GAP(code.version, code.firstlineno, code.localsplusnames, CODE_SIZE, IGNORED),
    GAP(type.basicsize, type.name, type.flags, TYPE_SIZE, TYPE_BASICSIZE),
    GAP(type.dictoffset, type.name, type.flags, TYPE_SIZE, TYPE_DICTOFFSET),
    GAP(unicode.compact_size, unicode.ascii_size, unicode.ascii_size, IGNORED, STR_COMPACT_SIZE),
    GAP(unicode.hash, unicode.length, unicode.state, STR_SIZE, IGNORED),
    GAP(dict.used, object.size, dict.keys, DICT_SIZE, IGNORED),
    GAP(gen.iframe, object.size, object.size, IGNORED, GEN_IFRAME),
    GAP(gen.frame_state, object.size, object.size, IGNORED, GEN_STATE),
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define ABSENT UINT64_MAX /* the value of a slot that the minor's list does not have */

static int32_t *field_at(struct pyabi *abi, uint16_t offset)
{
    return (int32_t *)(void *)((char *)abi + offset);
}

static int32_t field_of(const struct pyabi *abi, uint16_t offset)
{
    int32_t value;
    memcpy(&value, (const char *)abi + offset, sizeof value);
    return value;
}

static uint64_t word_at(const void *data, size_t offset)
{
    uint64_t word;
    memcpy(&word, (const char *)data + offset, sizeof word);
    return word;
}

/* The version in the header; 0: no cookie. */
static uint32_t header_version(const void *runtime, size_t size)
{
    if (size < HEADER_SIZE || memcmp(runtime, COOKIE, COOKIE_SIZE) != 0)
        return 0;
    uint64_t version = word_at(runtime, 8);
    return version <= UINT32_MAX ? (uint32_t)version : 0;
}

static const struct list *list_for(uint32_t version_hex)
{
    for (size_t i = 0; i < LENGTH(lists); i++)
        if (lists[i].minor_hex == (version_hex & 0xffff0000u))
            return &lists[i];
    return NULL;
}

static size_t table_size(const struct list *list)
{
    return HEADER_SIZE + list->count * sizeof(uint64_t);
}

size_t pyabi_debug_offsets_size(const void *runtime, size_t size)
{
    const struct list *list = list_for(header_version(runtime, size));
    return list ? table_size(list) : 0;
}

static int refuse(struct err *err, uint32_t version, const char *why)
{
    static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
    const char *level = levels[version >> 4 & 0xf];
    char name[32];
    int used = snprintf(name, sizeof name, "%u.%u.%u", version >> 24, version >> 16 & 0xff,
                        version >> 8 & 0xff);
    if (level)
        snprintf(name + used, sizeof name - (size_t)used, "%s%u", level, version & 0xf);
    return err_set(err, ERR_UNSUPPORTED, "Python %s: %s; this pitviper reads %s", name, why,
                   pyabi_supported());
}

/* Reads the slots of the list; false: a number that can be no offset. */
static bool read_slots(const struct list *list, const void *runtime, uint64_t slots[SLOT_COUNT])
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        slots[i] = ABSENT;
    for (size_t i = 0; i < list->count; i++) {
        uint64_t word = word_at(runtime, HEADER_SIZE + i * sizeof word);
        if (list->slots[i] != IGNORED && word > OFFSET_MAX)
            return false;
        slots[list->slots[i]] = word;
    }
    return true;
}

/* Slots that follow from others. False: they contradict each other. */
static bool derive_slots(uint64_t slots[SLOT_COUNT], bool free_threaded)
{
    uint64_t gil = slots[INTERP_GIL];
    if (slots[INTERP_GIL_LOCKED] < gil || slots[INTERP_GIL_HOLDER] < gil ||
        slots[GC_COLLECTING] >= slots[GC_SIZE])
        return false;
    slots[INTERP_GC_COLLECTING] = slots[INTERP_GC] + slots[GC_COLLECTING];
    slots[GIL_LOCKED] = slots[INTERP_GIL_LOCKED] - gil;
    slots[GIL_HOLDER] = slots[INTERP_GIL_HOLDER] - gil;
    /* published relative to the GIL struct; 0 in a GIL build, and its first field in the other */
    slots[INTERP_GIL_ENABLED] = free_threaded ? gil + slots[INTERP_GIL_ENABLED] : 0;
    return true;
}

/* True when the value can be what the placement says it is. */
static bool placement_fits(const struct placement *place, const uint64_t slots[SLOT_COUNT])
{
    uint64_t value = slots[place->slot];
    if (place->size_slot == IGNORED)
        return value >= STRUCT_MIN;
    return slots[place->size_slot] >= STRUCT_MIN && value % place->width == 0 &&
           value + place->width <= slots[place->size_slot];
}

static bool place_slots(const uint64_t slots[SLOT_COUNT], struct pyabi *abi)
{
    for (size_t i = 0; i < LENGTH(placements); i++) {
        const struct placement *place = &placements[i];
        uint64_t value = slots[place->slot];
        int32_t *field = field_at(abi, place->out);
        if (value == ABSENT || (place->presence == FREE_THREADED && value == 0)) {
            *field = PYABI_NONE;
            continue;
        }
        if (!placement_fits(place, slots))
            return false;
        *field = (int32_t)value;
    }
    return true;
}

/* Where the headers put it, moved along with its neighbours; PYABI_NONE when those differ. */
static int32_t neighbour_offset(const struct neighbour *gap, const uint64_t slots[SLOT_COUNT],
                                const struct pyabi *row, const struct pyabi *abi)
{
    int32_t low = field_of(abi, gap->low), row_low = field_of(row, gap->low);
    int32_t row_offset = field_of(row, gap->out), offset = row_offset + (low - row_low);
    bool same = field_of(abi, gap->high) - low == field_of(row, gap->high) - row_low;
    if (row_offset == PYABI_NONE || !same || offset < 0)
        return PYABI_NONE;
    bool bounded = gap->size_slot != IGNORED;
    bool inside = !bounded || (uint64_t)offset + sizeof(uint64_t) <= slots[gap->size_slot];
    return inside ? offset : PYABI_NONE;
}

static void fill_neighbours(const uint64_t slots[SLOT_COUNT], const struct pyabi *row,
                            struct pyabi *abi)
{
    for (size_t i = 0; i < LENGTH(neighbours); i++) {
        const struct neighbour *gap = &neighbours[i];
        if (gap->slot == IGNORED || slots[gap->slot] == ABSENT)
            *field_at(abi, gap->out) = neighbour_offset(gap, slots, row, abi);
    }
}

int pyabi_from_debug_offsets(const void *runtime, size_t size, struct pyabi *out, struct err *err)
{
    uint32_t version = header_version(runtime, size);
    if (version == 0)
        return err_set(err, ERR_BAD_DATA, "no debug-offset table at the start of _PyRuntime");
    const struct list *list = list_for(version);
    if (!list)
        return refuse(err, version, "the layout of this version is not known");
    if (version < list->since)
        return refuse(err, version, "a pre-release whose layout was not yet the final one");
    if (size < table_size(list))
        return err_set(err, ERR_BAD_DATA, "the debug-offset table is cut short at %zu bytes", size);

    bool free_threaded = word_at(runtime, 16) != 0;
    const struct pyabi *row = pyabi_from_headers(version, free_threaded);
    uint64_t slots[SLOT_COUNT];
    struct pyabi abi = *row;
    abi.version_hex = version;
    if (!read_slots(list, runtime, slots) || !derive_slots(slots, free_threaded) ||
        !place_slots(slots, &abi))
        return err_set(err, ERR_BAD_DATA,
                       "the debug-offset table of this Python contradicts itself");
    fill_neighbours(slots, row, &abi);
    *out = abi;
    return 0;
}
