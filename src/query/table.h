/* SPDX-License-Identifier: MIT */
/* table.h - who was seen how often: by function, line, file, package, thread; and who called whom.
 *
 * `self` is where the thread was, `total` is anywhere on the stack, recursion counted once. Rows
 * come in a total order (the sort key, then the other key, then the texts), so equal profiles give
 * equal tables whatever the order in which things were first seen.
 *
 * Ownership: *_init() fills caller's storage, *_done() frees it; texts are borrowed from the
 * profile. Cost: linear in the nodes; a million nodes take about 0.2 s
 * (tests/unit/test_query_table.c).
 */
#pragma once

#include "query/view.h"

enum table_sort {
    TABLE_BY_SELF,
    TABLE_BY_TOTAL,
};

struct table_row {
    struct group group;
    uint64_t self_count;
    uint64_t total_count;
    uint64_t self_ns;
    uint64_t total_ns;
};

struct table {
    struct table_row *rows;
    uint32_t row_count; /* after filter and limit */
    uint32_t found;     /* before the limit */
};

struct table_options {
    enum group_by by;
    enum table_sort sort;
    const char *filter; /* regular expression on name and file of the rows; NULL: all */
    uint32_t limit;     /* 0: all */
};

int table_init(struct table *table, const struct view *view, const struct table_options *options,
               struct err *err);
void table_done(struct table *table);

struct thread_row {
    uint32_t thread; /* of the profile */
    uint64_t count;
    uint64_t weight_ns;
};

struct thread_table {
    struct thread_row *rows;
    uint32_t row_count;
    uint32_t found;
};

int thread_table_init(struct thread_table *table, const struct view *view, uint32_t limit,
                      struct err *err);
void thread_table_done(struct thread_table *table);

/* One function and its neighbours. A neighbour's count is the number of samples whose stack has the
 * call at least once. `group.name.size == 0` with FRAME_OTHER is "the outermost frame" among
 * callers, and "in the function itself" among callees. */
struct neighbours {
    struct table_row function;
    struct table callers; /* total_count and total_ns of each row */
    struct table callees;
};

/* `function` is a name ("get", "Session.get", "sessions.Session.get": the end of a qualified name,
 * whole parts) or a name with its file ("get (requests/sessions.py)"). Several functions may match:
 * the `rank`-th by total. ERR_NOT_FOUND: there is none (of that rank). */
int neighbours_init(struct neighbours *out, const struct view *view, const char *function,
                    uint32_t rank, uint32_t limit, struct err *err);
void neighbours_done(struct neighbours *neighbours);
