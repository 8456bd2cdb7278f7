/* SPDX-License-Identifier: MIT */
/* core.h - what every part of the extension builds on: requests, leaves, names.
 *
 * A request is what the service was asked to do: a web request, a task, or a user's own root span.
 * It is a Python object on one ContextVar, so threads, executors, asyncio tasks and greenlets each
 * see theirs, and an outside reader finds it through the thread state (abi/agent.h). A user's span
 * inside a request is an object of the same type that shares the request's id and slot. A leaf is
 * an operation that waits for something else (a query, an outbound call, a cache command); nothing
 * below a leaf is counted again.
 *
 * Never in the application's way: no function here raises, none allocates a Python object on the
 * path of a leaf, and an exception pending on entry is still pending on return. Where memory or a
 * table is full the event is counted in the header and the application goes on.
 *
 * One shared object serves every GIL build of 3.8 to 3.15: the stable ABI of 3.8, plus the exported
 * functions of agent/api.h (docs/design/0005-agent.md). Calls are made with the GIL held
 * (free-threaded builds: by an attached thread).
 */
#pragma once

#include "agent/api.h"

#include <stdbool.h>
#include <stdint.h>

#include "abi/agent.h"

/* The value of the ContextVar. */
struct request {
    PyObject_HEAD struct agent_request_head head; /* what outside readers look at */
    uint64_t span, parent, start_ns, cpu_start_ns, queue_ns;
    uint64_t trace_high, trace_low, remote_parent;
    uint64_t database_ns, outbound_ns, cache_ns, template_ns, gc_ns, loop_ns, step_ns;
    uint32_t generation; /* of the region: another one after a fork */
    uint32_t method;     /* string */
    uint32_t status;     /* HTTP; 0: none */
    uint32_t flags;      /* enum agent_flag */
    uint32_t kind;       /* REQUEST, TASK or USER */
    uint32_t state;      /* string: tracestate */
    uint32_t statements, outbound;
    uint32_t cpu_thread;   /* whose clock cpu_start_ns is */
    bool live;             /* between begin and end */
    uint64_t error;        /* which exception was counted last; see request_error() */
    const void *opener;    /* the span object that began it; only compared */
    struct request *outer; /* what was current when it began; owned */
    struct request *root;  /* itself, or the request whose part it is; `outer` keeps it alive */
    const void *subject,
        *part;              /* web: addresses of what it answers (agent/http.h); only compared */
    uint64_t end_ns;        /* when the response was complete; 0: request_end() takes the present */
    uint64_t first_byte_ns; /* when the first byte of the response was handed over; 0: not yet */
    uint32_t mount;         /* string: the part of the route that mounts have made; 0: none */
};

extern bool core_enabled; /* false: PITVIPER_DISABLED=1 or disabled by call; everything passes */

/* What may be configured; from the environment at start, later through _core.configure(). */
struct core_settings {
    bool error_messages;       /* PITVIPER_ERROR_MESSAGES: keep the texts of exceptions */
    uint64_t sample_threshold; /* PITVIPER_SAMPLE_RATE, 0.01: see agent/propagate.h */
    const char *service;       /* PITVIPER_SERVICE */
    const char *release;       /* PITVIPER_VERSION */
};
extern struct core_settings core_settings;

uint64_t core_now_ns(void); /* CLOCK_MONOTONIC */
/* Our own hook failed: clears the exception and counts it in the header. */
void core_swallow(void);

/* ---- names: cheap, bounded, forever ---------------------------------------------------------- */

/* Id of a text in the shared area; 0 for "" and when it is full. The same text has the same id
 * until a fork: do not keep ids longer than core_generation() stays the same. */
uint32_t core_string(const char *text, size_t size);
/* The same of a str object, remembered by content hash; other objects: 0. */
uint32_t core_string_of(PyObject *text);
/* Changes in a forked child; 0: no region can be made. */
uint32_t core_generation(void);

