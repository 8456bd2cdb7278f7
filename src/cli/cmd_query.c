/* SPDX-License-Identifier: MIT */
/* cmd_query.c - pitviper query: what the store knows, on the terminal or as a file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/data_dir.h"
#include "cli/report_text.h"
#include "codec/codec.h"
#include "query/report.h"
#include "store/store.h"

static struct {
    const char *data, *from, *to, *service, *host, *version, *endpoint, *thread, *type;
    const char *output, *format;
    pid_t pid;
    int64_t limit;
    bool json;
} args;

static const struct opt options[] = {
    {"data", 0, OPT_PATH, &args.data, NULL, "DIR", "the store; default: where serve keeps it"},
    {"from", 0, OPT_STRING, &args.from, "1h", "TIME", "5m, 24h, 7d (ago), a date, or now"},
    {"to", 0, OPT_STRING, &args.to, "now", "TIME", "the same"},
    {"service", 0, OPT_STRING, &args.service, NULL, "NAME", "only this service"},
    {"host", 0, OPT_STRING, &args.host, NULL, "NAME", "only this host"},
    {"pid", 'p', OPT_PID, &args.pid, NULL, NULL, "only this process"},
    {"version", 0, OPT_STRING, &args.version, NULL, "TEXT", "only this version of the service"},
    {"endpoint", 0, OPT_STRING, &args.endpoint, NULL, "ROUTE", "only within requests to this"},
    {"thread", 0, OPT_STRING, &args.thread, NULL, "ID|NAME", "only this thread"},
    {"type", 0, OPT_CHOICE, &args.type, "cpu", NULL, "what was sampled",
     .choices = "cpu wall gil alloc"},
    {"limit", 0, OPT_INT, &args.limit, "20", "N", "top: rows per table; 0: all", .max = 1000000000},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "as JSON"},
    {"output", 'o', OPT_PATH, &args.output, "flamegraph.svg", "FILE",
     "flamegraph: where to; - is standard output"},
    {"format", 'f', OPT_CHOICE, &args.format, NULL, NULL,
     "flamegraph: another format; default: by the ending of the output",
     .choice_at = codec_writable_name},
    {0},
};

static int parse_query(struct store_query *query, struct err *err)
{
    uint64_t now = clock_wall_ns();
    *query = (struct store_query){
        .service = args.service,
        .host = args.host,
        .version = args.version,
        .endpoint = args.endpoint,
        .thread = args.thread,
        .pid = args.pid,
        .type = (enum store_type)store_type_find(args.type),
    };
    if (instant_parse(args.from, now, &query->from_ns) < 0)
        return err_set(err, ERR_USAGE, "query: --from %s: not a time (5m, 24h, a date, now)",
                       args.from);
    if (instant_parse(args.to, now, &query->to_ns) < 0)
        return err_set(err, ERR_USAGE, "query: --to %s: not a time (5m, 24h, a date, now)",
                       args.to);
    return 0;
}

/* Whatever is not in the answer is said. */
static void warn(const struct store_answer *answer)
{
    if (answer->damaged_windows)
        log_warning("%" PRIu64 " windows are damaged and were left out", answer->damaged_windows);
    if (answer->missing_ns)
        log_warning("%.0f minutes could not be read", (double)answer->missing_ns / 60e9);
}

static void put(const struct buf *out)
{
    fwrite(out->data ? out->data : "", 1, out->size, stdout);
}

/* -- profiles -------------------------------------------------------------------------------- */

static int print_top(const struct profile *profile, struct err *err)
{
    struct report report;
    struct report_options wanted = {
        .tables = args.json ? REPORT_ALL : REPORT_ALL & ~(unsigned)REPORT_FILES,
        .limit = (uint32_t)args.limit,
    };
    int result = report_init(&report, profile, &wanted, err);
    if (result < 0)
        return result;
    struct buf out;
    buf_init(&out, 0);
    if (args.json)
        report_json(&report, &out);
    else
        report_text(&report, args.service ? args.service : "all services", columns_width(), &out);
    put(&out);
    buf_done(&out);
    report_done(&report);
    return 0;
}

static int write_file(const struct profile *profile, struct err *err)
{
    const struct codec_format *format =
        args.format ? codec_find(args.format) : codec_find_by_path(args.output);
    if (!format || !format->write || format->needs_timeline)
        return err_set(err, ERR_USAGE,
                       "query: %s: no format that a sum of samples can be written in", args.output);
    struct buf out;
    buf_init(&out, 0);
    struct codec_options how = {.title = args.service};
    int result = format->write(profile, &how, &out, err);
    if (result == 0)
        result = file_replace(args.output, out.data, out.size, err);
    buf_done(&out);
    if (result == 0 && strcmp(args.output, "-") != 0)
        log_info("%s written", args.output);
    return result;
}

static int profile_answer(struct store *store, const struct store_query *query, bool top,
                          struct err *err)
{
    struct profile *profile = profile_new();
    struct store_answer answer;
    struct store_query split = *query;
    split.split = top ? STORE_SPLIT_THREAD : STORE_SPLIT_NONE; /* top has a table of threads */
    if (!profile)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int result = store_read_profile(store, &split, profile, &answer, err);
    if (result == 0)
        warn(&answer);
    if (result == 0 && profile_total_count(profile) == 0)
        log_warning("there are no samples in this range");
    if (result == 0)
        result = top ? print_top(profile, err) : write_file(profile, err);
    profile_free(profile);
    return result;
}

/* -- what there is --------------------------------------------------------------------------- */

struct listing {
    struct buf out;
    struct jsonw json;
    enum store_group by;
};

