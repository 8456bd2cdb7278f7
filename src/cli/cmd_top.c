/* SPDX-License-Identifier: MIT */
/* cmd_top.c - pitviper top: what a process does, while it does it.
 *
 * Always samples sleeping threads, too: with CPU, wall-clock and GIL time counted side by side, a
 * key changes between them without starting again. A sleeping thread costs one look at its
 * schedstat, its stack is not read again.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/top.h"
#include "cli/tty.h"
#include "query/view.h"

#define ONCE_NS 2000000000u
#define RATE_MAX_HZ 1000000u
#define LAST_PICTURE_MS 250
#define WIDE_PICTURE_NS 200000000u /* a shorter last interval is no "now" */

static struct {
    struct opt_pids pids;
    uint64_t duration_ns, rate_hz;
    int64_t limit;
    const char *name, *sort, *filter;
    bool subprocesses, all;
    bool idle, gil, line, full_filenames, blocking, once, json;
} args;

static const struct opt options[] = {
    {"pid", 'p', OPT_PIDS, &args.pids, NULL, NULL, "process to watch", .group = "What"},
    {"subprocesses", 's', OPT_FLAG, &args.subprocesses, NULL, NULL,
     "children and their children, too", .group = "What"},
    {"name", 0, OPT_STRING, &args.name, NULL, "PATTERN",
     "every Python process whose command line matches the regular expression", .group = "What"},
    {"all", 'a', OPT_FLAG, &args.all, NULL, NULL, "every Python process of the host",
     .group = "What"},
    {"rate", 'r', OPT_RATE, &args.rate_hz, "100", NULL, "rounds per second", .group = "What"},
    {"idle", 'i', OPT_FLAG, &args.idle, NULL, NULL, "begin with wall-clock time", .group = "What"},
    {"gil", 'g', OPT_FLAG, &args.gil, NULL, NULL, "begin with the time that the GIL is held",
     .group = "What"},
    {"blocking", 0, OPT_FLAG, &args.blocking, NULL, NULL,
     "stop each thread for the moment it is read", .group = "What"},
    {"duration", 'd', OPT_DURATION, &args.duration_ns, NULL, NULL,
     "leave after this long; with --once how long to look (then default: 2s)", .group = "What"},
    {"sort", 0, OPT_CHOICE, &args.sort, "own", NULL, "order of the rows", .group = "Table",
     .choices = "own total own-since total-since gil name"},
    {"filter", 0, OPT_STRING, &args.filter, NULL, "REGEX",
     "only rows whose function or file matches", .group = "Table"},
    {"line", 0, OPT_FLAG, &args.line, NULL, NULL, "a row per line instead of per function",
     .group = "Table"},
    {"full-filenames", 0, OPT_FLAG, &args.full_filenames, NULL, NULL,
     "whole paths instead of package/module.py", .group = "Table"},
    {"once", 0, OPT_FLAG, &args.once, NULL, NULL, "print one table and leave; needs no terminal",
     .group = "For scripts"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "the same as JSON", .group = "For scripts"},
    {"limit", 0, OPT_INT, &args.limit, "30", "N", "rows that --once prints; 0: all",
     .group = "For scripts", .max = 1000000000},
    {0},
};

static volatile sig_atomic_t stop_wanted;

static int check_args(struct err *err)
{
    bool finds = args.all || args.name;
    if (!args.pids.count && !finds)
        return err_set(err, ERR_USAGE, "top: of which process? -p PID says it");
    if (args.pids.count && finds)
        return err_set(err, ERR_USAGE, "top: one of -p PID, --name PATTERN or --all");
    if (args.gil && args.idle)
        return err_set(err, ERR_USAGE, "top: --gil and --idle exclude each other");
    if (args.rate_hz > RATE_MAX_HZ)
        return err_set(err, ERR_USAGE, "top: --rate is at most 1mhz");
    args.once |= args.json;
    if (!args.once && !isatty(STDOUT_FILENO))
        return err_set(err, ERR_USAGE,
                       "top: standard output is not a terminal; \"top --once\" prints one table "
                       "(-j: as JSON), \"record\" writes a profile, \"dump\" all stacks");
    return 0;
}

static enum live_sort chosen_sort(void)
{
    static const char *const names[LIVE_SORTS] = {"own",         "total", "own-since",
                                                  "total-since", "gil",   "name"};
    unsigned sort = 0;
    while (sort + 1 < LIVE_SORTS && strcmp(names[sort], args.sort) != 0)
        sort++;
    return (enum live_sort)sort;
}

/* ---- begin and end ------------------------------------------------------------------------- */

static int open_processes(struct top *top, struct err *err)
{
    struct targets_options targets_options = {
        .pids = &args.pids,
        .subprocesses = args.subprocesses,
        .all = args.all,
        .name = args.name,
        .process =
            {
                .idle = true,
                .blocking = args.blocking,
                .requests = true,
                .code = {.line = CODE_LINE_CURRENT, .full_filenames = args.full_filenames},
            },
    };
    return targets_open(&top->targets, &targets_options, &top->recorder, err);
}

