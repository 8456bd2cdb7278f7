/* SPDX-License-Identifier: MIT */
/* harvest.c - the processes, their agents, and the clock.
 *
 * Counters say what happened since the process began. What of it is ours is what happened since we
 * began: an agent that is older than the harvest, or that was let go of before, is read once for
 * where its counters stand, and what its ring holds then is past, too.
 *
 * An agent's memory appears with the first event of its process, maybe hours after the process
 * began, and anew when the process executes another program; so it is looked for where there is
 * none, the less often the older the process, and where nothing has happened for some windows.
 */
#include "daemon/harvest.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "daemon/harvest_inside.h"
#include "daemon/harvest_traces.h"

void harvest_fault(struct harvest *harvest, int result, const struct err *err)
{
    if (harvest->fault)
        return;
    harvest->fault = result;
    harvest->err = err ? *err : (struct err){0};
    if (!harvest->err.code)
        err_set(&harvest->err, result, "reading agents: %s", err_text(result));
}

/* ---- processes ------------------------------------------------------------------------------ */

static uint32_t find(const struct harvest *harvest, pid_t pid)
{
    uint32_t i = 0;
    while (i < harvest->count && harvest->members[i]->pid != pid)
        i++;
    return i;
}

static void member_free(struct harvest_member *member)
{
    keep_free(member->keep);
    parts_free(member->parts);
    collect_close(member->collect);
    samples_source_done(&member->samples);
    free(member->service);
    free(member->host);
    free(member->version);
    free(member->command);
    free(member);
}

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static int name_it(struct harvest_member *member, const struct harvest_process *process)
{
    char *texts[] = {copy(process->service), copy(process->host), copy(process->version),
                     copy(process->command)};
    char **places[] = {&member->service, &member->host, &member->version, &member->command};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!texts[i]) {
            for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
                free(texts[j]);
            return ERR_NO_MEMORY;
        }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        free(*places[i]);
        *places[i] = texts[i];
    }
    member->source = (struct store_source){
        .service = member->service,
        .host = member->host,
        .version = member->version,
        .pid = member->pid,
        .started_ns = member->started_ns,
    };
    return 0;
}

static int make_room(struct harvest *harvest)
{
    if (harvest->count < harvest->capacity)
        return 0;
    if (harvest->count == HARVEST_MAX_PROCESSES)
        return ERR_LIMIT;
    uint32_t capacity = harvest->capacity ? 2 * harvest->capacity : 32;
    struct harvest_member **members = realloc(harvest->members, capacity * sizeof(void *));
    if (!members)
        return ERR_NO_MEMORY;
    harvest->members = members;
    harvest->capacity = capacity;
    return 0;
}

int harvest_add(struct harvest *harvest, const struct harvest_process *process)
{
    uint32_t at = find(harvest, process->pid);
    if (at < harvest->count && harvest->members[at]->started_ns == process->started_ns) {
        map_reset(&harvest->members[at]->samples.known);
        return name_it(harvest->members[at], process);
    }
    if (at < harvest->count) /* the number is another's now */
        harvest_gone(harvest, process->pid);
    struct harvest_member *member = calloc(1, sizeof *member);
    int result = member ? make_room(harvest) : ERR_NO_MEMORY;
    if (result == 0) {
        member->pid = process->pid;
        member->started_ns = process->started_ns;
        member->added_ns = harvest->mono_ns;
        member->harvest = harvest;
        member->owner = ++harvest->owners;
        samples_source_init(&member->samples);
        result = name_it(member, process);
    }
    if (result < 0) {
        free(member);
        return result;
    }
    harvest->members[harvest->count++] = member;
    return 0;
}

/* ---- agents --------------------------------------------------------------------------------- */

static bool is_ours_from_the_start(const struct harvest *harvest, const struct collect_facts *facts)
{
    return facts->start_mono_ns >= harvest->begin_ns &&
           map_get(&harvest->known, facts->start_mono_ns) == MAP_NONE;
}

