/* SPDX-License-Identifier: MIT */
/* wrap_async.c - what a wrapped coroutine function returns: its coroutine, with a clock around it.
 *
 * An awaitable that hands send(), throw() and close() to the inner coroutine. The first step begins
 * the leaf (or calls `before`), the step that returns or raises ends it; between steps the flow is
 * outside of the leaf, so what other callbacks of the loop do is counted. Time inside a step counts
 * as the request's own (step_begin). To everybody who asks it is the coroutine: class, name, frame,
 * code; a generator that is driven by `yield from` is served as well. One that is dropped before
 * its end counts up to there; one that was never started is not counted, and warns as it always
 * did.
 */
#include "agent/observe.h"
#include "agent/wrap.h"

#include <stddef.h>

enum { STEP_RETURN, STEP_ERROR, STEP_NEXT };

struct awaited {
    struct standin standin; /* the coroutine */
    struct callable *owner; /* owned */
    PyObject *weakrefs;
    PyObject *first;          /* wrap: the first argument; owned, may be NULL */
    struct observed observed; /* observe: the arguments */
    struct about about;
    struct leaf leaf;
    bool observes, started;
};

static PyTypeObject *type;
static PyObject *send_name, *throw_name, *close_name;

/* ---- begin and end --------------------------------------------------------------------------- */

static void begin(struct awaited *self)
{
    self->started = true;
    if (self->observes)
        observe_before(self->owner, &self->observed);
    else if (!self->about.nothing && wrap_enter(self->owner, &self->leaf))
        wrap_start(self->owner, &self->leaf, &self->about);
}

static void finish(struct awaited *self, PyObject *result)
{
    if (self->observes)
        observe_after(self->owner, &self->observed, result);
    else if (self->leaf.start_ns)
        wrap_end(self->owner, &self->leaf, &self->about, self->first, result);
}

/* An exception ends it; the value of a StopIteration is its result. */
static void finish_raised(struct awaited *self)
{
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        finish(self, NULL);
        return;
    }
    struct pending pending;
    pending_save(&pending);
    PyObject *value = PyObject_GetAttrString(pending.value, "value");
    if (!value)
        core_swallow();
    finish(self, value ? value : Py_None);
    Py_XDECREF(value);
    pending_restore(&pending);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void step_in(struct awaited *self, struct step *step)
{
    if (!self->started)
        begin(self);
    else
        leaf_resume(&self->leaf);
    step_begin(step, self->leaf.request);
}

static void step_out(struct awaited *self, struct step *step, int outcome, PyObject *result)
{
    step_end(step);
    if (outcome == STEP_NEXT)
        leaf_pause(&self->leaf);
    else if (outcome == STEP_RETURN)
        finish(self, result);
    else
        finish_raised(self);
}

/* One step of the coroutine; *out: what it yields or returns. Before 3.10 its return is an error
 * with StopIteration pending. */
static int advance(struct awaited *self, PyObject *value, PyObject **out)
{
    PyObject *inner = standin_inner((PyObject *)self);
    if (api.send) {
        int result = api.send(inner, value, out);
        return result == 0 ? STEP_RETURN : result == 1 ? STEP_NEXT : STEP_ERROR;
    }
    *out = PyObject_CallMethodObjArgs(inner, send_name, value, NULL);
    return *out ? STEP_NEXT : STEP_ERROR;
}

static int step(struct awaited *self, PyObject *value, PyObject **out)
{
    struct step step;
    step_in(self, &step);
    int outcome = advance(self, value, out);
    step_out(self, &step, outcome, *out);
    return outcome;
}

/* PySendResult: RETURN 0, ERROR -1, NEXT 1 */
static int am_send(PyObject *self, PyObject *value, PyObject **out)
{
    *out = NULL;
    int outcome = step((struct awaited *)self, value, out);
    return outcome == STEP_RETURN ? 0 : outcome == STEP_NEXT ? 1 : -1;
}

/* A coroutine's return, as iterators say it. */
static PyObject *stop(PyObject *value)
{
    PyObject *exception = PyObject_CallFunctionObjArgs(PyExc_StopIteration, value, NULL);
    if (exception)
        PyErr_SetObject(PyExc_StopIteration, exception);
    Py_XDECREF(exception);
    Py_DECREF(value);
    return NULL;
}

static PyObject *send(PyObject *self, PyObject *value)
{
    PyObject *out = NULL;
    int outcome = step((struct awaited *)self, value, &out);
    return outcome == STEP_RETURN ? stop(out) : out;
}

static PyObject *next(PyObject *self)
{
    return send(self, Py_None);
}

static PyObject *call_inner(struct awaited *self, PyObject *name, PyObject *args)
{
    PyObject *method = PyObject_GetAttr(standin_inner((PyObject *)self), name);
    PyObject *result = method ? PyObject_Call(method, args, NULL) : NULL;
    Py_XDECREF(method);
    return result;
}

/* Before the first step there is nothing to end: the coroutine raises where it would have begun. */
static PyObject *throw_inner(PyObject *object, PyObject *args)
{
    struct awaited *self = (struct awaited *)object;
    struct step step;
    if (!self->started)
        return call_inner(self, throw_name, args);
    step_in(self, &step);
    PyObject *result = call_inner(self, throw_name, args);
    step_out(self, &step, result ? STEP_NEXT : STEP_ERROR, result);
    return result;
}

