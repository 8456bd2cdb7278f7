/* SPDX-License-Identifier: MIT */
/* answer_profile.c - the sum of all samples that a question is about, in every format: flame graph,
 * tables, what changed since a base.
 *
 * Two profiles that are drawn together need the same ids. The base is read first; the newer one
 * begins as a copy of its shapes and grows from there, so that the base's ids mean the same in it.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/diff.h"
#include "query/diff_flame.h"
#include "query/report.h"
#include "query/trace_blob.h"

#define TITLE_MAX 256
#define MAX_SECONDS UINT64_C(31536000) /* that "seconds" may ask for */

static const char splits[] = "none process thread endpoint";

/* -- what is asked for ----------------------------------------------------------------------- */

struct wish {
    struct ask ask;
    struct store_query base; /* what it is compared with */
    bool has_base;
    bool of_traces; /* not all samples, only those of kept traces */
    uint64_t min_duration_ns, max_duration_ns;
};

/* The same question about another time, version or service. */
static int read_base(struct wish *wish, struct err *err)
{
    const struct ask *ask = &wish->ask;
    const char *version = ask_text(ask, "base_version"), *service = ask_text(ask, "base_service");
    wish->base = ask->query;
    int result = ask_instant(ask, "base_from", &wish->base.from_ns, err);
    if (result == 0)
        result = ask_instant(ask, "base_to", &wish->base.to_ns, err);
    wish->base.version = version ? version : wish->base.version;
    wish->base.service = service ? service : wish->base.service;
    wish->has_base = version || service || ask_text(ask, "base_from") || ask_text(ask, "base_to");
    if (result == 0 && wish->base.from_ns >= wish->base.to_ns)
        result =
            err_set(err, ERR_USAGE,
                    "the base's range ends before it begins: base_from must be before base_to");
    return result;
}

static int read_wish(struct wish *wish, const struct answer_request *request, const char *params,
                     struct err *err)
{
    unsigned split = STORE_SPLIT_NONE;
    uint64_t seconds = 0;
    memset(wish, 0, sizeof *wish);
    int result = ask_init(&wish->ask, request, params, err);
    if (result == 0)
        result = ask_choice(&wish->ask, "split", splits, &split, err);
    if (result == 0)
        result = ask_number(&wish->ask, "seconds", MAX_SECONDS, &seconds, err);
    if (result == 0)
        result = ask_duration(&wish->ask, "min_duration", &wish->min_duration_ns, err);
    wish->max_duration_ns = UINT64_MAX;
    if (result == 0)
        result = ask_duration(&wish->ask, "max_duration", &wish->max_duration_ns, err);
    wish->of_traces = ask_text(&wish->ask, "min_duration") || ask_text(&wish->ask, "max_duration");
    if (result == 0 && wish->of_traces)
        result = ask_refuse(&wish->ask, "host thread", "traces are not kept by it", err);
    if (seconds && ask_text(&wish->ask, "from"))
        result = err_set(err, ERR_USAGE, "seconds and from: one of the two");
    uint64_t span_ns = seconds * UINT64_C(1000000000), to_ns = wish->ask.query.to_ns;
    if (result == 0 && seconds)
        wish->ask.query.from_ns = to_ns > span_ns ? to_ns - span_ns : 0;
    wish->ask.query.split = (enum store_split)split;
    return result == 0 ? read_base(wish, err) : result;
}

/* -- samples of kept traces ------------------------------------------------------------------ */

struct slow {
    struct profile *into;
    struct buf json;
    uint64_t max_duration_ns;
    int result;
    struct err *err;
};

static int add_trace_profile(struct slow *slow, const json_t *profile)
{
    char *text = json_dumps(profile, JSON_COMPACT);
    struct profile *one = profile_new();
    int result = text && one ? 0 : ERR_NO_MEMORY;
    if (result == 0)
        result = codec_find("json")->read(text, strlen(text), one, slow->err);
    else
        err_set(slow->err, result, "out of memory");
    if (result == 0 && profile_merge(slow->into, one) < 0)
        result = err_set(slow->err, ERR_NO_MEMORY, "out of memory");
    profile_free(one);
    free(text);
    return result;
}

