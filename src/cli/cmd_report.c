/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/load.h"
#include "cli/report_text.h"
#include "query/report.h"

#define SOURCE_LINE_MAX 400u
#define SOURCE_FILE_MAX ((off_t)16 << 20)

static struct {
    const char *sort;
    int64_t limit;
    const char *filter;
    const char *focus;
    const char *thread;
    const char *function;
    const char *table;
    bool json;
    bool csv;
    bool no_source;
} args;

static const struct opt options[] = {
    {"sort", 0, OPT_CHOICE, &args.sort, "self", NULL,
     "order of the tables: a function's own time, or with what it calls", .choices = "self total"},
    {"limit", 0, OPT_INT, &args.limit, "20", "N", "rows per table; 0: all", .max = 1000000000},
    {"table", 0, OPT_CHOICE, &args.table, NULL, NULL, "this table only",
     .choices = "functions lines files packages threads"},
    {"function", 0, OPT_STRING, &args.function, NULL, "NAME",
     "callers and callees of this function: \"get\", \"Session.get\" or \"get (file.py)\""},
    {"filter", 0, OPT_STRING, &args.filter, NULL, "REGEX",
     "only rows whose function or file matches; shares stay those of the whole"},
    {"focus", 0, OPT_STRING, &args.focus, NULL, "REGEX",
     "only stacks that contain a function or file that matches"},
    {"thread", 0, OPT_STRING, &args.thread, NULL, "ID|REGEX",
     "only this thread id, or threads whose name matches"},
    {"no-source", 0, OPT_FLAG, &args.no_source, NULL, NULL, "do not show lines of source"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "as JSON"},
    {"csv", 0, OPT_FLAG, &args.csv, NULL, NULL, "as CSV"},
    {0},
};

/* Source lines: only regular files that the profile names by an absolute path, and that have not
 * been changed since the recording began. */
struct source {
    uint64_t recorded_s; /* 0: unknown */
    char line[SOURCE_LINE_MAX];
};

static FILE *open_source(const struct source *source, const struct group *group)
{
    char path[4097];
    struct stat status;
    if (group->full_file.size == 0 || group->full_file.size >= sizeof path ||
        group->full_file.text[0] != '/')
        return NULL;
    memcpy(path, group->full_file.text, group->full_file.size);
    path[group->full_file.size] = '\0';
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > SOURCE_FILE_MAX)
        return NULL;
    if (source->recorded_s && (uint64_t)status.st_mtime > source->recorded_s)
        return NULL; /* another text by now: better none than a wrong one */
    return fopen(path, "re");
}

static const char *source_line(void *context, const struct group *group)
{
    struct source *source = context;
    FILE *file = group->line > 0 ? open_source(source, group) : NULL;
    if (!file)
        return NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;
    for (int32_t i = 0; i < group->line && size >= 0; i++)
        size = getline(&line, &room, file);
    fclose(file);
    const char *begin = line ? line + strspn(line, " \t\f") : "";
    bool usable = size > 0 && *begin != '\n' && *begin != '\0';
    if (usable) {
        snprintf(source->line, sizeof source->line, "%s", begin);
        source->line[strcspn(source->line, "\r\n")] = '\0';
    }
    free(line);
    return usable ? source->line : NULL;
}

static unsigned wanted_tables(void)
{
    static const struct {
        const char *name;
        enum report_table table;
    } names[] = {
        {"functions", REPORT_FUNCTIONS}, {"lines", REPORT_LINES},     {"files", REPORT_FILES},
        {"packages", REPORT_PACKAGES},   {"threads", REPORT_THREADS},
    };
    for (size_t i = 0; args.table && i < sizeof names / sizeof *names; i++)
        if (!strcmp(args.table, names[i].name))
            return names[i].table;
    if (args.function)
        return 0;
    return args.json || args.csv ? REPORT_ALL : REPORT_ALL & ~(unsigned)REPORT_FILES;
}

static int print(const struct report *report, const char *path, struct err *err)
{
    struct buf out;
    buf_init(&out, 0);
    if (args.json)
        report_json(report, &out);
    else if (args.csv)
        report_csv(report, &out);
    else
        report_text(report, path, columns_width(), &out);
    int result = 0;
    if (buf_failed(&out))
        result = err_set(err, ERR_NO_MEMORY, "the report is too large; use --limit");
    else
        fwrite(out.data, 1, out.size, stdout); /* main reports what could not be written */
    buf_done(&out);
    return result;
}

static int run(const struct cli_args *words, struct err *err)
{
    const char *path = words->words[0];
    struct profile *profile = NULL;
    struct report report;
    if (args.json && args.csv)
        return err_set(err, ERR_USAGE, "report: --json and --csv exclude each other");
    int result = load_profile(path, false, &profile, err);
    if (result < 0)
        return result;
    struct source source = {.recorded_s = profile->meta.start_wall_ns / 1000000000u};
    struct report_options wanted = {
        .view = {.thread = args.thread, .focus = args.focus},
        .tables = wanted_tables(),
        .sort = !strcmp(args.sort, "total") ? TABLE_BY_TOTAL : TABLE_BY_SELF,
        .filter = args.filter,
        .function = args.function,
        .limit = (uint32_t)args.limit,
        .source = args.no_source ? NULL : source_line,
        .source_context = &source,
    };
    result = report_init(&report, profile, &wanted, err);
    if (result == 0) {
        result = print(&report, path, err);
        report_done(&report);
    }
    profile_free(profile);
    return result;
}

static const struct cli_word words[] = {
    {"FILE", "a profile in any format that convert reads, or - for standard input", true, false,
     false},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper report profile.pv", "where the time went, by function, line, package and thread"},
    {"pitviper report profile.pv --function Session.get", "who calls it, and what it calls"},
    {"pitviper report profile.pv --table lines --limit 50", "the fifty hottest lines"},
    {"pitviper report profile.pv --focus 'views\\.py' --sort total",
     "only what happens under one file"},
    {"pitviper report profile.pv --json | jq '.functions[0].name'", "for scripts"},
    {0},
};

const struct cli_command cmd_report = {
    .name = "report",
    .summary = "print tables of a recorded profile",
    .description =
        "Own time is where a thread was; total time also counts what it called, recursion once. "
        "Shares are of all samples in view.\n\n"
        "Source lines are shown when the file is readable here and has not been changed since the "
        "recording.",
    .examples = examples,
    .options = options,
    .words = words,
    .run = run,
};
