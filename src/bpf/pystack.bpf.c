// SPDX-License-Identifier: MIT
/* pystack.bpf.c - the Python stack of the thread whose timer has just expired.
 *
 * Runs in the timer interrupt, on the thread itself, so nothing it reads changes meanwhile: a stack
 * that is read whole existed. The kernel calls it every so many nanoseconds of the thread's own CPU
 * time, so a thread that sleeps costs nothing. Pages that are not in memory cannot be read here;
 * such a stack is counted as lost.
 *
 * Whose thread state is it? thread_id is pthread_self(), which is the base of the fs segment on
 * x86-64 (glibc sysdeps/x86_64/nptl/tls.h, musl arch/x86_64/pthread_arch.h), and that the kernel
 * knows. The holder of a GIL is tried first, then the lists of all interpreters.
 */
/* In this order: each needs what the one before defines. */
#include <linux/types.h>

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>

#include <bpf/bpf_helpers.h>
#include <stdbool.h>

typedef __u64 uint64_t;
typedef __u32 uint32_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
#define PYSTACK_HAS_TYPES
#include "abi/pystack.h"

#define HEADER_BYTES __builtin_offsetof(struct pystack_sample, frames)
#define MAX_CPUS 1024

char LICENSE[] SEC("license") = "Dual MIT/GPL"; /* the kernel lends its helpers to such only */

struct thread_struct {
    unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct {
    struct thread_struct thread;
} __attribute__((preserve_access_index));

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, uint32_t);
    __type(value, struct pystack_config);
} processes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, MAX_CPUS); /* the loader lowers it to what there is */
    __type(key, uint32_t);
    __type(value, struct pystack_sample);
} scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20);
} samples SEC(".maps");

uint64_t lost = 0;

static __always_inline bool read(void *to, uint32_t size, uint64_t from)
{
    return bpf_probe_read_user(to, size, (const void *)from) == 0;
}

static __always_inline uint64_t read_u64(uint64_t base, int32_t offset)
{
    uint64_t value = 0;
    if (!base || offset < 0 || !read(&value, sizeof value, base + (uint64_t)offset))
        return 0;
    return value;
}

static __always_inline uint32_t read_u32(uint64_t base, int32_t offset)
{
    uint32_t value = 0;
    if (!base || offset < 0 || !read(&value, sizeof value, base + (uint64_t)offset))
        return 0;
    return value;
}

/* ---- whose thread state --------------------------------------------------------------------- */

struct search {
    const struct pystack_config *config;
    uint64_t thread_id;
    uint64_t tstate; /* next to look at */
    uint64_t found;
};

static __always_inline uint64_t innermost(const struct pystack_config *config, uint64_t tstate)
{
    uint64_t frame = read_u64(tstate, config->tstate_frame);
    return config->kind == PYSTACK_CFRAME ? read_u64(frame, config->cframe_current) : frame;
}

static long look_at_thread(uint32_t i, struct search *search)
{
    const struct pystack_config *config = search->config;
    if (!search->tstate)
        return 1;
    if (read_u64(search->tstate, config->tstate_thread_id) == search->thread_id) {
        search->found = search->tstate;
        if (innermost(config, search->tstate))
            return 1; /* else another interpreter's may be the one that runs */
    }
    search->tstate = read_u64(search->tstate, config->tstate_next);
    return 0;
}

static __always_inline uint64_t holder(const struct pystack_config *config, uint64_t interp)
{
    uint64_t gil = read_u64(interp, config->interp_gil);
    return read_u32(gil, config->gil_locked) ? read_u64(gil, config->gil_holder) : 0;
}

/* Sets *interp to the one the thread state was found in, where that is known; *holds: it holds that
 * GIL. */
static __always_inline uint64_t find_tstate(const struct pystack_config *config, uint64_t thread_id,
                                            uint64_t *interp, bool *holds)
{
    uint64_t current = config->tstate_current_slot ? read_u64(config->tstate_current_slot, 0) : 0;
    uint64_t at = read_u64(config->interp_head_slot, 0), found = 0;
    *holds = current && read_u64(current, config->tstate_thread_id) == thread_id;
    *interp = at;
    if (*holds)
        return current;
    for (uint32_t i = 0; i < PYSTACK_MAX_INTERPS && at; i++) {
        uint64_t gil_holder = config->tstate_current_slot ? 0 : holder(config, at);
        if (gil_holder && read_u64(gil_holder, config->tstate_thread_id) == thread_id) {
            *holds = true;
            *interp = at;
            return gil_holder;
        }
        at = read_u64(at, config->interp_next);
    }
    at = read_u64(config->interp_head_slot, 0);
    for (uint32_t i = 0; i < PYSTACK_MAX_INTERPS && at; i++) {
        struct search search = {config, thread_id, read_u64(at, config->interp_threads), 0};
        bpf_loop(PYSTACK_MAX_THREADS, look_at_thread, &search, 0);
        if (search.found) {
            found = search.found;
            *interp = at;
            if (innermost(config, found))
                break;
        }
        at = read_u64(at, config->interp_next);
    }
    return found;
}

