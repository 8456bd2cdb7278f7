/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define REPLACEMENT "\xef\xbf\xbd"

void jsonw_init(struct jsonw *json, struct buf *out)
{
    *json = (struct jsonw){.out = out};
}

static void begin_value(struct jsonw *json)
{
    if (json->wants_comma)
        buf_add_char(json->out, ',');
    json->wants_comma = true;
}

void jsonw_object_begin(struct jsonw *json)
{
    begin_value(json);
    buf_add_char(json->out, '{');
    json->wants_comma = false;
}

void jsonw_object_end(struct jsonw *json)
{
    buf_add_char(json->out, '}');
    json->wants_comma = true;
}

void jsonw_array_begin(struct jsonw *json)
{
    begin_value(json);
    buf_add_char(json->out, '[');
    json->wants_comma = false;
}

void jsonw_array_end(struct jsonw *json)
{
    buf_add_char(json->out, ']');
    json->wants_comma = true;
}

/* Bytes of the well-formed character at `text`; 0 when broken, with *skip the bytes to replace
 * (Unicode 15, table 3-7: the second byte's range depends on the first). */
static size_t utf8_length(const unsigned char *text, size_t size, size_t *skip)
{
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f; /* no surrogates */
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f; /* nothing beyond U+10FFFF */
    else if (first > 0xf4)
        length = 0;
    *skip = 1;
    for (size_t i = 1; i < length; i++) {
        if (i >= size || text[i] < low || text[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
        *skip = i + 1;
    }
    return length;
}

static void add_escaped(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add(out, "\\\"", 2);
        break;
    case '\\':
        buf_add(out, "\\\\", 2);
        break;
    case '\n':
        buf_add(out, "\\n", 2);
        break;
    case '\t':
        buf_add(out, "\\t", 2);
        break;
    default:
        buf_printf(out, "\\u%04x", c);
    }
}

static bool is_plain(unsigned char c, bool escaping)
{
    return c < 0x80 && !(escaping && (c < 0x20 || c == '"' || c == '\\' || c == 0x7f));
}

static void add_text(struct buf *out, const char *text, size_t size, bool escaping)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    while (at < end) {
        const unsigned char *run = at;
        while (at < end && is_plain(*at, escaping))
            at++;
        buf_add(out, run, (size_t)(at - run));
        if (at == end)
            break;
        size_t skip = 1, length = utf8_length(at, (size_t)(end - at), &skip);
        if (length == 1)
            add_escaped(out, *at);
        else if (length)
            buf_add(out, at, length);
        else
            buf_add(out, REPLACEMENT, 3);
        at += skip;
    }
}

void jsonw_repair_utf8(struct buf *out, const char *text, size_t size)
{
    add_text(out, text, size, false);
}

void jsonw_string_n(struct jsonw *json, const char *text, size_t size)
{
    begin_value(json);
    buf_add_char(json->out, '"');
    add_text(json->out, text, size, true);
    buf_add_char(json->out, '"');
}

void jsonw_string(struct jsonw *json, const char *text)
{
    jsonw_string_n(json, text, strlen(text));
}

void jsonw_key(struct jsonw *json, const char *key)
{
    jsonw_string(json, key);
    buf_add_char(json->out, ':');
    json->wants_comma = false;
}

void jsonw_u64(struct jsonw *json, uint64_t value)
{
    begin_value(json);
    buf_add_u64(json->out, value);
}

void jsonw_i64(struct jsonw *json, int64_t value)
{
    begin_value(json);
    buf_printf(json->out, "%" PRId64, value);
}

void jsonw_double(struct jsonw *json, double value)
{
    char text[32];
    if (!isfinite(value)) {
        jsonw_null(json);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) { /* 15 are always safe, 17 always enough */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    begin_value(json);
    buf_add_str(json->out, text);
}

void jsonw_bool(struct jsonw *json, bool value)
{
    begin_value(json);
    buf_add_str(json->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *json)
{
    begin_value(json);
    buf_add_str(json->out, "null");
}

void jsonw_raw(struct jsonw *json, const char *text, size_t size)
{
    begin_value(json);
    buf_add(json->out, text, size);
}

void jsonw_key_string(struct jsonw *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_string(json, text);
}

void jsonw_key_u64(struct jsonw *json, const char *key, uint64_t value)
{
    jsonw_key(json, key);
    jsonw_u64(json, value);
}

void jsonw_key_i64(struct jsonw *json, const char *key, int64_t value)
{
    jsonw_key(json, key);
    jsonw_i64(json, value);
}

void jsonw_key_double(struct jsonw *json, const char *key, double value)
{
    jsonw_key(json, key);
    jsonw_double(json, value);
}

void jsonw_key_bool(struct jsonw *json, const char *key, bool value)
{
    jsonw_key(json, key);
    jsonw_bool(json, value);
}
