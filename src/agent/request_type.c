/* SPDX-License-Identifier: MIT */
/* request_type.c - Python's view of requests and spans.
 *
 * A Span may be entered again, by itself, below itself or by other tasks at the same time: it only
 * has a name. Leaving ends the innermost live request of this context that it began; when the
 * context is another one by then (a generator closed elsewhere), the one it began last.
 */
#include "agent/context.h"
#include "agent/region.h"
#include "agent/request.h"

#include <stddef.h>
#include <string.h>

struct span {
    PyObject_HEAD PyObject *name; /* owned */
    struct request *last;         /* owned; what it began last and did not end */
};

static PyTypeObject *span_type;

/* ---- Request: attributes --------------------------------------------------------------------- */

static PyObject *string_object(uint32_t id)
{
    struct region *region = region_get();
    if (!id || !region)
        Py_RETURN_NONE;
    const struct agent_string *text = (const void *)(region->strings + (size_t)id * 8);
    return PyUnicode_DecodeUTF8(text->text, (Py_ssize_t)text->size, "replace");
}

static bool same_region(const struct request *request)
{
    return request->generation == core_generation();
}

static PyObject *get_route(struct request *self, void *Py_UNUSED(closure))
{
    return string_object(same_region(self) ? self->head.route : 0);
}

static int set_route(struct request *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value && PyUnicode_Check(value))
        request_route(self, core_string_of(value));
    return 0;
}

static PyObject *get_method(struct request *self, void *Py_UNUSED(closure))
{
    return string_object(same_region(self) ? self->method : 0);
}

static int set_method(struct request *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value && PyUnicode_Check(value) && request_alive(self))
        self->method = core_string_of(value);
    return 0;
}

static PyObject *get_status(struct request *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->status);
}

static int set_status(struct request *self, PyObject *value, void *Py_UNUSED(closure))
{
    long status = value && PyLong_Check(value) ? PyLong_AsLong(value) : -1;
    if (status >= 0 && status < 1000)
        self->status = (uint32_t)status;
    else
        PyErr_Clear();
    return 0;
}

static PyObject *get_kind(struct request *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->kind);
}

static PyObject *get_id(struct request *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(self->head.id);
}

static PyObject *get_outer(struct request *self, void *Py_UNUSED(closure))
{
    PyObject *outer = self->outer ? (PyObject *)self->outer : Py_None;
    Py_INCREF(outer);
    return outer;
}

static PyObject *get_live(struct request *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(request_alive(self));
}

static PyObject *part_of_traceparent(const struct request *self, int from, int size)
{
    char text[56];
    request_traceparent(self, text);
    return PyUnicode_FromStringAndSize(text + from, size);
}

static PyObject *get_traceparent(struct request *self, void *Py_UNUSED(closure))
{
    return part_of_traceparent(self, 0, 55);
}

static PyObject *get_trace_id(struct request *self, void *Py_UNUSED(closure))
{
    return part_of_traceparent(self, 3, 32);
}

static PyObject *get_span_id(struct request *self, void *Py_UNUSED(closure))
{
    return part_of_traceparent(self, 36, 16);
}

static PyObject *get_tracestate(struct request *self, void *Py_UNUSED(closure))
{
    return string_object(same_region(self) ? self->root->state : 0);
}

#define GETTER(name, doc)                                                                          \
    {                                                                                              \
#name, (getter)get_##name, NULL, doc, NULL                                                 \
    }
#define PROPERTY(name, doc)                                                                        \
    {                                                                                              \
#name, (getter)get_##name, (setter)set_##name, doc, NULL                                   \
    }
