/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "live/list.h"
#include "live/live.h"
#include "query/view.h"

/* main → f → f → g, main → g, and in a worker main → h; f has two lines. */
struct fixture {
    struct profile *profile;
    struct live live;
    uint32_t main_thread, worker;
    uint32_t f, ff, ffg, g, h;
};

static uint32_t frame(struct profile *profile, const char *name, int32_t line)
{
    struct profile_frame made = {
        .name = profile_cstring(profile, name),
        .file = profile_cstring(profile, "app.py"),
        .line = line,
    };
    return profile_frame(profile, &made);
}

static uint32_t thread(struct profile *profile, int32_t tid)
{
    struct profile_thread made = {.pid = 1, .tid = tid};
    return profile_thread(profile, &made);
}

static void begin(struct fixture *fixture)
{
    struct profile *profile = fixture->profile = profile_new();
    fixture->main_thread = thread(profile, 10);
    fixture->worker = thread(profile, 11);
    uint32_t root = profile_node(profile, 0, frame(profile, "main", 1));
    fixture->f = profile_node(profile, root, frame(profile, "f", 10));
    fixture->ff = profile_node(profile, fixture->f, frame(profile, "f", 11));
    fixture->ffg = profile_node(profile, fixture->ff, frame(profile, "g", 5));
    fixture->g = profile_node(profile, root, frame(profile, "g", 5));
    fixture->h = profile_node(profile, root, frame(profile, "h", 9));
    live_init(&fixture->live, profile, GROUP_FUNCTION);
}

static void end(struct fixture *fixture)
{
    live_done(&fixture->live);
    profile_free(fixture->profile);
}

/* Runs and holds the GIL. */
static void see(struct fixture *fixture, uint32_t thread_id, uint32_t node, uint64_t us)
{
    struct live_sight sight = {
        .thread = thread_id, .node = node, .holds_gil = true, .duration_us = us};
    assert_int_equal(live_see(&fixture->live, &sight), 0);
}

static void sleeps(struct fixture *fixture, uint32_t thread_id, uint32_t node, uint64_t us)
{
    struct live_sight sight = {.thread = thread_id, .node = node, .idle = true, .duration_us = us};
    assert_int_equal(live_see(&fixture->live, &sight), 0);
}

static void close_interval(struct fixture *fixture)
{
    assert_int_equal(live_close(&fixture->live, 1000), 0);
}

static uint32_t group_called(const struct live *live, const char *name)
{
    for (uint32_t i = 0; i < live->grouping.count; i++)
        if (!strncmp(live->grouping.groups[i].name.text, name, strlen(name)))
            return i;
    fail_msg("no group '%s'", name);
    return 0;
}

static void assert_row(const struct live *live, const char *name, enum live_period period,
                       enum live_mode mode, uint64_t own, uint64_t total)
{
    const struct live_row *row = &live->rows[group_called(live, name)];
    assert_int_equal(row->own[period].us[mode], own);
    assert_int_equal(row->total[period].us[mode], total);
}

static void test_live__recursion_counts_once_and_sums_stand_until_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    see(&fixture, fixture.main_thread, fixture.ffg, 10);
    see(&fixture, fixture.main_thread, fixture.ff, 20);
    see(&fixture, fixture.main_thread, fixture.ff, 5);
    close_interval(&fixture);
    assert_row(live, "main", LIVE_SINCE, LIVE_CPU, 0, 35);
    assert_row(live, "f", LIVE_SINCE, LIVE_CPU, 25, 35);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 10, 10);
    assert_int_equal(live->scope[LIVE_SINCE].time.us[LIVE_CPU], 35);
    assert_int_equal(live->scope[LIVE_SINCE].stacks[LIVE_CPU], 3);
    assert_int_equal(live->scope[LIVE_SINCE].elapsed_us, 1000);
    see(&fixture, fixture.main_thread, fixture.g, 100);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 10, 10);
    close_interval(&fixture);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 110, 110);
    end(&fixture);
}

