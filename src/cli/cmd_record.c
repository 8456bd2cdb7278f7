/* SPDX-License-Identifier: MIT */
/* cmd_record.c - pitviper record: from a pid to a file that one opens. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/summary.h"
#include "codec/codec.h"
#include "sampler/recorder.h"
#include "target/target.h"

#define WAIT_LAUNCHED_MS 10000u
#define WAIT_ATTACHED_MS 2000u
#define PROGRESS_NS 250000000u
#define CHILD_PATIENCE_MS 2000u
#define RATE_MAX_HZ 1000000u

static struct {
    struct opt_pids pids;
    uint64_t duration_ns, rate_hz;
    const char *output, *format, *stats;
    bool idle, gil, threads, blocking, function, nolineno, full_filenames, quiet;
} args;

static const char *format_name(size_t index)
{
    size_t writable = 0;
    for (size_t i = 0; i < codec_format_count; i++)
        if (codec_formats[i].write && writable++ == index)
            return codec_formats[i].name;
    return NULL;
}

static const struct opt options[] = {
    {"pid", 'p', OPT_PIDS, &args.pids, NULL, NULL, "process to record; may be given several times",
     .group = "What"},
    {"duration", 'd', OPT_DURATION, &args.duration_ns, NULL, NULL,
     "how long; without it until Ctrl-C or until the process ends", .group = "What"},
    {"rate", 'r', OPT_RATE, &args.rate_hz, "100", NULL, "rounds per second", .group = "What"},
    {"idle", 'i', OPT_FLAG, &args.idle, NULL, NULL, "sleeping threads too (wall-clock profile)",
     .group = "What"},
    {"gil", 'g', OPT_FLAG, &args.gil, NULL, NULL, "only the thread that holds the GIL",
     .group = "What"},
    {"blocking", 0, OPT_FLAG, &args.blocking, NULL, NULL,
     "stop each thread for the moment it is read", .group = "What"},
    {"output", 'o', OPT_PATH, &args.output, NULL, "FILE",
     "where to; - for standard output (default: a new name in this folder)", .group = "Output"},
    {"format", 'f', OPT_CHOICE, &args.format, NULL, NULL,
     "default: by the ending of FILE, else flamegraph", .group = "Output",
     .choice_at = format_name},
    {"threads", 't', OPT_FLAG, &args.threads, NULL, NULL, "a root frame per thread",
     .group = "Output"},
    {"function", 'F', OPT_FLAG, &args.function, NULL, NULL,
     "a function's first line instead of the current one", .group = "Output"},
    {"nolineno", 0, OPT_FLAG, &args.nolineno, NULL, NULL, "no line numbers", .group = "Output"},
    {"full-filenames", 0, OPT_FLAG, &args.full_filenames, NULL, NULL,
     "whole paths instead of package/module.py", .group = "Output"},
    {"stats", 0, OPT_PATH, &args.stats, NULL, "FILE",
     "write what the recording cost and how well it went, as JSON", .group = "Output"},
    {"quiet", 'q', OPT_FLAG, &args.quiet, NULL, NULL, "no progress, no summary", .group = "Output"},
    {0},
};

static volatile sig_atomic_t stop_wanted;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_wanted = 1;
}

static void catch_stop_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

struct recording {
    struct profile *profile;
    struct recorder recorder;
    const struct codec_format *format;
    char output[512];
    pid_t child; /* 0: none was started */
    uint64_t progress_ns;
    struct rusage usage_before;
};

/* ---- before -------------------------------------------------------------------------------- */

static int check_args(const struct cli_args *words, struct err *err)
{
    if (!args.pids.count && !words->child)
        return err_set(err, ERR_USAGE,
                       "record what? -p PID attaches to a running process, -- COMMAND starts one");
    if (args.pids.count && words->child)
        return err_set(err, ERR_USAGE, "record: either -p PID or -- COMMAND, not both");
    if (args.gil && args.idle)
        return err_set(err, ERR_USAGE, "record: --gil and --idle exclude each other");
    if (args.rate_hz > RATE_MAX_HZ)
        return err_set(err, ERR_USAGE, "record: --rate is at most 1mhz");
    return 0;
}

