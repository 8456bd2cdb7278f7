/* SPDX-License-Identifier: MIT */
/* uri.h - what a client asks for: the target of a request line, taken apart and decoded. Pure.
 *
 *     /api/v1/queries?service=shop&from=24h&search=a%2Bb
 *
 * Ownership: uri_parse() on caller's storage, uri_done() in any case. What it points to lives until
 * then. Errors: ERR_USAGE with a sentence; nothing is guessed at.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "query/answer.h"

#define URI_MAX_BYTES 8192u
#define URI_MAX_PARAMS 32u

struct uri {
    const char *path;
    struct answer_param params[URI_MAX_PARAMS];
    size_t param_count;
    char *storage;
};

int uri_parse(const char *text, struct uri *uri, struct err *err);
void uri_done(struct uri *uri);
