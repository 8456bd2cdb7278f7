/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unwind/sight.h"

/* Frames by code, innermost first; the address is ten times the depth. */
static uint32_t make(struct raw_frame *frames, const char *codes)
{
    uint32_t count = (uint32_t)strlen(codes);
    for (uint32_t i = 0; i < count; i++)
        frames[i] = (struct raw_frame){.address = 10 * (count - i), .code = (uint64_t)codes[i]};
    return count;
}

static void see(struct sight *sight, const char *codes, bool whole, uint32_t sure)
{
    struct raw_frame frames[8];
    uint32_t count = make(frames, codes);
    sight_add(sight, frames, count, whole, sure);
}

static bool fits(const struct sight *sight, const char *codes)
{
    struct raw_frame frames[8];
    uint32_t count = make(frames, codes);
    return sight_fits(sight, frames, count);
}

static bool left(const struct sight *sight, const char *codes)
{
    struct raw_frame frames[8];
    uint32_t count = make(frames, codes);
    return sight_left(sight, frames, count);
}

static void test_sight__nothing_seen__everything_fits(void **state)
{
    (void)state;
    struct sight sight = {0};
    assert_true(fits(&sight, "ba"));
    assert_false(left(&sight, "ba"));
    sight_done(&sight);
}

static void test_sight__whole_chain__wants_its_functions_and_what_they_call(void **state)
{
    (void)state;
    struct sight sight = {0};
    see(&sight, "cba", true, 2);
    assert_true(fits(&sight, "cba"));
    assert_true(fits(&sight, "dcba"));
    assert_false(fits(&sight, "ba"));  /* c is over */
    assert_false(fits(&sight, "xba")); /* and something else runs */
    assert_false(left(&sight, "xba"));
    assert_true(left(&sight, "xa"));
    assert_true(left(&sight, "a"));
    sight_done(&sight);
}

static void test_sight__two_copies__either_will_do(void **state)
{
    (void)state;
    struct sight sight = {0};
    see(&sight, "ba", true, 1);
    see(&sight, "ca", true, 9); /* only the first one's certainty counts */
    see(&sight, "xa", true, 1); /* there is no third copy */
    assert_int_equal(sight.sure, 1);
    assert_true(fits(&sight, "ba"));
    assert_true(fits(&sight, "ca"));
    assert_false(fits(&sight, "xa"));
    sight_done(&sight);
}

static void test_sight__chain_without_its_end__wants_its_innermost_frame(void **state)
{
    (void)state;
    struct sight sight = {0};
    struct raw_frame generator = {.address = 30, .code = 'g'};
    sight_add(&sight, &generator, 1, false, 0);
    assert_true(fits(&sight, "gba"));
    assert_true(fits(&sight, "xgba"));
    assert_false(fits(&sight, "ba"));
    assert_false(fits(&sight, "ga")); /* the same code elsewhere is another generator */
    sight_clear(&sight);
    assert_true(fits(&sight, "ba"));
    sight_done(&sight);
}
