/* SPDX-License-Identifier: MIT */
#include "cli/diff_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/columns.h"
#include "codec/text.h"
#include "query/diff.h"

#define PATH_FRAMES 4u /* of a path that are shown, the innermost ones */

struct page {
    const struct diff *diff;
    uint32_t limit;
    bool all;
    unsigned width;
    struct buf *out;
};

static void add_side(struct page *page, const char *label, const char *path,
                     const struct diff_side *side)
{
    size_t start = page->out->size;
    buf_printf(page->out, "%s  %s: ", label, path);
    columns_counted(page->out, (uint64_t)(side->count + 0.5), "sample");
    if (side->seconds > 0)
        buf_printf(page->out, " in %.1f s", side->seconds);
    if (side->blocks)
        buf_printf(page->out, ", judged by %u blocks of %.2g s", (unsigned)side->blocks,
                   side->seconds / side->blocks);
    else
        buf_printf(
            page->out,
            ", too short or without a timeline: taken as %.3g times less certain than its count",
            side->design_effect);
    columns_end_line(page->out, start, page->width);
}

static void add_value(struct page *page, double value, bool sign)
{
    double size = fabs(value);
    const char *plus = sign && value >= 0 ? "+" : "";
    char text[32];
    if (page->diff->options.norm == DIFF_SHARES)
        snprintf(text, sizeof text, "%s%.2f %%", plus, 100 * value);
    else if (!strcmp(page->diff->unit, "samples/request"))
        snprintf(text, sizeof text, "%s%.3g", plus, value);
    else if (size >= 1 || size == 0)
        snprintf(text, sizeof text, "%s%.3f s", plus, value);
    else if (size >= 1e-3)
        snprintf(text, sizeof text, "%s%.2f ms", plus, value * 1e3);
    else
        snprintf(text, sizeof text, "%s%.2f us", plus, value * 1e6);
    buf_printf(page->out, "%11s", text);
}

/* "+12 %", "new", "gone" */
static void add_relative(struct page *page, const struct diff_item *item)
{
    char text[32];
    if (item->value[0] <= 0)
        snprintf(text, sizeof text, "new");
    else if (item->value[1] <= 0)
        snprintf(text, sizeof text, "gone");
    else
        snprintf(text, sizeof text, "%+.0f %%", 100 * (item->value[1] / item->value[0] - 1));
    buf_printf(page->out, "%9s", text);
}

static void add_frame(struct page *page, uint32_t frame)
{
    struct buf label;
    buf_init(&label, 0);
    text_add_label(&label, page->diff->joint, frame);
    if (label.size)
        text_add_line(page->out, label.data, label.size, 0, 0);
    page->out->failed |= label.failed;
    buf_done(&label);
}

/* The innermost frames, outermost of them first: "… > get > send > read (socket.py)". */
static void add_path(struct page *page, uint32_t node)
{
    const struct profile *joint = page->diff->joint;
    uint32_t shown[PATH_FRAMES], count = 0, at = node;
    for (; at && count < PATH_FRAMES; at = joint->nodes[at].parent)
        shown[count++] = joint->nodes[at].frame;
    if (at)
        buf_add_str(page->out, "\xe2\x80\xa6 > ");
    while (count-- > 0) {
        const struct profile_string *name = &joint->strings[joint->frames[shown[count]].name];
        if (count)
            text_add_line(page->out, name->text, name->size, 0, 0);
        else
            add_frame(page, shown[count]);
        buf_add_str(page->out, count ? " > " : "");
    }
}

static void add_item(struct page *page, const struct diff_item *item, bool with_verdict)
{
    static const char *const verdicts[] = {"noise", "slower", "faster", "diluted"};
    size_t start = page->out->size;
    add_value(page, item->value[0], false);
    add_value(page, item->value[1], false);
    add_value(page, item->value[1] - item->value[0], true);
    buf_add_str(page->out, "  [");
    add_value(page, item->low, true);
    buf_add_char(page->out, ',');
    add_value(page, item->high, true);
    buf_add_char(page->out, ']');
    add_relative(page, item);
    buf_add_str(page->out, "  ");
    if (with_verdict)
        buf_printf(page->out, "%-7s  ", verdicts[item->verdict]);
    if (item->subject == DIFF_PATH)
        add_path(page, item->node);
    else
        add_frame(page, item->frame);
    columns_end_line(page->out, start, page->width);
}