static int take_slow(void *context, const struct store_trace *trace)
{
    struct slow *slow = context;
    json_error_t where;
    if (trace->duration_ns > slow->max_duration_ns)
        return 0;
    buf_reset(&slow->json);
    slow->result = trace_blob_decode(trace->data, trace->size, &slow->json, slow->err);
    json_t *root =
        slow->result == 0 ? json_loadb(slow->json.data, slow->json.size, 0, &where) : NULL;
    json_t *profile = json_object_get(root, "profile");
    if (slow->result == ERR_BAD_DATA) /* it is as if it had not been kept */
        slow->result = 0;
    if (slow->result == 0 && json_is_object(profile))
        slow->result = add_trace_profile(slow, profile);
    json_decref(root);
    return slow->result;
}

static int read_slow(struct store *store, const struct wish *wish, const struct store_query *query,
                     struct profile *into, struct err *err)
{
    struct slow slow = {.into = into, .max_duration_ns = wish->max_duration_ns, .err = err};
    buf_init(&slow.json, 0);
    int result = store_read_traces(store, query, wish->min_duration_ns, take_slow, &slow, err);
    buf_done(&slow.json);
    into->meta.start_wall_ns = query->from_ns;
    into->meta.duration_ns = query->to_ns - query->from_ns;
    return result < 0 ? result : slow.result;
}

/* -- reading --------------------------------------------------------------------------------- */

static int read_samples(struct store *store, const struct wish *wish,
                        const struct store_query *query, struct profile *into,
                        struct store_answer *answer, struct err *err)
{
    if (!wish->of_traces)
        return store_read_profile(store, query, into, answer, err);
    *answer = (struct store_answer){.from_ns = query->from_ns, .to_ns = query->to_ns};
    return read_slow(store, wish, query, into, err);
}

struct pair {
    struct profile *base, *newer; /* base: NULL without one */
};

static void pair_done(struct pair *pair)
{
    profile_free(pair->base);
    profile_free(pair->newer);
}

static int read_pair(struct store *store, const struct wish *wish, struct pair *pair,
                     struct store_answer *answer, struct err *err)
{
    struct store_answer base_answer;
    struct store_query base = wish->base;
    int result = 0;
    base.split = wish->ask.query.split;
    *pair = (struct pair){.newer = profile_new()};
    pair->base = wish->has_base ? profile_new() : NULL;
    if (!pair->newer || (wish->has_base && !pair->base))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (wish->has_base)
        result = read_samples(store, wish, &base, pair->base, &base_answer, err);
    if (result == 0 && wish->has_base && profile_merge_shape(pair->newer, pair->base) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0)
        result = read_samples(store, wish, &wish->ask.query, pair->newer, answer, err);
    if (result == 0 && wish->has_base)
        answer->damaged_windows += base_answer.damaged_windows;
    return result;
}

/* -- profile --------------------------------------------------------------------------------- */

static const char *media_type_of(const char *format)
{
    static const char *const types[][2] = {
        {"flamegraph", "image/svg+xml"},
        {"html", "text/html; charset=utf-8"},
        {"folded", "text/plain; charset=utf-8"},
        {"callgrind", "text/plain; charset=utf-8"},
        {"json", "application/json"},
        {"speedscope", "application/json"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i][0], format))
            return types[i][1];
    return "application/octet-stream";
}

static int find_format(const struct wish *wish, const struct codec_format **out, struct err *err)
{
    const char *name = ask_text(&wish->ask, "format");
    const struct codec_format *format = codec_find(name ? name : "json");
    if (!format || !format->write)
        return err_set(err, ERR_USAGE, "format: %.80s is none that can be written here",
                       name ? name : "json");
    bool compares = !strcmp(format->name, "json") || !strcmp(format->name, "html") ||
                    !strcmp(format->name, "flamegraph");
    if (wish->has_base && !compares)
        return err_set(err, ERR_USAGE,
                       "format: %s shows one profile; base_from, base_to and base_version go with "
                       "json, html and flamegraph",
                       format->name);
    *out = format;
    return 0;
}

static void title_of(const struct store_query *query, char out[TITLE_MAX])
{
    snprintf(out, TITLE_MAX, "%s%s%s%s%s", query->service ? query->service : "all services",
             query->version ? " " : "", query->version ? query->version : "",
             query->endpoint ? " " : "", query->endpoint ? query->endpoint : "");
}

