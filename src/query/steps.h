/* SPDX-License-Identifier: MIT */
/* steps.h - a range cut into steps that people find on a clock, and that windows fit into.
 *
 * Where only long windows are left of a time, shorter steps would show a tooth comb: everything at
 * the first step of the window, nothing in the others. So whoever reads in steps does it again with
 * steps as long as the longest window, when steps_are_short() says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define STEPS_MAX 2000u

struct steps {
    uint64_t first_ns; /* where step 0 begins, at a multiple of step_ns */
    uint64_t step_ns;
    uint32_t count;
};

/* About `points` steps, never many more. */
struct steps steps_choose(const struct store_query *query, uint32_t points);
/* Makes them as long as the answer's windows: true, and it is to be read again. */
bool steps_are_short(struct steps *steps, const struct store_query *query,
                     const struct store_answer *answer);
/* The step of an instant; PROFILE_NONE: outside. */
uint32_t steps_index(const struct steps *steps, uint64_t at_ns);
