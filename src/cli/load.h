/* SPDX-License-Identifier: MIT */
/* load.h - a profile from a file in any format that can be read. */
#pragma once

struct err;
struct profile;

#define LOAD_MAX_BYTES ((size_t)4 << 30)

/* "-" is standard input. The caller frees with profile_free(). ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_LIMIT, ERR_BAD_DATA (nothing we know, or damaged); the sentence names the file. */
int load_profile(const char *path, struct profile **out, struct err *err);
