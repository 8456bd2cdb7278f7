/* SPDX-License-Identifier: MIT */
/* profile.h - a profile in memory: strings, frames, stacks, threads, samples.
 *
 *   string  an interned run of bytes (UTF-8 as far as the target's was), id 0 is ""
 *   frame   one line of one function: (name, file, line, kind)
 *   node    one stack: a frame under a parent node. Node 0 is the root and has no frame,
 *           so a stack is the path from a node up to 0. A parent's id is always lower
 *           than its child's.
 *   thread  one thread of one process
 *   sample  how often (count) and how long (weight_ns) a thread was seen in a node
 *
 * Everything is append-only: ids are dense, start at 0 (frames, threads) or 1 (strings,
 * nodes, after the reserved first), never change and are valid array indexes. Writers of
 * streams remember how far they got and emit what has come since.
 *
 * Ownership: profile_new() / profile_free(). The arrays belong to the profile and may move at
 * the next call that adds; strings never move.
 * Threads:   none of it is synchronised. Pure: no I/O, no clock.
 * Limits:    PROFILE_MAX_*; adding beyond returns PROFILE_NONE, and the caller counts it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

#define PROFILE_NONE UINT32_MAX
#define PROFILE_MAX_STRINGS (1u << 24)
#define PROFILE_MAX_STRING_BYTES 4096u /* longer ones are cut on a character and end in "…" */
#define PROFILE_MAX_FRAMES (1u << 24)
#define PROFILE_MAX_THREADS (1u << 22)
#define PROFILE_MAX_NODES (1u << 26)

enum frame_kind {
    FRAME_PYTHON,
    FRAME_NATIVE,
    FRAME_KERNEL,
    FRAME_THREAD,   /* root of one thread's stacks (-t) */
    FRAME_PROCESS,  /* root of one process's stacks (-s) */
    FRAME_GC,       /* a garbage collection in progress, "<GC>" */
    FRAME_CHANGING, /* "<changing>": the stack above here was not the same twice */
    FRAME_OTHER,
    FRAME_REQUEST, /* root of one endpoint's stacks (--by-endpoint): "GET /users/<int:id>" */
    FRAME_KINDS,
};

struct profile_string {
    const char *text; /* NUL-terminated; may hold any byte but NUL */
    uint32_t size;
};

struct profile_frame {
    uint32_t name;      /* string; qualified name where the interpreter knows it */
    uint32_t file;      /* string, shortened as displayed; 0: none */
    uint32_t full_file; /* string, as the code object has it; 0: none */
    int32_t line;       /* 1-based; 0: unknown or not wanted */
    int32_t first_line; /* where the function begins; 0: unknown */
    enum frame_kind kind;
};

struct profile_node {
    uint32_t parent; /* node; only the root's is PROFILE_NONE */
    uint32_t frame;  /* frame; PROFILE_NONE for the root */
    uint32_t depth;  /* frames on the stack; 0 for the root */
};

struct profile_thread {
    int32_t pid;
    int32_t tid;      /* as the host sees it */
    uint32_t name;    /* string: the kernel's comm, or Python's name where known */
    uint32_t process; /* string: the process's command, shortened */
};

struct profile_sample {
    uint32_t thread;
    uint32_t node;
    uint64_t count;
    uint64_t weight_ns; /* elapsed time that these samples stand for */
};

/* Order in time, kept only when profile_keep_runs() was called: thread `thread` was seen `count`
 * times in a row in `node`, from start_us to start_us + duration_us. Ascending by start within a
 * thread; between two runs of a thread it was not seen (idle, or not sampled). 24 bytes. */
struct profile_run {
    uint64_t start_us; /* since meta.start_wall_ns, monotonic */
    uint32_t thread;
    uint32_t node;
    uint32_t count;
    uint32_t duration_us;
};

/* What was done and how well. Filled by the recorder; codecs print it. */
struct profile_stats {
    uint64_t samples; /* thread stacks taken = exact + partial */
    uint64_t rounds;
    uint64_t exact;
    uint64_t partial; /* only the outer part was proven */
    uint64_t lost;    /* no part could be read */
    uint64_t late;    /* rounds skipped because the one before took too long */
    uint64_t errors;
    uint64_t reads; /* system calls that read the target */
};

