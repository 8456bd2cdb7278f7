/* SPDX-License-Identifier: MIT */
#include "os/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"

void remote_open(struct remote *remote, pid_t pid)
{
    *remote = (struct remote){.pid = pid, .mem_fd = -1};
}

void remote_close(struct remote *remote)
{
    if (remote->mem_fd >= 0)
        close(remote->mem_fd);
    remote->mem_fd = -1;
}

static int code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ESRCH:
        return ERR_GONE;
    case EPERM:
    case EACCES:
    case ENOSYS:
        return ERR_DENIED;
    case EINVAL:
        return ERR_LIMIT;
    default:
        return ERR_FAULT; /* EFAULT, and EIO of /proc/PID/mem */
    }
}

static int open_mem(struct remote *remote)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)remote->pid);
    remote->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (remote->mem_fd >= 0)
        return 0;
    return errno == ENOENT ? ERR_GONE : ERR_DENIED;
}

/* A process that has let go of its memory reads as end of file here. */
static ssize_t read_through_mem(struct remote *remote, char *local, size_t size,
                                const struct iovec *pieces, size_t count)
{
    size_t done = 0;
    for (size_t i = 0; i < count && done < size; i++) {
        size_t want = pieces[i].iov_len < size - done ? pieces[i].iov_len : size - done;
        if (!want)
            continue;
        remote->reads_total++;
        ssize_t got =
            pread(remote->mem_fd, local + done, want, (off_t)(uintptr_t)pieces[i].iov_base);
        if (got <= 0 && done == 0)
            return got == 0 ? ERR_GONE : code_of_errno(errno);
        if (got > 0)
            done += (size_t)got;
        if (got < (ssize_t)want)
            break;
    }
    return (ssize_t)done;
}

ssize_t remote_readv(struct remote *remote, void *local, size_t size, const struct iovec *pieces,
                     size_t count)
{
    if (count > REMOTE_MAX_PIECES)
        return ERR_LIMIT;
    if (remote->through_mem)
        return read_through_mem(remote, local, size, pieces, count);

    struct iovec to = {local, size};
    remote->reads_total++;
    ssize_t got = process_vm_readv(remote->pid, &to, 1, pieces, count, 0);
    if (got >= 0)
        return got;
    int code = code_of_errno(errno);
    if (code != ERR_DENIED || open_mem(remote) < 0)
        return code;
    remote->through_mem = true;
    return read_through_mem(remote, local, size, pieces, count);
}
