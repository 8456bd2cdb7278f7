/* SPDX-License-Identifier: MIT */
#include "base/opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"

#define PID_LIMIT (1 << 22) /* the kernel's PID_MAX_LIMIT */
#define GUESS_MAX_LENGTH 32

const char *opt_metavar(const struct opt *option)
{
    static const char *const by_type[] = {
        [OPT_STRING] = "TEXT",  [OPT_PATH] = "FILE", [OPT_CHOICE] = "NAME",
        [OPT_INT] = "N",        [OPT_PID] = "PID",   [OPT_DURATION] = "DURATION",
        [OPT_RATE] = "RATE",    [OPT_SIZE] = "SIZE", [OPT_PERCENT] = "PERCENT",
        [OPT_STRINGS] = "TEXT", [OPT_PIDS] = "PID",
    };
    return option->metavar || option->type == OPT_FLAG ? option->metavar : by_type[option->type];
}

const char *opt_choice(const struct opt *option, size_t index, char *out, size_t size)
{
    if (option->choice_at) {
        const char *choice = option->choice_at(index);
        return choice ? (snprintf(out, size, "%s", choice), out) : NULL;
    }
    const char *at = option->choices ? option->choices : "";
    for (;; index--) {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        if (!length)
            return NULL;
        if (!index)
            return snprintf(out, size, "%.*s", (int)length, at), out;
        at += length;
    }
}

static int parse_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    const char *digits = text[0] == '-' ? text + 1 : text;
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (digits[0] < '0' || digits[0] > '9') /* strtoll would skip blanks and take a '+' */
        return ERR_USAGE;
    errno = 0;
    long long value = strtoll(text, &end, hex ? 16 : 10);
    if (*end || errno || value < min || value > max)
        return ERR_USAGE;
    *out = value;
    return 0;
}

static int set_int(const struct opt *option, const char *text, struct err *err)
{
    bool bounded = option->min || option->max;
    int64_t min = bounded ? option->min : INT64_MIN, max = bounded ? option->max : INT64_MAX;
    if (parse_int(text, min, max, option->target) == 0)
        return 0;
    if (!bounded)
        return err_set(err, ERR_USAGE, "--%s: \"%s\" is not a whole number", option->name, text);
    return err_set(err, ERR_USAGE, "--%s: \"%s\" is not a whole number from %lld to %lld",
                   option->name, text, (long long)min, (long long)max);
}

static int set_pid(const struct opt *option, const char *text, struct err *err)
{
    int64_t pid;
    if (parse_int(text, 1, PID_LIMIT, &pid) < 0)
        return err_set(err, ERR_USAGE, "--%s: \"%s\" is not a process id", option->name, text);
    if (option->type == OPT_PID) {
        *(pid_t *)option->target = (pid_t)pid;
        return 0;
    }
    struct opt_pids *list = option->target;
    if (list->count == OPT_LIST_MAX)
        return err_set(err, ERR_USAGE, "--%s: more than %d are too many", option->name,
                       OPT_LIST_MAX);
    list->items[list->count++] = (pid_t)pid;
    return 0;
}

static int set_string(const struct opt *option, const char *text, struct err *err)
{
    if (option->type != OPT_STRINGS) {
        *(const char **)option->target = text;
        return 0;
    }
    struct opt_strings *list = option->target;
    if (list->count == OPT_LIST_MAX)
        return err_set(err, ERR_USAGE, "--%s: more than %d are too many", option->name,
                       OPT_LIST_MAX);
    list->items[list->count++] = text;
    return 0;
}

static int set_choice(const struct opt *option, const char *text, struct err *err)
{
    char choice[64], all[256] = "";
    size_t used = 0;
    for (size_t i = 0; opt_choice(option, i, choice, sizeof choice); i++) {
        if (strcmp(text, choice) == 0)
            return set_string(option, text, err);
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", choice);
    }
    return err_set(err, ERR_USAGE, "--%s: \"%s\" is not one of %s", option->name, text, all);
}

static int set_unit(const struct opt *option, const char *text, struct err *err)
{
    int result;
    const char *examples;
    switch (option->type) {
    case OPT_DURATION:
        result = units_parse_duration(text, option->target);
        examples = "a duration (60, 60s, 5m, 1h30m, 250ms)";
        break;
    case OPT_RATE:
        result = units_parse_rate(text, option->target);
        examples = "a rate (100, 100Hz, 1khz)";
        break;
    case OPT_SIZE:
        result = units_parse_size(text, option->target);
        examples = "a size (4096, 512k, 1MiB)";
        break;
    default:
        result = units_parse_percent(text, option->target);
        examples = "a percentage (5, 0.5%)";
        break;
    }
    if (result < 0)
        return err_set(err, result, "--%s: \"%s\" is not %s", option->name, text, examples);
    return 0;
}

int opt_set(const struct opt *option, const char *text, struct err *err)
{
    switch (option->type) {
    case OPT_FLAG:
        *(bool *)option->target = strcmp(text, "yes") == 0;
        return 0;
    case OPT_STRING:
    case OPT_PATH:
    case OPT_STRINGS:
        return set_string(option, text, err);
    case OPT_CHOICE:
        return set_choice(option, text, err);
    case OPT_INT:
        return set_int(option, text, err);
    case OPT_PID:
    case OPT_PIDS:
        return set_pid(option, text, err);
    case OPT_DURATION:
    case OPT_RATE:
    case OPT_SIZE:
    case OPT_PERCENT:
        return set_unit(option, text, err);
    }
    return err_set(err, ERR_INTERNAL, "--%s: unknown type", option->name);
}

