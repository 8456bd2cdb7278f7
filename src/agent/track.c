/* SPDX-License-Identifier: MIT */
/* track(name): a decorator and a context manager for what the application wants to see by name.
 *
 * Each use is a user's span (request_begin() with AGENT_KIND_USER: part of the request around it,
 * or a request of its own) and one duration in a measure: the process's own, for warnings, or a
 * PerformanceMonitor's.
 *
 * An object may be entered by many threads and tasks at once and keeps nothing about any of them:
 * the span is found again at the exit through the ContextVar, by the object that opened it. One
 * that is left in another context than it was entered in is not found, and not counted.
 *
 * Plain functions get a stand-in, which adds no frame to a traceback. Coroutine functions and
 * generator functions get a function of their own kind (python/pitviper/_tracked.py), so that
 * everybody who asks still sees one.
 */
#include "agent/track.h"

#include <string.h>

#include "agent/callable.h"
#include "agent/measure.h"

/* CPython's Include/cpython/code.h: CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR. */
#define CODE_GENERATOR 0x20
#define CODE_COROUTINE 0x80
#define CODE_ASYNC_GENERATOR 0x200

struct track {
    PyObject_HEAD PyObject *name; /* NULL: the function's own */
    PyObject *book;               /* where its measure is */
    struct measure *measure;      /* in it, once there was a use; owned */
    struct series_limits limits;
    uint32_t generation, route; /* the name as a string id */
    bool percentiles;
};

struct monitor {
    PyObject_HEAD PyObject *book;
    struct series_limits limits;
};

static PyTypeObject *track_type, *monitor_type;
static PyObject *static_method, *class_method; /* the types */
static PyObject *own_book; /* of track() outside of any monitor: warnings only */

/* ---- one use --------------------------------------------------------------------------------- */

static uint32_t route_of(struct track *track)
{
    uint32_t generation = core_generation();
    if (track->generation != generation) {
        track->generation = generation;
        track->route = core_string_of(track->name);
    }
    return track->route;
}

/* New reference; NULL: nothing is measured. */
static struct request *begin(struct track *track)
{
    struct request_start start = {.kind = AGENT_KIND_USER};
    if (!core_enabled)
        return NULL;
    start.route = route_of(track);
    struct request *span = request_begin(&start);
    if (span)
        span->opener = track;
    return span;
}

static void find_measure(struct track *track)
{
    struct pending pending;
    pending_save(&pending);
    track->measure = measure_of(track->book, track->name, track->percentiles);
    if (track->measure)
        Py_INCREF((PyObject *)track->measure);
    else
        core_swallow();
    pending_restore(&pending);
}

static void add(struct track *track, uint64_t duration_ns, uint64_t now_ns, bool error)
{
    if (!track->measure)
        find_measure(track);
    if (track->measure)
        measure_add(track->measure, duration_ns, now_ns, error, &track->limits);
}

/* What left the block is an error of the span; of the service only where nobody above can handle
 * it. Cancelled tasks and exits are none. */
static bool note_error(struct request *span, PyObject *exception)
{
    if (!exception || !PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_Exception))
        return false;
    if (span->root == span)
        request_error(span, exception, false);
    span->flags |= AGENT_FLAG_ERROR;
    return true;
}

/* Both are borrowed; no exception: NULL. The context's own reference to `span` goes in here. */
static void end(struct track *track, struct request *span, PyObject *exception)
{
    Py_INCREF((PyObject *)span);
    bool alive = request_alive(span); /* not: ended already, or the span of a parent process */
    bool error = note_error(span, exception);
    uint64_t start_ns = span->start_ns, now_ns = core_now_ns();
    span->end_ns = now_ns;
    request_end(span);
    Py_DECREF((PyObject *)span);
    if (alive)
        add(track, now_ns - start_ns, now_ns, error);
}

/* The exception that is pending, borrowed from `pending`, as `except` would see it. */
static PyObject *raised(struct pending *pending)
{
    if (!pending->type)
        return NULL;
    PyErr_NormalizeException(&pending->type, &pending->value, &pending->traceback);
    if (pending->traceback) /* 3.12 has it there already */
        PyException_SetTraceback(pending->value, pending->traceback);
    return pending->value;
}

/* ---- context manager ------------------------------------------------------------------------- */

static PyObject *track_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct track *track = (struct track *)self;
    if (!track->name) {
        PyErr_SetString(PyExc_TypeError, "a tracked block needs a name: track(\"name\")");
        return NULL;
    }
    Py_XDECREF((PyObject *)begin(track));
    Py_INCREF(self);
    return self;
}

static struct request *opened_by(const struct track *track)
{
    struct request *span = request_current();
    while (span && span->opener != track)
        span = span->outer;
    return span;
}

