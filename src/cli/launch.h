/* SPDX-License-Identifier: MIT */
/* launch.h - starting the command behind "--", and ending it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

/* Starts argv[0] (looked up in PATH) with our own standard streams. Returns once it has been
 * exec'd: a command that cannot be started is an error here (ERR_NOT_FOUND, ERR_DENIED), not a
 * process that ends with 127. */
int launch_start(char *const argv[], pid_t *out, struct err *err);

/* Ends the child if it still runs: SIGTERM, after `patience_ms` SIGKILL; reaps it. True when it was
 * still running. */
int launch_end(pid_t child, uint32_t patience_ms);
