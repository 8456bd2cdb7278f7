/* SPDX-License-Identifier: MIT */
/* Error rates and power over synthetic programs (synthetic.h). The numbers printed are those of
 * docs/design/0004-diff.md; PITVIPER_DIFF_PAIRS=1000 repeats them in full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "query/diff_flame.h"
#include "synthetic.h"

struct tally {
    int pairs;
    int any;       /* pairs with at least one finding */
    int found;     /* pairs in which the planted function's own time is a finding, slower */
    int wrong;     /* pairs in which another function's own time is a finding */
    double tested; /* per pair */
};

static const char *name_of(const struct diff *diff, const struct diff_item *item)
{
    return diff->joint->strings[diff->joint->frames[item->frame].name].text;
}

static void judge_pair(const struct diff *diff, const char *planted, struct tally *tally)
{
    bool found = false, wrong = false;
    for (uint32_t i = 0; i < diff->findings; i++) {
        const struct diff_item *item = &diff->items[i];
        if (item->subject != DIFF_SELF)
            continue;
        bool right = item->verdict == DIFF_SLOWER && !strcmp(name_of(diff, item), planted);
        found |= right;
        wrong |= !right;
    }
    tally->any += diff->findings > 0;
    tally->found += found;
    tally->wrong += wrong;
    tally->tested += diff->item_count;
}

static struct tally run_pairs(const char *title, struct synthetic program,
                              const struct diff_options *options, int pairs)
{
    const char *asked = getenv("PITVIPER_DIFF_PAIRS");
    struct tally tally = {.pairs = asked && atoi(asked) > 0 ? atoi(asked) : pairs};
    char planted[32];
    snprintf(planted, sizeof planted, "work_%u", program.slow);
    for (int i = 0; i < tally.pairs; i++) {
        struct synthetic before = program, after = program;
        struct diff diff;
        struct err err;
        before.slowdown = 1;
        before.seed = 2 * (uint64_t)i + 1;
        after.seed = 2 * (uint64_t)i + 2;
        struct profile *base = synthetic_profile(&before), *new = synthetic_profile(&after);
        assert_int_equal(diff_init(&diff, base, new, options, &err), 0);
        judge_pair(&diff, planted, &tally);
        diff_done(&diff);
        profile_free(base);
        profile_free(new);
    }
    print_message(
        "# %-52s %4d pairs of %.0f tests: a finding in %5.1f %%, planted %5.1f %%, another "
        "%5.1f %%\n",
        title, tally.pairs, tally.tested / tally.pairs, 100.0 * tally.any / tally.pairs,
        100.0 * tally.found / tally.pairs, 100.0 * tally.wrong / tally.pairs);
    return tally;
}

static const struct synthetic steady = {
    .seconds = 60, .rate_hz = 100, .slowdown = 1, .keep_runs = true};

/* At q = 0.05 one pair in twenty may have a finding; the bound leaves room for chance. */
static void assert_quiet(struct tally tally)
{
    if (tally.any > 1 + tally.pairs * 7 / 100)
        fail_msg("%d of %d pairs of equal programs have a finding", tally.any, tally.pairs);
}

static void test_query_diff__equal_programs_at_100_hz_are_quiet(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    assert_quiet(run_pairs("equal, 100 Hz, 60 s", steady, &options, 150));
    options.tolerance = 0;
    assert_quiet(run_pairs("equal, 100 Hz, 60 s, no tolerance", steady, &options, 150));
    struct synthetic brief = steady;
    brief.seconds = 10;
    assert_quiet(run_pairs("equal, 100 Hz, 10 s, no tolerance", brief, &options, 150));
}

static void test_query_diff__equal_programs_at_1_khz_are_quiet(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    struct synthetic fast = steady;
    fast.rate_hz = 1000;
    assert_quiet(run_pairs("equal, 1 kHz, 60 s", fast, &options, 30));
    options.tolerance = 0;
    assert_quiet(run_pairs("equal, 1 kHz, 60 s, no tolerance", fast, &options, 30));
}