static void note_latency(struct harvest_member *member, const struct keep_trace *trace)
{
    struct latency_exemplar exemplar = {
        .trace_high = trace->trace.as.trace.trace_high,
        .trace_low = trace->trace.as.trace.trace_low,
        .at_ns = member->harvest->wall_ns,
        .value_s = (double)trace->request.as.span.duration_ns / 1e9,
    };
    latency_note(&member->harvest->latency, member->service, &exemplar);
}

static void see_trace(void *context, const struct keep_trace *trace)
{
    struct harvest_member *member = context;
    struct harvest *harvest = member->harvest;
    struct traces_process process = {
        .collect = member->collect,
        .parts = member->parts,
        .source = &member->source,
        .command = member->command,
        .owner = member->owner,
    };
    bool is_kept = traces_add(harvest->traces, &process, trace);
    if (is_kept && trace->request.about == AGENT_KIND_REQUEST)
        note_latency(member, trace);
    harvest->stats.traces_kept += is_kept;
    harvest->stats.traces_dropped += !is_kept;
}

static int take(struct harvest *harvest, struct harvest_member *member, struct collect *collect)
{
    struct keep_rules rules = KEEP_RULES_DEFAULT;
    rules.share = harvest->trace_sample;
    rules.history = HARVEST_KEEP_HISTORY;
    member->parts = parts_new(harvest->pool, collect);
    int result =
        member->parts ? keep_new(&rules, see_trace, member, &member->keep, NULL) : ERR_NO_MEMORY;
    if (result < 0) {
        parts_free(member->parts);
        member->parts = NULL;
        collect_close(collect);
        harvest_fault(harvest, result, NULL);
        return result;
    }
    collect_forget_ended(collect);
    member->collect = collect;
    member->has_past = !is_ours_from_the_start(harvest, collect_facts(collect));
    member->has_collections = member->has_loop = false;
    member->limited = 0;
    harvest->stats.agents++;
    return 0;
}

/* What a process counts from here on, if it lives, is not known. */
static void let_go(struct harvest *harvest, struct harvest_member *member)
{
    if (!member->collect)
        return;
    if (!collect_exited(member->collect))
        map_set(&harvest->known, collect_facts(member->collect)->start_mono_ns, 1);
    keep_free(member->keep);
    parts_free(member->parts);
    collect_close(member->collect);
    member->keep = NULL;
    member->parts = NULL;
    member->collect = NULL;
    harvest->stats.agents--;
}

static void see_record(void *context, const struct agent_record *record)
{
    struct harvest_member *member = context;
    struct harvest_stats *stats = &member->harvest->stats;
    stats->spans += record->kind == AGENT_RECORD_SPAN;
    stats->requests += record->kind == AGENT_RECORD_REQUEST;
    parts_record(member->parts, record);
    keep_record(member->keep, record);
}

static void read_records(struct harvest_member *member)
{
    struct harvest_stats *stats = &member->harvest->stats;
    struct collect_stats before = *collect_stats(member->collect);
    collect_drain(member->collect, see_record, member);
    const struct collect_stats *now = collect_stats(member->collect);
    stats->records_lost += now->lost - before.lost + (now->unreadable - before.unreadable);
    uint64_t ring = collect_facts(member->collect)->ring_records;
    if ((now->records - before.records) * HARVEST_HURRY_SHARE >= ring)
        member->harvest->hurry_until_ns = member->harvest->mono_ns + HARVEST_HURRY_NS;
    uint64_t limited = keep_stats(member->keep)->limited;
    stats->traces_dropped += limited - member->limited;
    member->limited = limited;
}

/* Where its counters stand is the past; from now on they are ours. */
static void skip_past(struct harvest *harvest, struct harvest_member *member)
{
    if (!member->has_past)
        return;
    collect_drain(member->collect, NULL, NULL);
    harvest_histograms(harvest, member);
    member->has_past = false;
}

