/* SPDX-License-Identifier: MIT */
/* cmd_query.c - pitviper query: what the store knows, on the terminal, as JSON or as a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/query.h"
#include "codec/codec.h"

#define TEXT_LIMIT "20"
#define TEXT_POINTS "20"
#define TOKEN_MAX 4096u
#define TOKEN_FILE_MAX ((size_t)1 << 20)

static struct {
    const char *data, *url, *token_file;
    const char *from, *to, *service, *host, *pid, *version, *endpoint, *thread, *type;
    const char *limit, *sort, *search, *min_duration, *max_duration, *status, *kind, *name;
    const char *what, *by, *points, *base_from, *base_to, *base_version, *base_service, *norm;
    const char *output, *format;
    bool json, all;
} args;

static const struct opt options[] = {
    {"data", 0, OPT_PATH, &args.data, NULL, "DIR", "the store; default: where serve keeps it"},
    {"url", 0, OPT_STRING, &args.url, NULL, "URL",
     "ask a running serve instead, as http://127.0.0.1:7117"},
    {"token-file", 0, OPT_PATH, &args.token_file, NULL, "FILE", "the token that the URL wants"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "the answer as it is (docs/query.md)"},
    {"from", 0, OPT_STRING, &args.from, NULL, "TIME",
     "5m, 24h, 7d (ago), a date, or now; default: 1h", .group = "Which part"},
    {"to", 0, OPT_STRING, &args.to, NULL, "TIME", "the same; default: now", .group = "Which part"},
    {"service", 0, OPT_STRING, &args.service, NULL, "NAME", "only this service",
     .group = "Which part"},
    {"host", 0, OPT_STRING, &args.host, NULL, "NAME", "only this host", .group = "Which part"},
    {"pid", 'p', OPT_STRING, &args.pid, NULL, "PID", "only this process", .group = "Which part"},
    {"version", 0, OPT_STRING, &args.version, NULL, "TEXT", "only this version of the service",
     .group = "Which part"},
    {"endpoint", 0, OPT_STRING, &args.endpoint, NULL, "NAME",
     "only within requests to this, as endpoints names it", .group = "Which part"},
    {"thread", 0, OPT_STRING, &args.thread, NULL, "ID|NAME", "only this thread",
     .group = "Which part"},
    {"type", 0, OPT_CHOICE, &args.type, NULL, NULL, "what was sampled; default: cpu",
     .group = "Which part", .choices = "cpu wall gil alloc"},
    {"min-duration", 0, OPT_STRING, &args.min_duration, NULL, "DURATION",
     "traces, and profiles of them: at least this long", .group = "Which part"},
    {"max-duration", 0, OPT_STRING, &args.max_duration, NULL, "DURATION", "at most this long",
     .group = "Which part"},
    {"limit", 0, OPT_STRING, &args.limit, NULL, "N", "rows; 0: all; default: 20, with --json 100",
     .group = "Lists"},
    {"sort", 0, OPT_STRING, &args.sort, NULL, "KEY", "by this number of the JSON, largest first",
     .group = "Lists"},
    {"search", 0, OPT_STRING, &args.search, NULL, "TEXT", "only what has this in its name",
     .group = "Lists"},
    {"status", 0, OPT_CHOICE, &args.status, NULL, NULL, "traces: only those that failed",
     .group = "Lists", .choices = "any error"},
    {"kind", 0, OPT_STRING, &args.kind, NULL, "KIND",
     "events: start, exit, deploy, …; histogram: request, task, statement, …", .group = "Lists"},
    {"what", 0, OPT_CHOICE, &args.what, NULL, NULL, "series: of what; default: cpu",
     .group = "Series", .choices = "cpu requests latency queries runtime"},
    {"by", 0, OPT_CHOICE, &args.by, NULL, NULL, "series of cpu: a line for each", .group = "Series",
     .choices = "none process thread endpoint version"},
    {"name", 0, OPT_STRING, &args.name, NULL, "NAME", "series and histogram: only of this",
     .group = "Series"},
    {"points", 0, OPT_STRING, &args.points, NULL, "N", "series: about so many steps",
     .group = "Series"},
    {"base-from", 0, OPT_STRING, &args.base_from, NULL, "TIME", "compare with the range from here",
     .group = "Comparing"},
    {"base-to", 0, OPT_STRING, &args.base_to, NULL, "TIME", "to here", .group = "Comparing"},
    {"base-version", 0, OPT_STRING, &args.base_version, NULL, "TEXT", "compare with this version",
     .group = "Comparing"},
    {"base-service", 0, OPT_STRING, &args.base_service, NULL, "NAME", "compare with this service",
     .group = "Comparing"},
    {"norm", 0, OPT_CHOICE, &args.norm, NULL, NULL,
     "diff: shares of the samples, or seconds per second", .group = "Comparing",
     .choices = "shares seconds"},
    {"all", 'a', OPT_FLAG, &args.all, NULL, NULL, "diff: also what is noise", .group = "Comparing"},
    {"output", 'o', OPT_PATH, &args.output, NULL, "FILE",
     "profile, flamegraph: where to; - is standard output", .group = "Files"},
    {"format", 'f', OPT_CHOICE, &args.format, NULL, NULL, "default: by the ending of the output",
     .group = "Files", .choice_at = codec_writable_name},
    {0},
};

/* What is given becomes a parameter; the answer says what it does not know. */
static void add_params(struct query_question *question)
{
    const struct answer_param given[] = {
        {"from", args.from},
        {"to", args.to},
        {"service", args.service},
        {"host", args.host},
        {"pid", args.pid},
        {"version", args.version},
        {"endpoint", args.endpoint},
        {"thread", args.thread},
        {"type", args.type},
        {"min_duration", args.min_duration},
        {"max_duration", args.max_duration},
        {"limit", args.limit},
        {"sort", args.sort},
        {"search", args.search},
        {"status", args.status},
        {"kind", args.kind},
        {"what", args.what},
        {"by", args.by},
        {"name", args.name},
        {"points", args.points},
        {"base_from", args.base_from},
        {"base_to", args.base_to},
        {"base_version", args.base_version},
        {"base_service", args.base_service},
        {"norm", args.norm},
        {"all", args.all ? "1" : NULL},
    };
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value)
            query_set(question, given[i].name, given[i].value);
}