static void clear(const struct opt *option)
{
    static const size_t sizes[] = {
        [OPT_FLAG] = sizeof(bool),         [OPT_STRING] = sizeof(const char *),
        [OPT_PATH] = sizeof(const char *), [OPT_CHOICE] = sizeof(const char *),
        [OPT_INT] = sizeof(int64_t),       [OPT_PID] = sizeof(pid_t),
        [OPT_DURATION] = sizeof(uint64_t), [OPT_RATE] = sizeof(uint64_t),
        [OPT_SIZE] = sizeof(uint64_t),     [OPT_PERCENT] = sizeof(double),
    };
    if (option->type == OPT_STRINGS)
        ((struct opt_strings *)option->target)->count = 0;
    else if (option->type == OPT_PIDS)
        ((struct opt_pids *)option->target)->count = 0;
    else
        memset(option->target, 0, sizes[option->type]);
}

static int set_defaults(const struct opt *options, struct err *err)
{
    for (; options->name; options++) {
        clear(options);
        int result = options->initial ? opt_set(options, options->initial, err) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static const struct opt *find_long(const struct opt *options, const char *name, size_t length)
{
    for (; options->name; options++)
        if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
            return options;
    return NULL;
}

static int unknown_long(const struct opt *options, const char *name, size_t length, struct err *err)
{
    char word[GUESS_MAX_LENGTH + 1];
    struct opt_guess guess = {.word = word};
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    for (; options->name; options++)
        opt_guess_consider(&guess, options->name);
    if (guess.best)
        return err_set(err, ERR_USAGE, "unknown option --%.*s; did you mean --%s?", (int)length,
                       name, guess.best);
    return err_set(err, ERR_USAGE, "unknown option --%.*s", (int)length, name);
}

/* What the parser is at. */
struct reader {
    const struct opt *options;
    int argc;
    char **argv;
    int at;
    struct err *err;
};

static int take_value(struct reader *reader, const struct opt *option)
{
    if (reader->at + 1 >= reader->argc)
        return err_set(reader->err, ERR_USAGE, "--%s needs a value: --%s %s", option->name,
                       option->name, opt_metavar(option));
    return opt_set(option, reader->argv[++reader->at], reader->err);
}

static int read_long(struct reader *reader, const char *name)
{
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    const struct opt *option = find_long(reader->options, name, length);
    if (!option && length > 3 && strncmp(name, "no-", 3) == 0) {
        option = find_long(reader->options, name + 3, length - 3);
        if (option && option->type == OPT_FLAG && !value)
            return opt_set(option, "no", reader->err);
        option = NULL;
    }
    if (!option)
        return unknown_long(reader->options, name, length, reader->err);
    if (option->type == OPT_FLAG && value)
        return err_set(reader->err, ERR_USAGE, "--%s takes no value", option->name);
    if (option->type == OPT_FLAG)
        return opt_set(option, "yes", reader->err);
    return value ? opt_set(option, value, reader->err) : take_value(reader, option);
}

/* One word of letters: flags may share it, a letter with a value takes the remainder. */
static int read_letters(struct reader *reader, const char *letters)
{
    for (; *letters; letters++) {
        const struct opt *option = reader->options;
        while (option->name && option->letter != *letters)
            option++;
        if (!option->name)
            return err_set(reader->err, ERR_USAGE, "unknown option -%c", *letters);
        if (option->type != OPT_FLAG) {
            if (letters[1])
                return opt_set(option, letters + 1 + (letters[1] == '='), reader->err);
            return take_value(reader, option);
        }
        int result = opt_set(option, "yes", reader->err);
        if (result < 0)
            return result;
    }
    return 0;
}

int opt_parse(const struct opt *options, int argc, char **argv, struct opt_words *words,
              struct err *err)
{
    struct reader reader = {.options = options, .argc = argc, .argv = argv, .err = err};
    struct opt_words found = {.words = argv, .rest = argv + argc};
    int result = set_defaults(options, err);
    for (; result == 0 && reader.at < argc; reader.at++) {
        char *word = argv[reader.at];
        if (strcmp(word, "--") == 0) {
            found.has_rest = true;
            found.rest = argv + reader.at + 1;
            found.rest_count = argc - reader.at - 1;
            break;
        }
        if (word[0] == '-' && word[1] == '-')
            result = read_long(&reader, word + 2);
        else if (word[0] == '-' && word[1])
            result = read_letters(&reader, word + 1);
        else
            argv[found.word_count++] = word; /* behind reader.at: nothing unread is lost */
    }
    if (result == 0)
        *words = found;
    return result;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned rows[3][GUESS_MAX_LENGTH + 1] = {{0}};
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > GUESS_MAX_LENGTH || b_size > GUESS_MAX_LENGTH)
        return UINT32_MAX;
    for (unsigned j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_size; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_size % 3][b_size];
}

void opt_guess_consider(struct opt_guess *guess, const char *candidate)
{
    size_t length = strlen(guess->word);
    unsigned distance = edit_distance(guess->word, candidate);
    if (length > 1 && strncmp(candidate, guess->word, length) == 0)
        distance = 1;
    bool near = distance <= 2 && distance < strlen(candidate);
    if (near && (!guess->best || distance < guess->distance)) {
        guess->best = candidate;
        guess->distance = distance;
    }
}
