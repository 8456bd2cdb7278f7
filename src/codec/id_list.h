/* SPDX-License-Identifier: MIT */
/* id_list.h - what the numbers of a file are called in the profile that is read from it.
 *
 * The n-th string, frame, node or thread of the file is to[n] in the profile. Equal in a file that we
 * wrote; a forged one may repeat itself.
 * Ownership: {0} is an empty list, id_list_done() frees it.
 */
#pragma once

#include <stdint.h>

struct id_list {
    uint32_t *to;
    uint32_t count, capacity;
};

/* 0, ERR_LIMIT for PROFILE_NONE (the profile is full), ERR_NO_MEMORY. */
int id_list_add(struct id_list *list, uint32_t to);
void id_list_done(struct id_list *list);
