/* SPDX-License-Identifier: MIT */
/* code.c - the code-object cache.
 *
 * A code object is immutable as far as we care (name, file, line table), so one reading serves for
 * its life. What ends a life is invisible from outside before 3.14, and the address is soon used
 * again: a program that compiles and runs small pieces of source gets the same address for each of
 * them, often with name and file at the same addresses as before, too. The identity therefore holds
 * what cannot stay the same by accident: the pointers, the first line, the version number (3.12+,
 * never given twice) and the name's length and hash (CPython interns code names, and interning
 * computes the hash, so it is there and depends on the text).
 *
 * Instructions are looked up per entry by the raw instruction value, so the steady state does no
 * arithmetic on bytecode at all.
 */
#include "unwind/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/pystack.h"
#include "base/err.h"
#include "base/map.h"
#include "pyabi/linetable.h"
#include "unwind/filename.h"
#include "unwind/gather.h"

/* CPython Include/cpython/code.h: CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR */
#define CODE_GENERATOR_FLAGS 0x2a0
#define CODE_BYTES_MAX 512u
#define CODE_LINES_MAX ((size_t)4 << 20)
#define CODE_ENTRIES_MAX (1u << 20)
#define CODE_INSTRS_MAX 65536u /* frames remembered per code object */
#define CODE_EDGES_MAX (1u << 20)
#define CODE_CHECK_MAX 4096u /* per call; the rest is due at the next one */
#define EDGE_LEARNED 1000000u
#define CODE_TLBC_MAX 4096u

struct identity {
    uint64_t type, name, qualname, filename, lines;
    int32_t first_line;
    uint32_t version;
    uint64_t name_hash, name_length;
};

struct entry {
    struct identity identity;
    struct linetable lines;
    struct map frames; /* raw instruction → frame */
    uint64_t address;
    uint64_t checked_ns;
    uint32_t name, file, full_file;
    bool is_code;
    bool is_generator;
    bool is_volatile; /* no real file behind it, or its address was used before */
};

struct code_state {
    struct target *target;
    struct profile *profile;
    struct code_options options;
    struct map by_address;
    struct map edges; /* hash of (call site, callee) → rounds that showed it, or EDGE_LEARNED */
    struct entry *entries;
    uint32_t entry_count, entry_capacity;
    struct gather gather; /* for code_check */
    uint32_t *due;
    uint32_t due_capacity;
    char root[32]; /* "/proc/PID/root" */
};

struct code_cache *code_new(struct target *target, struct profile *profile,
                            const struct code_options *options)
{
    struct code_cache *cache = calloc(1, sizeof *cache);
    struct code_state *state = calloc(1, sizeof *state);
    if (!cache || !state) {
        free(cache);
        free(state);
        return NULL;
    }
    cache->state = state;
    state->target = target;
    state->profile = profile;
    state->options = *options;
    snprintf(state->root, sizeof state->root, "/proc/%d/root", (int)target->pid);
    gather_init(&state->gather);
    return cache;
}

static void entry_done(struct entry *entry)
{
    linetable_done(&entry->lines);
    map_done(&entry->frames);
}

void code_free(struct code_cache *cache)
{
    if (!cache)
        return;
    struct code_state *state = cache->state;
    for (uint32_t i = 0; i < state->entry_count; i++)
        entry_done(&state->entries[i]);
    free(state->entries);
    free(state->due);
    map_done(&state->by_address);
    map_done(&state->edges);
    gather_done(&state->gather);
    free(state);
    free(cache);
}

/* ---- identity ------------------------------------------------------------------------------ */

static uint64_t load_ptr(const uint8_t *bytes, int32_t offset)
{
    uint64_t value = 0;
    if (offset != PYABI_NONE && (size_t)offset + 8 <= CODE_BYTES_MAX)
        memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static int32_t load_int(const uint8_t *bytes, int32_t offset)
{
    int32_t value = 0;
    if (offset != PYABI_NONE && (size_t)offset + 4 <= CODE_BYTES_MAX)
        memcpy(&value, bytes + offset, sizeof value);
    return value;
}

/* Bytes of a code object that hold its identity. */
static uint32_t identity_size(const struct pyabi *abi)
{
    int32_t fields[] = {abi->object.type,   abi->code.name,  abi->code.qualname,
                        abi->code.filename, abi->code.lines, abi->code.firstlineno,
                        abi->code.version,  abi->code.flags};
    int32_t last = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i] > last)
            last = fields[i];
    return (uint32_t)last + 8 <= CODE_BYTES_MAX ? (uint32_t)last + 8 : CODE_BYTES_MAX;
}

