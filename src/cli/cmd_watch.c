/* SPDX-License-Identifier: MIT */
/* cmd_watch.c - pitviper watch: what instrumented processes count, while they count it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/watch.h"
#include "os/procfs.h"
#include "query/view.h"

#define KEYS_MS 50 /* how long a key may wait */

static struct {
    struct opt_pids pids;
    const char *name, *sort, *filter;
    bool subprocesses, all, once, json;
    uint64_t interval_ns, duration_ns;
    int64_t count, limit;
} args;

static const struct opt options[] = {
    {"pid", 'p', OPT_PIDS, &args.pids, NULL, NULL, "process to watch", .group = "What"},
    {"subprocesses", 's', OPT_FLAG, &args.subprocesses, "yes", NULL,
     "children and their children, too, as the workers of a server; --no-subprocesses: not",
     .group = "What"},
    {"name", 0, OPT_STRING, &args.name, NULL, "PATTERN",
     "every Python process whose command line matches the regular expression", .group = "What"},
    {"all", 'a', OPT_FLAG, &args.all, NULL, NULL, "every Python process of the host",
     .group = "What"},
    {"interval", 0, OPT_DURATION, &args.interval_ns, "1s", NULL, "how often to look",
     .group = "What"},
    {"duration", 'd', OPT_DURATION, &args.duration_ns, NULL, NULL, "leave after this long",
     .group = "What"},
    {"sort", 0, OPT_CHOICE, &args.sort, "total", NULL, "order of the rows", .group = "Table",
     .choices = "total rate errors p50 p95 p99 max count name"},
    {"filter", 0, OPT_STRING, &args.filter, NULL, "REGEX", "only rows that match",
     .group = "Table"},
    {"once", 0, OPT_FLAG, &args.once, NULL, NULL,
     "print what there is after one interval and leave; needs no terminal", .group = "For scripts"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "the same as JSON, one document per line",
     .group = "For scripts"},
    {"count", 0, OPT_INT, &args.count, "1", "N",
     "with --json how many documents, an interval apart; 0: until Ctrl-C", .group = "For scripts",
     .max = 1000000000},
    {"limit", 0, OPT_INT, &args.limit, "30", "N",
     "rows per section that --once and --json print; 0: all", .group = "For scripts",
     .max = 1000000000},
    {0},
};

static volatile sig_atomic_t stop_wanted;

static int check_args(struct err *err)
{
    bool finds = args.all || args.name;
    if (!args.pids.count && !finds)
        return err_set(err, ERR_USAGE,
                       "watch: which process? -p PID says it, --all watches every one");
    if (args.pids.count && finds)
        return err_set(err, ERR_USAGE, "watch: one of -p PID, --name PATTERN or --all");
    if (args.interval_ns < 10000000u)
        return err_set(err, ERR_USAGE, "watch: --interval is at least 10ms");
    args.once |= args.json;
    if (!args.once && !isatty(STDOUT_FILENO))
        return err_set(err, ERR_USAGE,
                       "watch: standard output is not a terminal; \"watch --once\" prints tables, "
                       "\"watch -j\" JSON");
    return 0;
}

static enum watch_sort chosen_sort(void)
{
    static const char *const names[WATCH_SORTS] = {"total", "rate", "errors", "p50", "p95",
                                                   "p99",   "max",  "count",  "name"};
    unsigned sort = 0;
    while (sort + 1 < WATCH_SORTS && strcmp(names[sort], args.sort) != 0)
        sort++;
    return (enum watch_sort)sort;
}

/* ---- begin --------------------------------------------------------------------------------- */

/* Whoever was named must be there, and may be looked into. */
static int check_named(const struct watch *watch, struct err *err)
{
    for (size_t i = 0; i < args.pids.count; i++) {
        struct proc_stat stat;
        if (proc_stat_read(args.pids.items[i], &stat) < 0 || stat.state == 'Z')
            return err_set(err, ERR_GONE, "there is no process %d", (int)args.pids.items[i]);
    }
    uint32_t usable = watch_count(watch, WATCH_OPEN) + watch_count(watch, WATCH_IDLE);
    if (usable || !args.pids.count)
        return 0;
    int pid = (int)args.pids.items[0];
    if (watch_count(watch, WATCH_DENIED))
        return err_set(err, ERR_DENIED,
                       "pid %d: its memory may not be opened; run as the same user or as root, in "
                       "a container with --cap-add SYS_PTRACE",
                       pid);
    if (watch_count(watch, WATCH_FOREIGN))
        return err_set(err, ERR_UNSUPPORTED, "pid %d %s", pid, watch_state_text(WATCH_FOREIGN));
    if (watch_count(watch, WATCH_BARE))
        return err_set(err, ERR_UNSUPPORTED,
                       "pid %d has no agent: start it with \"pitviper run -- COMMAND\", or begin "
                       "the program with \"import pitviper.auto\"; \"pitviper top -p %d\" works "
                       "without",
                       pid, pid);
    return err_set(err, ERR_NOT_PYTHON, "pid %d is not running Python, nor is a child of it", pid);
}

static int watch_begin(struct watch *watch, regex_t *name, struct err *err)
{
    uint64_t now_ns = clock_mono_ns();
    *watch = (struct watch){
        .choice = {.pids = &args.pids, .children = args.subprocesses, .all = args.all},
        .sort = chosen_sort(),
        .period = SERVICE_NOW,
        .since_ns = now_ns,
        .is_complete = true,
        .stop = &stop_wanted,
    };
    int result = row_filter_set(&watch->filter, args.filter, "watch: --filter", err);
    if (result == 0 && args.name) {
        result = view_compile(name, args.name, "watch: --name", err);
        watch->choice.name = result == 0 ? name : NULL;
    }
    if (result < 0)
        return result;
    result = service_new(&watch->service);
    if (result == 0)
        result = watch_scan(watch, now_ns);
    if (result < 0)
        return err_set(err, result, "out of memory");
    return check_named(watch, err);
}

