/* SPDX-License-Identifier: MIT */
#include "cli/report_text.h"

#include <string.h>

#include "base/buf.h"
#include "cli/columns.h"
#include "codec/text.h"
#include "query/report.h"

struct page {
    const struct report *report;
    unsigned width;
    struct buf *out;
};

static double share_of(const struct page *page, uint64_t count)
{
    return page->report->view.count ? (double)count / (double)page->report->view.count : 0;
}

static bool has_times(const struct page *page)
{
    return page->report->view.weight_ns > 0;
}

static void add_string(struct buf *out, const struct profile *profile, uint32_t string)
{
    text_add_line(out, profile->strings[string].text, profile->strings[string].size, 0, 0);
}

static void head(struct page *page, const char *path)
{
    const struct profile *profile = page->report->profile;
    const struct profile_meta *meta = &profile->meta;
    struct buf *out = page->out;
    size_t start = out->size;
    uint64_t all = profile_total_count(profile);
    buf_printf(out, "%s: ", path);
    columns_counted(out, all, "sample");
    if (profile->thread_count) {
        buf_add_str(out, " of ");
        columns_counted(out, profile->thread_count, "thread");
    }
    if (meta->duration_ns)
        buf_printf(out, " in %.1f s", (double)meta->duration_ns / 1e9);
    if (meta->mode) {
        buf_add_str(out, ", ");
        add_string(out, profile, meta->mode);
        buf_add_str(out, " time");
    }
    if (meta->python) {
        buf_add_str(out, ", Python ");
        add_string(out, profile, meta->python);
    }
    if (meta->pid)
        buf_printf(out, ", pid %d", (int)meta->pid);
    columns_end_line(out, start, page->width);
    if (meta->command) {
        start = out->size;
        buf_add_str(out, "  command: ");
        add_string(out, profile, meta->command);
        columns_end_line(out, start, page->width);
    }
    if (page->report->view.count != all) {
        start = out->size;
        buf_add_str(out, "  in view: ");
        columns_counted(out, page->report->view.count, "sample");
        buf_add_str(out, " (--thread, --focus); shares are of these");
        columns_end_line(out, start, page->width);
    }
}

/* What is missing or not proven: always said when there is any. */
static void quality(struct page *page)
{
    const struct profile_stats *stats = &page->report->profile->stats;
    struct buf *out = page->out;
    size_t start = out->size;
    if (stats->partial + stats->lost + stats->late + stats->errors == 0)
        return;
    buf_add_str(out, "  quality: ");
    columns_count(out, stats->partial);
    buf_add_str(out, " partial (inner frames not proven), ");
    columns_count(out, stats->lost);
    buf_add_str(out, " lost, ");
    columns_counted(out, stats->late, "round");
    buf_add_str(out, " late, ");
    columns_counted(out, stats->errors, "read error");
    columns_end_line(out, start, page->width);
}

static void heading(struct page *page, const char *title, uint32_t shown, uint32_t found)
{
    buf_printf(page->out, "\n%s", title);
    if (shown < found) {
        buf_add_str(page->out, " (");
        columns_count(page->out, shown);
        buf_add_str(page->out, " of ");
        columns_count(page->out, found);
        buf_add_char(page->out, ')');
    }
    buf_add_char(page->out, '\n');
}

static void amount(struct page *page, uint64_t count, uint64_t ns)
{
    columns_share(page->out, share_of(page, count));
    if (has_times(page))
        columns_seconds(page->out, (double)ns / 1e9);
    else
        buf_printf(page->out, "%9llu", (unsigned long long)count);
}

static void columns_title(struct page *page, const char *last)
{
    buf_printf(page->out, "     own                total              %s\n", last);
}

static void add_source(struct page *page, const struct group *line)
{
    const struct report_options *options = &page->report->options;
    const char *source = options->source ? options->source(options->source_context, line) : NULL;
    if (!source)
        return;
    size_t start = page->out->size;
    buf_printf(page->out, "%42s", "");
    text_add_line(page->out, source, strlen(source), 0, 0);
    columns_end_line(page->out, start, page->width);
}

