/* SPDX-License-Identifier: MIT */
/* context.c - from a thread state to the value of one ContextVar.
 *
 *   PyThreadState.context ─► PyContext.ctx_vars ─► PyHamtObject.h_root ─► node ─► … ─► value
 *
 * A context's values are an immutable tree (a hash array mapped trie, CPython Python/hamt.c, the
 * same from 3.7 to 3.15): five bits of the variable's hash per level choose the way.
 *
 *   hamt_bitmap_node     { size; uint32 bitmap; [key, value]… }   a bit per pair that is there; a
 *                                                                 NULL key: the value is a node
 *   hamt_array_node      { node *[32] }
 *   hamt_collision_node  { size; int32 hash; [key, value]… }      equal hashes
 *
 * Setting a variable makes a new tree and puts it into the context; as long as the context points
 * to a tree, that tree and everything in it stays what it is. So a look reads the context's
 * pointer, the tree, then the pointer again: equal means that what lies between belongs together.
 *
 * The kinds of node are told apart by their types, which are static objects of the interpreter and
 * learnt by name at first sight. A path (the addresses that led to the value) is remembered per
 * context and read in one go next time; what comes is followed as if it were new, so a path that is
 * out of date costs reads, never a wrong answer.
 */
#include "unwind/context.h"

#include <stdlib.h>
#include <string.h>

#include "abi/agent.h"
#include "base/err.h"

#define BITS_PER_LEVEL 5u
#define LEVEL_MASK 31u
#define HASH_BITS 32u
#define COLLISIONS_MAX 64u
#define PATH_STEPS (2u + CONTEXT_MAX_LEVELS + CONTEXT_MAX_OUTER) /* context, tree, nodes, values   \
                                                                  */
#define PAGE_BYTES 4096u
#define NODE_BYTES 608u /* of the largest bitmap node, with a free-threaded header */
#define NONE UINT32_MAX

enum type { TYPE_HAMT, TYPE_BITMAP, TYPE_ARRAY, TYPE_COLLISION, TYPE_COUNT };
_Static_assert(TYPE_COUNT == sizeof((struct contexts *)0)->types / sizeof(uint64_t), "one each");

struct context_step {
    uint64_t address;
    uint32_t size;
};

struct context_path {
    uint64_t context, id;
    uint64_t tree;
    struct context_step steps[PATH_STEPS];
    uint32_t count;
};

void contexts_init(struct contexts *contexts, struct target *target,
                   const struct context_variable *variable)
{
    *contexts = (struct contexts){.target = target, .variable = *variable};
    map_init(&contexts->index);
}

void contexts_done(struct contexts *contexts)
{
    map_done(&contexts->index);
    free(contexts->paths);
    *contexts = (struct contexts){0};
}

static uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* ---- what was seen before -------------------------------------------------------------------- */

static void forget_all(struct contexts *contexts)
{
    map_reset(&contexts->index);
    contexts->count = 0;
}