static void load_identity(const struct pyabi *abi, const uint8_t *code, struct identity *out)
{
    *out = (struct identity){
        .type = load_ptr(code, abi->object.type),
        .name = load_ptr(code, abi->code.name),
        .qualname = load_ptr(code, abi->code.qualname),
        .filename = load_ptr(code, abi->code.filename),
        .lines = load_ptr(code, abi->code.lines),
        .first_line = load_int(code, abi->code.firstlineno),
        .version = (uint32_t)load_int(code, abi->code.version),
    };
}

static void load_name(const struct pyabi *abi, const uint8_t *str, struct identity *out)
{
    out->name_hash = load_ptr(str, abi->unicode.hash);
    out->name_length = load_ptr(str, abi->unicode.length);
}

static uint32_t str_header_size(const struct pyabi *abi)
{
    int32_t last =
        abi->unicode.hash > abi->unicode.length ? abi->unicode.hash : abi->unicode.length;
    return (uint32_t)last + 8;
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
    return a->type == b->type && a->name == b->name && a->qualname == b->qualname &&
           a->filename == b->filename && a->lines == b->lines && a->first_line == b->first_line &&
           a->version == b->version && a->name_hash == b->name_hash &&
           a->name_length == b->name_length;
}

/* ---- reading one --------------------------------------------------------------------------- */

static uint32_t read_text(struct code_state *state, uint64_t object, char *text, size_t limit)
{
    ssize_t size = target_read_str(state->target, (struct raddr){object}, text, limit);
    return size < 0 ? PROFILE_NONE : profile_string(state->profile, text, (size_t)size);
}

static bool read_lines(struct code_state *state, struct entry *entry)
{
    const struct pyabi *abi = &state->target->abi;
    uint64_t full_size = 0;
    uint8_t small[2048];
    struct raddr from = {entry->identity.lines};
    ssize_t size = target_read_bytes(state->target, from, small, sizeof small, &full_size);
    if (size < 0)
        return false;
    uint8_t *bytes = small;
    if (full_size > sizeof small) {
        size_t want = full_size < CODE_LINES_MAX ? full_size : CODE_LINES_MAX;
        bytes = malloc(want);
        size = bytes ? target_read_bytes(state->target, from, bytes, want, &full_size) : -1;
    }
    int result = size < 0 ? (int)size
                          : linetable_decode(abi->lines, bytes, (size_t)size,
                                             entry->identity.first_line, &entry->lines);
    if (bytes != small)
        free(bytes);
    return result == 0;
}

static bool read_names(struct code_state *state, struct entry *entry)
{
    char text[PROFILE_MAX_STRING_BYTES + 1];
    uint64_t name = entry->identity.qualname ? entry->identity.qualname : entry->identity.name;
    entry->name = read_text(state, name, text, sizeof text);
    if (entry->name == PROFILE_NONE)
        return false;
    if (target_read_str(state->target, (struct raddr){entry->identity.filename}, text,
                        sizeof text) < 0)
        return false;
    const char *shown = state->options.full_filenames ? text : filename_short(state->root, text);
    entry->is_volatile = entry->is_volatile || text[0] == '<' || !text[0];
    entry->full_file = profile_cstring(state->profile, text);
    entry->file = profile_cstring(state->profile, shown);
    return entry->full_file != PROFILE_NONE && entry->file != PROFILE_NONE;
}

/* Fills the entry from the target. False: it could not be read. Not being a code object is a fact
 * worth remembering and returns true. */
static bool read_entry(struct code_state *state, uint64_t address, struct entry *entry)
{
    struct target *target = state->target;
    const struct pyabi *abi = &target->abi;
    uint8_t bytes[CODE_BYTES_MAX] = {0};
    entry->address = address;
    if (address & 7 || target_read(target, (struct raddr){address}, bytes, identity_size(abi)) < 0)
        return false;
    load_identity(abi, bytes, &entry->identity);
    if (target->code_type.value && entry->identity.type != target->code_type.value) {
        entry->is_code = false;
        entry->is_volatile = true;
        return true;
    }
    entry->is_generator = (load_int(bytes, abi->code.flags) & CODE_GENERATOR_FLAGS) != 0;
    if (target_read(target, (struct raddr){entry->identity.name}, bytes, str_header_size(abi)) < 0)
        return false;
    load_name(abi, bytes, &entry->identity);
    entry->is_code = true;
    return read_names(state, entry) && read_lines(state, entry);
}

