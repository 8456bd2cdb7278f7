/* SPDX-License-Identifier: MIT */
/* harvest_cut.c - what a process was doing when it ended: its memory outlives it, and requests that
 * nobody finished are still in it.
 *
 *     GET /report had run for 31.2 s when its process ended, waiting for SELECT orders for 30.9 s
 */
#include <stdlib.h>

#include "base/buf.h"
#include "daemon/harvest_inside.h"
#include "sampler/requests.h"

#define MOST 8u /* of a process */

static double since_s(const struct harvest *harvest, uint64_t start_ns)
{
    return harvest->mono_ns > start_ns ? (double)(harvest->mono_ns - start_ns) / 1e9 : 0;
}

static void describe(const struct harvest *harvest, struct collect *collect,
                     const struct collect_request *request, struct buf *out)
{
    char label[REQUESTS_LABEL_MAX];
    struct collect_key leaf;
    buf_printf(out, "%s had run for %.1f s when its process ended",
               requests_label(collect, request, label), since_s(harvest, request->start_ns));
    if (!request->leaf_key || !collect_key(collect, request->leaf_key, &leaf))
        return;
    buf_printf(out, ", waiting for %s for %.1f s", *leaf.summary ? leaf.summary : leaf.name,
               since_s(harvest, request->leaf_start_ns));
}

static void tell(struct harvest *harvest, const struct harvest_member *member,
                 const struct collect_request *request)
{
    struct err err = {0};
    struct buf text;
    buf_init(&text, 0);
    describe(harvest, member->collect, request, &text);
    struct store_event event = {.at_ns = harvest->wall_ns,
                                .kind = "cut",
                                .service = member->service,
                                .host = member->host,
                                .version = member->version,
                                .pid = member->pid,
                                .text = text.data};
    int result = buf_failed(&text) ? ERR_NO_MEMORY : store_add_event(harvest->store, &event, &err);
    if (result < 0)
        harvest_fault(harvest, result, &err);
    buf_done(&text);
}

void harvest_cut(struct harvest *harvest, struct harvest_member *member)
{
    struct collect_request requests[MOST];
    if (!collect_exited(member->collect))
        return;
    uint32_t count = collect_in_flight(member->collect, requests, MOST);
    for (uint32_t i = 0; i < count && i < MOST; i++)
        if (requests[i].kind == AGENT_KIND_REQUEST || requests[i].kind == AGENT_KIND_TASK)
            tell(harvest, member, &requests[i]);
}