static PyObject *close_inner(PyObject *object, PyObject *args)
{
    struct awaited *self = (struct awaited *)object;
    struct step step;
    if (!self->started)
        return call_inner(self, close_name, args);
    step_in(self, &step);
    PyObject *result = call_inner(self, close_name, args);
    step_out(self, &step, result ? STEP_RETURN : STEP_ERROR, result);
    return result;
}

static PyObject *same(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *await(PyObject *self, PyObject *Py_UNUSED(args))
{
    return same(self);
}

/* ---- the object ------------------------------------------------------------------------------ */

static PyObject *get_attribute(PyObject *self, PyObject *name)
{
    static const char *const own[] = {"send", "throw", "close", "__await__", "__next__"};
    for (size_t at = 0; at < sizeof own / sizeof *own; at++)
        if (PyUnicode_CompareWithASCIIString(name, own[at]) == 0)
            return PyObject_GenericGetAttr(self, name);
    return PyObject_GetAttr(standin_inner(self), name);
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    struct awaited *self = (struct awaited *)object;
    Py_VISIT(self->owner);
    Py_VISIT(self->first);
    Py_VISIT(self->observed.args);
    Py_VISIT(self->observed.kwargs);
    return standin_traverse(object, visit, arg);
}

static int clear(PyObject *object)
{
    struct awaited *self = (struct awaited *)object;
    Py_CLEAR(self->first);
    observe_forget(&self->observed);
    standin_clear(object);
    Py_CLEAR(self->owner);
    return 0;
}

/* The collector may have cleared it: without an owner there is nothing to count any more. */
static void dealloc(PyObject *object)
{
    struct awaited *self = (struct awaited *)object;
    PyObject_GC_UnTrack(object);
    if (self->weakrefs)
        PyObject_ClearWeakRefs(object);
    leaf_end(&self->leaf, self->about.key, 0, 0, AGENT_NONE);
    clear(object);
    standin_release(object);
}

static PyMethodDef methods[] = {
    {"send", send, METH_O, NULL},
    {"throw", throw_inner, METH_VARARGS, NULL},
    {"close", close_inner, METH_VARARGS, NULL},
    {"__await__", await, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct awaited, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

int await_start(void)
{
    if (type)
        return 0;
    send_name = PyUnicode_InternFromString("send");
    throw_name = PyUnicode_InternFromString("throw");
    close_name = PyUnicode_InternFromString("close");
    PyType_Slot slots[] = {
        STANDIN_SLOT(Py_tp_getattro, get_attribute),
        STANDIN_SLOT(Py_tp_setattro, standin_set_attribute),
        STANDIN_SLOT(Py_tp_repr, standin_repr),
        {Py_tp_methods, methods},
        STANDIN_SLOT(Py_tp_traverse, traverse),
        STANDIN_SLOT(Py_tp_clear, clear),
        STANDIN_SLOT(Py_tp_dealloc, dealloc),
        STANDIN_SLOT(Py_am_await, same),
        STANDIN_SLOT(Py_tp_iter, same),
        STANDIN_SLOT(Py_tp_iternext, next),
        {0, NULL},
        {0, NULL},
        {0, NULL},
    };
    PyType_Slot *free_slot = &slots[sizeof slots / sizeof *slots - 3];
    if (api.hex >= 0x03090000)
        *free_slot++ = (PyType_Slot){Py_tp_members, members};
    if (api.send)
        *free_slot = (PyType_Slot)STANDIN_SLOT(API_SLOT_AM_SEND, am_send);
    type = standin_type("pitviper._core.Awaitable", sizeof(struct awaited), slots);
    return type && send_name && throw_name && close_name ? 0 : -1;
}

/* Takes over the reference to what the function returned. What has no send() is left as it is. */
static struct awaited *awaited_new(struct callable *owner, PyObject *coroutine)
{
    if (!PyObject_HasAttrString(coroutine, "send"))
        return NULL;
    struct awaited *self = (struct awaited *)standin_new(type, coroutine);
    if (!self) {
        core_swallow();
        return NULL;
    }
    Py_DECREF(coroutine);
    Py_INCREF((PyObject *)owner);
    self->owner = owner;
    return self;
}

PyObject *await_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names)
{
    struct callable *owner = (struct callable *)callable;
    PyObject *result = api_call(owner->standin.inner, args, nargsf, names);
    if (!result || !core_enabled)
        return result;
    struct awaited *self = awaited_new(owner, result);
    if (!self)
        return result;
    self->about = wrap_about(owner, args, nargsf, names);
    if (API_VECTOR_COUNT(nargsf) > 0) {
        self->first = args[0];
        Py_INCREF(self->first);
    }
    return (PyObject *)self;
}

PyObject *observe_await_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                             PyObject *names)
{
    struct callable *owner = (struct callable *)callable;
    struct observed observed;
    if (!core_enabled || !observe_unpack(&observed, args, nargsf, names))
        return api_call(owner->standin.inner, args, nargsf, names);
    PyObject *result = api_call(owner->standin.inner, args, nargsf, names);
    struct awaited *self = result ? awaited_new(owner, result) : NULL;
    if (!self) {
        observe_forget(&observed);
        return result;
    }
    self->observes = true;
    self->observed = observed;
    return (PyObject *)self;
}