static struct entry *find_entry(struct code_state *state, uint64_t address)
{
    uint32_t at = map_get(&state->by_address, address);
    return at == MAP_NONE ? NULL : &state->entries[at];
}

static struct entry *new_entry(struct code_state *state, uint64_t address)
{
    if (state->entry_count == state->entry_capacity) {
        uint32_t capacity = state->entry_capacity ? state->entry_capacity * 2 : 64;
        void *moved = capacity > CODE_ENTRIES_MAX
                          ? NULL
                          : realloc(state->entries, capacity * sizeof *state->entries);
        if (!moved)
            return NULL;
        state->entries = moved;
        state->entry_capacity = capacity;
    }
    if (map_set(&state->by_address, address, state->entry_count) < 0)
        return NULL;
    struct entry *entry = &state->entries[state->entry_count++];
    *entry = (struct entry){.address = address};
    return entry;
}

static struct entry *load_entry(struct code_cache *cache, uint64_t address)
{
    struct code_state *state = cache->state;
    struct entry fresh = {0};
    if (!read_entry(state, address, &fresh)) {
        entry_done(&fresh);
        cache->failed_total++;
        return NULL;
    }
    struct entry *entry = new_entry(state, address);
    if (entry)
        *entry = fresh;
    else
        entry_done(&fresh);
    return entry;
}

/* ---- instruction → line → frame ------------------------------------------------------------ */

/* Address of the bytecode that `raw` runs in: the object's own, or a thread's copy (3.14t+). */
static uint64_t bytecode_base(struct code_state *state, const struct raw_frame *raw)
{
    const struct pyabi *abi = &state->target->abi;
    uint64_t own = raw->code + (uint64_t)abi->code.bytecode;
    uint64_t array, entry;
    if (raw->tlbc_index <= 0 || raw->tlbc_index >= (int32_t)CODE_TLBC_MAX ||
        abi->code.tlbc == PYABI_NONE)
        return own;
    if (target_read(state->target, (struct raddr){raw->code + (uint64_t)abi->code.tlbc}, &array,
                    sizeof array) < 0 ||
        target_read(state->target, (struct raddr){array + 8 + 8 * (uint64_t)raw->tlbc_index},
                    &entry, sizeof entry) < 0)
        return own;
    return entry;
}

static int32_t instruction_offset(struct code_state *state, const struct raw_frame *raw)
{
    const struct pyabi *abi = &state->target->abi;
    int64_t offset;
    if (abi->frame.instr_is_index)
        offset = (int64_t)raw->instr * abi->frame.instr_scale;
    else
        offset = (int64_t)(raw->instr - bytecode_base(state, raw)) + abi->frame.instr_bias;
    return offset < 0 || offset > INT32_MAX ? -1 : (int32_t)offset;
}

static int32_t line_of(struct code_state *state, const struct entry *entry,
                       const struct raw_frame *raw)
{
    if (state->options.line == CODE_LINE_NONE)
        return 0;
    if (state->options.line == CODE_LINE_FIRST)
        return entry->identity.first_line;
    int32_t line =
        linetable_find(&entry->lines, instruction_offset(state, raw), entry->identity.first_line);
    return line > 0 ? line : entry->identity.first_line;
}

uint32_t code_frame(struct code_cache *cache, const struct raw_frame *raw)
{
    struct code_state *state = cache->state;
    struct entry *entry = find_entry(state, raw->code);
    if (!entry)
        entry = load_entry(cache, raw->code);
    if (!entry || !entry->is_code)
        return PROFILE_NONE;
    uint32_t id = map_get(&entry->frames, raw->instr);
    if (id != MAP_NONE)
        return id;
    struct profile_frame frame = {
        .name = entry->name,
        .file = entry->file,
        .full_file = entry->full_file,
        .line = line_of(state, entry, raw),
        .first_line = entry->identity.first_line,
        .kind = FRAME_PYTHON,
    };
    id = profile_frame(state->profile, &frame);
    if (entry->frames.count >= CODE_INSTRS_MAX)
        map_reset(&entry->frames);
    if (id != PROFILE_NONE)
        map_set(&entry->frames, raw->instr, id);
    return id;
}

bool code_is_generator(struct code_cache *cache, const struct raw_frame *raw)
{
    struct entry *entry = find_entry(cache->state, raw->code);
    if (!entry)
        entry = load_entry(cache, raw->code);
    return entry && entry->is_code && entry->is_generator;
}

