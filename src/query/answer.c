/* SPDX-License-Identifier: MIT */
#include "query/answer.h"

#include <string.h>

#include "query/answers.h"
#include "query/ask.h"

const struct answer_kind answer_kinds[] = {
    {"services", "what runs, how much of a core, memory, requests", ASK_LIST, false,
     answer_services},
    {"endpoints", "requests and tasks by route: how many, how long, where the time went", ASK_LIST,
     false, answer_endpoints},
    {"processes", "processes, also those that have ended", ASK_LIST, false, answer_processes},
    {"profile", "all samples as a flame graph, or in another format", ANSWER_PROFILE_PARAMS, false,
     answer_profile},
    {"top", "functions, lines, packages and threads by time", ANSWER_TOP_PARAMS, false, answer_top},
    {"diff", "what got slower and what faster, noise left out", ANSWER_DIFF_PARAMS, false,
     answer_diff},
    {"queries", "statements by time: how often, by which endpoints, N+1", ASK_LIST, false,
     answer_queries},
    {"outbound", "calls to other servers", ASK_LIST, false, answer_outbound},
    {"cache", "commands to caches and document stores", ASK_LIST, false, answer_cache},
    {"templates", "templates by time", ASK_LIST, false, answer_templates},
    {"tasks", "tasks of queues by time", ASK_LIST, false, answer_tasks},
    {"errors", "exceptions: where, how often, in which endpoints", ASK_LIST, false, answer_errors},
    {"traces", "kept requests, newest first; with an id, one of them", ANSWER_TRACES_PARAMS, true,
     answer_traces},
    {"events", "starts, exits, deploys, alerts", ANSWER_EVENTS_PARAMS, false, answer_events},
    {"histogram", "how long something took", ANSWER_HISTOGRAM_PARAMS, false, answer_histogram},
    {"series", "cores, requests, latency, queries or the runtime over time", ANSWER_SERIES_PARAMS,
     false, answer_series},
    {"threads", "threads by name", ASK_LIST, false, answer_threads},
    {"versions", "which versions ran, and when", ASK_LIST, false, answer_versions},
    {0},
};

const struct answer_kind *answer_find(const char *name)
{
    for (const struct answer_kind *kind = answer_kinds; kind->name; kind++)
        if (!strcmp(kind->name, name))
            return kind;
    return NULL;
}
