/* SPDX-License-Identifier: MIT */
/* asgi.c - the request wrapper of ASGI: _core.asgi(application), and served() for servers that are
 * their own protocol.
 *
 *     server ── application(scope, receive, send) ──► flight, an awaitable around the application's
 * coroutine await flight ── step ──► coroutine ── await ... ──┐ ◄── send(message) ──── send_call():
 * status, first byte, end of the response
 *
 * A request begins with the first step of its flight, in the context of whoever awaits it, and is
 * counted when the coroutine is finished: what it answers with may end much earlier (`end_ns`), the
 * rest is background work that belongs to the request but not to its latency. Messages are looked
 * at and handed on; there is no object per message, and scopes that are not of type "http" never
 * see any of this.
 *
 * The loop. Every step is measured. One that takes longer than HELD_NS has kept every other task of
 * its thread waiting: it is counted under LOOP with its route, and those requests that were
 * suspended meanwhile are charged for it when they go on (`loop_ns`): the sum of long steps of this
 * thread is noted at suspension and compared at resumption.
 */
#include "agent/asgi.h"
#include "agent/callable.h"
#include "agent/http.h"
#include "agent/relay.h"

#include <string.h>

#define HELD_NS UINT64_C(100000000)

static PyTypeObject *flight_type;
static PyTypeObject *coroutine_type;
static __thread uint64_t held_ns; /* by long steps of this thread, ever */

enum { TYPE, STATUS, MORE_BODY, METHOD, HEADERS, NAMES };
static PyObject *names[NAMES];
static const char *const name_texts[NAMES] = {"type", "status", "more_body", "method", "headers"};

struct flight {
    struct standin standin;  /* for the coroutine */
    PyObject *scope;         /* ASGI; NULL: of served() */
    PyObject *args;          /* of served(); NULL: ASGI */
    PyObject *served;        /* the stand-in of served(): holds start(args) and finish(args, result,
                                exception) */
    struct request *request; /* NULL: not begun, not counted, or over */
    uint64_t held_ns;        /* this thread's, when last suspended */
    bool begun;
};

/* ---- headers --------------------------------------------------------------------------------- */

static bool is_header(PyObject *name, size_t size, const char *text)
{
    return memcmp(PyBytes_AsString(name), text, size) == 0;
}

static void note_header(struct http_start *start, PyObject *name, PyObject *value)
{
    size_t size = (size_t)PyBytes_Size(name);
    const char *text = PyBytes_AsString(value);
    size_t length = (size_t)PyBytes_Size(value);
    if (size == 11 && is_header(name, size, "traceparent"))
        start->traceparent = text, start->traceparent_size = length;
    else if (size == 10 && is_header(name, size, "tracestate"))
        start->tracestate = text, start->tracestate_size = length;
    else if ((size == 15 && is_header(name, size, "x-request-start")) ||
             (size == 13 && is_header(name, size, "x-queue-start")))
        start->queued = text, start->queued_size = length;
}

static PyObject *item(PyObject *sequence, Py_ssize_t at)
{
    return PyTuple_Check(sequence) ? PyTuple_GetItem(sequence, at) : PyList_GetItem(sequence, at);
}

static bool is_sequence(PyObject *object)
{
    return object && (PyTuple_Check(object) || PyList_Check(object));
}

static void read_headers(struct http_start *start, PyObject *headers)
{
    Py_ssize_t count = is_sequence(headers) ? PyObject_Size(headers) : 0;
    for (Py_ssize_t at = 0; at < count; at++) {
        PyObject *pair = item(headers, at);
        if (!is_sequence(pair) || PyObject_Size(pair) != 2)
            continue;
        PyObject *name = item(pair, 0), *value = item(pair, 1);
        if (PyBytes_Check(name) && PyBytes_Check(value))
            note_header(start, name, value);
    }
}

/* ---- send ------------------------------------------------------------------------------------ */

static bool is_text(PyObject *text, Py_ssize_t size, const char *expected)
{
    return PyUnicode_GetLength(text) == size &&
           PyUnicode_CompareWithASCIIString(text, expected) == 0;
}

