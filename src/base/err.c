/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
    int code;
    int exit_status;
    int http_status;
    const char *text;
};

static const struct err_row rows[] = {
#define ERR_ROW(name, exit_status, http_status, text) {name, exit_status, http_status, text},
    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row *find(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

int err_set(struct err *err, int code, const char *format, ...)
{
    int saved = errno;
    if (!err)
        return code;
    err->code = code;
    err->sys_errno = saved;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

const char *err_text(int code)
{
    const struct err_row *row = find(code);
    if (row)
        return row->text;
    return code < 0 && code > ERR_FLOOR_ ? strerror(-code) : "unknown error";
}

int err_exit_status(int code)
{
    const struct err_row *row = find(code);
    return row ? row->exit_status : 70;
}

int err_http_status(int code)
{
    const struct err_row *row = find(code);
    return row ? row->http_status : 500;
}
