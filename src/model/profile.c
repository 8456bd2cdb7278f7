/* SPDX-License-Identifier: MIT */
/* profile.c - interning and counting.
 *
 * Everything is found through maps of 64-bit keys. Nodes and samples are pairs of ids and so are
 * their own key. Strings, frames and threads are hashed; when two of them share a hash, the
 * second one lives under a key derived from the first ("next_key"), so a chain of look-ups with
 * comparison ends either at the thing itself or at the free key where it belongs. Nothing is
 * ever removed, which is what makes this sound. The hash is seeded per profile: a target that
 * chooses its names cannot choose our collisions.
 *
 * The hot path is profile_see(): a thread is nearly always where it was a moment ago, so each
 * thread remembers its last node, sample and run, and a repeated sighting touches no map at all.
 * Measured (tests/drivers/profile_speed.c): 4 ns repeated, 12 ns moving between 4,096 stacks, 30
 * with runs kept.
 */
#include "model/profile.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "model/tree.h"

#define STRING_BLOCK_BYTES 65536u
#define ELLIPSIS "\xe2\x80\xa6"
#define REPLACEMENT "\xef\xbf\xbd"

struct block {
    struct block *next;
    size_t used;
    char bytes[STRING_BLOCK_BYTES];
};

/* Where a thread was seen last. */
struct last {
    uint64_t run; /* index + 1; 0: none */
    uint32_t node;
    uint32_t sample;
};

struct profile_index {
    struct map strings, frames, nodes, threads, samples;
    struct block *blocks;
    struct last *last; /* per thread */
    uint64_t seed;
    uint64_t string_capacity, frame_capacity, node_capacity, thread_capacity, last_capacity,
        sample_capacity, run_capacity;
};

/* Room for one more item at the end of an array. */
static bool grow(void **array, size_t item_size, uint64_t count, uint64_t *capacity)
{
    if (count < *capacity)
        return true;
    uint64_t wanted = *capacity + *capacity / 2 + 64;
    void *larger = wanted > SIZE_MAX / item_size ? NULL : realloc(*array, wanted * item_size);
    if (!larger)
        return false;
    *array = larger;
    *capacity = wanted;
    return true;
}

static uint64_t next_key(uint64_t key)
{
    return map_mix(key + 0x9e3779b97f4a7c15u);
}

struct profile *profile_new(void)
{
    struct profile *profile = calloc(1, sizeof *profile);
    if (!profile)
        return NULL;
    profile->index = calloc(1, sizeof *profile->index);
    if (!profile->index)
        goto fail;
    profile->index->seed = map_mix((uint64_t)(uintptr_t)profile);
    if (profile_string(profile, "", 0) != 0)
        goto fail;
    if (!grow((void **)&profile->nodes, sizeof *profile->nodes, 0, &profile->index->node_capacity))
        goto fail;
    profile->nodes[0] = (struct profile_node){.parent = PROFILE_NONE, .frame = PROFILE_NONE};
    profile->node_count = 1;
    return profile;

fail:
    profile_free(profile);
    return NULL;
}

void profile_free(struct profile *profile)
{
    if (!profile)
        return;
    struct profile_index *index = profile->index;
    if (index) {
        map_done(&index->strings);
        map_done(&index->frames);
        map_done(&index->nodes);
        map_done(&index->threads);
        map_done(&index->samples);
        while (index->blocks) {
            struct block *next = index->blocks->next;
            free(index->blocks);
            index->blocks = next;
        }
        free(index->last);
        free(index);
    }
    free(profile->strings);
    free(profile->frames);
    free(profile->nodes);
    free(profile->threads);
    free(profile->samples);
    free(profile->runs);
    free(profile);
}

/* Copies into memory that never moves. */
static const char *keep(struct profile_index *index, const char *text, size_t size)
{
    if (!index->blocks || STRING_BLOCK_BYTES - index->blocks->used < size + 1) {
        struct block *block = malloc(sizeof *block);
        if (!block)
            return NULL;
        block->next = index->blocks;
        block->used = 0;
        index->blocks = block;
    }
    char *to = index->blocks->bytes + index->blocks->used;
    if (size)
        memcpy(to, text, size);
    to[size] = 0;
    index->blocks->used += size + 1;
    return to;
}

/* Replaces NUL bytes and cuts what is too long; returns the new size. */
static size_t tidy(const char *text, size_t size, char out[PROFILE_MAX_STRING_BYTES])
{
    size_t limit = PROFILE_MAX_STRING_BYTES - (sizeof ELLIPSIS - 1);
    size_t used = 0;
    bool cut = false;
    for (size_t i = 0; i < size; i++) {
        const char *piece = text[i] ? text + i : REPLACEMENT;
        size_t piece_size = text[i] ? 1 : sizeof REPLACEMENT - 1;
        if (used + piece_size > limit) {
            cut = true;
            break;
        }
        memcpy(out + used, piece, piece_size);
        used += piece_size;
    }
    if (!cut)
        return used;
    size_t end = used;
    while (end && used - end < 3 && ((unsigned char)out[end - 1] & 0xc0) == 0x80)
        end--;
    if (end && (unsigned char)out[end - 1] >= 0xc0) { /* a character may have been cut in two */
        unsigned char lead = (unsigned char)out[end - 1];
        size_t whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (used - (end - 1) < whole)
            used = end - 1;
    }
    memcpy(out + used, ELLIPSIS, sizeof ELLIPSIS - 1);
    return used + sizeof ELLIPSIS - 1;
}

