/* SPDX-License-Identifier: MIT */
/* answer.h - the questions that a store answers, one row each; shapes in docs/design/0009-serve.md.
 *
 * HTTP and `pitviper query` read the same table: what one shows, the other prints.
 *
 * Ownership: the caller's. Threads: one per store handle. Errors: ERR_USAGE (a parameter that makes
 * no sense; the sentence names it), ERR_NOT_FOUND (a trace), what the store returns, ERR_LIMIT (the
 * answer would be larger than ANSWER_MAX_BYTES).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

#define ANSWER_MAX_BYTES ((size_t)256 << 20)

/* A parameter as it came: name and value, decoded. */
struct answer_param {
    const char *name, *value;
};

struct answer_request {
    const struct answer_param *params;
    size_t param_count;
    const char *id;        /* what follows the name in the path: "traces/ID"; NULL: nothing */
    uint64_t now_wall_ns;  /* what "now" and ages mean */
    const char *page_json; /* reserved for the daemon's live facts of processes; may be NULL */
};

struct answer_kind {
    const char *name;   /* "endpoints" */
    const char *help;   /* half a sentence */
    const char *params; /* space separated, those beside the common filters */
    bool takes_id;
    /* Appends the body; *media_type is set where it is not application/json (static storage). */
    int (*write)(struct store *store, const struct answer_request *request, struct buf *out,
                 const char **media_type, struct err *err);
};

/* Ended by a row without a name. */
extern const struct answer_kind answer_kinds[];
const struct answer_kind *answer_find(const char *name); /* NULL: unknown */
/* The common filters' names, space separated. */
extern const char answer_filters[];
