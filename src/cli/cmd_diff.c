/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/diff_text.h"
#include "cli/load.h"
#include "codec/codec.h"
#include "query/diff_flame.h"

#define DESIGN_EFFECT_MAX 10000

static struct {
    const char *by;
    const char *per_request;
    const char *output;
    const char *format;
    double false_share_pct;
    double tolerance_pct;
    double min_share_pct;
    int64_t design_effect;
    int64_t limit;
    bool all;
    bool json;
} args;

static const struct opt options[] = {
    {"by", 0, OPT_CHOICE, &args.by, "samples", NULL,
     "shares of the samples, or seconds of threads per second of recording",
     .choices = "samples time"},
    {"per-request", 0, OPT_STRING, &args.per_request, NULL, "N,M",
     "requests served during each recording; compare the time of one"},
    {"format", 'f', OPT_CHOICE, &args.format, NULL, NULL,
     "default: by the ending of the output, else text", .choices = "text json svg html"},
    {"output", 'o', OPT_PATH, &args.output, "-", "FILE", "where to; - for standard output"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "the same as -f json"},
    {"all", 'a', OPT_FLAG, &args.all, NULL, NULL, "also what is noise"},
    {"limit", 0, OPT_INT, &args.limit, "20", "N", "rows per table of the text; 0: all",
     .max = 1000000000},
    {"false-findings", 0, OPT_PERCENT, &args.false_share_pct, "5%", NULL,
     "share of the findings that may be chance", .group = "Judgement"},
    {"tolerance", 0, OPT_PERCENT, &args.tolerance_pct, "1%", NULL,
     "changes of a value by less than this are not looked for", .group = "Judgement"},
    {"min-share", 0, OPT_PERCENT, &args.min_share_pct, "0.1%", NULL,
     "functions below this share of the samples are not tested", .group = "Judgement"},
    {"design-effect", 0, OPT_INT, &args.design_effect, NULL, "N",
     "for profiles without a timeline: how many samples say as little as one independent one",
     .group = "Judgement", .max = DESIGN_EFFECT_MAX},
    {0},
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SVG, FORMAT_HTML };

static bool ends_in(const char *path, const char *ending)
{
    size_t size = strlen(path), tail = strlen(ending);
    return size >= tail && !strcmp(path + size - tail, ending);
}

static enum format wanted_format(void)
{
    if (args.json || (args.format && !strcmp(args.format, "json")))
        return FORMAT_JSON;
    if (args.format && !strcmp(args.format, "html"))
        return FORMAT_HTML;
    if (args.format)
        return !strcmp(args.format, "svg") ? FORMAT_SVG : FORMAT_TEXT;
    if (ends_in(args.output, ".html"))
        return FORMAT_HTML;
    if (ends_in(args.output, ".json"))
        return FORMAT_JSON;
    return ends_in(args.output, ".svg") ? FORMAT_SVG : FORMAT_TEXT;
}

static int parse_requests(double out[2], struct err *err)
{
    const char *text = args.per_request;
    char *end;
    for (int at = 0; at < 2; at++) {
        errno = 0;
        out[at] = strtod(text, &end);
        char want = at ? '\0' : ',';
        if (end == text || errno || *end != want || !isfinite(out[at]) || out[at] <= 0)
            return err_set(err, ERR_USAGE,
                           "diff: --per-request takes two numbers greater than 0, as 12000,11500");
        text = end + 1;
    }
    return 0;
}

static int choose(struct diff_options *out, struct err *err)
{
    *out = diff_defaults();
    out->false_share = args.false_share_pct / 100;
    out->tolerance = args.tolerance_pct / 100;
    out->min_share = args.min_share_pct / 100;
    out->design_effect = (double)args.design_effect;
    if (out->false_share <= 0 || out->false_share >= 1)
        return err_set(err, ERR_USAGE, "diff: --false-findings must lie between 0 and 100 %%");
    if (out->tolerance >= 1 || out->min_share >= 1)
        return err_set(err, ERR_USAGE,
                       "diff: --tolerance and --min-share must be less than 100 %%");
    if (!strcmp(args.by, "time"))
        out->norm = DIFF_SECONDS;
    if (!args.per_request)
        return 0;
    out->norm = DIFF_REQUESTS;
    return parse_requests(out->requests, err);
}

static int write_out(const struct buf *out, struct err *err)
{
    if (buf_failed(out))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (strcmp(args.output, "-") != 0)
        return file_replace(args.output, out->data, out->size, err);
    fwrite(out->data, 1, out->size, stdout); /* main reports what could not be written */
    return 0;
}