uint32_t profile_string(struct profile *profile, const char *text, size_t size)
{
    struct profile_index *index = profile->index;
    char tidied[PROFILE_MAX_STRING_BYTES];
    if (size && (size > PROFILE_MAX_STRING_BYTES || memchr(text, 0, size))) {
        size = tidy(text, size, tidied);
        text = tidied;
    }
    uint64_t key = XXH3_64bits_withSeed(text, size, index->seed);
    uint32_t id;
    while ((id = map_get(&index->strings, key)) != MAP_NONE) {
        const struct profile_string *known = &profile->strings[id];
        if (known->size == size && (!size || memcmp(known->text, text, size) == 0))
            return id;
        key = next_key(key);
    }
    id = profile->string_count;
    if (id >= PROFILE_MAX_STRINGS ||
        !grow((void **)&profile->strings, sizeof *profile->strings, id, &index->string_capacity))
        return PROFILE_NONE;
    const char *kept = keep(index, text, size);
    if (!kept || map_set(&index->strings, key, id) < 0)
        return PROFILE_NONE;
    profile->strings[id] = (struct profile_string){.text = kept, .size = (uint32_t)size};
    profile->string_count++;
    return id;
}

uint32_t profile_cstring(struct profile *profile, const char *text)
{
    return profile_string(profile, text, strlen(text));
}

static bool frames_equal(const struct profile_frame *a, const struct profile_frame *b)
{
    return a->name == b->name && a->file == b->file && a->full_file == b->full_file &&
           a->line == b->line && a->first_line == b->first_line && a->kind == b->kind;
}

uint32_t profile_frame(struct profile *profile, const struct profile_frame *frame)
{
    struct profile_index *index = profile->index;
    uint32_t words[6] = {frame->name,
                         frame->file,
                         frame->full_file,
                         (uint32_t)frame->line,
                         (uint32_t)frame->first_line,
                         (uint32_t)frame->kind};
    uint64_t key = XXH3_64bits_withSeed(words, sizeof words, index->seed);
    uint32_t id;
    while ((id = map_get(&index->frames, key)) != MAP_NONE) {
        if (frames_equal(&profile->frames[id], frame))
            return id;
        key = next_key(key);
    }
    id = profile->frame_count;
    if (id >= PROFILE_MAX_FRAMES ||
        !grow((void **)&profile->frames, sizeof *profile->frames, id, &index->frame_capacity) ||
        map_set(&index->frames, key, id) < 0)
        return PROFILE_NONE;
    profile->frames[id] = *frame;
    profile->frame_count++;
    return id;
}

uint32_t profile_find_node(const struct profile *profile, uint32_t parent, uint32_t frame)
{
    return map_get(&profile->index->nodes, (uint64_t)parent << 32 | frame);
}

uint32_t profile_node(struct profile *profile, uint32_t parent, uint32_t frame)
{
    struct profile_index *index = profile->index;
    uint64_t key = (uint64_t)parent << 32 | frame;
    uint32_t id = map_get(&index->nodes, key);
    if (id != MAP_NONE)
        return id;
    id = profile->node_count;
    if (id >= PROFILE_MAX_NODES ||
        !grow((void **)&profile->nodes, sizeof *profile->nodes, id, &index->node_capacity) ||
        map_set(&index->nodes, key, id) < 0)
        return PROFILE_NONE;
    profile->nodes[id] = (struct profile_node){
        .parent = parent, .frame = frame, .depth = profile->nodes[parent].depth + 1};
    profile->node_count++;
    return id;
}

static bool threads_equal(const struct profile_thread *a, const struct profile_thread *b)
{
    return a->pid == b->pid && a->tid == b->tid && a->name == b->name && a->process == b->process;
}

uint32_t profile_thread(struct profile *profile, const struct profile_thread *thread)
{
    struct profile_index *index = profile->index;
    uint32_t words[4] = {(uint32_t)thread->pid, (uint32_t)thread->tid, thread->name,
                         thread->process};
    uint64_t key = XXH3_64bits_withSeed(words, sizeof words, index->seed);
    uint32_t id;
    while ((id = map_get(&index->threads, key)) != MAP_NONE) {
        if (threads_equal(&profile->threads[id], thread))
            return id;
        key = next_key(key);
    }
    id = profile->thread_count;
    if (id >= PROFILE_MAX_THREADS ||
        !grow((void **)&profile->threads, sizeof *profile->threads, id, &index->thread_capacity) ||
        !grow((void **)&index->last, sizeof *index->last, id, &index->last_capacity) ||
        map_set(&index->threads, key, id) < 0)
        return PROFILE_NONE;
    profile->threads[id] = *thread;
    index->last[id] = (struct last){.node = PROFILE_NONE};
    profile->thread_count++;
    return id;
}

