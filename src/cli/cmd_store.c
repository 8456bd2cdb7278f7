/* SPDX-License-Identifier: MIT */
/* cmd_store.c - pitviper store: what is kept, whether it is whole, copies, and less of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/instant.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "store/store.h"

static struct {
    const char *data, *from, *to, *before;
    bool json;
} args;

static const struct opt options[] = {
    {"data", 0, OPT_PATH, &args.data, NULL, "DIR", "the store; default: where serve keeps it"},
    {"from", 0, OPT_STRING, &args.from, NULL, "TIME", "export: files that reach beyond this"},
    {"to", 0, OPT_STRING, &args.to, NULL, "TIME", "export: files that begin before this"},
    {"before", 0, OPT_STRING, &args.before, NULL, "TIME",
     "prune: delete files that end before this (30d: thirty days ago)"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "as JSON"},
    {0},
};

struct totals {
    struct jsonw json;
    struct buf out;
    uint64_t bytes;
    unsigned files, findings;
};

static int parse_time(const char *name, const char *text, uint64_t initial, uint64_t *out,
                      struct err *err)
{
    *out = initial;
    if (text && instant_parse(text, clock_wall_ns(), out) < 0)
        return err_set(err, ERR_USAGE, "store: --%s %s: not a time (5m, 24h, a date, now)", name,
                       text);
    return 0;
}

static int open_store(bool write, struct store **store, struct err *err)
{
    char dir[512];
    struct store_options how = {.write = write};
    int result = data_dir(args.data, dir, sizeof dir, err);
    return result == 0 ? store_open(dir, &how, store, err) : result;
}

/* -- info ------------------------------------------------------------------------------------ */

static int add_json_file(void *context, const struct store_file *file)
{
    struct totals *totals = context;
    struct jsonw *json = &totals->json;
    jsonw_object_begin(json);
    jsonw_key_string(json, "name", file->name);
    jsonw_key_string(json, "duty", file->duty);
    jsonw_key_double(json, "window_s", (double)file->window_ns / 1e9);
    jsonw_key_u64(json, "from", file->from_ns / 1000000000);
    jsonw_key_u64(json, "to", file->to_ns / 1000000000);
    jsonw_key_u64(json, "bytes", file->bytes);
    jsonw_key_bool(json, "damaged", file->damaged);
    jsonw_object_end(json);
    totals->bytes += file->bytes;
    totals->files++;
    return 0;
}

static int add_text_file(void *context, const struct store_file *file)
{
    struct totals *totals = context;
    char size[UNITS_TEXT_MAX];
    uint64_t rounded = file->bytes < 1 << 20 ? file->bytes & ~UINT64_C(1023)
                                             : file->bytes & ~((UINT64_C(1) << 20) - 1);
    buf_printf(&totals->out, "%10s  %s%s\n",
               units_format_size(rounded ? rounded : file->bytes, size), file->name,
               file->damaged ? "  (damaged, set aside)" : "");
    totals->bytes += file->bytes;
    totals->files++;
    return 0;
}

static int info(struct store *store, struct totals *totals, struct err *err)
{
    if (args.json) {
        jsonw_object_begin(&totals->json);
        jsonw_key(&totals->json, "files");
        jsonw_array_begin(&totals->json);
    }
    int result = store_list(store, args.json ? add_json_file : add_text_file, totals, err);
    if (args.json) {
        jsonw_array_end(&totals->json);
        jsonw_key_u64(&totals->json, "bytes", totals->bytes);
        jsonw_object_end(&totals->json);
        buf_add_char(&totals->out, '\n');
    } else {
        buf_printf(&totals->out, "%u files, %.1f MB\n", totals->files, (double)totals->bytes / 1e6);
    }
    return result;
}

/* -- check ----------------------------------------------------------------------------------- */

static void add_finding(void *context, const char *file, const char *finding)
{
    struct totals *totals = context;
    totals->findings++;
    if (!args.json) {
        buf_printf(&totals->out, "%s: %s\n", file, finding);
        return;
    }
    jsonw_object_begin(&totals->json);
    jsonw_key_string(&totals->json, "file", file);
    jsonw_key_string(&totals->json, "finding", finding);
    jsonw_object_end(&totals->json);
}

static int check(struct store *store, struct totals *totals, struct err *err)
{
    if (args.json) {
        jsonw_object_begin(&totals->json);
        jsonw_key(&totals->json, "findings");
        jsonw_array_begin(&totals->json);
    }
    int result = store_check(store, add_finding, totals, err);
    if (args.json) {
        jsonw_array_end(&totals->json);
        jsonw_object_end(&totals->json);
        buf_add_char(&totals->out, '\n');
    } else if (!totals->findings) {
        buf_add_str(&totals->out, "everything is as it was written\n");
    }
    return result;
}

/* -- copies ---------------------------------------------------------------------------------- */

