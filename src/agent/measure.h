/* SPDX-License-Identifier: MIT */
/* measure.h - named durations that the application measures itself: kept by name, warned about.
 *
 * A book is a dict of name -> measure, with at most MEASURE_NAMES of them; what comes later is
 * counted under
 * "(other)" and only compared with the fixed limit. Warnings go to logging.getLogger("pitviper").
 *
 * Nothing here raises, except where it says so.
 */
#pragma once

#include "agent/core.h"
#include "agent/series.h"

#define MEASURE_NAMES 1000

struct measure {
    PyObject_HEAD PyObject *name;
    bool mixed; /* many names in one: what is usual means nothing */
    struct series series;
};

/* Limits of those who give none: PITVIPER_SLOW_MS, PITVIPER_DEVIATIONS,
 * PITVIPER_WARNINGS_PER_MINUTE. */
extern struct series_limits measure_defaults;

int measure_start(void); /* reads the defaults, makes the type; -1 with an exception */

/* `base` with what keyword arguments change; NULL or None: nothing. -1 with an exception. */
int measure_limits(PyObject *slow_ms, PyObject *deviations, const struct series_limits *base,
                   struct series_limits *out);

/* The measure of `name` (a str) in a book, made at first sight; borrowed from the book. NULL with
 * an exception. */
struct measure *measure_of(PyObject *book, PyObject *name, bool percentiles);

/* Counts one that ended at `now_ns`, and warns if it stands out. */
void measure_add(struct measure *measure, uint64_t duration_ns, uint64_t now_ns, bool error,
                 const struct series_limits *limits);
/* Forgets what was counted. */
void measure_reset(struct measure *measure);

/* {"count", "errors", "avg", "max", "p50", "p95", "p99"}, milliseconds; new, NULL with an
 * exception. */
PyObject *measure_report(const struct measure *measure);