/* The sample (thread, node), made when new; PROFILE_NONE: out of memory. Remembered as the
 * thread's last. */
static uint32_t find_sample(struct profile *profile, uint32_t thread, uint32_t node)
{
    struct profile_index *index = profile->index;
    struct last *last = &index->last[thread];
    if (last->node == node)
        return last->sample;
    uint64_t key = (uint64_t)thread << 32 | node;
    uint32_t id = map_get(&index->samples, key);
    if (id == MAP_NONE) {
        id = profile->sample_count;
        if (!grow((void **)&profile->samples, sizeof *profile->samples, id,
                  &index->sample_capacity) ||
            map_set(&index->samples, key, id) < 0)
            return PROFILE_NONE;
        profile->samples[id] = (struct profile_sample){.thread = thread, .node = node};
        profile->sample_count++;
    }
    last->node = node;
    last->sample = id;
    return id;
}

int profile_add(struct profile *profile, uint32_t thread, uint32_t node, uint64_t count,
                uint64_t weight_ns)
{
    uint32_t id = find_sample(profile, thread, node);
    if (id == PROFILE_NONE)
        return ERR_NO_MEMORY;
    profile->samples[id].count += count;
    profile->samples[id].weight_ns += weight_ns;
    return 0;
}

void profile_keep_runs(struct profile *profile)
{
    profile->keeps_runs = true;
}

bool profile_run_extend(struct profile_run *run, const struct profile_run *seen)
{
    uint64_t end_us = run->start_us + run->duration_us;
    uint64_t gap_us = seen->start_us > end_us ? seen->start_us - end_us : 0;
    if (run->node != seen->node || seen->start_us < run->start_us ||
        gap_us > seen->duration_us / seen->count)
        return false;
    if (seen->start_us + seen->duration_us > end_us)
        end_us = seen->start_us + seen->duration_us;
    if (end_us - run->start_us > UINT32_MAX || run->count > UINT32_MAX - seen->count)
        return false;
    run->duration_us = (uint32_t)(end_us - run->start_us);
    run->count += seen->count;
    return true;
}

int profile_see_run(struct profile *profile, const struct profile_run *seen)
{
    int result = profile_add(profile, seen->thread, seen->node, seen->count,
                             (uint64_t)seen->duration_us * 1000);
    if (result < 0 || !profile->keeps_runs)
        return result;
    return profile_order_run(profile, seen);
}

int profile_order_run(struct profile *profile, const struct profile_run *seen)
{
    assert(seen->count > 0);
    struct profile_index *index = profile->index;
    struct last *last = &index->last[seen->thread];
    if (last->run && profile_run_extend(&profile->runs[last->run - 1], seen))
        return 0;
    uint64_t at = profile->run_count;
    if (!grow((void **)&profile->runs, sizeof *profile->runs, at, &index->run_capacity))
        return ERR_NO_MEMORY;
    profile->runs[at] = *seen;
    if (last->run && profile->runs[last->run - 1].start_us > seen->start_us)
        profile->runs[at].start_us = profile->runs[last->run - 1].start_us;
    profile->run_count++;
    last->run = at + 1;
    return 0;
}

int profile_see(struct profile *profile, uint32_t thread, uint32_t node, uint64_t start_us,
                uint64_t duration_us)
{
    return profile_see_run(
        profile, &(struct profile_run){
                     .start_us = start_us,
                     .thread = thread,
                     .node = node,
                     .count = 1,
                     .duration_us = duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)duration_us});
}

int profile_frame_totals(const struct profile *profile, uint64_t *self_count, uint64_t *total_count)
{
    struct tree tree;
    int result = tree_init(&tree, profile, TREE_COUNTS);
    if (result == 0)
        result = tree_frame_totals(&tree, self_count, total_count);
    tree_done(&tree);
    return result;
}

uint64_t profile_total_count(const struct profile *profile)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < profile->sample_count; i++)
        sum += profile->samples[i].count;
    return sum;
}

uint64_t profile_total_weight_ns(const struct profile *profile)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < profile->sample_count; i++)
        sum += profile->samples[i].weight_ns;
    return sum;
}

uint32_t profile_max_depth(const struct profile *profile)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < profile->node_count; i++)
        if (profile->nodes[i].depth > depth)
            depth = profile->nodes[i].depth;
    return depth;
}

size_t profile_frame_label(const struct profile *profile, uint32_t frame, char *out, size_t size)
{
    const struct profile_frame *f = &profile->frames[frame];
    const char *name = profile->strings[f->name].text;
    const char *file = profile->strings[f->file].text;
    int written;
    if (!f->file)
        written = snprintf(out, size, "%s", name);
    else if (f->line <= 0)
        written = snprintf(out, size, "%s (%s)", name, file);
    else
        written = snprintf(out, size, "%s (%s:%d)", name, file, (int)f->line);
    return written < 0 ? 0 : (size_t)written;
}
