/* SPDX-License-Identifier: MIT */
/* The shared memory of one process, written.
 *
 *     private page (MADV_WIPEONFORK)          memfd, mapped shared (MADV_DONTFORK)
 *     ┌──────────────────────────┐ ┌────────┬─────────┬──────┬────────────┬───────┬──────┐ │ struct
 * region: pointers, │ ─────────► │ header │ strings │ keys │ histograms │ slots │ ring │ │ lock,
 * free list, seeds   │            └────────┴─────────┴──────┴────────────┴───────┴──────┘
 *     └──────────────────────────┘
 *     private index (heap): hash of a text or key → its id; rebuilt from nothing after a fork
 *
 * A fork of any kind (os.fork, a C library's, uWSGI's) leaves the child without the mapping and
 * with a page of zeros: no handler has to run, nothing is written by two processes, and the cost is
 * the load that is needed anyway. Where the kernel has no MADV_WIPEONFORK (before 4.14) a handler
 * of pthread_atfork() wipes the page.
 *
 * The index lives outside the page, behind one pointer each, so that a fork in the middle of its
 * growth (only possible without the GIL) leaves an old or a new table, both of which region_make()
 * frees. The file descriptor is moved above FD_FLOOR, out of the way of programs that count on low
 * numbers; a child closes its parent's only after looking that it still is that memfd.
 */
#include "agent/region.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum {
    PAGE_BYTES = 4096,
    FD_FLOOR = 200,
    INDEX_FIRST = 512, /* entries of a fresh index; doubles */
    SPINS = 64,
};

struct region *region_page;

struct index_entry {
    uint32_t hash; /* 0 is stored as 1 */
    uint32_t id;
};
struct index {
    uint32_t mask, used;
    struct index_entry entries[];
};
static struct index *string_index, *key_index;

static struct {
    int number;
    dev_t device;
    ino_t inode;
} file = {.number = -1};

static struct region_about about;
static uint32_t generation;
static uint32_t slot_next[AGENT_SLOTS]; /* the free list: index + 1 of the one below */
static const uint16_t key_limits[AGENT_KINDS] = AGENT_KEY_LIMITS;

/* ---- lock ------------------------------------------------------------------------------------ */

/* With the GIL it is the lock. */
static void lock(struct region *region)
{
#ifdef AGENT_FREE_THREADED
    for (int spin = 0; __atomic_exchange_n(&region->lock, 1, __ATOMIC_ACQUIRE); spin++)
        if (spin > SPINS)
            sched_yield();
#else
    (void)region;
#endif
}

static void unlock(struct region *region)
{
#ifdef AGENT_FREE_THREADED
    __atomic_store_n(&region->lock, 0, __ATOMIC_RELEASE);
#else
    (void)region;
#endif
}

/* ---- index ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint32_t hash_of(uint64_t mixed)
{
    uint32_t hash = (uint32_t)(mixed ^ (mixed >> 32));
    return hash ? hash : 1;
}

static uint32_t hash_text(const char *text, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9e3779b97f4a7c15);
    for (; size >= 8; text += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = mix(hash ^ word);
    }
    uint64_t rest = 0;
    memcpy(&rest, text, size);
    return hash_of(mix(hash ^ rest));
}

static struct index *index_new(uint32_t size)
{
    struct index *index = calloc(1, sizeof *index + size * sizeof index->entries[0]);
    if (index)
        index->mask = size - 1;
    return index;
}

static struct index_entry *index_gap(struct index *index, uint32_t hash)
{
    uint32_t at = hash & index->mask;
    while (index->entries[at].hash)
        at = (at + 1) & index->mask;
    return &index->entries[at];
}

/* Keeps one entry in four free. Without memory it goes on with what there is, up to the last one,
 * which stays free for searches to end at. */
static bool index_add(struct index **index, uint32_t hash, uint32_t id)
{
    struct index *old = *index;
    if (old->used >= old->mask - old->mask / 4) {
        struct index *wider = index_new(2 * (old->mask + 1));
        if (wider) {
            for (uint32_t at = 0; at <= old->mask; at++)
                if (old->entries[at].hash)
                    *index_gap(wider, old->entries[at].hash) = old->entries[at];
            wider->used = old->used;
            *index = wider;
            free(old);
        } else if (old->used >= old->mask) {
            return false;
        }
    }
    *index_gap(*index, hash) = (struct index_entry){hash, id};
    (*index)->used++;
    return true;
}