static void note_message(struct request *request, PyObject *message)
{
    PyObject *type = PyDict_GetItemWithError(message, names[TYPE]);
    if (!type || !PyUnicode_Check(type))
        return;
    if (is_text(type, 19, "http.response.start")) {
        PyObject *status = PyDict_GetItemWithError(message, names[STATUS]);
        long number = status && PyLong_Check(status) ? PyLong_AsLong(status) : 0;
        request->status = number > 0 && number < 1000 ? (uint32_t)number : 0;
    } else if (is_text(type, 18, "http.response.body") ||
               is_text(type, 22, "http.response.pathsend")) {
        uint64_t now = core_now_ns();
        if (!request->first_byte_ns)
            request->first_byte_ns = now;
        PyObject *more = PyDict_GetItemWithError(message, names[MORE_BODY]);
        if (!more || PyObject_IsTrue(more) <= 0)
            request->end_ns = now;
    }
}

static PyObject *send_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *words)
{
    struct relay *relay = (struct relay *)self;
    struct request *request = relay->owner ? ((struct flight *)relay->owner)->request : NULL;
    if (request && API_VECTOR_COUNT(nargsf) == 1 && PyDict_Check(args[0])) {
        note_message(request, args[0]);
        PyErr_Clear();
    }
    return api_call(relay->standin.inner, args, nargsf, words);
}

/* ---- the request of a flight ----------------------------------------------------------------- */

static void begin_asgi(struct flight *flight)
{
    PyObject *headers = PyDict_GetItemWithError(flight->scope, names[HEADERS]);
    if (http_is_of(true, flight->scope, headers))
        return; /* stand-in of a stand-in: the outer one has begun since this one was called */
    struct http_start start = {
        .method = http_method(PyDict_GetItemWithError(flight->scope, names[METHOD]))};
    read_headers(&start, headers);
    PyErr_Clear();
    flight->request = http_begin(&start, true, flight->scope, headers);
}

static const char *text_at(PyObject *tuple, Py_ssize_t at, size_t *size)
{
    PyObject *value = PyTuple_GetItem(tuple, at);
    Py_ssize_t length = 0;
    const char *text = value && PyUnicode_Check(value) ? api.text_utf8(value, &length) : NULL;
    *size = (size_t)length;
    return text;
}

static PyObject *hook(const struct flight *flight, enum callable_ref ref)
{
    return ((struct callable *)flight->served)->refs[ref];
}

static void begin_served(struct flight *flight)
{
    PyObject *subject = PyTuple_GetItem(flight->args, PyTuple_Size(flight->args) - 1);
    if (http_is_of(true, subject, NULL))
        return;
    PyObject *about = PyObject_CallFunctionObjArgs(hook(flight, REF_BEFORE), flight->args, NULL);
    if (about && PyTuple_Check(about) && PyTuple_Size(about) == 4) {
        struct http_start start = {.method = http_method(PyTuple_GetItem(about, 0))};
        start.traceparent = text_at(about, 1, &start.traceparent_size);
        start.tracestate = text_at(about, 2, &start.tracestate_size);
        start.queued = text_at(about, 3, &start.queued_size);
        flight->request = http_begin(&start, true, subject, NULL);
    }
    Py_XDECREF(about);
    if (PyErr_Occurred())
        core_swallow();
}

/* Asks the hook for route and status. `result` is NULL when an exception left the coroutine. */
static void ask_finish(struct flight *flight, PyObject *result, PyObject *exception)
{
    PyObject *answer = PyObject_CallFunctionObjArgs(hook(flight, REF_AFTER), flight->args,
                                                    result ? result : Py_None,
                                                    exception ? exception : Py_None, NULL);
    if (answer && PyTuple_Check(answer) && PyTuple_Size(answer) == 2) {
        uint32_t route = core_string_of(PyTuple_GetItem(answer, 0));
        long status = PyLong_AsLong(PyTuple_GetItem(answer, 1));
        if (route)
            request_route(flight->request, route);
        if (status > 0 && status < 1000)
            flight->request->status = (uint32_t)status;
    }
    Py_XDECREF(answer);
    if (PyErr_Occurred())
        core_swallow();
}

