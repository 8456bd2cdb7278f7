/* SPDX-License-Identifier: MIT */
/* diff_text.h - a difference for people. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct diff;

/* `paths` name the two files; `limit` rows per table, 0: all; `all` shows noise too; `width` as
 * columns_width(). */
void diff_text(const struct diff *diff, const char *const paths[2], uint32_t limit, bool all,
               unsigned width, struct buf *out);
