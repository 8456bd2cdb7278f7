/* SPDX-License-Identifier: MIT */
/* shapes.h - what is in the answers, as rows of words, and from them the schemas of the document.
 *
 *     service:s  versions:[s]  rss_bytes:i?  parts:Parts?  endpoints:[EndpointShare]
 *
 * A word is a name, a type, and ? where it may be null: s text, i whole number, n number, b yes or
 * no, o anything, [type] a list, Name another row; a|b are choices.
 */
#pragma once

#include <stdbool.h>

#include "base/jsonw.h"

struct shape {
    const char *name; /* "Service" */
    const char *words;
};
extern const struct shape shapes[]; /* ended by a row without a name */

/* What a question is answered with. */
struct shape_answer {
    const char *kind;  /* "services" */
    const char *shape; /* of the answer or of its rows */
    bool list;
    bool with_id; /* of the answer to the kind with an id */
};
const struct shape_answer *shape_of_answer(const char *kind,
                                           bool with_id); /* NULL: not described */

/* A parameter and its words. */
struct shape_param {
    const char *name;
    const char *type; /* "s", "cpu|wall" */
    const char *help;
    const char *kind; /* only of this question; NULL: of all others */
};
const struct shape_param *shape_of_param(const char *kind, const char *name); /* NULL: none */

/* The schema of a row; of a list of them as answers have it; of one type. */
void shape_write(struct jsonw *json, const struct shape *shape);
void shape_write_list(struct jsonw *json, const char *name);
void shape_write_type(struct jsonw *json, const char *type);
void shape_write_ref(struct jsonw *json, const char *name);
