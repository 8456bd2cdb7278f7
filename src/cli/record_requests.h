/* SPDX-License-Identifier: MIT */
/* record_requests.h - the part of `record` that knows requests: --by-endpoint, --endpoint,
 * --slower-than, --trace. Connects a recorder, the waiting samples and the output. */
#pragma once

#include "cli/output.h"
#include "sampler/recorder.h"
#include "sampler/requests.h"

struct record_requests {
    struct requests *requests; /* NULL: not wanted */
    struct recorder *recorder;
    struct output *output;
};

/* Makes `requests` when any option is set. 0 or ERR_USAGE, ERR_NO_MEMORY. */
int record_requests_begin(struct record_requests *join, const struct requests_options *options,
                          struct recorder *recorder, struct output *output, struct err *err);
void record_requests_done(struct record_requests *join);

/* Once the processes are open: ERR_NOT_FOUND when none of them has an agent. */
int record_requests_check(const struct record_requests *join, struct err *err);

/* From the recorder's hooks: closing (only with `requests`), tick. Its `take` is requests_see(). */
void record_requests_closing(struct record_requests *join, struct process *process);
void record_requests_tick(struct record_requests *join, uint64_t mono_ns);

/* When the recording is over: what waits goes to the output. */
void record_requests_end(struct record_requests *join);

/* How well stacks were matched, for people; warns when there was nothing to match. */
void record_requests_tell(const struct record_requests *join);
