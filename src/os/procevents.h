/* SPDX-License-Identifier: MIT */
/* procevents.h - the kernel tells when processes fork, exec and exit (netlink process connector).
 *
 * Needs CAP_NET_ADMIN in the initial user namespace and a kernel with CONFIG_PROC_EVENTS; callers
 * must be able to do without. Process ids are those of the initial pid namespace: where ours is
 * another one, procevents_open refuses.
 *
 * Ownership: procevents_open() / procevents_close(). Cost: one recv per event, none when nothing
 * happens.
 */
#pragma once

#include <sys/types.h>

enum procevent_kind { PROCEVENT_FORK, PROCEVENT_EXEC, PROCEVENT_EXIT };

struct procevent {
    enum procevent_kind kind;
    pid_t pid;    /* fork: the new process */
    pid_t parent; /* fork only: the process that forked, even if it is gone by now */
};

/* A file descriptor, non-blocking, or ERR_DENIED / ERR_UNSUPPORTED. */
int procevents_open(void);
void procevents_close(int fd);

/* The next event of whole processes (threads are left out). 1, 0: none waiting, ERR_LIMIT: events
 * were lost, look at everything again; ERR_IO. */
int procevents_next(int fd, struct procevent *out);
