/* SPDX-License-Identifier: MIT */
/* targets.h - the processes of a command: those named, their children, or all of the host.
 *
 * Shared by commands that sample while they run (record, top). Connects a recorder with a family.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/opt.h"
#include "sampler/family.h"
#include "sampler/recorder.h"

struct targets_options {
    const struct opt_pids *pids; /* may be empty */
    char *const *command;        /* started when not NULL */
    bool subprocesses;
    bool all;
    const char *name; /* pattern; NULL: none */
    struct process_options process;
};

struct targets {
    struct targets_options options;
    struct recorder *recorder;
    struct family *family;
    pid_t child; /* the command started; 0: none */
    bool several;
};

/* Opens what can be opened now. What follows later comes through targets_tick and targets_dropped,
 * to be called from the recorder's hooks. 0, or the error of the process that was named. On an
 * error targets_close too. */
int targets_open(struct targets *targets, const struct targets_options *options,
                 struct recorder *recorder, struct err *err);
void targets_close(struct targets *targets);

void targets_tick(struct targets *targets, uint64_t mono_ns);
void targets_dropped(struct targets *targets, pid_t pid);

/* Ends the command that was started, if it still runs. True when it had to. */
bool targets_end_command(struct targets *targets);
