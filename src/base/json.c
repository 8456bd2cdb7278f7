/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define REPLACEMENT "\xef\xbf\xbd"

void json_init(struct json *json, struct buf *out)
{
    *json = (struct json){.out = out};
}

static void begin_value(struct json *json)
{
    if (json->wants_comma)
        buf_add_char(json->out, ',');
    json->wants_comma = true;
}

void json_object_begin(struct json *json)
{
    begin_value(json);
    buf_add_char(json->out, '{');
    json->wants_comma = false;
}

void json_object_end(struct json *json)
{
    buf_add_char(json->out, '}');
    json->wants_comma = true;
}

void json_array_begin(struct json *json)
{
    begin_value(json);
    buf_add_char(json->out, '[');
    json->wants_comma = false;
}

void json_array_end(struct json *json)
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

void json_repair_utf8(struct buf *out, const char *text, size_t size)
{
    add_text(out, text, size, false);
}

void json_string_n(struct json *json, const char *text, size_t size)
{
    begin_value(json);
    buf_add_char(json->out, '"');
    add_text(json->out, text, size, true);
    buf_add_char(json->out, '"');
}

void json_string(struct json *json, const char *text)
{
    json_string_n(json, text, strlen(text));
}

void json_key(struct json *json, const char *key)
{
    json_string(json, key);
    buf_add_char(json->out, ':');
    json->wants_comma = false;
}

void json_u64(struct json *json, uint64_t value)
{
    begin_value(json);
    buf_add_u64(json->out, value);
}

void json_i64(struct json *json, int64_t value)
{
    begin_value(json);
    buf_printf(json->out, "%" PRId64, value);
}

void json_double(struct json *json, double value)
{
    char text[32];
    if (!isfinite(value)) {
        json_null(json);
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

void json_bool(struct json *json, bool value)
{
    begin_value(json);
    buf_add_str(json->out, value ? "true" : "false");
}

void json_null(struct json *json)
{
    begin_value(json);
    buf_add_str(json->out, "null");
}

void json_raw(struct json *json, const char *text, size_t size)
{
    begin_value(json);
    buf_add(json->out, text, size);
}

void json_key_string(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_string(json, text);
}

void json_key_u64(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

void json_key_i64(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_i64(json, value);
}

void json_key_double(struct json *json, const char *key, double value)
{
    json_key(json, key);
    json_double(json, value);
}

void json_key_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}
