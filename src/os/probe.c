/* SPDX-License-Identifier: MIT */
#include "os/probe.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "os/procfs.h"
#include "os/remote.h"

#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

static uint64_t read_me = 0;

static void compare_child(pid_t child, uint64_t expected, struct probe *out)
{
    struct remote remote;
    uint64_t seen = 0;
    struct iovec piece = {&read_me, sizeof read_me};
    remote_open(&remote, child);
    ssize_t got = remote_readv(&remote, &seen, sizeof seen, &piece, 1);
    out->works = got == sizeof seen && seen == expected;
    if (out->works)
        snprintf(out->text, sizeof out->text, "%s",
                 remote.through_mem ? "/proc/PID/mem; process_vm_readv is forbidden here"
                                    : "process_vm_readv");
    else
        snprintf(out->text, sizeof out->text, "%s",
                 got < 0 ? err_text((int)got) : "another value than the child's was read");
    remote_close(&remote);
}

void probe_remote_read(struct probe *out)
{
    *out = (struct probe){0};
    read_me = 0x7076697065720000u | (uint64_t)getpid();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    if (child < 0) {
        snprintf(out->text, sizeof out->text, "no child process: %s", strerror(errno));
        return;
    }
    compare_child(child, read_me, out);
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static bool open_perf(pid_t pid, int cpu)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .disabled = 1,
                                   .exclude_kernel = 1};
    long fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return false;
    close((int)fd);
    return true;
}

void probe_perf(struct probe *out)
{
    out->works = open_perf(0, -1);
    int sys_errno = errno;
    long paranoid = proc_number(PARANOID, -2);
    if (out->works)
        snprintf(out->text, sizeof out->text, "%s",
                 open_perf(-1, 0) ? "system-wide" : "own processes only; CAP_PERFMON for all");
    else if (paranoid > 1)
        snprintf(out->text, sizeof out->text,
                 "kernel.perf_event_paranoid is %ld; needs CAP_PERFMON", paranoid);
    else
        snprintf(out->text, sizeof out->text, "%s", strerror(sys_errno));
}

void probe_bpf(struct probe *out)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = attr.value_size = sizeof(uint32_t);
    attr.max_entries = 1;
    long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
    out->works = fd >= 0;
    if (fd >= 0)
        close((int)fd);
    const char *btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? "with BTF" : "without BTF";
    if (out->works)
        snprintf(out->text, sizeof out->text, "%s", btf);
    else
        snprintf(out->text, sizeof out->text, "%s",
                 errno == EPERM || errno == EACCES ? "needs CAP_BPF (or root)" : strerror(errno));
}
