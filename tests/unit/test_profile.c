/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/err.h"
#include "model/timeline.h"
#include "model/tree.h"
#include "profiles.h"

static void test_profile__a_new_one_has_the_empty_string_and_the_root(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    assert_non_null(profile);
    assert_int_equal(profile->string_count, 1);
    assert_int_equal(profile->strings[0].size, 0);
    assert_int_equal(profile->node_count, 1);
    assert_int_equal(profile->nodes[0].parent, PROFILE_NONE);
    assert_int_equal(profile->nodes[0].frame, PROFILE_NONE);
    assert_int_equal(profile_total_count(profile), 0);
    profile_free(profile);
}

static void test_profile__strings_are_kept_once_and_never_move(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t first = profile_cstring(profile, "first");
    const char *text = profile->strings[first].text;
    char name[32];
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "name %d", i);
        assert_int_equal(profile_cstring(profile, name), (uint32_t)i + 2);
    }
    assert_int_equal(profile_cstring(profile, "name 77777"), 77779);
    assert_int_equal(profile_cstring(profile, "first"), first);
    assert_ptr_equal(profile->strings[first].text, text);
    assert_string_equal(text, "first");
    profile_free(profile);
}

static void test_profile__nul_bytes_become_replacement_characters(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t id = profile_string(profile, "a\0b", 3);
    assert_string_equal(profile->strings[id].text, "a\xef\xbf\xbd"
                                                   "b");
    profile_free(profile);
}

static void test_profile__long_strings_are_cut_on_a_character(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    for (size_t shift = 0; shift < 4; shift++) {
        char text[3 * PROFILE_MAX_STRING_BYTES];
        memset(text, 'x', shift);
        for (size_t at = shift; at + 3 <= sizeof text; at += 3)
            memcpy(text + at, "\xe6\xbc\xa2", 3);
        uint32_t id = profile_string(profile, text, sizeof text - 3);
        const struct profile_string *string = &profile->strings[id];
        assert_true(string->size <= PROFILE_MAX_STRING_BYTES);
        assert_true(string->size > PROFILE_MAX_STRING_BYTES - 6);
        assert_memory_equal(string->text + string->size - 3, "\xe2\x80\xa6", 3);
        assert_int_equal((string->size - 3 - shift) % 3, 0);
    }
    profile_free(profile);
}

static void test_profile__frames_differ_by_every_field(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    struct profile_frame frame = {.name = 0, .line = 1, .first_line = 1};
    uint32_t first = profile_frame(profile, &frame);
    assert_int_equal(profile_frame(profile, &frame), first);
    frame.line = 2;
    assert_int_not_equal(profile_frame(profile, &frame), first);
    frame.line = 1;
    frame.first_line = 2;
    assert_int_not_equal(profile_frame(profile, &frame), first);
    frame.first_line = 1;
    frame.kind = FRAME_GC;
    assert_int_not_equal(profile_frame(profile, &frame), first);
    assert_int_equal(profile->frame_count, 4);
    profile_free(profile);
}

static void test_profile__nodes_are_found_only_when_there(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t frame = add_frame(profile, "f", "a.py", 1, FRAME_PYTHON);
    assert_int_equal(profile_find_node(profile, 0, frame), PROFILE_NONE);
    uint32_t node = profile_node(profile, 0, frame);
    assert_int_equal(profile_find_node(profile, 0, frame), node);
    uint32_t below = profile_node(profile, node, frame);
    assert_int_equal(profile->nodes[below].depth, 2);
    assert_true(below > node);
    profile_free(profile);
}

static void test_profile__recursion_counts_once_in_totals(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t thread = add_thread(profile, 1, "t");
    uint32_t f = add_frame(profile, "f", "a.py", 1, FRAME_PYTHON);
    uint32_t g = add_frame(profile, "g", "a.py", 9, FRAME_PYTHON);
    uint32_t f1 = profile_node(profile, 0, f);
    uint32_t g2 = profile_node(profile, f1, g);
    uint32_t f3 = profile_node(profile, g2, f);
    profile_add(profile, thread, f1, 1, 0);
    profile_add(profile, thread, g2, 2, 0);
    profile_add(profile, thread, f3, 4, 0);
    uint64_t self[2], total[2];
    assert_int_equal(profile_frame_totals(profile, self, total), 0);
    assert_int_equal(self[f], 5);
    assert_int_equal(self[g], 2);
    assert_int_equal(total[f], 7);
    assert_int_equal(total[g], 6);
    profile_free(profile);
}

