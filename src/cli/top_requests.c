/* SPDX-License-Identifier: MIT */
/* top_requests.c - which request each thread works on, where an agent is in its process. */
#include <stdlib.h>

#include "cli/top.h"
#include "collect/collect.h"

void top_request_note(struct top *top, const struct process_sighting *sighting)
{
    bool is_known = sighting->request && sighting->request != PROCESS_REQUEST_UNKNOWN;
    if (sighting->thread >= top->request_count) {
        if (!is_known)
            return;
        uint32_t count = 2 * (sighting->thread + 1);
        struct top_request *moved = realloc(top->requests, count * sizeof *moved);
        if (!moved)
            return;
        for (uint32_t i = top->request_count; i < count; i++)
            moved[i] = (struct top_request){0};
        top->requests = moved;
        top->request_count = count;
    }
    if (sighting->request == PROCESS_REQUEST_UNKNOWN)
        return; /* the next look will tell */
    top->requests[sighting->thread] = (struct top_request){
        .agent = is_known ? sighting->agent : NULL,
        .id = sighting->request,
        .slot = sighting->request_slot,
    };
}

void top_closing(void *context, struct process *process)
{
    struct top *top = context;
    const struct collect *agent = process_agent(process);
    for (uint32_t i = 0; agent && i < top->request_count; i++)
        if (top->requests[i].agent == agent)
            top->requests[i].agent = NULL;
}

struct collect *top_request_find(const struct top *top, uint32_t thread,
                                 struct collect_request *out)
{
    if (thread >= top->request_count || !top->requests[thread].agent)
        return NULL;
    const struct top_request *request = &top->requests[thread];
    return collect_find(request->agent, request->id, request->slot, out) ? request->agent : NULL;
}
