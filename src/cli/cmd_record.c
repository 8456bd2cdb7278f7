/* SPDX-License-Identifier: MIT */
/* cmd_record.c - pitviper record: from a pid to a file that one opens. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "bpf/pystack.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/record_requests.h"
#include "cli/summary.h"
#include "cli/targets.h"
#include "codec/codec.h"
#include "sampler/recorder.h"

#define PROGRESS_NS 250000000u
#define RATE_MAX_HZ 1000000u

static struct {
    struct opt_pids pids;
    uint64_t duration_ns, rate_hz;
    const char *output, *format, *stats;
    const char *name, *source;
    bool subprocesses, all, merge;
    struct requests_options requests;
    bool idle, gil, threads, blocking, function, nolineno, full_filenames, quiet;
} args;

static const struct opt options[] = {
    {"pid", 'p', OPT_PIDS, &args.pids, NULL, NULL, "process to record", .group = "What"},
    {"subprocesses", 's', OPT_FLAG, &args.subprocesses, NULL, NULL,
     "children and their children too, from the moment they start", .group = "What"},
    {"name", 0, OPT_STRING, &args.name, NULL, "PATTERN",
     "every Python process whose command line matches the regular expression", .group = "What"},
    {"all", 'a', OPT_FLAG, &args.all, NULL, NULL, "every Python process of the host",
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
    {"source", 0, OPT_CHOICE, &args.source, "memory", NULL,
     "who takes the stacks: we, reading the process's memory, or the kernel, as a thread's timer "
     "expires (true for calls of microseconds too, but the process pays)",
     .group = "What", .choices = "memory kernel"},
    {"by-endpoint", 0, OPT_FLAG, &args.requests.by_endpoint, NULL, NULL,
     "a root frame per endpoint or task (needs the agent: pitviper run)", .group = "Requests"},
    {"endpoint", 0, OPT_STRING, &args.requests.endpoint, NULL, "PATTERN",
     "only requests whose \"METHOD route\" contains the text or matches the regular expression",
     .group = "Requests"},
    {"slower-than", 0, OPT_DURATION, &args.requests.slower_than_ns, NULL, NULL,
     "only requests that took at least so long", .group = "Requests"},
    {"trace", 0, OPT_STRING, &args.requests.trace, NULL, "ID",
     "only requests of this trace (32 hexadecimal digits)", .group = "Requests"},
    {"output", 'o', OPT_PATH, &args.output, NULL, "FILE",
     "where to; - for standard output (default: a new name in this folder)", .group = "Output"},
    {"format", 'f', OPT_CHOICE, &args.format, NULL, NULL,
     "default: by the ending of FILE, else flamegraph", .group = "Output",
     .choice_at = codec_writable_name},
    {"threads", 't', OPT_FLAG, &args.threads, NULL, NULL, "a root frame per thread",
     .group = "Output"},
    {"merge", 0, OPT_FLAG, &args.merge, NULL, NULL,
     "several processes as one, without a root frame for each", .group = "Output"},
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

static volatile sig_atomic_t stop_wanted, snapshot_wanted;

static void on_signal(int signal_number)
{
    if (signal_number == SIGUSR1)
        snapshot_wanted = 1;
    else
        stop_wanted = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

struct recording {
    struct profile *profile;
    struct recorder recorder;
    struct pystack *kernel; /* NULL: stacks are read from outside */
    struct targets targets;
    struct output output;
    struct record_requests requests;
    uint64_t progress_ns;
    struct rusage usage_before;
};

/* ---- before -------------------------------------------------------------------------------- */

static int check_args(const struct cli_args *words, struct err *err)
{
    bool finds = args.all || args.name;
    if (!args.pids.count && !words->child && !finds)
        return err_set(err, ERR_USAGE,
                       "record what? -p PID attaches to a running process, -- COMMAND starts one");
    if ((args.pids.count > 0) + (words->child != NULL) + finds > 1)
        return err_set(err, ERR_USAGE,
                       "record: one of -p PID, -- COMMAND, --name PATTERN or --all");
    if (args.gil && args.idle)
        return err_set(err, ERR_USAGE, "record: --gil and --idle exclude each other");
    if (args.rate_hz > RATE_MAX_HZ)
        return err_set(err, ERR_USAGE, "record: --rate is at most 1mhz");
    return 0;
}