static void end_flight(struct flight *flight)
{
    struct request *request = flight->request;
    flight->request = NULL;
    if (request)
        http_end(request);
}

/* The coroutine is finished: with `result`, or with the exception that is pending and stays so.
 * Cancelled requests are no errors, and what has a status below 500 (an HTTP exception of the
 * framework) is none either. */
static void finish(struct flight *flight, PyObject *result)
{
    if (!flight->request)
        return;
    bool failed = !result && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_Exception);
    if (flight->served) {
        struct pending raised;
        pending_save(&raised);
        PyErr_NormalizeException(&raised.type, &raised.value, &raised.traceback);
        ask_finish(flight, result, raised.value);
        pending_restore(&raised);
        failed = failed && (!flight->request->status || flight->request->status >= 500);
    }
    if (failed)
        http_fail(flight->request);
    end_flight(flight);
}

/* ---- steps ----------------------------------------------------------------------------------- */

enum outcome { YIELDED, RETURNED, RAISED };

/* coroutine.send(value), or coroutine.throw(*thrown). */
static enum outcome drive(PyObject *coroutine, PyObject *value, PyObject *thrown, PyObject **out)
{
    if (!thrown && api.send) {
        int sent = api.send(coroutine, value, out);
        return sent > 0 ? YIELDED : sent == 0 ? RETURNED : RAISED;
    }
    PyObject *method = PyObject_GetAttrString(coroutine, thrown ? "throw" : "send");
    *out = NULL;
    if (method)
        *out = thrown ? PyObject_CallObject(method, thrown)
                      : PyObject_CallFunctionObjArgs(method, value, NULL);
    Py_XDECREF(method);
    if (*out)
        return YIELDED;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return RAISED;
    struct pending stop;
    pending_save(&stop);
    PyErr_NormalizeException(&stop.type, &stop.value, &stop.traceback);
    *out = PyObject_GetAttrString(stop.value, "value");
    Py_XDECREF(stop.type);
    Py_XDECREF(stop.value);
    Py_XDECREF(stop.traceback);
    return *out ? RETURNED : RAISED;
}

static void note_held(struct request *request, uint64_t duration_ns)
{
    if (duration_ns < HELD_NS)
        return;
    held_ns += duration_ns;
    uint32_t route = request->head.route;
    if (!route)
        route = core_string("(unmatched)", 11);
    core_count(core_key(AGENT_KIND_LOOP, route, 0, 0), duration_ns, false);
}

static void begin(struct flight *flight)
{
    flight->begun = true;
    flight->held_ns = held_ns;
    if (flight->scope)
        begin_asgi(flight);
    else
        begin_served(flight);
}

static enum outcome step_flight(struct flight *flight, PyObject *value, PyObject *thrown,
                                PyObject **out)
{
    if (!flight->begun)
        begin(flight);
    struct request *request = flight->request;
    if (!request)
        return drive(flight->standin.inner, value, thrown, out);

    Py_INCREF((PyObject *)flight); /* the coroutine may let go of the last reference but ours */
    request->loop_ns += held_ns - flight->held_ns;
    struct step step;
    uint64_t start_ns = core_now_ns();
    step_begin(&step, request->end_ns ? NULL : request);
    enum outcome outcome = drive(flight->standin.inner, value, thrown, out);
    step_end(&step);
    note_held(request, core_now_ns() - start_ns);
    flight->held_ns = held_ns;
    if (outcome != YIELDED)
        finish(flight, outcome == RETURNED ? *out : NULL);
    Py_DECREF((PyObject *)flight);
    return outcome;
}

/* What a generator's method gives: the object yielded, or NULL with StopIteration(value) or another
 * exception. */
