/* SPDX-License-Identifier: MIT */
/* harvest_blocked.c - which function held up an event loop.
 *
 * The agent measures every step of a request and counts those of 100 ms and more by endpoint; it
 * does not look where they were. The sampler does: samples of one request that follow each other
 * without a gap for so long are of such a step, or of several between which nobody else had a turn.
 * The function of the application that most of that time lies in is the answer; of the application,
 * because "recv_into" of the standard library helps nobody.
 *
 *     GET /report held up the event loop 3 times, for 0.41 s at most, in load_all (shop/data.py:31)
 *
 * One event an hour for an endpoint and a function of a service.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "daemon/harvest_inside.h"

#define LONG_NS UINT64_C(50000000) /* at low rates two samples are all that there is of 100 ms */
#define HOUR_NS UINT64_C(3600000000000)
#define MAX_REQUESTS 256u
#define MAX_FUNCTIONS 32u
#define RUN_MAX 512u /* samples; more of the same say nothing more */

struct function {
    const struct profile *profile;
    uint32_t frame;
    uint64_t ns;
};

struct search {
    struct samples_sight run[RUN_MAX]; /* of one request, each right before the one before it */
    uint32_t run_count;
    struct function functions[MAX_FUNCTIONS];
    uint32_t function_count;
};

/* ---- functions ------------------------------------------------------------------------------ */

static bool is_library(const char *file)
{
    return strstr(file, "/site-packages/") || strstr(file, "/dist-packages/") ||
           strstr(file, "/lib/python") || file[0] == '<' || !*file;
}

static const char *file_of(const struct profile *profile, uint32_t frame)
{
    return profile->strings[profile->frames[frame].full_file].text;
}

/* The innermost frame of the application, else the innermost. */
static uint32_t own_frame(const struct profile *profile, uint32_t node)
{
    for (uint32_t at = node; at; at = profile->nodes[at].parent)
        if (!is_library(file_of(profile, profile->nodes[at].frame)))
            return profile->nodes[at].frame;
    return profile->nodes[node].frame;
}

static const char *name_of(const struct profile *profile, uint32_t frame)
{
    return profile->strings[profile->frames[frame].name].text;
}

/* Lines of one function are the same function; its line is that of the first that was met. */
static void add_function(struct search *search, const struct samples_sight *sight)
{
    if (!sight->node)
        return;
    uint32_t frame = own_frame(sight->profile, sight->node), i = 0;
    while (i < search->function_count &&
           (strcmp(name_of(search->functions[i].profile, search->functions[i].frame),
                   name_of(sight->profile, frame)) != 0 ||
            strcmp(file_of(search->functions[i].profile, search->functions[i].frame),
                   file_of(sight->profile, frame)) != 0))
        i++;
    if (i == MAX_FUNCTIONS)
        return;
    if (i == search->function_count)
        search->functions[search->function_count++] =
            (struct function){.profile = sight->profile, .frame = frame};
    search->functions[i].ns += sight->until_ns - sight->from_ns;
}

