/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "daemon/trigger.h"

static void test_trigger__twice_the_median_is_unusual(void **state)
{
    (void)state;
    struct trigger *trigger = trigger_new();
    for (uint32_t i = 0; i < TRIGGER_FIRST; i++)
        assert_false(trigger_note(trigger, "shop", 0.2 + 0.01 * (i % 3)));
    assert_false(trigger_note(trigger, "shop", 0.4));
    assert_true(trigger_note(trigger, "shop", 0.5));
    assert_true(trigger_note(trigger, "shop", 0.5)); /* a peak does not move the median */
    assert_false(trigger_note(trigger, "other", 0.5));
    trigger_free(trigger);
}

static void test_trigger__nothing_is_unusual_too_early_or_too_small(void **state)
{
    (void)state;
    struct trigger *trigger = trigger_new();
    for (uint32_t i = 0; i + 1 < TRIGGER_FIRST; i++)
        assert_false(trigger_note(trigger, "early", 0.01));
    assert_false(trigger_note(trigger, "early", 8));
    for (uint32_t i = 0; i < TRIGGER_VALUES; i++)
        assert_false(trigger_note(trigger, "small", 0.001));
    assert_false(trigger_note(trigger, "small", TRIGGER_LEAST * 0.9));
    assert_true(trigger_note(trigger, "small", TRIGGER_LEAST * 1.1));
    trigger_free(trigger);
}

static void test_trigger__what_lasts_an_hour_becomes_usual(void **state)
{
    (void)state;
    struct trigger *trigger = trigger_new();
    for (uint32_t i = 0; i < TRIGGER_VALUES; i++)
        trigger_note(trigger, "shop", 0.2);
    assert_true(trigger_note(trigger, "shop", 1));
    for (uint32_t i = 0; i < TRIGGER_VALUES; i++)
        trigger_note(trigger, "shop", 1);
    assert_false(trigger_note(trigger, "shop", 1.5));
    trigger_free(trigger);
}

static void test_trigger__services_are_bounded(void **state)
{
    char name[32];
    (void)state;
    struct trigger *trigger = trigger_new();
    for (uint32_t i = 0; i < 4 * TRIGGER_SERVICES; i++) {
        snprintf(name, sizeof name, "service %u", i);
        assert_false(trigger_note(trigger, name, 0.2));
    }
    trigger_free(trigger);
}
