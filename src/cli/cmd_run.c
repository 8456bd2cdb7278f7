/* SPDX-License-Identifier: MIT */
/* cmd_run.c - pitviper run: starts a command with the agent in every Python that it becomes or
 * starts.
 *
 * The environment is all that is changed: PYTHONPATH begins with a folder whose sitecustomize
 * imports the agent and then the sitecustomize that it hides. The command takes over this process
 * (exec), so its pid, signals, standard streams and exit status are its own.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/package.h"

#define SHEBANG_MAX 512
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define LIST_MAX 4096

static struct {
    const char *service, *release, *sample_rate, *slow, *config;
    struct opt_strings disable;
    bool quiet;
} args;

static const struct opt options[] = {
    {"service", 0, OPT_STRING, &args.service, NULL, "NAME",
     "what the service is called in tables and pages", .group = "What"},
    {"release", 0, OPT_STRING, &args.release, NULL, "TEXT", "which release of it this is",
     .group = "What"},
    {"disable", 0, OPT_STRINGS, &args.disable, NULL, "LIBRARY",
     "leave a library alone (such as redis); may be given several times", .group = "What"},
    {"sample-rate", 0, OPT_STRING, &args.sample_rate, NULL, "PERCENT",
     "share of ordinary requests whose whole trace is kept (default: 1%)", .group = "What"},
    {"slow", 0, OPT_STRING, &args.slow, NULL, "DURATION",
     "warn about tracked calls that take longer (default: 100ms; 0: never)", .group = "What"},
    {"config", 0, OPT_PATH, &args.config, NULL, "FILE", "settings for the agent, as YAML",
     .group = "What"},
    {"quiet", 'q', OPT_FLAG, &args.quiet, NULL, NULL, "do not say where to look", .group = "What"},
    {0},
};

/* ---- the command --------------------------------------------------------------------------- */

/* 0: it can be executed; ERR_DENIED: it is there, but cannot; ERR_NOT_FOUND. */
static int look_at(const char *path)
{
    struct stat stat_;
    if (stat(path, &stat_) < 0)
        return errno == EACCES ? ERR_DENIED : ERR_NOT_FOUND;
    return S_ISREG(stat_.st_mode) && access(path, X_OK) == 0 ? 0 : ERR_DENIED;
}

/* As execvp() looks for it. */
static int find_command(const char *name, char out[PACKAGE_PATH_MAX])
{
    const char *path = getenv("PATH");
    int result = ERR_NOT_FOUND;
    if (strchr(name, '/')) {
        snprintf(out, PACKAGE_PATH_MAX, "%s", name);
        return look_at(out);
    }
    for (const char *at = path && *path ? path : DEFAULT_PATH; at;) {
        size_t size = strcspn(at, ":");
        int written =
            snprintf(out, PACKAGE_PATH_MAX, "%.*s%s%s", (int)size, at, size ? "/" : "./", name);
        int found = written < PACKAGE_PATH_MAX ? look_at(out) : ERR_NOT_FOUND;
        if (found == 0)
            return 0;
        if (found == ERR_DENIED)
            result = found;
        at = at[size] ? at + size + 1 : NULL;
    }
    return result;
}

static int check_command(const char *name, char out[PACKAGE_PATH_MAX], struct err *err)
{
    int result = find_command(name, out);
    if (result == ERR_NOT_FOUND)
        return err_set(err, result, "run: there is no command %s%s", name,
                       strchr(name, '/') ? "" : " in PATH");
    if (result == ERR_DENIED)
        return err_set(err, result, "run: %s is not an executable file (chmod +x?), or is hidden",
                       name);
    return 0;
}

/* ---- Pythons that would not load the agent ------------------------------------------------- */

static bool is_python(const char *word)
{
    const char *slash = strrchr(word, '/');
    const char *name = slash ? slash + 1 : word;
    return strncmp(name, "python", 6) == 0 &&
           strspn(name + 6, "0123456789.td-bg") == strlen(name + 6);
}

