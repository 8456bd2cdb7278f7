/* SPDX-License-Identifier: MIT */
/* locals.c - from the slots of a frame to names and values.
 *
 * A frame ends in an array of pointers, one per variable and then the value stack:
 *
 *   3.6-3.10  [arguments, variables][cells of co_cellvars][cells of co_freevars]
 *             An argument that inner functions use lives in its cell; its own slot is NULL.
 *   3.11+     in the order of co_localsplusnames, with a byte each in co_localspluskinds: local
 *             0x20, cell 0x40, free 0x80. A cell's slot holds the bare value until MAKE_CELL ran.
 *   3.14+     pointers carry tags in their low two bits; 3 is an unboxed int.
 */
#include "unwind/locals.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "target/journal.h"
#include "unwind/object.h"

#define NAME_MAX_BYTES 256u
#define READINGS_MAX 8u
#define READS_MAX 200000u /* of one frame, in a target that leads us in circles */
#define KIND_CELL 0x40u   /* CO_FAST_*, Include/internal/pycore_code.h */
#define KIND_FREE 0x80u
#define CO_OPTIMIZED 0x01u /* a function: no namespace of its own */
#define CO_VARARGS 0x04u
#define CO_VARKEYWORDS 0x08u
#define TAG_MASK 3u
#define TAG_INT 3u
#define FRAME_HEADER_MAX 512u

/* One variable of the code object. */
struct variable {
    enum local_kind kind;
    bool may_be_cell;
    uint32_t slot;
    uint64_t name; /* str */
};

struct frame_reader {
    struct target *target;
    const struct raw_frame *frame;
    const struct locals_options *options;
    struct locals *out;
    struct variable *variables;
    uint32_t count;      /* variables */
    uint32_t slot_count; /* slots of the frame that belong to them */
    uint64_t *slots;
    uint64_t reads_until; /* when target->reads_total gets there, it was enough */
};

void locals_init(struct locals *locals)
{
    *locals = (struct locals){0};
    buf_init(&locals->text, LOCALS_TEXT_MAX);
}

void locals_done(struct locals *locals)
{
    free(locals->list);
    buf_done(&locals->text);
    *locals = (struct locals){0};
}

const char *local_kind_name(enum local_kind kind)
{
    static const char *const names[] = {"argument", "variable", "cell", "free", "namespace"};
    return names[kind];
}

/* ---- the code object ----------------------------------------------------------------------- */

static int read_i32(struct target *target, uint64_t base, int32_t offset, int32_t *out)
{
    if (offset == PYABI_NONE)
        return ERR_UNSUPPORTED;
    return target_read(target, (struct raddr){base + (uint64_t)offset}, out, sizeof *out);
}

/* Arguments come first in every version, *args and **kwargs among them. */
static int argument_count(struct target *target, uint64_t code, uint32_t *out)
{
    const struct pyabi *abi = &target->abi;
    int32_t positional, keyword, flags;
    int result = read_i32(target, code, abi->code.argcount, &positional);
    if (result == 0)
        result = read_i32(target, code, abi->code.kwonlyargcount, &keyword);
    if (result == 0)
        result = read_i32(target, code, abi->code.flags, &flags);
    if (result < 0)
        return result;
    if (positional < 0 || keyword < 0 || positional > 65536 || keyword > 65536)
        return ERR_BAD_DATA;
    *out = (uint32_t)(positional + keyword) + !!((uint32_t)flags & CO_VARARGS) +
           !!((uint32_t)flags & CO_VARKEYWORDS);
    return 0;
}

/* The names of a tuple of str, as far as there is room. */
static int read_names(struct frame_reader *reader, uint64_t tuple, uint64_t *names, uint32_t room,
                      uint32_t *count)
{
    struct object_type type;
    struct object_items items;
    int result = object_type_of(reader->target, tuple, &type);
    if (result == 0)
        result = object_items_open(reader->target, tuple, &type, &items);
    if (result < 0)
        return result;
    if (items.size > room)
        reader->out->cut = true;
    *count = items.size < room ? (uint32_t)items.size : room;
    return object_items_read(reader->target, &items, names, *count);
}

static enum local_kind kind_of(uint8_t bits, bool is_argument)
{
    if (is_argument)
        return LOCAL_ARGUMENT;
    return bits & KIND_FREE ? LOCAL_FREE : bits & KIND_CELL ? LOCAL_CELL : LOCAL_VARIABLE;
}

