/* SPDX-License-Identifier: MIT */
#include "os/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h; unchanged since 2.6.27 */

static int code_of_errno(int sys_errno)
{
    if (sys_errno == ENOENT || sys_errno == ESRCH)
        return ERR_GONE;
    return sys_errno == EACCES || sys_errno == EPERM ? ERR_DENIED : ERR_IO;
}

static ssize_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return code_of_errno(errno);
    size_t done = 0;
    ssize_t got = 0;
    while (done < size - 1 && (got = read(fd, out + done, size - 1 - done)) > 0)
        done += (size_t)got;
    int sys_errno = errno;
    close(fd);
    out[done] = 0;
    return got < 0 ? code_of_errno(sys_errno) : (ssize_t)done;
}

int proc_stat_parse(const char *text, struct proc_stat *out)
{
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')'); /* a name may hold brackets, numbers cannot */
    if (!open || !close || close < open || close[1] != ' ' || !close[2])
        return ERR_BAD_DATA;
    *out = (struct proc_stat){.state = close[2]};
    size_t length = (size_t)(close - open - 1);
    if (length >= sizeof out->comm)
        length = sizeof out->comm - 1;
    memcpy(out->comm, open + 1, length);

    /* Fields 4 to 22 of proc_pid_stat(5). */
    int parent;
    unsigned flags;
    unsigned long long threads, start;
    int fields = sscanf(
        close + 3, " %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %llu %*d %llu",
        &parent, &flags, &threads, &start);
    if (fields != 4)
        return ERR_BAD_DATA;
    out->parent = parent;
    out->kernel_thread = flags & PF_KTHREAD;
    out->threads = threads;
    out->start_ticks = start;
    return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *out)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t got = read_file(path, text, sizeof text);
    return got < 0 ? (int)got : proc_stat_parse(text, out);
}

static const char *status_field(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1;
    }
    return NULL;
}

void proc_status_parse(const char *text, struct proc_status *out)
{
    *out = (struct proc_status){.seccomp = -1, .uid = (uid_t)-1, .euid = (uid_t)-1};
    char *end;
    const char *field = status_field(text, "Tgid");
    if (field)
        out->thread_group = (pid_t)strtol(field, NULL, 10);
    field = status_field(text, "Uid");
    if (field) {
        out->uid = (uid_t)strtoul(field, &end, 10);
        out->euid = (uid_t)strtoul(end, &end, 10);
    }
    if ((field = status_field(text, "CapEff")))
        out->cap_effective = strtoull(field, NULL, 16);
    if ((field = status_field(text, "Seccomp")))
        out->seccomp = (int)strtol(field, NULL, 10);
    if (!(field = status_field(text, "NSpid")))
        return;
    while (out->ns_depth < PROC_NS_DEPTH) {
        long id = strtol(field, &end, 10);
        if (end == field || memchr(field, '\n', (size_t)(end - field)))
            break;
        out->ns_pids[out->ns_depth++] = (pid_t)id;
        field = end;
    }
}

int proc_status_read(pid_t pid, pid_t tid, struct proc_status *out)
{
    char path[64], text[8192];
    if (tid)
        snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    else
        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    ssize_t got = read_file(path, text, sizeof text);
    if (got < 0)
        return (int)got;
    proc_status_parse(text, out);
    return 0;
}

int proc_command(pid_t pid, char *out, size_t size)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    ssize_t got = read_file(path, out, size);
    if (got < 0)
        return (int)got;
    while (got > 0 && !out[got - 1])
        got--;
    for (ssize_t i = 0; i < got; i++)
        out[i] = !out[i] ? ' ' : (unsigned char)out[i] < ' ' || out[i] == 0x7f ? '?' : out[i];
    out[got] = 0;
    if (got)
        return 0;

    struct proc_stat stat;
    int result = proc_stat_read(pid, &stat);
    if (result == 0)
        snprintf(out, size, "[%s]", stat.comm);
    return result;
}

int proc_link(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t got = readlink(path, out, size - 1);
    if (got < 0)
        return code_of_errno(errno);
    out[got] = 0;
    return 0;
}

uint64_t proc_age_ms(const struct proc_stat *stat)
{
    struct timespec now;
    long ticks = sysconf(_SC_CLK_TCK);
    if (ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
        return 0;
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    uint64_t start_ms = stat->start_ticks * 1000 / (uint64_t)ticks;
    return now_ms > start_ms ? now_ms - start_ms : 0;
}

static int list_add(struct pid_list *list, pid_t pid)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        pid_t *pids = realloc(list->pids, capacity * sizeof *pids);
        if (!pids)
            return ERR_NO_MEMORY;
        list->pids = pids;
        list->capacity = capacity;
    }
    list->pids[list->count++] = pid;
    return 0;
}

static int list_directory(const char *path, struct pid_list *list)
{
    list->count = 0;
    DIR *directory = opendir(path);
    if (!directory)
        return code_of_errno(errno);
    int result = 0;
    struct dirent *entry;
    while (result == 0 && list->count < PROC_MAX_PIDS && (entry = readdir(directory))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && !*end)
            result = list_add(list, (pid_t)pid);
    }
    closedir(directory);
    return result;
}

int proc_list(struct pid_list *list)
{
    return list_directory("/proc", list);
}

int proc_list_tasks(pid_t pid, struct pid_list *list)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    int result = list_directory(path, list);
    return result == 0 && list->count == 0 ? ERR_GONE : result;
}

void pid_list_done(struct pid_list *list)
{
    free(list->pids);
    *list = (struct pid_list){0};
}

ssize_t proc_text(const char *path, char *out, size_t size)
{
    ssize_t got = read_file(path, out, size);
    if (got == ERR_GONE)
        return ERR_NOT_FOUND;
    if (got > 0 && out[got - 1] == '\n')
        out[--got] = 0;
    return got;
}

long proc_number(const char *path, long missing)
{
    char text[64], *end;
    if (proc_text(path, text, sizeof text) <= 0)
        return missing;
    long value = strtol(text, &end, 10);
    return end == text ? missing : value;
}