static void two_amounts(struct page *page, const struct table *table, const char *title,
                        const char *last, bool sources)
{
    heading(page, title, table->row_count, table->found);
    if (table->row_count == 0) {
        buf_add_str(page->out, "  none\n");
        return;
    }
    columns_title(page, last);
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct table_row *row = &table->rows[i];
        size_t start = page->out->size;
        amount(page, row->self_count, row->self_ns);
        buf_add_str(page->out, "  ");
        amount(page, row->total_count, row->total_ns);
        buf_add_str(page->out, "  ");
        columns_group(page->out, &row->group);
        columns_end_line(page->out, start, page->width);
        if (sources)
            add_source(page, &row->group);
    }
}

static void threads(struct page *page)
{
    const struct profile *profile = page->report->profile;
    const struct thread_table *table = &page->report->threads;
    heading(page, "By thread", table->row_count, table->found);
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct thread_row *row = &table->rows[i];
        const struct profile_thread *thread = &profile->threads[row->thread];
        size_t start = page->out->size;
        amount(page, row->count, row->weight_ns);
        buf_add_str(page->out, "  ");
        add_string(page->out, profile, thread->name);
        if (thread->tid)
            buf_printf(page->out, "%stid %d", thread->name ? ", " : "", (int)thread->tid);
        else if (!thread->name)
            buf_add_str(page->out, "(the file names no threads)");
        if (thread->process) {
            buf_add_str(page->out, " of ");
            add_string(page->out, profile, thread->process);
        }
        columns_end_line(page->out, start, page->width);
    }
    if (table->row_count == 0)
        buf_add_str(page->out, "  none\n");
}

static void edges(struct page *page, const struct table *table, const char *title,
                  const char *nameless)
{
    buf_printf(page->out, "  %s\n", title);
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct table_row *row = &table->rows[i];
        size_t start = page->out->size;
        buf_add_str(page->out, "  ");
        amount(page, row->total_count, row->total_ns);
        buf_add_str(page->out, "  ");
        if (row->group.name.size || row->group.file.size)
            columns_group(page->out, &row->group);
        else
            buf_add_str(page->out, nameless);
        columns_end_line(page->out, start, page->width);
    }
}

static void neighbours(struct page *page, const struct neighbours *at)
{
    size_t start = page->out->size + 1;
    buf_add_char(page->out, '\n');
    columns_group(page->out, &at->function.group);
    columns_end_line(page->out, start, page->width);
    buf_add_str(page->out, "  own    ");
    amount(page, at->function.self_count, at->function.self_ns);
    buf_add_str(page->out, "\n  total  ");
    amount(page, at->function.total_count, at->function.total_ns);
    buf_add_char(page->out, '\n');
    edges(page, &at->callers, "called by", "(nobody: outermost)");
    edges(page, &at->callees, "calls", "(in the function itself)");
}

void report_text(const struct report *report, const char *path, unsigned width, struct buf *out)
{
    struct page page = {report, width, out};
    unsigned tables = report->options.tables;
    head(&page, path);
    quality(&page);
    if (report->view.count == 0) {
        buf_add_str(out, "\nNo samples: no thread was running while the recording looked. "
                         "--idle records waiting threads too.\n");
        return;
    }
    for (uint32_t i = 0; i < report->neighbour_count; i++)
        neighbours(&page, &report->neighbours[i]);
    if (tables & REPORT_FUNCTIONS)
        two_amounts(&page, &report->functions,
                    report->options.sort == TABLE_BY_SELF ? "Functions by own time"
                                                          : "Functions by total time",
                    "function", false);
    if (tables & REPORT_LINES)
        two_amounts(&page, &report->lines, "Hottest lines", "line", true);
    if (tables & REPORT_PACKAGES)
        two_amounts(&page, &report->packages, "By package", "package", false);
    if (tables & REPORT_FILES)
        two_amounts(&page, &report->files, "By file", "file", false);
    if (tables & REPORT_THREADS)
        threads(&page);
}
