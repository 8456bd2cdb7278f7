/* SPDX-License-Identifier: MIT */
/* list.h - what a live table shows, in order: rows, callers and callees, threads.
 *
 * Orders are total, so equal sums give equal pictures. Lists hold numbers of rows, neighbours or
 * threads and are reused: live_list_done() frees.
 */
#pragma once

#include <regex.h>

#include "live/live.h"

enum live_sort {
    LIVE_BY_OWN_NOW,
    LIVE_BY_TOTAL_NOW,
    LIVE_BY_OWN_SINCE,
    LIVE_BY_TOTAL_SINCE,
    LIVE_BY_GIL, /* own time now with the GIL held */
    LIVE_BY_NAME,
    LIVE_SORTS,
};

struct live_list {
    uint32_t *items;
    uint32_t count, room;
};

struct live_list_options {
    enum live_mode mode;
    enum live_sort sort;
    const regex_t *filter; /* on name and file; NULL: all */
};

/* Rows that were seen in the mode. 0 or ERR_NO_MEMORY. */
int live_list_rows(struct live_list *list, const struct live *live,
                   const struct live_list_options *options);

/* Neighbours of the focus on one side, the largest first: now, then since. The number
 * live->grouping.count is "nobody". 0 or ERR_NO_MEMORY. */
int live_list_neighbours(struct live_list *list, const struct live *live, enum live_side side,
                         enum live_mode mode);

void live_list_done(struct live_list *list);

/* One thread's time, whichever is selected. */
struct live_thread {
    uint32_t thread; /* of the profile */
    struct live_time time[LIVE_PERIODS];
};

/* Threads that were seen since the start, the busiest first: in the mode, now, then since, then the
 * oldest. The caller frees *out. 0 or ERR_NO_MEMORY. */
int live_threads(const struct live *live, enum live_mode mode, struct live_thread **out,
                 uint32_t *count);