static const struct function *most(const struct search *search)
{
    const struct function *found = NULL;
    for (uint32_t i = 0; i < search->function_count; i++)
        if (!found || search->functions[i].ns > found->ns)
            found = &search->functions[i];
    return found;
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void end_run(struct search *search)
{
    const struct samples_sight *run = search->run;
    uint32_t count = search->run_count;
    search->run_count = 0;
    if (!count || run[0].until_ns - run[count - 1].from_ns < LONG_NS)
        return;
    for (uint32_t i = 0; i < count; i++)
        add_function(search, &run[i]);
}

/* From the newest to the oldest; a gap of a sample's own length is none. */
static void see(void *context, const struct samples_sight *sight)
{
    struct search *search = context;
    uint64_t length_ns = sight->until_ns - sight->from_ns;
    const struct samples_sight *later =
        search->run_count ? &search->run[search->run_count - 1] : NULL;
    if (later && sight->until_ns + length_ns / 2 < later->from_ns)
        end_run(search);
    if (search->run_count < RUN_MAX)
        search->run[search->run_count++] = *sight;
}

/* The agent knows the route, a label has the method before it. */
static bool is_of(const char *label, const char *route)
{
    size_t size = strlen(label), wanted = strlen(route);
    return size >= wanted && strcmp(label + size - wanted, route) == 0 &&
           (size == wanted || label[size - wanted - 1] == ' ');
}

/* ---- telling -------------------------------------------------------------------------------- */

static bool was_told(struct harvest *harvest, const char *text)
{
    for (uint32_t i = 0; i < HARVEST_TOLD; i++)
        if (harvest->told[i].at_ns + HOUR_NS > harvest->wall_ns &&
            strcmp(harvest->told[i].text, text) == 0)
            return true;
    struct harvest_told *told = &harvest->told[harvest->told_next++ % HARVEST_TOLD];
    snprintf(told->text, sizeof told->text, "%s", text);
    told->at_ns = harvest->wall_ns;
    return false;
}

static void write_detail(struct buf *out, const struct harvest_blocker *blocker, const char *label,
                         const char *where)
{
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "endpoint", label);
    jsonw_key_string(&json, "function", where);
    jsonw_key_u64(&json, "count", blocker->count);
    jsonw_key_double(&json, "total_s", (double)blocker->total_ns / 1e9);
    jsonw_key_double(&json, "max_s", (double)blocker->max_ns / 1e9);
    jsonw_object_end(&json);
}

static void tell(struct harvest *harvest, const struct harvest_member *member,
                 const struct harvest_blocker *blocker, const char *label, const char *where)
{
    char key[256];
    struct err err = {0};
    struct buf text, detail;
    snprintf(key, sizeof key, "%.60s|%.90s|%.90s", member->service, label, where);
    if (was_told(harvest, key))
        return;
    buf_init(&text, 0);
    buf_init(&detail, 0);
    buf_printf(&text, "%s held up the event loop %llu time%s, for %.2f s at most, in %s", label,
               (unsigned long long)blocker->count, blocker->count == 1 ? "" : "s",
               (double)blocker->max_ns / 1e9, where);
    write_detail(&detail, blocker, label, where);
    struct store_event event = {.at_ns = harvest->wall_ns,
                                .kind = "blocked",
                                .service = member->service,
                                .host = member->host,
                                .version = member->version,
                                .pid = member->pid,
                                .text = text.data,
                                .detail = detail.data};
    if (!buf_failed(&text) && !buf_failed(&detail)) {
        int result = store_add_event(harvest->store, &event, &err);
        if (result < 0)
            harvest_fault(harvest, result, &err);
    }
    buf_done(&text);
    buf_done(&detail);
}

static void look_into(struct harvest *harvest, struct harvest_member *member,
                      const struct harvest_blocker *blocker)
{
    static struct search search; /* one thread, and large */
    static uint64_t requests[MAX_REQUESTS];
    char where[512], label_of_it[512] = "";
    uint64_t since_ns = harvest->mono_ns > 2 * HARVEST_WINDOW_NS
                            ? harvest->mono_ns - HARVEST_WINDOW_NS - HARVEST_LOOK_NS
                            : 0;
    uint32_t count =
        samples_requests(harvest->samples, member->owner, since_ns, requests, MAX_REQUESTS);
    search.run_count = search.function_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *label = parts_request_label(member->parts, requests[i]);
        if (!label || !is_of(label, blocker->route))
            continue;
        snprintf(label_of_it, sizeof label_of_it, "%s", label);
        samples_walk(harvest->samples, member->owner, requests[i], see, &search);
        end_run(&search);
    }
    const struct function *function = most(&search);
    if (!function)
        return; /* it was not sampled meanwhile */
    profile_frame_label(function->profile, function->frame, where, sizeof where);
    tell(harvest, member, blocker, label_of_it, where);
}

void harvest_blocked(struct harvest *harvest, struct harvest_member *member)
{
    for (uint32_t i = 0; i < member->blocker_count && member->collect; i++)
        look_into(harvest, member, &member->blockers[i]);
    member->blocker_count = 0;
}