/* 3.11 and later. */
static int list_localsplus(struct frame_reader *reader, uint32_t arguments)
{
    const struct pyabi *abi = &reader->target->abi;
    uint64_t names[LOCALS_MAX], tuple, kinds;
    uint8_t bits[LOCALS_MAX];
    uint64_t kinds_size = 0;
    uint32_t count = 0;
    int result = object_read_pointer(
        reader->target, reader->frame->code + (uint64_t)abi->code.localsplusnames, &tuple);
    if (result == 0)
        result = object_read_pointer(
            reader->target, reader->frame->code + (uint64_t)abi->code.localspluskinds, &kinds);
    if (result == 0)
        result = read_names(reader, tuple, names, LOCALS_MAX, &count);
    if (result < 0)
        return result;
    ssize_t got =
        target_read_bytes(reader->target, (struct raddr){kinds}, bits, count, &kinds_size);
    if (got < 0 || (uint32_t)got < count)
        return got < 0 ? (int)got : ERR_BAD_DATA;
    for (uint32_t i = 0; i < count; i++)
        reader->variables[i] = (struct variable){.kind = kind_of(bits[i], i < arguments),
                                                 .may_be_cell = bits[i] & (KIND_CELL | KIND_FREE),
                                                 .slot = i,
                                                 .name = names[i]};
    reader->count = reader->slot_count = count;
    return 0;
}

/* An argument that has a cell: the same (interned) name is in co_varnames and in co_cellvars. */
static struct variable *find_argument(struct frame_reader *reader, uint32_t arguments,
                                      uint64_t name)
{
    for (uint32_t i = 0; i < arguments && i < reader->count; i++)
        if (reader->variables[i].name == name)
            return &reader->variables[i];
    return NULL;
}

static int add_cells(struct frame_reader *reader, uint64_t tuple, enum local_kind kind,
                     uint32_t arguments)
{
    uint64_t names[LOCALS_MAX];
    uint32_t count = 0;
    int result = read_names(reader, tuple, names, LOCALS_MAX - reader->slot_count, &count);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < count; i++) {
        struct variable *argument =
            kind == LOCAL_CELL ? find_argument(reader, arguments, names[i]) : NULL;
        uint32_t slot = reader->slot_count++;
        if (argument) {
            argument->slot = slot;
            argument->may_be_cell = true;
        } else {
            reader->variables[reader->count++] = (struct variable){
                .kind = kind, .may_be_cell = true, .slot = slot, .name = names[i]};
        }
    }
    return 0;
}

/* Up to 3.10. */
static int list_varnames(struct frame_reader *reader, uint32_t arguments)
{
    const struct pyabi *abi = &reader->target->abi;
    uint64_t names[LOCALS_MAX], tuple, cellvars, freevars;
    uint32_t count = 0;
    int result = object_read_pointer(reader->target,
                                     reader->frame->code + (uint64_t)abi->code.varnames, &tuple);
    if (result == 0)
        result = object_code_closure(reader->target, reader->frame->code, &cellvars, &freevars);
    if (result == 0)
        result = read_names(reader, tuple, names, LOCALS_MAX, &count);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < count; i++)
        reader->variables[i] =
            (struct variable){.kind = kind_of(0, i < arguments), .slot = i, .name = names[i]};
    reader->count = reader->slot_count = count;
    if (reader->out->cut)
        return 0; /* where the cells begin is beyond what we read */
    result = add_cells(reader, cellvars, LOCAL_CELL, arguments);
    return result < 0 || reader->out->cut ? result
                                          : add_cells(reader, freevars, LOCAL_FREE, arguments);
}

/* ---- the frame ----------------------------------------------------------------------------- */

static uint64_t slot_address(const struct frame_reader *reader, uint32_t slot)
{
    return reader->frame->address + (uint64_t)reader->target->abi.frame.localsplus +
           8 * (uint64_t)slot;
}

static uint64_t untagged(const struct frame_reader *reader, uint64_t word)
{
    return reader->target->abi.tagged_refs ? word & ~(uint64_t)TAG_MASK : word;
}

static bool is_int(const struct frame_reader *reader, uint64_t word)
{
    return reader->target->abi.tagged_refs && (word & TAG_MASK) == TAG_INT;
}

static bool is_bound(const struct frame_reader *reader, uint64_t word)
{
    return untagged(reader, word) != 0 || is_int(reader, word);
}