static bool is_file_question(const char *name)
{
    return !strcmp(name, "profile") || !strcmp(name, "flamegraph");
}

static int check_name(const struct cli_args *given, struct err *err)
{
    const char *name = given->words[0];
    const struct answer_kind *kind = answer_find(name);
    if (!strcmp(name, QUERY_STATUS))
        return args.url ? 0
                        : err_set(err, ERR_USAGE,
                                  "query: status is of a running serve; --url says "
                                  "where, as http://127.0.0.1:7117");
    if (!kind && !is_file_question(name)) {
        struct buf names;
        buf_init(&names, 0);
        for (kind = answer_kinds; kind->name; kind++)
            buf_printf(&names, " %s", kind->name);
        err_set(err, ERR_USAGE, "query: %s is not flamegraph or one of:%s", name, names.data);
        buf_done(&names);
        return ERR_USAGE;
    }
    if (given->word_count > 1 && !(kind && kind->takes_id))
        return err_set(err, ERR_USAGE, "query: %s takes no id", name);
    return 0;
}

static int write_json(struct query_place *place, const struct query_question *question,
                      struct buf *out, struct err *err)
{
    int result = query_ask(place, question, out, err);
    if (result == 0 && out->size && out->data[out->size - 1] != '\n')
        buf_add_char(out, '\n');
    return result;
}

