/* SPDX-License-Identifier: MIT */
/* instant.h - points in time as people write them.
 *
 *   now    2026-03-01T12:00:00Z    2026-03-01T12:00:00.5+01:00    1772366400 (seconds since 1970)
 *   5m  24h  7d (so long before now)
 */
#pragma once

#include <stdint.h>

/* 0, or ERR_USAGE with *wall_ns untouched. `now_ns` is what "now" and ages mean. */
int instant_parse(const char *text, uint64_t now_ns, uint64_t *wall_ns);
