/* SPDX-License-Identifier: MIT */
/* region.c - from a descriptor to memory that can be read without fear.
 *
 * A memfd that its owner may shrink turns every load into a possible SIGBUS, so one without the
 * seal is refused. With the seal, what lies inside the size of now stays readable for good; all
 * areas are checked against it, from a copy of the header that the owner cannot change any more.
 * Reading a page that the process never touched would allocate it: what may be sparse (the slots)
 * is read with pread, which does not.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "collect/own.h"
#include "os/pidfd.h"

#define MAX_OBJECT_HEADER 256u
#define MAX_TSTATE 65536

/* The writer sets the magic last; a page full of zeros is a region in the making. */
int region_read_header(int fd, struct agent_header *out)
{
    ssize_t got = pread(fd, out, sizeof *out, 0);
    if (got != (ssize_t)sizeof *out)
        return got == 0 ? ERR_STARTING : ERR_BAD_DATA;
    if (out->magic == 0)
        return ERR_STARTING;
    if (out->magic != AGENT_MAGIC)
        return ERR_BAD_DATA;
    return out->version == AGENT_VERSION ? 0 : ERR_UNSUPPORTED;
}

static bool holds(const struct agent_header *header, uint64_t offset, uint64_t size,
                  uint64_t alignment)
{
    return offset >= AGENT_HEADER_BYTES && offset % alignment == 0 &&
           offset <= header->region_bytes && size <= header->region_bytes - offset;
}

static bool is_layout_sound(const struct agent_header *header)
{
    uint64_t keys = header->keys_limit, slots = header->slots_limit, ring = header->ring_records;
    return keys >= AGENT_KINDS && keys <= COLLECT_MAX_KEYS && slots >= 1 &&
           slots <= COLLECT_MAX_SLOTS && ring >= 1 && ring <= COLLECT_MAX_RECORDS &&
           (ring & (ring - 1)) == 0 && header->strings_bytes >= 8 &&
           holds(header, header->strings_offset, header->strings_bytes, 8) &&
           holds(header, header->keys_offset, keys * sizeof(struct agent_key), 8) &&
           holds(header, header->histograms_offset, keys * sizeof(struct agent_histogram), 4) &&
           holds(header, header->slots_offset, slots * sizeof(struct agent_slot), 8) &&
           holds(header, header->ring_offset, ring * sizeof(struct agent_record), 8);
}

static int check_memory(int fd, const struct agent_header *header, struct err *err)
{
    struct stat stat;
    int seals = fcntl(fd, F_GET_SEALS);
    if (fstat(fd, &stat) < 0 || seals < 0)
        return err_set(err, ERR_BAD_DATA, "what the agent shares is not a memfd");
    if (!(seals & F_SEAL_SHRINK))
        return err_set(err, ERR_BAD_DATA,
                       "what the agent shares could shrink while it is read: not sealed");
    if (header->region_bytes > COLLECT_MAX_REGION || (uint64_t)stat.st_size < header->region_bytes)
        return err_set(err, ERR_BAD_DATA, "what the agent shares is not as large as it says");
    if (!is_layout_sound(header))
        return err_set(err, ERR_BAD_DATA, "what the agent shares is not laid out as version %u",
                       AGENT_VERSION);
    return 0;
}

static void take_facts(struct collect *collect, const struct agent_header *header, pid_t pid)
{
    bool has_join = header->object_header_bytes <= MAX_OBJECT_HEADER &&
                    header->tstate_context >= -1 && header->tstate_context < MAX_TSTATE;
    collect->facts = (struct collect_facts){
        .pid = pid,
        .inner_pid = header->pid,
        .start_mono_ns = header->start_mono_ns,
        .start_wall_ns = header->start_wall_ns,
        .python_hex = header->python_hex,
        .free_threaded = header->free_threaded != 0,
        .keys_limit = header->keys_limit,
        .slots_limit = header->slots_limit,
        .ring_records = header->ring_records,
        .context_variable = has_join ? header->context_variable : 0,
        .context_hash = has_join ? header->context_hash : 0,
        .request_type = has_join ? header->request_type : 0,
        .object_header_bytes = has_join ? header->object_header_bytes : 0,
        .tstate_context = has_join ? header->tstate_context : -1,
    };
}

