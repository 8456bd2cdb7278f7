/* SPDX-License-Identifier: MIT */
/* ask.h - what a question says: the filters that all have, and readers for what is its own.
 *
 * A parameter that is not known, is there twice, or has a value that makes no sense is refused
 * (ERR_USAGE) with a sentence that names it. Texts are borrowed from the request.
 */
#pragma once

#include "query/answer.h"

#define ASK_DEFAULT_LIMIT 100u
#define ASK_DEFAULT_RANGE_NS UINT64_C(3600000000000)
#define ASK_LIST "limit sort search" /* for answer_kind.params of lists */

struct ask {
    const struct answer_request *request;
    struct store_query query; /* the filters */
    uint32_t limit;           /* 0: all */
    const char *sort;         /* NULL: as the list is by itself */
    const char *search;       /* NULL: everything */
};

/* `own`: the kind's parameters, space separated, beside answer_filters. */
int ask_init(struct ask *ask, const struct answer_request *request, const char *own,
             struct err *err);

const char *ask_text(const struct ask *ask, const char *name); /* NULL: not given */
/* *out stays as it was when the parameter is not given. */
int ask_instant(const struct ask *ask, const char *name, uint64_t *out_ns, struct err *err);
int ask_duration(const struct ask *ask, const char *name, uint64_t *out_ns, struct err *err);
int ask_number(const struct ask *ask, const char *name, uint64_t max, uint64_t *out,
               struct err *err);
/* Index of the value among the space separated choices; *out stays when it is not given. */
int ask_choice(const struct ask *ask, const char *name, const char *choices, unsigned *out,
               struct err *err);

/* Refuses filters that an answer cannot apply: ignoring them would answer another question.
 * `names`: space separated; `why`: "traces do not know it". 0 or ERR_USAGE. */
int ask_refuse(const struct ask *ask, const char *names, const char *why, struct err *err);

/* Whether the request has the name among space separated `words`. */
bool ask_is_word(const char *words, const char *name);
