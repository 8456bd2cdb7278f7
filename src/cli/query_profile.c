/* SPDX-License-Identifier: MIT */
/* query_profile.c - profiles of the history: files, and tables for people. The latter are made here
 * from the whole profile, so they are those of `report` and `diff`. */
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/diff_text.h"
#include "cli/query.h"
#include "cli/report_text.h"
#include "codec/codec.h"
#include "query/diff.h"
#include "query/report.h"

int query_write_profile(struct query_place *place, struct query_question *question,
                        const char *path, const char *format, struct err *err)
{
    const struct codec_format *wanted = format ? codec_find(format) : codec_find_by_path(path);
    bool is_file = strcmp(path, "-") != 0;
    struct buf out;
    if (!wanted && is_file)
        return err_set(err, ERR_USAGE, "query: %s: which format? -f says it, or the ending", path);
    int result = is_file ? file_check_writable(path, err) : 0;
    question->name = "profile";
    query_set(question, "format", wanted ? wanted->name : "json");
    buf_init(&out, 0);
    if (result == 0)
        result = query_ask(place, question, &out, err);
    if (result == 0)
        result = file_replace(path, out.data, out.size, err);
    if (result == 0 && is_file)
        log_info("%s written", path);
    buf_done(&out);
    return result;
}

static int read_profile(struct query_place *place, struct query_question *question,
                        const char *split, struct profile **out, struct err *err)
{
    struct buf json;
    struct profile *profile = profile_new();
    buf_init(&json, 0);
    question->name = "profile";
    query_set(question, "format", "json");
    query_set(question, "split", split);
    int result = profile ? query_ask(place, question, &json, err)
                         : err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0)
        result = codec_find("json")->read(json.data, json.size, profile, err);
    buf_done(&json);
    if (result < 0)
        profile_free(profile);
    else
        *out = profile;
    return result;
}

int query_top_text(struct query_place *place, struct query_question *question, uint32_t limit,
                   unsigned width, struct buf *out, struct err *err)
{
    struct profile *profile;
    struct report report;
    const char *service = query_get(question, "service");
    struct report_options wanted = {
        .tables = REPORT_ALL & ~(unsigned)REPORT_FILES,
        .limit = limit,
        .filter = query_get(question, "search"),
    };
    query_set(question, "search", NULL);
    query_set(question, "limit", NULL);
    int result = read_profile(place, question, "thread", &profile, err);
    if (result < 0)
        return result;
    if (profile_total_count(profile) == 0)
        log_warning("there are no samples in this range");
    result = report_init(&report, profile, &wanted, err);
    if (result == 0) {
        report_text(&report, service ? service : "all services", width, out);
        report_done(&report);
    }
    profile_free(profile);
    return result;
}

/* What the base is about, asked for by itself. */
static void turn_to_base(struct query_question *base)
{
    static const char *const names[][2] = {{"base_from", "from"},
                                           {"base_to", "to"},
                                           {"base_version", "version"},
                                           {"base_service", "service"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = query_get(base, names[i][0]);
        query_set(base, names[i][0], NULL);
        if (value)
            query_set(base, names[i][1], value);
    }
}

static void drop_base(struct query_question *question)
{
    query_set(question, "base_from", NULL);
    query_set(question, "base_to", NULL);
    query_set(question, "base_version", NULL);
    query_set(question, "base_service", NULL);
}

int query_diff_text(struct query_place *place, struct query_question *question, uint32_t limit,
                    unsigned width, struct buf *out, struct err *err)
{
    static const char *const sides[2] = {"base", "new"};
    struct query_question base = *question;
    struct profile *profiles[2] = {NULL, NULL};
    struct diff_options wanted = diff_defaults();
    struct diff diff;
    const char *norm = query_get(question, "norm"), *all = query_get(question, "all");
    wanted.norm = norm && !strcmp(norm, "seconds") ? DIFF_SECONDS : DIFF_SHARES;
    query_set(&base, "norm", NULL);
    query_set(&base, "all", NULL);
    *question = base;
    turn_to_base(&base);
    drop_base(question);
    int result = read_profile(place, &base, "none", &profiles[0], err);
    if (result == 0)
        result = read_profile(place, question, "none", &profiles[1], err);
    if (result == 0)
        result = diff_init(&diff, profiles[0], profiles[1], &wanted, err);
    if (result == 0) {
        diff_text(&diff, sides, limit, all && !strcmp(all, "1"), width, out);
        diff_done(&diff);
    }
    profile_free(profiles[0]);
    profile_free(profiles[1]);
    return result;
}
