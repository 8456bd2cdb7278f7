/* SPDX-License-Identifier: MIT */
/* The last way to find a runtime: look at every word of an object's writable memory.
 *
 * 3.13 and later carry a cookie. Before, the text that Py_GetVersion() built at start-up ("3.10.13
 * (main, Aug 25 ...") gives the version and with it the layout; the variable we want then points to
 * an interpreter whose newest thread state points back to it:
 *
 *     head ──► PyInterpreterState ── threads_head ──► PyThreadState (prev == 0)
 *                     ▲                                    │ interp
 *                     └────────────────────────────────────┘
 *
 * From 3.7 on the variable `head` is followed by `main`; with one interpreter both are equal, which
 * singles out a few hundred words of 100,000, so these are tried first. Each hit has to pass the
 * same proof as any other runtime. Measured on a stripped static 3.12 without section headers: see
 * tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "target/own.h"

#define CHUNK_BYTES (256u << 10)
#define SCAN_MAX_MAPPING (16u << 20)
#define SCAN_MAX_BYTES (64u << 20) /* of one object */
#define OVERLAP_BYTES 64           /* what is searched for is shorter and may straddle two chunks */
#define SCAN_MAX_CHECKS 200000     /* remote looks at candidates: 0.2 s at the worst */

static const char cookie[] = "xdebugpy";

/* Looks at `size` bytes read from `address`; 1: found, 0: go on, or a negative error. */
typedef int (*scan_visit)(void *context, const unsigned char *data, size_t size, uint64_t address);

static int scan_mapping(struct target *target, const struct mapping *mapping, size_t *budget,
                        unsigned char *chunk, scan_visit visit, void *context)
{
    uint64_t at = mapping->start;
    while (at < mapping->end && at - mapping->start < SCAN_MAX_MAPPING && *budget) {
        size_t want = *budget < CHUNK_BYTES ? *budget : CHUNK_BYTES;
        if (want > mapping->end - at)
            want = (size_t)(mapping->end - at);
        struct iovec piece = {(void *)(uintptr_t)at, want};
        ssize_t got = target_readv(target, chunk, want, &piece, 1);
        if (got == ERR_FAULT || got == 0)
            return 0; /* unmapped meanwhile */
        if (got < 0)
            return (int)got;
        *budget -= (size_t)got;
        int result = visit(context, chunk, (size_t)got, at);
        if (result || (size_t)got < want || at + want >= mapping->end)
            return result;
        at += (size_t)got - OVERLAP_BYTES;
    }
    return 0;
}

/* From the last mapping to the first: what we look for is mostly in .bss, and .data is full of
 * pointers. */
static int scan_object(struct target *target, const struct objects *objects,
                       const struct object *object, bool writable, scan_visit visit, void *context)
{
    unsigned char *chunk = malloc(CHUNK_BYTES);
    if (!chunk)
        return ERR_NO_MEMORY;
    size_t budget = SCAN_MAX_BYTES;
    int result = 0;
    for (size_t i = object->count; i-- > 0 && result == 0;) {
        const struct mapping *mapping = &objects->maps.list[object->first + i];
        if (mapping->readable && mapping->writable == writable)
            result = scan_mapping(target, mapping, &budget, chunk, visit, context);
    }
    free(chunk);
    return result > 0 ? 0 : result < 0 ? result : ERR_NOT_FOUND;
}

static int visit_cookie(void *context, const unsigned char *data, size_t size, uint64_t address)
{
    const unsigned char *hit = memmem(data, size, cookie, sizeof cookie - 1);
    if (!hit)
        return 0;
    ((struct raddr *)context)->value = address + (uint64_t)(hit - data);
    return 1;
}

int scan_cookie(struct target *target, const struct objects *objects, const struct object *object,
                struct raddr *out)
{
    return scan_object(target, objects, object, true, visit_cookie, out);
}

/* The text begins after a zero byte: the buffer it was printed into is a variable of its own. */
static int visit_version(void *context, const unsigned char *data, size_t size, uint64_t address)
{
    (void)address;
    for (const unsigned char *at = data, *end = data + size; at < end;) {
        const unsigned char *bracket = memmem(at, (size_t)(end - at), " (", 2);
        if (!bracket)
            break;
        at = bracket + 2;
        const unsigned char *start = bracket;
        while (start > data && start[-1] && bracket - start < 24)
            start--;
        uint32_t version = version_parse((const char *)start, (size_t)(bracket - start));
        if (version) {
            *(uint32_t *)context = version;
            return 1;
        }
    }
    return 0;
}

int scan_version(struct target *target, const struct objects *objects, const struct object *object,
                 uint32_t *version_hex)
{
    return scan_object(target, objects, object, true, visit_version, version_hex);
}

