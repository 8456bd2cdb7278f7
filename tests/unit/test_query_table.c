/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "query/table.h"

static uint32_t frame(struct profile *profile, const char *name, const char *file, int32_t line)
{
    struct profile_frame made = {
        .name = profile_cstring(profile, name),
        .file = profile_cstring(profile, file),
        .line = line,
    };
    return profile_frame(profile, &made);
}

static uint32_t thread(struct profile *profile, int32_t tid, const char *name)
{
    struct profile_thread made = {.pid = 1, .tid = tid, .name = profile_cstring(profile, name)};
    return profile_thread(profile, &made);
}

/* main → f → f → g, main → g, and a worker in main → h; two lines of f. */
struct fixture {
    struct profile *profile;
    uint32_t main_thread, worker;
};

static struct fixture small_profile(void)
{
    struct fixture fixture = {.profile = profile_new()};
    struct profile *profile = fixture.profile;
    fixture.main_thread = thread(profile, 10, "MainThread");
    fixture.worker = thread(profile, 11, "worker-1");
    uint32_t main_node = profile_node(profile, 0, frame(profile, "main", "app.py", 1));
    uint32_t f = profile_node(profile, main_node, frame(profile, "f", "app.py", 10));
    uint32_t ff = profile_node(profile, f, frame(profile, "f", "app.py", 11));
    uint32_t ffg = profile_node(profile, ff, frame(profile, "g", "lib/util.py", 5));
    uint32_t g = profile_node(profile, main_node, frame(profile, "g", "lib/util.py", 5));
    uint32_t h = profile_node(profile, main_node, frame(profile, "Cls.h", "lib/util.py", 9));
    profile_add(profile, fixture.main_thread, ff, 3, 3000);
    profile_add(profile, fixture.main_thread, ffg, 4, 4000);
    profile_add(profile, fixture.main_thread, g, 2, 2000);
    profile_add(profile, fixture.main_thread, f, 1, 1000);
    profile_add(profile, fixture.worker, h, 5, 5000);
    return fixture;
}

static const struct view_options everything;

static const struct table_row *row_of(const struct table *table, const char *name)
{
    for (uint32_t i = 0; i < table->row_count; i++)
        if (table->rows[i].group.name.size == strlen(name) &&
            !memcmp(table->rows[i].group.name.text, name, strlen(name)))
            return &table->rows[i];
    fail_msg("no row '%s'", name);
    return NULL;
}

static void assert_row(const struct table *table, const char *name, uint64_t self, uint64_t total)
{
    const struct table_row *row = row_of(table, name);
    assert_int_equal(row->self_count, self);
    assert_int_equal(row->total_count, total);
    assert_int_equal(row->self_ns, self * 1000);
    assert_int_equal(row->total_ns, total * 1000);
}

static void test_query_table__recursion_counts_once_and_lines_merge(void **state)
{
    (void)state;
    struct fixture fixture = small_profile();
    struct view view;
    struct table table;
    assert_int_equal(view_init(&view, fixture.profile, &everything, NULL), 0);
    assert_int_equal(view.count, 15);
    assert_int_equal(view.weight_ns, 15000);
    struct table_options options = {.by = GROUP_FUNCTION, .sort = TABLE_BY_SELF};
    assert_int_equal(table_init(&table, &view, &options, NULL), 0);
    assert_int_equal(table.row_count, 4);
    assert_row(&table, "main", 0, 15);
    assert_row(&table, "f", 4, 8);
    assert_row(&table, "g", 6, 6);
    assert_row(&table, "Cls.h", 5, 5);
    assert_memory_equal(table.rows[0].group.name.text, "g", 1);
    assert_memory_equal(table.rows[3].group.name.text, "main", 4);
    table_done(&table);

    options = (struct table_options){.by = GROUP_LINE, .sort = TABLE_BY_SELF, .limit = 2};
    assert_int_equal(table_init(&table, &view, &options, NULL), 0);
    assert_int_equal(table.row_count, 2);
    assert_int_equal(table.found, 5);
    assert_int_equal(table.rows[0].group.line, 5);
    assert_int_equal(table.rows[0].self_count, 6);
    table_done(&table);

    options = (struct table_options){.by = GROUP_FILE, .sort = TABLE_BY_TOTAL};
    assert_int_equal(table_init(&table, &view, &options, NULL), 0);
    assert_row(&table, "app.py", 4, 15);
    assert_row(&table, "lib/util.py", 11, 11);
    table_done(&table);
    view_done(&view);
    profile_free(fixture.profile);
}

