/* SPDX-License-Identifier: MIT */
/* watch_view.c - the rows of a section. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/watch.h"

#define KINDS(kind) (1u << (kind))

static const struct {
    const char *name;
    uint32_t kinds;
} sections[WATCH_SECTIONS] = {
    [WATCH_ENDPOINTS] = {"endpoints", KINDS(AGENT_KIND_REQUEST)},
    [WATCH_STATEMENTS] = {"statements", KINDS(AGENT_KIND_STATEMENT)},
    [WATCH_OUTBOUND] = {"outbound", KINDS(AGENT_KIND_OUTBOUND)},
    [WATCH_CACHE] = {"cache", KINDS(AGENT_KIND_CACHE)},
    [WATCH_TASKS] = {"tasks", KINDS(AGENT_KIND_TASK)},
    [WATCH_ERRORS] = {"errors", KINDS(AGENT_KIND_EXCEPTION)},
    [WATCH_REQUESTS] = {"requests", 0},
    [WATCH_REST] = {"rest", KINDS(AGENT_KIND_USER) | KINDS(AGENT_KIND_TEMPLATE) |
                                KINDS(AGENT_KIND_QUEUE) | KINDS(AGENT_KIND_LOOP) |
                                KINDS(AGENT_KIND_GC)},
    [WATCH_PROCESSES] = {"processes", 0},
};

const char *watch_section_name(enum watch_section section)
{
    return sections[section].name;
}

bool watch_matches(const struct watch *watch, const char *text)
{
    return !watch->filter.is_set || regexec(&watch->filter.regex, text, 0, NULL, 0) == 0;
}

/* ---- merging ------------------------------------------------------------------------------- */

static int compare_rows(const struct service_row *a, const struct service_row *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->is_other != b->is_other)
        return a->is_other ? 1 : -1;
    int result = strcmp(a->name, b->name);
    if (result == 0)
        result = strcmp(a->detail, b->detail);
    return result ? result : strcmp(a->service, b->service);
}

static int by_identity(const void *a, const void *b)
{
    return compare_rows(*(const struct service_row *const *)a,
                        *(const struct service_row *const *)b);
}

/* Exceptions that were handled are another thing than those that were not. */
static bool is_same_line(const struct service_row *a, const struct service_row *b)
{
    return compare_rows(a, b) == 0 && (a->kind != AGENT_KIND_EXCEPTION || a->group == b->group);
}

static void take_figures(struct watch_figures *figures, const struct service_sums *sums,
                         uint64_t elapsed_ns)
{
    figures->count = sums->count;
    figures->errors = sums->errors;
    figures->total_ns = sums->total_ns;
    figures->max_ns = sums->max_ns;
    figures->rows = sums->rows;
    figures->repeats = sums->repeats;
    figures->p50_ns = histogram_percentile(&sums->histogram, 500);
    figures->p90_ns = histogram_percentile(&sums->histogram, 900);
    figures->p95_ns = histogram_percentile(&sums->histogram, 950);
    figures->p99_ns = histogram_percentile(&sums->histogram, 990);
    uint64_t *const percentiles[] = {&figures->p50_ns, &figures->p90_ns, &figures->p95_ns,
                                     &figures->p99_ns};
    for (unsigned i = 0; i < 4; i++) /* a bucket's middle may lie beyond the largest value */
        if (*percentiles[i] > sums->max_ns)
            *percentiles[i] = sums->max_ns;
    figures->rate = elapsed_ns ? (double)sums->count * 1e9 / (double)elapsed_ns : 0;
}

static void merge_line(const struct service_row *const *rows, uint32_t count,
                       const uint64_t elapsed_ns[SERVICE_PERIODS], struct watch_row *out)
{
    static struct service_sums sums; /* 10 KiB: not on the stack, and one thread draws */
    *out = (struct watch_row){.kind = rows[0]->kind, .first = rows[0]};
    for (unsigned period = 0; period < SERVICE_PERIODS; period++) {
        struct watch_figures *figures = &out->figures[period];
        sums = (struct service_sums){0};
        for (uint32_t i = 0; i < count; i++) {
            service_add_sums(rows[i], period, &sums);
            service_add_parts(rows[i], period, &figures->parts);
        }
        take_figures(figures, &sums, elapsed_ns[period]);
    }
    for (uint32_t i = 0; i < count; i++)
        out->groups[rows[i]->group < WATCH_GROUPS ? rows[i]->group : 0] += rows[i]->all->count;
}