/* Reads the entry again in place; frames already in the profile stay what they were. */
static void replace_entry(struct code_cache *cache, struct entry *entry)
{
    uint64_t checked_ns = entry->checked_ns, address = entry->address;
    entry_done(entry);
    *entry = (struct entry){.address = address, .is_volatile = true};
    if (!read_entry(cache->state, address, entry)) {
        entry_done(entry);
        *entry = (struct entry){.address = address, .is_volatile = true};
        cache->failed_total++;
    }
    entry->is_volatile = true;
    entry->checked_ns = checked_ns;
    cache->dropped_total++;
    cache->epoch++;
}

/* As the kernel program makes it, from what cannot stay the same by accident: the version number,
 * which is never given twice, or what abi/pystack.h mixes. */
static uint32_t identity_of(const struct pyabi *abi, const struct identity *identity)
{
    if (abi->code.version != PYABI_NONE)
        return identity->version;
    return pystack_identity(identity->name_hash, identity->filename, identity->lines,
                            (uint32_t)identity->first_line);
}

/* Is there a live object? One that was freed keeps most of its bytes, but the allocator links it
 * into a list through its first word, where the reference count is: then that is an address, or 0.
 * From 3.14 the count has 32 bits and an overflow of 16 (CPython Include/object.h). */
static bool is_alive(struct code_state *state, uint64_t object)
{
    const struct pyabi *abi = &state->target->abi;
    uint64_t count;
    if (target_read(state->target, (struct raddr){object + (uint64_t)abi->object.refcnt}, &count,
                    sizeof count) < 0)
        return false;
    uint64_t above = abi->version_hex >= 0x030e0000 ? count >> 32 & 0xffff : count >> 33;
    return (uint32_t)count != 0 && above == 0;
}

/* Is the code object that the sample saw there now, with its texts? */
static bool is_now(struct code_state *state, const struct raw_frame *raw)
{
    struct target *target = state->target;
    const struct pyabi *abi = &target->abi;
    struct identity now;
    uint8_t bytes[CODE_BYTES_MAX] = {0};
    if (target_read(target, (struct raddr){raw->code}, bytes, identity_size(abi)) < 0)
        return false;
    load_identity(abi, bytes, &now);
    if (target_read(target, (struct raddr){now.name}, bytes, str_header_size(abi)) < 0)
        return false;
    load_name(abi, bytes, &now);
    return identity_of(abi, &now) == raw->identity && is_alive(state, now.filename) &&
           is_alive(state, now.name) && is_alive(state, raw->code);
}

bool code_is_same(struct code_cache *cache, const struct raw_frame *raw)
{
    const struct pyabi *abi = &cache->state->target->abi;
    struct entry *entry = find_entry(cache->state, raw->code);
    if (!raw->identity)
        return true;
    if (entry && identity_of(abi, &entry->identity) == raw->identity)
        return true;
    if (!is_now(cache->state, raw)) /* gone: nobody can say any more what it was called */
        return false;
    if (entry)
        replace_entry(cache, entry);
    else
        entry = load_entry(cache, raw->code);
    if (!entry || identity_of(abi, &entry->identity) != raw->identity)
        return false;
    if (is_now(cache->state, raw))
        return true;
    entry->identity =
        (struct identity){0}; /* its texts may be another's: they were read meanwhile */
    entry->is_volatile = true;
    return false;
}

/* ---- edges --------------------------------------------------------------------------------- */

static uint64_t edge_key(const struct raw_frame *caller, const struct raw_frame *callee)
{
    uint64_t site = caller ? map_mix(caller->code) + caller->instr : 1;
    return (map_mix(site) ^ map_mix(callee->code + 0x9e3779b97f4a7c15u)) & ~(uint64_t)1;
}

static uint64_t site_key(const struct raw_frame *caller)
{
    return caller ? map_mix(map_mix(caller->code) + caller->instr) | 1 : 1;
}

static uint64_t pair_key(const struct raw_frame *caller, const struct raw_frame *callee)
{
    return map_mix(map_mix(caller->code) + map_mix(callee->code + 1)) | 1;
}

enum code_edge code_edge_look(struct code_cache *cache, const struct raw_frame *caller,
                              const struct raw_frame *callee)
{
    const struct map *edges = &cache->state->edges;
    if (map_get(edges, edge_key(caller, callee)) == EDGE_LEARNED)
        return CODE_EDGE_KNOWN;
    if (caller && map_get(edges, pair_key(caller, callee)) != MAP_NONE)
        return CODE_EDGE_OTHER_SITE;
    return caller && map_get(edges, site_key(caller)) != MAP_NONE ? CODE_EDGE_SURPRISING
                                                                  : CODE_EDGE_NEW;
}

