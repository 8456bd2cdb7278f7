/* SPDX-License-Identifier: MIT */
/* propagate.h - W3C Trace Context (level 1): the headers traceparent and tracestate, and which
 * traces to keep.
 *
 * Pure C, no Python, no allocation. A header that is not valid is as if it had not come: a new
 * trace begins. Level 1's grammar of tracestate keys is the one checked (a recommendation since
 * 2020); an invalid tracestate is dropped whole and leaves the traceparent valid.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROPAGATE_PARENT_BYTES 55u /* of a version 00 traceparent, without NUL */
#define PROPAGATE_STATE_MAX 512u   /* bytes of tracestate that are passed on */
#define PROPAGATE_RATE_DEFAULT 0.01

struct propagate_parent {
    uint64_t trace_high, trace_low; /* never both 0 */
    uint64_t span;                  /* the caller's span; never 0 */
    bool sampled;
};

/* False: not valid, *out untouched. Spaces and tabs around it are ignored; versions after 00 are
 * read as 00, whatever follows; version ff, upper-case digits and ids of zeros are refused. */
bool propagate_parse_parent(const char *text, size_t size, struct propagate_parent *out);

/* Writes version 00 and a NUL. */
void propagate_format_parent(const struct propagate_parent *parent,
                             char out[PROPAGATE_PARENT_BYTES + 1]);

/* Copies the members in their order, without empty ones and the white space around them; returns
 * the bytes written (no NUL), 0: nothing to pass on, or not valid. Over PROPAGATE_STATE_MAX,
 * members of more than 128 bytes go first, then the last ones, as the specification asks. */
size_t propagate_copy_state(const char *text, size_t size, char out[PROPAGATE_STATE_MAX]);

/* Head sampling by the trace id alone, so every service that uses the same ratio keeps the same
 * traces, and OpenTelemetry's consistent probability sampler does, too: kept are traces whose
 * random 56 bits are not below the threshold. `ratio` is clamped to 0..1; not a number is 0. */
uint64_t propagate_threshold(double ratio);
bool propagate_keep(uint64_t trace_low, uint64_t threshold);
