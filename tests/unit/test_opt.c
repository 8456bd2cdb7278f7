/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/opt.h"

static struct {
    bool idle, gil, nolineno;
    pid_t pid;
    struct opt_pids pids;
    struct opt_strings labels;
    uint64_t duration_ns, rate_hz, size_bytes;
    double percent;
    const char *output, *title, *format;
    int64_t depth;
} args;

static const char *format_at(size_t index)
{
    static const char *const names[] = {"svg", "folded", NULL};
    return names[index];
}

static const struct opt options[] = {
    {"idle", 'i', OPT_FLAG, &args.idle, NULL, NULL, "sleeping threads too"},
    {"gil", 'g', OPT_FLAG, &args.gil, "yes", NULL, "on by default here"},
    {"nolineno", 0, OPT_FLAG, &args.nolineno, NULL, NULL, "without lines"},
    {"pid", 'p', OPT_PID, &args.pid, NULL, NULL, "one process"},
    {"pids", 'P', OPT_PIDS, &args.pids, NULL, NULL, "processes"},
    {"label", 0, OPT_STRINGS, &args.labels, NULL, NULL, "labels"},
    {"duration", 'd', OPT_DURATION, &args.duration_ns, "10s", NULL, "how long"},
    {"rate", 'r', OPT_RATE, &args.rate_hz, "99", NULL, "how often"},
    {"size", 0, OPT_SIZE, &args.size_bytes, "1MiB", NULL, "how much"},
    {"percent", 0, OPT_PERCENT, &args.percent, "0.5%", NULL, "share"},
    {"output", 'o', OPT_PATH, &args.output, NULL, NULL, "where to"},
    {"title", 0, OPT_STRING, &args.title, "none", NULL, "heading"},
    {"format", 'f', OPT_CHOICE, &args.format, "svg", .choice_at = format_at},
    {"depth", 0, OPT_INT, &args.depth, "5", .min = 1, .max = 100},
    {0},
};

static struct err err;
static struct opt_words words;

/* Parses the words of one line, split at spaces. */
static int parse(const char *line)
{
    static char text[512];
    static char *argv[64];
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    err = (struct err){0};
    return opt_parse(options, argc, argv, &words, &err);
}

static void expect_error(const char *line, const char *sentence)
{
    assert_int_equal(parse(line), ERR_USAGE);
    assert_string_equal(err.text, sentence);
}

static void test_opt__defaults_are_read_as_text(void **state)
{
    (void)state;
    args.idle = true; /* left from another command */
    args.pids.count = 3;
    assert_int_equal(parse(""), 0);
    assert_false(args.idle);
    assert_true(args.gil);
    assert_int_equal(args.pid, 0);
    assert_int_equal(args.pids.count, 0);
    assert_int_equal(args.duration_ns, 10000000000);
    assert_int_equal(args.rate_hz, 99);
    assert_int_equal(args.size_bytes, 1048576);
    assert_true(args.percent == 0.5);
    assert_null(args.output);
    assert_string_equal(args.title, "none");
    assert_string_equal(args.format, "svg");
    assert_int_equal(args.depth, 5);
}

static void test_opt__every_spelling_of_a_value(void **state)
{
    (void)state;
    static const char *const lines[] = {"-p 42",      "-p42",   "-p=42", "--pid 42",  "--pid=42",
                                        "--pid 0x2a", "-ip 42", "-ip42", "-p 7 -p 42"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(parse(lines[i]), 0);
        assert_int_equal(args.pid, 42);
    }
    assert_int_equal(parse("-o - --title=a=b --format folded --depth -5"), ERR_USAGE);
    assert_int_equal(parse("-o - --title=a=b --format folded --depth 100"), 0);
    assert_string_equal(args.output, "-");
    assert_string_equal(args.title, "a=b");
    assert_string_equal(args.format, "folded");
    assert_int_equal(args.depth, 100);
    assert_int_equal(parse("--title="), 0);
    assert_string_equal(args.title, "");
}

static void test_opt__flags_bundle_and_negate(void **state)
{
    (void)state;
    assert_int_equal(parse("-ig --nolineno"), 0);
    assert_true(args.idle && args.gil && args.nolineno);
    assert_int_equal(parse("--no-gil --idle --no-idle"), 0);
    assert_false(args.gil || args.idle);
    expect_error("--idle=yes", "--idle takes no value");
    expect_error("--no-pid", "unknown option --no-pid");
}

