/* SPDX-License-Identifier: MIT */
#include "sampler/freeze.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"

/* Waits for the stop that PTRACE_INTERRUPT asked for. */
static int wait_stopped(struct freeze *freeze, uint64_t until_ns)
{
    for (;;) {
        int status;
        pid_t got = waitpid(freeze->tid, &status, __WALL | WNOHANG);
        if (got < 0 || (got > 0 && !WIFSTOPPED(status))) {
            freeze->attached = false;
            return ERR_GONE;
        }
        if (got > 0) {
            int event = status >> 16;
            freeze->signal = event ? 0 : WSTOPSIG(status);
            freeze->stopped = true;
            return 0;
        }
        if (clock_mono_ns() > until_ns)
            return ERR_TORN;
        sched_yield();
    }
}

int freeze_begin(struct freeze *freeze, pid_t tid)
{
    *freeze = (struct freeze){.tid = tid};
    if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
        return errno == ESRCH ? ERR_GONE : ERR_DENIED;
    freeze->attached = true;
    if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0)
        return ERR_GONE;
    return wait_stopped(freeze, clock_mono_ns() + FREEZE_WAIT_NS);
}

void freeze_end(struct freeze *freeze)
{
    if (!freeze->attached)
        return;
    /* Only a stopped thread can be let go. One that did not stop in time will, at its next return
     * to user mode. */
    while (!freeze->stopped && freeze->attached)
        wait_stopped(freeze, clock_mono_ns() + FREEZE_WAIT_NS);
    if (freeze->attached)
        ptrace(PTRACE_DETACH, freeze->tid, 0, freeze->signal);
    freeze->attached = false;
}
