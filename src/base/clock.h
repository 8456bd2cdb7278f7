/* SPDX-License-Identifier: MIT */
/* clock.h - the two clocks, sleeping until an instant, and cheap randomness. */
#pragma once

#include <stdint.h>

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC: never goes back, stands still in suspend */
uint64_t clock_wall_ns(void); /* CLOCK_REALTIME: since 1970, may jump */
uint64_t clock_cpu_ns(void);  /* CPU time of this process, user and system */

/* Sleeps until the monotonic instant; returns early (1) when a signal arrives, else 0. */
int clock_sleep_until(uint64_t mono_ns);

/* xorshift64*: not for secrets. The state must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1du;
}
