/* SPDX-License-Identifier: MIT */
/* keep.c - traces assembled and judged.
 *
 * The history is a ring of records, each with the number of the one before it in the same request:
 *
 *     number   40    41    42    43    44    45
 *     request   7     9     7     7     9     7        request 7: last = 45
 *     before    -     -    40    42    41    43
 *
 * A request that ends is judged from its own three records; only one that is kept walks its chain.
 * The 99th percentile of a route is read from a histogram of 8 buckets per power of two that is
 * halved every minute or 8192 requests, so it follows the route's recent past; until a route has
 * been seen a hundred times it has no percentile.
 */
#include "collect/keep.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "collect/histogram.h"

#define OPEN_SHARE 4u     /* requests in progress: a place for so many records of the history */
#define COARSE 8u         /* buckets of agent_histogram that are one here */
#define COARSE_BUCKETS (AGENT_HISTOGRAM_BUCKETS / COARSE)
#define KNOWN_WELL 100u /* requests before a percentile means something */
#define HALVE_AT 8192u
#define REFRESH_MASK 63u /* a percentile is good for so many requests */
#define MINUTE_NS UINT64_C(60000000000)
#define ID_BITS 56u /* of a trace id that are random by the W3C's word */

enum sort { SORT_ERROR, SORT_REMARKABLE, SORT_REST, SORTS };

struct past {
    struct agent_record record;
    uint64_t before; /* number + 1 of the one before in its request; 0: none */
};

struct open {
    uint64_t id;
    uint64_t last; /* number + 1 */
    uint32_t spans;
    uint32_t flags; /* of all its records */
    bool has_error;
    struct agent_record request, parts;
};

struct route {
    uint32_t buckets[COARSE_BUCKETS];
    uint32_t total, p99; /* p99: bucket; COARSE_BUCKETS: not known yet */
    uint64_t minute;
    uint32_t kept[SORTS]; /* in that minute */
};

struct keep {
    struct keep_rules rules;
    struct keep_stats stats;
    void (*deliver)(void *context, const struct keep_trace *trace);
    void *context;
    uint64_t keep_from; /* the last 56 bits of a trace id, this large: kept */

    struct past *history;
    uint64_t next; /* number of the next record */
    struct open *open;
    struct agent_record *spans; /* of the trace that is delivered */

    struct map route_of; /* key -> index */
    struct route *routes;
    uint32_t route_count, route_capacity;
};

/* ---- routes -------------------------------------------------------------------------------- */

static struct route *find_route(struct keep *keep, uint32_t key)
{
    uint32_t index = map_get(&keep->route_of, key);
    if (index != MAP_NONE)
        return &keep->routes[index];
    if (keep->route_count == KEEP_MAX_ROUTES)
        return &keep->routes[0];
    if (keep->route_count == keep->route_capacity) {
        uint32_t capacity = 2 * keep->route_capacity;
        struct route *routes = realloc(keep->routes, capacity * sizeof *routes);
        if (!routes)
            return &keep->routes[0];
        keep->routes = routes;
        keep->route_capacity = capacity;
    }
    index = keep->route_count;
    if (map_set(&keep->route_of, key, index) < 0)
        return &keep->routes[0];
    keep->routes[index] = (struct route){.p99 = COARSE_BUCKETS};
    keep->route_count++;
    return &keep->routes[index];
}

static void halve(struct route *route)
{
    route->total = 0;
    for (uint32_t i = 0; i < COARSE_BUCKETS; i++) {
        route->buckets[i] /= 2;
        route->total += route->buckets[i];
    }
}

static void refresh_percentile(struct route *route)
{
    uint32_t above = route->total / 100, seen = 0, at = COARSE_BUCKETS;
    while (at > 0 && seen <= above)
        seen += route->buckets[--at];
    route->p99 = route->total >= KNOWN_WELL ? at : COARSE_BUCKETS;
}