static int top_init(struct top *top, struct err *err)
{
    *top = (struct top){
        .rate_hz = args.rate_hz,
        .profile = profile_new(),
        .mode = args.idle  ? LIVE_WALL
                : args.gil ? LIVE_GIL
                           : LIVE_CPU,
        .sort = chosen_sort(),
        .is_once = args.once,
        .stop = &stop_wanted,
    };
    if (!top->profile)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    live_init(&top->live, top->profile, args.line ? GROUP_LINE : GROUP_FUNCTION);
    live_set_mode(&top->live, top->mode);
    recorder_init(&top->recorder, top->profile, args.rate_hz);
    top->recorder.stop = &stop_wanted;
    top->recorder.duration_ns = args.duration_ns;
    top->recorder.hooks = (struct recorder_hooks){
        .context = top,
        .sighting = top_sighting,
        .tick = top_tick,
        .dropped = top_dropped,
        .closing = top_closing,
    };
    for (unsigned mode = 0; mode < LIVE_MODES; mode++)
        top->mode_strings[mode] = profile_cstring(top->profile, top_mode_name(mode));
    return row_filter_set(&top->filter, args.filter, "top: --filter", err);
}

static void top_done(struct top *top)
{
    live_list_done(&top->list);
    for (unsigned side = 0; side < LIVE_SIDES; side++)
        live_list_done(&top->neighbours[side]);
    free(top->threads);
    free(top->processes);
    free(top->requests);
    row_filter_clear(&top->filter);
    if (top->profile) {
        targets_close(&top->targets);
        live_done(&top->live);
        recorder_done(&top->recorder);
        profile_free(top->profile);
    }
}

/* ---- the two ways -------------------------------------------------------------------------- */

/* The process is gone, its last picture stays until somebody has seen it. */
static void show_last_picture(struct top *top)
{
    uint64_t now_ns = clock_mono_ns();
    top->exited = true;
    if (!top->frozen && now_ns - top->closed_ns > WIDE_PICTURE_NS)
        top_close(top, now_ns);
    top->frozen = false;
    while (!stop_wanted && top->fault == 0) {
        for (int key; (key = tty_key()) >= 0;)
            top_key(top, key);
        if (stop_wanted)
            break;
        top_draw(top);
        tty_wait(LAST_PICTURE_MS);
    }
}

static int watch(struct top *top, struct err *err)
{
    int result = tty_open("top", &top->look, err);
    if (result < 0) {
        tty_close();
        return result;
    }
    top_begin(top);
    top_draw(top);
    result = recorder_run(&top->recorder);
    bool all_gone = top->recorder.process_count == 0 && !top->recorder.wait_for_processes;
    if (result == 0 && !stop_wanted && all_gone)
        show_last_picture(top);
    if (result == 0)
        result = top->fault;
    tty_close();
    return result < 0 ? err_set(err, result, "top stopped: %s", err_text(result)) : 0;
}

static int once(struct top *top, struct err *err)
{
    struct buf out;
    if (!top->recorder.duration_ns)
        top->recorder.duration_ns = ONCE_NS;
    top_begin(top);
    int result = recorder_run(&top->recorder);
    if (result == 0)
        result = top->fault;
    if (result == 0)
        result = top_close(top, clock_mono_ns());
    top->exited = top->recorder.process_count == 0;
    top->screen = TOP_THREADS; /* both lists are printed */
    if (result == 0)
        result = top_arrange(top);
    if (top->exited)
        top->facts.threads = top->thread_count; /* those that were seen */
    top->screen = TOP_TABLE;
    if (result == 0)
        result = top_arrange(top);
    if (result < 0)
        return err_set(err, result, "top stopped: %s", err_text(result));
    buf_init(&out, 0);
    if (args.json)
        top_once_json(top, (uint32_t)args.limit, &out);
    else
        top_once_text(top, (uint32_t)args.limit, &out);
    result = buf_failed(&out) ? err_set(err, ERR_NO_MEMORY, "out of memory")
                              : file_replace("-", out.data, out.size, err);
    buf_done(&out);
    return result;
}

static int run(const struct cli_args *words, struct err *err)
{
    (void)words;
    struct top top;
    int result = check_args(err);
    if (result < 0)
        return result;
    result = top_init(&top, err);
    if (result == 0)
        result = open_processes(&top, err);
    if (result == 0) {
        tty_catch_stop(&stop_wanted);
        result = args.once ? once(&top, err) : watch(&top, err);
    }
    top_done(&top);
    return result;
}

static const struct cli_example examples[] = {
    {"pitviper top -p 4711", "watch it; h lists the keys, q quits"},
    {"pitviper top -p 4711 --line --filter 'myapp/'", "a row per line, of one package"},
    {"pitviper top -p 4711 -d 10s -j | jq '.rows[:5]'", "ten seconds as JSON"},
    {0},
};

static const char *const usage[] = {"-p PID [OPTION]...", NULL};

const struct cli_command cmd_top = {
    .name = "top",
    .summary = "watch which functions a process spends its time in",
    .description =
        "A table that is renewed every second: each function's own share and share with what it "
        "calls, of the last two seconds and since the start, its time, and how long it held the "
        "GIL. Keys sort and filter, choose a thread, change between CPU, wall-clock and GIL time, "
        "show callers and callees, and save a flame graph; h lists them.\n\n"
        "Shares are of all stacks in view; % makes them shares of the time that passed, where 100 "
        "is one thread that is always there. The process is not stopped and not changed.\n\n"
        "Works on any terminal that can move its cursor, in 40 columns and without colours "
        "(NO_COLOR is respected).",
    .usage = usage,
    .examples = examples,
    .options = options,
    .run = run,
};
