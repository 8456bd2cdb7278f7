/* SPDX-License-Identifier: MIT */
/* calls.h - a profile as functions and who calls whom, for formats that know no stacks.
 *
 * A function is (name, file, first line): all lines of it together. Totals and edges count
 * recursion once: of an edge that is on a stack several times, the outermost counts, so nothing is
 * more than the whole. "Calls" are samples; a sampler sees no calls.
 */
#pragma once

#include "model/profile.h"

struct calls_sum {
    uint64_t count;
    uint64_t ns;
};

struct calls_function {
    uint32_t name; /* string */
    uint32_t file; /* string: the full path where known */
    int32_t first_line;
    struct calls_sum self, total;
};

struct calls_edge {
    uint32_t caller;       /* function */
    uint32_t caller_frame; /* frame: the line the call is on */
    uint32_t callee;       /* function */
    struct calls_sum self; /* in the callee itself, called this way */
    struct calls_sum total;
};

struct calls {
    struct calls_function *functions;
    uint32_t function_count;
    uint32_t *function_of;        /* per frame */
    struct calls_sum *frame_self; /* per frame */
    struct calls_edge *edges;
    uint32_t edge_count;
};

/* 0 or ERR_NO_MEMORY; calls_done() is fine after either. */
int calls_init(struct calls *calls, const struct profile *profile);
void calls_done(struct calls *calls);

/* Orders the edges, by caller and then its frame, or by callee and then the caller. */
void calls_sort_by_caller(struct calls *calls);
void calls_sort_by_callee(struct calls *calls);
