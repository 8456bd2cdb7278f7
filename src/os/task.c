/* SPDX-License-Identifier: MIT */
#include "os/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static int code_of_errno(int sys_errno)
{
    if (sys_errno == ENOENT || sys_errno == ESRCH)
        return ERR_GONE;
    return sys_errno == EMFILE || sys_errno == ENFILE ? ERR_LIMIT : ERR_IO;
}

static int open_task_file(pid_t pid, pid_t tid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : code_of_errno(errno);
}

int task_open(struct task *task, pid_t pid, pid_t tid)
{
    int fd = open_task_file(pid, tid, "schedstat");
    if (fd < 0)
        return fd;
    *task = (struct task){.pid = pid, .tid = tid, .schedstat_fd = fd, .stat_fd = -1};
    return 0;
}

void task_close(struct task *task)
{
    if (task->schedstat_fd >= 0)
        close(task->schedstat_fd);
    if (task->stat_fd >= 0)
        close(task->stat_fd);
    task->schedstat_fd = task->stat_fd = -1;
}

/* The file of a reaped thread reads as ESRCH. */
static ssize_t read_again(int fd, char *out, size_t size)
{
    ssize_t got = pread(fd, out, size, 0);
    if (got > 0)
        return got;
    return got == 0 ? ERR_GONE : code_of_errno(errno);
}

static const char *parse_u64(const char *at, const char *end, uint64_t *out)
{
    while (at < end && *at == ' ')
        at++;
    uint64_t value = 0;
    const char *first = at;
    while (at < end && *at >= '0' && *at <= '9')
        value = value * 10 + (uint64_t)(*at++ - '0');
    *out = value;
    return at > first ? at : NULL;
}

int task_schedstat(struct task *task, uint64_t *cpu_ns, uint64_t *wait_ns, uint64_t *switches)
{
    char text[96];
    ssize_t got = read_again(task->schedstat_fd, text, sizeof text);
    if (got < 0)
        return (int)got;
    const char *end = text + got;
    uint64_t cpu, wait, count;
    const char *at = parse_u64(text, end, &cpu);
    if (at)
        at = parse_u64(at, end, &wait);
    if (at)
        at = parse_u64(at, end, &count);
    if (!at)
        return ERR_IO;
    *cpu_ns = cpu;
    *wait_ns = wait;
    *switches = count;
    return 0;
}

int task_state(struct task *task, char *state)
{
    if (task->stat_fd < 0) {
        int fd = open_task_file(task->pid, task->tid, "stat");
        if (fd < 0)
            return fd;
        task->stat_fd = fd;
    }
    /* "tid (name) S ...": the name has at most 15 bytes and may hold brackets, the 70 bytes
     * after it cannot. */
    char text[96];
    ssize_t got = read_again(task->stat_fd, text, sizeof text);
    if (got < 0)
        return (int)got;
    const char *close = memrchr(text, ')', (size_t)got);
    if (!close || close + 2 >= text + got)
        return ERR_IO;
    *state = close[2];
    return *state == 'Z' || *state == 'X' ? ERR_GONE : 0;
}

int task_name(pid_t pid, pid_t tid, char out[16])
{
    int fd = open_task_file(pid, tid, "comm");
    if (fd < 0)
        return fd;
    ssize_t got = read_again(fd, out, 16);
    close(fd);
    if (got < 0)
        return (int)got;
    out[got - 1] = 0; /* the newline, or the 16th byte */
    return 0;
}