static void test_live__now_is_the_last_two_intervals(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    const uint64_t seen[] = {1, 10, 100, 1000};
    const uint64_t now[] = {1, 11, 110, 1100};
    for (unsigned i = 0; i < 4; i++) {
        see(&fixture, fixture.main_thread, fixture.g, seen[i]);
        close_interval(&fixture);
        assert_row(live, "g", LIVE_NOW, LIVE_CPU, now[i], now[i]);
        assert_int_equal(live->scope[LIVE_NOW].elapsed_us, i ? 2000 : 1000);
    }
    close_interval(&fixture);
    close_interval(&fixture);
    assert_row(live, "g", LIVE_NOW, LIVE_CPU, 0, 0);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 1111, 1111);
    end(&fixture);
}

static void test_live__modes_are_counted_side_by_side(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    see(&fixture, fixture.main_thread, fixture.g, 10);
    sleeps(&fixture, fixture.worker, fixture.h, 300);
    struct live_sight waiting = {.thread = fixture.worker, .node = fixture.g, .duration_us = 7};
    assert_int_equal(live_see(live, &waiting), 0); /* runs, without the GIL */
    close_interval(&fixture);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 17, 17);
    assert_row(live, "g", LIVE_SINCE, LIVE_WALL, 17, 17);
    assert_row(live, "g", LIVE_SINCE, LIVE_GIL, 10, 10);
    assert_row(live, "h", LIVE_SINCE, LIVE_CPU, 0, 0);
    assert_row(live, "h", LIVE_SINCE, LIVE_WALL, 300, 300);
    assert_row(live, "main", LIVE_SINCE, LIVE_WALL, 0, 317);
    end(&fixture);
}

static void test_live__thread_selection_folds_again_and_back(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    see(&fixture, fixture.main_thread, fixture.g, 10);
    see(&fixture, fixture.worker, fixture.h, 3);
    close_interval(&fixture);
    see(&fixture, fixture.worker, fixture.h, 4);
    assert_int_equal(live_select(live, GROUP_FUNCTION, fixture.worker), 0);
    assert_row(live, "main", LIVE_SINCE, LIVE_CPU, 0, 3); /* not what is not closed */
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 0, 0);
    close_interval(&fixture);
    assert_row(live, "h", LIVE_NOW, LIVE_CPU, 7, 7);
    assert_int_equal(live->scope[LIVE_NOW].time.us[LIVE_CPU], 7);
    assert_int_equal(live->everyone[LIVE_NOW].us[LIVE_CPU], 17);
    assert_int_equal(live_select(live, GROUP_LINE, PROFILE_NONE), 0);
    assert_row(live, "main", LIVE_SINCE, LIVE_CPU, 0, 17);
    assert_int_equal(live->grouping.count, 5); /* f is two lines */
    end(&fixture);
}

static void assert_neighbour(const struct live *live, enum live_side side, uint32_t group,
                             uint64_t now, uint64_t since)
{
    const struct live_neighbour *neighbour = &live->neighbours[side][group];
    assert_int_equal(neighbour->time[LIVE_NOW].us[LIVE_CPU], now);
    assert_int_equal(neighbour->time[LIVE_SINCE].us[LIVE_CPU], since);
}

static void test_live__callers_and_callees_follow_what_comes(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    see(&fixture, fixture.main_thread, fixture.ffg, 10);
    see(&fixture, fixture.main_thread, fixture.f, 2);
    close_interval(&fixture);
    uint32_t f = group_called(live, "f"), g = group_called(live, "g");
    uint32_t root = group_called(live, "main"), nobody = live->grouping.count;
    assert_int_equal(live_focus(live, f), 0);
    assert_neighbour(live, LIVE_CALLERS, root, 12, 12);
    assert_neighbour(live, LIVE_CALLERS, f, 10, 10);
    assert_neighbour(live, LIVE_CALLEES, f, 10, 10);
    assert_neighbour(live, LIVE_CALLEES, g, 10, 10);
    assert_neighbour(live, LIVE_CALLEES, nobody, 2, 2);
    assert_neighbour(live, LIVE_CALLERS, nobody, 0, 0);

    /* A function never seen before moves "nobody" on. */
    uint32_t late = profile_node(fixture.profile, fixture.f, frame(fixture.profile, "late", 50));
    see(&fixture, fixture.main_thread, late, 5);
    close_interval(&fixture);
    assert_int_equal(live->grouping.count, nobody + 1);
    assert_neighbour(live, LIVE_CALLEES, group_called(live, "late"), 5, 5);
    assert_neighbour(live, LIVE_CALLEES, nobody + 1, 2, 2);

    assert_int_equal(live_focus(live, root), 0);
    assert_neighbour(live, LIVE_CALLERS, nobody + 1, 17, 17);
    assert_neighbour(live, LIVE_CALLEES, f, 17, 17);
    assert_int_equal(live_focus(live, PROFILE_NONE), 0);
    assert_null(live->neighbours[LIVE_CALLERS]);
    end(&fixture);
}

