/* SPDX-License-Identifier: MIT */
#include "os/privilege.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

struct sets {
    struct __user_cap_header_struct head;
    struct __user_cap_data_struct low_high[2];
};

static bool load(struct sets *sets)
{
    *sets = (struct sets){.head = {.version = _LINUX_CAPABILITY_VERSION_3}};
    return syscall(SYS_capget, &sets->head, sets->low_high) == 0;
}

uint64_t privilege_effective(void)
{
    struct sets sets;
    if (!load(&sets))
        return 0;
    return sets.low_high[0].effective | (uint64_t)sets.low_high[1].effective << 32;
}

int privilege_keep(uint64_t kept)
{
    struct sets sets;
    if (!load(&sets))
        return ERR_DENIED;
    for (unsigned capability = 0; capability < 64; capability++)
        if (!(kept >> capability & 1) && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (unsigned half = 0; half < 2; half++) {
        uint32_t mask = (uint32_t)(kept >> 32 * half);
        sets.low_high[half].effective &= mask;
        sets.low_high[half].permitted &= mask;
        sets.low_high[half].inheritable = 0;
    }
    return syscall(SYS_capset, &sets.head, sets.low_high) == 0 ? 0 : ERR_DENIED;
}
