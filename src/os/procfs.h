/* SPDX-License-Identifier: MIT */
/* procfs.h - what /proc says about one process, as values.
 *
 * Every call opens, reads and closes; for what a sampler asks a thousand times a second see
 * os/task.h. Texts are cut to the caller's buffer and always NUL-terminated.
 * Errors: ERR_GONE when the process is not there (any more), ERR_DENIED when hidden from us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_MAX_PIDS (4u << 20) /* the kernel's own PID_MAX_LIMIT */
#define PROC_NS_DEPTH 33         /* nested pid namespaces: the kernel allows 32 */

/* From /proc/PID/stat. */
struct proc_stat {
    char comm[64];
    char state; /* R S D Z T t X I */
    pid_t parent;
    bool kernel_thread;
    uint64_t threads;
    uint64_t start_ticks; /* since boot, in sysconf(_SC_CLK_TCK); with the pid: an identity */
};

/* From /proc/PID/status. */
struct proc_status {
    pid_t thread_group; /* the process that the id belongs to; differs for a thread's id */
    uid_t uid, euid; /* as seen from our user namespace */
    uint64_t cap_effective;
    int seccomp;                  /* 0 none, 1 strict, 2 filter, -1 unknown */
    pid_t ns_pids[PROC_NS_DEPTH]; /* outermost we may see first, the process's own view last */
    size_t ns_depth;              /* 1: no pid namespace below ours */
};

struct pid_list {
    pid_t *pids; /* ascending as the kernel lists them */
    size_t count, capacity;
};

int proc_stat_read(pid_t pid, struct proc_stat *out);
/* `tid` 0: the process itself, else one of its threads. */
int proc_status_read(pid_t pid, pid_t tid, struct proc_status *out);

/* Arguments joined by spaces, control characters as '?'; "[comm]" when there are none. */
int proc_command(pid_t pid, char *out, size_t size);
/* The target of a link such as "exe" or "ns/mnt". */
int proc_link(pid_t pid, const char *name, char *out, size_t size);
/* How long the process has existed; 0 when that cannot be told. */
uint64_t proc_age_ms(const struct proc_stat *stat);

/* All processes; all threads of one. The list is reused; pid_list_done() frees it. */
int proc_list(struct pid_list *list);
int proc_list_tasks(pid_t pid, struct pid_list *list);
void pid_list_done(struct pid_list *list);

/* Whole text file of the system, such as "/proc/sys/kernel/osrelease", without its last newline.
 * Returns its size or ERR_NOT_FOUND, ERR_DENIED, ERR_IO. */
ssize_t proc_text(const char *path, char *out, size_t size);
/* The same as a number; `missing` when there is none. */
long proc_number(const char *path, long missing);

/* Pure: the parsers, for tests. */
int proc_stat_parse(const char *text, struct proc_stat *out); /* 0 or ERR_BAD_DATA */
void proc_status_parse(const char *text, struct proc_status *out);
