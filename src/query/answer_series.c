/* SPDX-License-Identifier: MIT */
/* answer_series.c - the same numbers over time: one list of values per line, null where nothing is
 * known.
 *
 * What is counted (samples, requests) is added up and divided by the part of the step that was
 * watched: the range and the windows that there were. So the step that now is in has its true rate;
 * one without any has 0, one in which nobody looked null. What is measured (gauges,
 * quantiles) is null in every step without a value.
 *
 * Lines beyond MAX_LINES are added up as "(other)", where that makes sense: nothing is left out in
 * silence.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/agent.h"
#include "query/answer_list.h"
#include "query/answers.h"
#include "query/kinds.h"
#include "query/label.h"
#include "query/rowset.h"
#include "query/steps.h"
#include "query/timing.h"

#define MAX_LINES 12u
#define DEFAULT_POINTS 120u
#define LABEL_OTHER "(other)"

enum what { WHAT_CPU, WHAT_REQUESTS, WHAT_LATENCY, WHAT_QUERIES, WHAT_RUNTIME };
static const char whats[] = "cpu requests latency queries runtime";

enum by { BY_NONE, BY_PROCESS, BY_THREAD, BY_ENDPOINT, BY_VERSION };
static const char bys[] = "none process thread endpoint version";

struct line {
    const char *name, *unit;
    double sum;      /* which lines are the largest */
    bool measured;   /* null without a value */
    bool is_largest; /* of processes, not their sum */
};

struct gathering {
    struct ask ask;
    unsigned what, by;
    const char *name;
    struct steps steps;
    struct rowset lines;
    double *values; /* steps.count for each line; NaN: none */
    uint32_t value_lines;
    struct timing *timings; /* requests, latency, queries: one for each step */
};

/* -- lines ----------------------------------------------------------------------------------- */

static double *values_of(struct gathering *g, uint32_t index)
{
    if (index >= g->value_lines) {
        uint32_t lines = index + 16;
        size_t had = (size_t)g->value_lines * g->steps.count, have = (size_t)lines * g->steps.count;
        double *values = realloc(g->values, have * sizeof *values);
        if (!values)
            return NULL;
        for (size_t i = had; i < have; i++)
            values[i] = NAN;
        g->values = values;
        g->value_lines = lines;
    }
    return g->values + (size_t)index * g->steps.count;
}

static int add(struct gathering *g, const struct line *about, uint32_t step, double value)
{
    uint32_t id = rowset_id(&g->lines, about->name);
    struct line *line = rowset_row(&g->lines, id);
    if (!line)
        return ERR_NO_MEMORY;
    if (!line->name) {
        *line = *about;
        line->name = rowset_text(&g->lines, id);
        line->sum = 0;
    }
    uint32_t index = (uint32_t)(line - (struct line *)(void *)g->lines.rows);
    double *values = values_of(g, index);
    if (!values)
        return ERR_NO_MEMORY;
    line->sum += value;
    if (isnan(values[step]))
        values[step] = value;
    else if (!line->is_largest)
        values[step] += value;
    else if (value > values[step])
        values[step] = value;
    return 0;
}

/* -- samples --------------------------------------------------------------------------------- */

static const char *unit_of(enum store_type type)
{
    static const char *const units[STORE_TYPES] = {"cores", "threads", "threads", "bytes/s"};
    return units[type];
}

static const char *name_of_group(const struct gathering *g, const struct store_group_row *group,
                                 char out[LABEL_MAX])
{
    static const char *const none[] = {"", "", "(no name)", "(no request)", "(no version)"};
    const char *name = g->by == BY_THREAD     ? group->thread
                       : g->by == BY_ENDPOINT ? group->endpoint
                       : g->by == BY_VERSION  ? group->version
                                              : "";
    if (g->by == BY_PROCESS)
        snprintf(out, LABEL_MAX, "%d %s", group->pid, group->process);
    else
        snprintf(out, LABEL_MAX, "%s", *name ? name : none[g->by]);
    return out;
}

