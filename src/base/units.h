/* SPDX-License-Identifier: MIT */
/* units.h - durations, rates, sizes and percentages, as people type them and back.
 *
 * The only place that knows these spellings. Exact: integer arithmetic, and
 * parse(format(x)) == x for every x that parse can give. A text that is not wholly
 * understood, would need rounding, or is beyond UNITS_MAX_* is refused.
 *
 *   duration  60 (seconds)  60s  5m  1h30m  1.5h  250ms  10us  7d  2w    → nanoseconds
 *   rate      100  100Hz  1khz  20kHz  0.5k  1mhz                         → hertz
 *   size      4096  512k  1MiB  2G (binary)  1MB (decimal)                → bytes
 *   percent   5  5%  0.5%                                                 → percent
 *
 * Errors: 0 or ERR_USAGE, *out untouched then. No allocation, no locale but "C" for numbers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UNITS_MAX_DURATION_NS UINT64_C(3155760000000000000) /* a hundred years */
#define UNITS_MAX_RATE_HZ UINT64_C(1000000000)
#define UNITS_MAX_SIZE_BYTES (UINT64_C(1) << 60)
#define UNITS_MAX_PERCENT 100000.0
#define UNITS_TEXT_MAX 48 /* enough for every format below, with the NUL */

int units_parse_duration(const char *text, uint64_t *duration_ns);
int units_parse_rate(const char *text, uint64_t *rate_hz); /* at least 1 */
int units_parse_size(const char *text, uint64_t *size_bytes);
int units_parse_percent(const char *text, double *percent);

/* Write into caller's UNITS_TEXT_MAX bytes and return `out`. */
char *units_format_duration(uint64_t duration_ns, char out[UNITS_TEXT_MAX]);
char *units_format_rate(uint64_t rate_hz, char out[UNITS_TEXT_MAX]);
char *units_format_size(uint64_t size_bytes, char out[UNITS_TEXT_MAX]);
char *units_format_percent(double percent, char out[UNITS_TEXT_MAX]);
