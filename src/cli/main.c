/* SPDX-License-Identifier: MIT */
/* main.c - the command table, and the way from argv to a command's run(). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/cli.h"

#define EXIT_USAGE 2
#define EXIT_INTERNAL 70
#define EXIT_READER_LEFT 141 /* as a shell shows a death by SIGPIPE */

extern const struct cli_command cmd_top, cmd_dump, cmd_record, cmd_report, cmd_diff, cmd_convert;
extern const struct cli_command cmd_run, cmd_watch, cmd_serve, cmd_query, cmd_store;
extern const struct cli_command cmd_doctor, cmd_help, cmd_version, cmd_completion;

/* The order of the overview: what one wants first comes first. */
const struct cli_command *const cli_commands[] = {
    &cmd_record,  &cmd_top,   &cmd_dump,       &cmd_report, &cmd_diff,  &cmd_convert,
    &cmd_run,     &cmd_watch, &cmd_serve,      &cmd_query,  &cmd_store, &cmd_doctor,
    &cmd_version, &cmd_help,  &cmd_completion, NULL,
};

const struct cli_command *cli_find(const char *name)
{
    for (const struct cli_command *const *at = cli_commands; *at; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}

static int unknown_command(const char *name, struct err *err)
{
    struct opt_guess guess = {.word = name};
    for (const struct cli_command *const *at = cli_commands; *at; at++)
        opt_guess_consider(&guess, (*at)->name);
    opt_guess_consider(&guess, "--version");
    opt_guess_consider(&guess, "--help");
    if (guess.best)
        return err_set(err, ERR_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", name,
                       guess.best);
    return err_set(err, ERR_USAGE, "unknown command \"%s\"; \"pitviper help\" lists them", name);
}

static int check_words(const struct cli_command *command, const struct cli_args *args,
                       struct err *err)
{
    static const struct cli_word none[] = {{0}};
    const struct cli_word *word = command->words ? command->words : none;
    int count = 0;
    for (; word->name && !word->repeated; word++, count++)
        if (count >= args->word_count && !word->optional)
            break;
    if (word->name && !word->optional && count >= args->word_count)
        return err_set(err, ERR_USAGE, "%s: %s is missing; see \"pitviper help %s\"", command->name,
                       word->name, command->name);
    if (!word->name && args->word_count > count)
        return err_set(err, ERR_USAGE, "%s: \"%s\" is one word too many; see \"pitviper help %s\"",
                       command->name, args->words[count], command->name);
    return 0;
}

static int parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args,
                 struct err *err)
{
    static const struct opt no_options[] = {{0}};
    struct opt_words found;
    struct err inner;
    int result =
        opt_parse(command->options ? command->options : no_options, argc, argv, &found, &inner);
    if (result < 0)
        return err_set(err, result, "%s: %s", command->name, inner.text);
    *args = (struct cli_args){.words = found.words, .word_count = found.word_count};
    if (found.has_rest && command->takes_child) {
        if (!found.rest_count)
            return err_set(err, ERR_USAGE, "%s: no command follows \"--\"", command->name);
        args->child = found.rest;
        args->child_count = found.rest_count;
    } else if (found.rest_count) { /* "--" only ends the options: join what is on its two sides */
        memmove(found.words + found.word_count, found.rest,
                (size_t)found.rest_count * sizeof *found.rest);
        args->word_count += found.rest_count;
    }
    return check_words(command, args, err);
}

static int print(struct buf *text, FILE *to, int exit_status)
{
    if (buf_failed(text))
        exit_status = EXIT_INTERNAL;
    else
        fwrite(text->data, 1, text->size, to);
    buf_done(text);
    return exit_status;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* Nobody reads standard output any more: `pitviper dump … | head`. */
static bool reader_left(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLERR);
}

/* Output that could not be written is a failure too, unless the reader simply left. */
static int finish(int result, struct err *err)
{
    if (result == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        result = err_set(err, ERR_IO, "standard output could not be written: %s", strerror(errno));
    log_progress_end();
    if (result >= 0)
        return result;
    if (result == ERR_IO && reader_left())
        return EXIT_READER_LEFT;
    log_error("%s", err->text[0] ? err->text : err_text(result));
    return err_exit_status(result);
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
    struct err err = {0};
    struct cli_args args;
    if (asks_for_help(argc, argv)) {
        struct buf text;
        buf_init(&text, 0);
        cli_help(command, &text);
        return print(&text, stdout, 0);
    }
    int result = parse(command, argc, argv, &args, &err);
    if (result == 0)
        result = command->run(&args, &err);
    return finish(result, &err);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct buf text;
    buf_init(&text, 0);
    signal(SIGPIPE, SIG_IGN); /* a recording must not be lost because nobody reads the talk */
    if (argc < 2) {
        cli_overview(&text);
        return print(&text, stderr, EXIT_USAGE);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return run_command(&cmd_version, 0, argv + 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_overview(&text);
        return print(&text, stdout, 0);
    }
    const struct cli_command *command = cli_find(argv[1]);
    if (!command)
        return finish(unknown_command(argv[1], &err), &err);
    return run_command(command, argc - 2, argv + 2);
}
