/* SPDX-License-Identifier: MIT */
/* freeze.h - stopping one thread for a moment (--blocking).
 *
 * PTRACE_SEIZE, PTRACE_INTERRUPT, wait, and detach after the look. A thread is never left stopped:
 * the kernel detaches and resumes it when we end, however we end, and we never set
 * PTRACE_O_EXITKILL. A signal that arrives in between is delivered at the detach.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define FREEZE_WAIT_NS 5000000u /* a thread that does not stop within this time is read running */

struct freeze {
    pid_t tid;
    int signal; /* to deliver when it goes on */
    bool stopped;
    bool attached;
};

/* 0 and stopped, ERR_TORN when it did not stop in time (freeze_end must still be called), ERR_GONE,
 * ERR_DENIED. */
int freeze_begin(struct freeze *freeze, pid_t tid);
void freeze_end(struct freeze *freeze);