static void test_live__reset_and_pause_forget_what_they_should(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    see(&fixture, fixture.main_thread, fixture.g, 10);
    close_interval(&fixture);
    live_forget_window(live);
    assert_row(live, "g", LIVE_NOW, LIVE_CPU, 0, 0);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 10, 10);
    see(&fixture, fixture.main_thread, fixture.g, 99); /* open when the reset comes: gone */
    live_reset(live);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 0, 0);
    see(&fixture, fixture.main_thread, fixture.g, 1);
    close_interval(&fixture);
    assert_row(live, "g", LIVE_NOW, LIVE_CPU, 1, 1);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 1, 1);
    assert_int_equal(live->scope[LIVE_SINCE].elapsed_us, 1000);
    assert_int_equal(live_select(live, GROUP_FUNCTION, fixture.main_thread), 0);
    assert_row(live, "g", LIVE_SINCE, LIVE_CPU, 1, 1);
    end(&fixture);
}

static void test_live__history_and_trend_follow_the_own_share(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    uint8_t history[LIVE_HISTORY];
    see(&fixture, fixture.main_thread, fixture.g, 10);
    close_interval(&fixture);
    const struct live_row *row = &live->rows[group_called(live, "g")];
    assert_int_equal(row->trend, 1);
    close_interval(&fixture); /* the window still has it, alone */
    assert_int_equal(row->trend, 0);
    see(&fixture, fixture.main_thread, fixture.h, 10);
    close_interval(&fixture);
    assert_int_equal(row->trend, -1);
    live_history(live, row, history);
    assert_int_equal(history[LIVE_HISTORY - 3], 255);
    assert_int_equal(history[LIVE_HISTORY - 2], 255);
    assert_int_equal(history[LIVE_HISTORY - 1], 0);
    assert_int_equal(history[0], 0);
    live_set_mode(live, LIVE_WALL);
    live_history(live, row, history);
    assert_int_equal(history[LIVE_HISTORY - 2], 0);
    end(&fixture);
}

static void test_live__labels_are_in_no_table_and_call_nobody(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct profile *profile = fixture.profile;
    struct profile_frame label = {.name = profile_cstring(profile, "thread 10"),
                                  .kind = FRAME_THREAD};
    uint32_t root = profile_node(profile, 0, profile_frame(profile, &label));
    uint32_t leaf = profile_node(profile, root, frame(profile, "g", 5));
    see(&fixture, fixture.main_thread, leaf, 10);
    see(&fixture, fixture.main_thread, root, 3); /* a thread with no frame */
    close_interval(&fixture);
    struct live *live = &fixture.live;
    assert_int_equal(live->grouping.count, 4);
    assert_int_equal(live_focus(live, group_called(live, "g")), 0);
    assert_neighbour(live, LIVE_CALLERS, live->grouping.count, 10, 10);
    end(&fixture);
}

/* ---- lists --------------------------------------------------------------------------------- */

static const char *name_at(const struct live *live, const struct live_list *list, uint32_t at)
{
    assert_true(at < list->count);
    return live->grouping.groups[list->items[at]].name.text;
}