/* Header and slots in one call, so that both are of the same frame. */
static int read_slots(struct frame_reader *reader)
{
    const struct pyabi *abi = &reader->target->abi;
    uint8_t header[FRAME_HEADER_MAX];
    uint64_t code, address = reader->frame->address;
    if (abi->frame.localsplus == PYABI_NONE || abi->frame.localsplus > (int32_t)sizeof header ||
        abi->frame.code == PYABI_NONE || abi->frame.code + 8 > abi->frame.localsplus)
        return ERR_UNSUPPORTED;
    size_t header_size = (size_t)abi->frame.localsplus;
    size_t size = header_size + reader->slot_count * sizeof *reader->slots;
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return ERR_NO_MEMORY;
    int result = target_read(reader->target, (struct raddr){address}, bytes, size);
    if (result == 0) {
        memcpy(&code, bytes + abi->frame.code, sizeof code);
        if (untagged(reader, code) != reader->frame->code)
            result = ERR_TORN;
        else if (reader->slot_count)
            memcpy(reader->slots, bytes + header_size, size - header_size);
    }
    free(bytes);
    return result;
}

/* ---- one variable -------------------------------------------------------------------------- */

/* What a variable's slot or its cell holds. *out 0: unbound. */
static int open_cell(struct target *target, uint64_t object, uint64_t *out)
{
    struct object_type type;
    *out = object;
    int result = object_type_of(target, object, &type);
    if (result == 0)
        result = object_type_name(target, &type);
    if (result < 0 || !object_type_is(&type, "cell"))
        return result;
    return object_cell_read(target, object, out);
}

/* Appends the value that a slot's word stands for. 1: appended, 0: unbound. */
static int add_word(struct frame_reader *reader, uint64_t word, bool may_be_cell)
{
    uint64_t object = untagged(reader, word);
    if (is_int(reader, word)) {
        repr_small_int((int64_t)word >> 2, &reader->out->text);
        return 1;
    }
    int result = object && may_be_cell ? open_cell(reader->target, object, &object) : 0;
    if (result < 0 || !object)
        return result;
    result = repr_object(reader->target, object, &reader->options->limits, &reader->out->text);
    return result < 0 ? result : 1;
}

static bool is_lost(int result)
{
    return result == ERR_GONE || result == ERR_DENIED;
}

/* Reads a variable until one reading is proven. 1, 0 (unbound), or ERR_TORN. */
static int add_value(struct frame_reader *reader, uint64_t slot, bool may_be_cell)
{
    struct buf *text = &reader->out->text;
    size_t begin = text->size;
    if (reader->target->reads_total >= reader->reads_until) {
        reader->out->cut = true;
        return ERR_LIMIT;
    }
    for (uint32_t reading = 0; reading < READINGS_MAX; reading++) {
        uint64_t word;
        text->size = begin;
        journal_reset(reader->target->journal);
        int result = target_read(reader->target, (struct raddr){slot}, &word, sizeof word);
        if (result == 0)
            result = is_bound(reader, word) ? add_word(reader, word, may_be_cell) : 0;
        int proof =
            is_lost(result) ? result : journal_prove(reader->target->journal, reader->target);
        if (is_lost(proof))
            return proof;
        if (result >= 0 && proof == 0)
            return result;
    }
    text->size = begin;
    return ERR_TORN;
}

static struct local *add_local(struct locals *out)
{
    if (out->count == out->capacity) {
        uint32_t capacity = out->capacity ? out->capacity * 2 : 16;
        void *moved = realloc(out->list, capacity * sizeof *out->list);
        if (!moved)
            return NULL;
        out->list = moved;
        out->capacity = capacity;
    }
    return &out->list[out->count++];
}

/* The name as text, safe to print. */
static int add_name(struct frame_reader *reader, uint64_t name)
{
    char text[NAME_MAX_BYTES];
    struct object_type type;
    int result = object_type_of(reader->target, name, &type);
    if (result < 0 || !(type.flags & OBJECT_STR))
        return result < 0 ? result : ERR_BAD_DATA;
    ssize_t size = target_read_str(reader->target, (struct raddr){name}, text, sizeof text);
    if (size < 0)
        return (int)size;
    repr_escape(text, (size_t)size, 0, UINT32_MAX, &reader->out->text);
    buf_add_char(&reader->out->text, 0);
    return 0;
}

