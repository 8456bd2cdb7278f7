/* SPDX-License-Identifier: MIT */
/* err.h - what went wrong, once for the program and once for the human.
 *
 * A function that can fail returns 0 or a negative ERR_* and, where it knows the
 * context, fills a struct err with one sentence that says what failed, on what,
 * and what to do next. One table feeds the codes, the default texts, the exit
 * status of the command line (DESIGN 5.2) and the HTTP status.
 *
 * Threads: no shared state. Cost: formatting only; hot loops return the code alone.
 */
#pragma once

#include <stddef.h>

#define ERR_LIST(X)                                                                                \
    /* name             exit HTTP  what the user reads when nothing better is known */             \
    X(ERR_USAGE,        2,   400, "wrong usage")                                                   \
    X(ERR_GONE,         66,  404, "the process has exited")                                        \
    X(ERR_NOT_PYTHON,   69,  422, "the process is not running Python")                             \
    X(ERR_UNSUPPORTED,  69,  501, "this Python cannot be read")                                    \
    X(ERR_STARTING,     75,  503, "the interpreter is still starting up")                          \
    X(ERR_INTERNAL,     70,  500, "internal error")                                                \
    X(ERR_NO_MEMORY,    70,  503, "out of memory")                                                 \
    X(ERR_TORN,         75,  503, "the process changed while it was being read")                   \
    X(ERR_FAULT,        75,  503, "an address of the process could not be read")                   \
    X(ERR_BAD_DATA,     2,   422, "the data is damaged or not in the expected format")             \
    X(ERR_IO,           75,  507, "input or output failed")                                        \
    X(ERR_NOT_FOUND,    2,   404, "not found")                                                     \
    X(ERR_LIMIT,        75,  413, "a limit was reached")                                           \
    X(ERR_DENIED,       77,  403, "not permitted")

enum err_code {
    ERR_FLOOR_ = -10000, /* far below any -errno: the two never meet */
#define ERR_ENUM(name, exit_status, http_status, text) name,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

#define ERR_TEXT_MAX 512

struct err {
    int code;
    int sys_errno; /* errno on entry to err_set(), before any cleanup runs */
    char text[ERR_TEXT_MAX];
};

/* Fills *err (which may be NULL) and returns `code`. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Default sentence, exit status and HTTP status of a code (or of -errno: 70 and 500). */
const char *err_text(int code);
int err_exit_status(int code);
int err_http_status(int code);
