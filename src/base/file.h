/* SPDX-License-Identifier: MIT */
/* file.h - whole files: checked before the work, written whole or not at all, read with a ceiling.
 *
 * "-" is standard output or standard input. Nothing but a complete file ever has the final name:
 * bytes go to a temporary name in the same folder, to the disk, and then get the name in one step.
 * A link is followed, an existing file keeps its mode, and what is no regular file (a pipe,
 * /dev/null) is written to directly.
 *
 * Errors are one sentence with the path: ERR_NOT_FOUND (no such folder or file), ERR_USAGE (it is a
 * folder), ERR_DENIED (permissions, read-only file system), ERR_IO (disk full and the like),
 * ERR_LIMIT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

/* Can file_replace() work? Proves it by making and removing the temporary file. For before a
 * recording. */
int file_check_writable(const char *path, struct err *err);

int file_replace(const char *path, const void *data, size_t size, struct err *err);

/* The same in pieces, for what should not be in memory as a whole. file_out_close() with `keep`
 * gives the file its name; without, or after a failed write, nothing is left of it. It frees in any
 * case; NULL is fine. */
struct file_out;
int file_out_open(const char *path, struct file_out **out, struct err *err);
int file_out_write(struct file_out *out, const void *data, size_t size, struct err *err);
int file_out_close(struct file_out *out, bool keep, struct err *err);

/* Appends the whole file to `out`; more than out's ceiling is ERR_LIMIT. */
int file_read(const char *path, struct buf *out, struct err *err);