static void test_profile__totals_of_very_deep_stacks_come_in_time(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t thread = add_thread(profile, 1, "t");
    uint32_t frame = add_frame(profile, "f", "a.py", 1, FRAME_PYTHON), node = 0;
    for (int i = 0; i < 300000; i++)
        node = profile_node(profile, node, frame);
    profile_add(profile, thread, node, 3, 0);
    uint64_t self, total;
    assert_int_equal(profile_frame_totals(profile, &self, &total), 0);
    assert_int_equal(self, 3);
    assert_int_equal(total, 3);
    assert_int_equal(profile_max_depth(profile), 300000);
    profile_free(profile);
}

static void test_profile__sightings_in_a_row_become_one_run(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    profile_keep_runs(profile);
    uint32_t thread = add_thread(profile, 1, "t");
    uint32_t a = profile_node(profile, 0, add_frame(profile, "a", "", 0, FRAME_PYTHON));
    uint32_t b = profile_node(profile, 0, add_frame(profile, "b", "", 0, FRAME_PYTHON));
    profile_see(profile, thread, a, 0, 100);
    profile_see(profile, thread, a, 100, 100);
    profile_see(profile, thread, a, 290, 100); /* gap of 90: still the same run */
    profile_see(profile, thread, b, 390, 100);
    profile_see(profile, thread, b, 591, 100); /* gap of 101: a new one */
    profile_add(profile, thread, a, 1, 0);     /* sums do not disturb the order */
    profile_see(profile, thread, b, 691, 100);
    assert_int_equal(profile->run_count, 3);
    assert_int_equal(profile->runs[0].count, 3);
    assert_int_equal(profile->runs[0].duration_us, 390);
    assert_int_equal(profile->runs[1].node, b);
    assert_int_equal(profile->runs[1].count, 1);
    assert_int_equal(profile->runs[2].count, 2);
    assert_int_equal(profile_total_count(profile), 7);
    assert_int_equal(profile_total_weight_ns(profile), 600000);
    profile_free(profile);
}

static void test_profile__runs_do_not_overflow(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    profile_keep_runs(profile);
    uint32_t thread = add_thread(profile, 1, "t");
    profile_see(profile, thread, 0, 0, UINT64_MAX);
    profile_see(profile, thread, 0, UINT32_MAX, UINT32_MAX);
    profile_see(profile, thread, 0, 5, 1); /* back in time: starts are made to ascend */
    assert_int_equal(profile->run_count, 3);
    assert_int_equal(profile->runs[0].duration_us, UINT32_MAX);
    assert_int_equal(profile->runs[2].start_us, UINT32_MAX);
    profile_free(profile);
}

static void test_profile__timeline_lists_each_threads_own_runs(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    struct timeline timeline;
    profile_keep_runs(profile);
    uint32_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = add_thread(profile, i, "t");
    uint32_t node = profile_node(profile, 0, add_frame(profile, "a", "", 0, FRAME_PYTHON));
    for (uint32_t i = 0; i < 30; i++) /* the middle thread never runs */
        profile_see(profile, threads[i % 2 * 2], i % 4 < 2 ? node : 0, i * 100, 100);
    assert_int_equal(timeline_init(&timeline, profile), 0);
    assert_int_equal(timeline_count(&timeline, threads[1]), 0);
    assert_int_equal(timeline_count(&timeline, threads[0]) + timeline_count(&timeline, threads[2]),
                     profile->run_count);
    uint64_t last_us = 0;
    for (uint64_t i = 0; i < timeline_count(&timeline, threads[2]); i++) {
        const struct profile_run *run = timeline_run(&timeline, threads[2], i);
        assert_int_equal(run->thread, threads[2]);
        assert_true(run->start_us >= last_us);
        last_us = run->start_us;
    }
    timeline_done(&timeline);
    profile_free(profile);
}

static void test_profile__merge_adds_sums_by_content(void **state)
{
    (void)state;
    struct profile *into = profile_new(), *from = profile_new();
    fill_odd(into);
    profile_cstring(from, "shifts all ids");
    add_frame(from, "other", "o.py", 1, FRAME_PYTHON);
    fill_odd(from);
    uint64_t count = profile_total_count(into), weight = profile_total_weight_ns(into);
    uint32_t nodes = into->node_count, samples = into->sample_count;
    assert_int_equal(profile_merge(into, from), 0);
    assert_int_equal(into->node_count, nodes);
    assert_int_equal(into->sample_count, samples);
    assert_int_equal(profile_total_count(into), 2 * count);
    assert_int_equal(profile_total_weight_ns(into), 2 * weight);
    assert_int_equal(into->stats.samples, 2 * count);
    assert_int_equal(into->meta.pid, 42);
    profile_free(into);
    profile_free(from);
}

