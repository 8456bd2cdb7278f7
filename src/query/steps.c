/* SPDX-License-Identifier: MIT */
/* Of steps shorter than a minute only ten seconds: thirty would be read from six times as many
 * windows as a minute is. */
#include "query/steps.h"

#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const uint64_t lengths[] = {
    10 * SECOND, MINUTE,   2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE,
    HOUR,        2 * HOUR, 3 * HOUR,   6 * HOUR,   12 * HOUR,   DAY,         2 * DAY,
    7 * DAY,     14 * DAY, 28 * DAY,   91 * DAY,   364 * DAY,
};

static struct steps cut(const struct store_query *query, uint64_t step_ns)
{
    struct steps steps = {.step_ns = step_ns,
                          .first_ns = query->from_ns - query->from_ns % step_ns};
    uint64_t count = (query->to_ns - steps.first_ns + step_ns - 1) / step_ns;
    steps.count = count < STEPS_MAX ? (uint32_t)count : STEPS_MAX;
    return steps;
}

struct steps steps_choose(const struct store_query *query, uint32_t points)
{
    uint64_t range_ns = query->to_ns - query->from_ns;
    size_t last = sizeof lengths / sizeof *lengths - 1, i = 0;
    points = points < 1 ? 1 : points > STEPS_MAX - 1 ? STEPS_MAX - 1 : points;
    while (i < last && range_ns / lengths[i] > points)
        i++;
    uint64_t step_ns = lengths[i];
    while (range_ns / step_ns > points)
        step_ns *= 2;
    return cut(query, step_ns);
}

bool steps_are_short(struct steps *steps, const struct store_query *query,
                     const struct store_answer *answer)
{
    if (answer->longest_ns <= steps->step_ns)
        return false;
    *steps = cut(query, answer->longest_ns);
    return true;
}

uint32_t steps_index(const struct steps *steps, uint64_t at_ns)
{
    uint64_t index =
        at_ns >= steps->first_ns ? (at_ns - steps->first_ns) / steps->step_ns : steps->count;
    return index < steps->count ? (uint32_t)index : PROFILE_NONE;
}