static void test_query_diff__drifting_load_is_quiet(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    struct synthetic drifting = steady;
    drifting.drift = 0.3;
    drifting.drift_s = 2;
    assert_quiet(
        run_pairs("equal, load drifts ±30 % over 2 s, 100 Hz, 60 s", drifting, &options, 100));
}

static void test_query_diff__equal_programs_without_timeline_are_quiet(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    struct synthetic summed = steady;
    summed.keep_runs = false;
    assert_quiet(run_pairs("equal, no timeline, 100 Hz, 60 s", summed, &options, 100));
    summed.rate_hz = 1000;
    assert_quiet(run_pairs("equal, no timeline, 1 kHz, 60 s", summed, &options, 20));
}

/* Why all this: the textbook test on the same data. */
static void test_query_diff__independent_draws_would_cry_wolf(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    struct synthetic summed = steady;
    summed.keep_runs = false;
    options.design_effect = 1;
    options.tolerance = 0;
    struct tally naive = run_pairs("equal, textbook binomial test, 100 Hz", summed, &options, 30);
    assert_true(2 * naive.any >= naive.pairs);
}

static void test_query_diff__planted_tenth_is_found_and_nothing_else(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    struct synthetic changed = steady;
    changed.slowdown = 1.1;
    changed.spell_ms = 1;
    changed.seconds = 300;
    changed.rate_hz = 1000;
    struct tally tally =
        run_pairs("+10 % of a 25 % function, 1 ms spells, 1 kHz, 300 s", changed, &options, 10);
    assert_true(tally.found >= tally.pairs * 8 / 10);
    assert_true(tally.wrong <= 1 + tally.pairs / 10);
}

static void test_query_diff__doubling_is_found_in_a_minute_at_100_hz(void **state)
{
    (void)state;
    struct diff_options options = diff_defaults();
    struct synthetic changed = steady;
    changed.slowdown = 2;
    changed.slow = 1;
    struct tally tally =
        run_pairs("+100 % of a 12 % function, 100 Hz, 60 s", changed, &options, 50);
    assert_true(tally.found >= tally.pairs * 9 / 10);
    assert_true(tally.wrong <= 1 + tally.pairs / 10);
}

/* ---- Exact cases ---- */

struct pair {
    struct profile *profile[2];
};

static void pair_add(struct pair *pair, const char *name, uint64_t before, uint64_t after)
{
    const uint64_t count[2] = {before, after};
    for (int at = 0; at < 2; at++) {
        struct profile *profile = pair->profile[at];
        uint32_t root = synthetic_node(profile, 0, "main", 0);
        struct profile_thread thread = {.tid = 1 + at};
        uint32_t id = profile_thread(profile, &thread);
        uint32_t node = synthetic_node(profile, root, name, 0);
        if (count[at])
            profile_add(profile, id, node, count[at], count[at] * 10000000);
    }
}

static struct pair pair_new(void)
{
    return (struct pair){{profile_new(), profile_new()}};
}

static void pair_free(struct pair *pair)
{
    profile_free(pair->profile[0]);
    profile_free(pair->profile[1]);
}

static const struct diff_item *item_of(const struct diff *diff, enum diff_subject subject,
                                       const char *name)
{
    for (uint32_t i = 0; i < diff->item_count; i++)
        if (diff->items[i].subject == subject && !strcmp(name_of(diff, &diff->items[i]), name))
            return &diff->items[i];
    fail_msg("'%s' was not tested", name);
    return NULL;
}

static void test_query_diff__new_and_gone_functions_are_findings(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct diff_options options = diff_defaults();
    struct diff diff;
    for (int i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof name, "same%d", i);
        pair_add(&pair, name, 5000, 5000);
    }
    pair_add(&pair, "gone", 4000, 0);
    pair_add(&pair, "come", 0, 4000);
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, NULL), 0);
    const struct diff_item *gone = item_of(&diff, DIFF_SELF, "gone_0");
    const struct diff_item *come = item_of(&diff, DIFF_PATH, "come_0");
    assert_int_equal(gone->verdict, DIFF_FASTER);
    assert_int_equal(come->verdict, DIFF_SLOWER);
    assert_true(gone->value[1] == 0 && come->value[0] == 0);
    assert_true(gone->high < 0 && come->low > 0);
    assert_int_equal(diff.findings, 6); /* self, total and path of both */
    assert_true(diff.side[0].blocks == 0 && diff.side[0].design_effect == DIFF_DEFAULT_DESIGN);
    assert_int_equal(item_of(&diff, DIFF_SELF, "same3_0")->verdict, DIFF_NOISE);
    diff_done(&diff);
    pair_free(&pair);
}