struct literal_search {
    char prefix[8]; /* "3.9." */
    uint32_t version_hex;
    bool ambiguous;
};

/* A string that ends with the version; linkers let "3.9.18" share the end of "/opt/python/3.9.18".
 */
static int visit_literal(void *context, const unsigned char *data, size_t size, uint64_t address)
{
    (void)address;
    struct literal_search *search = context;
    const unsigned char *end = data + size, *hit = data;
    size_t prefix_size = strlen(search->prefix);
    for (; (hit = memmem(hit, (size_t)(end - hit), search->prefix, prefix_size)); hit++) {
        size_t length = strnlen((const char *)hit, (size_t)(end - hit));
        if (hit + length == end || (hit > data && strchr("0123456789.", hit[-1]) && hit[-1]))
            continue;
        char again[32];
        uint32_t version_hex = version_parse((const char *)hit, length);
        version_format(version_hex, false, again);
        if (!version_hex || strcmp((const char *)hit, again) != 0)
            continue; /* there is more than a version */
        search->ambiguous |= search->version_hex && search->version_hex != version_hex;
        search->version_hex = version_hex;
    }
    return 0;
}

int scan_version_literal(struct target *target, const struct objects *objects,
                         const struct object *object, uint32_t *version_hex)
{
    struct literal_search search = {0};
    snprintf(search.prefix, sizeof search.prefix, "%u.%u.", *version_hex >> 24 & 15,
             *version_hex >> 16 & 255);
    int result = scan_object(target, objects, object, false, visit_literal, &search);
    if (result != ERR_NOT_FOUND || !search.version_hex || search.ambiguous)
        return result;
    *version_hex = search.version_hex;
    return 0;
}

struct head_search {
    struct target *target;
    const struct maps *maps;
    uint32_t checks;
    bool need_pair; /* the next word must be the same */
    bool on_heap; /* <= 3.10: interpreters are allocated; later the first is part of the runtime */
    struct raddr found;
};

static const struct mapping *writable_at(const struct head_search *search, uint64_t pointer)
{
    if (!pointer || pointer % 8)
        return NULL;
    const struct mapping *mapping = maps_find(search->maps, pointer);
    return mapping && mapping->writable ? mapping : NULL;
}

static bool may_be_interpreter(const struct head_search *search, uint64_t pointer)
{
    const struct mapping *mapping = writable_at(search, pointer);
    return mapping && !(search->on_heap && mapping->inode);
}

static bool points_back(struct head_search *search, uint64_t interp)
{
    struct target *target = search->target;
    const struct pyabi *abi = &target->abi;
    struct raddr thread, back, before;
    search->checks++;
    return target_read_ptr(target, (struct raddr){interp + (uint64_t)abi->interp.threads_head},
                           &thread) == 0 &&
           writable_at(search, thread.value) &&
           target_read_ptr(target, (struct raddr){thread.value + (uint64_t)abi->tstate.interp},
                           &back) == 0 &&
           back.value == interp &&
           target_read_ptr(target, (struct raddr){thread.value + (uint64_t)abi->tstate.prev},
                           &before) == 0 &&
           before.value == 0;
}

static int visit_heads(void *context, const unsigned char *data, size_t size, uint64_t address)
{
    struct head_search *search = context;
    for (size_t i = 0; i + 16 <= size; i += 8) {
        uint64_t words[2];
        memcpy(words, data + i, sizeof words);
        if (search->need_pair && words[0] != words[1])
            continue;
        if (!may_be_interpreter(search, words[0]) || !points_back(search, words[0])) {
            if (search->checks > SCAN_MAX_CHECKS)
                return ERR_NOT_FOUND;
            continue;
        }
        struct proof proof;
        search->target->interp_head_slot.value = address + i;
        if (proof_walk(search->target, &proof) == 0) {
            search->found.value = address + i;
            return 1;
        }
    }
    return 0;
}

int scan_interp_head(struct target *target, const struct objects *objects,
                     const struct object *object, const struct pyabi *abi, struct raddr *out)
{
    struct head_search search = {.target = target,
                                 .maps = &objects->maps,
                                 .need_pair = abi->runtime.interpreters_head >= 0,
                                 .on_heap = abi->stack == PYABI_STACK_FRAMEOBJECT};
    target->abi = *abi;
    int result = scan_object(target, objects, object, true, visit_heads, &search);
    if (result == ERR_NOT_FOUND && search.need_pair) {
        search.need_pair = false;
        result = scan_object(target, objects, object, true, visit_heads, &search);
    }
    if (result == 0)
        *out = search.found;
    return result;
}