/* The kernel's timers run on a thread's CPU time, so they serve the CPU profile only. */
static int open_source(struct recording *recording, struct err *err)
{
    if (strcmp(args.source, "kernel") != 0)
        return 0;
    if (args.idle || args.gil || args.blocking || requests_wanted(&args.requests))
        return err_set(err, ERR_USAGE,
                       "record: --source kernel sees running threads only, and not their requests; "
                       "leave out --idle, --gil, --blocking and the options of requests");
    int result = pystack_open(&recording->kernel, err);
    recording->recorder.kernel = recording->kernel;
    return result;
}

static int open_targets(struct recording *recording, const struct cli_args *words, struct err *err)
{
    bool several = args.pids.count > 1 || args.subprocesses || args.all || args.name;
    struct targets_options targets_options = {
        .pids = &args.pids,
        .command = words->child,
        .subprocesses = args.subprocesses,
        .all = args.all,
        .name = args.name,
        .process =
            {
                .idle = args.idle,
                .gil = args.gil,
                .thread_roots = args.threads,
                .process_root = several && !args.merge,
                .blocking = args.blocking,
                .requests = requests_wanted(&args.requests),
                .code = {.line = args.nolineno   ? CODE_LINE_NONE
                                 : args.function ? CODE_LINE_FIRST
                                                 : CODE_LINE_CURRENT,
                         .full_filenames = args.full_filenames},
            },
    };
    int result = targets_open(&recording->targets, &targets_options, &recording->recorder, err);
    if (result < 0 || words->child || args.subprocesses || !args.pids.count)
        return result; /* an agent may come yet */
    return record_requests_check(&recording->requests, err);
}

static void fill_meta(struct recording *recording)
{
    struct profile *profile = recording->profile;
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    profile->meta.host = profile_cstring(profile, host);
    profile->meta.mode = profile_cstring(profile, args.gil ? "gil" : args.idle ? "wall" : "cpu");
    profile->meta.start_wall_ns = clock_wall_ns();
    profile->meta.period_ns = recording->recorder.period_ns;
}

/* ---- during -------------------------------------------------------------------------------- */

static void see(void *context, const struct process_sighting *sighting, uint64_t start_us,
                uint64_t duration_us)
{
    struct recording *recording = context;
    output_see(&recording->output, sighting->thread, sighting->node, start_us, duration_us);
}

static void take(void *context, const struct process_sighting *sighting, uint64_t start_us,
                 uint64_t duration_us)
{
    struct recording *recording = context;
    requests_see(recording->requests.requests, sighting, start_us, duration_us);
}

static void closing(void *context, struct process *process)
{
    struct recording *recording = context;
    record_requests_closing(&recording->requests, process);
}

static void show_progress(const struct recording *recording, uint64_t mono_ns)
{
    const struct profile_stats *stats = &recording->profile->stats;
    char passed[UNITS_TEXT_MAX], whole[UNITS_TEXT_MAX + 8] = "";
    uint64_t elapsed_ns = mono_ns - recording->recorder.start_mono_ns;
    units_format_duration(elapsed_ns / 1000000000u * 1000000000u, passed);
    if (args.duration_ns) {
        memcpy(whole, " of ", 5);
        units_format_duration(args.duration_ns, whole + 4);
    }
    log_progress("recording: %s%s, %" PRIu64 " samples, %" PRIu64 " partial, %" PRIu64
                 " late; Ctrl-C ends it and writes the file",
                 passed, whole, stats->samples, stats->partial, stats->late);
}

static void write_snapshot(struct recording *recording)
{
    struct err err;
    snapshot_wanted = 0;
    if (output_snapshot(&recording->output, recording->profile, &err) < 0)
        log_warning("%s; the recording goes on", err.text);
    else if (!args.quiet)
        log_info("snapshot: %s", recording->output.path);
}

