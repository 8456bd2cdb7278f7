/* SPDX-License-Identifier: MIT */
#include "cli/targets.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/launch.h"
#include "target/target.h"

#define WAIT_LAUNCHED_MS 10000u
#define WAIT_ATTACHED_MS 2000u
#define CHILD_PATIENCE_MS 2000u

/* Hands an open target to the recorder. */
static int take(struct targets *targets, struct target *target, struct err *err)
{
    struct profile *profile = targets->recorder->profile;
    struct profile_meta *meta = &profile->meta;
    meta->pid = targets->several ? 0 : target->pid;
    if (!meta->command) {
        meta->command = profile_cstring(profile, target->command);
        meta->python = profile_cstring(profile, target->version_text);
    }
    struct process *process;
    int result = process_new(target, profile, &targets->options.process, &process, err);
    if (result < 0) {
        target_close(target);
        return result;
    }
    result = recorder_add(targets->recorder, process);
    return result < 0 ? err_set(err, result, "too many processes") : 0;
}

static int open_pid(struct targets *targets, pid_t pid, uint32_t wait_ms, struct err *err)
{
    /* A command may be a shell script that becomes Python; with -s its children are what counts. */
    struct target_options target_options = {
        .wait_ms = wait_ms,
        .launched = pid == targets->child && !targets->options.subprocesses,
    };
    struct target *target;
    int result = target_open(pid, &target_options, &target, err);
    return result < 0 ? result : take(targets, target, err);
}

static int open_member(void *context, pid_t pid, struct err *err)
{
    return open_pid(context, pid, 0, err);
}

static void drop_member(void *context, pid_t pid)
{
    struct targets *targets = context;
    recorder_drop(targets->recorder, pid);
}

static int make_family(struct targets *targets, struct err *err)
{
    const struct targets_options *options = &targets->options;
    struct family_options family_options = {
        .follow = options->subprocesses,
        .all = options->all,
        .pattern = options->name,
        .open = open_member,
        .drop = drop_member,
        .context = targets,
    };
    int result = family_new(&family_options, &targets->family, err);
    if (result == 0 && (options->all || options->name || options->subprocesses))
        targets->recorder->wake_fd = family_wake_fd(targets->family);
    return result;
}

/* A process that was named: an error is the user's, unless it may have Python children. */
static int open_named(struct targets *targets, pid_t pid, uint32_t wait_ms, struct err *err)
{
    int result = open_pid(targets, pid, wait_ms, err);
    bool may_come = result == ERR_NOT_PYTHON && targets->options.subprocesses;
    if (result < 0 && !may_come)
        return result;
    family_add_root(targets->family, pid, result == 0);
    return 0;
}

int targets_open(struct targets *targets, const struct targets_options *options,
                 struct recorder *recorder, struct err *err)
{
    *targets = (struct targets){.options = *options, .recorder = recorder};
    targets->several =
        options->subprocesses || options->all || options->name || options->pids->count > 1;
    int result = make_family(targets, err);
    if (result == 0 && options->command) {
        result = launch_start(options->command, &targets->child, err);
        if (result == 0)
            result = open_named(targets, targets->child, WAIT_LAUNCHED_MS, err);
        if (result == ERR_GONE)
            result = err_set(err, ERR_GONE, "%s ended before Python ran in it", options->command[0]);
    }
    for (size_t i = 0; result == 0 && i < options->pids->count; i++)
        result = open_named(targets, options->pids->items[i], WAIT_ATTACHED_MS, err);
    if (result == 0)
        targets_tick(targets, clock_mono_ns());
    return result;
}

void targets_close(struct targets *targets)
{
    targets_end_command(targets);
    family_free(targets->family);
    targets->family = NULL;
}

void targets_tick(struct targets *targets, uint64_t mono_ns)
{
    family_tick(targets->family, mono_ns);
    targets->recorder->tick_wanted_ns = family_next_ns(targets->family, mono_ns);
    targets->recorder->wait_for_processes =
        targets->options.all || targets->options.name || family_pending(targets->family) > 0;
}

void targets_dropped(struct targets *targets, pid_t pid)
{
    family_dropped(targets->family, pid);
    targets->recorder->wait_for_processes = true; /* until the next tick has looked */
    targets->recorder->tick_wanted_ns = 0;
}

bool targets_end_command(struct targets *targets)
{
    pid_t child = targets->child;
    targets->child = 0;
    return child && launch_end(child, CHILD_PATIENCE_MS);
}