/* -I and -E ignore PYTHONPATH, -S leaves sitecustomize out; 0: none of them. Options that take a
 * value end a bundle, and -c and -m end the options. */
static char hostile_option(const char *word, bool *ends)
{
    *ends = word[0] != '-' || word[1] == '-' || word[1] == 0;
    for (const char *at = word + 1; !*ends && *at; at++) {
        if (strchr("IES", *at))
            return *at;
        if (strchr("cm", *at))
            *ends = true;
        if (strchr("cmWXQ", *at))
            break;
    }
    return 0;
}

static int refuse(const char *what, char option, struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "run: %s -%c %s, so the agent would not be loaded; leave it out, or begin the "
                   "program with \"import pitviper.auto\"",
                   what, option,
                   option == 'S' ? "does not run sitecustomize" : "ignores PYTHONPATH");
}

static int check_python_options(char *const argv[], struct err *err)
{
    bool ends = false;
    for (int i = 1; argv[i] && !ends; i++) {
        char option = hostile_option(argv[i], &ends);
        if (option)
            return refuse(argv[0], option, err);
        size_t size = strlen(argv[i]);
        if (!ends && strchr("WX", argv[i][size - 1])) /* its value is the next word */
            i += argv[i + 1] != NULL;
    }
    return 0;
}

/* "#!/usr/bin/python3 -sE", as pipx and some distributions write it. */
static int check_shebang(const char *path, struct err *err)
{
    char line[SHEBANG_MAX], *words[8] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0;
    ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0)
        close(fd);
    if (size < 3 || line[0] != '#' || line[1] != '!')
        return 0;
    line[size] = 0;
    line[strcspn(line, "\n")] = 0;
    char *state, *word = strtok_r(line + 2, " \t", &state);
    for (; word && count < 7; word = strtok_r(NULL, " \t", &state))
        if (count || is_python(word)) /* past "/usr/bin/env -S" */
            words[count++] = word;
    for (int i = 1; i < count; i++) {
        bool ends;
        char option = hostile_option(words[i], &ends);
        if (option) {
            char what[PACKAGE_PATH_MAX + 64];
            snprintf(what, sizeof what, "%s begins with #!%s, and", path, words[0]);
            return refuse(what, option, err);
        }
        if (ends)
            break;
    }
    return 0;
}

/* ---- the environment ----------------------------------------------------------------------- */