/* Counts a request; true when it was longer than its route usually is. */
static bool is_unusual(struct route *route, uint64_t duration_ns, uint64_t minute)
{
    uint32_t bucket = histogram_bucket(duration_ns) / COARSE;
    bool unusual = bucket > route->p99;
    if (route->minute != minute) {
        route->minute = minute;
        for (unsigned i = 0; i < SORTS; i++)
            route->kept[i] = 0;
        if (route->total >= 2 * KNOWN_WELL)
            halve(route);
    }
    route->buckets[bucket]++;
    route->total++;
    if (route->total >= HALVE_AT)
        halve(route);
    if ((route->total & REFRESH_MASK) == 0 || route->total == KNOWN_WELL)
        refresh_percentile(route);
    return unusual;
}

/* ---- judging ------------------------------------------------------------------------------- */

static uint32_t reasons_of(const struct keep *keep, const struct open *open, bool is_unusual_here,
                           uint64_t trace_low)
{
    uint64_t duration_ns = open->request.as.span.duration_ns;
    uint64_t limit_ns = keep->rules.slower_than_ns;
    uint32_t reasons = 0;
    if (open->has_error || (open->flags & AGENT_FLAG_ERROR))
        reasons |= KEEP_ERROR;
    if (is_unusual_here || (limit_ns && duration_ns >= limit_ns))
        reasons |= KEEP_SLOW;
    if (open->flags & AGENT_FLAG_FIRST)
        reasons |= KEEP_FIRST;
    if (open->flags & AGENT_FLAG_REPEATED)
        reasons |= KEEP_REPEATED;
    if (open->request.flags & AGENT_FLAG_SAMPLED)
        reasons |= KEEP_SAMPLED;
    if ((trace_low & ((UINT64_C(1) << ID_BITS) - 1)) >= keep->keep_from)
        reasons |= KEEP_SHARE;
    return reasons;
}

static bool has_room(const struct keep *keep, struct route *route, uint32_t reasons)
{
    enum sort sort = reasons & KEEP_ERROR                                 ? SORT_ERROR
                     : reasons & (KEEP_SLOW | KEEP_FIRST | KEEP_REPEATED) ? SORT_REMARKABLE
                                                                          : SORT_REST;
    if (keep->rules.per_minute && route->kept[sort] >= keep->rules.per_minute)
        return false;
    route->kept[sort]++;
    return true;
}

/* ---- assembling ---------------------------------------------------------------------------- */

/* Copies the chain, so that the oldest comes first. */
static uint32_t collect_spans(struct keep *keep, const struct open *open)
{
    uint32_t count = 0, mask = keep->rules.history - 1;
    uint64_t oldest = keep->next > keep->rules.history ? keep->next - keep->rules.history : 0;
    for (uint64_t at = open->last; at > oldest && count < KEEP_MAX_SPANS;) {
        const struct past *past = &keep->history[(at - 1) & mask];
        keep->spans[KEEP_MAX_SPANS - ++count] = past->record;
        at = past->before < at ? past->before : 0;
    }
    return count;
}

static void deliver(struct keep *keep, const struct open *open, uint32_t reasons,
                    const struct agent_record *trace)
{
    uint32_t count = collect_spans(keep, open);
    struct keep_trace kept = {
        .request = open->request,
        .parts = open->parts,
        .trace = *trace,
        .reasons = reasons,
        .spans = keep->spans + KEEP_MAX_SPANS - count,
        .span_count = count,
        .missing = open->spans - count,
    };
    keep->stats.kept++;
    keep->stats.missing += kept.missing;
    keep->deliver(keep->context, &kept);
}

/* The place of a request; whatever was there (another one, thousands of ids ago) is given up. */
static struct open *find_open(struct keep *keep, uint64_t id)
{
    struct open *open = &keep->open[id & (keep->rules.history / OPEN_SHARE - 1)];
    if (open->id != id)
        *open = (struct open){.id = id};
    return open;
}

