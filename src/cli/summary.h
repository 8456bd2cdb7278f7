/* SPDX-License-Identifier: MIT */
/* summary.h - what a recording says about itself when it ends. */
#pragma once

#include <stdint.h>
#include <sys/resource.h>

struct buf;
struct codec_format;
struct profile;
struct recorder;

/* On standard error: counts, the ten hottest functions, where the file is and what opens it. */
void summary_print(const struct profile *profile, const char *path,
                   const struct codec_format *format);

/* The object of `record --stats` (DESIGN 5.2): one JSON line. */
void summary_stats_json(const struct recorder *recorder, const struct rusage *before,
                        uint64_t rate_hz, struct buf *out);
