/* SPDX-License-Identifier: MIT */
/* live.c - sums that follow a running program without adding everything up each time.
 *
 * A stack of a thread is a cell. An interval is a slot: the cells met in it, each once, with the
 * time they stand for. Closing an interval folds its slot, and only that, into the rows:
 *
 *      slot ──fold──► rows, since        one walk up the stack per entry
 *      the last LIVE_WINDOW slots ──fold──► rows, now        (emptied before)
 *
 * So the work of a second depends on what that second has seen, and a viewer costs the same after
 * a week as after a minute. Only when the question changes (another thread, lines instead of
 * functions, a function in focus) all cells are folded again.
 */
#include "live/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define FIRST_ROOM 256u
#define TREND_STEP 0.02 /* of the scope: less is no trend */

void live_init(struct live *live, const struct profile *profile, enum group_by by)
{
    *live = (struct live){
        .profile = profile,
        .by = by,
        .thread = PROFILE_NONE,
        .focus = PROFILE_NONE,
        .serial = 1,
    };
    map_init(&live->cell_of);
}

static void drop_neighbours(struct live *live)
{
    for (unsigned side = 0; side < LIVE_SIDES; side++) {
        free(live->neighbours[side]);
        live->neighbours[side] = NULL;
    }
}

void live_done(struct live *live)
{
    for (unsigned i = 0; i <= LIVE_WINDOW; i++)
        free(live->slots[i].entries);
    drop_neighbours(live);
    free(live->rows);
    free(live->cells);
    grouping_done(&live->grouping);
    map_done(&live->cell_of);
}

/* ---- seeing -------------------------------------------------------------------------------- */

/* Room for one more item of `size`; *room is in items. */
static int make_room(void *items, uint32_t count, uint32_t *room, size_t size)
{
    void **array = items;
    if (count < *room)
        return 0;
    uint32_t wanted = *room ? *room * 2 : FIRST_ROOM;
    void *moved = wanted > *room ? realloc(*array, wanted * size) : NULL;
    if (!moved)
        return ERR_NO_MEMORY;
    *array = moved;
    *room = wanted;
    return 0;
}

static struct live_cell *find_cell(struct live *live, uint32_t thread, uint32_t node)
{
    uint64_t key = (uint64_t)thread << 32 | node;
    uint32_t found = map_get(&live->cell_of, key);
    if (found != MAP_NONE)
        return &live->cells[found];
    if (make_room(&live->cells, live->cell_count, &live->cell_room, sizeof *live->cells) < 0 ||
        map_set(&live->cell_of, key, live->cell_count) < 0)
        return NULL;
    struct live_cell *cell = &live->cells[live->cell_count++];
    *cell = (struct live_cell){.thread = thread, .node = node};
    return cell;
}

static struct live_entry *open_entry(struct live *live, struct live_cell *cell)
{
    struct live_slot *slot = &live->slots[live->open];
    if (cell->serial == live->serial)
        return &slot->entries[cell->entry];
    if (make_room(&slot->entries, slot->count, &slot->room, sizeof *slot->entries) < 0)
        return NULL;
    cell->serial = live->serial;
    cell->entry = slot->count++;
    struct live_entry *entry = &slot->entries[cell->entry];
    *entry = (struct live_entry){.cell = (uint32_t)(cell - live->cells)};
    return entry;
}

int live_see(struct live *live, const struct live_sight *sight)
{
    struct live_cell *cell = find_cell(live, sight->thread, sight->node);
    struct live_entry *entry = cell ? open_entry(live, cell) : NULL;
    if (!entry)
        return ERR_NO_MEMORY;
    const bool counts[LIVE_MODES] = {
        [LIVE_CPU] = !sight->idle,
        [LIVE_WALL] = true,
        [LIVE_GIL] = sight->holds_gil,
    };
    for (unsigned mode = 0; mode < LIVE_MODES; mode++) {
        entry->time.us[mode] += counts[mode] ? sight->duration_us : 0;
        entry->stacks[mode] += counts[mode];
    }
    return 0;
}

/* ---- folding ------------------------------------------------------------------------------- */

static void add_time(struct live_time *to, const struct live_time *from)
{
    for (unsigned mode = 0; mode < LIVE_MODES; mode++)
        to->us[mode] += from->us[mode];
}

static uint32_t group_of(const struct live *live, uint32_t node)
{
    return live->grouping.of_frame[live->profile->nodes[node].frame];
}

static void fold_neighbour(struct live *live, enum live_side side, uint32_t group,
                           enum live_period period, const struct live_time *time)
{
    uint32_t nobody = live->grouping.count;
    struct live_neighbour *neighbour =
        &live->neighbours[side][group == PROFILE_NONE ? nobody : group];
    if (neighbour->stamp == live->stamp)
        return; /* the call is on this stack more than once */
    neighbour->stamp = live->stamp;
    add_time(&neighbour->time[period], time);
}