static void test_query_table__filters_rows_threads_and_stacks(void **state)
{
    (void)state;
    struct fixture fixture = small_profile();
    struct view view;
    struct table table;
    struct err err;
    struct view_options by_name = {.thread = "^work"}, by_id = {.thread = "11"},
                        by_focus = {.focus = "^f$"}, nobody = {.thread = "nobody"},
                        broken = {.focus = "(("};
    struct table_options options = {.by = GROUP_FUNCTION, .filter = "util"};

    assert_int_equal(view_init(&view, fixture.profile, &by_name, &err), 0);
    assert_int_equal(view.count, 5);
    assert_int_equal(table_init(&table, &view, &options, &err), 0);
    assert_int_equal(table.row_count, 1); /* main does not match, g was not seen in this thread */
    assert_row(&table, "Cls.h", 5, 5);
    table_done(&table);
    view_done(&view);

    assert_int_equal(view_init(&view, fixture.profile, &by_id, &err), 0);
    assert_int_equal(view.count, 5);
    view_done(&view);

    assert_int_equal(view_init(&view, fixture.profile, &by_focus, &err), 0);
    assert_int_equal(view.count, 8);
    view_done(&view);

    assert_int_equal(view_init(&view, fixture.profile, &nobody, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "nobody"));
    assert_int_equal(view_init(&view, fixture.profile, &broken, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "--focus"));
    options.filter = "[";
    assert_int_equal(view_init(&view, fixture.profile, &everything, &err), 0);
    assert_int_equal(table_init(&table, &view, &options, &err), ERR_USAGE);
    view_done(&view);
    profile_free(fixture.profile);
}

static void test_query_table__threads_are_summed(void **state)
{
    (void)state;
    struct fixture fixture = small_profile();
    struct view view;
    struct thread_table threads;
    assert_int_equal(view_init(&view, fixture.profile, &everything, NULL), 0);
    assert_int_equal(thread_table_init(&threads, &view, 1, NULL), 0);
    assert_int_equal(threads.found, 2);
    assert_int_equal(threads.row_count, 1);
    assert_int_equal(threads.rows[0].thread, fixture.main_thread);
    assert_int_equal(threads.rows[0].count, 10);
    assert_int_equal(threads.rows[0].weight_ns, 10000);
    thread_table_done(&threads);
    view_done(&view);
    profile_free(fixture.profile);
}

static void test_query_table__callers_and_callees_count_samples_once(void **state)
{
    (void)state;
    struct fixture fixture = small_profile();
    struct view view;
    struct neighbours near;
    struct err err;
    assert_int_equal(view_init(&view, fixture.profile, &everything, NULL), 0);

    assert_int_equal(neighbours_init(&near, &view, "g", 0, 0, &err), 0);
    assert_int_equal(near.function.total_count, 6);
    assert_int_equal(row_of(&near.callers, "f")->total_count, 4);
    assert_int_equal(row_of(&near.callers, "main")->total_count, 2);
    assert_int_equal(near.callees.row_count, 1); /* nothing but itself */
    assert_int_equal(near.callees.rows[0].group.name.size, 0);
    assert_int_equal(near.callees.rows[0].total_count, 6);
    neighbours_done(&near);

    assert_int_equal(neighbours_init(&near, &view, "f (app.py)", 0, 0, &err), 0);
    assert_int_equal(row_of(&near.callers, "main")->total_count, 8);
    assert_int_equal(row_of(&near.callers, "f")->total_count, 7); /* the recursive call */
    assert_int_equal(row_of(&near.callees, "f")->total_count, 7);
    assert_int_equal(row_of(&near.callees, "g")->total_count, 4);
    assert_int_equal(row_of(&near.callees, "")->total_count, 4);
    neighbours_done(&near);

    assert_int_equal(neighbours_init(&near, &view, "main", 0, 0, &err), 0);
    assert_int_equal(near.callers.row_count, 1);
    assert_int_equal(near.callers.rows[0].group.name.size, 0); /* outermost */
    assert_int_equal(near.callers.rows[0].total_count, 15);
    neighbours_done(&near);

    assert_int_equal(neighbours_init(&near, &view, "h", 0, 0, &err), 0); /* the end of Cls.h */
    neighbours_done(&near);
    assert_int_equal(neighbours_init(&near, &view, "h", 1, 0, &err), ERR_NOT_FOUND);
    assert_int_equal(neighbours_init(&near, &view, "s.h", 0, 0, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "s.h"));
    view_done(&view);
    profile_free(fixture.profile);
}

