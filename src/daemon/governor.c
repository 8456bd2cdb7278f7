/* SPDX-License-Identifier: MIT */
#include "daemon/governor.h"

static const uint32_t rates_hz[GOVERNOR_STEPS] = {100, 67, 49, 33, 19};

uint32_t governor_rate_hz(uint32_t most_hz, uint32_t step)
{
    uint32_t rate_hz = most_hz;
    for (uint32_t i = 0; step && i < GOVERNOR_STEPS; i++)
        if (rates_hz[i] < rate_hz) {
            rate_hz = rates_hz[i];
            step--;
        }
    return rate_hz;
}

uint32_t governor_judge(uint32_t step, uint32_t most_hz, double cores, double budget)
{
    uint32_t rate_hz = governor_rate_hz(most_hz, step);
    if (cores > budget)
        return governor_rate_hz(most_hz, step + 1) < rate_hz ? step + 1 : step;
    return step && cores < budget / 2 ? step - 1 : step;
}