static int draw_change(const struct pair *pair, const char *title, struct buf *out, struct err *err)
{
    struct diff_options wanted = diff_defaults();
    struct diff diff;
    struct diff_flame flame;
    int result = diff_init(&diff, pair->base, pair->newer, &wanted, err);
    if (result < 0)
        return result;
    result = diff_flame_init(&flame, &diff);
    if (result == 0) {
        struct codec_change change = {
            .heat = flame.heat,
            .before = flame.before,
            .after = flame.after,
            .unit = diff.unit,
            .subtitle = "red: slower, blue: faster, grey: noise or too small to test; width: the "
                        "mean of before and after",
        };
        struct codec_options how = {.title = title, .change = &change};
        result = codec_find("flamegraph")->write(&flame.profile, &how, out, err);
        diff_flame_done(&flame);
    } else {
        err_set(err, result, "out of memory");
    }
    diff_done(&diff);
    return result;
}

static int write_profile(const struct wish *wish, const struct codec_format *format,
                         const struct pair *pair, struct buf *out, struct err *err)
{
    char title[TITLE_MAX], base_title[TITLE_MAX];
    title_of(&wish->ask.query, title);
    title_of(&wish->base, base_title);
    if (pair->base && !strcmp(format->name, "flamegraph"))
        return draw_change(pair, title, out, err);
    struct codec_options how = {.title = title, .base = pair->base, .base_title = base_title};
    int result = format->write(pair->newer, &how, out, err);
    if (result == ERR_USAGE)
        return err_set(err, result,
                       "format: %s needs the order of the samples in time, and the history has "
                       "sums; pprof, speedscope, flamegraph, html and json have what there is",
                       format->name);
    return result < 0 ? result : list_check(out, err);
}

int answer_profile(struct store *store, const struct answer_request *request, struct buf *out,
                   const char **media_type, struct err *err)
{
    struct wish wish;
    struct pair pair = {0};
    struct store_answer answer;
    const struct codec_format *format = NULL;
    int result = read_wish(&wish, request, ANSWER_PROFILE_PARAMS, err);
    if (result == 0)
        result = find_format(&wish, &format, err);
    if (result == 0)
        result = read_pair(store, &wish, &pair, &answer, err);
    if (result == 0)
        result = write_profile(&wish, format, &pair, out, err);
    if (result == 0)
        *media_type = media_type_of(format->name);
    pair_done(&pair);
    return result;
}

/* -- tables ---------------------------------------------------------------------------------- */

int answer_top(struct store *store, const struct answer_request *request, struct buf *out,
               const char **media_type, struct err *err)
{
    (void)media_type;
    struct wish wish;
    struct pair pair = {0};
    struct store_answer answer;
    struct report report;
    int result = read_wish(&wish, request, ANSWER_TOP_PARAMS, err);
    wish.ask.query.split = STORE_SPLIT_THREAD; /* there is a table of threads */
    if (result == 0)
        result = read_pair(store, &wish, &pair, &answer, err);
    if (result == 0) {
        struct report_options wanted = {
            .tables = REPORT_ALL, .limit = wish.ask.limit, .filter = wish.ask.search};
        result = report_init(&report, pair.newer, &wanted, err);
    }
    if (result == 0) {
        report_json(&report, out);
        report_done(&report);
        result = list_check(out, err);
    }
    pair_done(&pair);
    return result;
}

/* -- what changed ---------------------------------------------------------------------------- */

int answer_diff(struct store *store, const struct answer_request *request, struct buf *out,
                const char **media_type, struct err *err)
{
    (void)media_type;
    struct wish wish;
    struct pair pair = {0};
    struct store_answer answer;
    struct diff diff;
    struct diff_options wanted = diff_defaults();
    unsigned norm = 0, all = 0;
    int result = read_wish(&wish, request, ANSWER_DIFF_PARAMS, err);
    if (result == 0)
        result = ask_choice(&wish.ask, "norm", "shares seconds", &norm, err);
    if (result == 0)
        result = ask_choice(&wish.ask, "all", "0 1", &all, err);
    if (result == 0 && !wish.has_base)
        result =
            err_set(err, ERR_USAGE,
                    "what is it compared with? base_from and base_to, or base_version, say it");
    if (result == 0)
        result = read_pair(store, &wish, &pair, &answer, err);
    wanted.norm = norm ? DIFF_SECONDS : DIFF_SHARES;
    if (result == 0)
        result = diff_init(&diff, pair.base, pair.newer, &wanted, err);
    if (result == 0) {
        diff_json(&diff, all != 0, out);
        diff_done(&diff);
        result = list_check(out, err);
    }
    pair_done(&pair);
    return result;
}