/* ---- making ---------------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

uint64_t region_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void wipe_page(void)
{
    memset(region_page, 0, PAGE_BYTES);
}

static struct region *page_new(void)
{
    _Static_assert(sizeof(struct region) <= PAGE_BYTES, "one page");
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, PAGE_BYTES, MADV_WIPEONFORK) < 0 && pthread_atfork(NULL, NULL, wipe_page)) {
        munmap(page, PAGE_BYTES);
        return NULL;
    }
    return page;
}

/* The parent's memfd, inherited: closed if the number still means it. */
static void close_inherited(void)
{
    struct stat now;
    if (file.number >= 0 && fstat(file.number, &now) == 0 && now.st_dev == file.device &&
        now.st_ino == file.inode)
        close(file.number);
    file.number = -1;
}

static uint64_t layout(struct agent_header *header)
{
    uint64_t at = AGENT_HEADER_BYTES;
    header->strings_offset = at;
    at += header->strings_bytes = AGENT_STRINGS_BYTES;
    header->keys_offset = at;
    header->keys_limit = AGENT_KEYS;
    at += AGENT_KEYS * sizeof(struct agent_key);
    header->histograms_offset = at;
    at += AGENT_KEYS * sizeof(struct agent_histogram);
    header->slots_offset = at;
    header->slots_limit = AGENT_SLOTS;
    at += AGENT_SLOTS * sizeof(struct agent_slot);
    header->ring_offset = at;
    header->ring_records = AGENT_RING_RECORDS;
    at += AGENT_RING_RECORDS * sizeof(struct agent_record);
    return header->region_bytes = at;
}

/* A sealed memfd of that size; -1. A limit on file sizes would make ftruncate() raise SIGXFSZ. */
static int file_new(uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes)
        return -1;
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(AGENT_MEMFD_NAME, flags | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(AGENT_MEMFD_NAME, flags);
    if (fd < 0)
        return -1;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
    if (higher >= 0) {
        close(fd);
        fd = higher;
    }
    struct stat now;
    if (ftruncate(fd, (off_t)bytes) < 0 || fstat(fd, &now) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        close(fd);
        return -1;
    }
    file.device = now.st_dev;
    file.inode = now.st_ino;
    return fd;
}

static void *file_map(int fd, uint64_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (madvise(base, bytes, MADV_DONTFORK) < 0) {
        munmap(base, bytes);
        return NULL;
    }
    return base;
}

static bool indexes_new(void)
{
    free(string_index);
    free(key_index);
    string_index = index_new(INDEX_FIRST);
    key_index = index_new(INDEX_FIRST);
    return string_index && key_index;
}

static void apply_about(struct region *region, struct agent_header *header)
{
    header->python_hex = about.python_hex;
    header->free_threaded = about.free_threaded;
    header->context_variable = about.context_variable;
    header->context_hash = about.context_hash;
    header->request_type = about.request_type;
    header->object_header_bytes = about.object_header_bytes;
    header->tstate_context = about.tstate_context;
    if (about.service)
        header->service = region_string(region, about.service, strlen(about.service));
    if (about.release)
        header->release = region_string(region, about.release, strlen(about.release));
}

static uint32_t string_locked(struct region *region, struct agent_header *header, const char *text,
                              size_t size);

static void fill(struct region *region, char *base, const struct agent_header *first)
{
    struct agent_header *header = (struct agent_header *)base;
    *header = *first;
    region->strings = base + first->strings_offset;
    region->keys = (struct agent_key *)(base + first->keys_offset);
    region->histograms = (struct agent_histogram *)(base + first->histograms_offset);
    region->slots = (struct agent_slot *)(base + first->slots_offset);
    region->ring = (struct agent_record *)(base + first->ring_offset);
    header->strings_used = 8; /* id 0 is "" */
    uint32_t other = string_locked(region, header, "(other)", 7);
    for (uint32_t kind = 1; kind < AGENT_KINDS; kind++) {
        region->keys[kind].kind = kind;
        region->keys[kind].name = other;
    }
    header->keys_used = AGENT_KINDS;
    if (getrandom(&region->id_seed, sizeof region->id_seed, GRND_NONBLOCK) < 0)
        region->id_seed = mix(first->start_wall_ns ^ ((uint64_t)first->pid << 40));
}

static bool make(struct region *region)
{
    struct agent_header first = {
        .version = AGENT_VERSION,
        .pid = (uint32_t)getpid(),
        .start_mono_ns = clock_ns(CLOCK_MONOTONIC),
        .start_wall_ns = clock_ns(CLOCK_REALTIME),
    };
    uint64_t bytes = layout(&first);
    close_inherited();
    if (!indexes_new())
        return false;
    file.number = file_new(bytes);
    if (file.number < 0)
        return false;
    char *base = file_map(file.number, bytes);
    if (!base) {
        close(file.number);
        file.number = -1;
        return false;
    }
    fill(region, base, &first);
    region->generation = ++generation;
    struct agent_header *header = (struct agent_header *)base;
    __atomic_store_n(&region->header, header, __ATOMIC_RELEASE);
    return true;
}

