/* SPDX-License-Identifier: MIT */
/* pidfd.h - a process that cannot be mistaken for its successor. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A file descriptor (close-on-exec), -1 where the kernel has none (before 5.3), or ERR_GONE. */
int pidfd_get(pid_t pid);

/* True once the process is a zombie or gone. Falls back to /proc/PID/stat when `pidfd` is -1. */
bool pidfd_exited(int pidfd, pid_t pid);
