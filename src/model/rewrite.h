/* SPDX-License-Identifier: MIT */
/* rewrite.h - the same profile seen differently: other roots, coarser frames. */
#pragma once

#include "model/profile.h"

enum rewrite_lines {
    REWRITE_LINES_KEEP,
    REWRITE_LINES_FIRST, /* a function's first line: one frame per function */
    REWRITE_LINES_NONE,
};

struct rewrite {
    bool thread_roots; /* a FRAME_THREAD frame under the root (under a FRAME_PROCESS) unless there
                          is one already */
    enum rewrite_lines lines;
};

/* Adds all of `from`, rewritten, to the empty `into`: samples, runs where kept, threads, meta and
 * stats. 0 or ERR_*. */
int profile_rewrite(struct profile *into, const struct profile *from, const struct rewrite *how);

/* "thread TID: NAME", as -t shows it; a frame of `profile`. */
uint32_t rewrite_thread_frame(struct profile *profile, const struct profile_thread *thread);
