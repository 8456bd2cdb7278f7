/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

static struct {
    bool man;
} args;

static const struct opt options[] = {
    {"man", 0, OPT_FLAG, &args.man, NULL, NULL, "as the source of a man page"},
    {0},
};

static const struct cli_word words[] = {
    {"COMMAND", "the command to explain", .optional = true},
    {0},
};

static int run(const struct cli_args *given, struct err *err)
{
    const struct cli_command *command = NULL;
    struct buf text;
    if (given->word_count && !(command = cli_find(given->words[0])))
        return err_set(err, ERR_USAGE, "help: there is no command \"%s\"", given->words[0]);
    buf_init(&text, 0);
    if (args.man)
        cli_man(command, &text);
    else if (command)
        cli_help(command, &text);
    else
        cli_overview(&text);
    int result = buf_failed(&text) ? err_set(err, ERR_NO_MEMORY, "out of memory") : 0;
    if (result == 0)
        fwrite(text.data, 1, text.size, stdout);
    buf_done(&text);
    return result;
}

const struct cli_command cmd_help = {
    .name = "help",
    .summary = "explain a command",
    .options = options,
    .words = words,
    .run = run,
};
