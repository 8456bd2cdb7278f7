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
    {"profile", "all samples as a flame graph, or in another format", ANSWER_PROFILE_PARAMS, false,
     answer_profile},
    {"top", "functions, lines, packages and threads by time", ANSWER_TOP_PARAMS, false, answer_top},
    {"diff", "what got slower and what faster, noise left out", ANSWER_DIFF_PARAMS, false,
     answer_diff},
    {0},
};

const struct answer_kind *answer_find(const char *name)
{
    for (const struct answer_kind *kind = answer_kinds; kind->name; kind++)
        if (!strcmp(kind->name, name))
            return kind;
    return NULL;
}
