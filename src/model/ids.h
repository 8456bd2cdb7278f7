/* SPDX-License-Identifier: MIT */
/* ids.h - what the numbers of one profile are called in another. For merge.c and rewrite.c only. */
#pragma once

#include "model/profile.h"

struct ids {
    uint32_t *strings, *frames, *nodes, *threads;
};

int ids_init(struct ids *ids, const struct profile *from); /* ids_done() is fine after failure */
void ids_done(struct ids *ids);

/* Strings and threads of `from` get their ids in `into`. 0 or ERR_LIMIT. */
int ids_translate_names(struct ids *ids, struct profile *into, const struct profile *from);
/* A frame of `from` in terms of the other's strings. */
struct profile_frame ids_frame(const struct ids *ids, const struct profile_frame *frame);
