/* SPDX-License-Identifier: MIT */
#include "cli/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/text.h"
#include "query/group.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define NARROWEST 40u

unsigned columns_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col > NARROWEST ? size.ws_col : NARROWEST;
}

void columns_end_line(struct buf *out, size_t start, unsigned width)
{
    unsigned seen = 0;
    size_t keep = start; /* where the last character that leaves room for the ellipsis ends */
    for (size_t i = start; width && i < out->size; i++) {
        if (((unsigned char)out->data[i] & 0xc0) == 0x80)
            continue; /* inside a character */
        if (seen == width - 1)
            keep = i;
        if (seen++ == width) {
            out->size = keep;
            buf_add_str(out, ELLIPSIS);
            break;
        }
    }
    buf_add_char(out, '\n');
}

void columns_count(struct buf *out, uint64_t value)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0)
            buf_add_char(out, ',');
        buf_add_char(out, digits[i]);
    }
}

void columns_counted(struct buf *out, uint64_t value, const char *singular)
{
    columns_count(out, value);
    buf_printf(out, " %s%s", singular, value == 1 ? "" : "s");
}

void columns_share(struct buf *out, double share)
{
    buf_printf(out, "%6.1f %%", 100 * share);
}

void columns_seconds(struct buf *out, double seconds)
{
    double size = fabs(seconds);
    if (size >= 100)
        buf_printf(out, "%6.0f s ", seconds);
    else if (size >= 1 || size == 0)
        buf_printf(out, "%6.2f s ", seconds);
    else if (size >= 1e-3)
        buf_printf(out, "%6.1f ms", seconds * 1e3);
    else
        buf_printf(out, "%6.1f \xc2\xb5s", seconds * 1e6);
}

void columns_group(struct buf *out, const struct group *group)
{
    text_add_line(out, group->name.text, group->name.size, 0, 0);
    bool repeats = group->name.size == group->file.size &&
                   !memcmp(group->name.text, group->file.text, group->file.size);
    if (!group->file.size || repeats)
        return;
    buf_add_str(out, " (");
    text_add_line(out, group->file.text, group->file.size, 0, 0);
    if (group->line > 0)
        buf_printf(out, ":%d", group->line);
    buf_add_char(out, ')');
}
