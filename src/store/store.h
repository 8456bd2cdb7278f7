/* SPDX-License-Identifier: MIT */
/* store.h - the history of profiles, metrics, traces and events.
 *
 * Written by one program, read by many, also while it is written and from other processes. What is
 * kept of time are windows: 10 seconds at first, later a minute, ten minutes, an hour, a day.
 *
 *     store_open("/var/lib/pitviper", &options, &store, &err);
 *     store_add_profile(store, &source, window_start_ns, profile, &err);   any number of times
 *     store_tick(store, now_ns, &err);                                     about every 10 s
 *     store_close(store);
 *
 * All instants are wall clock (CLOCK_REALTIME) nanoseconds and are the caller's: the store never
 * looks at a clock. docs/design/0006-store.md has the engine.
 *
 * Ownership: everything passed in is copied; what callbacks get is borrowed for the call.
 * Threads:   one per store handle; open another handle to read elsewhere.
 * Errors:    0, or a negative ERR_* with *err filled. A disk that is full is ERR_IO and costs
 * nothing until the ceiling of what waits in memory is reached; store_stats() tells.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/profile.h"

struct store;

#define STORE_LEVELS 5u
#define STORE_PENDING_MAX_BYTES ((size_t)32 << 20)

struct store_options {
    bool write;   /* else read only */
    bool no_sync; /* the kernel decides when bytes reach the disk: a power cut may lose more than
                     the last flush. For tests and bulk work */
    uint64_t budget_bytes;          /* 0: none */
    uint64_t keep_ns[STORE_LEVELS]; /* 10 s, 1 min, 10 min, 1 h, 1 d; 0: the default */
    uint64_t keep_traces_ns;        /* 0: the default */
    uint64_t keep_events_ns;
};

/* Makes the directory when writing. ERR_NOT_FOUND, ERR_DENIED, ERR_IO; ERR_UNSUPPORTED: written by
 * a newer pitviper; ERR_LIMIT: another program is writing it. */
int store_open(const char *place, const struct store_options *options, struct store **out,
               struct err *err);
void store_close(struct store *store); /* without a flush; NULL is fine */

/* -- writing ------------------------------------------------------------------------------- */

enum store_type {
    STORE_CPU,
    STORE_WALL,
    STORE_GIL,
    STORE_ALLOC, /* count: allocations, weight: bytes */
    STORE_TYPES
};
const char *store_type_name(enum store_type type);
int store_type_find(const char *name); /* -1: unknown */

/* Whose it is. NULL strings are "". */
struct store_source {
    const char *service, *host, *version;
    enum store_type type;   /* profiles */
    int32_t pid;            /* 0: not of one process; profiles take their threads' */
    uint64_t started_ns;    /* when the process began; tells reused pids apart */
    const char *endpoint;   /* profiles: the request these samples were taken in; "": none */
    bool weight_of_its_own; /* profiles: weights are not just time / count (allocations, mixed
                               rates): kept to the microsecond for each stack. Else the sum of a
                               thread's is kept and shared out by count */
};

/* The whole profile counts in the 10-second window that start_ns lies in. */
int store_add_profile(struct store *store, const struct store_source *source, uint64_t start_ns,
                      const struct profile *profile, struct err *err);

/* Bucket numbers are those of abi/agent.h; the store only adds what has the same number. */
struct store_bucket {
    uint32_t index;
    uint64_t count;
};
struct store_histogram {
    uint32_t kind; /* enum agent_kind */
    const char *name, *detail, *summary;
    uint32_t group;
    uint64_t fingerprint;
    int32_t pid;         /* when read: 0, added up over processes */
    const char *service; /* when read */
    uint64_t last_ns;    /* when read: end of the last window that has it */
    uint64_t count, errors, total_ns, max_ns, rows, repeats; /* since the last one that was added */
    const struct store_bucket *buckets;                      /* any order */
    uint32_t bucket_count;
};
int store_add_histogram(struct store *store, const struct store_source *source, uint64_t start_ns,
                        const struct store_histogram *histogram, struct err *err);

