/* SPDX-License-Identifier: MIT */
/* requests.c - a queue of samples, and beside it the requests they wait for.
 *
 *   queue     oldest ─► [sample][sample][sample] … newest          each names a request below
 *   waiting   id, agent, how many samples, verdict                 looked up again at every tick
 *
 * A verdict is the root frame under which samples go on, or that they are dropped. It comes at the
 * request's end; early only for requests that match already and run on, and for whatever is oldest
 * when the queue is full.
 */
#include "sampler/requests.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "collect/collect.h"
#include "model/profile.h"

#define FIRST_ROOM 1024u
#define ID_BITS 40 /* of a key; the rest is the process */
#define TRACE_DIGITS 32u
#define LABEL_OUTSIDE "(no request)"
#define LABEL_UNKNOWN "(request not known)"

/* In place of an index, for samples of no request. */
#define OUTSIDE UINT32_MAX
#define UNKNOWN (UINT32_MAX - 1)

enum verdict { VERDICT_OPEN, VERDICT_KEPT, VERDICT_DROPPED };

struct waiting {
    uint64_t id;
    uint64_t key;
    struct collect *agent; /* NULL: its process is gone */
    uint32_t slot;
    uint32_t route, method; /* strings, as last seen in flight: a full table of keys has no names */
    uint32_t samples;       /* 0: free */
    uint64_t since_ns;
    enum verdict verdict;
    uint32_t root; /* frame; PROFILE_NONE: none wanted */
};

struct held {
    uint64_t start_us;
    uint32_t thread, node;
    uint32_t duration_us;
    uint32_t waiting; /* index */
};

struct requests {
    struct profile *profile;
    struct requests_options options;
    requests_out_fn *out;
    void *context;
    regex_t pattern;
    bool has_pattern;
    uint64_t trace_high, trace_low;
    struct held *queue; /* a ring */
    uint32_t head, count, room;
    struct waiting *waiting;
    uint32_t waiting_count, waiting_room, free_count;
    uint32_t *free_list;
    struct map by_key;   /* key → waiting */
    struct map rerooted; /* (root frame, node) → node */
    uint32_t *path;
    uint32_t path_room;
    uint64_t now_ns;
    struct requests_stats stats;
};

bool requests_wanted(const struct requests_options *options)
{
    return options->by_endpoint || options->endpoint || options->slower_than_ns || options->trace;
}

static bool has_filter(const struct requests *requests)
{
    const struct requests_options *options = &requests->options;
    return options->endpoint || options->slower_than_ns || options->trace;
}