/* Index of the key (kind, name, detail, group), made at first sight; the kind's "other" key (its
 * index is the kind) when full. */
uint32_t core_key(enum agent_kind kind, uint32_t name, uint32_t detail, uint32_t group);

/* The key of a statement. `statement` is a str or bytes as the driver was given it, normalised on a
 * miss of a small cache (by content hash and length). What is neither: one key, text withheld.
 * `system` is a string id such as "postgresql". */
uint32_t core_statement_key(PyObject *statement, uint32_t system);

/* Counts an event in a key and its histogram. Exact, always. */
void core_count(uint32_t key, uint64_t duration_ns, bool error);

/* ---- requests -------------------------------------------------------------------------------- */

struct request_start {
    enum agent_kind kind;
    uint32_t route, method;   /* strings; 0: not known yet */
    uint64_t queued_since_ns; /* CLOCK_MONOTONIC; 0: not known */
    const char *traceparent; /* W3C header as received; NULL: none. Not valid: a new trace begins */
    size_t traceparent_size;
    const char *tracestate;
    size_t tracestate_size;
    bool async; /* its CPU time is the sum of its steps, not the thread's clock */
    bool alone; /* asked for from outside: not a part of the request that happens to be current */
};

/* New reference, now current; NULL: disabled or no memory (no exception is set). A USER request
 * inside a live request becomes a span of it; without one it is a request of its own. */
struct request *request_begin(const struct request_start *start);
/* The innermost live request of the current context, borrowed; NULL: none. A few ns. */
struct request *request_current(void);
/* Route becomes known. The last one wins. */
void request_route(struct request *request, uint32_t route);
/* An exception left the request, or a handler of the framework saw it (`handled`). Counts the key
 * EXCEPTION, writes an ERROR record. Same exception object twice in a row: once. Borrowed. */
void request_error(struct request *request, PyObject *exception, bool handled);
/* Ends it: counts, writes REQUEST, PARTS, TRACE (a span of a request: SPAN), frees the slot; the
 * outer request is current again. Safe to call twice, and in any context. Does not drop the
 * reference. */
void request_end(struct request *request);
/* Between begin and end, in the process that began it. */
bool request_alive(const struct request *request);
/* The header to send: 55 characters and a NUL. */
void request_traceparent(const struct request *request, char out[56]);

/* One step of a coroutine that works for a request: the time counts as the request's own, unless
 * this thread is inside another step of the same request already. */
struct step {
    struct request *request, *around;
    uint64_t start_ns; /* 0: inside another step of the same request */
};
void step_begin(struct step *step, struct request *request); /* NULL: nothing */
void step_end(struct step *step);

/* ---- leaves ---------------------------------------------------------------------------------- */

struct leaf {
    uint64_t start_ns;       /* 0: not counted (disabled, or inside another leaf) */
    struct request *request; /* of the context; owned from begin to end; NULL: none */
    const void **flow;       /* internal, as is the rest */
    uint32_t generation, among;
};

/* Around a synchronous operation. Nothing raises; a few ns when disabled. `flags`: enum agent_flag;
 * `status`: HTTP; `rows`: AGENT_NONE when not known. Every begin needs an end. */
void leaf_begin(struct leaf *leaf);
void leaf_end(struct leaf *leaf, uint32_t key, uint32_t flags, uint32_t status, uint32_t rows);
/* In between, when it is known early: what the request waits for, shown while it does. */
void leaf_waits(struct leaf *leaf, uint32_t key);
/* Nothing more will run below the leaf for now (its coroutine is suspended), and it goes on. */
void leaf_pause(struct leaf *leaf);
void leaf_resume(struct leaf *leaf);

/* ---- parts of the extension ------------------------------------------------------------------ */

/* A part `x` has agent/x.h with `int x_add(PyObject *module)`: adds its functions and types;
 * 0, or -1 with an exception. module.c lists them. */
