/* SPDX-License-Identifier: MIT */
/* Why the kernel refused, and the one thing that helps. In the order the kernel decides: user
 * and capability (ptrace_may_access), then Yama, then whatever else a container adds. */
#include <errno.h>
#include <signal.h>

#include "base/err.h"
#include "os/caps.h"
#include "os/procfs.h"
#include "target/own.h"

#define GRANT "sudo setcap cap_sys_ptrace+ep $(command -v pitviper)"

static int explain_other_user(pid_t pid, uid_t owner, const struct caps *caps, struct err *err)
{
    return err_set(err, ERR_DENIED,
                   "pid %d belongs to user %u and we are user %u: run as root (sudo) or as that "
                   "user, or grant the right once: " GRANT,
                   (int)pid, (unsigned)owner, (unsigned)caps->euid);
}

static int explain_container(pid_t pid, const struct caps *caps, struct err *err)
{
    return err_set(
        err, ERR_DENIED,
        "pid %d cannot be read: this container%s%s lacks CAP_SYS_PTRACE. Docker: start it "
        "with --cap-add SYS_PTRACE; Kubernetes: securityContext.capabilities.add: "
        "[\"SYS_PTRACE\"]; or run pitviper on the host",
        (int)pid, caps->container[0] ? " of kind " : "", caps->container);
}

static int explain_yama(pid_t pid, const struct caps *caps, struct err *err)
{
    if (caps->yama_scope >= 3)
        return err_set(err, ERR_DENIED,
                       "pid %d cannot be read: kernel.yama.ptrace_scope is 3, which forbids it to "
                       "everybody until the next boot; remove that setting and reboot",
                       (int)pid);
    return err_set(
        err, ERR_DENIED,
        "pid %d cannot be read: kernel.yama.ptrace_scope is %d. Run as root (sudo)%s; or "
        "grant the right once: " GRANT,
        (int)pid, caps->yama_scope,
        caps->yama_scope == 1 ? ", or: sudo sysctl kernel.yama.ptrace_scope=0" : "");
}

int denied_explain(pid_t pid, const struct proc_status *status, const struct caps *caps,
                   struct err *err)
{
    if (caps->yama_scope >= 3)
        return explain_yama(pid, caps, err);
    if (caps->sys_ptrace)
        return err_set(err, ERR_DENIED,
                       "pid %d cannot be read although we hold CAP_SYS_PTRACE: %s; run pitviper on "
                       "the host, outside of any sandbox",
                       (int)pid,
                       caps->user_namespace
                           ? "the process lives in another user namespace than ours"
                       : caps->seccomp == 2 ? "a seccomp filter forbids it"
                                            : "a security module (SELinux, AppArmor) forbids it");
    if (caps->euid == 0)
        return explain_container(pid, caps, err);
    if (status->uid != caps->euid || status->euid != caps->euid)
        return explain_other_user(pid, status->uid, caps, err);
    if (caps->yama_scope > 0)
        return explain_yama(pid, caps, err);
    return err_set(err, ERR_DENIED,
                   "pid %d has made itself unreadable (setuid, file capabilities or "
                   "PR_SET_DUMPABLE): run as root (sudo), or grant the right once: " GRANT,
                   (int)pid);
}

int target_explain_denied(pid_t pid, struct err *err)
{
    struct caps caps;
    struct proc_status status;
    int result = proc_status_read(pid, 0, &status);
    if (result == ERR_GONE && kill(pid, 0) < 0 && errno == ESRCH)
        return err_set(err, ERR_GONE, "pid %d: no such process", (int)pid);
    if (result < 0)
        return err_set(
            err, ERR_DENIED,
            "pid %d is hidden from us: /proc is mounted with hidepid; run as root (sudo)",
            (int)pid);
    caps_read(&caps);
    return denied_explain(pid, &status, &caps, err);
}
