/* SPDX-License-Identifier: MIT */
/* http.h - what WSGI and ASGI requests have in common.
 *
 * The texts of a request are looked at, never kept: its method becomes one of a closed set, its
 * path is not read at all (a route is what a framework's hook says), and of its headers only those
 * of W3C trace context and of the queue before the worker.
 *
 * Ownership: a `struct http_start` borrows the texts from the header objects it was filled from.
 * Errors:    nothing raises, and a pending exception stays.
 */
#pragma once

#include "agent/core.h"

struct http_start {
    uint32_t method; /* string; "_OTHER" for methods that no standard knows */
    const char *traceparent, *tracestate, *queued;
    size_t traceparent_size, tracestate_size, queued_size;
};

/* String id of a method given as a str. Other objects are "_OTHER". */
uint32_t http_method(PyObject *method);

/* Begins a request of kind REQUEST, now current; new reference or NULL. `subject` and `part` tell
 * it from others (http_is_of). */
struct request *http_begin(const struct http_start *start, bool async, const void *subject,
                           const void *part);

/* Whether the request in progress is about this very environ or scope already, or is carried by the
 * other protocol (WSGI in a thread of an ASGI server): then the application is called as it is. */
bool http_is_of(bool async, const void *subject, const void *part);

/* Counts the exception that is pending (it stays so). Without a response by now the status becomes
 * 500. */
void http_fail(struct request *request);

/* Ends the request and drops the reference. A request whose route nobody knows is "(unmatched)". */
void http_end(struct request *request);

/* When a request was queued, on CLOCK_MONOTONIC; 0: not known. The text is X-Request-Start or
 * X-Queue-Start: seconds, milliseconds or microseconds since 1970, perhaps after "t=". An instant
 * to come means: not queued. */
uint64_t http_queued_since(const char *text, size_t size, uint64_t wall_ns, uint64_t mono_ns);
