/* SPDX-License-Identifier: MIT */
/* core.h - what every part of the extension builds on: requests, leaves, names.
 *
 * A request is what the service was asked to do: a web request, a task, or a user's own root span. It is a
 * Python object on one ContextVar, so threads, executors, asyncio tasks and greenlets each see theirs, and an
 * outside reader finds it through the thread state (abi/agent.h). A leaf is an operation that waits for
 * something else (a query, an outbound call, a cache command); nothing below a leaf is counted again.
 *
 * Never in the application's way: no function here raises, none allocates a Python object on the path of a
 * leaf, and an exception pending on entry is still pending on return. Where memory or a table is full the
 * event is counted in the header and the application goes on.
 *
 * One shared object serves every GIL build of 3.8 to 3.15: the stable ABI of 3.8, plus the exported functions that
 * core_start() looks up (docs/design/0005-agent.md). Calls are made with the GIL held (free-threaded builds: by an attached thread).
 */
#pragma once

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x03080000
#endif
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/agent.h"

/* The value of the ContextVar. */
struct request {
    PyObject_HEAD struct agent_request_head head; /* what outside readers look at */
    uint64_t span, start_ns, cpu_start_ns, queue_ns;
    uint64_t trace_high, trace_low, remote_parent;
    uint64_t database_ns, outbound_ns, cache_ns, template_ns, gc_ns, loop_ns, step_ns;
    uint32_t generation;  /* of the region: another one after a fork */
    uint32_t method;      /* string */
    uint32_t status;      /* HTTP; 0: none */
    uint32_t flags;       /* enum agent_flag */
    uint32_t kind;        /* REQUEST, TASK or USER */
    uint32_t leaf_depth;  /* > 0: inside a leaf, do not count another */
    uint32_t statements, outbound;
    struct request *outer; /* the request that this one began in; owned */
    const void *subject, *part; /* web: identity of the environ or scope that it answers (http.h); not followed */
    uint64_t end_ns;       /* when the response was complete; 0: request_end() takes the present */
    uint64_t first_byte_ns; /* when its first byte was handed over; 0: not yet */
    uint32_t mount;        /* string: route prefix of what the framework has entered so far; 0: none */
};

/* Sets up types, the ContextVar, fork handling. Called once by the module's exec slot; -1 with an exception. */
int core_start(PyObject *module);
extern bool core_enabled; /* false after PITVIPER_DISABLED=1 or pitviper.disable(): everything is a pass-through */

uint64_t core_now_ns(void); /* CLOCK_MONOTONIC */

/* ---- names: cheap, bounded, forever ---------------------------------------------------------- */

/* Id of a text in the shared area; 0 for "" and when it is full. The same text has the same id until a fork. */
uint32_t core_string(const char *text, size_t size);
/* The same of a str object, remembered by identity; other objects: 0. */
uint32_t core_string_of(PyObject *text);

/* Index of the key (kind, name, detail, group), made at first sight; the kind's "other" key (its index is the kind) when full. */
uint32_t core_key(enum agent_kind kind, uint32_t name, uint32_t detail, uint32_t group);

/* The key of a statement. `statement` is a str or bytes as the driver was given it, normalised on a miss of a small
 * cache (keyed by identity and length, and checked by content hash). `system` is a string id such as "postgresql". */
uint32_t core_statement_key(PyObject *statement, uint32_t system);

/* Counts an event in a key and its histogram. Exact, always. */
void core_count(uint32_t key, uint64_t duration_ns, bool error);

/* ---- requests -------------------------------------------------------------------------------- */

struct request_start {
    enum agent_kind kind;
    uint32_t route, method;     /* strings; 0: not known yet */
    uint64_t queued_since_ns;   /* CLOCK_MONOTONIC; 0: not known */
    const char *traceparent;    /* W3C header as received; NULL: none. Not valid: ignored, a new trace begins */
    size_t traceparent_size;
    const char *tracestate;
    size_t tracestate_size;
    bool async;                 /* its CPU time is the sum of its steps (step_ns), not the thread's clock */
    bool root;                  /* another service asked for it: a trace of its own whatever request is current */
};

/* New reference, now current; NULL: disabled or no memory (no exception is set). */
struct request *request_begin(const struct request_start *start);
/* The innermost request of the current context, borrowed; NULL: none. ~2 ns. */
struct request *request_current(void);
/* Route becomes known (str object or string id). The last one wins. */
void request_route(struct request *request, uint32_t route);
/* An exception left the request, or a handler of the framework saw it (`handled`). Counts the key EXCEPTION,
 * writes an ERROR record. Same exception object twice in a row: once. Borrowed. */
void request_error(struct request *request, PyObject *exception, bool handled);
/* Ends it: counts, writes REQUEST, PARTS, TRACE, frees the slot; the ContextVar goes back to the outer request only if this one is
 * still current. Safe to call twice. Does not drop the reference. */
void request_end(struct request *request);

/* ---- leaves ---------------------------------------------------------------------------------- */

struct leaf {
    uint64_t start_ns; /* 0: not counted (disabled, or inside another leaf) */
    struct request *request; /* borrowed from the context */
};

/* Around a synchronous operation. Nothing raises; a few ns when disabled. `error` and exceptions: the caller says. */
void leaf_begin(struct leaf *leaf);
void leaf_end(struct leaf *leaf, uint32_t key, uint32_t flags, uint32_t status, uint32_t rows);