static void fold_call(struct live *live, uint32_t caller, uint32_t callee, enum live_period period,
                      const struct live_time *time)
{
    if (live->focus == PROFILE_NONE)
        return;
    if (callee == live->focus)
        fold_neighbour(live, LIVE_CALLERS, caller, period, time);
    if (caller == live->focus)
        fold_neighbour(live, LIVE_CALLEES, callee, period, time);
}

/* One stack, from where the thread was to its outermost frame. Labels are nobody. */
static void fold_stack(struct live *live, uint32_t node, enum live_period period,
                       const struct live_time *time)
{
    live->stamp++;
    uint32_t inner = PROFILE_NONE;
    bool is_leaf = true;
    for (; node != 0; node = live->profile->nodes[node].parent) {
        uint32_t group = group_of(live, node);
        if (group == PROFILE_NONE)
            continue;
        struct live_row *row = &live->rows[group];
        if (is_leaf)
            add_time(&row->own[period], time);
        if (row->stamp != live->stamp) {
            row->stamp = live->stamp;
            add_time(&row->total[period], time);
        }
        fold_call(live, group, inner, period, time);
        inner = group;
        is_leaf = false;
    }
    if (!is_leaf)
        fold_call(live, PROFILE_NONE, inner, period, time);
}

static void fold(struct live *live, uint32_t cell, enum live_period period,
                 const struct live_time *time, const uint64_t stacks[LIVE_MODES])
{
    add_time(&live->everyone[period], time);
    if (live->thread != PROFILE_NONE && live->cells[cell].thread != live->thread)
        return;
    struct live_scope *scope = &live->scope[period];
    add_time(&scope->time, time);
    for (unsigned mode = 0; mode < LIVE_MODES; mode++)
        scope->stacks[mode] += stacks[mode];
    fold_stack(live, live->cells[cell].node, period, time);
}

static void fold_slot(struct live *live, const struct live_slot *slot, enum live_period period)
{
    for (uint32_t i = 0; i < slot->count; i++) {
        const struct live_entry *entry = &slot->entries[i];
        fold(live, entry->cell, period, &entry->time, entry->stacks);
    }
    live->scope[period].elapsed_us += slot->elapsed_us;
}

static void clear_period(struct live *live, enum live_period period)
{
    live->scope[period] = (struct live_scope){0};
    live->everyone[period] = (struct live_time){0};
    for (uint32_t i = 0; i < live->grouping.count; i++)
        live->rows[i].own[period] = live->rows[i].total[period] = (struct live_time){0};
    for (unsigned side = 0; side < LIVE_SIDES && live->neighbours[side]; side++)
        for (uint32_t i = 0; i <= live->grouping.count; i++)
            live->neighbours[side][i].time[period] = (struct live_time){0};
}

static void fold_window(struct live *live)
{
    clear_period(live, LIVE_NOW);
    for (unsigned i = 0; i <= LIVE_WINDOW; i++)
        if (i != live->open)
            fold_slot(live, &live->slots[i], LIVE_NOW);
}