static void test_live__lists_are_sorted_filtered_and_total_orders(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    struct live_list list = {0};
    see(&fixture, fixture.main_thread, fixture.g, 50);
    close_interval(&fixture);
    see(&fixture, fixture.main_thread, fixture.ff, 10);
    sleeps(&fixture, fixture.worker, fixture.h, 500);
    close_interval(&fixture);
    see(&fixture, fixture.main_thread, fixture.ff, 10);
    close_interval(&fixture);

    struct live_list_options options = {.mode = LIVE_CPU, .sort = LIVE_BY_OWN_NOW};
    assert_int_equal(live_list_rows(&list, live, &options), 0);
    assert_int_equal(list.count, 3); /* h only slept */
    assert_string_equal(name_at(live, &list, 0), "f");
    assert_string_equal(name_at(live, &list, 1), "g"); /* by its past */
    assert_string_equal(name_at(live, &list, 2), "main");
    options.sort = LIVE_BY_OWN_SINCE;
    assert_int_equal(live_list_rows(&list, live, &options), 0);
    assert_string_equal(name_at(live, &list, 0), "g");
    options.sort = LIVE_BY_TOTAL_SINCE;
    assert_int_equal(live_list_rows(&list, live, &options), 0);
    assert_string_equal(name_at(live, &list, 0), "main");
    options = (struct live_list_options){.mode = LIVE_WALL, .sort = LIVE_BY_NAME};
    assert_int_equal(live_list_rows(&list, live, &options), 0);
    assert_int_equal(list.count, 4);
    for (uint32_t i = 0; i + 1 < list.count; i++)
        assert_true(strcmp(name_at(live, &list, i), name_at(live, &list, i + 1)) < 0);

    regex_t filter;
    assert_int_equal(view_compile(&filter, "^[gh]$", "filter", NULL), 0);
    options.filter = &filter;
    assert_int_equal(live_list_rows(&list, live, &options), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(name_at(live, &list, 0), "g");
    regfree(&filter);
    live_list_done(&list);
    end(&fixture);
}

static void test_live__neighbours_and_threads_are_listed_largest_first(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    struct live_list list = {0};
    struct live_thread *threads;
    uint32_t count;
    see(&fixture, fixture.main_thread, fixture.g, 5);
    see(&fixture, fixture.worker, fixture.ffg, 50);
    close_interval(&fixture);
    assert_int_equal(live_focus(live, group_called(live, "g")), 0);
    assert_int_equal(live_list_neighbours(&list, live, LIVE_CALLERS, LIVE_CPU), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(name_at(live, &list, 0), "f");
    assert_string_equal(name_at(live, &list, 1), "main");
    assert_int_equal(live_list_neighbours(&list, live, LIVE_CALLEES, LIVE_CPU), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0], live->grouping.count);

    assert_int_equal(live_select(live, GROUP_FUNCTION, fixture.main_thread), 0);
    assert_int_equal(live_threads(live, LIVE_CPU, &threads, &count), 0);
    assert_int_equal(count, 2); /* all, whichever is selected */
    assert_int_equal(threads[0].thread, fixture.worker);
    assert_int_equal(threads[0].time[LIVE_NOW].us[LIVE_GIL], 50);
    assert_int_equal(threads[1].time[LIVE_SINCE].us[LIVE_CPU], 5);
    free(threads);
    live_list_done(&list);
    end(&fixture);
}

/* What was added up as it came is what adding up everything gives. */
static void test_live__sums_as_they_come_equal_sums_of_everything(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct live *live = &fixture.live;
    struct profile *profile = fixture.profile;
    uint64_t random = 42;
    for (int interval = 0; interval < 50; interval++) {
        for (int i = 0; i < 40; i++) {
            uint32_t node = 0;
            for (uint64_t depth = 1 + random_next(&random) % 6; depth > 0; depth--) {
                char name[] = {(char)('a' + random_next(&random) % 8), '\0'};
                node = profile_node(profile, node, frame(profile, name, 1));
            }
            see(&fixture, (uint32_t)(random_next(&random) % 2), node, random_next(&random) % 100);
        }
        close_interval(&fixture);
    }
    uint32_t rows = live->grouping.count;
    struct live_row *before = malloc(rows * sizeof *before);
    memcpy(before, live->rows, rows * sizeof *before);
    struct live_scope scope = live->scope[LIVE_NOW];
    assert_int_equal(live_select(live, GROUP_FUNCTION, PROFILE_NONE), 0);
    assert_memory_equal(&scope, &live->scope[LIVE_NOW], sizeof scope);
    for (uint32_t i = 0; i < rows; i++) {
        assert_memory_equal(before[i].own, live->rows[i].own, sizeof before[i].own);
        assert_memory_equal(before[i].total, live->rows[i].total, sizeof before[i].total);
    }
    free(before);
    end(&fixture);
}