static PyObject *give(enum outcome outcome, PyObject *out, bool is_next)
{
    if (outcome != RETURNED)
        return out;
    if (out == Py_None && is_next) {
        Py_DECREF(out);
        return NULL; /* tp_iternext: nothing set means StopIteration() */
    }
    PyObject *stop = PyObject_CallFunctionObjArgs(PyExc_StopIteration, out, NULL);
    Py_DECREF(out);
    if (stop) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    return NULL;
}

static PyObject *flight_next(PyObject *self)
{
    PyObject *out = NULL;
    enum outcome outcome = step_flight((struct flight *)self, Py_None, NULL, &out);
    return give(outcome, out, true);
}

static PyObject *flight_send(PyObject *self, PyObject *value)
{
    PyObject *out = NULL;
    enum outcome outcome = step_flight((struct flight *)self, value, NULL, &out);
    return give(outcome, out, false);
}

static PyObject *flight_throw(PyObject *self, PyObject *args)
{
    PyObject *out = NULL;
    enum outcome outcome = step_flight((struct flight *)self, Py_None, args, &out);
    return give(outcome, out, false);
}

static PyObject *flight_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct flight *flight = (struct flight *)self;
    PyObject *result = PyObject_CallMethod(flight->standin.inner, "close", NULL);
    finish(flight, result);
    return result;
}

static PyObject *flight_self(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *flight_await(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return flight_self(self);
}

static PyObject *flight_attribute(PyObject *self, PyObject *name)
{
    PyObject *inner = standin_inner(self);
    if (inner && PyUnicode_CompareWithASCIIString(name, "__class__") == 0)
        return PyObject_GetAttr(inner, name);
    PyObject *own = PyObject_GenericGetAttr(self, name);
    if (own || !inner || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return own;
    PyErr_Clear();
    return PyObject_GetAttr(inner, name);
}

static int flight_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct flight *flight = (struct flight *)self;
    Py_VISIT(flight->scope);
    Py_VISIT(flight->args);
    Py_VISIT(flight->served);
    Py_VISIT(flight->request);
    return standin_traverse(self, visit, arg);
}

static int flight_clear(PyObject *self)
{
    struct flight *flight = (struct flight *)self;
    end_flight(flight);
    Py_CLEAR(flight->scope);
    Py_CLEAR(flight->args);
    Py_CLEAR(flight->served);
    return standin_clear(self);
}

static void flight_free(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    flight_clear(self);
    standin_release(self);
}

/* The object to drive for what an application returned; steals it. */
static PyObject *driven(PyObject *awaitable)
{
    if (!awaitable || Py_TYPE(awaitable) == coroutine_type ||
        PyObject_HasAttrString(awaitable, "send"))
        return awaitable;
    PyObject *iterator = PyObject_CallMethod(awaitable, "__await__", NULL);
    Py_DECREF(awaitable);
    return iterator;
}

/* ---- applications ---------------------------------------------------------------------------- */

static bool is_http(PyObject *scope)
{
    PyObject *type = PyDict_GetItemWithError(scope, names[TYPE]);
    return type && PyUnicode_Check(type) && is_text(type, 4, "http");
}

/* application(scope, receive, our send); `self` of a method comes first. */
static PyObject *call_with(PyObject *app, PyObject *const *args, Py_ssize_t count,
                           struct flight *flight)
{
    PyObject *send = relay_new(args[count - 1], send_call, (PyObject *)flight);
    if (!send)
        return NULL;
    PyObject *own[5] = {NULL, args[0], args[1], args[2],
                        send}; /* the first is the callee's to use */
    own[count] = send;
    PyObject *result = api_call(app, own + 1, (size_t)count | API_VECTOR_OFFSET, NULL);
    Py_DECREF(send);
    return driven(result);
}

static bool is_counted(PyObject *scope)
{
    return core_enabled && PyDict_Check(scope) && is_http(scope) &&
           !http_is_of(true, scope, PyDict_GetItemWithError(scope, names[HEADERS]));
}

static PyObject *app_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *words)
{
    PyObject *app = standin_inner(self);
    Py_ssize_t count = API_VECTOR_COUNT(nargsf);
    if (words || count < 3 || count > 4 || !is_counted(args[count - 3]))
        return api_call(app, args, nargsf, words);

    struct flight *flight = (struct flight *)standin_new(flight_type, NULL);
    if (!flight)
        return NULL;
    Py_INCREF(args[count - 3]);
    flight->scope = args[count - 3];
    flight->standin.inner = call_with(app, args, count, flight);
    if (flight->standin.inner)
        return (PyObject *)flight;
    Py_DECREF((PyObject *)flight);
    return NULL;
}

