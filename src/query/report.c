/* SPDX-License-Identifier: MIT */
#include "query/report.h"

static int gather_table(struct report *report, enum report_table which, enum group_by by,
                        enum table_sort sort, struct table *out, struct err *err)
{
    struct table_options options = {
        .by = by,
        .sort = sort,
        .filter = report->options.filter,
        .limit = report->options.limit,
    };
    if (!(report->options.tables & (unsigned)which))
        return 0;
    return table_init(out, &report->view, &options, err);
}

/* Every function of that name, up to the bound; none at all is the caller's mistake. */
static int gather_neighbours(struct report *report, struct err *err)
{
    for (uint32_t rank = 0; rank < REPORT_MAX_FUNCTIONS; rank++) {
        int result = neighbours_init(&report->neighbours[rank], &report->view,
                                     report->options.function, rank, report->options.limit, err);
        if (result == ERR_NOT_FOUND && rank > 0)
            return 0;
        if (result < 0)
            return result;
        report->neighbour_count++;
    }
    return 0;
}

int report_init(struct report *report, const struct profile *profile,
                const struct report_options *options, struct err *err)
{
    *report = (struct report){.profile = profile, .options = *options};
    int result = view_init(&report->view, profile, &options->view, err);
    if (result == 0)
        result = gather_table(report, REPORT_FUNCTIONS, GROUP_FUNCTION, options->sort,
                              &report->functions, err);
    if (result == 0) /* the hottest lines are those where time is spent, whatever the sort */
        result = gather_table(report, REPORT_LINES, GROUP_LINE, TABLE_BY_SELF, &report->lines, err);
    if (result == 0)
        result = gather_table(report, REPORT_FILES, GROUP_FILE, options->sort, &report->files, err);
    if (result == 0)
        result = gather_table(report, REPORT_PACKAGES, GROUP_PACKAGE, options->sort,
                              &report->packages, err);
    if (result == 0 && (options->tables & REPORT_THREADS))
        result = thread_table_init(&report->threads, &report->view, options->limit, err);
    if (result == 0 && options->function)
        result = gather_neighbours(report, err);
    if (result < 0)
        report_done(report);
    return result;
}

void report_done(struct report *report)
{
    table_done(&report->functions);
    table_done(&report->lines);
    table_done(&report->files);
    table_done(&report->packages);
    thread_table_done(&report->threads);
    for (uint32_t i = 0; i < report->neighbour_count; i++)
        neighbours_done(&report->neighbours[i]);
    view_done(&report->view);
    *report = (struct report){0};
}