static int map_region(struct collect *collect, const struct agent_header *header)
{
    void *base = mmap(NULL, header->region_bytes, PROT_READ, MAP_SHARED, collect->fd, 0);
    if (base == MAP_FAILED)
        return ERR_NO_MEMORY;
    const uint8_t *at = base;
    collect->base = at;
    collect->region_bytes = header->region_bytes;
    collect->strings = at + header->strings_offset;
    collect->strings_bytes = header->strings_bytes;
    collect->keys = (const void *)(at + header->keys_offset);
    collect->histograms = (const void *)(at + header->histograms_offset);
    collect->slots = (const void *)(at + header->slots_offset);
    collect->slots_offset = header->slots_offset;
    collect->ring = (const void *)(at + header->ring_offset);
    return 0;
}

static int allocate(struct collect *collect)
{
    collect->seen = calloc(collect->facts.keys_limit, sizeof *collect->seen);
    for (unsigned i = 0; i < 2; i++)
        collect->scratch[i] = calloc(AGENT_HISTOGRAM_BUCKETS, sizeof *collect->scratch[i]);
    return collect->seen && collect->scratch[0] && collect->scratch[1] ? 0 : ERR_NO_MEMORY;
}

int collect_open_fd(int fd, pid_t pid, struct collect **out, struct err *err)
{
    struct agent_header header;
    struct collect *collect = calloc(1, sizeof *collect);
    if (!collect) {
        close(fd);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    collect->fd = fd;
    collect->pidfd = -1;
    collect->is_of_nobody = pid == 0;
    map_init(&collect->texts);
    int result = region_read_header(fd, &header);
    if (result < 0)
        err_set(err, result, "what the agent shares cannot be read: %s", err_text(result));
    else
        result = check_memory(fd, &header, err);
    if (result < 0)
        goto fail;
    take_facts(collect, &header, pid);
    result = map_region(collect, &header);
    if (result == 0)
        result = allocate(collect);
    if (result < 0) {
        err_set(err, result, "out of memory");
        goto fail;
    }
    *out = collect;
    return 0;

fail:
    collect_close(collect);
    return result;
}

int collect_open(pid_t pid, struct collect **out, struct err *err)
{
    int pidfd = pidfd_get(pid); /* before anything is read, so that it cannot be a successor's */
    if (pidfd == ERR_GONE)
        return err_set(err, ERR_GONE, "there is no process %d", (int)pid);
    int result = find_region(pid, err);
    if (result >= 0) {
        struct collect *collect;
        result = collect_open_fd(result, pid, &collect, err);
        if (result == 0) {
            collect->pidfd = pidfd;
            *out = collect;
            return 0;
        }
    }
    if (pidfd >= 0)
        close(pidfd);
    return result;
}

void collect_shed(const struct collect *collect)
{
    madvise((void *)(uintptr_t)collect->base, collect->region_bytes, MADV_DONTNEED);
}

void collect_close(struct collect *collect)
{
    if (!collect)
        return;
    keys_done(collect);
    free(collect->ended);
    free(collect->slot_copies);
    if (collect->base)
        munmap((void *)(uintptr_t)collect->base, collect->region_bytes);
    if (collect->pidfd >= 0)
        close(collect->pidfd);
    close(collect->fd);
    free(collect);
}

const struct collect_facts *collect_facts(const struct collect *collect)
{
    return &collect->facts;
}

const struct collect_stats *collect_stats(const struct collect *collect)
{
    return &collect->stats;
}

bool collect_exited(struct collect *collect)
{
    if (!collect->has_exited && !collect->is_of_nobody)
        collect->has_exited = pidfd_exited(collect->pidfd, collect->facts.pid);
    return collect->has_exited;
}

void collect_counters(const struct collect *collect, struct agent_counters *out)
{
    memcpy(out, &collect_header(collect)->counters, sizeof *out);
}

const char *collect_service(struct collect *collect)
{
    return collect_string(collect,
                          __atomic_load_n(&collect_header(collect)->service, __ATOMIC_RELAXED));
}

const char *collect_release(struct collect *collect)
{
    return collect_string(collect,
                          __atomic_load_n(&collect_header(collect)->release, __ATOMIC_RELAXED));
}
