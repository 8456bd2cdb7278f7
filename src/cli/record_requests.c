/* SPDX-License-Identifier: MIT */
#include "cli/record_requests.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/log.h"
#include "collect/collect.h"
#include "model/profile.h"

#define REMEDY "start it with \"pitviper run -- COMMAND\", or import pitviper.auto in it"

static void let_through(void *context, uint32_t thread, uint32_t node, uint64_t start_us,
                        uint64_t duration_us)
{
    struct record_requests *join = context;
    struct profile *profile = join->recorder->profile;
    if (profile_see(profile, thread, node, start_us, duration_us) < 0)
        profile->stats.errors++;
    output_see(join->output, thread, node, start_us, duration_us);
}

void record_requests_closing(struct record_requests *join, struct process *process)
{
    process_drain(process);
    if (process_agent(process))
        requests_forget(join->requests, process_agent(process));
}

int record_requests_begin(struct record_requests *join, const struct requests_options *options,
                          struct recorder *recorder, struct output *output, struct err *err)
{
    *join = (struct record_requests){.recorder = recorder, .output = output};
    if (!requests_wanted(options))
        return 0;
    return requests_new(recorder->profile, options, let_through, join, &join->requests, err);
}

void record_requests_done(struct record_requests *join)
{
    requests_free(join->requests);
    join->requests = NULL;
}

int record_requests_check(const struct record_requests *join, struct err *err)
{
    const struct recorder *recorder = join->recorder;
    if (!join->requests || !recorder->process_count)
        return 0;
    for (uint32_t i = 0; i < recorder->process_count; i++)
        if (process_agent(recorder->processes[i]))
            return 0;
    struct collect *agent;
    pid_t pid = process_target(recorder->processes[0])->pid;
    int result = collect_open(pid, &agent, err); /* what is wrong with it, in words */
    if (result == 0)
        collect_close(agent); /* it has come this moment */
    if (result != ERR_NOT_FOUND)
        return result;
    return err_set(err, ERR_NOT_FOUND,
                   "pid %d: there is no pitviper agent in this process, so its requests are not "
                   "known; " REMEDY,
                   (int)pid);
}

void record_requests_tick(struct record_requests *join, uint64_t mono_ns)
{
    if (!join->requests)
        return;
    for (uint32_t i = 0; i < join->recorder->process_count; i++)
        process_drain(join->recorder->processes[i]);
    requests_tick(join->requests, mono_ns);
}

void record_requests_end(struct record_requests *join)
{
    if (!join->requests)
        return;
    for (uint32_t i = 0; i < join->recorder->process_count; i++)
        process_drain(join->recorder->processes[i]);
    requests_end(join->requests);
}

void record_requests_tell(const struct record_requests *join)
{
    if (!join->requests)
        return;
    const struct requests_stats *stats = requests_stats(join->requests);
    if (!stats->with_agent)
        log_warning("no pitviper agent was met, so no request is known; " REMEDY);
    else if (!stats->matched)
        log_warning("none of %" PRIu64 " samples is of a request that was asked for: %" PRIu64
                    " are of others, %" PRIu64 " of none, %" PRIu64 " not known",
                    stats->taken, stats->other, stats->outside, stats->unknown);
    else
        log_info("requests: %" PRIu64 " of %" PRIu64
                 " samples are of requests that were asked for, "
                 "%" PRIu64 " of others, %" PRIu64 " of none, %" PRIu64 " not known",
                 stats->matched, stats->taken, stats->other, stats->outside, stats->unknown);
}
