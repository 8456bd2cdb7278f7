/* SPDX-License-Identifier: MIT */
#include "os/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "os/procfs.h"

int pidfd_get(pid_t pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        return (int)fd;
    return errno == ESRCH ? ERR_GONE : -1;
}

bool pidfd_exited(int pidfd, pid_t pid)
{
    if (pidfd >= 0) {
        struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
        return poll(&poll_fd, 1, 0) > 0;
    }
    struct proc_stat stat;
    return proc_stat_read(pid, &stat) < 0 || stat.state == 'Z' || stat.state == 'X';
}