/* Adds the variable that lives in `slot`. An unbound one leaves no trace. */
static int add_variable(struct frame_reader *reader, const struct variable *variable, uint64_t slot)
{
    struct locals *out = reader->out;
    size_t name_at = out->text.size;
    int result = add_name(reader, variable->name);
    if (result < 0)
        return is_lost(result) ? result : ERR_TORN;
    size_t value_at = out->text.size;
    result = add_value(reader, slot, variable->may_be_cell);
    if (is_lost(result) || result == ERR_LIMIT)
        return result;
    if (result == 0) {
        out->text.size = name_at;
        return 0;
    }
    if (result < 0)
        buf_add_str(&out->text, "<changing>");
    buf_add_char(&out->text, 0);
    if (buf_failed(&out->text)) {
        out->cut = true;
        return ERR_LIMIT;
    }
    struct local *local = add_local(out);
    if (!local)
        return ERR_NO_MEMORY;
    *local = (struct local){variable->kind, result < 0, (uint32_t)name_at, (uint32_t)value_at};
    return 0;
}

static int add_variables(struct frame_reader *reader)
{
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct variable *variable = &reader->variables[i];
        if (!is_bound(reader, reader->slots[variable->slot]))
            continue;
        int result = add_variable(reader, variable, slot_address(reader, variable->slot));
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- namespaces ---------------------------------------------------------------------------- */

/* The dict of a class or module body; other mappings (a metaclass' __prepare__) are left out. */
static int add_namespace(struct frame_reader *reader)
{
    const struct pyabi *abi = &reader->target->abi;
    struct object_dict dict;
    struct object_cursor cursor;
    struct object_entry entry;
    uint64_t address;
    int32_t flags;
    int result = read_i32(reader->target, reader->frame->code, abi->code.flags, &flags);
    if (result < 0 || (uint32_t)flags & CO_OPTIMIZED || abi->frame.f_locals == PYABI_NONE)
        return result;
    result = object_read_pointer(reader->target,
                                 reader->frame->address + (uint64_t)abi->frame.f_locals, &address);
    if (result == 0)
        result = object_dict_open(reader->target, address, &dict);
    if (result < 0)
        return is_lost(result) ? result : 0;
    object_cursor_init(&cursor, &dict);
    while ((result = object_cursor_next(&cursor, reader->target, &entry)) > 0) {
        const struct variable variable = {.kind = LOCAL_NAMESPACE, .name = entry.key};
        if (reader->out->count >= LOCALS_MAX) {
            reader->out->cut = true;
            return 0;
        }
        result = add_variable(reader, &variable, entry.slot);
        if (result < 0 && result != ERR_TORN)
            return result;
    }
    return is_lost(result) ? result : 0;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int list_variables(struct frame_reader *reader)
{
    const struct pyabi *abi = &reader->target->abi;
    uint32_t arguments;
    int result = argument_count(reader->target, reader->frame->code, &arguments);
    if (result < 0)
        return result;
    if (abi->code.localsplusnames != PYABI_NONE && abi->code.localspluskinds != PYABI_NONE)
        return list_localsplus(reader, arguments);
    return abi->code.varnames != PYABI_NONE ? list_varnames(reader, arguments) : ERR_UNSUPPORTED;
}

static int read_frame(struct frame_reader *reader)
{
    int result = list_variables(reader);
    if (result == 0)
        result = read_slots(reader);
    if (result == 0)
        result = add_variables(reader);
    if (result == 0)
        result = read_slots(reader); /* the frame still is of this code */
    if (result == 0 && reader->options->namespaces)
        result = add_namespace(reader);
    if (result == ERR_LIMIT && reader->out->cut)
        return 0; /* what did fit is good */
    return result == ERR_FAULT || result == ERR_BAD_DATA ? ERR_TORN : result;
}

int locals_read(struct target *target, const struct raw_frame *frame,
                const struct locals_options *options, struct locals *out)
{
    buf_reset(&out->text);
    out->count = 0;
    out->cut = false;
    struct frame_reader reader = {
        .target = target,
        .frame = frame,
        .options = options,
        .out = out,
        .variables = calloc(LOCALS_MAX, sizeof(struct variable)),
        .slots = calloc(LOCALS_MAX, sizeof(uint64_t)),
        .reads_until = target->reads_total + READS_MAX,
    };
    struct target_journal journal, *noting = target->journal;
    journal_init(&journal);
    target->journal = &journal;
    int result = reader.variables && reader.slots ? read_frame(&reader) : ERR_NO_MEMORY;
    target->journal = noting;
    journal_done(&journal);
    free(reader.variables);
    free(reader.slots);
    if (result < 0)
        out->count = 0;
    return result;
}