/* Everything once more, for another question. */
static void fold_all(struct live *live)
{
    clear_period(live, LIVE_SINCE);
    for (uint32_t i = 0; i < live->cell_count; i++)
        if (live->cells[i].stacks[LIVE_WALL])
            fold(live, i, LIVE_SINCE, &live->cells[i].time, live->cells[i].stacks);
    live->scope[LIVE_SINCE].elapsed_us = live->elapsed_us;
    fold_window(live);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* The array of neighbours for `count` groups, of which the first `old` and "nobody" keep theirs. */
static int grow_neighbours(struct live_neighbour **array, uint32_t old, uint32_t count)
{
    struct live_neighbour *grown = calloc((size_t)count + 1, sizeof *grown);
    if (!grown)
        return ERR_NO_MEMORY;
    if (*array) {
        memcpy(grown, *array, old * sizeof *grown);
        grown[count] = (*array)[old];
    }
    free(*array);
    *array = grown;
    return 0;
}

/* New frames get their groups; groups known before keep their number (frames are placed in order).
 */
static int refresh_groups(struct live *live)
{
    if (live->grouping.of_frame && live->grouped_frames == live->profile->frame_count)
        return 0;
    struct grouping grouping;
    uint32_t old = live->grouping.count;
    if (grouping_init(&grouping, live->profile, live->by) < 0)
        return ERR_NO_MEMORY;
    struct live_row *rows = realloc(live->rows, ((size_t)grouping.count + 1) * sizeof *rows);
    if (rows)
        live->rows = rows;
    int result = rows ? 0 : ERR_NO_MEMORY;
    for (unsigned side = 0; result == 0 && side < LIVE_SIDES && live->focus != PROFILE_NONE; side++)
        result = grow_neighbours(&live->neighbours[side], old, grouping.count);
    if (result < 0) {
        grouping_done(&grouping);
        drop_neighbours(live);
        live->focus = PROFILE_NONE;
        return result;
    }
    memset(live->rows + old, 0, (grouping.count - old) * sizeof *live->rows);
    grouping_done(&live->grouping);
    live->grouping = grouping;
    live->grouped_frames = live->profile->frame_count;
    return 0;
}

/* ---- intervals ----------------------------------------------------------------------------- */

static double own_share_now(const struct live *live, const struct live_row *row)
{
    uint64_t whole = live->scope[LIVE_NOW].time.us[live->mode];
    return whole ? (double)row->own[LIVE_NOW].us[live->mode] / (double)whole : 0;
}

static void note_history(struct live *live)
{
    uint32_t before = live->history_at;
    live->history_at = (live->history_at + 1) % LIVE_HISTORY;
    for (uint32_t i = 0; i < live->grouping.count; i++) {
        struct live_row *row = &live->rows[i];
        double share = own_share_now(live, row), change = share - row->history[before] / 255.0;
        row->trend = (int8_t)((change > TREND_STEP) - (change < -TREND_STEP));
        row->history[live->history_at] = (uint8_t)(share * 255 + 0.5);
    }
}

static void close_slot(struct live *live, uint64_t elapsed_us)
{
    struct live_slot *slot = &live->slots[live->open];
    slot->elapsed_us = elapsed_us;
    live->elapsed_us += elapsed_us;
    for (uint32_t i = 0; i < slot->count; i++) {
        const struct live_entry *entry = &slot->entries[i];
        struct live_cell *cell = &live->cells[entry->cell];
        add_time(&cell->time, &entry->time);
        for (unsigned mode = 0; mode < LIVE_MODES; mode++)
            cell->stacks[mode] += entry->stacks[mode];
    }
    fold_slot(live, slot, LIVE_SINCE);
    live->open = (live->open + 1) % (LIVE_WINDOW + 1);
    live->slots[live->open].count = 0;
    live->slots[live->open].elapsed_us = 0;
    live->serial++;
}

int live_close(struct live *live, uint64_t elapsed_us)
{
    int result = refresh_groups(live);
    if (result < 0)
        return result;
    close_slot(live, elapsed_us);
    fold_window(live);
    note_history(live);
    return 0;
}

void live_forget_window(struct live *live)
{
    for (unsigned i = 0; i <= LIVE_WINDOW; i++) {
        if (i == live->open)
            continue;
        live->slots[i].count = 0;
        live->slots[i].elapsed_us = 0;
    }
    clear_period(live, LIVE_NOW);
}

static void forget_histories(struct live *live)
{
    for (uint32_t i = 0; i < live->grouping.count; i++) {
        memset(live->rows[i].history, 0, sizeof live->rows[i].history);
        live->rows[i].trend = 0;
    }
}

void live_reset(struct live *live)
{
    for (uint32_t i = 0; i < live->cell_count; i++) {
        live->cells[i].time = (struct live_time){0};
        memset(live->cells[i].stacks, 0, sizeof live->cells[i].stacks);
    }
    live->slots[live->open].count = 0;
    live->serial++;
    live->elapsed_us = 0;
    clear_period(live, LIVE_SINCE);
    live_forget_window(live);
    forget_histories(live);
}

/* ---- questions ----------------------------------------------------------------------------- */

int live_select(struct live *live, enum group_by by, uint32_t thread)
{
    live->thread = thread;
    if (by != live->by) {
        live->by = by;
        live->focus = PROFILE_NONE;
        drop_neighbours(live);
        grouping_done(&live->grouping);
        free(live->rows);
        live->rows = NULL;
    }
    int result = refresh_groups(live);
    if (result < 0)
        return result;
    forget_histories(live);
    fold_all(live);
    return 0;
}

int live_focus(struct live *live, uint32_t group)
{
    drop_neighbours(live);
    live->focus = group;
    for (unsigned side = 0; group != PROFILE_NONE && side < LIVE_SIDES; side++) {
        if (grow_neighbours(&live->neighbours[side], 0, live->grouping.count) < 0) {
            drop_neighbours(live);
            live->focus = PROFILE_NONE;
            return ERR_NO_MEMORY;
        }
    }
    if (group != PROFILE_NONE)
        fold_all(live);
    return 0;
}

void live_set_mode(struct live *live, enum live_mode mode)
{
    if (mode == live->mode)
        return;
    live->mode = mode;
    forget_histories(live);
}

void live_history(const struct live *live, const struct live_row *row, uint8_t out[LIVE_HISTORY])
{
    for (uint32_t i = 0; i < LIVE_HISTORY; i++)
        out[i] = row->history[(live->history_at + 1 + i) % LIVE_HISTORY];
}
