/* SPDX-License-Identifier: MIT */
#include "codec/text.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsonw.h"

/* Bytes of the character at `s` if it may not stand in a line: controls, line separators, and what
 * changes the order or is not seen at all (a name must not read as another one); else 0. */
static size_t control_size(const unsigned char *s, size_t size)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (size >= 2 && s[0] == 0xc2 && s[1] < 0xa0) /* C1, with NEL among them */
        return 2;
    if (size < 3)
        return 0;
    unsigned character = (unsigned)s[0] << 16 | (unsigned)s[1] << 8 | s[2];
    bool separator = character == 0xe280a8 || character == 0xe280a9;     /* U+2028, U+2029 */
    bool invisible = character == 0xe2808b || character == 0xefbbbf;     /* U+200B, U+FEFF */
    bool direction = character == 0xe2808e || character == 0xe2808f ||   /* U+200E, U+200F */
                     (character >= 0xe280aa && character <= 0xe280ae) || /* U+202A-202E */
                     (character >= 0xe281a6 && character <= 0xe281a9);   /* U+2066-2069 */
    return separator || invisible || direction ? 3 : 0;
}

void text_add_line(struct buf *out, const char *text, size_t size, char banned, char instead)
{
    size_t at = out->size;
    jsonw_repair_utf8(out, text, size);
    while (at < out->size) {
        size_t control = control_size((unsigned char *)out->data + at, out->size - at);
        memset(out->data + at, ' ', control);
        if (!control && banned && out->data[at] == banned)
            out->data[at] = instead;
        at += control ? control : 1;
    }
}

static const char *xml_entity(char c)
{
    switch (c) {
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
        return (unsigned char)c < 0x20 ? "\xef\xbf\xbd" : NULL;
    }
}

void text_add_xml(struct buf *out, const char *text, size_t size)
{
    struct buf repaired;
    buf_init(&repaired, 0);
    jsonw_repair_utf8(&repaired, text, size);
    size_t copied = 0;
    for (size_t at = 0; at < repaired.size; at++) {
        const char *entity = xml_entity(repaired.data[at]);
        if (at + 2 < repaired.size && memcmp(repaired.data + at, "\xef\xbf", 2) == 0 &&
            (unsigned char)repaired.data[at + 2] >= 0xbe)
            repaired.data[at + 2] = (char)0xbd; /* U+FFFE and U+FFFF are no XML characters */
        if (!entity)
            continue;
        buf_add(out, repaired.data + copied, at - copied);
        buf_add_str(out, entity);
        copied = at + 1;
    }
    if (repaired.size > copied)
        buf_add(out, repaired.data + copied, repaired.size - copied);
    out->failed |= repaired.failed;
    buf_done(&repaired);
}

static const char *script_escape(const char *text, size_t size, size_t *taken)
{
    *taken = 1;
    if (text[0] == '<')
        return "\\u003c";
    if (text[0] == '>')
        return "\\u003e";
    if (text[0] == '&')
        return "\\u0026";
    *taken = 3;
    if (size >= 3 && memcmp(text, "\xef\xbf\xbe", 3) == 0)
        return "\\ufffe";
    if (size >= 3 && memcmp(text, "\xef\xbf\xbf", 3) == 0)
        return "\\uffff";
    return NULL;
}

void text_add_script_json(struct buf *out, const char *json, size_t size)
{
    size_t copied = 0;
    for (size_t at = 0; at < size; at++) {
        size_t taken;
        const char *escape = script_escape(json + at, size - at, &taken);
        if (!escape)
            continue;
        buf_add(out, json + copied, at - copied);
        buf_add_str(out, escape);
        copied = at + taken;
        at += taken - 1;
    }
    if (size > copied)
        buf_add(out, json + copied, size - copied);
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
