/* SPDX-License-Identifier: MIT */
/* output.h - where a recording goes: a file written at the end, or a capture written as it happens.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/codec.h"

struct capture_writer;

struct output {
    const struct codec_format *format;
    char path[512];                 /* "-": standard output */
    struct capture_writer *capture; /* not NULL while a capture is being written */
    int fd;
};

/* Format by name, else by the path's ending, else flame graph; a path of its own when none is
 * given. Proves that the path can be written. */
int output_choose(struct output *output, const char *path, const char *format_name, pid_t pid,
                  struct err *err);

/* Before the first sample. */
int output_begin(struct output *output, struct profile *profile, struct err *err);
void output_see(struct output *output, uint32_t thread, uint32_t node, uint64_t start_us,
                uint64_t duration_us);
void output_tick(struct output *output, uint64_t now_us);

/* What there is so far, under the final name; for a capture: everything up to now is in the file.
 */
int output_snapshot(struct output *output, const struct profile *profile, struct err *err);
int output_end(struct output *output, const struct profile *profile, struct err *err);
