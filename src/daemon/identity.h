/* SPDX-License-Identifier: MIT */
/* identity.h - what a process is called: its service and version (docs/design/0009-serve.md).
 *
 * Everything read here was written by whoever runs the process: texts are cut to their size, and
 * control characters become '?'.
 *
 * Threads: any; rules are read only. Cost: some 100 us, once a process.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct daemon_rule;

#define IDENTITY_MAX 128u

struct identity {
    char service[IDENTITY_MAX];
    char version[64];
};

/* The configuration's rules, compiled, and where we are ourselves. */
struct identity_rules {
    struct identity_rule {
        regex_t match;
        char *service;
    } * rules;
    size_t count;
    char own_cgroup[4096]; /* who shares ours is not told apart by it */
};

/* `rules` ended by {0}; NULL: none. ERR_USAGE: a pattern is none; identity_rules_done() after
 * either. */
int identity_rules_init(struct identity_rules *out, const struct daemon_rule *rules,
                        struct err *err);
void identity_rules_done(struct identity_rules *rules);

/* Never fails: a process that says nothing is called by its command line, one without, by its pid.
 */
void identity_read(pid_t pid, const struct identity_rules *rules, struct identity *out);

/* ---- parts, for tests ---------------------------------------------------------------------- */

/* From arguments, each ended by NUL; `folder`: of the process, names scripts such as "main.py".
 * False: nothing to call it by. */
bool identity_from_command(const char *arguments, size_t size, const char *folder,
                           char out[IDENTITY_MAX]);
/* From the text of /proc/PID/cgroup. False: neither a unit nor a container. */
bool identity_from_cgroup(const char *text, char out[IDENTITY_MAX]);
/* The value of a variable among NUL-ended "NAME=value"s. False: it is not there, or empty. */
bool identity_variable(const char *environment, size_t size, const char *name, char *out,
                       size_t out_size);