static int choose_format(struct recording *recording, struct err *err)
{
    if (args.format)
        recording->format = codec_find(args.format);
    else if (args.output)
        recording->format = codec_find_by_path(args.output);
    if (!recording->format)
        recording->format = codec_find("flamegraph");
    if (!recording->format || !recording->format->write)
        return err_set(err, ERR_USAGE, "record: the format %s cannot be written", args.format);
    return 0;
}

static void choose_output(struct recording *recording, pid_t pid)
{
    if (args.output) {
        snprintf(recording->output, sizeof recording->output, "%s", args.output);
        return;
    }
    const char *endings = recording->format->endings;
    int ending_size = (int)strcspn(endings, " ");
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
    snprintf(recording->output, sizeof recording->output, "pitviper-%d-%s%.*s", (int)pid, stamp,
             ending_size, endings);
}

static int add_target(struct recording *recording, pid_t pid, uint32_t wait_ms, bool is_one_of_many,
                      struct err *err)
{
    struct target *target;
    int result = target_open(pid, &(struct target_options){.wait_ms = wait_ms}, &target, err);
    if (result < 0)
        return result;
    struct process_options process_options = {
        .idle = args.idle,
        .gil = args.gil,
        .thread_roots = args.threads,
        .process_root = is_one_of_many,
        .blocking = args.blocking,
        .code = {.line = args.nolineno   ? CODE_LINE_NONE
                         : args.function ? CODE_LINE_FIRST
                                         : CODE_LINE_CURRENT,
                 .full_filenames = args.full_filenames},
    };
    struct profile_meta *meta = &recording->profile->meta;
    meta->pid = is_one_of_many ? 0 : pid;
    meta->python = profile_cstring(recording->profile, target->version_text);
    meta->command = profile_cstring(recording->profile, target->command);
    struct process *process;
    result = process_new(target, recording->profile, &process_options, &process, err);
    if (result < 0) {
        target_close(target);
        return result;
    }
    result = recorder_add(&recording->recorder, process);
    return result < 0 ? err_set(err, result, "%s", err_text(result)) : 0;
}