static PyObject *wrap(PyObject *Py_UNUSED(module), PyObject *app)
{
    return (PyObject *)callable_new(app, app_call);
}

/* ---- servers that are their own protocol ----------------------------------------------------- */

static PyObject *served_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *words)
{
    PyObject *coroutine = api_call(standin_inner(self), args, nargsf, words);
    if (!core_enabled || !coroutine || API_VECTOR_COUNT(nargsf) == 0)
        return coroutine;
    struct flight *flight = (struct flight *)standin_new(flight_type, NULL);
    PyObject *keywords = NULL;
    if (flight && callable_unpack(args, nargsf, words, &flight->args, &keywords)) {
        Py_DECREF(keywords);
        Py_INCREF(self);
        flight->served = self;
        flight->standin.inner = driven(coroutine);
    } else {
        Py_DECREF(coroutine);
    }
    if (flight && flight->standin.inner)
        return (PyObject *)flight;
    Py_XDECREF((PyObject *)flight);
    return NULL;
}

static PyObject *wrap_served(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *function, *start, *finish;
    if (!PyArg_ParseTuple(args, "OOO:served", &function, &start, &finish))
        return NULL;
    struct callable *served = callable_new(function, served_call);
    if (served) {
        callable_hold(served, REF_BEFORE, start);
        callable_hold(served, REF_AFTER, finish);
    }
    return (PyObject *)served;
}

/* ---- types ----------------------------------------------------------------------------------- */

static PyMethodDef flight_methods[] = {{"send", flight_send, METH_O, NULL},
                                       {"throw", flight_throw, METH_VARARGS, NULL},
                                       {"close", flight_close, METH_NOARGS, NULL},
                                       {"__await__", flight_await, METH_NOARGS, NULL},
                                       {NULL}};
static PyType_Slot flight_slots[] = {
    STANDIN_SLOT(Py_am_await, flight_self),        STANDIN_SLOT(Py_tp_iter, flight_self),
    STANDIN_SLOT(Py_tp_iternext, flight_next),     STANDIN_SLOT(Py_tp_getattro, flight_attribute),
    STANDIN_SLOT(Py_tp_repr, standin_repr),        {Py_tp_methods, flight_methods},
    STANDIN_SLOT(Py_tp_traverse, flight_traverse), STANDIN_SLOT(Py_tp_clear, flight_clear),
    STANDIN_SLOT(Py_tp_dealloc, flight_free),      {0, NULL}};

static PyMethodDef functions[] = {
    {"asgi", wrap, METH_O, "asgi(application) -> a stand-in that counts requests"},
    {"served", wrap_served, METH_VARARGS,
     "served(function, start, finish) -> a stand-in for a coroutine function that answers "
     "requests"},
    {NULL}};

int asgi_add(PyObject *module)
{
    for (int i = 0; i < NAMES; i++)
        if (!names[i] && !(names[i] = PyUnicode_InternFromString(name_texts[i])))
            return -1;
    PyObject *types = PyImport_ImportModule("types");
    coroutine_type = types ? (PyTypeObject *)PyObject_GetAttrString(types, "CoroutineType") : NULL;
    Py_XDECREF(types);
    flight_type = standin_type("pitviper._core.Flight", sizeof(struct flight), flight_slots);
    if (!coroutine_type || !flight_type || callable_start() < 0 || relay_start() < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