struct profile_meta {
    uint64_t start_wall_ns;
    uint64_t duration_ns;
    uint64_t period_ns; /* mean interval asked for; 0: unknown (converted) */
    int32_t pid;        /* 0: several */
    uint32_t command;   /* string */
    uint32_t python;    /* string such as "3.12.1" */
    uint32_t mode;      /* string: "cpu", "wall", "gil" */
    uint32_t host;      /* string */
};

struct profile {
    struct profile_string *strings;
    struct profile_frame *frames;
    struct profile_node *nodes;
    struct profile_thread *threads;
    struct profile_sample *samples; /* one per (thread, node) seen, in order of first sight */
    struct profile_run *runs;
    uint64_t run_count;
    bool keeps_runs;
    uint32_t string_count;
    uint32_t frame_count;
    uint32_t node_count;
    uint32_t thread_count;
    uint32_t sample_count;
    struct profile_stats stats;
    struct profile_meta meta;
    struct profile_index *index; /* private to profile.c */
};

struct profile *profile_new(void);          /* NULL: out of memory */
void profile_free(struct profile *profile); /* NULL is fine */

/* Interns. `text` need not be NUL-terminated. NUL bytes inside become U+FFFD. Invalid UTF-8 stays
 * as it is here; codecs that need valid text repair it. PROFILE_NONE when full or out of memory. */
uint32_t profile_string(struct profile *profile, const char *text, size_t size);
uint32_t profile_cstring(struct profile *profile, const char *text);

uint32_t profile_frame(struct profile *profile, const struct profile_frame *frame);
uint32_t profile_node(struct profile *profile, uint32_t parent, uint32_t frame);
/* The node if it exists, else PROFILE_NONE; adds nothing. */
uint32_t profile_find_node(const struct profile *profile, uint32_t parent, uint32_t frame);
uint32_t profile_thread(struct profile *profile, const struct profile_thread *thread);

/* Adds to the sample (thread, node). 0 or ERR_NO_MEMORY. Hot path: one hash look-up. */
int profile_add(struct profile *profile, uint32_t thread, uint32_t node, uint64_t count,
                uint64_t weight_ns);

/* One sighting at start_us, standing for duration_us: goes to profile_add(), and, when runs are
 * kept, extends the thread's last run (same node, gap of at most one duration) or begins one. */
void profile_keep_runs(struct profile *profile);
int profile_see(struct profile *profile, uint32_t thread, uint32_t node, uint64_t start_us,
                uint64_t duration_us);
/* The same for `seen->count` (at least 1) sightings in a row. */
int profile_see_run(struct profile *profile, const struct profile_run *seen);
/* The order alone, for samples that were added by profile_add(). */
int profile_order_run(struct profile *profile, const struct profile_run *seen);
/* Lengthens `run` by what was seen next of its thread; false (and nothing done): it is elsewhere,
 * too far away, or would overflow. */
bool profile_run_extend(struct profile_run *run, const struct profile_run *seen);

/* Per frame, indexed by frame id: samples with the frame innermost (self), and samples with
 * the frame anywhere (total, recursion counted once). Caller's arrays of frame_count, zeroed here.
 * Either may be NULL. 0 or ERR_NO_MEMORY. */
int profile_frame_totals(const struct profile *profile, uint64_t *self_count,
                         uint64_t *total_count);

/* Sums over all samples. */
uint64_t profile_total_count(const struct profile *profile);
uint64_t profile_total_weight_ns(const struct profile *profile);
/* Frames on the deepest stack. */
uint32_t profile_max_depth(const struct profile *profile);

/* Adds every sample of `from` to `into`, translating ids. 0 or ERR_*. Stats are added too; runs are
 * not: a merged profile has sums only. */
int profile_merge(struct profile *into, const struct profile *from);

/* The same without the samples, stats and meta: names, frames, nodes and threads only. Two profiles
 * given the same shapes in the same order have the same ids. */
int profile_merge_shape(struct profile *into, const struct profile *from);

/* The node of `into` that is the same stack; PROFILE_NONE: full, or out of memory. */
uint32_t profile_copy_node(struct profile *into, const struct profile *from, uint32_t node);

/* Writes "name (file:line)" as it is shown to people; line 0 leaves ":line" out, no file leaves
 * " (…)" out. Returns the size that was or would have been written, as snprintf does. */
size_t profile_frame_label(const struct profile *profile, uint32_t frame, char *out, size_t size);