static void add_span(struct keep *keep, const struct agent_record *record)
{
    struct open *open = find_open(keep, record->request);
    struct past *past = &keep->history[keep->next & (keep->rules.history - 1)];
    *past = (struct past){.record = *record, .before = open->last};
    open->last = ++keep->next;
    open->spans++;
    open->flags |= record->flags & (AGENT_FLAG_ERROR | AGENT_FLAG_FIRST);
    open->has_error |= record->kind == AGENT_RECORD_ERROR;
}

/* The TRACE record is the last of a request. */
static void end_request(struct keep *keep, const struct agent_record *record)
{
    struct open *open = find_open(keep, record->request);
    if (open->request.kind == AGENT_RECORD_REQUEST) {
        const struct agent_record *request = &open->request;
        uint64_t end_ns = request->as.span.start_ns + request->as.span.duration_ns;
        struct route *route = find_route(keep, request->as.span.key);
        bool unusual = is_unusual(route, request->as.span.duration_ns, end_ns / MINUTE_NS);
        uint32_t reasons = reasons_of(keep, open, unusual, record->as.trace.trace_low);
        keep->stats.requests++;
        if (reasons && has_room(keep, route, reasons))
            deliver(keep, open, reasons, record);
        else if (reasons)
            keep->stats.limited++;
    }
    *open = (struct open){0};
}

void keep_record(struct keep *keep, const struct agent_record *record)
{
    if (record->request == 0) /* outside of any request: nothing to assemble */
        return;
    switch (record->kind) {
    case AGENT_RECORD_SPAN:
    case AGENT_RECORD_ERROR:
        add_span(keep, record);
        break;
    case AGENT_RECORD_REQUEST: {
        struct open *open = find_open(keep, record->request);
        open->request = *record;
        open->flags |= record->flags;
        break;
    }
    case AGENT_RECORD_PARTS:
        find_open(keep, record->request)->parts = *record;
        break;
    case AGENT_RECORD_TRACE:
        end_request(keep, record);
        break;
    default:
        break;
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool are_sound(const struct keep_rules *rules)
{
    return rules->share >= 0 && rules->share <= 1 && (rules->history & (rules->history - 1)) == 0 &&
           (rules->history == 0 || rules->history >= OPEN_SHARE);
}

int keep_new(const struct keep_rules *rules,
             void (*deliver_trace)(void *context, const struct keep_trace *trace), void *context,
             struct keep **out, struct err *err)
{
    if (!are_sound(rules))
        return err_set(err, ERR_USAGE, "the share of traces to keep is between 0 and 1");
    struct keep *keep = calloc(1, sizeof *keep);
    if (!keep)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    keep->rules = *rules;
    if (!keep->rules.history)
        keep->rules.history = KEEP_HISTORY;
    keep->deliver = deliver_trace;
    keep->context = context;
    double from = (1 - rules->share) * (double)(UINT64_C(1) << ID_BITS);
    keep->keep_from = (uint64_t)from;
    map_init(&keep->route_of);
    keep->route_capacity = 16;
    keep->history = calloc(keep->rules.history, sizeof *keep->history);
    keep->open = calloc(keep->rules.history / OPEN_SHARE, sizeof *keep->open);
    keep->spans = calloc(KEEP_MAX_SPANS, sizeof *keep->spans);
    keep->routes = calloc(keep->route_capacity, sizeof *keep->routes);
    if (!keep->history || !keep->open || !keep->spans || !keep->routes) {
        keep_free(keep);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    keep->routes[0].p99 = COARSE_BUCKETS; /* of all that find no place */
    keep->route_count = 1;
    *out = keep;
    return 0;
}

void keep_free(struct keep *keep)
{
    if (!keep)
        return;
    map_done(&keep->route_of);
    free(keep->history);
    free(keep->open);
    free(keep->spans);
    free(keep->routes);
    free(keep);
}

const struct keep_stats *keep_stats(const struct keep *keep)
{
    return &keep->stats;
}
