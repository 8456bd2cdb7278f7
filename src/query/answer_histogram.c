/* SPDX-License-Identifier: MIT */
/* answer_histogram.c - how long it took, as a histogram: eight buckets to a power of two, each of
 * eight of the finer ones that the quantiles are from. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/agent.h"
#include "base/loglinear.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/label.h"
#include "query/timing.h"

#define JOINED 8u /* finer buckets in one */

/* By enum agent_kind, from 1. */
static const char kinds[] =
    "request task statement outbound cache template exception user gc queue loop";

struct gathering {
    const struct ask *ask;
    const char *name;
    struct timing timing;
};

static bool is_wanted(const struct gathering *g, const struct store_histogram *histogram)
{
    char text[LABEL_MAX];
    if (!label_is_wanted(g->ask, histogram))
        return false;
    if (!g->name || !strcmp(histogram->name, g->name))
        return true;
    snprintf(text, sizeof text, "%016" PRIx64, histogram->fingerprint);
    if (histogram->fingerprint && !strcmp(text, g->name))
        return true;
    return !strcmp(label_of(histogram->kind, histogram->name, histogram->detail, text), g->name);
}

static int take(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    (void)start_ns;
    struct gathering *g = context;
    return is_wanted(g, histogram) ? timing_add(&g->timing, histogram) : 0;
}

static void write_bucket(struct jsonw *json, uint32_t first, uint64_t count)
{
    jsonw_object_begin(json);
    jsonw_key_double(json, "low_s", (double)loglinear_floor(first) / 1e9);
    jsonw_key_double(json, "high_s", (double)loglinear_floor(first + JOINED) / 1e9);
    jsonw_key_u64(json, "count", count);
    jsonw_object_end(json);
}

static void write_buckets(struct jsonw *json, const struct timing *timing)
{
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < timing->bucket_count;) {
        uint32_t first = timing->buckets[i].index / JOINED * JOINED;
        uint64_t count = 0;
        for (; i < timing->bucket_count && timing->buckets[i].index < first + JOINED; i++)
            count += timing->buckets[i].count;
        if (first < LOGLINEAR_BUCKETS)
            write_bucket(json, first, count);
    }
    jsonw_array_end(json);
}

static void write_answer(const struct timing *timing, const struct store_answer *answer,
                         struct buf *out)
{
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    list_write_range(&json, answer);
    jsonw_key(&json, "buckets");
    write_buckets(&json, timing);
    jsonw_key_u64(&json, "count", timing->count);
    list_number(&json, "mean_s", timing_mean_s(timing));
    list_number(&json, "p50_s", timing_quantile_s(timing, 500));
    list_number(&json, "p95_s", timing_quantile_s(timing, 950));
    list_number(&json, "p99_s", timing_quantile_s(timing, 990));
    jsonw_object_end(&json);
}

int answer_histogram(struct store *store, const struct answer_request *request, struct buf *out,
                     const char **media_type, struct err *err)
{
    (void)media_type;
    struct ask ask;
    struct gathering g = {.ask = &ask};
    struct store_answer answer;
    unsigned kind = AGENT_KIND_REQUEST - 1;
    int result = ask_init(&ask, request, ANSWER_HISTOGRAM_PARAMS, err);
    if (result == 0)
        result = ask_choice(&ask, "kind", kinds, &kind, err);
    if (result == 0)
        result = label_check_thread(&ask, err);
    if (result == 0 && ask.query.endpoint && kind > AGENT_KIND_TASK - 1)
        result = err_set(err, ERR_USAGE, "endpoint: goes with kind=request and task only");
    if (result < 0)
        return result;
    uint32_t wanted = kind + 1;
    struct store_query query = label_metric_query(&ask);
    struct store_metric_fns fns = {
        .histogram = take, .context = &g, .kinds = &wanted, .kind_count = 1};
    g.name = ask_text(&ask, "name");
    result = store_read_metrics(store, &query, 0, &fns, &answer, err);
    if (result == 0) {
        write_answer(&g.timing, &answer, out);
        result = list_check(out, err);
    }
    timing_done(&g.timing);
    return result;
}
