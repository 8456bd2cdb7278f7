/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "daemon/harvest_samples.h"

#define MS UINT64_C(1000000)

static uint32_t stack(struct profile *profile, const char *inner)
{
    struct profile_frame frame = {.name = profile_cstring(profile, inner)};
    return profile_node(profile, 0, profile_frame(profile, &frame));
}

static struct profile *filled(const struct samples *samples, uint32_t owner, uint64_t request,
                              uint32_t *count)
{
    struct profile *profile = profile_new();
    profile_keep_runs(profile);
    *count = samples_fill(samples, owner, request, 0, profile,
                          profile_thread(profile, &(struct profile_thread){.pid = 1}));
    assert_int_equal(profile_total_count(profile), *count);
    return profile;
}

static void assert_count(const struct samples *samples, uint32_t owner, uint64_t request,
                         uint32_t expected)
{
    uint32_t count;
    profile_free(filled(samples, owner, request, &count));
    assert_int_equal(count, expected);
}

static void test_harvest_samples__each_request_gets_its_own_in_order_of_time(void **state)
{
    (void)state;
    struct samples *samples = samples_new();
    struct samples_source first, second;
    struct profile *from = profile_new();
    uint32_t work = stack(from, "work"), wait = stack(from, "wait"), count;
    samples_source_init(&first);
    samples_source_init(&second);
    for (uint64_t i = 1; i <= 6; i++) {
        samples_add(samples, &first, 1, 7, i * 10 * MS, 10 * MS, from, i < 3 ? work : wait);
        samples_add(samples, &first, 1, 8, i * 10 * MS, 10 * MS, from, work);
        samples_add(samples, &second, 2, 7, i * 10 * MS, 10 * MS, from, work);
    }
    struct profile *profile = filled(samples, 1, 7, &count);
    assert_int_equal(count, 6);
    assert_int_equal(profile->run_count, 2);
    assert_int_equal(profile->runs[0].start_us, 0);
    assert_int_equal(profile->runs[0].count, 2);
    assert_int_equal(profile->runs[1].start_us, 20000);
    assert_int_equal(profile->runs[1].duration_us, 40000);
    assert_string_equal(
        profile->strings[profile->frames[profile->nodes[profile->runs[0].node].frame].name].text,
        "work");
    profile_free(profile);
    assert_count(samples, 1, 8, 6);
    assert_count(samples, 2, 7, 6);
    assert_count(samples, 2, 8, 0);
    profile_free(from);
    samples_source_done(&first);
    samples_source_done(&second);
    samples_free(samples);
}

static void test_harvest_samples__the_newest_overwrite_the_oldest(void **state)
{
    (void)state;
    struct samples *samples = samples_new();
    struct samples_source source;
    struct profile *from = profile_new();
    uint32_t work = stack(from, "work");
    samples_source_init(&source);
    for (uint64_t i = 0; i < 100; i++)
        samples_add(samples, &source, 1, 1, i * MS, MS, from, work);
    for (uint64_t i = 0; i < SAMPLES_RING - 40; i++) /* few of many: their places are enough */
        samples_add(samples, &source, 1, 2 + i % 100, i * MS, MS, from, work);
    assert_count(samples, 1, 1, 40);
    assert_count(samples, 1, 2, 328);
    for (uint64_t i = 0; i < 3 * SAMPLES_PLACES; i++) /* more requests than places */
        samples_add(samples, &source, 1, 1000 + i, i * MS, MS, from, work);
    assert_count(samples, 1, 1000 + 3 * SAMPLES_PLACES - 1, 1);
    profile_free(from);
    samples_source_done(&source);
    samples_free(samples);
}

static void test_harvest_samples__stacks_without_end_do_not_grow_it(void **state)
{
    (void)state;
    struct samples *samples = samples_new();
    struct samples_source source;
    struct profile *from = profile_new();
    char name[32];
    samples_source_init(&source);
    uint32_t total = 3 * SAMPLES_MAX_NODES, count;
    for (uint32_t i = 0; i < total; i++) {
        snprintf(name, sizeof name, "made_up_%u", i);
        assert_int_equal(samples_add(samples, &source, 1, 1 + i / 10, (i % 10 + 1) * MS, MS, from,
                                     stack(from, name)),
                         0);
    }
    assert_count(samples, 1, 1, 0);
    struct profile *profile = filled(samples, 1, 1 + (total - 1) / 10, &count);
    assert_int_equal(count, 10);
    uint32_t last = profile->runs[profile->run_count - 1].node;
    assert_string_equal(profile->strings[profile->frames[profile->nodes[last].frame].name].text,
                        name);
    profile_free(profile);
    /* A request whose samples lie on both sides of a turn. */
    uint32_t turns = (SAMPLES_MAX_NODES - 1 - total % (SAMPLES_MAX_NODES - 1)) + total;
    for (uint32_t i = total; i < turns + 5; i++) {
        snprintf(name, sizeof name, "made_up_%u", i);
        samples_add(samples, &source, 1, i + 5 < turns ? 1 : 999999, (i + 1) * MS, MS, from,
                    stack(from, name));
    }
    profile = filled(samples, 1, 999999, &count);
    assert_int_equal(count, 10);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t node = profile->samples[i].node;
        snprintf(name, sizeof name, "made_up_%u", turns - 5 + i);
        assert_string_equal(profile->strings[profile->frames[profile->nodes[node].frame].name].text,
                            name);
    }
    profile_free(profile);
    profile_free(from);
    samples_source_done(&source);
    samples_free(samples);
}
