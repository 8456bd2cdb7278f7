/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

static const struct cli_word words[] = {
    {"SHELL", "bash, zsh or fish"},
    {0},
};

static const struct cli_example examples[] = {
    {"source <(pitviper completion bash)", "in this shell, now"},
    {"pitviper completion fish > ~/.config/fish/completions/pitviper.fish", "for good, in fish"},
    {0},
};

static int run(const struct cli_args *args, struct err *err)
{
    struct buf text;
    buf_init(&text, 0);
    int result = cli_completion(args->words[0], &text);
    if (result < 0)
        result =
            err_set(err, ERR_USAGE, "completion: \"%s\" is not bash, zsh or fish", args->words[0]);
    else if (buf_failed(&text))
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    else
        fwrite(text.data, 1, text.size, stdout);
    buf_done(&text);
    return result;
}

const struct cli_command cmd_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .examples = examples,
    .words = words,
    .run = run,
};