static int take_group(void *context, uint64_t start_ns, const struct store_group_row *group)
{
    struct gathering *g = context;
    char name[LABEL_MAX];
    uint32_t step = steps_index(&g->steps, start_ns);
    if (group->type != g->ask.query.type || step == PROFILE_NONE)
        return 0;
    struct line line = {.name = g->by == BY_NONE ? store_type_name(group->type)
                                                 : name_of_group(g, group, name),
                        .unit = unit_of(group->type)};
    if (g->name && strcmp(line.name, g->name) != 0)
        return 0;
    return add(g, &line, step, (double)group->weight_ns / 1e9);
}

static int read_groups(struct gathering *g, struct store *store, struct store_answer *answer,
                       struct err *err)
{
    static const enum store_group groups[] = {STORE_BY_SERVICE, STORE_BY_PROCESS, STORE_BY_THREAD,
                                              STORE_BY_ENDPOINT, STORE_BY_SERVICE};
    return store_read_group_steps(store, &g->ask.query, groups[g->by], g->steps.step_ns, take_group,
                                  g, answer, err);
}

/* -- requests and statements ----------------------------------------------------------------- */

static bool is_wanted(const struct gathering *g, const struct store_histogram *histogram)
{
    char label[LABEL_MAX];
    if (g->what == WHAT_QUERIES)
        return !g->name || !strcmp(histogram->name, g->name);
    return label_is_wanted(&g->ask, histogram) &&
           (!g->name || !strcmp(histogram->name, g->name) ||
            !strcmp(label_of(histogram->kind, histogram->name, histogram->detail, label), g->name));
}

static int take_histogram(void *context, uint64_t start_ns, const struct store_histogram *histogram)
{
    struct gathering *g = context;
    uint32_t step = steps_index(&g->steps, start_ns);
    if (step == PROFILE_NONE || !is_wanted(g, histogram))
        return 0;
    return timing_add(&g->timings[step], histogram);
}

static int add_timing(struct gathering *g, uint32_t step)
{
    const struct timing *timing = &g->timings[step];
    struct line quantiles[] = {
        {"p50", "s", 0, true, false}, {"p95", "s", 0, true, false}, {"p99", "s", 0, true, false}};
    static const uint32_t per_mille[] = {500, 950, 990};
    int result = 0;
    if (g->what != WHAT_LATENCY) {
        bool queries = g->what == WHAT_QUERIES;
        struct line count = {.name = queries ? "queries" : "requests", .unit = "1/s"};
        struct line errors = {.name = "errors", .unit = "1/s"};
        struct line time = {.name = "time", .unit = "s/s"};
        result = add(g, &count, step, (double)timing->count);
        if (result == 0)
            result = add(g, &errors, step, (double)timing->errors);
        if (result == 0 && queries)
            result = add(g, &time, step, (double)timing->total_ns / 1e9);
        return result;
    }
    for (size_t i = 0; i < 3 && result == 0 && timing->bucket_total; i++)
        result = add(g, &quantiles[i], step, timing_quantile_s(timing, per_mille[i]));
    return result;
}

static void free_timings(struct gathering *g)
{
    for (uint32_t i = 0; g->timings && i < g->steps.count; i++)
        timing_done(&g->timings[i]);
    free(g->timings);
    g->timings = NULL;
}

static int read_histograms(struct gathering *g, struct store *store, struct store_answer *answer,
                           struct err *err)
{
    static const uint32_t requests[] = {AGENT_KIND_REQUEST, AGENT_KIND_TASK};
    static const uint32_t statements[] = {AGENT_KIND_STATEMENT};
    bool queries = g->what == WHAT_QUERIES;
    struct store_query query = label_metric_query(&g->ask);
    struct store_metric_fns fns = {.histogram = take_histogram,
                                   .context = g,
                                   .kinds = queries ? statements : requests,
                                   .kind_count = queries ? 1 : 2};
    g->timings = calloc(g->steps.count, sizeof *g->timings);
    if (!g->timings)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int result = store_read_metrics(store, &query, g->steps.step_ns, &fns, answer, err);
    bool any = false;
    for (uint32_t i = 0; i < g->steps.count; i++)
        any |= g->timings[i].count != 0;
    for (uint32_t i = 0; i < g->steps.count && result == 0 && any; i++)
        result = add_timing(g, i);
    free_timings(g);
    return result;
}