static void look_for_agent(struct harvest *harvest, struct harvest_member *member)
{
    struct collect *collect = NULL;
    if (harvest->mono_ns < member->next_look_ns)
        return;
    uint64_t age_ns = harvest->mono_ns - member->added_ns, pause_ns = age_ns / HARVEST_LOOK_SHARE;
    if (age_ns < HARVEST_YOUNG_NS)
        pause_ns = 0;
    else if (pause_ns > HARVEST_LOOK_MOST_NS)
        pause_ns = HARVEST_LOOK_MOST_NS;
    member->next_look_ns = harvest->mono_ns + pause_ns;
    if (collect_open(member->pid, &collect, NULL) < 0)
        return;
    if (take(harvest, member, collect) == 0)
        skip_past(harvest, member);
}

const struct latency *harvest_latency(const struct harvest *harvest)
{
    return &harvest->latency;
}

bool harvest_has_agent(const struct harvest *harvest, pid_t pid)
{
    uint32_t at = find(harvest, pid);
    return at < harvest->count && harvest->members[at]->collect;
}

/* ---- time ----------------------------------------------------------------------------------- */

static void store_parts(struct harvest *harvest, struct harvest_member *member)
{
    struct err err = {0};
    int result =
        parts_store(member->parts, harvest->store, &member->source, harvest->window_ns, &err);
    if (result < 0)
        harvest_fault(harvest, result, &err);
}

static void read_counters(struct harvest *harvest, struct harvest_member *member)
{
    if (!member->collect)
        return;
    read_records(member);
    harvest_histograms(harvest, member);
    store_parts(harvest, member);
}

static void finish_traces(struct harvest *harvest, uint32_t owner)
{
    struct err err = {0};
    int result = traces_finish(harvest->traces, owner, &err);
    if (result < 0)
        harvest_fault(harvest, result, &err);
}

/* Its last words. */
static void end_agent(struct harvest *harvest, struct harvest_member *member)
{
    if (!member->collect)
        return;
    read_counters(harvest, member);
    parts_end(member->parts);
    store_parts(harvest, member);
    finish_traces(harvest, member->owner);
    harvest_cut(harvest, member);
    let_go(harvest, member);
}

/* Nothing happened in a whole window: is it still this memory that the process writes? */
static void look_again(struct harvest *harvest, struct harvest_member *member)
{
    struct collect *collect = NULL;
    if (collect_open(member->pid, &collect, NULL) < 0)
        return;
    if (collect_facts(collect)->start_mono_ns == collect_facts(member->collect)->start_mono_ns) {
        collect_close(collect);
        return;
    }
    end_agent(harvest, member);
    if (take(harvest, member, collect) == 0)
        skip_past(harvest, member);
}

/* Whether nothing happened in the window and those before. */
static bool is_idle(struct harvest_member *member)
{
    uint64_t records = collect_stats(member->collect)->records;
    member->idle_windows = records == member->records_before ? member->idle_windows + 1 : 0;
    member->records_before = records;
    return member->idle_windows >= HARVEST_IDLE_WINDOWS;
}

static void end_window_of(struct harvest *harvest, struct harvest_member *member)
{
    read_counters(harvest, member);
    harvest_gauges(harvest, member);
    harvest_blocked(harvest, member);
    if (!member->collect)
        return;
    collect_shed(member->collect);
    if (is_idle(member)) {
        look_again(harvest, member);
        member->idle_windows = 0;
    }
}

static int report(struct harvest *harvest, struct err *err)
{
    int result = harvest->fault;
    if (result < 0 && err)
        *err = harvest->err;
    harvest->fault = 0;
    return result;
}

static uint64_t window_of(uint64_t wall_ns)
{
    return wall_ns - wall_ns % HARVEST_WINDOW_NS;
}

