/* SPDX-License-Identifier: MIT */
/* caps.h - what this process may do on this host: the facts behind "not permitted". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct caps {
    uid_t euid;
    bool sys_ptrace, perfmon, bpf, sys_admin;
    int yama_scope;      /* kernel.yama.ptrace_scope; -1: this kernel has no Yama */
    int seccomp;         /* 0 none, 1 strict, 2 filter, -1 unknown */
    bool user_namespace; /* our root is not the host's root */
    bool pid_namespace;  /* we do not see the host's processes */
    char container[24];  /* "docker", "kubernetes", ...; "" when none is recognised */
};

/* Never fails; what cannot be found out stays at its zero or -1. */
void caps_read(struct caps *out);