static int write_text(struct query_place *place, struct query_question *question, struct buf *out,
                      struct err *err)
{
    struct buf json;
    unsigned width = columns_width();
    uint32_t limit = (uint32_t)strtoul(args.limit ? args.limit : TEXT_LIMIT, NULL, 10);
    if (!strcmp(question->name, "top"))
        return query_top_text(place, question, limit, width, out, err);
    if (!strcmp(question->name, "diff"))
        return query_diff_text(place, question, limit, width, out, err);
    if (query_columns(question->name) && !question->id && !args.limit)
        query_set(question, "limit", TEXT_LIMIT);
    if (!strcmp(question->name, "series") && !args.points)
        query_set(question, "points", TEXT_POINTS);
    buf_init(&json, 0);
    int result = query_ask(place, question, &json, err);
    if (result == 0)
        result = query_text(question, &json, width, out, err);
    buf_done(&json);
    return result;
}

static int answer(struct query_place *place, struct query_question *question, struct err *err)
{
    if (is_file_question(question->name)) {
        bool draws = !strcmp(question->name, "flamegraph") && !args.format;
        const char *path = args.output ? args.output : draws ? "flamegraph.svg" : "-";
        const char *format = draws && !strcmp(path, "-") ? "flamegraph" : args.format;
        return query_write_profile(place, question, path, format, err);
    }
    struct buf out;
    buf_init(&out, 0);
    int result =
        args.json ? write_json(place, question, &out, err) : write_text(place, question, &out, err);
    if (result == 0 && buf_failed(&out))
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0 && out.size)
        fwrite(out.data, 1, out.size, stdout); /* main reports what could not be written */
    buf_done(&out);
    return result;
}

/* The file's first line. */
static int read_token(struct buf *token, struct err *err)
{
    buf_init(token, TOKEN_FILE_MAX);
    if (!args.token_file)
        return 0;
    int result = file_read(args.token_file, token, err);
    if (result == 0)
        token->data[strcspn(token->data, "\r\n")] = '\0';
    if (result == 0 && (!*token->data || strlen(token->data) > TOKEN_MAX))
        result = err_set(err, ERR_USAGE, "%s: its first line is no token", args.token_file);
    return result;
}

static int run(const struct cli_args *given, struct err *err)
{
    struct buf token;
    struct query_question question = {
        .name = given->words[0],
        .id = given->word_count > 1 ? given->words[1] : NULL,
    };
    struct query_place place = {.data = args.data, .url = args.url, .now_ns = clock_wall_ns()};
    if (args.url && args.data)
        return err_set(err, ERR_USAGE, "query: --url and --data: one of the two");
    int result = check_name(given, err);
    if (result < 0)
        return result;
    add_params(&question);
    result = read_token(&token, err);
    place.token = args.token_file ? token.data : NULL;
    if (result == 0)
        result = answer(&place, &question, err);
    query_place_done(&place);
    buf_done(&token);
    return result;
}

static const struct cli_word words[] = {
    {"WHAT",
     "services, endpoints, queries, traces, processes, top, flamegraph, …: docs/query.md has all",
     false, false, false},
    {"ID", "traces: one of them", false, true, false},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper query services --from 24h", "what ran, and how much"},
    {"pitviper query endpoints --service shop --sort p95_s", "which requests take long"},
    {"pitviper query queries --service shop --from 24h", "which statements, and N+1"},
    {"pitviper query top --service shop --from 24h", "where a day's time went"},
    {"pitviper query flamegraph --service shop --from 3h --to 2h -o slow.svg", "one hour of it"},
    {"pitviper query diff --service shop --version v2 --base-version v1", "what a release changed"},
    {"pitviper query traces --min-duration 1s --url http://127.0.0.1:7117",
     "slow requests, from a running serve"},
    {0},
};

const struct cli_command cmd_query = {
    .name = "query",
    .summary = "ask the history that serve keeps",
    .description =
        "Reads a store, also while serve is writing it, or asks a running serve (--url). The range "
        "is rounded outward to the windows that are left of that time: ten seconds, a minute, ten "
        "minutes, an hour or a day. Nothing is cut off: all samples of the range are in the sums.",
    .examples = examples,
    .options = options,
    .words = words,
    .run = run,
};