static int tick(void *context, struct recorder *recorder, uint64_t mono_ns)
{
    struct recording *recording = context;
    targets_tick(&recording->targets, mono_ns);
    record_requests_tick(&recording->requests, mono_ns);
    output_tick(&recording->output, (mono_ns - recorder->start_mono_ns) / 1000);
    if (snapshot_wanted)
        write_snapshot(recording);
    if (mono_ns >= recording->progress_ns && log_has_progress() && !args.quiet) {
        recording->progress_ns = mono_ns + PROGRESS_NS;
        show_progress(recording, mono_ns);
    }
    return 0;
}

static void dropped(void *context, pid_t pid)
{
    struct recording *recording = context;
    targets_dropped(&recording->targets, pid);
}

/* ---- after --------------------------------------------------------------------------------- */

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

static void tell_family(const struct recording *recording)
{
    const struct family_stats *stats = family_stats(recording->targets.family);
    if (stats->opened)
        log_info("%" PRIu64 " more processes were found and recorded", stats->opened);
    if (stats->unreadable)
        log_warning("%" PRIu64 " Python processes could not be read; \"pitviper doctor\" says why",
                    stats->unreadable);
}

static void tell_refused(const struct recorder *recorder)
{
    if (recorder->kernel_refused)
        log_warning(
            "%u processes were read instead of sampled by the kernel: free-threaded, with too "
            "many threads for our limit of open files (ulimit -n), or already ending",
            recorder->kernel_refused);
}

static int finish(struct recording *recording, struct err *err)
{
    log_progress_end();
    record_requests_end(&recording->requests);
    int result = output_end(&recording->output, recording->profile, err);
    if (result == 0)
        result = write_stats(recording, err);
    if (result < 0 || args.quiet)
        return result;
    tell_family(recording);
    tell_refused(&recording->recorder);
    record_requests_tell(&recording->requests);
    summary_print(recording->profile, recording->output.path, recording->output.format);
    return 0;
}

static int begin_requests(struct recording *recording, struct err *err)
{
    struct recorder_hooks *hooks = &recording->recorder.hooks;
    int result = record_requests_begin(&recording->requests, &args.requests, &recording->recorder,
                                       &recording->output, err);
    if (recording->requests.requests) {
        hooks->take = take;
        hooks->closing = closing;
    }
    return result;
}

static int record(struct recording *recording, const struct cli_args *words, struct err *err)
{
    int result = output_choose(&recording->output, args.output, args.format,
                               args.pids.count ? args.pids.items[0] : getpid(), err);
    if (result == 0 && args.stats)
        result = file_check_writable(args.stats, err);
    if (result == 0)
        result = begin_requests(recording, err);
    if (result == 0)
        result = open_source(recording, err);
    if (result == 0)
        result = open_targets(recording, words, err);
    if (result == 0) {
        fill_meta(recording);
        result = output_begin(&recording->output, recording->profile, err);
    }
    if (result < 0)
        return result;
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
    catch_signals();
    recorder_init(&recording.recorder, recording.profile, args.rate_hz);
    recording.recorder.duration_ns = args.duration_ns;
    recording.recorder.stop = &stop_wanted;
    recording.recorder.hooks = (struct recorder_hooks){
        .context = &recording, .sighting = see, .tick = tick, .dropped = dropped};
    result = record(&recording, words, err);
    if (targets_end_command(&recording.targets) && !args.quiet && result == 0)
        log_info("ended the command it had started; without -d it runs to its own end");
    targets_close(&recording.targets);
    record_requests_done(&recording.requests);
    recorder_done(&recording.recorder);
    pystack_close(recording.kernel);
    profile_free(recording.profile);
    return result;
}

static const struct cli_example examples[] = {
    {"pitviper record -p 4711 -d 30 -o profile.svg", "a flame graph of the next 30 seconds"},
    {"pitviper record -p 4711 -o profile.pb.gz", "until Ctrl-C, for \"go tool pprof\""},
    {"pitviper record -i -t -p 4711 -d 1m -o wall.speedscope.json",
     "waiting threads too, each on its own"},
    {"pitviper record -s -d 1m -o tree.svg -p $(pgrep -o gunicorn)",
     "a server and all its workers"},
    {"pitviper record --by-endpoint --slower-than 200ms -d 1m -o slow.svg -p 4711",
     "what the slow requests do, by endpoint"},
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
