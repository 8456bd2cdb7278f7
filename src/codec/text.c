/* SPDX-License-Identifier: MIT */
#include "codec/text.h"

#include <stdbool.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

size_t text_char(const char *text, size_t size, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)text;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (size == 0)
        return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    size_t length = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    if (length == 0 || s[0] >= 0xf5 || length > size)
        return 0;
    uint32_t c = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *code = c;
    return length;
}

/* What stands for a character, NULL when it stands for itself; may use `scratch`. */
typedef const char *escape_fn(uint32_t code, char scratch[8]);

static void add_escaped(struct buf *out, const char *text, size_t size, escape_fn *escape)
{
    char scratch[8];
    size_t copied = 0; /* up to where the input is dealt with */
    for (size_t at = 0; at < size;) {
        uint32_t code = 0;
        size_t length = text_char(text + at, size - at, &code);
        const char *instead = length ? escape(code, scratch) : REPLACEMENT;
        if (instead) {
            buf_add(out, text + copied, at - copied);
            buf_add_str(out, instead);
            copied = at + (length ? length : 1);
        }
        at += length ? length : 1;
    }
    buf_add(out, text + copied, size - copied);
}

static const char *escape_none(uint32_t code, char scratch[8])
{
    (void)code;
    (void)scratch;
    return NULL;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

static const char *escape_line(uint32_t code, char scratch[8])
{
    (void)scratch;
    return is_control(code) ? " " : NULL;
}

static const char *escape_json(uint32_t code, char scratch[8])
{
    if (code == '"')
        return "\\\"";
    if (code == '\\')
        return "\\\\";
    if (!is_control(code) && code != '<')
        return NULL;
    static const char digits[] = "0123456789abcdef";
    scratch[0] = '\\';
    scratch[1] = 'u';
    for (int i = 0; i < 4; i++)
        scratch[2 + i] = digits[code >> (12 - 4 * i) & 15];
    scratch[6] = 0;
    return scratch;
}

static const char *escape_xml(uint32_t code, char scratch[8])
{
    (void)scratch;
    switch (code) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    default:
        return is_control(code) || code == 0xfffe || code == 0xffff ? REPLACEMENT : NULL;
    }
}

void text_add_utf8(struct buf *out, const char *text, size_t size)
{
    add_escaped(out, text, size, escape_none);
}

void text_add_line(struct buf *out, const char *text, size_t size, char not_allowed, char instead)
{
    size_t start = out->size;
    add_escaped(out, text, size, escape_line);
    for (size_t i = start; not_allowed && i < out->size; i++)
        if (out->data[i] == not_allowed)
            out->data[i] = instead;
}

void text_add_json(struct buf *out, const char *text, size_t size)
{
    buf_add_char(out, '"');
    add_escaped(out, text, size, escape_json);
    buf_add_char(out, '"');
}

void text_add_json_cstring(struct buf *out, const char *text)
{
    text_add_json(out, text, strlen(text));
}

void text_add_xml(struct buf *out, const char *text, size_t size)
{
    add_escaped(out, text, size, escape_xml);
}

void text_add_label(struct buf *out, const struct profile *profile, uint32_t frame)
{
    size_t size = profile_frame_label(profile, frame, NULL, 0);
    char *to = buf_reserve(out, size);
    if (!to)
        return;
    profile_frame_label(profile, frame, to, size + 1);
    out->size += size;
}
