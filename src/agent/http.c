/* SPDX-License-Identifier: MIT */
/* http.c - requests as WSGI and ASGI begin and end them.
 *
 * One request, one count. A request passes several places that we wrap: the application object that
 * a server holds, the class of the framework, an application mounted into another. The first one
 * begins it and leaves the addresses of two objects behind that belong to this request alone: the
 * environ and its wsgi.input, or the scope and its headers. Two, because middlewares like to hand
 * on a copy of the dictionary. Whoever comes later finds the same address under the current request
 * and steps aside. A current request with other addresses is somebody else's: the previous one of a
 * pipelined connection, or that of a handler that calls another application.
 */
#include "agent/http.h"

#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define QUEUED_AFTER_NS                                                                            \
    (UINT64_C(946684800) * NS_PER_S)              /* 2000-01-01; what lies before is not a time */
#define QUEUED_MAX_NS (UINT64_C(3600) * NS_PER_S) /* a longer wait is a clock that is wrong */

static const char *const methods[] = {"GET",     "POST",  "PUT",   "DELETE",  "HEAD",
                                      "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY"};

uint32_t http_method(PyObject *method)
{
    if (method && PyUnicode_Check(method))
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
            if (PyUnicode_CompareWithASCIIString(method, methods[i]) == 0)
                return core_string(methods[i], strlen(methods[i]));
    return core_string("_OTHER", 6);
}

static uint64_t wall_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Nanoseconds since 1970 of "1700000000.25": in seconds, milliseconds, microseconds or nanoseconds,
 * whichever gives a time between 1973 and 5138. 0: not a number. */
static uint64_t read_instant_ns(const char *text, size_t size)
{
    uint64_t whole = 0, fraction = 0, unit = NS_PER_S;
    size_t at = 0;
    for (; at < size && text[at] >= '0' && text[at] <= '9'; at++) {
        if (whole >= UINT64_MAX / 10 - 1)
            return 0;
        whole = whole * 10 + (uint64_t)(text[at] - '0');
    }
    if (at < size && text[at] == '.')
        for (at++; at < size && text[at] >= '0' && text[at] <= '9' && unit > 1; at++) {
            unit /= 10;
            fraction += unit * (uint64_t)(text[at] - '0');
        }
    uint64_t limit =
        UINT64_C(100000000000); /* seconds below it, thousandths below a thousand times it, … */
    for (unit = NS_PER_S; unit > 1; unit /= 1000, limit *= 1000)
        if (whole < limit)
            return whole > UINT64_MAX / unit - 1 ? 0 : whole * unit + fraction / (NS_PER_S / unit);
    return whole;
}

uint64_t http_queued_since(const char *text, size_t size, uint64_t wall_ns, uint64_t mono_ns)
{
    while (size && (*text == ' ' || *text == '\t'))
        text++, size--;
    if (size > 2 && text[0] == 't' && text[1] == '=')
        text += 2, size -= 2;
    uint64_t queued_ns = read_instant_ns(text, size);
    if (queued_ns < QUEUED_AFTER_NS || queued_ns >= wall_ns)
        return 0;
    uint64_t waited_ns = wall_ns - queued_ns;
    return waited_ns > QUEUED_MAX_NS || waited_ns >= mono_ns ? 0 : mono_ns - waited_ns;
}

struct request *http_begin(const struct http_start *start, bool async, const void *subject,
                           const void *part)
{
    struct request_start how = {
        .kind = AGENT_KIND_REQUEST,
        .method = start->method,
        .traceparent = start->traceparent,
        .traceparent_size = start->traceparent_size,
        .tracestate = start->tracestate,
        .tracestate_size = start->tracestate_size,
        .async = async,
        .alone = true,
    };
    if (start->queued)
        how.queued_since_ns =
            http_queued_since(start->queued, start->queued_size, wall_now_ns(), core_now_ns());
    struct request *request = request_begin(&how);
    if (request) {
        request->subject = subject;
        request->part = part;
    }
    return request;
}

bool http_is_of(bool async, const void *subject, const void *part)
{
    const struct request *request = request_current();
    if (request && request->root)
        request = request->root; /* of a user's span, the request that it is in */
    if (!request || request->kind != AGENT_KIND_REQUEST || !request->subject)
        return false;
    if (((request->flags & AGENT_FLAG_ASYNC) != 0) != async)
        return true;
    return request->subject == subject || (part && request->part == part);
}

void http_fail(struct request *request)
{
    struct pending raised;
    pending_save(&raised);
    PyErr_NormalizeException(&raised.type, &raised.value, &raised.traceback);
    if (raised.value && raised.traceback)
        PyException_SetTraceback(raised.value, raised.traceback); /* it says where */
    if (raised.value)
        request_error(request, raised.value, false);
    if (!request->status)
        request->status = 500;
    pending_restore(&raised);
}

void http_end(struct request *request)
{
    if (!request->head.route)
        request_route(request, core_string("(unmatched)", 11));
    request_end(request);
    Py_DECREF((PyObject *)request);
}
