/* SPDX-License-Identifier: MIT */
/* opt.h - command-line options as a table.
 *
 * One row per option; the parser, --help, the man pages and the shell completions all come
 * from the rows (cli/cli.h). Defaults are text, read by the same parser as the user's input.
 *
 *   static struct { pid_t pid; uint64_t duration_ns; bool idle; } args;
 *   static const struct opt options[] = {
 *       {"pid", 'p', OPT_PID, &args.pid, NULL, NULL, "process to attach to"},
 *       {"duration", 'd', OPT_DURATION, &args.duration_ns, "10s", NULL, "how long to record"},
 *       {"idle", 'i', OPT_FLAG, &args.idle, NULL, NULL, "sleeping threads too"},
 *       {0},
 *   };
 *
 * Accepted: --opt VALUE, --opt=VALUE, -pVALUE, -p VALUE, -p=VALUE, bundled flags (-gi), --no-FLAG.
 * Given twice, the last counts (lists collect). Options and words may be mixed; "--" ends the
 * options, and what follows it is kept apart, for commands that start another program.
 *
 * Ownership: strings point into argv (or at the default text); nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define OPT_LIST_MAX 256

struct opt_strings {
    const char *items[OPT_LIST_MAX];
    size_t count;
};

struct opt_pids {
    pid_t items[OPT_LIST_MAX];
    size_t count;
};

enum opt_type {
    OPT_FLAG,     /* bool */
    OPT_STRING,   /* const char *; NULL without default */
    OPT_PATH,     /* const char *; completed as a file name */
    OPT_CHOICE,   /* const char *: one of `choices` or `choice_at` */
    OPT_INT,      /* int64_t, within min..max unless both are 0 */
    OPT_PID,      /* pid_t, decimal or 0x…; 0 without default */
    OPT_DURATION, /* uint64_t, nanoseconds */
    OPT_RATE,     /* uint64_t, hertz, at least 1 */
    OPT_SIZE,     /* uint64_t, bytes */
    OPT_PERCENT,  /* double */
    OPT_STRINGS,  /* struct opt_strings, may be repeated */
    OPT_PIDS,     /* struct opt_pids, may be repeated */
};

struct opt {
    const char *name; /* long name; a row with NULL ends the table */
    char letter;      /* 0: none */
    enum opt_type type;
    void *target;        /* of the type named above */
    const char *initial; /* default as text; NULL: false, 0, NULL or the empty list */
    const char *metavar; /* in help: "FILE"; NULL: the type's own ("PID", "DURATION") */
    const char *help;    /* half a sentence, lower case, no full stop; the default is added */
    const char *group;   /* heading in help; NULL: "Options" */
    const char *choices; /* OPT_CHOICE: space separated */
    const char *(*choice_at)(size_t index); /* or one by one, NULL after the last */
    int64_t min, max;                       /* OPT_INT */
};

/* What is left: views into argv. */
struct opt_words {
    char **words; /* everything that is neither option nor value, in order */
    int word_count;
    char **rest; /* what follows "--" */
    int rest_count;
    bool has_rest; /* "--" was there, even with nothing behind it */
};

/* Sets every target to its default, then reads argv[0..argc) (without program and command name),
 * which is reordered. 0, or ERR_USAGE with one sentence. -h and --help are not treated specially.
 */
int opt_parse(const struct opt *options, int argc, char **argv, struct opt_words *words,
              struct err *err);

/* Reads one value as the row's type into its target: what opt_parse() does per option. */
int opt_set(const struct opt *option, const char *text, struct err *err);

/* The n-th allowed value of an OPT_CHOICE, copied into `out`; NULL after the last. */
const char *opt_choice(const struct opt *option, size_t index, char *out, size_t size);

/* "FILE", "PID", …; NULL for a flag. */
const char *opt_metavar(const struct opt *option);

/* "Did you mean": feed candidates, the nearest within two edits (or that begins with the word)
 * wins. */
struct opt_guess {
    const char *word;
    const char *best; /* NULL: nothing is near */
    unsigned distance;
};
void opt_guess_consider(struct opt_guess *guess, const char *candidate);
