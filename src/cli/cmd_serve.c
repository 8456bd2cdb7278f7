/* SPDX-License-Identifier: MIT */
/* cmd_serve.c - pitviper serve: options over the configuration file, then daemon_run(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "daemon/daemon.h"

static struct {
    const char *listen, *data, *config, *token_file;
    struct opt_strings allow_hosts, include, exclude;
    int64_t rate_hz;
    double budget_pct, process_budget_pct;
    uint64_t keep_bytes;
    const char *wall, *log;
} args;

static const struct opt options[] = {
    {"listen", 0, OPT_STRING, &args.listen, NULL, "HOST:PORT",
     "where the page and the API are (default 127.0.0.1:7117); beyond loopback a token or client "
     "certificates are demanded",
     .group = "Where"},
    {"data", 0, OPT_PATH, &args.data, NULL, "DIR",
     "where the history is kept (default /var/lib/pitviper for root, else pitviper in the state "
     "folder)",
     .group = "Where"},
    {"config", 0, OPT_PATH, &args.config, NULL, "FILE",
     "YAML with the same settings and more (docs/config.md); options here win over it",
     .group = "Where"},
    {"token-file", 0, OPT_PATH, &args.token_file, NULL, "FILE",
     "a file with the token that clients send", .group = "Where"},
    {"allow-host", 0, OPT_STRINGS, &args.allow_hosts, NULL, "HOST",
     "a further name under which browsers may reach it", .group = "Where"},
    {"rate", 'r', OPT_INT, &args.rate_hz, NULL, "HZ",
     "looks per second at each process, 19 to 100 (default 100)", .group = "What", .min = 0,
     .max = 100},
    {"wall", 0, OPT_CHOICE, &args.wall, NULL, NULL,
     "wall-clock profiles too, of threads that wait (default yes)", .group = "What",
     .choices = "yes no"},
    {"include", 0, OPT_STRINGS, &args.include, NULL, "PATTERN",
     "only processes whose command line matches the regular expression", .group = "What"},
    {"exclude", 0, OPT_STRINGS, &args.exclude, NULL, "PATTERN", "not those that match",
     .group = "What"},
    {"budget", 0, OPT_PERCENT, &args.budget_pct, NULL, "PERCENT",
     "of one core, for everything but answers (default 1 %); kept by lowering the rate",
     .group = "Limits"},
    {"process-budget", 0, OPT_PERCENT, &args.process_budget_pct, NULL, "PERCENT",
     "of one core, for looking at one process (default 0.5 %)", .group = "Limits"},
    {"keep-bytes", 0, OPT_SIZE, &args.keep_bytes, NULL, "SIZE",
     "the history never takes more (default 10GB); the oldest goes first", .group = "Limits"},
    {"log", 0, OPT_CHOICE, &args.log, NULL, NULL, "how messages are written (default text)",
     .group = "Limits", .choices = "text json"},
    {0},
};

/* ---- options over the file ----------------------------------------------------------------- */

static int set_text(char **target, const char *text, struct err *err)
{
    if (!text)
        return 0;
    char *copy = strdup(text);
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    free(*target);
    *target = copy;
    return 0;
}

static int set_list(char ***target, const struct opt_strings *list, struct err *err)
{
    if (!list->count)
        return 0;
    char **copy = calloc(list->count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < list->count; i++)
        if (!(copy[i] = strdup(list->items[i])))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (char **old = *target; old && *old; old++)
        free(*old);
    free(*target);
    *target = copy;
    return 0;
}

/* Beside those of the file. */
static int add_hosts(char **target, struct err *err)
{
    char *joined = NULL;
    for (size_t i = 0; i < args.allow_hosts.count; i++) {
        const char *before = *target ? *target : "";
        if (asprintf(&joined, "%s%s%s", before, *before ? " " : "", args.allow_hosts.items[i]) < 0)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        free(*target);
        *target = joined;
    }
    return 0;
}

static int apply_options(struct daemon_config *config, struct err *err)
{
    char place[4096];
    if (args.rate_hz)
        config->rate_hz = (uint32_t)args.rate_hz;
    if (args.budget_pct > 0)
        config->budget = args.budget_pct / 100;
    if (args.process_budget_pct > 0)
        config->process_budget = args.process_budget_pct / 100;
    if (args.keep_bytes)
        config->keep_bytes = args.keep_bytes;
    if (args.wall)
        config->wall = strcmp(args.wall, "yes") == 0;
    if (args.log)
        config->log_json = strcmp(args.log, "json") == 0;
    int result = data_dir(args.data ? args.data : config->data, place, sizeof place, err);
    if (result == 0)
        result = set_text(&config->data, place, err);
    if (result == 0)
        result = set_text(&config->listen, args.listen, err);
    if (result == 0)
        result = set_text(&config->token_file, args.token_file, err);
    if (result == 0)
        result = add_hosts(&config->allowed_hosts, err);
    if (result == 0)
        result = set_list(&config->include, &args.include, err);
    if (result == 0)
        result = set_list(&config->exclude, &args.exclude, err);
    return result;
}

static int run(const struct cli_args *words, struct err *err)
{
    struct daemon_config config;
    (void)words;
    if (args.rate_hz && args.rate_hz < 19)
        return err_set(err, ERR_USAGE, "serve: --rate is 19 to 100");
    int result = daemon_config_load(args.config, &config, err);
    if (result == 0)
        result = apply_options(&config, err);
    if (result == 0)
        result = daemon_run(&config, args.config, err);
    daemon_config_done(&config);
    return result;
}

static const struct cli_example examples[] = {
    {"sudo pitviper serve", "watch every Python process of the host; the page says where it is"},
    {"pitviper serve --data /tmp/history --include gunicorn",
     "only the web server, kept elsewhere"},
    {"pitviper serve --budget 0.5 --rate 49", "at half the cost"},
    {"pitviper serve --listen 0.0.0.0:7117 --token-file /etc/pitviper/token",
     "reachable from other hosts, with a token"},
    {"pitviper query services --url http://127.0.0.1:7117", "ask it from a terminal"},
    {0},
};

const struct cli_command cmd_serve = {
    .name = "serve",
    .summary = "watch every Python process of the host, for months, and show it on a page",
    .description =
        "Finds every Python process within a second of its start, samples them all from outside, "
        "reads what agents in them count, and keeps the history within a number of bytes. A page "
        "and an HTTP API show it; \"pitviper query\" prints the same.\n\n"
        "Nothing is installed in the processes, nothing is stopped, nothing is sent anywhere. What "
        "it costs is measured all the time: above --budget it samples less often, and says so on "
        "the page and in its metrics.\n\n"
        "Processes are grouped into services: by PITVIPER_SERVICE in their environment, by rules "
        "of "
        "the configuration, by systemd unit, by container, or by what their command line runs. "
        "PITVIPER_VERSION, or else the git commit of their folder, tells releases apart.\n\n"
        "It needs no root for processes of the same user; for all of the host, root or "
        "CAP_SYS_PTRACE, which is nearly all that it keeps of root's rights. SIGHUP reads the "
        "configuration again, SIGTERM ends it with everything written.\n\n"
        "Exit status: 0 (ended by a signal), 2 (usage), 75 (the port is taken, or another program "
        "writes the same history), 77 (not permitted).",
    .examples = examples,
    .options = options,
    .run = run,
};
