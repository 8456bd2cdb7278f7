/* SPDX-License-Identifier: MIT */
/* cli.h - what a command is: one row of words and tables, and one function.
 *
 * The parser, `help`, the man pages and the completions read the rows. To add a command: write
 * cmd_<name>.c with `const struct cli_command cmd_<name>`, add its row to cli_commands
 * (main.c) and its name to src/cli/meson.build.
 *
 * main() has parsed the options into their targets, and checked the number of words, when run() is
 * called. Standard output is data, standard error is talk (base/log.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/opt.h"

struct err;

struct cli_example {
    const char *command; /* without the prompt */
    const char *help;    /* what it is good for, half a sentence */
};

/* A word that is not an option. */
struct cli_word {
    const char *name; /* "FILE" */
    const char *help;
    bool is_path; /* completed as a file name */
    bool optional;
    bool repeated; /* only the last row: one or more (or none, when optional too) */
};

struct cli_args {
    char **words; /* the words of cli_command.words, in order */
    int word_count;
    char **child; /* the command behind "--"; NULL-terminated, NULL: none given */
    int child_count;
};

struct cli_command {
    const char *name;
    const char *summary;      /* "record a profile to a file": lower case, no full stop */
    const char *description;  /* paragraphs, separated by an empty line; wrapped when shown */
    const char *const *usage; /* "-p PID [OPTION]…", NULL-terminated; NULL: made from the tables */
    const struct cli_example *examples; /* ended by {0}; NULL: none */
    const struct opt *options;          /* ended by {0}; NULL: none */
    const struct cli_word *words;       /* ended by {0}; NULL: none */
    bool takes_child;                   /* "-- COMMAND ARG…" is allowed */

    /* 0: done. A negative ERR_* with *err filled: main prints the sentence and leaves with
     * err_exit_status(). A positive number: the exit status, all said already. */
    int (*run)(const struct cli_args *args, struct err *err);
};

/* Ended by NULL, in the order of the overview. */
extern const struct cli_command *const cli_commands[];

const struct cli_command *cli_find(const char *name); /* NULL: unknown */

/* Renderings of the rows (doc.c, completion.c). */
struct buf;
void cli_overview(struct buf *out);
void cli_help(const struct cli_command *command, struct buf *out);
void cli_man(const struct cli_command *command, struct buf *out); /* NULL: pitviper(1) */
int cli_completion(const char *shell, struct buf *out); /* ERR_NOT_FOUND: not a shell we know */