static bool belongs(const struct diff_item *item, enum diff_subject subject,
                    enum diff_verdict verdict)
{
    return item->subject == subject && item->verdict == verdict && !item->explained;
}

static uint32_t count_of(const struct diff *diff, enum diff_subject subject,
                         enum diff_verdict verdict)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < diff->item_count; i++)
        count += belongs(&diff->items[i], subject, verdict);
    return count;
}

static void table(struct page *page, enum diff_subject subject, enum diff_verdict verdict,
                  const char *title)
{
    uint32_t found = count_of(page->diff, subject, verdict), shown = 0;
    if (!found)
        return;
    buf_printf(page->out, "\n%s", title);
    if (page->limit && found > page->limit)
        buf_printf(page->out, " (%u of %u)", (unsigned)page->limit, (unsigned)found);
    buf_printf(page->out, "\n%11s%11s%11s  %-25s%9s  %s\n", "before", "after", "change",
               "95 % interval of the change", "", subject == DIFF_PATH ? "path" : "function");
    for (uint32_t i = 0; i < page->diff->item_count; i++) {
        const struct diff_item *item = &page->diff->items[i];
        if (!belongs(item, subject, verdict))
            continue;
        add_item(page, item, false);
        if (++shown == page->limit)
            return;
    }
}

static void everything_else(struct page *page)
{
    uint32_t shown = 0;
    buf_add_str(page->out, "\nNo findings, largest change first\n");
    for (uint32_t i = page->diff->findings; i < page->diff->item_count; i++) {
        if (page->diff->items[i].subject == DIFF_PATH)
            continue;
        add_item(page, &page->diff->items[i], true);
        if (++shown == page->limit)
            return;
    }
}

static void summary(struct page *page)
{
    const struct diff *diff = page->diff;
    struct buf *out = page->out;
    uint32_t noise = diff->item_count - diff->findings - diff->diluted;
    buf_add_char(out, '\n');
    if (diff->side[0].count <= 0 || diff->side[1].count <= 0) {
        buf_add_str(out, "Nothing to compare: one of the profiles has no samples.\n");
        return;
    }
    columns_counted(out, diff->item_count, "test");
    buf_add_str(out, " (functions by own and total time, paths): ");
    columns_counted(out, diff->findings, "finding");
    buf_add_str(out, ", ");
    columns_count(out, noise);
    buf_add_str(out, " noise");
    if (diff->diluted) {
        buf_add_str(out, ", ");
        columns_count(out, diff->diluted);
        buf_add_str(out, " that only gave way to others");
    }
    buf_printf(out,
               ".\nOf the findings at most %.3g %% are expected to be chance; changes within "
               "%.3g %% are not looked for;\n",
               100 * diff->options.false_share, 100 * diff->options.tolerance);
    columns_counted(out, diff->untested, "function");
    buf_printf(out, " under %.3g %% or %.0f samples not tested.%s\n", 100 * diff->options.min_share,
               DIFF_MIN_SAMPLES, page->all ? "" : " --all shows what is no finding.");
}

void diff_text(const struct diff *diff, const char *const paths[2], uint32_t limit, bool all,
               unsigned width, struct buf *out)
{
    static const char *const norms[] = {
        "Shares of all samples.", "Seconds of threads per second of recording.", "Per request."};
    struct page page = {diff, limit, all, width, out};
    add_side(&page, "before", paths[0], &diff->side[0]);
    add_side(&page, "after ", paths[1], &diff->side[1]);
    buf_printf(out, "%s\n", norms[diff->options.norm]);
    table(&page, DIFF_SELF, DIFF_SLOWER, "Slower, own time");
    table(&page, DIFF_SELF, DIFF_FASTER, "Faster, own time");
    table(&page, DIFF_TOTAL, DIFF_SLOWER, "Slower, with what they call");
    table(&page, DIFF_TOTAL, DIFF_FASTER, "Faster, with what they call");
    table(&page, DIFF_PATH, DIFF_SLOWER, "Slower, by path (the longest that explains the change)");
    table(&page, DIFF_PATH, DIFF_FASTER, "Faster, by path (the longest that explains the change)");
    if (all)
        everything_else(&page);
    summary(&page);
}
