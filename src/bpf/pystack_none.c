/* SPDX-License-Identifier: MIT */
/* pystack_none.c - a build without clang, bpftool or libbpf: there is no kernel source. */
#include "base/err.h"
#include "bpf/pystack.h"

int pystack_open(struct pystack **out, struct err *err)
{
    (void)out;
    return err_set(err, ERR_UNSUPPORTED,
                   "this pitviper was built without the kernel program (clang, bpftool, libbpf)");
}

void pystack_close(struct pystack *pystack)
{
    (void)pystack;
}

int pystack_add(struct pystack *pystack, pid_t pid, const struct pystack_config *config,
                uint64_t period_ns)
{
    (void)pystack, (void)pid, (void)config, (void)period_ns;
    return ERR_UNSUPPORTED;
}

void pystack_remove(struct pystack *pystack, pid_t pid)
{
    (void)pystack, (void)pid;
}

void pystack_stop(struct pystack *pystack)
{
    (void)pystack;
}

void pystack_vary(struct pystack *pystack, uint64_t period_ns, uint64_t *random)
{
    (void)pystack, (void)period_ns, (void)random;
}

int pystack_drain(struct pystack *pystack, pystack_take_fn *take, void *context)
{
    (void)pystack, (void)take, (void)context;
    return ERR_UNSUPPORTED;
}

uint64_t pystack_lost(const struct pystack *pystack)
{
    (void)pystack;
    return 0;
}
