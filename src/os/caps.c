/* SPDX-License-Identifier: MIT */
#include "os/caps.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "os/procfs.h"

/* Absent from headers before 5.8. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

/* The initial namespaces have fixed inode numbers (include/linux/proc_ns.h). */
#define INITIAL_USER_NS "user:[4026531837]"
#define INITIAL_PID_NS "pid:[4026531836]"

static bool in_other_namespace(const char *link, const char *initial)
{
    char text[64];
    return proc_link(getpid(), link, text, sizeof text) == 0 && strcmp(text, initial) != 0;
}

static void recognise_container(char *out, size_t size)
{
    char text[4096];
    if (getenv("KUBERNETES_SERVICE_HOST"))
        snprintf(out, size, "kubernetes");
    else if (access("/.dockerenv", F_OK) == 0)
        snprintf(out, size, "docker");
    else if (access("/run/.containerenv", F_OK) == 0)
        snprintf(out, size, "podman");
    else if (proc_text("/run/systemd/container", text, sizeof text) > 0)
        snprintf(out, size, "%.23s", text);
    else if (proc_text("/proc/self/cgroup", text, sizeof text) > 0 &&
             (strstr(text, "kubepods") || strstr(text, "/docker") || strstr(text, "/lxc")))
        snprintf(out, size, "container");
}

void caps_read(struct caps *out)
{
    *out = (struct caps){.euid = geteuid(), .seccomp = -1};
    struct proc_status status;
    if (proc_status_read(getpid(), 0, &status) == 0) {
        uint64_t have = status.cap_effective;
        out->sys_ptrace = have >> CAP_SYS_PTRACE & 1;
        out->sys_admin = have >> CAP_SYS_ADMIN & 1;
        out->perfmon = (have >> CAP_PERFMON & 1) || out->sys_admin;
        out->bpf = (have >> CAP_BPF & 1) || out->sys_admin;
        out->seccomp = status.seccomp;
    }
    out->yama_scope = (int)proc_number("/proc/sys/kernel/yama/ptrace_scope", -1);
    out->user_namespace = in_other_namespace("ns/user", INITIAL_USER_NS);
    out->pid_namespace = in_other_namespace("ns/pid", INITIAL_PID_NS);
    recognise_container(out->container, sizeof out->container);
}
