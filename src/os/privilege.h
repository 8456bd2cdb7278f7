/* SPDX-License-Identifier: MIT */
/* privilege.h - giving up rights of the calling thread, and of those that it starts from then on.
 */
#pragma once

#include <stdint.h>

/* A set of capabilities: bits by their numbers (linux/capability.h). */
#define PRIVILEGE(capability) (UINT64_C(1) << (capability))

/* Effective and permitted become at most `kept`, the bounding set too as far as that is allowed,
 * and nothing can be won by executing another program. Never gains. 0, ERR_DENIED. */
int privilege_keep(uint64_t kept);
/* What the thread has; 0 when it cannot be told. */
uint64_t privilege_effective(void);
