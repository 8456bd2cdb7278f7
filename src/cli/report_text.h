/* SPDX-License-Identifier: MIT */
/* report_text.h - a report for people. */
#pragma once

struct buf;
struct report;

/* `path` names the file in the first line; `width` as columns_width(). */
void report_text(const struct report *report, const char *path, unsigned width, struct buf *out);