static void watch_done(struct watch *watch)
{
    watch_processes_done(watch);
    service_free(watch->service);
    free(watch->view.rows);
    row_filter_clear(&watch->filter);
    if (watch->choice.name)
        regfree((regex_t *)(uintptr_t)watch->choice.name);
}

/* ---- live ---------------------------------------------------------------------------------- */

static int look(struct watch *watch, uint64_t mono_ns)
{
    int result = 0;
    if (mono_ns - watch->scanned_ns >= WATCH_SCAN_NS)
        result = watch_scan(watch, mono_ns);
    return result < 0 ? result : watch_gather(watch, mono_ns);
}

static int live(struct watch *watch, struct err *err)
{
    int result = tty_open("watch", &watch->look, err);
    uint64_t next_ns = 0, end_ns = args.duration_ns ? clock_mono_ns() + args.duration_ns : 0;
    while (result == 0 && !stop_wanted && watch->fault == 0) {
        uint64_t now_ns = clock_mono_ns();
        bool changed = false;
        if (end_ns && now_ns >= end_ns)
            break;
        for (int key; (key = tty_key()) >= 0; changed = true)
            watch_key(watch, key);
        if (now_ns >= next_ns) {
            next_ns = now_ns + args.interval_ns;
            watch->fault = look(watch, now_ns);
            service_advance(watch->service, now_ns);
            changed = true;
        }
        if (changed && !stop_wanted && watch->fault == 0)
            watch_draw(watch, now_ns);
        tty_wait(KEYS_MS);
    }
    tty_close();
    if (result == 0 && watch->fault < 0)
        result = err_set(err, watch->fault, "watch stopped: %s", err_text(watch->fault));
    return result;
}

/* ---- for scripts --------------------------------------------------------------------------- */

static int print(struct watch *watch, struct err *err)
{
    struct buf out;
    uint64_t now_ns = clock_mono_ns();
    buf_init(&out, 0);
    int result = args.json ? watch_json(watch, (uint32_t)args.limit, now_ns, &out)
                           : watch_text(watch, (uint32_t)args.limit, now_ns, &out);
    if (result == 0 && buf_failed(&out))
        result = ERR_NO_MEMORY;
    if (result < 0)
        err_set(err, result, "watch stopped: %s", err_text(result));
    else
        result = file_replace("-", out.data, out.size, err);
    buf_done(&out);
    return result;
}

static int print_all(struct watch *watch, struct err *err)
{
    uint64_t end_ns = args.duration_ns ? clock_mono_ns() + args.duration_ns : UINT64_MAX;
    int result = watch_gather(watch, clock_mono_ns());
    for (int64_t i = 0; result == 0; i++) {
        bool is_last = (args.count && i + 1 >= args.count) || !args.json;
        clock_sleep_until(watch->gathered_ns + args.interval_ns);
        if (stop_wanted && i > 0)
            return 0;
        uint64_t now_ns = clock_mono_ns();
        result = look(watch, now_ns);
        if (result < 0)
            return err_set(err, result, "watch stopped: %s", err_text(result));
        result = print(watch, err);
        service_begin_now(watch->service, now_ns);
        if (is_last || stop_wanted || now_ns >= end_ns || watch_has_ended(watch))
            break;
    }
    return result;
}

static int run(const struct cli_args *words, struct err *err)
{
    (void)words;
    struct watch watch;
    regex_t name;
    int result = check_args(err);
    if (result < 0)
        return result;
    result = watch_begin(&watch, &name, err);
    if (result == 0) {
        tty_catch_stop(&stop_wanted);
        result = args.once ? print_all(&watch, err) : live(&watch, err);
    }
    watch_done(&watch);
    return result;
}

static const struct cli_example examples[] = {
    {"pitviper watch -p 4711", "a server and its workers; h lists the keys, q quits"},
    {"pitviper watch --all", "everything on this host that has the agent"},
    {"pitviper watch -p 4711 --once --sort p99", "tables, now, without a terminal"},
    {"pitviper watch -p 4711 -j | jq '.endpoints[] | {route, p99: .all.p99_seconds}'",
     "one document for a script"},
    {"pitviper watch --all -j --interval 10s --count 0 >> watch.jsonl", "a line every ten seconds"},
    {0},
};

static const char *const usage[] = {"-p PID [OPTION]...", "--all | --name PATTERN [OPTION]...",
                                    NULL};

const struct cli_command cmd_watch = {
    .name = "watch",
    .summary = "watch requests, queries and errors of programs with the agent",
    .description =
        "A live table of what the agent counts in processes that were started with \"pitviper run "
        "-- COMMAND\" or import pitviper.auto: latency and errors per endpoint, statements with "
        "their N+1s, outbound calls, cache commands, tasks, exceptions and where they are raised, "
        "the requests in flight and what they wait for, and what each process takes of the "
        "host.\n\n"
        "It reads memory that the processes share, from outside: they do not wait, do not notice, "
        "and "
        "need no daemon. Counts and percentiles are of all events, not of a sample; percentiles "
        "are at most 1 % off. What a process that was killed was working on stays on the list.\n\n"
        "Exit status: 0, 2 (usage), 66 (no such process), 69 (no agent in it), 77 (not permitted).",
    .usage = usage,
    .examples = examples,
    .options = options,
    .run = run,
};