static int export(struct store *store, const char *place, struct err *err)
{
    uint64_t from, to;
    int result = parse_time("from", args.from, 0, &from, err);
    if (result == 0)
        result = parse_time("to", args.to, UINT64_MAX, &to, err);
    return result == 0 ? store_export(store, from, to, place, err) : result;
}

static int import(struct store *store, const char *place, struct totals *totals, struct err *err)
{
    struct store_import done;
    int result = store_import(store, place, &done, err);
    if (result < 0)
        return result;
    if (!args.json) {
        buf_printf(&totals->out,
                   "%" PRIu64 " windows, %" PRIu64 " traces and %" PRIu64 " events taken; %" PRIu64
                   " were here, %" PRIu64 " could not be read\n",
                   done.windows, done.traces, done.events, done.present, done.damaged);
        return 0;
    }
    jsonw_object_begin(&totals->json);
    jsonw_key_u64(&totals->json, "windows", done.windows);
    jsonw_key_u64(&totals->json, "traces", done.traces);
    jsonw_key_u64(&totals->json, "events", done.events);
    jsonw_key_u64(&totals->json, "present", done.present);
    jsonw_key_u64(&totals->json, "damaged", done.damaged);
    jsonw_object_end(&totals->json);
    buf_add_char(&totals->out, '\n');
    return 0;
}

static int prune(struct store *store, struct totals *totals, struct err *err)
{
    uint64_t before;
    if (!args.before)
        return err_set(err, ERR_USAGE, "store prune: --before TIME says what may go");
    int result = parse_time("before", args.before, 0, &before, err);
    if (result == 0)
        result = store_prune(store, before, err);
    struct store_stats stats;
    store_stats(store, &stats);
    if (result == 0)
        buf_printf(&totals->out,
                   args.json ? "{\"deleted_files\":%" PRIu64 "}\n" : "%" PRIu64 " files deleted\n",
                   stats.deleted_files);
    return result;
}

enum action { INFO, CHECK, EXPORT, IMPORT, PRUNE, ACTIONS };
static const struct {
    const char *name;
    bool writes, takes_place;
} actions[ACTIONS] = {
    [INFO] = {"info", false, false},    [CHECK] = {"check", false, false},
    [EXPORT] = {"export", false, true}, [IMPORT] = {"import", true, true},
    [PRUNE] = {"prune", true, false},
};

static int find_action(const struct cli_args *given, enum action *action, struct err *err)
{
    for (*action = 0; *action < ACTIONS; (*action)++)
        if (!strcmp(given->words[0], actions[*action].name))
            break;
    if (*action == ACTIONS)
        return err_set(err, ERR_USAGE, "store: %s is not info, check, export, import or prune",
                       given->words[0]);
    if (actions[*action].takes_place != (given->word_count == 2))
        return err_set(err, ERR_USAGE,
                       actions[*action].takes_place
                           ? "store %s: which directory?"
                           : "store %s takes no directory; --data DIR is the store",
                       given->words[0]);
    return 0;
}

static int run(const struct cli_args *given, struct err *err)
{
    enum action action;
    struct store *store = NULL;
    struct totals totals = {0};
    buf_init(&totals.out, 0);
    jsonw_init(&totals.json, &totals.out);
    int result = find_action(given, &action, err);
    if (result == 0)
        result = open_store(actions[action].writes, &store, err);
    if (result < 0)
        return result;
    const char *place = given->word_count == 2 ? given->words[1] : NULL;
    switch (action) {
    case INFO:
        result = info(store, &totals, err);
        break;
    case CHECK:
        result = check(store, &totals, err);
        break;
    case EXPORT:
        result = export(store, place, err);
        break;
    case IMPORT:
        result = import(store, place, &totals, err);
        break;
    default:
        result = prune(store, &totals, err);
    }
    store_close(store);
    fwrite(totals.out.data ? totals.out.data : "", 1, totals.out.size, stdout);
    buf_done(&totals.out);
    return result;
}

static const struct cli_word words[] = {
    {"ACTION", "info, check, export, import or prune", false, false, false},
    {"DIR", "export: a new directory; import: another store", true, true, false},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper store info", "which files there are, and what they take"},
    {"pitviper store check --json", "reads everything; status 2 when something is damaged"},
    {"pitviper store export /tmp/incident --from 3h", "a copy of the last hours, a store itself"},
    {"pitviper store import /tmp/incident --data ~/incidents", "into another store"},
    {"pitviper store prune --before 30d", "delete what ended thirty days ago"},
    {0},
};

const struct cli_command cmd_store = {
    .name = "store",
    .summary = "look after the history that serve keeps",
    .description =
        "info lists the files. check reads every page and every blob. export copies what overlaps "
        "a range into a new directory, which is a store again; also while serve is writing. import "
        "takes over what another store has and this one has not. prune deletes whole files.\n\n"
        "import and prune want the store for themselves: stop serve first.",
    .examples = examples,
    .options = options,
    .words = words,
    .run = run,
};
