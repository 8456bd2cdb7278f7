/* SPDX-License-Identifier: MIT */
/* doc.c - help and man pages from the rows of a command. */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"

#define HELP_COLUMNS 80
#define HELP_COLUMN 30 /* where the texts of options begin */
#define DEFAULT_GROUP "Options"

static const struct opt no_options[] = {{0}};
static const struct cli_word no_words[] = {{0}};

static const struct opt *options_of(const struct cli_command *command)
{
    return command->options ? command->options : no_options;
}

static const struct cli_word *words_of(const struct cli_command *command)
{
    return command->words ? command->words : no_words;
}

static const char *group_of(const struct opt *option)
{
    return option->group ? option->group : DEFAULT_GROUP;
}

/* Characters, not bytes: a byte that continues a UTF-8 character takes no column. */
static size_t columns(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void pad(struct buf *out, size_t count)
{
    while (count--)
        buf_add_char(out, ' ');
}

/* Words of `text`, wrapped at HELP_COLUMNS, continued at `indent`; the cursor stands at `at`. */
static void wrap(struct buf *out, const char *text, size_t at, size_t indent)
{
    while (*text) {
        if (text[0] == '\n' && text[1] == '\n') {
            buf_add_str(out, "\n\n");
            pad(out, indent);
            at = indent;
        }
        text += strspn(text, " \n");
        size_t size = 0, width;
        while (text[size] && text[size] != ' ' && text[size] != '\n')
            size++;
        width = columns(text, size);
        if (at > indent && at + 1 + width > HELP_COLUMNS) {
            buf_add_char(out, '\n');
            pad(out, indent);
            at = indent;
        } else if (at > indent) {
            buf_add_char(out, ' ');
            at++;
        }
        buf_add(out, text, size);
        at += width;
        text += size;
    }
    buf_add_char(out, '\n');
}

/* "record" → "-p PID [OPTION]… [FILE]… [-- COMMAND ARG…]", from the tables */
static void default_usage(struct buf *out, const struct cli_command *command)
{
    const char *gap = "";
    if (command->options) {
        buf_add_str(out, "[OPTION]…");
        gap = " ";
    }
    for (const struct cli_word *word = words_of(command); word->name; word++, gap = " ")
        buf_printf(out, "%s%s%s%s%s", gap, word->optional ? "[" : "", word->name,
                   word->repeated ? "…" : "", word->optional ? "]" : "");
    if (command->takes_child)
        buf_printf(out, "%s[-- COMMAND ARG…]", gap);
}

static void usage(struct buf *out, const struct cli_command *command, const char *before)
{
    if (!command->usage) {
        buf_printf(out, "%spitviper %s ", before, command->name);
        default_usage(out, command);
        buf_add_char(out, '\n');
        return;
    }
    for (const char *const *line = command->usage; *line; line++)
        buf_printf(out, "%spitviper %s %s\n", before, command->name, *line);
}

/* "the help (default: 10s; one of: a, b)" */
static void option_text(struct buf *out, const struct opt *option)
{
    char choice[64];
    const char *open = " (", *close = "";
    buf_add_str(out, option->help);
    for (size_t i = 0; opt_choice(option, i, choice, sizeof choice); i++) {
        buf_printf(out, "%s%s", i ? ", " : "", i ? "" : open);
        buf_add_str(out, choice);
        open = "; ";
        close = ")";
    }
    if (option->initial) {
        buf_printf(out, "%sdefault: %s", open, option->initial);
        open = "; ";
        close = ")";
    }
    if (option->type == OPT_STRINGS || option->type == OPT_PIDS) {
        buf_printf(out, "%smay be repeated", open);
        close = ")";
    }
    buf_add_str(out, close);
}

static void help_option(struct buf *out, const struct opt *option)
{
    struct buf text;
    size_t start = out->size;
    const char *metavar = opt_metavar(option);
    if (option->letter)
        buf_printf(out, "  -%c, --%s", option->letter, option->name);
    else
        buf_printf(out, "      --%s", option->name);
    if (metavar)
        buf_printf(out, " %s", metavar);
    size_t at = buf_failed(out) ? 0 : columns(out->data + start, out->size - start);
    if (at > HELP_COLUMN - 2) {
        buf_add_char(out, '\n');
        at = 0;
    }
    pad(out, HELP_COLUMN - at);
    buf_init(&text, 0);
    option_text(&text, option);
    wrap(out, buf_failed(&text) ? option->help : text.data, HELP_COLUMN, HELP_COLUMN);
    buf_done(&text);
}

static bool group_seen_before(const struct opt *options, const struct opt *option)
{
    for (; options != option; options++)
        if (strcmp(group_of(options), group_of(option)) == 0)
            return true;
    return false;
}

static void help_options(struct buf *out, const struct opt *options)
{
    for (const struct opt *first = options; first->name; first++) {
        if (group_seen_before(options, first))
            continue;
        buf_printf(out, "\n%s:\n", group_of(first));
        for (const struct opt *option = first; option->name; option++)
            if (strcmp(group_of(option), group_of(first)) == 0)
                help_option(out, option);
    }
}

void cli_help(const struct cli_command *command, struct buf *out)
{
    buf_printf(out, "pitviper %s: %s\n\n", command->name, command->summary);
    usage(out, command, "  ");
    if (command->description) {
        buf_add_char(out, '\n');
        wrap(out, command->description, 0, 0);
    }
    for (const struct cli_word *word = words_of(command); word->name; word++) {
        if (word == command->words)
            buf_add_str(out, "\nWords:\n");
        buf_printf(out, "  %-*s", HELP_COLUMN - 2, word->name);
        wrap(out, word->help, HELP_COLUMN, HELP_COLUMN);
    }
    help_options(out, options_of(command));
    for (const struct cli_example *example = command->examples; example && example->command;
         example++)
        buf_printf(out, "%s  # %s\n  %s\n", example == command->examples ? "\nExamples:\n" : "",
                   example->help, example->command);
}

void cli_overview(struct buf *out)
{
    buf_add_str(out, "pitviper " PITVIPER_VERSION ": shows where live Python processes spend their "
                     "time\n\nUsage: pitviper COMMAND [OPTION]…\n\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++)
        buf_printf(out, "  %-12s %s\n", (*at)->name, (*at)->summary);
    buf_add_str(out, "\n\"pitviper help COMMAND\" explains one of them.\n");
}

/* roff: a backslash, a leading dot or quote, and a minus that is meant to be typed. */
static void man_text(struct buf *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            buf_add_str(out, "\n.PP");
            text++;
        }
        if (line_start && (*text == '.' || *text == '\''))
            buf_add_str(out, "\\&");
        if (*text == '\\')
            buf_add_str(out, "\\e");
        else if (*text == '-')
            buf_add_str(out, "\\-");
        else
            buf_add_char(out, *text);
        line_start = *text == '\n';
    }
}

