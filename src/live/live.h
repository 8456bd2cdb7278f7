/* SPDX-License-Identifier: MIT */
/* live.h - what a process does now and what it has done since one began to look, as one table.
 *
 * A recorder tells every sighting (live_see); once per interval live_close() turns what came in
 * into sums: per function or line, over the last LIVE_WINDOW intervals ("now") and since the start
 * or the last reset ("since"). CPU, wall-clock and GIL time are kept side by side, so that a viewer
 * changes between them without losing anything. Between two calls of live_close() the sums stand
 * still, whatever is seen: a frozen picture is one that is not closed.
 *
 * Ownership: live_init() / live_done(); borrows the profile, which grows meanwhile. `rows` and
 * `neighbours` may move in live_close() and live_select().
 * Threads:   none of it is synchronised. Pure: no I/O, no clock.
 * Cost:      live_see() is one hash look-up. live_close() is linear in the stacks of the window and
 *            in the groups, not in all that was ever seen; live_select() and live_focus() are
 * linear in that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "model/profile.h"
#include "query/group.h"

#define LIVE_WINDOW 2u
#define LIVE_HISTORY 16u /* intervals of a row's own share */

enum live_mode {
    LIVE_CPU,  /* the thread ran */
    LIVE_WALL, /* it ran or slept */
    LIVE_GIL,  /* it held the GIL */
    LIVE_MODES,
};

enum live_period {
    LIVE_NOW,
    LIVE_SINCE,
    LIVE_PERIODS,
};

struct live_time {
    uint64_t us[LIVE_MODES];
};

/* Row i is group i of live.grouping. */
struct live_row {
    struct live_time own[LIVE_PERIODS];
    struct live_time total[LIVE_PERIODS]; /* recursion counted once */
    uint8_t history[LIVE_HISTORY];        /* own share of the scope in 1/255; see live_history() */
    int8_t trend;                         /* own share now against the interval before: -1, 0, 1 */
    uint32_t stamp;                       /* private */
};

/* Time of stacks in which a group calls, or is called by, the one in focus. */
struct live_neighbour {
    struct live_time time[LIVE_PERIODS];
    uint32_t stamp; /* private */
};

enum live_side {
    LIVE_CALLERS,
    LIVE_CALLEES,
    LIVE_SIDES,
};

/* All that was seen of the selected threads. */
struct live_scope {
    struct live_time time;
    uint64_t stacks[LIVE_MODES];
    uint64_t elapsed_us; /* of the clock */
};

/* One stack of one thread. */
struct live_cell {
    uint32_t thread, node; /* of the profile */
    struct live_time time; /* since the start or the last reset, closed intervals only */
    uint64_t stacks[LIVE_MODES];
    uint32_t entry; /* private: in the open slot */
    uint32_t serial;
};

struct live_entry {
    uint32_t cell;
    struct live_time time;
    uint64_t stacks[LIVE_MODES];
};

/* What one interval has seen. */
struct live_slot {
    struct live_entry *entries;
    uint32_t count, room;
    uint64_t elapsed_us;
};

struct live {
    const struct profile *profile;
    enum group_by by;
    enum live_mode mode; /* of history and trend only */
    uint32_t thread;     /* PROFILE_NONE: all */
    uint32_t focus;      /* group; PROFILE_NONE: none */

    struct grouping grouping;
    struct live_row *rows; /* grouping.count */
    /* grouping.count + 1: the last is "nobody", the outermost frame or the function itself. NULL
     * without a focus. */
    struct live_neighbour *neighbours[LIVE_SIDES];
    struct live_scope scope[LIVE_PERIODS];
    struct live_time everyone[LIVE_PERIODS]; /* of all threads, whichever is selected */

    struct live_cell *cells;
    uint32_t cell_count, cell_room;
    struct map cell_of;
    struct live_slot slots[LIVE_WINDOW + 1]; /* slots[open] fills, the others are the window */
    uint32_t open;
    uint64_t elapsed_us; /* of closed intervals since the start or reset */
    uint32_t serial;     /* of the open slot */
    uint32_t stamp;
    uint32_t grouped_frames;
    uint32_t history_at;
};

struct live_sight {
    uint32_t thread, node;
    bool idle;
    bool holds_gil;
    uint64_t duration_us; /* what it stands for */
};

void live_init(struct live *live, const struct profile *profile, enum group_by by);
void live_done(struct live *live);

/* 0 or ERR_NO_MEMORY. */
int live_see(struct live *live, const struct live_sight *sight);

/* Ends the interval in progress, which took elapsed_us. 0 or ERR_NO_MEMORY. */
int live_close(struct live *live, uint64_t elapsed_us);

/* Empties the window, as after a pause that is not "now". */
void live_forget_window(struct live *live);

/* Forgets everything seen. Row numbers stay. */
void live_reset(struct live *live);

/* Another grouping, or another thread. Row numbers change with `by`; the focus is left. 0 or
 * ERR_NO_MEMORY. */
int live_select(struct live *live, enum group_by by, uint32_t thread);

/* Whose callers and callees are wanted; PROFILE_NONE: nobody's. 0 or ERR_NO_MEMORY. */
int live_focus(struct live *live, uint32_t group);

/* Whose own share the histories show from now on; they start anew when it changes. */
void live_set_mode(struct live *live, enum live_mode mode);

/* The row's history, the oldest first. */
void live_history(const struct live *live, const struct live_row *row, uint8_t out[LIVE_HISTORY]);
