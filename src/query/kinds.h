/* SPDX-License-Identifier: MIT */
/* kinds.h - what the daemon stores as histograms beside what agents count
 * (docs/design/0009-serve.md).
 *
 * Kinds below 64 are enum agent_kind. Rows of these kinds have sums; buckets only where said.
 */
#pragma once

enum query_kind {
    /* Where the time of an endpoint's requests went. name: endpoint label; detail: "queue", "cpu",
     * "database", "outbound", "cache", "template", "gc", "loop", "gil"; count: requests of which it
     * is known; total_ns. detail "repeated": count is requests with an N+1. */
    QUERY_KIND_PART = 64,
    /* Statements by endpoint. name: statement; detail: endpoint label, "" outside of requests;
     * fingerprint; count, errors, total_ns; repeats: requests that repeated it (N+1). */
    QUERY_KIND_STATEMENT_IN,
    /* Exceptions by endpoint. name: type; detail: "function (file:line)"; summary: endpoint label;
     * group: 1 handled; count. */
    QUERY_KIND_EXCEPTION_IN,
};

/* Gauges, by OpenTelemetry's names; per process. */
#define QUERY_GAUGE_CPU "process.cpu.utilization" /* cores */
#define QUERY_GAUGE_MEMORY "process.memory.usage" /* bytes, resident */
#define QUERY_GAUGE_THREADS "process.thread.count"
#define QUERY_GAUGE_FILES "process.unix.file_descriptor.count"
#define QUERY_GAUGE_SWITCHES "process.context_switches" /* per second */
#define QUERY_GAUGE_GC "cpython.gc.pause"               /* seconds per second */
#define QUERY_GAUGE_LOOP "asyncio.loop.lag"             /* longest hold-up, seconds */
#define QUERY_GAUGE_RATE "pitviper.rate"                /* Hz, at which it is sampled */
