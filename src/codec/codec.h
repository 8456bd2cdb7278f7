/* SPDX-License-Identifier: MIT */
/* codec.h - one file per profile format, each a function from a profile to bytes or back.
 *
 * codec_formats is the table that the command line's help, the man page and the choice
 * by file ending come from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/profile.h"

/* Takes what is in `out` (to a file, say) and empties it. 0 or ERR_* with *err filled. */
typedef int codec_drain_fn(void *context, struct buf *out, struct err *err);

/* What a flame graph of a difference knows of each node of the profile that is drawn. */
struct codec_change {
    const int8_t *heat;   /* -CODEC_HEAT_MAX: much less, CODEC_HEAT_MAX: much more, 0: no finding */
    const double *before; /* in `unit` */
    const double *after;
    const char *unit;     /* "share", "s/s", "s/request", "samples/request" */
    const char *subtitle; /* instead of the profile's own facts */
};
#define CODEC_HEAT_MAX 4

struct codec_options {
    const struct profile
        *base; /* for the page: the profile to compare with, in terms of the same ids; NULL: none */
    const char *base_title;      /* of base; NULL: its command */
    const double *design_effect; /* of base and profile: samples that say as little as one
                                    independent one; NULL: unknown */
    const char *title;           /* heading for people; NULL: the command */
    bool weight_is_time;         /* renderers that show one number show seconds instead of counts */
    codec_drain_fn *drain;       /* NULL: the whole file stays in `out` */
    void *drain_context;
    const struct codec_change *change; /* flame graphs: colour by change; NULL: by module */
};

/* Appends the whole file to `out`, or, with a drain, in pieces; what is left in `out` at the end is
 * the caller's to write. `options` may be NULL. 0 or ERR_* with *err filled. */
typedef int codec_write_fn(const struct profile *profile, const struct codec_options *options,
                           struct buf *out, struct err *err);
/* Reads a whole file into the (empty) profile. Hostile input is ERR_BAD_DATA, never a crash. */
typedef int codec_read_fn(const void *data, size_t size, struct profile *profile, struct err *err);
/* Whether the first bytes of a file (all of it, when short) look like the format. */
typedef bool codec_sniff_fn(const char *data, size_t size);

struct codec_format {
    const char *name;      /* "-f name" */
    const char *alias;     /* second name or NULL: "raw" for folded */
    const char *endings;   /* space separated, with the dot: ".svg" */
    const char *help;      /* half a sentence: what it is and what opens it */
    bool needs_timeline;   /* also needs the order of samples, not only their sums */
    codec_write_fn *write; /* NULL: cannot be written this way */
    codec_read_fn *read;   /* NULL: cannot be read */
    codec_sniff_fn *sniff; /* set where read is */
};

extern const struct codec_format codec_formats[];
extern const size_t codec_format_count;

/* For writers: drains when there is much to drain, and finds a failed buffer. */
int codec_flush(const struct codec_options *options, struct buf *out, struct err *err);

/* For an option's choices: the names of what can be written, then their aliases; NULL after the
 * last. */
const char *codec_writable_name(size_t index);

/* By name or alias; NULL: unknown. */
const struct codec_format *codec_find(const char *name);
/* By the longest matching ending of a path; NULL: none matches. */
const struct codec_format *codec_find_by_path(const char *path);
/* By the first bytes of a file, for reading; NULL: unknown. */
const struct codec_format *codec_sniff(const void *data, size_t size);
