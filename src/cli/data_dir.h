/* SPDX-License-Identifier: MIT */
/* data_dir.h - where the store is when nobody says: /var/lib/pitviper for root, else pitviper in
 * $XDG_STATE_HOME or ~/.local/state. */
#pragma once

#include <stddef.h>

struct err;

/* `given` or the default, into `out`. ERR_USAGE: too long, or there is no home. */
int data_dir(const char *given, char *out, size_t size, struct err *err);
