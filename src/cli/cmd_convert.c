/* SPDX-License-Identifier: MIT */
/* cmd_convert.c - pitviper convert: one profile file from another. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "codec/codec.h"
#include "model/rewrite.h"

static struct {
    const char *output, *format, *from, *to, *title;
    bool threads, function, nolineno, time;
} args;

static const struct opt options[] = {
    {"output", 'o', OPT_PATH, &args.output, "-", "FILE", "where to; - is standard output"},
    {"format", 'f', OPT_CHOICE, &args.format, NULL, NULL, "default: by the ending of the output",
     .choice_at = codec_writable_name},
    {"from", 0, OPT_STRING, &args.from, NULL, "TIME",
     "leave out what is before: +10s (after the start), 5m (before the end), or a date"},
    {"to", 0, OPT_STRING, &args.to, NULL, "TIME", "leave out what is after"},
    {"threads", 't', OPT_FLAG, &args.threads, NULL, NULL, "a root frame per thread"},
    {"function", 'F', OPT_FLAG, &args.function, NULL, NULL,
     "a function's first line instead of the current one"},
    {"nolineno", 0, OPT_FLAG, &args.nolineno, NULL, NULL, "no line numbers"},
    {"time", 0, OPT_FLAG, &args.time, NULL, NULL,
     "where a format shows one number: time instead of samples (folded: microseconds)"},
    {"title", 0, OPT_STRING, &args.title, NULL, "TEXT", "heading, where a format has one"},
    {0},
};

static const struct cli_word words[] = {
    {"FILE",
     "a profile: .pv, or what \"pitviper convert\" or another profiler wrote; - is standard input",
     .is_path = true},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper convert service.pv -o service.svg", "a flame graph of a whole recording"},
    {"pitviper convert service.pv --from +60s --to +90s -o slow.pb.gz",
     "half a minute of it for go tool pprof"},
    {"pitviper convert service.pv -f folded | grep json", "stacks for the tools of the shell"},
    {"pitviper convert old.folded -o old.speedscope.json", "what another profiler wrote"},
    {0},
};

static int choose_format(const struct codec_format **out, struct err *err)
{
    const struct codec_format *format =
        args.format ? codec_find(args.format) : codec_find_by_path(args.output);
    if (!format && strcmp(args.output, "-") == 0)
        return err_set(err, ERR_USAGE,
                       "convert: which format? -f NAME says so, or -o with an ending");
    if (!format || !format->write)
        return err_set(err, ERR_USAGE,
                       "convert: %s has no ending that names a format; -f NAME does", args.output);
    *out = format;
    return 0;
}

/* Replaces the profile by what the options make of it. */
static int rewrite(struct profile **profile, struct err *err)
{
    struct rewrite how = {.thread_roots = args.threads,
                          .lines = args.nolineno   ? REWRITE_LINES_NONE
                                   : args.function ? REWRITE_LINES_FIRST
                                                   : REWRITE_LINES_KEEP};
    if (!how.thread_roots && how.lines == REWRITE_LINES_KEEP)
        return 0;
    struct profile *rewritten = profile_new();
    int result = rewritten ? profile_rewrite(rewritten, *profile, &how) : ERR_NO_MEMORY;
    if (result < 0) {
        profile_free(rewritten);
        return err_set(err, result, "convert: %s", err_text(result));
    }
    profile_free(*profile);
    *profile = rewritten;
    return 0;
}

static int drain(void *file, struct buf *out, struct err *err)
{
    int result = file_out_write(file, out->data, out->size, err);
    buf_reset(out);
    return result;
}

static int write_profile(const struct profile *profile, const struct codec_format *format,
                         struct err *err)
{
    struct file_out *file;
    struct buf out;
    int result = file_out_open(args.output, &file, err);
    if (result < 0)
        return result;
    buf_init(&out, 0);
    struct codec_options how = {
        .title = args.title, .weight_is_time = args.time, .drain = drain, .drain_context = file};
    result = format->write(profile, &how, &out, err);
    if (result == 0)
        result = drain(file, &out, err);
    buf_done(&out);
    int closed = file_out_close(file, result == 0, result == 0 ? err : NULL);
    return result < 0 ? result : closed;
}

static int run(const struct cli_args *given, struct err *err)
{
    const struct codec_format *format = NULL;
    struct profile *profile = NULL;
    int result = choose_format(&format, err);
    if (result == 0)
        result = file_check_writable(args.output, err);
    if (result == 0)
        result = load_profile_with(given->words[0],
                                   &(struct load_options){.keep_runs = format->needs_timeline,
                                                          .from = args.from,
                                                          .to = args.to},
                                   &profile, err);
    if (result < 0)
        return result;
    if (profile_total_count(profile) == 0)
        log_warning("%s: there are no samples in it", given->words[0]);
    result = rewrite(&profile, err);
    if (result == 0)
        result = write_profile(profile, format, err);
    profile_free(profile);
    return result;
}

const struct cli_command cmd_convert = {
    .name = "convert",
    .summary = "turn a recording into another format",
    .description =
        "Reads a profile in any format that can be read and writes it in any that can be "
        "written. The input is recognised by its content, the output's format by the "
        "ending of its name.\n\n"
        "A capture (.pv) can be cut to a range of time. One that was cut off by a crash is "
        "used as far as it goes, with a warning.",
    .examples = examples,
    .options = options,
    .words = words,
    .run = run,
};