static void test_profile__merge_into_an_empty_one_takes_the_meta(void **state)
{
    (void)state;
    struct profile *into = profile_new(), *from = profile_new();
    profile_cstring(into, "shifts all ids");
    fill_odd(from);
    assert_int_equal(profile_merge(into, from), 0);
    assert_int_equal(into->meta.period_ns, from->meta.period_ns);
    assert_string_equal(into->strings[into->meta.command].text, "python app.py");
    profile_free(into);
    profile_free(from);
}

static void test_profile__labels_leave_out_what_is_unknown(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    char label[64];
    uint32_t frames[] = {add_frame(profile, "f", "a.py", 3, FRAME_PYTHON),
                         add_frame(profile, "f", "a.py", 0, FRAME_PYTHON),
                         add_frame(profile, "<GC>", "", 0, FRAME_GC)};
    const char *const labels[] = {"f (a.py:3)", "f (a.py)", "<GC>"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(profile_frame_label(profile, frames[i], label, sizeof label),
                         strlen(labels[i]));
        assert_string_equal(label, labels[i]);
    }
    assert_int_equal(profile_frame_label(profile, frames[0], label, 4), 10);
    assert_string_equal(label, "f (");
    profile_free(profile);
}

static void test_profile__trimmed_trees_are_sorted_and_count_what_is_gone(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    struct tree tree;
    uint32_t thread = add_thread(profile, 1, "t"), nodes[4];
    const uint64_t counts[] = {2, 50, 1, 47};
    for (int i = 0; i < 4; i++) {
        nodes[i] = profile_node(profile, 0, add_frame(profile, "f", "a.py", i + 1, FRAME_PYTHON));
        profile_add(profile, thread, nodes[i], counts[i], 0);
    }
    uint64_t left_out;
    assert_int_equal(tree_init(&tree, profile, TREE_COUNTS), 0);
    assert_int_equal(tree.total[0], 100);
    assert_int_equal(tree_trim(&tree, 3, &left_out), 0);
    assert_int_equal(left_out, 2);
    uint32_t climbed, node = tree_next(&tree, 0, &climbed);
    assert_int_equal(node, nodes[1]);
    assert_int_equal(climbed, 0);
    node = tree_next(&tree, node, &climbed);
    assert_int_equal(node, nodes[3]);
    assert_int_equal(climbed, 1);
    assert_int_equal(tree_next(&tree, node, &climbed), 0);
    tree_done(&tree);
    profile_free(profile);
}

static void test_profile__a_stack_is_copied_with_all_that_its_frames_say(void **state)
{
    (void)state;
    struct profile *from = profile_new(), *into = profile_new();
    struct profile_frame outer = {.name = profile_cstring(from, "main"), .kind = FRAME_REQUEST};
    struct profile_frame inner = {.name = profile_cstring(from, "work"),
                                  .file = profile_cstring(from, "app.py"),
                                  .full_file = profile_cstring(from, "/srv/app.py"),
                                  .line = 12,
                                  .first_line = 9};
    uint32_t node = profile_node(from, 0, profile_frame(from, &outer));
    node = profile_node(from, node, profile_frame(from, &inner));
    profile_cstring(into, "something else first");
    uint32_t copied = profile_copy_node(into, from, node);
    assert_int_equal(into->nodes[copied].depth, 2);
    const struct profile_frame *frame = &into->frames[into->nodes[copied].frame];
    assert_string_equal(into->strings[frame->name].text, "work");
    assert_string_equal(into->strings[frame->file].text, "app.py");
    assert_string_equal(into->strings[frame->full_file].text, "/srv/app.py");
    assert_int_equal(frame->line, 12);
    assert_int_equal(frame->first_line, 9);
    frame = &into->frames[into->nodes[into->nodes[copied].parent].frame];
    assert_string_equal(into->strings[frame->name].text, "main");
    assert_int_equal(frame->kind, FRAME_REQUEST);
    assert_int_equal(profile_copy_node(into, from, node), copied);
    assert_int_equal(profile_copy_node(into, from, 0), 0);
    profile_free(from);
    profile_free(into);
}