static void test_opt__lists_collect(void **state)
{
    (void)state;
    assert_int_equal(parse("-P 1 -P2 --pids=0x3 --label a --label b"), 0);
    assert_int_equal(args.pids.count, 3);
    assert_int_equal(args.pids.items[2], 3);
    assert_int_equal(args.labels.count, 2);
    assert_string_equal(args.labels.items[1], "b");
}

static void test_opt__too_long_a_list_is_refused(void **state)
{
    (void)state;
    static char *argv[2 * (OPT_LIST_MAX + 1)];
    for (int i = 0; i <= OPT_LIST_MAX; i++) {
        argv[2 * i] = "-P";
        argv[2 * i + 1] = "1";
    }
    assert_int_equal(opt_parse(options, 2 * OPT_LIST_MAX, argv, &words, &err), 0);
    assert_int_equal(opt_parse(options, 2 * OPT_LIST_MAX + 2, argv, &words, &err), ERR_USAGE);
}

static void test_opt__words_are_kept_in_order_and_apart_from_the_rest(void **state)
{
    (void)state;
    assert_int_equal(parse("one -i two --pid 5 - -- python -i --pid x"), 0);
    assert_int_equal(words.word_count, 3);
    assert_string_equal(words.words[0], "one");
    assert_string_equal(words.words[1], "two");
    assert_string_equal(words.words[2], "-");
    assert_true(words.has_rest);
    assert_int_equal(words.rest_count, 4);
    assert_string_equal(words.rest[0], "python");
    assert_null(words.rest[4]);
    assert_int_equal(args.pid, 5);
    assert_int_equal(parse("one"), 0);
    assert_false(words.has_rest);
    assert_int_equal(words.rest_count, 0);
    assert_int_equal(parse("--"), 0);
    assert_true(words.has_rest);
}

static void test_opt__mistakes_get_one_sentence(void **state)
{
    (void)state;
    expect_error("--duraton 5", "unknown option --duraton; did you mean --duration?");
    expect_error("--dur=5", "unknown option --dur; did you mean --duration?");
    expect_error("--ouptut x", "unknown option --ouptut; did you mean --output?");
    expect_error("--zzz", "unknown option --zzz");
    expect_error("-z", "unknown option -z");
    expect_error("-iz", "unknown option -z");
    expect_error("--pid", "--pid needs a value: --pid PID");
    expect_error("-d", "--duration needs a value: --duration DURATION");
    expect_error("-d 5x", "--duration: \"5x\" is not a duration (60, 60s, 5m, 1h30m, 250ms)");
    expect_error("-r 0", "--rate: \"0\" is not a rate (100, 100Hz, 1khz)");
    expect_error("--size -1", "--size: \"-1\" is not a size (4096, 512k, 1MiB)");
    expect_error("--percent x", "--percent: \"x\" is not a percentage (5, 0.5%)");
    expect_error("--format png", "--format: \"png\" is not one of svg, folded");
    expect_error("--depth 0", "--depth: \"0\" is not a whole number from 1 to 100");
}

static void test_opt__process_ids_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "-p 0",   "-p -1",     "-p 4194305", "-p 12a",
        "-p 1.5", "-p 0x",     "-p +5",      "-p 99999999999999999999",
        "--pid=", "--pid=0x2g"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(bad[i]), ERR_USAGE);
        assert_non_null(strstr(err.text, "is not a process id"));
        assert_int_equal(args.pid, 0);
    }
}

static void test_opt__choices_from_text(void **state)
{
    (void)state;
    const struct opt option = {.choices = "auto  always never"};
    char choice[16];
    assert_string_equal(opt_choice(&option, 0, choice, sizeof choice), "auto");
    assert_string_equal(opt_choice(&option, 2, choice, sizeof choice), "never");
    assert_null(opt_choice(&option, 3, choice, sizeof choice));
    assert_null(opt_choice(&(struct opt){0}, 0, choice, sizeof choice));
}

static void test_opt__guesses_only_what_is_near(void **state)
{
    (void)state;
    static const struct {
        const char *word, *best;
    } rows[] = {{"recrod", "record"}, {"rec", "record"}, {"tpo", "top"},
                {"x", NULL},          {"zzzzzz", NULL},  {"dmp", "dump"}};
    static const char *const names[] = {"record", "report", "top", "dump"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct opt_guess guess = {.word = rows[i].word};
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            opt_guess_consider(&guess, names[j]);
        if (rows[i].best)
            assert_string_equal(guess.best, rows[i].best);
        else
            assert_null(guess.best);
    }
}
