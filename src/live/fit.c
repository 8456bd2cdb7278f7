/* SPDX-License-Identifier: MIT */
#include "live/fit.h"

#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#define MARKS_MAX 2u /* combining marks on one character; a tower of them leaves its line */

static bool is_unicode;

bool fit_init(void)
{
    is_unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
    return is_unicode;
}

/* ---- texts --------------------------------------------------------------------------------- */

/* The character at text[*at], *at moved behind it; -1 for a byte that begins none. Overlong forms,
 * surrogates and what is beyond Unicode are none. */
static int32_t decode(const unsigned char *text, size_t size, size_t *at)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = text[(*at)++];
    if (lead < 0x80)
        return lead;
    unsigned length = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead >= 0xf5 || *at + length - 1 > size)
        return -1;
    int32_t value = lead & (0x7f >> length);
    for (unsigned i = 0; i + 1 < length; i++) {
        if ((text[*at + i] & 0xc0) != 0x80)
            return -1;
        value = value << 6 | (text[*at + i] & 0x3f);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return -1;
    *at += length - 1;
    return value;
}

/* Characters without a width of their own that act on their neighbours: joiners, marks of
 * direction, variation selectors, tags. */
static bool is_invisible(int32_t value)
{
    return value == 0xad || value == 0x34f || value == 0x61c ||
           (value >= 0x180b && value < 0x1810) || (value >= 0x200b && value < 0x2010) ||
           (value >= 0x2028 && value < 0x202f) || (value >= 0x2060 && value < 0x2070) ||
           (value >= 0xfe00 && value < 0xfe10) || value == 0xfeff ||
           (value >= 0xfff9 && value < 0xfffc) || value >= 0xe0000;
}

static wchar_t replacement(void)
{
    return is_unicode ? 0xfffd : L'?';
}

struct piece {
    wchar_t value;
    int width; /* 0: a mark on the one before */
};

static struct piece piece_of(int32_t value)
{
    int width = value < 0 || is_invisible(value) ? -1 : wcwidth(value);
    if (width < 0 || value < 0x20 || (value >= 0x7f && value < 0xa0) ||
        (value >= 0x80 && !is_unicode))
        return (struct piece){replacement(), 1};
    return (struct piece){value, width};
}

/* All that may be needed of a text: its first FIT_MAX characters, or those of its last FIT_MAX
 * bytes. */
static uint32_t read_pieces(struct piece pieces[FIT_MAX], const char *text, size_t size,
                            enum fit_cut cut, bool *left_out)
{
    uint32_t count = 0, marks = 0;
    size_t at = 0;
    if (cut == FIT_CUT_BEGIN && size > FIT_MAX) {
        *left_out = true;
        for (at = size - FIT_MAX; at < size && (text[at] & 0xc0) == 0x80;)
            at++;
    }
    while (at < size) {
        struct piece piece = piece_of(decode((const unsigned char *)text, size, &at));
        marks = piece.width == 0 ? marks + 1 : 0;
        if (piece.width == 0 && (count == 0 || marks > MARKS_MAX))
            continue;
        if (count == FIT_MAX) {
            *left_out = true;
            break;
        }
        pieces[count++] = piece;
    }
    return count;
}

static void put(struct fit_text *out, struct piece piece)
{
    out->text[out->count++] = piece.value;
    out->columns += (unsigned)piece.width;
}

void fit_text(struct fit_text *out, const char *text, size_t size, unsigned columns,
              enum fit_cut cut)
{
    struct piece pieces[FIT_MAX];
    const struct piece mark = {is_unicode ? 0x2026 : L'~', 1};
    bool left_out = false;
    uint32_t first = 0, end = read_pieces(pieces, text, size, cut, &left_out);
    unsigned width = 0, room = columns < FIT_MAX ? columns : FIT_MAX;
    for (uint32_t i = 0; i < end; i++)
        width += (unsigned)pieces[i].width;
    left_out |= width > room;
    unsigned keep = left_out && room ? room - 1 : room;
    while (width > keep && cut == FIT_CUT_END)
        width -= (unsigned)pieces[--end].width;
    while (width > keep && cut == FIT_CUT_BEGIN)
        width -= (unsigned)pieces[first++].width;
    while (first > 0 && first < end && pieces[first].width == 0)
        first++; /* a mark whose character is gone */
    out->count = 0;
    out->columns = 0;
    if (left_out && room && cut == FIT_CUT_BEGIN)
        put(out, mark);
    for (uint32_t i = first; i < end && out->count + 1 < FIT_MAX; i++)
        put(out, pieces[i]);
    if (left_out && room && cut == FIT_CUT_END)
        put(out, mark);
    out->text[out->count] = L'\0';
}

/* ---- numbers ------------------------------------------------------------------------------- */

void fit_share(char out[FIT_NUMBER], uint64_t part, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;
    if (!whole)
        snprintf(out, FIT_NUMBER, "   -");
    else if (percent < 99.95)
        snprintf(out, FIT_NUMBER, "%4.1f", percent);
    else
        snprintf(out, FIT_NUMBER, "%4.0f", percent < 9999 ? percent : 9999);
}

void fit_time(char out[FIT_NUMBER], uint64_t us)
{
    static const struct {
        double seconds;
        char unit;
    } units[] = {{1, 's'}, {60, 'm'}, {3600, 'h'}, {86400, 'd'}};
    double seconds = (double)us / 1e6;
    unsigned unit = 0;
    while (unit < 3 && seconds >= 999.5 * units[unit].seconds)
        unit++;
    double value = seconds / units[unit].seconds;
    int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    if (!us)
        snprintf(out, FIT_NUMBER, "    -");
    else
        snprintf(out, FIT_NUMBER, "%4.*f%c", digits, value < 9999 ? value : 9999, units[unit].unit);
}

wchar_t fit_bar(double value)
{
    static const char ascii[] = " .:-=+*#@";
    if (!(value >= 1.0 / 32))
        return L' ';
    int level = value >= 1 ? 8 : 1 + (int)(value * 8 - 1e-9);
    if (level > 8)
        level = 8;
    return is_unicode ? (wchar_t)(0x2580 + level) : (wchar_t)ascii[level];
}