static void test_query_table__nothing_seen_gives_empty_tables(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    struct view view;
    struct table table;
    struct thread_table threads;
    struct table_options options = {.by = GROUP_PACKAGE};
    assert_int_equal(view_init(&view, profile, &everything, NULL), 0);
    assert_int_equal(view.count, 0);
    assert_int_equal(table_init(&table, &view, &options, NULL), 0);
    assert_int_equal(table.row_count, 0);
    assert_int_equal(thread_table_init(&threads, &view, 0, NULL), 0);
    assert_int_equal(threads.row_count, 0);
    thread_table_done(&threads);
    table_done(&table);
    view_done(&view);
    profile_free(profile);
}

/* The same samples, met in another order, give the same rows. */
static void test_query_table__order_does_not_depend_on_order_of_sight(void **state)
{
    (void)state;
    struct table tables[2];
    struct profile *profiles[2];
    struct view views[2];
    for (int way = 0; way < 2; way++) {
        struct profile *profile = profiles[way] = profile_new();
        uint32_t id = thread(profile, 1, "t");
        for (int i = 0; i < 50; i++) {
            char name[16];
            snprintf(name, sizeof name, "f%d", way ? 49 - i : i);
            uint32_t node = profile_node(profile, 0, frame(profile, name, "a.py", 1));
            profile_add(profile, id, node, 7, 7);
        }
        struct table_options options = {.by = GROUP_FUNCTION, .limit = 10};
        assert_int_equal(view_init(&views[way], profile, &everything, NULL), 0);
        assert_int_equal(table_init(&tables[way], &views[way], &options, NULL), 0);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(group_compare(&tables[0].rows[i].group, &tables[1].rows[i].group), 0);
    for (int way = 0; way < 2; way++) {
        table_done(&tables[way]);
        view_done(&views[way]);
        profile_free(profiles[way]);
    }
}

static void assert_package(const char *path, enum frame_kind kind, const char *want)
{
    struct text got = group_package(path, (uint32_t)strlen(path), kind);
    if (got.size != strlen(want) || memcmp(got.text, want, got.size) != 0)
        fail_msg("%s: got '%.*s', wanted '%s'", path, (int)got.size, got.text, want);
}

static void test_query_table__packages_follow_from_paths(void **state)
{
    (void)state;
    assert_package("/v/lib/python3.11/site-packages/flask/app.py", FRAME_PYTHON, "flask");
    assert_package("/v/lib/python3.11/site-packages/six.py", FRAME_PYTHON, "six");
    assert_package("/usr/lib/python3/dist-packages/yaml/x.py", FRAME_PYTHON, "yaml");
    assert_package("/usr/lib/python3.11/json/decoder.py", FRAME_PYTHON, "(standard library)");
    assert_package("/usr/lib64/python3.9/re.py", FRAME_PYTHON, "(standard library)");
    assert_package("<frozen importlib._bootstrap>", FRAME_PYTHON, "(built in)");
    assert_package("", FRAME_PYTHON, "(built in)");
    assert_package("", FRAME_GC, "(interpreter)");
    assert_package("/srv/shop/cart/views.py", FRAME_PYTHON, "/srv/shop/cart");
    assert_package("/x.py", FRAME_PYTHON, "/");
    assert_package("shop/views.py", FRAME_PYTHON, "shop");
    assert_package("app.py", FRAME_PYTHON, "app");
    assert_package("/usr/lib/libc.so.6", FRAME_NATIVE, "(native)");
    assert_package("/v/site-packages/", FRAME_PYTHON, "/v/site-packages");
}

/* A million nodes, random trees 30 deep, within the promised time (and slack for a busy machine).
 */
static void test_query_table__a_million_nodes_take_a_moment(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint64_t random = 42;
    uint32_t id = thread(profile, 1, "t"), frames[3000], path[31] = {0};
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i / 3);
        frames[i] = frame(profile, name, "a.py", i);
    }
    while (profile->node_count < 1000000) {
        int depth = 1 + (int)((random_next(&random) >> 32) % 30);
        for (int i = depth; i <= 30; i++)
            path[i] =
                profile_node(profile, path[i - 1], frames[(random_next(&random) >> 32) % 3000]);
        profile_add(profile, id, path[30], 1, 10);
    }
    struct view view;
    struct table table;
    struct table_options options = {.by = GROUP_FUNCTION, .limit = 20};
    uint64_t begin_ns = clock_cpu_ns();
    assert_int_equal(view_init(&view, profile, &everything, NULL), 0);
    assert_int_equal(table_init(&table, &view, &options, NULL), 0);
    double seconds = (double)(clock_cpu_ns() - begin_ns) / 1e9;
    print_message("tables of %u nodes: %.3f s of CPU\n", profile->node_count, seconds);
    assert_true(seconds < 3); /* sanitizers and a loaded machine included */
    assert_int_equal(table.row_count, 20);
    table_done(&table);
    view_done(&view);
    profile_free(profile);
}