struct store_gauge {
    const char *name; /* "process.memory.usage" */
    int32_t pid;
    const char *service, *host; /* when read */
    uint64_t last_ns;           /* when read: end of the last window that has it */
    uint64_t count;
    double sum, min, max, last;
};
int store_add_gauge(struct store *store, const struct store_source *source, uint64_t start_ns,
                    const char *name, double value, struct err *err);

struct store_trace {
    uint64_t trace_high, trace_low;
    uint64_t start_ns, duration_ns;
    const char *service, *version, *endpoint;
    int32_t pid;
    uint32_t status;  /* HTTP; 0: none */
    uint32_t flags;   /* enum agent_flag */
    const void *data; /* the spans, opaque */
    size_t size;
};
int store_add_trace(struct store *store, const struct store_trace *trace, struct err *err);

struct store_event {
    uint64_t at_ns;
    const char *kind; /* "start", "exit", "deploy", "drop", "alert", "damage", "blocked", "cut" */
    const char *service, *host, *version;
    int32_t pid;
    const char *text;   /* for people */
    const char *detail; /* JSON or "" */
};
int store_add_event(struct store *store, const struct store_event *event, struct err *err);

/* 0: everything added so far is on the disk and stays there. Else it waits for the next one. */
int store_flush(struct store *store, struct err *err);
/* Flushes, adds up windows that are over, deletes what is too old or too much. */
int store_tick(struct store *store, uint64_t now_ns, struct err *err);

struct store_stats {
    uint64_t bytes, budget_bytes;
    uint32_t files;
    uint32_t damaged_files;   /* set aside, since the store was opened */
    uint64_t damaged_windows; /* found by this handle */
    uint64_t flushes;
    uint64_t written_windows;
    uint64_t deleted_files;
    uint64_t dropped_windows; /* could not be written in time: lost */
    uint64_t pending_bytes;
    bool failing; /* the last write failed */
    char reason[ERR_TEXT_MAX];
};
void store_stats(struct store *store, struct store_stats *stats);

/* -- reading ------------------------------------------------------------------------------- */

enum store_split {                   /* what the threads of the profile are */
                   STORE_SPLIT_NONE, /* one, for everything: the fastest */
                   STORE_SPLIT_PROCESS,
                   STORE_SPLIT_THREAD,
                   STORE_SPLIT_ENDPOINT, /* the thread's name is the endpoint */
};

/* NULL and 0 mean all; "" means those without. */
struct store_query {
    uint64_t from_ns, to_ns;
    const char *service, *host, *version;
    const char *endpoint;
    const char *thread; /* exact name, or a thread id */
    int32_t pid;
    enum store_type type;   /* profiles */
    enum store_split split; /* profiles */
    bool heads;             /* traces: without their data */
};

/* What the answer is about. */
struct store_answer {
    uint64_t from_ns, to_ns;    /* the range rounded outward to the windows that there are */
    uint64_t windows;           /* that were read */
    uint64_t damaged_windows;   /* that could not be */
    uint64_t missing_ns;        /* of the range, in files that were set aside and nowhere else */
    uint64_t first_ns, last_ns; /* start of the first window that there was, end of the last, of
                                   whomever; 0: none */
    uint64_t longest_ns;        /* window: steps below it cannot be told apart */
};

/* Adds to `into`, exactly what was stored. */
int store_read_profile(struct store *store, const struct store_query *query, struct profile *into,
                       struct store_answer *answer, struct err *err);

/* The same range in steps: nodes are those of `shape`, which grows. Called in order of time. */
struct store_sum {
    uint32_t node;
    uint64_t count, weight_ns;
};
typedef int store_step_fn(void *context, uint64_t start_ns, const struct store_sum *sums,
                          uint32_t sum_count);
/* step_ns: a multiple of 10 s; windows longer than the step count where they begin. */
int store_read_steps(struct store *store, const struct store_query *query, uint64_t step_ns,
                     struct profile *shape, store_step_fn *fn, void *context,
                     struct store_answer *answer, struct err *err);