struct region *region_make(void)
{
    struct region *page = __atomic_load_n(&region_page, __ATOMIC_ACQUIRE);
    if (!page) {
        page = page_new();
        struct region *none = NULL;
        if (!page)
            return NULL;
        if (!__atomic_compare_exchange_n(&region_page, &none, page, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            munmap(page, PAGE_BYTES);
            page = none;
        }
    }
    if (__atomic_load_n(&page->failed, __ATOMIC_RELAXED))
        return NULL;
    lock(page);
    bool made = false;
    if (!page->header) {
        made = make(page);
        if (!made)
            __atomic_store_n(&page->failed, 1, __ATOMIC_RELAXED);
    }
    unlock(page);
    if (made) {
        apply_about(page, page->header);
        __atomic_store_n(&page->header->magic, AGENT_MAGIC, __ATOMIC_RELEASE);
    }
    return page->header ? page : NULL;
}

void region_describe(const struct region_about *now)
{
    about = *now;
    if (region_page && region_page->header)
        apply_about(region_page, region_page->header);
}

/* ---- names ----------------------------------------------------------------------------------- */

static size_t cut(const char *text, size_t size)
{
    if (size <= AGENT_STRING_MAX)
        return size;
    size = AGENT_STRING_MAX;
    while (size > AGENT_STRING_MAX - 4 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static uint32_t string_locked(struct region *region, struct agent_header *header, const char *text,
                              size_t size)
{
    uint32_t hash = hash_text(text, size);
    for (uint32_t at = hash & string_index->mask; string_index->entries[at].hash;
         at = (at + 1) & string_index->mask) {
        if (string_index->entries[at].hash != hash)
            continue;
        uint32_t id = string_index->entries[at].id;
        const struct agent_string *known = (const void *)(region->strings + (size_t)id * 8);
        if (known->size == size && !memcmp(known->text, text, size))
            return id;
    }
    uint32_t used = header->strings_used;
    size_t bytes = (offsetof(struct agent_string, text) + size + 1 + 7) & ~(size_t)7;
    if (used + bytes > AGENT_STRINGS_BYTES || !index_add(&string_index, hash, used / 8)) {
        region_add(&header->counters.strings_full, 1);
        return 0;
    }
    struct agent_string *fresh = (void *)(region->strings + used);
    fresh->size = (uint32_t)size;
    memcpy(fresh->text, text, size);
    __atomic_store_n(&header->strings_used, used + (uint32_t)bytes, __ATOMIC_RELEASE);
    return used / 8;
}

uint32_t region_string(struct region *region, const char *text, size_t size)
{
    if (!size)
        return 0;
    size = cut(text, size);
    lock(region);
    uint32_t id = string_locked(region, region->header, text, size);
    unlock(region);
    return id;
}

static uint32_t hash_key(const struct agent_key *key)
{
    uint64_t what = key->fingerprint ? key->fingerprint : key->name;
    uint64_t rest = ((uint64_t)key->detail << 32) | (key->group << 8) | key->kind;
    return hash_of(mix(mix(what) ^ rest));
}

static bool same_key(const struct agent_key *one, const struct agent_key *other)
{
    return one->kind == other->kind && one->detail == other->detail && one->group == other->group &&
           one->fingerprint == other->fingerprint && (one->fingerprint || one->name == other->name);
}

static uint32_t key_locked(struct region *region, const struct agent_key *wanted)
{
    struct agent_header *header = region->header;
    uint32_t hash = hash_key(wanted), kind = wanted->kind;
    for (uint32_t at = hash & key_index->mask; key_index->entries[at].hash;
         at = (at + 1) & key_index->mask) {
        uint32_t id = key_index->entries[at].id;
        if (key_index->entries[at].hash == hash && same_key(&region->keys[id], wanted))
            return id;
    }
    uint32_t id = header->keys_used;
    if (region->keys_of[kind] >= key_limits[kind] || id >= AGENT_KEYS ||
        !index_add(&key_index, hash, id)) {
        region_add(&header->counters.keys_full[kind], 1);
        return kind;
    }
    region->keys_of[kind]++;
    struct agent_key *fresh = &region->keys[id];
    fresh->kind = kind;
    fresh->name = wanted->name;
    fresh->detail = wanted->detail;
    fresh->group = wanted->group;
    fresh->fingerprint = wanted->fingerprint;
    fresh->summary = wanted->summary;
    __atomic_store_n(&header->keys_used, id + 1, __ATOMIC_RELEASE);
    return id;
}

uint32_t region_key(struct region *region, const struct agent_key *wanted)
{
    if (!wanted->kind || wanted->kind >= AGENT_KINDS)
        return AGENT_KIND_NONE;
    lock(region);
    uint32_t key = key_locked(region, wanted);
    unlock(region);
    return key;
}

/* ---- statistics ------------------------------------------------------------------------------ */

uint32_t region_bucket(uint64_t ns)
{
    const uint32_t bits = AGENT_HISTOGRAM_BITS;
    if (ns >> bits == 0)
        return (uint32_t)ns;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(ns) - bits;
    uint64_t bucket = ((uint64_t)shift << bits) + (ns >> shift);
    return bucket < AGENT_HISTOGRAM_BUCKETS ? (uint32_t)bucket : AGENT_HISTOGRAM_BUCKETS - 1;
}

static void bucket_add(uint32_t *bucket)
{
#ifdef AGENT_FREE_THREADED
    __atomic_fetch_add(bucket, 1, __ATOMIC_RELAXED);
#else
    __atomic_store_n(bucket, __atomic_load_n(bucket, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
#endif
}

static void raise_to(uint64_t *maximum, uint64_t value)
{
    uint64_t seen = __atomic_load_n(maximum, __ATOMIC_RELAXED);
    while (value > seen && !__atomic_compare_exchange_n(maximum, &seen, value, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

bool region_count(struct region *region, uint32_t index, uint64_t end_ns, uint64_t duration_ns,
                  bool error)
{
    if (!index || index >= AGENT_KEYS)
        return false;
    struct agent_key *key = &region->keys[index];
    bool first = region_add(&key->count, 1) == 0;
    region_add(&key->total_ns, duration_ns);
    if (error)
        region_add(&key->errors, 1);
    if (duration_ns > __atomic_load_n(&key->max_ns, __ATOMIC_RELAXED))
        raise_to(&key->max_ns, duration_ns);
    if (first)
        __atomic_store_n(&key->first_ns, end_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&key->last_ns, end_ns, __ATOMIC_RELAXED);
    bucket_add(&region->histograms[index].buckets[region_bucket(duration_ns)]);
    return first;
}

void region_append(struct region *region, struct agent_record *record)
{
    struct agent_header *header = region->header;
    uint64_t number = region_add(&header->ring_next, 1);
    record->sequence = (uint32_t)number + 1;
    uint64_t words[sizeof *record / 8];
    memcpy(words, record, sizeof words);
    uint64_t *to = (uint64_t *)&region->ring[number & (AGENT_RING_RECORDS - 1)];
    __atomic_store_n(&to[0], 0, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_RELEASE); /* x86 keeps stores in order; so must the compiler */
    for (size_t at = 1; at < sizeof words / 8; at++)
        __atomic_store_n(&to[at], words[at], __ATOMIC_RELAXED);
    __atomic_store_n(&to[0], words[0], __ATOMIC_RELEASE);
    region_add(&header->counters.events, 1);
}

/* ---- slots ----------------------------------------------------------------------------------- */

uint32_t region_slot_take(struct region *region)
{
    lock(region);
    uint32_t slot = AGENT_NONE;
    if (region->slot_free) {
        slot = region->slot_free - 1;
        region->slot_free = slot_next[slot];
    } else if (region->slots_touched < AGENT_SLOTS) {
        slot = region->slots_touched++;
    }
    unlock(region);
    if (slot == AGENT_NONE)
        region_add(&region->header->counters.slots_full, 1);
    return slot;
}

void region_slot_publish(struct region *region, uint32_t slot)
{
    uint32_t *turn = &region->slots[slot].generation;
    __atomic_store_n(turn, __atomic_load_n(turn, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

void region_slot_free(struct region *region, uint32_t slot)
{
    region_slot_publish(region, slot); /* even again */
    lock(region);
    slot_next[slot] = region->slot_free;
    region->slot_free = slot + 1;
    unlock(region);
}

/* ---- ids ------------------------------------------------------------------------------------- */

uint64_t region_id(struct region *region)
{
    uint64_t id;
    do {
        id = mix(region_add(&region->id_seed, UINT64_C(0x9e3779b97f4a7c15)));
    } while (!id);
    return id;
}

uint64_t region_request(struct region *region)
{
    return region_add(&region->requests_begun, 1) + 1;
}
