/* SPDX-License-Identifier: MIT */
#include "live/list.h"

#include <stdlib.h>

#include "base/err.h"
#include "query/view.h"

void live_list_done(struct live_list *list)
{
    free(list->items);
    *list = (struct live_list){0};
}

static int list_reset(struct live_list *list, uint32_t room)
{
    list->count = 0;
    if (room <= list->room)
        return 0;
    uint32_t *moved = realloc(list->items, room * sizeof *moved);
    if (!moved)
        return ERR_NO_MEMORY;
    list->items = moved;
    list->room = room;
    return 0;
}

struct order {
    const struct live *live;
    enum live_mode mode;
    enum live_sort sort;
    const struct live_neighbour *neighbours;
};

static int descending(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static uint64_t sort_key(const struct live_row *row, enum live_sort sort, enum live_mode mode)
{
    switch (sort) {
    case LIVE_BY_OWN_NOW:
        return row->own[LIVE_NOW].us[mode];
    case LIVE_BY_TOTAL_NOW:
        return row->total[LIVE_NOW].us[mode];
    case LIVE_BY_OWN_SINCE:
        return row->own[LIVE_SINCE].us[mode];
    case LIVE_BY_TOTAL_SINCE:
        return row->total[LIVE_SINCE].us[mode];
    case LIVE_BY_GIL:
        return row->own[LIVE_NOW].us[LIVE_GIL];
    case LIVE_BY_NAME:
    case LIVE_SORTS:
        break;
    }
    return 0;
}

static int compare_rows(const void *left, const void *right, void *context)
{
    /* What decides when the chosen key does not. */
    static const enum live_sort then[] = {LIVE_BY_OWN_NOW, LIVE_BY_OWN_SINCE, LIVE_BY_TOTAL_NOW,
                                          LIVE_BY_TOTAL_SINCE};
    const struct order *order = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const struct live_row *rows = order->live->rows;
    int result = descending(sort_key(&rows[a], order->sort, order->mode),
                            sort_key(&rows[b], order->sort, order->mode));
    for (size_t i = 0; !result && order->sort != LIVE_BY_NAME && i < sizeof then / sizeof *then;
         i++)
        result = descending(sort_key(&rows[a], then[i], order->mode),
                            sort_key(&rows[b], then[i], order->mode));
    const struct group *groups = order->live->grouping.groups;
    return result ? result : group_compare(&groups[a], &groups[b]);
}

int live_list_rows(struct live_list *list, const struct live *live,
                   const struct live_list_options *options)
{
    int result = list_reset(list, live->grouping.count);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < live->grouping.count; i++) {
        if (!live->rows[i].total[LIVE_SINCE].us[options->mode])
            continue;
        if (options->filter && !view_matches(options->filter, &live->grouping.groups[i]))
            continue;
        list->items[list->count++] = i;
    }
    struct order order = {.live = live, .mode = options->mode, .sort = options->sort};
    if (list->count)
        qsort_r(list->items, list->count, sizeof *list->items, compare_rows, &order);
    return 0;
}

/* ---- neighbours ---------------------------------------------------------------------------- */

static int compare_neighbours(const void *left, const void *right, void *context)
{
    const struct order *order = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int result = 0;
    for (unsigned period = 0; !result && period < LIVE_PERIODS; period++)
        result = descending(order->neighbours[a].time[period].us[order->mode],
                            order->neighbours[b].time[period].us[order->mode]);
    return result ? result : (a > b) - (a < b);
}

int live_list_neighbours(struct live_list *list, const struct live *live, enum live_side side,
                         enum live_mode mode)
{
    struct order order = {.live = live, .mode = mode, .neighbours = live->neighbours[side]};
    int result = list_reset(list, live->grouping.count + 1);
    if (result < 0 || !order.neighbours)
        return result;
    for (uint32_t i = 0; i <= live->grouping.count; i++)
        if (order.neighbours[i].time[LIVE_SINCE].us[mode])
            list->items[list->count++] = i;
    if (list->count)
        qsort_r(list->items, list->count, sizeof *list->items, compare_neighbours, &order);
    return 0;
}

/* ---- threads ------------------------------------------------------------------------------- */

static void add_time(struct live_time *to, const struct live_time *from)
{
    for (unsigned mode = 0; mode < LIVE_MODES; mode++)
        to->us[mode] += from->us[mode];
}

static int compare_threads(const void *left, const void *right, void *context)
{
    const enum live_mode *mode = context;
    const struct live_thread *a = left, *b = right;
    int result = 0;
    for (unsigned period = 0; !result && period < LIVE_PERIODS; period++)
        result = descending(a->time[period].us[*mode], b->time[period].us[*mode]);
    return result ? result : (a->thread > b->thread) - (a->thread < b->thread);
}

int live_threads(const struct live *live, enum live_mode mode, struct live_thread **out,
                 uint32_t *count)
{
    uint32_t all = live->profile->thread_count, seen = 0;
    struct live_thread *threads = calloc((size_t)all + 1, sizeof *threads);
    if (!threads)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < all; i++)
        threads[i].thread = i;
    for (uint32_t i = 0; i < live->cell_count; i++)
        add_time(&threads[live->cells[i].thread].time[LIVE_SINCE], &live->cells[i].time);
    for (unsigned slot = 0; slot <= LIVE_WINDOW; slot++) {
        const struct live_slot *from = &live->slots[slot];
        for (uint32_t i = 0; slot != live->open && i < from->count; i++)
            add_time(&threads[live->cells[from->entries[i].cell].thread].time[LIVE_NOW],
                     &from->entries[i].time);
    }
    for (uint32_t i = 0; i < all; i++)
        if (threads[i].time[LIVE_SINCE].us[LIVE_WALL])
            threads[seen++] = threads[i];
    qsort_r(threads, seen, sizeof *threads, compare_threads, &mode);
    *out = threads;
    *count = seen;
    return 0;
}
