/* SPDX-License-Identifier: MIT */
/* governor.h - at which rate to sample, so that a budget is kept. Pure.
 *
 * Rates go down in steps while the cost is above the budget, and up again while it is below half of
 * it; between the two they stay, so that they do not swing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GOVERNOR_PERIOD_NS UINT64_C(10000000000)
#define GOVERNOR_STEPS 5u

/* The rate that `step` steps down from `most_hz` gives: 100, 67, 49, 33, 19. */
uint32_t governor_rate_hz(uint32_t most_hz, uint32_t step);

/* Steps down after a period that cost so many cores. */
uint32_t governor_judge(uint32_t step, uint32_t most_hz, double cores, double budget);
