/* SPDX-License-Identifier: MIT */
/* usage.h - what a process takes of its host, from /proc. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define USAGE_MAX_THREADS 512u /* whose context switches are added up */

struct usage {
    uint64_t resident_bytes;
    uint64_t cpu_user_ns, cpu_system_ns; /* of all threads, ended ones too */
    uint64_t threads;
    int64_t descriptors;                          /* open files; -1: not ours to count */
    uint64_t switches_voluntary, switches_forced; /* of the threads that live */
    uint64_t faults_minor, faults_major;
};

/* 0, ERR_GONE, ERR_DENIED, ERR_IO. Cost: 30 us, and 15 us a thread. */
int usage_read(pid_t pid, struct usage *out);

/* What it took per second between two readings that are `passed_ns` apart: cores, and context
 * switches. Negative: cannot be told. */
double usage_cores(const struct usage *before, const struct usage *now, uint64_t passed_ns);
double usage_switches(const struct usage *before, const struct usage *now, uint64_t passed_ns);
