/* SPDX-License-Identifier: MIT */
/* probe.h - what works on this host, found out by trying it once on ourselves. */
#pragma once

#include <stdbool.h>

#define PROBE_TEXT 128

struct probe {
    bool works;
    char text[PROBE_TEXT]; /* by what means, or why not */
};

/* Reads the memory of a child process, as the sampler reads a target's. */
void probe_remote_read(struct probe *out);
/* perf events of one's own processes and, in the text, whether of the whole system. */
void probe_perf(struct probe *out);
/* Creating a BPF map: what any eBPF program needs first. */
void probe_bpf(struct probe *out);