int harvest_tick(struct harvest *harvest, uint64_t mono_ns, uint64_t wall_ns, struct err *err)
{
    struct err fault = {0};
    harvest->mono_ns = mono_ns;
    harvest->wall_ns = wall_ns;
    int result = traces_tick(harvest->traces, mono_ns, wall_ns, &fault);
    if (result < 0)
        harvest_fault(harvest, result, &fault);
    if (!harvest->window_ns)
        harvest->window_ns = window_of(wall_ns);
    for (uint32_t i = 0; i < harvest->count; i++) {
        struct harvest_member *member = harvest->members[i];
        if (!member->usage_ns)
            harvest_gauges_begin(harvest, member);
        if (!member->collect)
            look_for_agent(harvest, member);
        if (member->collect)
            read_records(member);
    }
    if (window_of(wall_ns) != harvest->window_ns)
        for (uint32_t i = 0; i < harvest->count; i++)
            end_window_of(harvest, harvest->members[i]);
    harvest->window_ns = window_of(wall_ns);
    return report(harvest, err);
}

void harvest_look(struct harvest *harvest, uint64_t mono_ns)
{
    harvest->mono_ns = mono_ns;
    for (uint32_t i = 0; i < harvest->count; i++) {
        struct harvest_member *member = harvest->members[i];
        if (!member->collect && mono_ns - member->added_ns < HARVEST_YOUNG_NS)
            look_for_agent(harvest, member);
    }
}

bool harvest_hurries(const struct harvest *harvest)
{
    return harvest->mono_ns < harvest->hurry_until_ns;
}

int harvest_flush(struct harvest *harvest, struct err *err)
{
    for (uint32_t i = 0; i < harvest->count; i++)
        read_counters(harvest, harvest->members[i]);
    finish_traces(harvest, 0);
    return report(harvest, err);
}

void harvest_gone(struct harvest *harvest, pid_t pid)
{
    uint32_t at = find(harvest, pid);
    if (at == harvest->count)
        return;
    struct harvest_member *member = harvest->members[at];
    if (!member->collect) { /* it may have begun to count and ended since the last look */
        member->next_look_ns = 0;
        look_for_agent(harvest, member);
    }
    end_agent(harvest, member);
    member_free(member);
    harvest->members[at] = harvest->members[--harvest->count];
}

int harvest_sample(struct harvest *harvest, pid_t pid, uint64_t request, uint64_t mono_ns,
                   uint64_t duration_ns, const struct profile *from, uint32_t node)
{
    uint32_t at = find(harvest, pid);
    if (at == harvest->count)
        return 0; /* it is gone */
    struct harvest_member *member = harvest->members[at];
    return samples_add(harvest->samples, &member->samples, member->owner, request, mono_ns,
                       duration_ns, from, node);
}

void harvest_stats(const struct harvest *harvest, struct harvest_stats *out)
{
    *out = harvest->stats;
}

/* ---- life ----------------------------------------------------------------------------------- */

int harvest_new(struct store *store, double trace_sample, struct harvest **out, struct err *err)
{
    struct harvest *harvest = calloc(1, sizeof *harvest);
    if (!harvest)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    harvest->store = store;
    harvest->trace_sample = trace_sample;
    harvest->begin_ns = harvest->mono_ns = clock_mono_ns();
    map_init(&harvest->known);
    harvest->buckets = calloc(AGENT_HISTOGRAM_BUCKETS, sizeof *harvest->buckets);
    harvest->pool = parts_pool_new();
    harvest->samples = samples_new();
    if (!harvest->buckets || !harvest->pool || !harvest->samples ||
        traces_new(store, harvest->samples, &harvest->traces) < 0) {
        harvest_free(harvest);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    *out = harvest;
    return 0;
}

void harvest_free(struct harvest *harvest)
{
    if (!harvest)
        return;
    for (uint32_t i = 0; i < harvest->count; i++)
        member_free(harvest->members[i]);
    free(harvest->members);
    traces_free(harvest->traces);
    samples_free(harvest->samples);
    parts_pool_free(harvest->pool);
    free(harvest->buckets);
    map_done(&harvest->known);
    free(harvest);
}
