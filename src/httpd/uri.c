/* SPDX-License-Identifier: MIT */
#include "httpd/uri.h"

#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; what is decoded is never longer. -1: no escape, or a NUL, which would hide what follows
 * it. */
static int decode(char *text, bool plus_is_space)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%') {
            int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
            if (low < 0 || high + low == 0)
                return -1;
            *to++ = (char)(high << 4 | low);
            from += 2;
        } else {
            *to++ = plus_is_space && *from == '+' ? ' ' : *from;
        }
    }
    *to = 0;
    return 0;
}

static bool is_repeated(const struct uri *uri, const char *name)
{
    for (size_t i = 0; i < uri->param_count; i++)
        if (!strcmp(uri->params[i].name, name))
            return true;
    return false;
}

static int add_param(struct uri *uri, char *text, struct err *err)
{
    char *value = strchr(text, '=');
    if (!*text)
        return 0; /* a & too many */
    if (!value || value == text)
        return err_set(err, ERR_USAGE, "parameters are written name=value, joined by &");
    *value++ = 0;
    if (decode(text, true) < 0 || decode(value, true) < 0)
        return err_set(err, ERR_USAGE, "a %% in the address is not followed by two hex digits");
    if (is_repeated(uri, text))
        return err_set(err, ERR_USAGE, "parameter %.100s is given twice", text);
    if (uri->param_count == URI_MAX_PARAMS)
        return err_set(err, ERR_USAGE, "more than %u parameters", URI_MAX_PARAMS);
    uri->params[uri->param_count++] = (struct answer_param){text, value};
    return 0;
}

int uri_parse(const char *text, struct uri *uri, struct err *err)
{
    *uri = (struct uri){0};
    if (*text != '/' || strchr(text, '#'))
        return err_set(err, ERR_USAGE, "the address must be a path that begins with /");
    if (strlen(text) > URI_MAX_BYTES)
        return err_set(err, ERR_USAGE, "the address is longer than %u bytes", URI_MAX_BYTES);
    uri->storage = strdup(text);
    if (!uri->storage)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    char *query = strchr(uri->storage, '?'), *rest;
    if (query)
        *query++ = 0;
    if (decode(uri->storage, false) < 0)
        return err_set(err, ERR_USAGE, "a %% in the address is not followed by two hex digits");
    uri->path = uri->storage;
    int result = 0;
    while (query && result == 0) {
        rest = strchr(query, '&');
        if (rest)
            *rest++ = 0;
        result = add_param(uri, query, err);
        query = rest;
    }
    return result;
}

void uri_done(struct uri *uri)
{
    free(uri->storage);
    *uri = (struct uri){0};
}