/* -- gauges ---------------------------------------------------------------------------------- */

static const struct gauge_kind {
    const char *name, *unit;
    bool is_largest; /* of several processes the largest says more than the sum */
} gauges[] = {
    {QUERY_GAUGE_CPU, "cores", false},       {QUERY_GAUGE_MEMORY, "bytes", false},
    {QUERY_GAUGE_THREADS, "threads", false}, {QUERY_GAUGE_FILES, "files", false},
    {QUERY_GAUGE_SWITCHES, "1/s", false},    {QUERY_GAUGE_GC, "s/s", true},
    {QUERY_GAUGE_LOOP, "s", true},           {QUERY_GAUGE_RATE, "Hz", true},
};

static int take_gauge(void *context, uint64_t start_ns, const struct store_gauge *gauge)
{
    struct gathering *g = context;
    char text[LABEL_MAX];
    uint32_t step = steps_index(&g->steps, start_ns);
    if (step == PROFILE_NONE || !gauge->count || (g->name && strcmp(gauge->name, g->name) != 0))
        return 0;
    struct line line = {.name = gauge->name, .unit = "", .measured = true};
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
        if (!strcmp(gauges[i].name, gauge->name)) {
            line.unit = gauges[i].unit;
            line.is_largest = gauges[i].is_largest;
        }
    if (g->by == BY_PROCESS) {
        snprintf(text, sizeof text, "%d%s%s", gauge->pid, g->name ? "" : " ",
                 g->name ? "" : gauge->name);
        line.name = text;
    }
    double value = line.is_largest ? gauge->max : gauge->sum / (double)gauge->count;
    return add(g, &line, step, value);
}

static int read_gauges(struct gathering *g, struct store *store, struct store_answer *answer,
                       struct err *err)
{
    struct store_query query = label_metric_query(&g->ask);
    struct store_metric_fns fns = {.gauge = take_gauge, .context = g};
    return store_read_metrics(store, &query, g->steps.step_ns, &fns, answer, err);
}

/* -- reading --------------------------------------------------------------------------------- */

static void forget(struct gathering *g)
{
    rowset_done(&g->lines);
    free(g->values);
    g->values = NULL;
    g->value_lines = 0;
}

static int gather(struct gathering *g, struct store *store, uint32_t points,
                  struct store_answer *answer, struct err *err)
{
    int result;
    g->steps = steps_choose(&g->ask.query, points);
    do {
        forget(g);
        if (rowset_init(&g->lines, sizeof(struct line)) < 0)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        result = g->what == WHAT_CPU       ? read_groups(g, store, answer, err)
                 : g->what == WHAT_RUNTIME ? read_gauges(g, store, answer, err)
                                           : read_histograms(g, store, answer, err);
        if (result == 0 && g->lines.failed)
            result = err_set(err, ERR_NO_MEMORY, "out of memory");
    } while (result == 0 && steps_are_short(&g->steps, &g->ask.query, answer));
    return result;
}

static int read_question(struct gathering *g, uint64_t *points, struct err *err)
{
    g->name = ask_text(&g->ask, "name");
    int result = ask_choice(&g->ask, "what", whats, &g->what, err);
    if (result == 0)
        result = ask_choice(&g->ask, "by", bys, &g->by, err);
    if (result == 0)
        result = ask_number(&g->ask, "points", STEPS_MAX / 2, points, err);
    if (result == 0 && g->what != WHAT_CPU)
        result = label_check_thread(&g->ask, err);
    bool by_fits =
        g->by == BY_NONE || g->what == WHAT_CPU || (g->what == WHAT_RUNTIME && g->by == BY_PROCESS);
    if (result == 0 && !by_fits)
        result = err_set(err, ERR_USAGE, "by: goes with what=cpu, and process with runtime too");
    bool endpoint_fits = g->what != WHAT_RUNTIME && g->what != WHAT_QUERIES;
    if (result == 0 && g->ask.query.endpoint && !endpoint_fits)
        result = err_set(err, ERR_USAGE, "endpoint: goes with what=cpu, requests and latency only");
    return result;
}

