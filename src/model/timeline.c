/* SPDX-License-Identifier: MIT */
#include "model/timeline.h"

#include <stdlib.h>

#include "base/err.h"

/* A counting sort: stable, so each thread's runs stay in the order they were seen. */
int timeline_init(struct timeline *timeline, const struct profile *profile)
{
    size_t threads = profile->thread_count;
    *timeline = (struct timeline){.profile = profile};
    if (profile->run_count > UINT32_MAX)
        return ERR_LIMIT;
    timeline->starts = calloc(threads + 2, sizeof *timeline->starts);
    timeline->order = malloc((profile->run_count + 1) * sizeof *timeline->order);
    if (!timeline->starts || !timeline->order)
        return ERR_NO_MEMORY;
    uint64_t *next = timeline->starts + 1; /* ends as the starts of the thread after */
    for (uint64_t i = 0; i < profile->run_count; i++)
        next[profile->runs[i].thread + 1]++;
    for (size_t t = 1; t <= threads; t++)
        next[t] += next[t - 1];
    for (uint64_t i = 0; i < profile->run_count; i++)
        timeline->order[next[profile->runs[i].thread]++] = (uint32_t)i;
    return 0;
}

void timeline_done(struct timeline *timeline)
{
    free(timeline->starts);
    free(timeline->order);
    *timeline = (struct timeline){0};
}