/* One function doubles; the shares of all others fall by a quarter, which is not their doing. */
static void test_query_diff__shares_pushed_down_by_others_are_no_findings(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct diff_options options = diff_defaults();
    struct diff diff;
    for (int i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof name, "same%d", i);
        pair_add(&pair, name, 100000, 75000);
    }
    pair_add(&pair, "slow", 200000, 350000);
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, NULL), 0);
    assert_true(diff.dilution > 0.74 && diff.dilution < 0.76);
    assert_int_equal(item_of(&diff, DIFF_SELF, "slow_0")->verdict, DIFF_SLOWER);
    assert_int_equal(item_of(&diff, DIFF_SELF, "same2_0")->verdict, DIFF_DILUTED);
    assert_int_equal(diff.findings, 3);
    assert_int_equal(diff.diluted, 18);
    diff_done(&diff);

    options.norm = DIFF_REQUESTS; /* per request nothing is relative, and the truth is plain */
    options.requests[0] = 1000;
    options.requests[1] = 750;
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, NULL), 0);
    assert_string_equal(diff.unit, "s/request");
    assert_true(diff.diluted == 0 && diff.dilution == 1);
    assert_int_equal(item_of(&diff, DIFF_SELF, "same2_0")->verdict, DIFF_NOISE);
    assert_int_equal(item_of(&diff, DIFF_SELF, "slow_0")->verdict, DIFF_SLOWER);
    assert_int_equal(item_of(&diff, DIFF_SELF, "slow_0")->value[0] * 1000 + 0.5, 2000);
    diff_done(&diff);
    pair_free(&pair);
}

static void test_query_diff__seconds_need_a_length(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct diff_options options = diff_defaults();
    struct diff diff;
    struct err err;
    pair_add(&pair, "f", 1000, 1000);
    options.norm = DIFF_SECONDS;
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, &err),
                     ERR_BAD_DATA);
    pair.profile[0]->meta.duration_ns = 20000000000;
    pair.profile[1]->meta.duration_ns = 10000000000;
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, &err), 0);
    const struct diff_item *item = item_of(&diff, DIFF_SELF, "f_0");
    assert_true(item->value[0] > 0.499 && item->value[0] < 0.501);
    assert_true(item->value[1] > 0.999 && item->value[1] < 1.001);
    assert_int_equal(item->verdict, DIFF_SLOWER);
    diff_done(&diff);
    pair_free(&pair);
}

static void test_query_diff__without_samples_nothing_is_said(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct diff_options options = diff_defaults();
    struct diff diff;
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, NULL), 0);
    assert_int_equal(diff.item_count, 0);
    diff_done(&diff);
    pair_add(&pair, "f", 0, 5000);
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, NULL), 0);
    assert_int_equal(diff.findings, 0);
    diff_done(&diff);
    pair_free(&pair);
}