static void leave(struct track *track, PyObject *exception)
{
    struct request *span = opened_by(track);
    if (!span)
        return;
    end(track, span, exception == Py_None ? NULL : exception);
}

static PyObject *track_exit(PyObject *self, PyObject *args)
{
    PyObject *type, *value, *traceback;
    if (!PyArg_UnpackTuple(args, "__exit__", 3, 3, &type, &value, &traceback))
        return NULL;
    leave((struct track *)self, value);
    Py_RETURN_NONE;
}

/* _add(seconds, error=False): one that was measured elsewhere; generators do. */
static PyObject *track_count(PyObject *self, PyObject *args)
{
    struct track *track = (struct track *)self;
    double seconds;
    int error = 0;
    if (!PyArg_ParseTuple(args, "d|p", &seconds, &error))
        return NULL;
    if (!core_enabled || !track->name || !(seconds >= 0))
        Py_RETURN_NONE;
    uint64_t duration_ns = (uint64_t)(seconds * 1e9);
    core_count(core_key(AGENT_KIND_USER, route_of(track), 0, 0), duration_ns, error);
    add(track, duration_ns, core_now_ns(), error);
    Py_RETURN_NONE;
}

/* ---- decorator ------------------------------------------------------------------------------- */

static PyObject *tracked_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *names)
{
    struct callable *self = (struct callable *)callable;
    struct track *track = (struct track *)self->refs[REF_TRACK];
    struct request *span = begin(track);
    PyObject *result = api_call(self->standin.inner, args, nargsf, names);
    if (!span)
        return result;
    struct pending pending;
    pending_save(&pending);
    end(track, span, raised(&pending));
    Py_DECREF((PyObject *)span);
    pending_restore(&pending);
    return result;
}

/* Flags of the function's code; 0: it has none. */
static long code_flags(PyObject *function)
{
    PyObject *code = PyObject_GetAttrString(function, "__code__");
    PyObject *flags = code ? PyObject_GetAttrString(code, "co_flags") : NULL;
    long value = flags ? PyLong_AsLong(flags) : 0;
    if (PyErr_Occurred()) {
        PyErr_Clear();
        value = 0;
    }
    Py_XDECREF(code);
    Py_XDECREF(flags);
    return value;
}

static struct track *track_of(PyObject *name, PyObject *book, bool percentiles,
                              const struct series_limits *limits)
{
    struct track *track = PyObject_New(struct track, track_type);
    if (!track)
        return NULL;
    Py_XINCREF(name);
    Py_INCREF(book);
    track->name = name;
    track->book = book;
    track->measure = NULL;
    track->generation = track->route = 0;
    track->percentiles = percentiles;
    track->limits = *limits;
    return track;
}

/* "module.function"; NULL with an exception. */
static PyObject *name_of(PyObject *function)
{
    PyObject *module = PyObject_GetAttrString(function, "__module__");
    PyObject *name = PyObject_GetAttrString(function, "__qualname__");
    PyErr_Clear();
    PyObject *full = name && module ? PyUnicode_FromFormat("%S.%S", module, name)
                     : name         ? PyObject_Str(name)
                                    : PyObject_Repr((PyObject *)Py_TYPE(function));
    Py_XDECREF(module);
    Py_XDECREF(name);
    return full;
}

static PyObject *decorate_in_python(struct track *track, PyObject *function, const char *kind)
{
    PyObject *module = PyImport_ImportModule("pitviper._tracked");
    PyObject *result = NULL;
    if (module)
        result = PyObject_CallMethod(module, kind, "OO", function, (PyObject *)track);
    Py_XDECREF(module);
    return result;
}

static PyObject *decorate_plain(struct track *track, PyObject *function)
{
    struct callable *tracked = callable_new(function, tracked_call);
    if (tracked)
        callable_hold(tracked, REF_TRACK, (PyObject *)track);
    return (PyObject *)tracked;
}

static PyObject *decorate(struct track *track, PyObject *function);

/* @track above @staticmethod or @classmethod: tracks the function inside. */
static PyObject *decorate_inside(struct track *track, PyObject *method)
{
    PyObject *function = PyObject_GetAttrString(method, "__func__");
    PyObject *tracked = function ? decorate(track, function) : NULL;
    PyObject *result = NULL;
    if (tracked)
        result = PyObject_CallFunctionObjArgs((PyObject *)Py_TYPE(method), tracked, NULL);
    Py_XDECREF(function);
    Py_XDECREF(tracked);
    return result;
}

static PyObject *decorate_named(struct track *track, PyObject *function)
{
    long flags = code_flags(function);
    if (flags & CODE_COROUTINE)
        return decorate_in_python(track, function, "coroutine");
    if (flags & CODE_ASYNC_GENERATOR)
        return decorate_in_python(track, function, "async_generator");
    if (flags & CODE_GENERATOR)
        return decorate_in_python(track, function, "generator");
    return decorate_plain(track, function);
}

