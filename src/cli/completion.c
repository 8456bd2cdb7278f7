/* SPDX-License-Identifier: MIT */
/* completion.c - bash, zsh and fish scripts from the rows of the commands.
 *
 * What can be known is offered: commands, options, the values of a choice, process ids. Where a
 * file is wanted, or nothing better is known, the shell's own completion of file names takes over.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

static const struct opt no_options[] = {{0}};

static const struct opt *options_of(const struct cli_command *command)
{
    return command->options ? command->options : no_options;
}

static bool is_pid(const struct opt *option)
{
    return option->type == OPT_PID || option->type == OPT_PIDS;
}

static bool wants_path(const struct cli_command *command)
{
    for (const struct cli_word *word = command->words; word && word->name; word++)
        if (word->is_path)
            return true;
    return command->takes_child;
}

static void add_choices(struct buf *out, const struct opt *option)
{
    char choice[64];
    for (size_t i = 0; opt_choice(option, i, choice, sizeof choice); i++)
        buf_printf(out, "%s%s", i ? " " : "", choice);
}

/* Text inside '…': a quote ends it, adds an escaped one and begins anew; fish takes \' and '\''
 * alike. */
static void add_quoted(struct buf *out, const char *text, const char *escaped)
{
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_str(out, "'\\'");
        else if (strchr(escaped, *text))
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static void bash_value(struct buf *out, const struct cli_command *command, const struct opt *option)
{
    if (option->type != OPT_CHOICE && !is_pid(option))
        return;
    buf_printf(out, "    \"%s --%s\"", command->name, option->name);
    if (option->letter)
        buf_printf(out, " | \"%s -%c\"", command->name, option->letter);
    buf_add_str(out, ") values=\"");
    if (is_pid(option))
        buf_add_str(out, "$(pgrep python 2>/dev/null)");
    else
        add_choices(out, option);
    buf_add_str(out, "\" ;;\n");
}

static void bash(struct buf *out)
{
    buf_add_str(out, "# bash completion for pitviper\n"
                     "_pitviper() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local command=${COMP_WORDS[1]} values= options=\n"
                     "    [ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                     "    [ \"$cur\" = = ] && prev=${COMP_WORDS[COMP_CWORD-1]} cur=\n"
                     "    COMPREPLY=()\n"
                     "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                     "        values=\"--help --version");
    for (const struct cli_command *const *at = cli_commands; *at; at++)
        buf_printf(out, " %s", (*at)->name);
    buf_add_str(out, "\"\n        COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
                     "        return\n    fi\n    case \"$command $prev\" in\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++)
        for (const struct opt *option = options_of(*at); option->name; option++)
            bash_value(out, *at, option);
    buf_add_str(out, "    esac\n    case $command in\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        buf_printf(out, "    %s) options=\"--help", (*at)->name);
        for (const struct opt *option = options_of(*at); option->name; option++) {
            buf_printf(out, " --%s", option->name);
            if (option->letter)
                buf_printf(out, " -%c", option->letter);
        }
        buf_add_str(out, "\" ;;\n");
    }
    buf_add_str(out, "    esac\n"
                     "    [ -z \"$values\" ] && [[ $cur == -* ]] && values=$options\n"
                     "    COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
                     "}\n"
                     "complete -o default -F _pitviper pitviper\n");
}

static void zsh_option(struct buf *out, const struct opt *option)
{
    const char *metavar = opt_metavar(option);
    bool list = option->type == OPT_PIDS || option->type == OPT_STRINGS;
    const char *equals = metavar ? "=" : "";
    buf_add_str(out, "            ");
    if (list)
        buf_add_str(out, "'*'");
    else if (option->letter)
        buf_printf(out, "'(-%c --%s)'", option->letter, option->name);
    if (option->letter)
        buf_printf(out, "{-%c%s,--%s%s}", option->letter, metavar ? "+" : "", option->name, equals);
    else
        buf_printf(out, "--%s%s", option->name, equals);
    buf_add_str(out, "'[");
    add_quoted(out, option->help, "[]:\\");
    buf_add_char(out, ']');
    if (metavar)
        buf_printf(out, ":%s:", metavar);
    if (is_pid(option))
        buf_add_str(out, "_pids");
    else if (option->type == OPT_PATH)
        buf_add_str(out, "_files");
    else if (option->type == OPT_CHOICE) {
        buf_add_char(out, '(');
        add_choices(out, option);
        buf_add_char(out, ')');
    }
    buf_add_str(out, "' \\\n");
}

static void zsh(struct buf *out)
{
    buf_add_str(out, "#compdef pitviper\n"
                     "_pitviper() {\n"
                     "    local -a commands=(\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        buf_printf(out, "        '%s:", (*at)->name);
        add_quoted(out, (*at)->summary, ":\\");
        buf_add_str(out, "'\n");
    }
    buf_add_str(out, "    )\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        _describe command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    shift words\n"
                     "    (( CURRENT-- ))\n"
                     "    case $words[1] in\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        buf_printf(out, "    %s)\n        _arguments -s \\\n", (*at)->name);
        for (const struct opt *option = options_of(*at); option->name; option++)
            zsh_option(out, option);
        buf_printf(out, "            '(- *)--help[explain]'%s ;;\n",
                   wants_path(*at) ? " '*:file:_files'" : "");
    }
    /* Run as the autoloaded function it completes at once; sourced, it registers itself. */
    buf_add_str(out, "    esac\n}\n"
                     "if [ \"$funcstack[1]\" = _pitviper ]; then\n"
                     "    _pitviper \"$@\"\n"
                     "else\n"
                     "    compdef _pitviper pitviper\n"
                     "fi\n");
}

static void fish_option(struct buf *out, const struct cli_command *command,
                        const struct opt *option)
{
    buf_printf(out, "complete -c pitviper -n '__fish_seen_subcommand_from %s' -l %s", command->name,
               option->name);
    if (option->letter)
        buf_printf(out, " -s %c", option->letter);
    if (option->type == OPT_PATH)
        buf_add_str(out, " -rF");
    else if (option->type != OPT_FLAG)
        buf_add_str(out, " -x");
    if (is_pid(option))
        buf_add_str(out, " -a '(__fish_complete_pids)'");
    if (option->type == OPT_CHOICE) {
        buf_add_str(out, " -a '");
        add_choices(out, option);
        buf_add_char(out, '\'');
    }
    buf_add_str(out, " -d '");
    add_quoted(out, option->help, "\\");
    buf_add_str(out, "'\n");
}

static void fish(struct buf *out)
{
    buf_add_str(out, "# fish completion for pitviper\n"
                     "complete -c pitviper -n __fish_use_subcommand -f\n"
                     "complete -c pitviper -f -l help -s h -d 'explain'\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        buf_printf(out, "complete -c pitviper -f -n __fish_use_subcommand -a %s -d '", (*at)->name);
        add_quoted(out, (*at)->summary, "\\");
        buf_add_str(out, "'\n");
        if (!wants_path(*at))
            buf_printf(out, "complete -c pitviper -f -n '__fish_seen_subcommand_from %s'\n",
                       (*at)->name);
        for (const struct opt *option = options_of(*at); option->name; option++)
            fish_option(out, *at, option);
    }
}

int cli_completion(const char *shell, struct buf *out)
{
    static const struct {
        const char *name;
        void (*write)(struct buf *out);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].write(out);
            return 0;
        }
    return ERR_NOT_FOUND;
}
