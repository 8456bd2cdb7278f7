/* SPDX-License-Identifier: MIT */
/* family.h - which processes to record while a recording runs: the ones named, their descendants,
 * or all.
 *
 * A process becomes a member when it was named, when a member forked it (`follow`), or when its
 * command line matches
 * (`pattern`, `all`). Members that are, or become by exec, a Python that can be read are handed to
 * `open`; the others are looked at again when they exec. The kernel's process events
 * (os/procevents.h) say so at once where we may listen; otherwise the last pid given out is watched
 * every tick (one pread) and new processes are sorted into the tree by their parent.
 *
 * Ownership: family_new() / family_free(). Threads: one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FAMILY_MAX_MEMBERS 65536u

struct err;
struct family;

struct family_options {
    bool follow;         /* descendants of members */
    bool all;            /* every process of the host */
    const char *pattern; /* extended regular expression on the command line; NULL: none */
    /* Opens a process. 0: it is recorded now. ERR_STARTING: try again soon. ERR_LIMIT: it has to
     * wait, however long. Anything else: not now. */
    int (*open)(void *context, pid_t pid, struct err *err);
    /* A process that is recorded has become another program: let go of it, it will be tried again.
     */
    void (*drop)(void *context, pid_t pid);
    void *context;
};

struct family_stats {
    uint64_t opened; /* processes recorded, in all */
    uint64_t not_python;
    uint64_t unreadable; /* a Python, but not ours to read or of an unknown version */
    bool has_events;     /* the kernel tells us */
};

/* ERR_USAGE: the pattern is not a regular expression. */
int family_new(const struct family_options *options, struct family **out, struct err *err);
void family_free(struct family *family); /* NULL is fine */

/* A process that was named. `is_recorded`: it is open already, else it was tried and is waited for.
 */
void family_add_root(struct family *family, pid_t pid, bool is_recorded);

/* Called from the recorder's tick. */
void family_tick(struct family *family, uint64_t mono_ns);

/* The recorder has dropped this process: it ended, or became another program by exec. */
void family_dropped(struct family *family, pid_t pid);

/* What was refused, or was no Python, is asked for again: the caller would answer otherwise now. */
void family_retry(struct family *family);

/* When family_tick wants to be called at the latest (UINT64_MAX: not by time), and a file
 * descriptor that is readable when it should be called at once (-1: none). */
uint64_t family_next_ns(const struct family *family, uint64_t mono_ns);
int family_wake_fd(const struct family *family);

/* Members about to be tried, and named ones that may become Python yet: worth waiting for. */
uint32_t family_pending(const struct family *family);
const struct family_stats *family_stats(const struct family *family);