static PyObject *decorate(struct track *track, PyObject *function)
{
    PyObject *type = (PyObject *)Py_TYPE(function);
    if (type == static_method || type == class_method)
        return decorate_inside(track, function);
    if (!PyCallable_Check(function))
        return PyErr_Format(PyExc_TypeError, "only something callable can be tracked, not %R",
                            function);
    if (track->name)
        return decorate_named(track, function);
    PyObject *name = name_of(function), *result = NULL;
    struct track *named =
        name ? track_of(name, track->book, track->percentiles, &track->limits) : NULL;
    if (named)
        result = decorate_named(named, function);
    Py_XDECREF((PyObject *)named);
    Py_XDECREF(name);
    return result;
}

static PyObject *track_call(PyObject *self, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *function;
    if (!PyArg_UnpackTuple(args, "track", 1, 1, &function))
        return NULL;
    return decorate((struct track *)self, function);
}

/* ---- the type track -------------------------------------------------------------------------- */

/* track(name=None, *, slow_ms=None, deviations=None), or track(function), with `book` and limits of
 * its owner. */
static PyObject *make_track(PyObject *book, bool percentiles, const struct series_limits *limits,
                            PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "slow_ms", "deviations", NULL};
    PyObject *name = NULL, *slow = NULL, *deviations = NULL;
    struct series_limits used = *limits;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$OO:track", names, &name, &slow,
                                     &deviations))
        return NULL;
    if ((slow || deviations) && measure_limits(slow, deviations, limits, &used) < 0)
        return NULL;
    PyObject *function = NULL;
    if (name == Py_None)
        name = NULL;
    if (name && !PyUnicode_Check(name)) {
        if (!PyCallable_Check(name))
            return PyErr_Format(PyExc_TypeError, "a name is a str, not %R", name);
        function = name;
        name = NULL;
    }
    PyObject *track = (PyObject *)track_of(name, book, percentiles, &used);
    if (!track || !function)
        return track;
    PyObject *tracked = decorate((struct track *)track, function);
    Py_DECREF(track);
    return tracked;
}

static PyObject *track_new(PyTypeObject *Py_UNUSED(type), PyObject *args, PyObject *keywords)
{
    return make_track(own_book, false, &measure_defaults, args, keywords);
}

static void track_free(PyObject *self)
{
    struct track *track = (struct track *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(track->name);
    Py_XDECREF(track->book);
    Py_XDECREF((PyObject *)track->measure);
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
}

/* `async with` needs an awaitable of each side: a coroutine function of _tracked.py gives it. */
static PyObject *track_async(PyObject *self, const char *which, PyObject *value)
{
    PyObject *module = PyImport_ImportModule("pitviper._tracked");
    PyObject *result = NULL;
    if (module)
        result = PyObject_CallMethod(module, which, "OO", self, value);
    Py_XDECREF(module);
    return result;
}

static PyObject *track_async_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *entered = track_enter(self, NULL);
    if (!entered)
        return NULL;
    Py_DECREF(entered);
    return track_async(self, "ready", self);
}

static PyObject *track_async_exit(PyObject *self, PyObject *args)
{
    PyObject *left = track_exit(self, args);
    if (!left)
        return NULL;
    Py_DECREF(left);
    return track_async(self, "ready", Py_None);
}

static PyMethodDef track_methods[] = {
    {"__enter__", track_enter, METH_NOARGS, NULL},
    {"__exit__", track_exit, METH_VARARGS, NULL},
    {"__aenter__", track_async_enter, METH_NOARGS, NULL},
    {"__aexit__", track_async_exit, METH_VARARGS, NULL},
    {"_add", track_count, METH_VARARGS, NULL},
    {NULL},
};

/* ---- PerformanceMonitor ---------------------------------------------------------------------- */

static PyObject *monitor_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"slow_ms", "deviations", NULL};
    PyObject *slow = NULL, *deviations = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OO:PerformanceMonitor", names, &slow,
                                     &deviations))
        return NULL;
    struct monitor *monitor = (struct monitor *)PyType_GenericAlloc(type, 0);
    if (!monitor)
        return NULL;
    monitor->book = PyDict_New();
    if (!monitor->book ||
        measure_limits(slow, deviations, &measure_defaults, &monitor->limits) < 0) {
        Py_DECREF((PyObject *)monitor);
        return NULL;
    }
    return (PyObject *)monitor;
}

static void monitor_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((struct monitor *)self)->book);
    freefunc release;
    void *slot = PyType_GetSlot(type, Py_tp_free);
    memcpy(&release, &slot, sizeof release);
    release(self);
    Py_DECREF((PyObject *)type);
}