void code_edge_learn(struct code_cache *cache, const struct raw_frame *caller,
                     const struct raw_frame *callee)
{
    struct map *edges = &cache->state->edges;
    if (edges->count >= CODE_EDGES_MAX)
        map_reset(edges);
    map_set(edges, edge_key(caller, callee), EDGE_LEARNED);
    map_set(edges, site_key(caller), EDGE_LEARNED);
    if (caller)
        map_set(edges, pair_key(caller, callee), EDGE_LEARNED);
}

uint32_t code_edge_note(struct code_cache *cache, const struct raw_frame *caller,
                        const struct raw_frame *callee)
{
    struct map *edges = &cache->state->edges;
    uint64_t key = edge_key(caller, callee);
    uint32_t rounds = map_get(edges, key);
    if (rounds == EDGE_LEARNED)
        return rounds;
    rounds = rounds == MAP_NONE ? 1 : rounds + 1;
    if (edges->count < CODE_EDGES_MAX)
        map_set(edges, key, rounds);
    return rounds;
}

/* ---- keeping honest ------------------------------------------------------------------------ */

static bool collect_due(struct code_state *state, const struct raw_frame *frames, uint32_t count,
                        uint64_t now_ns, uint64_t max_age_ns, uint32_t *due_count,
                        bool *has_fleeting)
{
    *due_count = 0;
    *has_fleeting = false;
    for (uint32_t i = 0; i < count; i++) {
        struct entry *entry = find_entry(state, frames[i].code);
        if (*due_count == CODE_CHECK_MAX)
            break;
        if (!entry || (!entry->is_volatile && now_ns - entry->checked_ns < max_age_ns))
            continue;
        *has_fleeting = *has_fleeting || entry->is_volatile;
        entry->checked_ns = now_ns;
        if (*due_count == state->due_capacity) {
            uint32_t capacity = state->due_capacity ? state->due_capacity * 2 : 64;
            void *moved = realloc(state->due, capacity * sizeof *state->due);
            if (!moved)
                return false;
            state->due = moved;
            state->due_capacity = capacity;
        }
        state->due[(*due_count)++] = (uint32_t)(entry - state->entries);
    }
    return *due_count > 0;
}

static bool recheck(struct code_cache *cache, uint32_t index, struct entry *entry)
{
    struct code_state *state = cache->state;
    const struct pyabi *abi = &state->target->abi;
    const uint8_t *code = gather_get(&state->gather, 2 * index);
    const uint8_t *name = gather_get(&state->gather, 2 * index + 1);
    struct identity now = {0};
    if (code)
        load_identity(abi, code, &now);
    if (name && entry->is_code)
        load_name(abi, name, &now);
    if (code && (name || !entry->is_code) && same_identity(&now, &entry->identity))
        return true;
    replace_entry(cache, entry);
    return false;
}

bool code_is_fleeting(struct code_cache *cache, const struct raw_frame *raw)
{
    const struct entry *entry = find_entry(cache->state, raw->code);
    return !entry || entry->is_volatile;
}

enum code_verdict code_check(struct code_cache *cache, const struct raw_frame *frames,
                             uint32_t count, uint64_t now_ns, uint64_t max_age_ns)
{
    struct code_state *state = cache->state;
    const struct pyabi *abi = &state->target->abi;
    uint32_t due_count;
    bool has_fleeting;
    if (!collect_due(state, frames, count, now_ns, max_age_ns, &due_count, &has_fleeting))
        return CODE_FINE;
    struct gather *gather = &state->gather;
    gather_reset(gather);
    for (uint32_t i = 0; i < due_count; i++) {
        const struct entry *entry = &state->entries[state->due[i]];
        gather_add(gather, entry->address, identity_size(abi));
        gather_add(gather, entry->is_code ? entry->identity.name : entry->address,
                   str_header_size(abi));
    }
    if (gather_run(gather, state->target) < 0)
        return CODE_CHANGED;
    bool changed = has_fleeting && gather->interrupted;
    for (uint32_t i = 0; i < due_count; i++)
        if (!recheck(cache, i, &state->entries[state->due[i]]))
            changed = true;
    return changed ? CODE_CHANGED : has_fleeting ? CODE_FLEETING : CODE_FINE;
}
