/* SPDX-License-Identifier: MIT */
/* diff.h - what got slower and what faster between two profiles, and which of it is chance.
 *
 * Functions (own time and with callees) and call paths of both profiles are put side by side,
 * normalised, given an interval from the recordings' own unsteadiness, and judged together.
 * docs/design/0004-diff.md has the reasoning and the measured error rates.
 *
 * Ownership: diff_init() / diff_done(). `joint` belongs to the diff. The two profiles are only
 * read. Cost: linear in nodes times blocks; two profiles of 100,000 nodes take about 0.2 s.
 */
#pragma once

#include "base/err.h"
#include "model/profile.h"

#define DIFF_MAX_ITEMS                                                                             \
    20000u                    /* the largest by what was seen on both sides; the rest is counted   \
                               */
#define DIFF_MIN_SAMPLES 20.0 /* of both sides together, below which nothing is tested */
#define DIFF_DEFAULT_DESIGN 10.0

enum diff_norm {
    DIFF_SHARES,   /* of all samples */
    DIFF_SECONDS,  /* seconds (of threads) per second of recording */
    DIFF_REQUESTS, /* seconds per request; samples per request when either side has no times */
};

struct diff_options {
    enum diff_norm norm;
    double requests[2];   /* DIFF_REQUESTS: served while each side was recorded */
    double false_share;   /* expected share of false findings among the findings, as 0.05 */
    double tolerance;     /* changes below this part of a value are not looked for, as 0.01 */
    double min_share;     /* of all samples, below which nothing is tested, as 0.001 */
    double design_effect; /* for profiles without a timeline; 0: from the period, or the default */
};

/* What is used unless told otherwise. */
struct diff_options diff_defaults(void);

enum diff_verdict {
    DIFF_NOISE,
    DIFF_SLOWER,
    DIFF_FASTER,
    DIFF_DILUTED, /* the share moved, but by no more than the changes of others explain */
};

enum diff_subject {
    DIFF_SELF,  /* a function's own time */
    DIFF_TOTAL, /* with what it calls */
    DIFF_PATH,  /* a function called along one path, with what it calls */
};

struct diff_item {
    enum diff_subject subject;
    uint32_t frame;   /* of joint */
    uint32_t node;    /* of joint; DIFF_PATH only */
    double value[2];  /* base, new: in the unit of the norm */
    double count[2];  /* samples */
    double low, high; /* 95 % interval of the difference new - base */
    double p;         /* of a difference beyond the tolerance */
    double adjusted;  /* p after Benjamini and Hochberg */
    enum diff_verdict verdict;
    bool explained; /* a path whose longer path has at least four fifths of its change */
};

struct diff_side {
    double count;
    double weight_ns;
    double seconds;       /* length of the recording; 0: unknown */
    uint32_t blocks;      /* of time, where uncertainty comes from; 0: no timeline */
    double design_effect; /* assumed; 0 with a timeline */
    double sample_value;  /* one sample in the unit of the values; 0: no samples */
};

struct diff {
    struct profile *joint;   /* functions without lines; thread 0 saw base, thread 1 saw new */
    struct diff_item *items; /* findings first, the largest change first; a total order */
    uint32_t item_count;     /* what was tested */
    uint32_t untested;       /* functions and paths too small to test */
    uint32_t findings;
    uint32_t diluted;
    double dilution; /* factor by which unchanged shares moved; 1 unless DIFF_SHARES */
    struct diff_side side[2];
    struct diff_options options;
    const char *unit; /* "share", "s/s", "s/request", "samples/request" */
};

/* ERR_BAD_DATA when the norm asks for times or lengths that the profiles do not have;
 * ERR_NO_MEMORY. */
int diff_init(struct diff *diff, const struct profile *base, const struct profile *new,
              const struct diff_options *options, struct err *err);
void diff_done(struct diff *diff);

/* The findings, or everything tested, as JSON; errors are the buffer's. */
struct buf;
void diff_json(const struct diff *diff, bool all, struct buf *out);