static int add_targets(struct recording *recording, struct err *err)
{
    if (recording->child)
        return add_target(recording, recording->child, WAIT_LAUNCHED_MS, false, err);
    for (size_t i = 0; i < args.pids.count; i++) {
        int result =
            add_target(recording, args.pids.items[i], WAIT_ATTACHED_MS, args.pids.count > 1, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static void fill_meta(struct recording *recording)
{
    struct profile *profile = recording->profile;
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    profile->meta.host = profile_cstring(profile, host);
    profile->meta.mode = profile_cstring(profile, args.gil ? "gil" : args.idle ? "wall" : "cpu");
}

/* ---- during -------------------------------------------------------------------------------- */

static int tick(void *context, struct recorder *recorder, uint64_t mono_ns)
{
    struct recording *recording = context;
    if (mono_ns < recording->progress_ns || !log_has_progress() || args.quiet)
        return 0;
    recording->progress_ns = mono_ns + PROGRESS_NS;
    const struct profile_stats *stats = &recorder->profile->stats;
    char passed[UNITS_TEXT_MAX], whole[UNITS_TEXT_MAX + 8] = "";
    uint64_t elapsed_ns = mono_ns - recorder->start_mono_ns;
    units_format_duration(elapsed_ns / 1000000000u * 1000000000u, passed);
    if (args.duration_ns) {
        memcpy(whole, " of ", 5);
        units_format_duration(args.duration_ns, whole + 4);
    }
    log_progress("recording: %s%s, %llu samples, %llu partial, %llu late; Ctrl-C ends it and "
                 "writes the file",
                 passed, whole, (unsigned long long)(stats->exact + stats->partial),
                 (unsigned long long)stats->partial, (unsigned long long)stats->late);
    return 0;
}

/* ---- after --------------------------------------------------------------------------------- */

static int write_output(struct recording *recording, struct err *err)
{
    struct buf out;
    buf_init(&out, 0);
    int result = recording->format->write(recording->profile, NULL, &out, err);
    if (result == 0 && buf_failed(&out))
        result = err_set(err, ERR_NO_MEMORY, "out of memory while writing the profile");
    if (result == 0)
        result = file_replace(recording->output, out.data ? out.data : "", out.size, err);
    buf_done(&out);
    return result;
}

static int write_stats(const struct recording *recording, struct err *err)
{
    if (!args.stats)
        return 0;
    struct buf out;
    buf_init(&out, 0);
    summary_stats_json(&recording->recorder, &recording->usage_before, args.rate_hz, &out);
    int result = file_replace(args.stats, out.data, out.size, err);
    buf_done(&out);
    return result;
}

static int finish(struct recording *recording, struct err *err)
{
    log_progress_end();
    int result = write_output(recording, err);
    if (result < 0)
        return result;
    result = write_stats(recording, err);
    if (!args.quiet)
        summary_print(recording->profile, recording->output, recording->format);
    return result;
}

static int record(struct recording *recording, const struct cli_args *words, struct err *err)
{
    int result = choose_format(recording, err);
    if (result < 0)
        return result;
    choose_output(recording, words->child ? getpid() : args.pids.items[0]);
    result = file_check_writable(recording->output, err);
    if (result == 0 && args.stats)
        result = file_check_writable(args.stats, err);
    if (result == 0 && words->child)
        result = launch_start(words->child, &recording->child, err);
    if (result == 0)
        result = add_targets(recording, err);
    if (result < 0)
        return result;
    fill_meta(recording);
    if (recording->format->needs_timeline)
        profile_keep_runs(recording->profile);
    result = recorder_run(&recording->recorder);
    if (result < 0)
        err_set(err, result, "the recording stopped: %s", err_text(result));
    int written = finish(recording, result < 0 ? NULL : err);
    return result < 0 ? result : written;
}

static int run(const struct cli_args *words, struct err *err)
{
    int result = check_args(words, err);
    if (result < 0)
        return result;
    struct recording recording = {.profile = profile_new()};
    if (!recording.profile)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    getrusage(RUSAGE_SELF, &recording.usage_before);
    catch_stop_signals();
    recorder_init(&recording.recorder, recording.profile, args.rate_hz);
    recording.recorder.duration_ns = args.duration_ns;
    recording.recorder.stop = &stop_wanted;
    recording.recorder.hooks = (struct recorder_hooks){.context = &recording, .tick = tick};
    result = record(&recording, words, err);
    if (recording.child && launch_end(recording.child, CHILD_PATIENCE_MS) && !args.quiet &&
        result == 0)
        log_info("ended the command it had started; without -d it runs to its own end");
    recorder_done(&recording.recorder);
    profile_free(recording.profile);
    return result;
}

static const struct cli_example examples[] = {
    {"pitviper record -p 4711 -d 30 -o profile.svg", "a flame graph of the next 30 seconds"},
    {"pitviper record -p 4711 -o profile.pb.gz", "until Ctrl-C, for \"go tool pprof\""},
    {"pitviper record -i -t -p 4711 -d 1m -o wall.speedscope.json",
     "waiting threads too, each on its own"},
    {"pitviper record -o start.svg -- python -X importtime app.py",
     "a program from its first instant"},
    {0},
};

static const char *const usage[] = {"-p PID [OPTION]...", "[OPTION]... -- COMMAND [ARG]...", NULL};

const struct cli_command cmd_record = {
    .name = "record",
    .summary = "record where a process spends its time, to a file",
    .description = "Reads the stacks of a running Python process from outside, at random "
                   "intervals, and writes "
                   "them as a flame graph or in another format. The process is not stopped, not "
                   "changed and needs "
                   "nothing installed.\n\n"
                   "By default only threads that are running count. Each stack is proven by "
                   "reading it twice; what "
                   "could not be proven to its end is kept as far as it could, ends in <changing>, "
                   "and is counted as partial.",
    .usage = usage,
    .examples = examples,
    .options = options,
    .takes_child = true,
    .run = run,
};