static void man_title(struct buf *out, const char *name, const char *summary)
{
    char title[64];
    size_t size = strlen(name);
    for (size_t i = 0; i <= size && i < sizeof title; i++)
        title[i] = (char)toupper((unsigned char)name[i]);
    title[sizeof title - 1] = 0;
    buf_add_str(out, ".TH ");
    man_text(out, title);
    buf_add_str(out, " 1 \"\" \"pitviper " PITVIPER_VERSION "\" \"pitviper\"\n.SH NAME\n");
    man_text(out, name);
    buf_add_str(out, " \\- ");
    man_text(out, summary);
    buf_add_char(out, '\n');
}

static void man_options(struct buf *out, const struct opt *options)
{
    struct buf text;
    buf_init(&text, 0);
    for (; options->name; options++) {
        buf_reset(&text);
        buf_add_str(out, ".TP\n.B ");
        if (options->letter)
            buf_printf(&text, "-%c, ", options->letter);
        buf_printf(&text, "--%s", options->name);
        man_text(out, buf_failed(&text) ? "" : text.data);
        if (opt_metavar(options))
            buf_printf(out, " \\fI%s\\fR", opt_metavar(options));
        buf_add_char(out, '\n');
        buf_reset(&text);
        option_text(&text, options);
        man_text(out, buf_failed(&text) ? "" : text.data);
        buf_add_char(out, '\n');
    }
    buf_done(&text);
}

static void man_usage(struct buf *out, const struct cli_command *command)
{
    struct buf text;
    buf_init(&text, 0);
    usage(&text, command, "");
    buf_add_str(out, ".SH SYNOPSIS\n.nf\n");
    man_text(out, buf_failed(&text) ? "" : text.data);
    buf_add_str(out, ".fi\n");
    buf_done(&text);
}

static void man_examples(struct buf *out, const struct cli_example *example)
{
    buf_add_str(out, ".SH EXAMPLES\n");
    for (; example->command; example++) {
        buf_add_str(out, ".PP\n");
        man_text(out, example->help);
        buf_add_str(out, ":\n.PP\n.RS 4\n.nf\n");
        man_text(out, example->command);
        buf_add_str(out, "\n.fi\n.RE\n");
    }
}

static void man_command(const struct cli_command *command, struct buf *out)
{
    struct buf name;
    buf_init(&name, 0);
    buf_printf(&name, "pitviper-%s", command->name);
    man_title(out, buf_failed(&name) ? "" : name.data, command->summary);
    buf_done(&name);
    man_usage(out, command);
    if (command->description) {
        buf_add_str(out, ".SH DESCRIPTION\n");
        man_text(out, command->description);
        buf_add_char(out, '\n');
    }
    if (command->options || command->words)
        buf_add_str(out, ".SH OPTIONS\n");
    for (const struct cli_word *word = words_of(command); word->name; word++) {
        buf_printf(out, ".TP\n.I %s\n", word->name);
        man_text(out, word->help);
        buf_add_char(out, '\n');
    }
    man_options(out, options_of(command));
    if (command->examples)
        man_examples(out, command->examples);
    buf_add_str(out, ".SH SEE ALSO\n.BR pitviper (1)\n");
}

static void man_program(struct buf *out)
{
    man_title(out, "pitviper", "shows where live Python processes spend their time");
    buf_add_str(out, ".SH SYNOPSIS\n.B pitviper\n.I COMMAND\n[OPTION]…\n.SH COMMANDS\n");
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        buf_printf(out, ".TP\n.BR pitviper\\-%s (1)\n", (*at)->name);
        man_text(out, (*at)->summary);
        buf_add_char(out, '\n');
    }
    buf_add_str(out, ".SH EXIT STATUS\n");
    static const char *const statuses[][2] = {
        {"0", "done"},
        {"2", "wrong usage, or a file that cannot be understood"},
        {"66", "no such process"},
        {"69", "not Python, or a Python that cannot be read"},
        {"70", "a fault of pitviper"},
        {"75", "gave up after trying again"},
        {"77", "not permitted; the message says the remedy"},
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        buf_printf(out, ".TP\n.B %s\n%s\n", statuses[i][0], statuses[i][1]);
    buf_add_str(out, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colour, when set and not empty\n");
}

void cli_man(const struct cli_command *command, struct buf *out)
{
    if (command)
        man_command(command, out);
    else
        man_program(out);
}