static void remember(struct contexts *contexts, const struct context_path *path)
{
    uint32_t at = map_get(&contexts->index, path->context);
    if (at != MAP_NONE) {
        contexts->paths[at] = *path;
        return;
    }
    if (contexts->count == CONTEXT_MAX_KNOWN)
        forget_all(contexts);
    if (contexts->count == contexts->capacity) {
        uint32_t capacity = contexts->capacity ? contexts->capacity * 2 : 16;
        void *moved = realloc(contexts->paths, capacity * sizeof *contexts->paths);
        if (!moved)
            return;
        contexts->paths = moved;
        contexts->capacity = capacity;
    }
    if (map_set(&contexts->index, path->context, contexts->count) == 0)
        contexts->paths[contexts->count++] = *path;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Follows a path that was foreseen as far as it leads, and makes the one that was really gone. */
struct walker {
    struct contexts *contexts;
    const struct gather *gather;
    const struct context_look *look;
    const struct context_path *foreseen; /* NULL: none */
    struct context_path path;
    bool missed; /* something had to be read afterwards */
    uint8_t bytes[NODE_BYTES];
};

/* `size` bytes at the next object of the path; NULL: cannot be read. Until the next call. */
static const uint8_t *fetch(struct walker *w, uint64_t address, uint32_t size)
{
    if (address < PAGE_BYTES || address & 7 || size > sizeof w->bytes ||
        w->path.count == PATH_STEPS)
        return NULL;
    uint32_t at = w->path.count++;
    w->path.steps[at] = (struct context_step){address, size};
    if (w->foreseen && at < w->foreseen->count && w->foreseen->steps[at].address == address &&
        w->foreseen->steps[at].size >= size) {
        const uint8_t *bytes = gather_get(w->gather, w->look->first_piece + at);
        if (bytes)
            return bytes;
    }
    w->missed = true;
    bool read = target_read(w->contexts->target, (struct raddr){address}, w->bytes, size) == 0;
    return read ? w->bytes : NULL;
}

/* Which of the types of the tree it is; TYPE_COUNT: none. */
static enum type type_of(struct walker *w, const uint8_t *object)
{
    static const char *const names[TYPE_COUNT] = {"hamt", "hamt_bitmap_node", "hamt_array_node",
                                                  "hamt_collision_node"};
    struct contexts *contexts = w->contexts;
    struct target *target = contexts->target;
    const struct pyabi *abi = &target->abi;
    uint64_t type = load_u64(object + abi->object.type), name;
    for (enum type known = 0; known < TYPE_COUNT; known++)
        if (contexts->types[known] == type)
            return known;
    char text[sizeof "hamt_collision_node"] = "";
    if (!type || type & 7 ||
        target_read(target, (struct raddr){type + (uint64_t)abi->type.name}, &name, sizeof name) <
            0)
        return TYPE_COUNT;
    for (enum type kind = 0; kind < TYPE_COUNT; kind++) {
        size_t size = strlen(names[kind]) + 1;
        if (target_read(target, (struct raddr){name}, text, size) == 0 &&
            memcmp(text, names[kind], size) == 0) {
            contexts->types[kind] = type;
            return kind;
        }
    }
    return TYPE_COUNT;
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* As CPython folds a hash to 32 bits (hamt_hash). What is folded already stays as it is. */
static uint32_t folded(uint64_t hash)
{
    uint32_t both = (uint32_t)hash ^ (uint32_t)(hash >> 32);
    return both == UINT32_MAX ? UINT32_MAX - 1 : both;
}

enum step { STEP_VALUE, STEP_NODE, STEP_ABSENT, STEP_BAD };

/* The pair at `address`: our variable's value, a node further down, or another variable. */
static enum step take_pair(const struct walker *w, const uint8_t *pair, uint64_t *next)
{
    uint64_t key = load_u64(pair);
    *next = load_u64(pair + 8);
    if (!key)
        return *next ? STEP_NODE : STEP_BAD;
    return key == w->contexts->variable.address ? STEP_VALUE : STEP_ABSENT;
}

static enum step in_bitmap(struct walker *w, const uint8_t *node, uint32_t size, uint32_t at,
                           uint64_t *next)
{
    uint32_t header = (uint32_t)w->contexts->target->abi.object.size;
    uint32_t bitmap = load_u32(node + header + 8);
    uint32_t bit = UINT32_C(1) << at;
    if (!(bitmap & bit))
        return STEP_ABSENT;
    uint32_t before = (uint32_t)__builtin_popcount(bitmap & (bit - 1));
    uint32_t offset = header + 16 + before * 16;
    if (offset + 16 > size) { /* over the page's end, where the node's first bytes were read to */
        uint64_t address = w->path.steps[w->path.count - 1].address + offset;
        const uint8_t *pair = fetch(w, address, 16);
        return pair ? take_pair(w, pair, next) : STEP_BAD;
    }
    return take_pair(w, node + offset, next);
}

static enum step in_array(const struct walker *w, const uint8_t *node, uint32_t size, uint32_t at,
                          uint64_t *next)
{
    uint32_t offset = (uint32_t)w->contexts->target->abi.object.size + at * 8;
    if (offset + 8 > size)
        return STEP_BAD;
    *next = load_u64(node + offset);
    return *next ? STEP_NODE : STEP_ABSENT;
}

static enum step in_collision(const struct walker *w, const uint8_t *node, uint32_t size,
                              uint64_t *next)
{
    uint32_t header = (uint32_t)w->contexts->target->abi.object.size;
    uint64_t count = load_u64(node + header);
    for (uint32_t i = 0; i + 1 < count && i < COLLISIONS_MAX; i += 2) {
        uint32_t offset = header + 16 + i * 8;
        if (offset + 16 > size)
            return STEP_BAD;
        if (take_pair(w, node + offset, next) == STEP_VALUE)
            return STEP_VALUE;
    }
    return STEP_ABSENT;
}

/* So many bytes of the node at `address` as lie in its page, at most the largest node. */
static uint32_t node_size(const struct walker *w, uint64_t address)
{
    uint32_t in_page = PAGE_BYTES - (uint32_t)(address % PAGE_BYTES);
    uint32_t least = (uint32_t)w->contexts->target->abi.object.size + 16;
    uint32_t size = in_page < NODE_BYTES ? in_page : NODE_BYTES;
    return size < least ? least : size;
}

/* An array node over the page's end: its slot is read for itself. */
static enum step follow_node(struct walker *w, uint64_t address, uint32_t shift, uint64_t *next)
{
    uint32_t size = node_size(w, address);
    const uint8_t *node = fetch(w, address, size);
    if (!node)
        return STEP_BAD;
    uint32_t hash = folded(w->contexts->variable.hash);
    uint32_t at = shift < HASH_BITS ? hash >> shift & LEVEL_MASK : 0;
    switch (type_of(w, node)) {
    case TYPE_BITMAP:
        return in_bitmap(w, node, size, at, next);
    case TYPE_ARRAY: {
        uint32_t end = (uint32_t)w->contexts->target->abi.object.size + at * 8 + 8;
        if (end <= size)
            return in_array(w, node, size, at, next);
        w->path.count--;
        node = fetch(w, address, end);
        return node ? in_array(w, node, end, at, next) : STEP_BAD;
    }
    case TYPE_COLLISION:
        return in_collision(w, node, size, next);
    default:
        return STEP_BAD;
    }
}

/* ---- the way --------------------------------------------------------------------------------- */

/* The variable keeps its value when a request ends, so what has ended is passed over, to the one
 * that it began in. */
static enum context_result take_value(struct walker *w, uint64_t address, struct context_look *look)
{
    const struct context_variable *variable = &w->contexts->variable;
    uint32_t header = variable->object_header_bytes;
    struct agent_request_head head;
    if (header < sizeof(uint64_t) || header > CONTEXT_MAX_HEADER)
        return CONTEXT_BAD;
    for (uint32_t level = 0; address && level < CONTEXT_MAX_OUTER; level++) {
        const uint8_t *value = fetch(w, address, header + (uint32_t)sizeof head);
        if (!value)
            return CONTEXT_BAD;
        if (load_u64(value + w->contexts->target->abi.object.type) != variable->request_type)
            return level ? CONTEXT_BAD : CONTEXT_NONE; /* None: nothing was ever begun here */
        memcpy(&head, value + header, sizeof head);
        if (head.magic == AGENT_REQUEST_MAGIC && head.id &&
            variable->is_live(variable->context, head.id, head.slot)) {
            look->id = head.id;
            look->slot = head.slot;
            return CONTEXT_REQUEST;
        }
        look->passed = true;
        address = head.outer;
    }
    return CONTEXT_NONE;
}

static enum context_result walk_tree(struct walker *w, struct context_look *look)
{
    uint32_t header = (uint32_t)w->contexts->target->abi.object.size;
    const uint8_t *tree = fetch(w, w->path.tree, header + 8);
    if (!tree || type_of(w, tree) != TYPE_HAMT)
        return CONTEXT_BAD;
    uint64_t at = load_u64(tree + header);
    enum step step = STEP_NODE;
    for (uint32_t level = 0; step == STEP_NODE && level < CONTEXT_MAX_LEVELS; level++)
        step = follow_node(w, at, level * BITS_PER_LEVEL, &at);
    if (step == STEP_ABSENT)
        return CONTEXT_NONE;
    return step == STEP_VALUE ? take_value(w, at, look) : CONTEXT_BAD;
}

static uint64_t values_address(const struct contexts *contexts, uint64_t context)
{
    /* PyObject_HEAD; PyContext *ctx_prev; PyHamtObject *ctx_vars (pycore_context.h, 3.7 to 3.15) */
    return context + (uint64_t)contexts->target->abi.object.size + 8;
}

static uint64_t read_u64(struct contexts *contexts, uint64_t address)
{
    uint64_t value = 0;
    return target_read(contexts->target, (struct raddr){address}, &value, sizeof value) < 0 ? 0
                                                                                            : value;
}

/* Is the context's tree, and the thread's context, after all was read, still what it was? */
static void check_again(struct walker *w, struct context_look *look, bool *same_tree)
{
    struct contexts *contexts = w->contexts;
    uint64_t tree = 0, context = 0;
    if (!w->missed && w->foreseen) {
        uint32_t last = look->first_piece + w->foreseen->count;
        const uint8_t *tree_again = gather_get(w->gather, last);
        const uint8_t *context_again = gather_get(w->gather, last + 1);
        tree = tree_again ? load_u64(tree_again) : 0;
        context = context_again ? load_u64(context_again) : 0;
    } else {
        tree = read_u64(contexts, values_address(contexts, look->context));
        context = read_u64(contexts, look->tstate + (uint64_t)contexts->target->abi.tstate.context);
    }
    *same_tree = tree == w->path.tree;
    look->current = *same_tree && context == look->context;
}

int context_plan(struct contexts *contexts, struct gather *gather, uint64_t tstate,
                 uint64_t context, struct context_look *look)
{
    *look = (struct context_look){.tstate = tstate, .context = context, .path = NONE};
    uint32_t at = context ? map_get(&contexts->index, context) : MAP_NONE;
    if (at == MAP_NONE)
        return 0;
    const struct context_path *path = &contexts->paths[at];
    look->path = at;
    look->first_piece = gather->count;
    for (uint32_t i = 0; i < path->count; i++)
        gather_add(gather, path->steps[i].address, path->steps[i].size);
    gather_add(gather, values_address(contexts, context), 8);
    uint32_t last = gather_add(gather, tstate + (uint64_t)contexts->target->abi.tstate.context, 8);
    if (last != look->first_piece + path->count + 1) {
        look->path = NONE;
        return ERR_LIMIT;
    }
    return 0;
}

enum context_result context_walk(struct contexts *contexts, const struct gather *gather,
                                 struct context_look *look)
{
    look->id = 0;
    look->slot = AGENT_NONE;
    look->current = look->known = look->passed = false;
    if (!look->context) { /* a thread that never used one */
        uint64_t slot = look->tstate + (uint64_t)contexts->target->abi.tstate.context, now = 1;
        look->current =
            target_read(contexts->target, (struct raddr){slot}, &now, sizeof now) == 0 && !now;
        return CONTEXT_NONE;
    }
    struct walker w = {.contexts = contexts, .gather = gather, .look = look};
    bool was_met = look->path != NONE && look->path < contexts->count &&
                   contexts->paths[look->path].context == look->context;
    struct context_path before = {0};
    if (was_met) {
        before = contexts->paths[look->path];
        w.foreseen = &before;
    }
    w.path.context = look->context;
    const uint8_t *values = fetch(&w, values_address(contexts, look->context), 8);
    if (!values)
        return CONTEXT_BAD;
    w.path.tree = load_u64(values);
    enum context_result result = walk_tree(&w, look);
    bool same_tree = false;
    check_again(&w, look, &same_tree);
    if (result == CONTEXT_BAD || !same_tree)
        return CONTEXT_BAD;
    w.path.id = look->id;
    look->known = was_met && before.id == look->id && (look->id || before.tree == w.path.tree);
    if (!was_met || w.missed || before.id != look->id)
        remember(contexts, &w.path);
    return result;
}
