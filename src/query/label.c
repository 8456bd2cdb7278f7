/* SPDX-License-Identifier: MIT */
#include "query/label.h"

#include <stdio.h>
#include <string.h>

#include "abi/agent.h"

char *label_of(uint32_t kind, const char *name, const char *detail, char out[LABEL_MAX])
{
    bool task = kind == AGENT_KIND_TASK;
    const char *first = task ? "task" : detail;
    const char *unnamed = task ? "(no name)" : "(unmatched)";
    snprintf(out, LABEL_MAX, "%s%s%s", first, *first ? " " : "", *name ? name : unnamed);
    return out;
}

bool label_is_wanted(const struct ask *ask, const struct store_histogram *histogram)
{
    char label[LABEL_MAX];
    const char *wanted = ask->query.endpoint;
    return !wanted ||
           !strcmp(label_of(histogram->kind, histogram->name, histogram->detail, label), wanted);
}

struct store_query label_metric_query(const struct ask *ask)
{
    struct store_query query = ask->query;
    query.endpoint = query.thread = NULL;
    return query;
}

int label_check_thread(const struct ask *ask, struct err *err)
{
    return ask_refuse(ask, "thread", "requests and gauges are not counted by thread", err);
}
