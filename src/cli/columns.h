/* SPDX-License-Identifier: MIT */
/* columns.h - tables of text for people: safe names, aligned numbers, lines that fit. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;
struct group;

/* Columns of the terminal on standard output; 0: it is none (a pipe, a file), lines are not cut. */
unsigned columns_width(void);

/* Ends the line that began at `start`: cut to `width` characters with "…" when longer, then a
 * newline. */
void columns_end_line(struct buf *out, size_t start, unsigned width);

/* "1,234,567" */
void columns_count(struct buf *out, uint64_t value);
/* "1 sample", "2,000 samples" */
void columns_counted(struct buf *out, uint64_t value, const char *singular);
/* " 12.3 %", eight wide */
void columns_share(struct buf *out, double share);
/* "  1.23 s", nine wide, in s, ms or µs */
void columns_seconds(struct buf *out, double seconds);

/* "name (file:line)" with everything that could move a terminal's cursor made harmless. */
void columns_group(struct buf *out, const struct group *group);
