/* SPDX-License-Identifier: MIT */
/* sqlite_store.h - a directory of files as one store: what the parts of the engine share.
 *
 *   sqlite_store.c   open, close, the listing, files that are damaged, stats
 *   sqlite_write.c   what is added waits here, and is flushed
 *   sqlite_rollup.c  windows into longer windows, seals, late data
 *   sqlite_retain.c  age and budget
 *   sqlite_plan.c    which windows of which files answer for a range
 *   sqlite_read.c    profiles, steps, groups
 *   sqlite_metrics.c histograms and gauges
 *   sqlite_rows.c    traces and events
 *   sqlite_check.c   the thorough look
 *   sqlite_copy.c    export and import
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "store/metric.h"
#include "store/sqlite_file.h"
#include "store/store.h"
#include "store/window.h"

/* What has been added to a window and is not on the disk yet. Numbers are the file's. */
struct pending {
    struct file *file;
    uint64_t start_ns;
    uint32_t series;
    struct window window;   /* profiles */
    struct metrics metrics; /* metrics */
    unsigned late_done;     /* bits of levels that have it already, while level 0 has not */
};

struct pending_row { /* a trace or an event */
    struct file *file;
    char *bytes; /* its texts and data, one after the other; freed with it */
    union {
        struct store_trace trace;
        struct store_event event;
    } as;
    size_t size;
};

struct store {
    char dir[400];
    bool write;
    int lock_fd;
    struct store_options options;
    struct blob_tools *tools;
    struct file **files; /* in order of shelf and start */
    uint32_t file_count, file_capacity;
    uint64_t use; /* counts up: the least recently used is closed */

    struct pending *pending;
    uint32_t pending_count, pending_capacity;
    struct pending_row *rows;
    uint32_t row_count, row_capacity;
    size_t row_bytes;

    uint64_t seal_ns[DUTIES][LEVELS]; /* as on the disk; [0] is not used */
    bool seals_known;
    uint64_t now_ns;        /* of the last tick */
    uint64_t stepped_ns;    /* when the clock was found stepped; 0: never */
    uint64_t largest_flush; /* bytes by which the files grew at most in one tick */
    struct store_stats stats;
    struct buf raw, scratch; /* an unpacked blob; one to be packed */
    struct window_sections sections;
};

/* -- sqlite_store.c -- */

/* Looks at the directory again (readers), and at the sizes. */
int store_refresh(struct store *store, struct err *err);
/* The file of a shelf that has the instant; NULL: there is none. */
struct file *store_find_file(struct store *store, const struct shelf *shelf, uint64_t at_ns);
/* Makes it when it is not there (writer). */
int store_make_file(struct store *store, const struct shelf *shelf, uint64_t at_ns,
                    struct file **out, struct err *err);
/* Opens it, as the store was, if it is not. */
int store_use(struct store *store, struct file *file, struct err *err);
/* The answer to ERR_BAD_DATA from a file in use: the writer sets it aside. `file` is gone then. */
void store_file_is_bad(struct store *store, struct file *file, const char *why);
void store_forget_file(struct store *store, struct file *file); /* closes and frees */
int store_delete_file(struct store *store, struct file *file, struct err *err);
uint64_t store_bytes(struct store *store); /* of all files, logs included, as they are now */
static inline bool store_file_ended(const struct store *store, const struct file *file)
{
    return file->start_ns + file->shelf->period_ns <= store->now_ns;
}

/* -- sqlite_write.c -- */
struct pending *store_pending(struct store *store, enum duty duty, uint64_t start_ns,
                              const struct dict_series *series, struct err *err);
void store_drop_pending_of(struct store *store, const struct file *file);
/* Adds to a window that may be there already; within a transaction. The lists may be NULL. */
int store_put(struct store *store, struct file *file, uint64_t start_ns, uint32_t series,
              const struct window *window, const struct metrics *metrics, struct err *err);

/* -- sqlite_rollup.c -- */
int store_roll_up(struct store *store, uint64_t now_ns, struct err *err);
void store_find_seals(struct store *store, uint64_t now_ns);
/* Everything that is over at an instant, with seals also where there was nothing. */
int store_seal_all(struct store *store, uint64_t until_ns, struct err *err);
/* Adds to a window of a level; in a transaction of its own, if there is none. */
int store_put_at(struct store *store, const struct pending *pending, uint32_t level,
                 struct err *err);
/* What is older than a level's seal goes to that level at once. */
int store_put_late(struct store *store, struct pending *pending, struct err *err);

/* -- sqlite_retain.c -- */
int store_retain(struct store *store, uint64_t now_ns, struct err *err);

/* -- sqlite_plan.c -- */
struct segment { /* windows of one file that answer for a part of the range */
    struct file *file;
    uint64_t from_ns, to_ns;
};
struct plan {
    struct segment *items;
    uint32_t count, capacity;
    uint64_t missing_ns;
};
/* Windows of at most max_window_ns, unless nothing else is left. In order of time. */
int plan_make(struct store *store, enum duty duty, uint64_t from_ns, uint64_t to_ns,
              uint64_t max_window_ns, struct plan *plan, struct err *err);
void plan_done(struct plan *plan);

/* One unpacked window of a series that the query wants: store->raw. */
struct visit {
    struct file *file;
    uint32_t series;
    uint64_t start_ns;
};
typedef int visit_fn(void *context, struct store *store, const struct visit *visit);
/* Calls for each; begin (may be NULL) once per file, when its dictionary is up to date.
 * ERR_BAD_DATA from `fn` counts as a damaged window. */
struct visitor {
    enum duty duty;
    bool by_type; /* only series of the query's type */
    bool sums;    /* whose it was does not matter */
    uint64_t max_window_ns;
    int (*begin)(void *context, struct store *store, struct file *file);
    visit_fn *visit;
    void *context;
};
int store_visit(struct store *store, const struct store_query *query, const struct visitor *visitor,
                struct store_answer *answer, struct err *err);

/* -- sqlite_read.c -- */
bool store_actor_is_wanted(const struct dict *dict, const struct dict_actor *actor,
                           const struct store_query *query);