static PyObject *monitor_track(PyObject *self, PyObject *args, PyObject *keywords)
{
    struct monitor *monitor = (struct monitor *)self;
    return make_track(monitor->book, true, &monitor->limits, args, keywords);
}

static PyObject *monitor_add(PyObject *self, PyObject *args)
{
    struct monitor *monitor = (struct monitor *)self;
    PyObject *name;
    double ms;
    if (!PyArg_ParseTuple(args, "Ud:add", &name, &ms))
        return NULL;
    if (!core_enabled || !(ms >= 0 && ms < 1e12))
        Py_RETURN_NONE;
    struct track *track = track_of(name, monitor->book, true, &monitor->limits);
    if (!track)
        return NULL;
    add(track, (uint64_t)(ms * 1e6), core_now_ns(), false);
    Py_DECREF((PyObject *)track);
    Py_RETURN_NONE;
}

static PyObject *monitor_report(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *book = ((struct monitor *)self)->book, *report = PyDict_New();
    PyObject *name, *measure;
    for (Py_ssize_t at = 0; report && PyDict_Next(book, &at, &name, &measure);) {
        if (!((struct measure *)measure)->series.count)
            continue;
        PyObject *row = measure_report((struct measure *)measure);
        if (!row || PyDict_SetItem(report, name, row) < 0)
            Py_CLEAR(report);
        Py_XDECREF(row);
    }
    return report;
}

static PyObject *monitor_reset(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *name, *measure;
    for (Py_ssize_t at = 0; PyDict_Next(((struct monitor *)self)->book, &at, &name, &measure);)
        measure_reset((struct measure *)measure);
    Py_RETURN_NONE;
}

static PyMethodDef monitor_methods[] = {
    {"track", (PyCFunction)(void (*)(void))monitor_track, METH_VARARGS | METH_KEYWORDS,
     "track(name=None, *, slow_ms=None, deviations=None)\n--\n\n"
     "Like pitviper.track, reported by this monitor."},
    {"add", monitor_add, METH_VARARGS,
     "add(name, duration_ms)\n--\n\nOne that was measured elsewhere."},
    {"report", monitor_report, METH_NOARGS,
     "report()\n--\n\n{name: {count, errors, avg, max, p50, p95, p99}}, times in milliseconds."},
    {"reset", monitor_reset, METH_NOARGS, "reset()\n--\n\nForgets everything."},
    {NULL},
};

/* ---- module ---------------------------------------------------------------------------------- */

/* The types of methods that a class keeps wrapped. */
static int find_method_types(void)
{
    PyObject *builtins = PyImport_ImportModule("builtins");
    if (!builtins)
        return -1;
    static_method = PyObject_GetAttrString(builtins, "staticmethod");
    class_method = PyObject_GetAttrString(builtins, "classmethod");
    Py_DECREF(builtins);
    return static_method && class_method ? 0 : -1;
}

static int make_types(void)
{
    static PyType_Slot track_slots[] = {
        {Py_tp_doc, "track(name=None, *, slow_ms=None, deviations=None)\n--\n\n"
                    "Decorator and context manager: how often and how long, by name."},
        STANDIN_SLOT(Py_tp_new, track_new),
        STANDIN_SLOT(Py_tp_call, track_call),
        STANDIN_SLOT(Py_tp_dealloc, track_free),
        {Py_tp_methods, track_methods},
        {0, NULL},
    };
    static PyType_Slot monitor_slots[] = {
        {Py_tp_doc, "PerformanceMonitor(*, slow_ms=None, deviations=None)\n--\n\n"
                    "Exact counts and percentiles of what it tracks, by name."},
        STANDIN_SLOT(Py_tp_new, monitor_new),
        STANDIN_SLOT(Py_tp_dealloc, monitor_free),
        {Py_tp_methods, monitor_methods},
        {0, NULL},
    };
    static PyType_Spec track_spec = {"pitviper.track", sizeof(struct track), 0, Py_TPFLAGS_DEFAULT,
                                     track_slots};
    static PyType_Spec monitor_spec = {"pitviper.PerformanceMonitor", sizeof(struct monitor), 0,
                                       Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, monitor_slots};
    track_type = (PyTypeObject *)PyType_FromSpec(&track_spec);
    monitor_type = (PyTypeObject *)PyType_FromSpec(&monitor_spec);
    return track_type && monitor_type ? 0 : -1;
}

int track_add(PyObject *module)
{
    if (!track_type && (measure_start() < 0 || find_method_types() < 0 || make_types() < 0))
        return -1;
    if (!own_book && !(own_book = PyDict_New()))
        return -1;
    Py_INCREF((PyObject *)track_type);
    Py_INCREF((PyObject *)monitor_type);
    if (api_add(module, "track", (PyObject *)track_type) < 0)
        return -1;
    return api_add(module, "PerformanceMonitor", (PyObject *)monitor_type);
}