/* ---- the walk ------------------------------------------------------------------------------- */

struct frame_bytes {
    unsigned char at[PYSTACK_FRAME_BYTES];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct frame_bytes);
} frame_scratch SEC(".maps");

struct walk {
    const struct pystack_config *config;
    struct pystack_sample *sample;
    struct frame_bytes *bytes;
    uint64_t frame, base_frame;
    uint32_t count;
    bool failed;
};

static __always_inline uint32_t identify(const struct pystack_config *config, uint64_t code)
{
    if (config->with_version)
        return read_u32(code, config->code_version);
    uint64_t hash = read_u64(read_u64(code, config->code_name), config->unicode_hash);
    return pystack_identity(hash, read_u64(code, config->code_filename),
                            read_u64(code, config->code_lines),
                            read_u32(code, config->code_first_line));
}

/* Fields of the frame that was read last; the masks are for the verifier. */
static __always_inline uint64_t frame_u64(const struct frame_bytes *bytes, int32_t offset)
{
    return *(const uint64_t *)(bytes->at + ((uint32_t)offset & (PYSTACK_FRAME_BYTES - 8)));
}

static long look_at_frame(uint32_t i, struct walk *walk)
{
    const struct pystack_config *config = walk->config;
    struct frame_bytes *bytes = walk->bytes;
    uint64_t frame = walk->frame;
    uint32_t at = walk->count, size = config->frame_bytes;
    if (!frame || frame == walk->base_frame)
        return 1;
    if (at >= PYSTACK_MAX_FRAMES || size > PYSTACK_FRAME_BYTES || !read(bytes->at, size, frame)) {
        walk->failed = true;
        return 1;
    }
    walk->frame = frame_u64(bytes, config->frame_previous);
    uint64_t code = frame_u64(bytes, config->frame_code) & config->pointer_mask;
    uint32_t owner_at = (uint32_t)config->frame_owner;
    if (owner_at < PYSTACK_FRAME_BYTES && bytes->at[owner_at] >= 3) /* PYABI_OWNER_BOUNDARY */
        return 0;
    if (!code)
        return 0;
    struct pystack_frame *out = &walk->sample->frames[at];
    out->address = frame;
    out->code = code;
    if (config->instr_is_index)
        out->instr = (uint64_t)(int64_t) *
                     (const int32_t *)(bytes->at +
                                       ((uint32_t)config->frame_instr & (PYSTACK_FRAME_BYTES - 4)));
    else
        out->instr = frame_u64(bytes, config->frame_instr);
    out->tlbc_index = 0;
    out->identity = identify(config, code);
    walk->count = at + 1;
    return 0;
}

SEC("perf_event")
int on_timer(struct bpf_perf_event_data *event)
{
    uint64_t id = bpf_get_current_pid_tgid();
    uint32_t pid = id >> 32, cpu = bpf_get_smp_processor_id(), zero = 0;
    struct frame_bytes *bytes = bpf_map_lookup_elem(&frame_scratch, &zero);
    const struct pystack_config *config = bpf_map_lookup_elem(&processes, &pid);
    struct pystack_sample *sample = bpf_map_lookup_elem(&scratch, &cpu);
    if (!config || !sample || !bytes)
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
    uint64_t interp = 0;
    bool holds = false;
    sample->pid = pid;
    sample->tid = (uint32_t)id;
    sample->mono_ns = bpf_ktime_get_ns();
    sample->period_ns = event->sample_period;
    sample->thread_id = task->thread.fsbase;
    sample->tstate = find_tstate(config, sample->thread_id, &interp, &holds);
    if (!sample->tstate) /* a thread that Python does not know */
        return 0;
    struct walk walk = {
        .config = config,
        .sample = sample,
        .bytes = bytes,
        .frame = innermost(config, sample->tstate),
        .base_frame = read_u64(sample->tstate, config->tstate_base_frame),
    };
    bpf_loop(PYSTACK_MAX_FRAMES + 64, look_at_frame, &walk, 0);
    uint32_t count = walk.count;
    if (count > PYSTACK_MAX_FRAMES)
        return 0;
    bool collecting = config->collecting_address ? read_u32(config->collecting_address, 0)
                                                 : read_u32(interp, config->interp_collecting);
    bool whole = !walk.failed && (!walk.frame || walk.frame == walk.base_frame);
    sample->frame_count = count;
    sample->flags = (holds ? PYSTACK_HOLDS_GIL : 0) | (collecting ? PYSTACK_COLLECTING : 0);
    if (!whole) {
        __sync_fetch_and_add(&lost,
                             1); /* without its outer end a stack has no place in a profile */
        return 0;
    }
    if (bpf_ringbuf_output(&samples, sample, HEADER_BYTES + count * sizeof(struct pystack_frame),
                           BPF_RB_NO_WAKEUP) < 0)
        __sync_fetch_and_add(&lost, 1);
    return 0;
}