/* ---- order --------------------------------------------------------------------------------- */

static struct {
    enum watch_sort sort;
    enum service_period period;
} order; /* qsort has no room for it */

static double weight(const struct watch_row *row)
{
    const struct watch_figures *figures = &row->figures[order.period];
    switch (order.sort) {
    case WATCH_BY_TOTAL:
        return row->kind == AGENT_KIND_EXCEPTION ? (double)figures->count
                                                 : (double)figures->total_ns;
    case WATCH_BY_RATE:
        return figures->rate;
    case WATCH_BY_ERRORS:
        return (double)figures->errors;
    case WATCH_BY_P50:
        return (double)figures->p50_ns;
    case WATCH_BY_P95:
        return (double)figures->p95_ns;
    case WATCH_BY_P99:
        return (double)figures->p99_ns;
    case WATCH_BY_MAX:
        return (double)figures->max_ns;
    case WATCH_BY_COUNT:
        return (double)figures->count;
    default:
        return 0;
    }
}

static int by_weight(const void *a, const void *b)
{
    const struct watch_row *left = a, *right = b;
    double difference = weight(right) - weight(left);
    if (difference != 0)
        return difference > 0 ? 1 : -1;
    uint64_t left_all = left->figures[SERVICE_ALL].count;
    uint64_t right_all = right->figures[SERVICE_ALL].count;
    if (order.sort != WATCH_BY_NAME && left_all != right_all)
        return left_all < right_all ? 1 : -1;
    return compare_rows(left->first, right->first);
}

/* ---- the view ------------------------------------------------------------------------------ */

static uint32_t pick(const struct watch *watch, enum watch_section section,
                     const struct service_row **out)
{
    uint32_t count = service_row_count(watch->service), picked = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct service_row *row = service_row(watch->service, i);
        if ((sections[section].kinds & KINDS(row->kind)) && row->all->count)
            out[picked++] = row;
    }
    qsort(out, picked, sizeof *out, by_identity);
    return picked;
}

static int make_room(struct watch_view *view, uint32_t count)
{
    if (count <= view->capacity)
        return 0;
    struct watch_row *rows = realloc(view->rows, count * sizeof *rows);
    if (!rows)
        return ERR_NO_MEMORY;
    view->rows = rows;
    view->capacity = count;
    return 0;
}

static bool is_wanted(const struct watch *watch, const struct watch_row *row)
{
    struct buf title;
    if (!watch->filter.is_set)
        return true;
    buf_init(&title, 0);
    watch_title(watch, row, &title);
    bool matches = !buf_failed(&title) && title.data && watch_matches(watch, title.data);
    buf_done(&title);
    return matches;
}

int watch_arrange(struct watch *watch, enum watch_section section, enum service_period period,
                  uint64_t mono_ns)
{
    struct watch_view *view = &watch->view;
    uint32_t count = service_row_count(watch->service);
    uint64_t elapsed_ns[SERVICE_PERIODS];
    view->count = 0;
    const struct service_row **rows = calloc((size_t)count + 1, sizeof *rows);
    if (!rows)
        return ERR_NO_MEMORY;
    for (unsigned i = 0; i < SERVICE_PERIODS; i++)
        elapsed_ns[i] = service_elapsed_ns(watch->service, i, mono_ns);
    count = pick(watch, section, rows);
    int result = make_room(view, count);
    for (uint32_t from = 0, to; result == 0 && from < count; from = to) {
        for (to = from + 1; to < count && is_same_line(rows[from], rows[to]);)
            to++;
        struct watch_row *row = &view->rows[view->count];
        merge_line(rows + from, to - from, elapsed_ns, row);
        view->count += is_wanted(watch, row);
    }
    free(rows);
    order.sort = watch->sort;
    order.period = period;
    if (view->count)
        qsort(view->rows, view->count, sizeof *view->rows, by_weight);
    return result;
}

uint32_t watch_item_count(const struct watch *watch)
{
    if (watch->section == WATCH_REQUESTS)
        return watch->request_count;
    if (watch->section == WATCH_PROCESSES) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < watch->process_count; i++)
            count += watch->processes[i].is_chosen && watch->processes[i].state != WATCH_OTHER;
        return count;
    }
    return watch->view.count;
}
