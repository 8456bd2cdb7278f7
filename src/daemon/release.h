/* SPDX-License-Identifier: MIT */
/* release.h - which commit a process runs, from the repository that it was started in.
 *
 * Nothing is run: HEAD and the reference it names are read as files. Cost: some reads, once a
 * process. Threads: any.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The first 12 digits of HEAD's commit of the working directory's repository into `out`, else "".
 */
void release_of_folder(pid_t pid, char *out, size_t size);
