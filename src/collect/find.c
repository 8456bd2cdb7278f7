/* SPDX-License-Identifier: MIT */
/* find.c - where a process keeps its region.
 *
 * The memfd shows in /proc/PID/fd as "/memfd:pitviper-agent (deleted)". Two things come between: a
 * forked child has its parent's descriptor open until it execs, so the region's own pid decides;
 * and some programs close every descriptor they do not know (Celery's beat), so the mapping is the
 * second way, for which the kernel wants CAP_CHECKPOINT_RESTORE.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "collect/own.h"
#include "os/maps.h"
#include "os/procfs.h"

#define LINK_TEXT "/memfd:" AGENT_MEMFD_NAME
#define MAX_CANDIDATES 256 /* descriptors of that name that are looked into */

static bool is_region_name(const char *name)
{
    size_t size = sizeof LINK_TEXT - 1;
    return strncmp(name, LINK_TEXT, size) == 0 && (!name[size] || name[size] == ' ');
}

static int code_of_errno(int sys_errno)
{
    if (sys_errno == ENOENT || sys_errno == ESRCH)
        return ERR_GONE;
    return sys_errno == EACCES || sys_errno == EPERM ? ERR_DENIED : ERR_IO;
}

/* Why a candidate is not it, when nothing better is found. */
static int worse(int so_far, int result)
{
    return so_far == ERR_NOT_FOUND ? result : so_far;
}

/* Opens a candidate and looks whose it is. A descriptor, or a negative error. */
static int try_path(const char *path, uint32_t inner_pid)
{
    struct agent_header header;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : code_of_errno(errno);
    int result = region_read_header(fd, &header);
    if (result == 0 && header.pid != inner_pid)
        result = ERR_NOT_FOUND; /* a parent's */
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

static int find_among_descriptors(pid_t pid, uint32_t inner_pid)
{
    char folder[32], path[320], link[64];
    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
    DIR *entries = opendir(folder);
    if (!entries)
        return code_of_errno(errno);
    int result = ERR_NOT_FOUND, tried = 0;
    for (struct dirent *entry; (entry = readdir(entries)) && tried < MAX_CANDIDATES;) {
        ssize_t size = readlinkat(dirfd(entries), entry->d_name, link, sizeof link - 1);
        if (size <= 0)
            continue;
        link[size] = 0;
        if (!is_region_name(link))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        int fd = try_path(path, inner_pid);
        tried++;
        if (fd >= 0) {
            closedir(entries);
            return fd;
        }
        result = worse(result, fd);
    }
    closedir(entries);
    return result;
}

static int find_among_mappings(pid_t pid, uint32_t inner_pid)
{
    struct maps maps = {0};
    int result = maps_load(&maps, pid);
    if (result < 0)
        return result;
    result = ERR_NOT_FOUND;
    for (size_t i = 0; i < maps.count && result < 0; i++) {
        const struct mapping *mapping = &maps.list[i];
        char path[96];
        if (!is_region_name(mapping->path) || mapping->offset != 0)
            continue;
        snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", (int)pid,
                 (unsigned long long)mapping->start, (unsigned long long)mapping->end);
        int fd = try_path(path, inner_pid);
        result = fd >= 0 ? fd : worse(result, fd);
    }
    maps_done(&maps);
    return result;
}

static int explain(int result, pid_t pid, struct err *err)
{
    int id = (int)pid;
    switch (result) {
    case ERR_NOT_FOUND:
        return err_set(err, result,
                       "pid %d has no agent (or has not counted anything yet): start it with "
                       "\"pitviper run -- COMMAND\"",
                       id);
    case ERR_DENIED:
        return err_set(err, result,
                       "pid %d: its memory may not be opened; run as the same user or as root, in "
                       "a container with --cap-add SYS_PTRACE",
                       id);
    case ERR_STARTING:
        return err_set(err, result, "pid %d: its agent is just starting", id);
    case ERR_UNSUPPORTED:
        return err_set(err, result,
                       "pid %d runs the agent of another pitviper; this one reads version %u", id,
                       AGENT_VERSION);
    case ERR_BAD_DATA:
        return err_set(err, result, "pid %d: what its agent shares makes no sense", id);
    default:
        return err_set(err, result, "pid %d: %s", id, err_text(result));
    }
}

int find_region(pid_t pid, struct err *err)
{
    struct proc_status status;
    int result = proc_status_read(pid, 0, &status);
    if (result < 0)
        return result == ERR_GONE ? err_set(err, result, "there is no process %d", (int)pid)
                                  : explain(result, pid, err);
    uint32_t inner_pid = (uint32_t)(status.ns_depth ? status.ns_pids[status.ns_depth - 1] : pid);
    result = find_among_descriptors(pid, inner_pid);
    if (result == ERR_NOT_FOUND)
        result = find_among_mappings(pid, inner_pid);
    return result < 0 ? explain(result, pid, err) : result;
}