/* What there is: one call per different value. */
enum store_group { STORE_BY_SERVICE, STORE_BY_PROCESS, STORE_BY_ENDPOINT, STORE_BY_THREAD };
struct store_group_row {
    const char *service, *host, *version; /* as far as the group tells them apart */
    enum store_type type;
    const char *endpoint, *thread, *process;
    int32_t pid;
    uint64_t started_ns;
    uint64_t first_ns, last_ns; /* first window's start, last window's end */
    uint64_t count, weight_ns;
};
typedef int store_group_fn(void *context, const struct store_group_row *row);
int store_read_groups(struct store *store, const struct store_query *query, enum store_group by,
                      store_group_fn *fn, void *context, struct store_answer *answer,
                      struct err *err);
/* The same in steps of step_ns (0: the whole range), in order of time. */
typedef int store_group_step_fn(void *context, uint64_t start_ns,
                                const struct store_group_row *row);
int store_read_group_steps(struct store *store, const struct store_query *query,
                           enum store_group by, uint64_t step_ns, store_group_step_fn *fn,
                           void *context, struct store_answer *answer, struct err *err);

/* One call per step, service (gauges: and host) and key; pid 0 in the query: histograms are added
 * up over processes. step_ns 0: the whole range. Endpoint in the query: what has this name.
 * Buckets come in order. */
typedef int store_histogram_fn(void *context, uint64_t start_ns,
                               const struct store_histogram *histogram);
typedef int store_gauge_fn(void *context, uint64_t start_ns, const struct store_gauge *gauge);
struct store_metric_fns {
    store_histogram_fn *histogram; /* may be NULL */
    store_gauge_fn *gauge;         /* may be NULL */
    void *context;
    const uint32_t *kinds; /* histograms of these only */
    uint32_t kind_count;   /* 0: all */
};
int store_read_metrics(struct store *store, const struct store_query *query, uint64_t step_ns,
                       const struct store_metric_fns *fns, struct store_answer *answer,
                       struct err *err);

/* Newest first; a callback that returns non-zero ends it. */
typedef int store_trace_fn(void *context, const struct store_trace *trace);
int store_read_traces(struct store *store, const struct store_query *query,
                      uint64_t min_duration_ns, store_trace_fn *fn, void *context, struct err *err);
/* One by its id. ERR_NOT_FOUND. */
int store_read_trace(struct store *store, uint64_t trace_high, uint64_t trace_low,
                     store_trace_fn *fn, void *context, struct err *err);
typedef int store_event_fn(void *context, const struct store_event *event);
int store_read_events(struct store *store, const struct store_query *query, const char *kind,
                      store_event_fn *fn, void *context, struct err *err);

/* -- looking after it ---------------------------------------------------------------------- */

struct store_file {
    char name[64];
    const char *duty;   /* "profile", "metric", "trace", "event" */
    uint64_t window_ns; /* 0: no windows */
    uint64_t from_ns, to_ns;
    uint64_t bytes;
    bool damaged; /* set aside */
};
typedef int store_file_fn(void *context, const struct store_file *file);
int store_list(struct store *store, store_file_fn *fn, void *context, struct err *err);

/* Reads everything. Each finding is a sentence; returns 0 when there was none, else ERR_BAD_DATA.
 */
typedef void store_finding_fn(void *context, const char *file, const char *finding);
int store_check(struct store *store, store_finding_fn *fn, void *context, struct err *err);

/* Copies the files that overlap the range into an empty directory, which is a store again. Safe
 * while the store is being written. */
int store_export(struct store *store, uint64_t from_ns, uint64_t to_ns, const char *place,
                 struct err *err);
/* Takes over what the other store has and this one has not, window by window. */
struct store_import {
    uint64_t windows, traces, events; /* taken */
    uint64_t present;                 /* were here already */
    uint64_t damaged;                 /* could not be read there */
};
int store_import(struct store *store, const char *place, struct store_import *result,
                 struct err *err);
/* Deletes files that end before the instant. */
int store_prune(struct store *store, uint64_t before_ns, struct err *err);