static int draw(const struct diff *diff, const char *const paths[2], struct buf *out,
                struct err *err)
{
    struct diff_flame flame;
    struct buf title;
    if (diff_flame_init(&flame, diff) < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    struct codec_change change = {
        .heat = flame.heat,
        .before = flame.before,
        .after = flame.after,
        .unit = diff->unit,
        .subtitle = "red: slower, blue: faster, grey: noise or too small to test; "
                    "width: the mean of before and after",
    };
    buf_init(&title, 0);
    buf_printf(&title, "%s \xe2\x86\x92 %s", paths[0], paths[1]);
    struct codec_options how = {.title = title.data, .change = &change};
    int result = codec_find("flamegraph")->write(&flame.profile, &how, out, err);
    buf_done(&title);
    diff_flame_done(&flame);
    return result;
}

/* Both profiles in the same ids, each with its own samples. */
static int align(struct profile *const profiles[2], struct profile *aligned[2])
{
    int result = 0;
    for (int at = 0; result == 0 && at < 2; at++) {
        aligned[at] = profile_new();
        if (!aligned[at])
            return ERR_NO_MEMORY;
        result = profile_merge_shape(aligned[at], profiles[0]);
        if (result == 0)
            result = profile_merge_shape(aligned[at], profiles[1]);
        if (result == 0)
            result = profile_merge(aligned[at], profiles[at]);
    }
    return result;
}

static int write_page(struct profile *const profiles[2], const char *const paths[2],
                      struct buf *out, struct err *err)
{
    const struct codec_format *page = codec_find("html");
    struct profile *aligned[2] = {NULL, NULL};
    int result = page && page->write ? align(profiles, aligned) : ERR_UNSUPPORTED;
    if (result == ERR_UNSUPPORTED)
        err_set(err, result, "this pitviper was built without the page; -f svg works");
    else if (result < 0)
        err_set(err, result, "%s", err_text(result));
    if (result == 0) {
        struct codec_options how = {.title = paths[1], .base = aligned[0], .base_title = paths[0]};
        result = page->write(aligned[1], &how, out, err);
    }
    profile_free(aligned[0]);
    profile_free(aligned[1]);
    return result;
}

static int render(const struct diff *diff, struct profile *const profiles[2],
                  const char *const paths[2], struct err *err)
{
    struct buf out;
    int result = 0;
    buf_init(&out, 0);
    switch (wanted_format()) {
    case FORMAT_JSON:
        diff_json(diff, args.all, &out);
        break;
    case FORMAT_SVG:
        result = draw(diff, paths, &out, err);
        break;
    case FORMAT_HTML:
        result = write_page(profiles, paths, &out, err);
        break;
    case FORMAT_TEXT:
        diff_text(diff, paths, (uint32_t)args.limit, args.all,
                  strcmp(args.output, "-") ? 0 : columns_width(), &out);
        break;
    }
    if (result == 0)
        result = write_out(&out, err);
    buf_done(&out);
    return result;
}

static int run(const struct cli_args *words, struct err *err)
{
    const char *const paths[2] = {words->words[0], words->words[1]};
    struct profile *profiles[2] = {NULL, NULL};
    struct diff_options wanted;
    struct diff diff;
    int result = choose(&wanted, err);
    if (result == 0 && strcmp(args.output, "-") != 0)
        result = file_check_writable(args.output, err);
    for (int at = 0; result == 0 && at < 2; at++)
        result = load_profile(paths[at], true, &profiles[at], err);
    if (result == 0)
        result = diff_init(&diff, profiles[0], profiles[1], &wanted, err);
    if (result == 0) {
        result = render(&diff, profiles, paths, err);
        diff_done(&diff);
    }
    profile_free(profiles[0]);
    profile_free(profiles[1]);
    return result;
}

static const struct cli_word words[] = {
    {"BASE", "the profile from before", true, false, false},
    {"NEW", "the profile from after", true, false, false},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper diff yesterday.pv today.pv", "what got slower, what faster, noise left out"},
    {"pitviper diff --per-request 120000,98000 old.pv new.pv",
     "time per request: also sees what a share cannot, that everything got slower"},
    {"pitviper diff -o diff.svg old.pv new.pv", "a flame graph of both, coloured by change"},
    {"pitviper diff -j old.pv new.pv | jq '.items[] | select(.verdict == \"slower\").name'",
     "for scripts"},
    {0},
};

const struct cli_command cmd_diff = {
    .name = "diff",
    .summary = "compare two profiles: what got slower, and what is only noise",
    .description =
        "Every function (its own time, and with what it calls) and every path is compared. The "
        "interval comes from how unsteady each recording was in itself, over up to 60 blocks of "
        "time; formats without a timeline (folded, pprof) get a wider one by assumption. A "
        "recording of a minute or more per side is worth its wait.\n\n"
        "Shares add up to all: when one function grows, the others shrink. What only gave way is "
        "counted but not called faster. --per-request and --by time do not have this problem.",
    .examples = examples,
    .options = options,
    .words = words,
    .run = run,
};