const struct requests_stats *requests_stats(const struct requests *requests)
{
    return &requests->stats;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool parse_half(const char *digits, uint64_t *out)
{
    char half[TRACE_DIGITS / 2 + 1] = "";
    memcpy(half, digits, TRACE_DIGITS / 2);
    if (strspn(half, "0123456789abcdefABCDEF") != TRACE_DIGITS / 2)
        return false;
    *out = strtoull(half, NULL, 16);
    return true;
}

static int parse_options(struct requests *requests, struct err *err)
{
    const char *trace = requests->options.trace, *endpoint = requests->options.endpoint;
    if (trace && (strlen(trace) != TRACE_DIGITS || !parse_half(trace, &requests->trace_high) ||
                  !parse_half(trace + TRACE_DIGITS / 2, &requests->trace_low)))
        return err_set(err, ERR_USAGE, "--trace: \"%s\" is not a trace id of 32 hexadecimal digits",
                       trace);
    if (!endpoint)
        return 0;
    if (!*endpoint)
        return err_set(err, ERR_USAGE, "--endpoint: the pattern is empty");
    requests->has_pattern = regcomp(&requests->pattern, endpoint, REG_EXTENDED | REG_NOSUB) == 0;
    return 0; /* what is no regular expression, such as "/users/{id}", is matched as text */
}

int requests_new(struct profile *profile, const struct requests_options *options,
                 requests_out_fn *out_fn, void *context, struct requests **out, struct err *err)
{
    struct requests *requests = calloc(1, sizeof *requests);
    if (!requests)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    requests->profile = profile;
    requests->options = *options;
    requests->out = out_fn;
    requests->context = context;
    requests->now_ns = clock_mono_ns();
    map_init(&requests->by_key);
    map_init(&requests->rerooted);
    int result = parse_options(requests, err);
    if (result < 0) {
        requests_free(requests);
        return result;
    }
    *out = requests;
    return 0;
}

void requests_free(struct requests *requests)
{
    if (!requests)
        return;
    if (requests->has_pattern)
        regfree(&requests->pattern);
    map_done(&requests->by_key);
    map_done(&requests->rerooted);
    free(requests->queue);
    free(requests->waiting);
    free(requests->free_list);
    free(requests->path);
    free(requests);
}

/* ---- what a request is called, and whether it is wanted ----------------------------------------
 */

char *requests_name(enum agent_kind kind, const char *method, const char *route,
                    char out[REQUESTS_LABEL_MAX])
{
    if (kind == AGENT_KIND_TASK)
        snprintf(out, REQUESTS_LABEL_MAX, "task %s", *route ? route : "(no name)");
    else if (kind == AGENT_KIND_USER)
        snprintf(out, REQUESTS_LABEL_MAX, "%s", *route ? route : "(no name)");
    else
        snprintf(out, REQUESTS_LABEL_MAX, "%s%s%s", method, *method ? " " : "",
                 *route ? route : "(unmatched)");
    return out;
}

char *requests_label(struct collect *agent, const struct collect_request *request,
                     char out[REQUESTS_LABEL_MAX])
{
    return requests_name(request->kind, collect_string(agent, request->method),
                         collect_string(agent, request->route), out);
}

static bool matches(struct requests *requests, const struct collect_request *request,
                    const char *label)
{
    const struct requests_options *options = &requests->options;
    uint64_t age_ns =
        requests->now_ns > request->start_ns ? requests->now_ns - request->start_ns : 0;
    uint64_t took_ns = request->in_flight ? age_ns : request->duration_ns;
    if (took_ns < options->slower_than_ns)
        return false;
    if (options->trace &&
        (request->trace_high != requests->trace_high || request->trace_low != requests->trace_low))
        return false;
    return !options->endpoint || strstr(label, options->endpoint) ||
           (requests->has_pattern && regexec(&requests->pattern, label, 0, NULL, 0) == 0);
}

static uint32_t label_frame(struct requests *requests, const char *label)
{
    struct profile *profile = requests->profile;
    struct profile_frame frame = {.name = profile_cstring(profile, label), .kind = FRAME_REQUEST};
    if (!requests->options.by_endpoint || frame.name == PROFILE_NONE)
        return PROFILE_NONE;
    return profile_frame(profile, &frame);
}

static void judge(struct requests *requests, struct waiting *waiting,
                  const struct collect_request *request)
{
    char label[REQUESTS_LABEL_MAX];
    struct collect_request named = *request;
    if (!named.route) {
        named.route = waiting->route;
        named.method = named.method ? named.method : waiting->method;
    }
    requests_label(waiting->agent, &named, label);
    bool keep = matches(requests, request, label);
    waiting->verdict = keep ? VERDICT_KEPT : VERDICT_DROPPED;
    waiting->root = keep ? label_frame(requests, label) : PROFILE_NONE;
}

/* What is known of it now. Nothing: it ended so long ago that it was forgotten. */
static void judge_now(struct requests *requests, struct waiting *waiting)
{
    struct collect_request request;
    if (waiting->agent && collect_find(waiting->agent, waiting->id, waiting->slot, &request)) {
        requests->stats.early += request.in_flight ? waiting->samples : 0;
        judge(requests, waiting, &request);
        return;
    }
    waiting->verdict = has_filter(requests) ? VERDICT_DROPPED : VERDICT_KEPT;
    waiting->root = label_frame(requests, LABEL_UNKNOWN);
    requests->stats.unknown += waiting->samples;
}

/* In flight it is judged only when it matches, and has been waited for long enough. */
static void look_again(struct requests *requests, struct waiting *waiting)
{
    struct collect_request request;
    if (!collect_find(waiting->agent, waiting->id, waiting->slot, &request))
        return;
    if (!request.in_flight) {
        judge(requests, waiting, &request);
        return;
    }
    waiting->route = request.route;
    waiting->method = request.method;
    bool is_late = requests->now_ns - waiting->since_ns >= REQUESTS_PATIENCE_NS;
    bool is_slow = requests->now_ns - request.start_ns >= requests->options.slower_than_ns;
    if (is_late && is_slow && request.route)
        judge_now(requests, waiting);
}

/* ---- requests with samples ------------------------------------------------------------------- */

static bool grow(void *array, uint32_t *room, size_t size, uint32_t most)
{
    void **pointer = array;
    uint32_t wanted = *room ? *room * 2 : FIRST_ROOM;
    void *moved = wanted <= most ? realloc(*pointer, wanted * size) : NULL;
    if (!moved)
        return false;
    *pointer = moved;
    *room = wanted;
    return true;
}

/* The map only grows; now and then it is made anew from what is still there. */
static void rebuild_map(struct requests *requests)
{
    map_reset(&requests->by_key);
    for (uint32_t i = 0; i < requests->waiting_count; i++)
        if (requests->waiting[i].samples)
            map_set(&requests->by_key, requests->waiting[i].key, i);
}

static uint32_t take_free(struct requests *requests)
{
    if (requests->free_count)
        return requests->free_list[--requests->free_count];
    if (requests->waiting_count == requests->waiting_room) {
        uint32_t room = requests->waiting_room, same = room;
        if (!grow(&requests->waiting, &room, sizeof *requests->waiting, REQUESTS_MAX_WAITING) ||
            !grow(&requests->free_list, &same, sizeof *requests->free_list, REQUESTS_MAX_WAITING))
            return UINT32_MAX;
        requests->waiting_room = room;
    }
    return requests->waiting_count++;
}

/* Who waits for this request; UINT32_MAX: no room. */
static uint32_t find_waiting(struct requests *requests, const struct process_sighting *sighting)
{
    uint64_t pid = (uint64_t)requests->profile->threads[sighting->thread].pid;
    uint64_t key = pid << ID_BITS ^ sighting->request;
    uint32_t at = map_get(&requests->by_key, key);
    if (at != MAP_NONE) {
        struct waiting *known = &requests->waiting[at];
        if (known->samples && known->key == key && known->agent == sighting->agent)
            return at;
    }
    if (requests->by_key.count > 4 * (requests->waiting_count - requests->free_count) + FIRST_ROOM)
        rebuild_map(requests);
    at = take_free(requests);
    if (at == UINT32_MAX)
        return at;
    requests->waiting[at] = (struct waiting){
        .id = sighting->request,
        .key = key,
        .agent = sighting->agent,
        .slot = sighting->request_slot,
        .since_ns = requests->now_ns,
        .root = PROFILE_NONE,
    };
    if (map_set(&requests->by_key, key, at) < 0) {
        requests->free_list[requests->free_count++] = at;
        return UINT32_MAX;
    }
    return at;
}

/* ---- samples --------------------------------------------------------------------------------- */

static bool is_outer_label(const struct profile *profile, uint32_t node)
{
    enum frame_kind kind = profile->frames[profile->nodes[node].frame].kind;
    return kind == FRAME_PROCESS || kind == FRAME_THREAD;
}

/* The stack with `root` below the labels of process and thread. */
static uint32_t reroot(struct requests *requests, uint32_t root, uint32_t node)
{
    struct profile *profile = requests->profile;
    uint64_t half = (uint64_t)root << 32;
    uint32_t depth = 0, known = MAP_NONE;
    while (profile->nodes[node].depth >= requests->path_room)
        if (!grow(&requests->path, &requests->path_room, sizeof *requests->path, UINT32_MAX / 2))
            return PROFILE_NONE;
    while (node && !is_outer_label(profile, node) &&
           (known = map_get(&requests->rerooted, half | node)) == MAP_NONE) {
        requests->path[depth++] = node;
        node = profile->nodes[node].parent;
    }
    uint32_t at = known != MAP_NONE ? known : profile_node(profile, node, root);
    while (depth && at != PROFILE_NONE) {
        node = requests->path[--depth];
        at = profile_node(profile, at, profile->nodes[node].frame);
        if (at != PROFILE_NONE)
            map_set(&requests->rerooted, half | node, at);
    }
    return at;
}

static void let_go(struct requests *requests, const struct held *held, uint32_t root)
{
    uint32_t node = root == PROFILE_NONE ? held->node : reroot(requests, root, held->node);
    if (node == PROFILE_NONE)
        requests->profile->stats.errors++;
    else
        requests->out(requests->context, held->thread, node, held->start_us, held->duration_us);
}

static void let_go_unasked(struct requests *requests, const struct held *held)
{
    if (has_filter(requests))
        return;
    const char *label = held->waiting == OUTSIDE ? LABEL_OUTSIDE : LABEL_UNKNOWN;
    let_go(requests, held, label_frame(requests, label));
}

/* The oldest goes on, or is dropped; its verdict is known. */
static void pop(struct requests *requests)
{
    const struct held held = requests->queue[requests->head];
    requests->head = (requests->head + 1) & (requests->room - 1);
    requests->count--;
    if (held.waiting == OUTSIDE || held.waiting == UNKNOWN) {
        let_go_unasked(requests, &held);
        return;
    }
    struct waiting *waiting = &requests->waiting[held.waiting];
    bool is_kept = waiting->verdict == VERDICT_KEPT;
    requests->stats.matched += is_kept;
    requests->stats.other += !is_kept;
    if (is_kept)
        let_go(requests, &held, waiting->root);
    if (--waiting->samples == 0)
        requests->free_list[requests->free_count++] = held.waiting;
}

static bool is_open(const struct requests *requests, const struct held *held)
{
    return held->waiting < UNKNOWN && requests->waiting[held->waiting].verdict == VERDICT_OPEN;
}

static void pop_settled(struct requests *requests)
{
    while (requests->count && !is_open(requests, &requests->queue[requests->head]))
        pop(requests);
}

static void force_oldest(struct requests *requests)
{
    const struct held *oldest = &requests->queue[requests->head];
    if (is_open(requests, oldest))
        judge_now(requests, &requests->waiting[oldest->waiting]);
    pop(requests);
}

/* Room for one more at the end; the ring's size is a power of two. */
static bool make_room(struct requests *requests)
{
    if (requests->count < requests->room)
        return true;
    uint32_t room = requests->room, before = room;
    if (!grow(&requests->queue, &room, sizeof *requests->queue, REQUESTS_MAX_SAMPLES)) {
        if (!requests->count)
            return false;
        force_oldest(requests);
        return true;
    }
    memcpy(requests->queue + before, requests->queue, requests->head * sizeof *requests->queue);
    requests->room = room;
    return true;
}

void requests_see(struct requests *requests, const struct process_sighting *sighting,
                  uint64_t start_us, uint64_t duration_us)
{
    struct requests_stats *stats = &requests->stats;
    uint32_t waiting = OUTSIDE;
    stats->taken++;
    stats->with_agent += sighting->agent != NULL;
    if (!make_room(requests)) {
        requests->profile->stats.errors++;
        return;
    }
    if (sighting->request == PROCESS_REQUEST_UNKNOWN)
        waiting = UNKNOWN;
    else if (sighting->request && sighting->agent)
        waiting = find_waiting(requests, sighting);
    if (waiting == OUTSIDE && sighting->request)
        waiting = UNKNOWN; /* no room */
    if (waiting < UNKNOWN)
        requests->waiting[waiting].samples++;
    stats->outside += waiting == OUTSIDE;
    stats->unknown += waiting == UNKNOWN;
    uint32_t at = (requests->head + requests->count++) & (requests->room - 1);
    requests->queue[at] = (struct held){
        .start_us = start_us,
        .thread = sighting->thread,
        .node = sighting->node,
        .duration_us = duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)duration_us,
        .waiting = waiting,
    };
}

void requests_tick(struct requests *requests, uint64_t mono_ns)
{
    requests->now_ns = mono_ns;
    for (uint32_t i = 0; i < requests->waiting_count; i++) {
        struct waiting *waiting = &requests->waiting[i];
        if (waiting->samples && waiting->verdict == VERDICT_OPEN && waiting->agent)
            look_again(requests, waiting);
    }
    pop_settled(requests);
}

void requests_forget(struct requests *requests, const struct collect *agent)
{
    for (uint32_t i = 0; i < requests->waiting_count; i++) {
        struct waiting *waiting = &requests->waiting[i];
        if (!waiting->samples || waiting->agent != agent)
            continue;
        if (waiting->verdict == VERDICT_OPEN)
            judge_now(requests, waiting);
        waiting->agent = NULL;
    }
    pop_settled(requests);
}

void requests_end(struct requests *requests)
{
    requests_tick(requests, clock_mono_ns());
    while (requests->count)
        force_oldest(requests);
}
