/* SPDX-License-Identifier: MIT */
/* timeline.h - the runs of a profile thread by thread, in order of time.
 *
 * profile->runs mixes the threads as they were seen; formats with tracks want each thread's own.
 * A view of 4 bytes a run; valid while nothing is added to the profile.
 */
#pragma once

#include "model/profile.h"

struct timeline {
    const struct profile *profile;
    uint64_t *starts; /* thread's runs are order[starts[thread]] to order[starts[thread + 1] - 1] */
    uint32_t *order;
};

/* 0, ERR_NO_MEMORY or ERR_LIMIT; timeline_done() is fine after either. */
int timeline_init(struct timeline *timeline, const struct profile *profile);
void timeline_done(struct timeline *timeline);

static inline uint64_t timeline_count(const struct timeline *timeline, uint32_t thread)
{
    return timeline->starts[thread + 1] - timeline->starts[thread];
}

static inline const struct profile_run *timeline_run(const struct timeline *timeline,
                                                     uint32_t thread, uint64_t i)
{
    return &timeline->profile->runs[timeline->order[timeline->starts[thread] + i]];
}