/* -- writing --------------------------------------------------------------------------------- */

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = *(const struct line *const *)left,
                      *b = *(const struct line *const *)right;
    return a->sum < b->sum ? 1 : a->sum > b->sum ? -1 : strcmp(a->name, b->name);
}

/* NaN: nobody looked. */
static double rate_of(const struct gathering *g, const struct store_answer *answer, uint32_t step,
                      double sum)
{
    uint64_t start_ns = g->steps.first_ns + step * g->steps.step_ns;
    double seconds = list_part_seconds(&g->ask, answer, start_ns, start_ns + g->steps.step_ns);
    return seconds > 0 ? (isnan(sum) ? 0 : sum) / seconds : NAN;
}

static double *line_values(const struct gathering *g, const struct line *line)
{
    size_t index = (size_t)(line - (const struct line *)(const void *)g->lines.rows);
    return g->values + index * g->steps.count;
}

static void write_line(struct jsonw *json, const struct gathering *g,
                       const struct store_answer *answer, const struct line *line, const char *name,
                       const double *values)
{
    jsonw_object_begin(json);
    jsonw_key_string(json, "name", name);
    jsonw_key_string(json, "unit", line->unit);
    jsonw_key(json, "values");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < g->steps.count; i++)
        jsonw_double(json, line->measured ? values[i] : rate_of(g, answer, i, values[i]));
    jsonw_array_end(json);
    jsonw_object_end(json);
}

/* The lines from `first` on, in the values of the first of them. */
static void add_up(const struct gathering *g, struct line *const *lines, uint32_t count)
{
    double *into = line_values(g, lines[0]);
    for (uint32_t i = 1; i < count; i++) {
        const double *from = line_values(g, lines[i]);
        for (uint32_t step = 0; step < g->steps.count; step++)
            if (!isnan(from[step]))
                into[step] = (isnan(into[step]) ? 0 : into[step]) + from[step];
    }
}

static int write_lines(struct jsonw *json, struct gathering *g, const struct store_answer *answer)
{
    uint32_t count = g->lines.count;
    struct line **lines = malloc((count + 1) * sizeof *lines);
    if (!lines)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        lines[i] = rowset_at(&g->lines, i);
    if (g->by != BY_NONE) {
        qsort(lines, count, sizeof *lines, compare_lines);
        if (count > MAX_LINES)
            add_up(g, lines + MAX_LINES - 1, count - MAX_LINES + 1);
    }
    bool has_other = g->by != BY_NONE && count > MAX_LINES;
    uint32_t shown = has_other ? MAX_LINES : count;
    for (uint32_t i = 0; i < shown; i++) {
        bool is_other = has_other && i == MAX_LINES - 1;
        write_line(json, g, answer, lines[i], is_other ? LABEL_OTHER : lines[i]->name,
                   line_values(g, lines[i]));
    }
    free(lines);
    return 0;
}

static int write_answer(struct gathering *g, const struct store_answer *answer, struct buf *out,
                        struct err *err)
{
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    list_write_range(&json, answer);
    jsonw_key_double(&json, "step_s", (double)g->steps.step_ns / 1e9);
    jsonw_key(&json, "times_s");
    jsonw_array_begin(&json);
    for (uint32_t i = 0; i < g->steps.count; i++)
        jsonw_double(&json, (double)(g->steps.first_ns + i * g->steps.step_ns) / 1e9);
    jsonw_array_end(&json);
    jsonw_key(&json, "series");
    jsonw_array_begin(&json);
    if (write_lines(&json, g, answer) < 0)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return list_check(out, err);
}

int answer_series(struct store *store, const struct answer_request *request, struct buf *out,
                  const char **media_type, struct err *err)
{
    (void)media_type;
    struct gathering g = {.what = WHAT_CPU};
    struct store_answer answer;
    uint64_t points = DEFAULT_POINTS;
    int result = ask_init(&g.ask, request, ANSWER_SERIES_PARAMS, err);
    if (result == 0)
        result = read_question(&g, &points, err);
    if (result == 0)
        result = gather(&g, store, (uint32_t)points, &answer, err);
    if (result == 0)
        result = write_answer(&g, &answer, out, err);
    forget(&g);
    return result;
}