/* Threads and lines differ from run to run; a path that a longer one explains is marked. */
static void test_query_diff__paths_ignore_threads_and_lines(void **state)
{
    (void)state;
    struct profile *profiles[2];
    for (int at = 0; at < 2; at++) {
        struct profile *profile = profiles[at] = profile_new();
        char label[32];
        snprintf(label, sizeof label, "thread %d", 100 + at);
        struct profile_frame root = {.name = profile_cstring(profile, label), .kind = FRAME_THREAD};
        struct profile_frame leaf = {.name = profile_cstring(profile, "leaf"), .line = 5 + at};
        struct profile_thread thread = {.tid = 100 + at};
        uint32_t top = profile_node(profile, 0, profile_frame(profile, &root));
        uint32_t main_node = synthetic_node(profile, top, "main", 0);
        uint32_t way = synthetic_node(profile, main_node, "way", 0);
        uint32_t other = synthetic_node(profile, main_node, "other", 0);
        uint32_t id = profile_thread(profile, &thread);
        uint32_t end = profile_node(profile, way, profile_frame(profile, &leaf));
        profile_add(profile, id, end, at ? 30000 : 10000, 0);
        profile_add(profile, id, other, at ? 20000 : 40000, 0);
    }
    struct diff_options options = diff_defaults();
    struct diff diff;
    assert_int_equal(diff_init(&diff, profiles[0], profiles[1], &options, NULL), 0);
    assert_int_equal(item_of(&diff, DIFF_SELF, "leaf")->verdict, DIFF_SLOWER);
    assert_false(item_of(&diff, DIFF_PATH, "leaf")->explained);
    assert_true(item_of(&diff, DIFF_PATH, "way_0")->explained);
    assert_int_equal(item_of(&diff, DIFF_PATH, "main_0")->verdict, DIFF_NOISE);
    diff_done(&diff);
    profile_free(profiles[0]);
    profile_free(profiles[1]);
}

/* However deep fib() calls itself, it is one path; its own time stays where it was. */
static void test_query_diff__direct_recursion_is_one_path(void **state)
{
    (void)state;
    struct profile *profiles[2];
    for (int at = 0; at < 2; at++) {
        struct profile *profile = profiles[at] = profile_new();
        struct profile_thread thread = {.tid = 1};
        uint32_t id = profile_thread(profile, &thread);
        uint32_t node = synthetic_node(profile, 0, "main", 0);
        for (int depth = 0; depth < 50; depth++) {
            node = synthetic_node(profile, node, "fib", 0);
            profile_add(profile, id, node, 1000, 1000);
        }
    }
    struct diff_options options = diff_defaults();
    struct diff diff;
    assert_int_equal(diff_init(&diff, profiles[0], profiles[1], &options, NULL), 0);
    assert_int_equal(diff.joint->node_count, 3); /* root, main, fib */
    const struct diff_item *fib = item_of(&diff, DIFF_SELF, "fib_0");
    assert_true(fib->count[0] == 50000 && fib->value[0] == 1);
    assert_int_equal(diff.findings, 0);
    diff_done(&diff);
    profile_free(profiles[0]);
    profile_free(profiles[1]);
}

/* Widths are the mean of both sides, values add up along the tree, only findings have a colour. */
static void test_query_diff__flame_has_both_values_and_colours_findings(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct diff_options options = diff_defaults();
    struct diff diff;
    struct diff_flame flame;
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "same%d", i);
        pair_add(&pair, name, 10000, 10000);
    }
    pair_add(&pair, "gone", 10000, 0);
    pair_add(&pair, "come", 0, 10000);
    assert_int_equal(diff_init(&diff, pair.profile[0], pair.profile[1], &options, NULL), 0);
    assert_int_equal(diff_flame_init(&flame, &diff), 0);
    assert_true(flame.before[0] > 0.999 && flame.before[0] < 1.001);
    assert_true(flame.after[0] > 0.999 && flame.after[0] < 1.001);
    uint32_t gone = item_of(&diff, DIFF_PATH, "gone_0")->node;
    uint32_t come = item_of(&diff, DIFF_PATH, "come_0")->node;
    uint32_t same = item_of(&diff, DIFF_PATH, "same1_0")->node;
    assert_int_equal(flame.heat[gone], -DIFF_HEAT_MAX);
    assert_int_equal(flame.heat[come], DIFF_HEAT_MAX);
    assert_int_equal(flame.heat[same], 0);
    assert_true(flame.before[gone] > 0.199 && flame.before[gone] < 0.201);
    assert_true(flame.after[gone] == 0);
    uint64_t width = profile_total_count(&flame.profile);
    assert_in_range(width, 999999000, 1000001000);
    diff_flame_done(&flame);
    diff_done(&diff);
    pair_free(&pair);
}
