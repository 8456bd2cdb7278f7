/* SPDX-License-Identifier: MIT */
/* joint.h - two profiles in one tree of functions, so that they can be compared node by node.
 *
 * Lines, thread and process labels are left out: they differ between runs of the same program. A
 * function is its name, its file as displayed, and its kind; where it is installed does not matter.
 * Direct recursion is one frame.
 *
 * Ownership: joint_init() / joint_done(); joint_take_profile() hands the tree on.
 */
#pragma once

#include "model/profile.h"

struct joint {
    struct profile *profile; /* thread 0 saw the first profile's samples, thread 1 the second's */
    uint32_t *node_map[2];   /* from each profile's nodes to the joint ones */
};

/* 0, ERR_NO_MEMORY or ERR_LIMIT; joint_done() is fine after each. */
int joint_init(struct joint *joint, const struct profile *base, const struct profile *new);
struct profile *joint_take_profile(struct joint *joint);
void joint_done(struct joint *joint);