static int set(const char *name, const char *value, struct err *err)
{
    if (value && setenv(name, value, 1) < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int set_python_path(const char *package, struct err *err)
{
    const char *old = getenv("PYTHONPATH");
    size_t size = strlen(package) + 64 + (old ? strlen(old) : 0);
    char *path = malloc(size);
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int own = snprintf(path, size, "%s/pitviper/bootstrap", package);
    bool is_there = old && strncmp(old, path, (size_t)own) == 0 && (!old[own] || old[own] == ':');
    if (old && *old && !is_there)
        snprintf(path + own, size - (size_t)own, ":%s", old);
    int result = is_there ? 0 : set("PYTHONPATH", path, err);
    free(path);
    return result;
}

static int set_numbers(struct err *err)
{
    char text[UNITS_TEXT_MAX];
    double percent;
    uint64_t slow_ns;
    int result = 0;
    if (args.sample_rate) {
        if (units_parse_percent(args.sample_rate, &percent) < 0 || percent > 100)
            return err_set(err, ERR_USAGE, "run: --sample-rate is a share such as 1%% or 0.5%%");
        snprintf(text, sizeof text, "%.10g", percent / 100);
        result = set("PITVIPER_SAMPLE_RATE", text, err);
    }
    if (args.slow && result == 0) {
        if (units_parse_duration(args.slow, &slow_ns) < 0)
            return err_set(err, ERR_USAGE, "run: --slow is a duration such as 100ms or 2s");
        snprintf(text, sizeof text, "%.10g", (double)slow_ns / 1e6);
        result = set("PITVIPER_SLOW_MS", text, err);
    }
    return result;
}

/* What is disabled already stays so. */
static int set_disabled(struct err *err)
{
    const char *old = getenv("PITVIPER_DISABLE");
    char list[LIST_MAX];
    size_t used = (size_t)snprintf(list, sizeof list, "%s", old ? old : "");
    if (!args.disable.count)
        return 0;
    for (size_t i = 0; i < args.disable.count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? "," : "",
                                 args.disable.items[i]);
    if (used >= sizeof list)
        return err_set(err, ERR_USAGE, "run: --disable names too many libraries");
    return set("PITVIPER_DISABLE", list, err);
}

static int set_config(struct err *err)
{
    if (!args.config)
        return 0;
    char *path = realpath(args.config, NULL); /* the command may change its folder */
    if (!path || access(path, R_OK) < 0) {
        int result = err_set(err, errno == EACCES ? ERR_DENIED : ERR_NOT_FOUND,
                             "run: --config %s cannot be read: %s", args.config, strerror(errno));
        free(path);
        return result;
    }
    int result = set("PITVIPER_CONFIG", path, err);
    free(path);
    return result;
}

static int set_environment(struct err *err)
{
    char package[PACKAGE_PATH_MAX];
    int result = package_find(package, err);
    if (result == 0)
        result = set_python_path(package, err);
    if (result == 0)
        result = set("PITVIPER_SERVICE", args.service, err);
    if (result == 0)
        result = set("PITVIPER_VERSION", args.release, err);
    if (result == 0)
        result = set_numbers(err);
    if (result == 0)
        result = set_disabled(err);
    return result == 0 ? set_config(err) : result;
}

/* ---- the way there ------------------------------------------------------------------------- */

static int become(const char *path, char *const argv[], struct err *err)
{
    if (!args.quiet)
        log_info("the agent is on: \"pitviper watch -p %d\" shows requests, queries and errors",
                 (int)getpid());
    fflush(NULL);
    signal(SIGPIPE, SIG_DFL); /* main ignores it; that would be inherited */
    execvp(argv[0], argv);
    return err_set(
        err, errno == EACCES ? ERR_DENIED : ERR_NOT_FOUND, "run: %s cannot be run: %s", path,
        errno == ENOENT ? "the interpreter of its first line is missing" : strerror(errno));
}

static int run(const struct cli_args *words, struct err *err)
{
    char path[PACKAGE_PATH_MAX];
    if (!words->child)
        return err_set(err, ERR_USAGE,
                       "run what? pitviper run -- COMMAND, such as: pitviper run "
                       "-- gunicorn app:app");
    int result = check_command(words->child[0], path, err);
    if (result == 0)
        result =
            is_python(path) ? check_python_options(words->child, err) : check_shebang(path, err);
    if (result == 0)
        result = set_environment(err);
    return result < 0 ? result : become(path, words->child, err);
}

static const struct cli_example examples[] = {
    {"pitviper run -- gunicorn app:app", "a service with the agent in all its workers"},
    {"pitviper run --service shop --release 1.4.2 -- python manage.py runserver",
     "named, for pages and tables"},
    {"pitviper run --disable redis -- celery -A tasks worker", "without one of the libraries"},
    {0},
};

static const char *const usage[] = {"[OPTION]... -- COMMAND [ARG]...", NULL};

const struct cli_command cmd_run = {
    .name = "run",
    .summary = "start a program with the agent: requests, queries, errors",
    .description =
        "Starts the command with the agent in every Python 3.8 or newer that it becomes or "
        "starts: nothing in the application changes, nothing is installed into its environment. "
        "The agent counts every request, statement, outbound call and error into memory that "
        "\"pitviper watch\" reads; nothing is sent anywhere.\n\n"
        "The command takes the place of this process: pid, signals and exit status are its own. "
        "Before that, an exit status of 2 says that there is no such command (or that it would "
        "not load the agent: python -I, -E or -S), 77 that it cannot be executed.\n\n"
        "PITVIPER_DISABLED=1 in the environment switches the agent off.",
    .usage = usage,
    .examples = examples,
    .options = options,
    .takes_child = true,
    .run = run,
};