static void add_json_row(struct listing *listing, const struct store_group_row *row)
{
    struct jsonw *json = &listing->json;
    jsonw_object_begin(json);
    jsonw_key_string(json, "service", row->service);
    jsonw_key_string(json, "host", row->host);
    jsonw_key_string(json, "type", store_type_name(row->type));
    if (listing->by == STORE_BY_SERVICE || listing->by == STORE_BY_PROCESS)
        jsonw_key_string(json, "version", row->version);
    if (listing->by == STORE_BY_PROCESS) {
        jsonw_key_i64(json, "pid", row->pid);
        jsonw_key_string(json, "process", row->process);
    }
    if (listing->by == STORE_BY_ENDPOINT)
        jsonw_key_string(json, "endpoint", row->endpoint);
    if (listing->by == STORE_BY_THREAD)
        jsonw_key_string(json, "thread", row->thread);
    jsonw_key_u64(json, "from", row->first_ns / 1000000000);
    jsonw_key_u64(json, "to", row->last_ns / 1000000000);
    jsonw_key_u64(json, "samples", row->count);
    jsonw_key_double(json, "seconds", (double)row->weight_ns / 1e9);
    jsonw_object_end(json);
}

/* Names come from other people's processes: no control characters reach the terminal. */
static void add_text(struct buf *out, const char *text, int width)
{
    int written = 0;
    for (; *text; text++, written++)
        buf_add_char(out, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    for (; written < width; written++)
        buf_add_char(out, ' ');
    buf_add_str(out, "  ");
}

static void add_text_row(struct listing *listing, const struct store_group_row *row)
{
    struct buf *out = &listing->out;
    buf_printf(out, "%12" PRIu64 "  ", row->count);
    columns_seconds(out, (double)row->weight_ns / 1e9);
    buf_add_str(out, "  ");
    add_text(out, store_type_name(row->type), 5);
    add_text(out, row->service, 20);
    add_text(out, row->host, 12);
    if (listing->by == STORE_BY_PROCESS)
        buf_printf(out, "%8d  ", row->pid);
    if (listing->by == STORE_BY_SERVICE || listing->by == STORE_BY_PROCESS)
        add_text(out, row->version, 10);
    add_text(out,
             listing->by == STORE_BY_PROCESS    ? row->process
             : listing->by == STORE_BY_ENDPOINT ? row->endpoint
                                                : row->thread,
             0);
    while (out->size && out->data[out->size - 1] == ' ')
        out->size--;
    buf_add_char(out, '\n');
}

static int add_row(void *context, const struct store_group_row *row)
{
    struct listing *listing = context;
    if (args.json)
        add_json_row(listing, row);
    else
        add_text_row(listing, row);
    return 0;
}

static int list_answer(struct store *store, const struct store_query *query, enum store_group by,
                       struct err *err)
{
    struct listing listing = {.by = by};
    struct store_answer answer;
    buf_init(&listing.out, 0);
    jsonw_init(&listing.json, &listing.out);
    if (args.json)
        jsonw_array_begin(&listing.json);
    int result = store_read_groups(store, query, by, add_row, &listing, &answer, err);
    if (args.json) {
        jsonw_array_end(&listing.json);
        buf_add_char(&listing.out, '\n');
    }
    if (result == 0) {
        warn(&answer);
        put(&listing.out);
    }
    buf_done(&listing.out);
    return result;
}

static const struct {
    const char *name;
    enum store_group by;
} listings[] = {
    {"services", STORE_BY_SERVICE},
    {"processes", STORE_BY_PROCESS},
    {"endpoints", STORE_BY_ENDPOINT},
    {"threads", STORE_BY_THREAD},
};

static int answer(struct store *store, const char *what, struct err *err)
{
    struct store_query query;
    int result = parse_query(&query, err);
    if (result < 0)
        return result;
    if (!strcmp(what, "top") || !strcmp(what, "flamegraph"))
        return profile_answer(store, &query, !strcmp(what, "top"), err);
    for (size_t i = 0; i < sizeof listings / sizeof *listings; i++)
        if (!strcmp(what, listings[i].name))
            return list_answer(store, &query, listings[i].by, err);
    return err_set(err, ERR_USAGE,
                   "query: %s is not top, flamegraph, services, processes, endpoints or threads",
                   what);
}

static int run(const struct cli_args *given, struct err *err)
{
    char dir[512];
    struct store_options how = {.write = false};
    struct store *store = NULL;
    int result = data_dir(args.data, dir, sizeof dir, err);
    if (result == 0)
        result = store_open(dir, &how, &store, err);
    if (result == 0)
        result = answer(store, given->words[0], err);
    store_close(store);
    return result;
}

static const struct cli_word words[] = {
    {"WHAT", "top, flamegraph, services, processes, endpoints or threads", false, false, false},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper query services --from 24h", "what ran, and how much"},
    {"pitviper query top --service shop --from 24h", "where a day's time went"},
    {"pitviper query flamegraph --service shop --from 3h --to 2h -o slow.svg", "one hour of it"},
    {"pitviper query top --service shop --endpoint '/cart/<id>' --json",
     "one endpoint, for scripts"},
    {0},
};

const struct cli_command cmd_query = {
    .name = "query",
    .summary = "ask the history that serve keeps",
    .description =
        "Reads a store, also while serve is writing it. The range is rounded outward to the "
        "windows that are left of that time: ten seconds, a minute, ten minutes, an hour or a "
        "day. Nothing is cut off: all samples of the range are in the sums.",
    .examples = examples,
    .options = options,
    .words = words,
    .run = run,
};