static PyGetSetDef request_properties[] = {
    PROPERTY(route, "Route template, or the name of a task or span; None: not known yet."),
    PROPERTY(method, "HTTP method, or the queue system of a task."),
    PROPERTY(status, "HTTP status; 0: none yet."),
    GETTER(kind, "One of KIND_*."),
    GETTER(id, "Its number in this process."),
    GETTER(outer, "The request that was current when this one began; None."),
    GETTER(live, "Whether it has begun and not ended."),
    GETTER(trace_id, "32 hexadecimal digits."),
    GETTER(span_id, "16 hexadecimal digits."),
    GETTER(traceparent, "The W3C header to send along."),
    GETTER(tracestate, "The W3C header to send along; None."),
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- Request: methods ------------------------------------------------------------------------ */

static PyObject *request_end_method(PyObject *self, PyObject *Py_UNUSED(args))
{
    request_end((struct request *)self);
    Py_RETURN_NONE;
}

static PyObject *request_error_method(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *words[] = {"exception", "handled", NULL};
    PyObject *exception;
    int handled = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:error", words, &exception, &handled))
        return NULL;
    if (PyExceptionInstance_Check(exception))
        request_error((struct request *)self, exception, handled);
    Py_RETURN_NONE;
}

static PyObject *enter_request(PyObject *self, PyObject *Py_UNUSED(args))
{
    Py_INCREF(self);
    return self;
}

static PyObject *exit_request(PyObject *self, PyObject *args)
{
    PyObject *exception = PyTuple_Size(args) > 1 ? PyTuple_GetItem(args, 1) : NULL;
    if (exception && PyExceptionInstance_Check(exception))
        request_error((struct request *)self, exception, false);
    request_end((struct request *)self);
    Py_RETURN_NONE;
}

static PyMethodDef request_methods[] = {
    {"end", request_end_method, METH_NOARGS, "Ends it; a second time does nothing."},
    {"error", (PyCFunction)(void (*)(void))request_error_method, METH_VARARGS | METH_KEYWORDS,
     "error(exception, handled=False)\n--\n\nCounts an exception that left or was handled."},
    {"__enter__", enter_request, METH_NOARGS, NULL},
    {"__exit__", exit_request, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static void free_request(PyObject *object)
{
    struct request *self = (struct request *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->live)
        request_end(self); /* dropped without an end, by a context that is gone */
    Py_CLEAR(self->outer);
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

/* ---- Span ------------------------------------------------------------------------------------ */

static struct request *begin_named(struct span *self)
{
    struct request_start start = {.kind = AGENT_KIND_USER, .route = core_string_of(self->name)};
    struct request *request = request_begin(&start);
    if (request)
        request->opener = self;
    return request;
}

static PyObject *enter_span(PyObject *object, PyObject *Py_UNUSED(args))
{
    struct span *self = (struct span *)object;
    struct request *before = self->last;
    self->last = begin_named(self);
    Py_XDECREF((PyObject *)before);
    Py_INCREF(object);
    return object;
}

/* The innermost live one of this context that `self` began; else the last one. Owned. */
static struct request *find_begun(struct span *self)
{
    struct request *request = request_current();
    while (request && request->opener != self)
        request = request->outer;
    if (!request || !request_alive(request))
        request = self->last;
    Py_XINCREF((PyObject *)request);
    return request;
}

static PyObject *exit_span(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    struct span *self = (struct span *)object;
    struct request *request = find_begun(self);
    if (request) {
        if (count > 1 && args[1] != Py_None)
            request->flags |= AGENT_FLAG_ERROR;
        if (count > 1 && request->root == request && PyExceptionInstance_Check(args[1]))
            request_error(request, args[1], false);
        request_end(request);
        if (request == self->last)
            Py_CLEAR(self->last);
        Py_DECREF((PyObject *)request);
    }
    Py_RETURN_NONE;
}

static void free_span(PyObject *object)
{
    struct span *self = (struct span *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_CLEAR(self->last);
    Py_CLEAR(self->name);
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

/* `async with` wants awaitables that are done at once: an iterator that ends with the value. */
struct done {
    PyObject_HEAD PyObject *value;
};
static PyTypeObject *done_type;

static PyObject *done_new(PyObject *value)
{
    struct done *self = value ? PyObject_New(struct done, done_type) : NULL;
    if (!self) {
        Py_XDECREF(value);
        return NULL;
    }
    self->value = value;
    return (PyObject *)self;
}

static PyObject *done_await(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *done_next(PyObject *object)
{
    PyErr_SetObject(PyExc_StopIteration, ((struct done *)object)->value);
    return NULL;
}

static void done_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    Py_CLEAR(((struct done *)object)->value);
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

static PyObject *enter_span_async(PyObject *self, PyObject *args)
{
    return done_new(enter_span(self, args));
}

static PyObject *exit_span_async(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return done_new(exit_span(self, args, count));
}

static PyMethodDef span_methods[] = {
    {"__enter__", enter_span, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))exit_span, METH_FASTCALL, NULL},
    {"__aenter__", enter_span_async, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))exit_span_async, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

/* ---- types ----------------------------------------------------------------------------------- */

static PyTypeObject *type_new(const char *name, size_t size, PyType_Slot *slots)
{
    PyType_Spec spec = {name, (int)size, 0, Py_TPFLAGS_DEFAULT, slots};
    PyObject *type = PyType_FromSpec(&spec);
    if (type && PyObject_SetAttrString(type, "__doc__", Py_None) < 0)
        PyErr_Clear();
    return (PyTypeObject *)type;
}

#define SLOT(slot, function)                                                                       \
    {                                                                                              \
        slot, (void *)(uintptr_t)(function)                                                        \
    }

int request_start_types(void)
{
    PyType_Slot request_slots[] = {SLOT(Py_tp_dealloc, free_request),
                                   {Py_tp_methods, request_methods},
                                   {Py_tp_getset, request_properties},
                                   {0, NULL}};
    PyType_Slot span_slots[] = {
        SLOT(Py_tp_dealloc, free_span), {Py_tp_methods, span_methods}, {0, NULL}};
    PyType_Slot done_slots[] = {SLOT(Py_tp_dealloc, done_free),
                                SLOT(Py_am_await, done_await),
                                SLOT(Py_tp_iter, done_await),
                                SLOT(Py_tp_iternext, done_next),
                                {0, NULL}};
    if (!request_type)
        request_type = type_new("pitviper._core.Request", sizeof(struct request), request_slots);
    if (!span_type)
        span_type = type_new("pitviper._core.Span", sizeof(struct span), span_slots);
    if (!done_type)
        done_type = type_new("pitviper._core.Done", sizeof(struct done), done_slots);
    return request_type && span_type && done_type ? 0 : -1;
}

/* ---- functions ------------------------------------------------------------------------------- */

static PyObject *or_none(struct request *request)
{
    if (!request)
        Py_RETURN_NONE;
    return (PyObject *)request;
}

static PyObject *begin(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *words[] = {"kind",       "name",         "detail",       "traceparent",
                            "tracestate", "queued_since", "asynchronous", NULL};
    int kind, asynchronous = 0;
    PyObject *name = NULL, *detail = NULL;
    struct request_start start = {.kind = AGENT_KIND_NONE};
    Py_ssize_t parent_size = 0, state_size = 0;
    double queued_since = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|OO$z#z#dp:begin", words, &kind, &name,
                                     &detail, &start.traceparent, &parent_size, &start.tracestate,
                                     &state_size, &queued_since, &asynchronous))
        return NULL;
    if (kind != AGENT_KIND_REQUEST && kind != AGENT_KIND_TASK && kind != AGENT_KIND_USER)
        return PyErr_Format(PyExc_ValueError, "a request cannot be of kind %d", kind);
    start.kind = (enum agent_kind)kind;
    start.async = asynchronous;
    start.route = core_string_of(name);
    start.method = core_string_of(detail);
    start.traceparent_size = (size_t)parent_size;
    start.tracestate_size = (size_t)state_size;
    if (queued_since > 0)
        start.queued_since_ns = (uint64_t)(queued_since * 1e9);
    return or_none(request_begin(&start));
}

static PyObject *current(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    struct request *request = request_current();
    Py_XINCREF((PyObject *)request);
    return or_none(request);
}

static PyObject *span(PyObject *Py_UNUSED(module), PyObject *name)
{
    if (!PyUnicode_Check(name))
        return PyErr_Format(PyExc_TypeError, "the name of a span is a str, not %R", name);
    struct span *self = PyObject_New(struct span, span_type);
    if (!self)
        return NULL;
    Py_INCREF(name);
    self->name = name;
    self->last = NULL;
    return (PyObject *)self;
}

static PyObject *count(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *words[] = {"kind", "name", "detail", "seconds", "error", "group", NULL};
    int kind, error = 0;
    unsigned group = 0;
    PyObject *name, *detail;
    double seconds;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOOd|pI:count", words, &kind, &name, &detail,
                                     &seconds, &error, &group))
        return NULL;
    if (kind <= AGENT_KIND_NONE || kind >= AGENT_KINDS)
        return PyErr_Format(PyExc_ValueError, "no such kind: %d", kind);
    uint32_t key =
        core_key((enum agent_kind)kind, core_string_of(name), core_string_of(detail), group);
    core_count(key, seconds > 0 ? (uint64_t)(seconds * 1e9) : 0, error);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"begin", (PyCFunction)(void (*)(void))begin, METH_VARARGS | METH_KEYWORDS,
     "begin(kind, name='', detail='', *, traceparent=None, tracestate=None, queued_since=0.0, "
     "asynchronous=False)\n--\n\nA request or task by hand, now current; None when disabled."},
    {"current", current, METH_NOARGS, "current()\n--\n\nThe innermost request of this context."},
    {"span", span, METH_O, "span(name)\n--\n\nA span around a `with` or `async with` block."},
    {"count", (PyCFunction)(void (*)(void))count, METH_VARARGS | METH_KEYWORDS,
     "count(kind, name, detail, seconds, error=False, group=0)\n--\n\nOne event without a span."},
    {NULL, NULL, 0, NULL},
};

int request_add(PyObject *module)
{
    Py_INCREF((PyObject *)request_type);
    if (api_add(module, "Request", (PyObject *)request_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
