/* SPDX-License-Identifier: MIT */
/* remote.h - bytes of another process.
 *
 * process_vm_readv first; where a seccomp filter forbids that call (older container defaults) the
 * same bytes come through /proc/PID/mem, which the kernel guards with the same ptrace check but no
 * filter knows. The choice is made once, on the first refused call.
 *
 * Ownership: remote_open() on caller's storage, remote_close() ends it.
 * Threads:   one thread per remote.
 * Cost:      remote_readv() is one system call (one per piece in the fallback), no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define REMOTE_MAX_PIECES 1024 /* IOV_MAX of the kernel */

struct remote {
    pid_t pid;
    int mem_fd;           /* /proc/PID/mem; -1 until it is needed */
    bool through_mem;     /* process_vm_readv was refused, /proc/PID/mem was not */
    uint64_t reads_total; /* system calls that read the process */
};

void remote_open(struct remote *remote, pid_t pid);
void remote_close(struct remote *remote);

/* `local` is one run of `size` bytes, `pieces` lie in the process and are read in order. Returns
 * the bytes copied, short when a later piece is unmapped, or ERR_GONE, ERR_DENIED, ERR_FAULT
 * (nothing could be copied), ERR_LIMIT (more than REMOTE_MAX_PIECES). */
ssize_t remote_readv(struct remote *remote, void *local, size_t size, const struct iovec *pieces,
                     size_t count);
