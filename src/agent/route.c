/* SPDX-License-Identifier: MIT */
/* route.c - the observer that turns what a framework has found into the route of the request.
 *
 * Frameworks know the template of a route by the time they call the handler; nothing is ever
 * matched again here. A hook names the function after which (or before which) it is known, and
 * where it stands:
 *
 *     observe(RequestContext.match_request, after=route("0.request.url_rule.rule"))    argument 0,
 * then attributes observe(BaseHandler.resolve_request, after=route(find))        find(args, kwargs,
 * result) → text or None observe(Mount.handle, before=route("0.path", mount=True))      a prefix;
 * more will follow
 *
 * An attribute that is missing or None on the way means that there is no route, as for a 404.
 *
 * Mounts are templates, too, but a few servers let requests choose them (SCRIPT_NAME from a path
 * segment), and what requests choose has no bound: after MOUNTS_MAX different ones all others are
 * "/{mount}".
 */
#include "agent/route.h"
#include "agent/region.h"
#include "agent/standin.h"

#include <string.h>

#define MOUNTS_MAX 64
#define PARTS_MAX 6
#define ROUTE_MAX 1024

/* ---- text ------------------------------------------------------------------------------------ */

/* "/a" and "b" to "/a/b", "/a/" and "/b" to "/a/b", "/a" and "" to "/a". Returns the length. */
static size_t join(char out[ROUTE_MAX], const char *left, size_t left_size, const char *right,
                   size_t right_size)
{
    while (left_size && left[left_size - 1] == '/')
        left_size--;
    left_size = left_size < ROUTE_MAX / 2 ? left_size : ROUTE_MAX / 2;
    memcpy(out, left, left_size);
    if (right_size && right[0] != '/')
        out[left_size++] = '/';
    size_t room = ROUTE_MAX - left_size;
    right_size = right_size < room ? right_size : room;
    memcpy(out + left_size, right, right_size);
    return left_size + right_size;
}

static uint32_t joined(uint32_t mount, const char *text, size_t size)
{
    struct region *region = region_get();
    if (!region)
        return 0;
    char out[ROUTE_MAX];
    const struct agent_string *left = (const void *)(region->strings + (size_t)mount * 8);
    return core_string(out, join(out, mount ? left->text : "", mount ? left->size : 0, text, size));
}

static const char *utf8(PyObject *text, size_t *size)
{
    Py_ssize_t length = 0;
    const char *found = text && PyUnicode_Check(text) ? api.text_utf8(text, &length) : NULL;
    if (!found)
        PyErr_Clear();
    *size = (size_t)length;
    return found;
}

void route_set(struct request *request, PyObject *text)
{
    size_t size;
    const char *route = utf8(text, &size);
    if (!route)
        return;
    if (request->mount || route[0] != '/')
        request_route(request, joined(request->mount, route, size));
    else
        request_route(request, core_string_of(text));
}

/* A mount that may be shown as it is, else "/{mount}". */
static uint32_t admitted(uint32_t mount)
{
    static uint32_t seen[MOUNTS_MAX], count, generation;
    if (generation != core_generation()) {
        generation = core_generation();
        count = 0;
    }
    for (uint32_t at = 0; at < count; at++)
        if (seen[at] == mount)
            return mount;
    if (count == MOUNTS_MAX)
        return core_string("/{mount}", 8);
    seen[count++] = mount;
    return mount;
}

void route_mount(struct request *request, PyObject *text)
{
    size_t size;
    const char *prefix = utf8(text, &size);
    if (!prefix)
        return;
    if (size)
        request->mount = admitted(joined(request->mount, prefix, size));
    request_route(request, joined(request->mount, "/{path}", 7));
}

/* ---- the observer ---------------------------------------------------------------------------- */

struct reader {
    PyObject_HEAD PyObject *inner; /* find(), or NULL: by attributes */
    PyObject *parts[PARTS_MAX];    /* their names */
    int count;
    Py_ssize_t argument; /* -1: the result */
    bool mount;
};

static PyTypeObject *reader_type;

/* New reference, or NULL with an exception. */
static PyObject *by_attributes(const struct reader *reader, PyObject *from)
{
    Py_INCREF(from);
    for (int at = 0; at < reader->count && from; at++) {
        if (from == Py_None)
            break;
        PyObject *next = PyObject_GetAttr(from, reader->parts[at]);
        Py_DECREF(from);
        from = next;
    }
    return from;
}

/* What before(args, kwargs) and after(args, kwargs, result, exception) are given. */
static PyObject *find(const struct reader *reader, PyObject *const *args, Py_ssize_t count)
{
    PyObject *result = count > 2 ? args[2] : Py_None;
    if (reader->inner)
        return PyObject_CallFunctionObjArgs(reader->inner, args[0], args[1], result, NULL);
    if (reader->argument >= 0)
        result = PyTuple_GetItem(args[0], reader->argument);
    return result ? by_attributes(reader, result) : NULL;
}

static PyObject *observe(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    const struct reader *reader = (const struct reader *)self;
    struct request *request = request_current();
    if (request && request->root)
        request = request->root;
    if (request && request->kind == AGENT_KIND_REQUEST && count >= 2) {
        PyObject *text = find(reader, args, count);
        if (text && reader->mount)
            route_mount(request, text);
        else if (text)
            route_set(request, text);
        Py_XDECREF(text);
        if (PyErr_Occurred()) {
            if (PyErr_ExceptionMatches(PyExc_AttributeError))
                PyErr_Clear();
            else
                core_swallow();
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef read_method = {"read_route", (PyCFunction)(void (*)(void))observe, METH_FASTCALL,
                                  NULL};

/* "0.request.url_rule.rule" or "result.route"; -1 with an exception. */
static int parse(struct reader *reader, PyObject *source)
{
    PyObject *parts = PyObject_CallMethod(source, "split", "s", ".");
    Py_ssize_t count = parts ? PyObject_Size(parts) : 0;
    if (count > PARTS_MAX + 1)
        PyErr_SetString(PyExc_ValueError, "route: too many attributes");
    for (Py_ssize_t at = 1; at < count && !PyErr_Occurred(); at++) {
        PyObject *part = PyList_GetItem(parts, at);
        Py_INCREF(part);
        PyUnicode_InternInPlace(&part);
        reader->parts[reader->count++] = part;
    }
    if (count && !PyErr_Occurred()) {
        Py_UCS4 first = PyUnicode_ReadChar(PyList_GetItem(parts, 0), 0);
        reader->argument = first >= '0' && first <= '9' ? (Py_ssize_t)(first - '0') : -1;
    }
    Py_XDECREF(parts);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *make(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"source", "mount", NULL};
    PyObject *source;
    int mount = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:route", names, &source, &mount))
        return NULL;
    bool is_path = PyUnicode_Check(source);
    struct reader *reader = (struct reader *)standin_new(reader_type, is_path ? NULL : source);
    if (!reader)
        return NULL;
    reader->mount = mount;
    PyObject *observer = NULL;
    if (!is_path || parse(reader, source) == 0)
        observer = PyCFunction_NewEx(&read_method, (PyObject *)reader, NULL);
    Py_DECREF((PyObject *)reader);
    return observer;
}

static int reader_clear(PyObject *self)
{
    struct reader *reader = (struct reader *)self;
    while (reader->count) { /* not inside Py_CLEAR, a macro that names its argument twice */
        reader->count--;
        Py_CLEAR(reader->parts[reader->count]);
    }
    return standin_clear(self);
}

static void reader_free(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    reader_clear(self);
    standin_release(self);
}

static PyType_Slot reader_slots[] = {STANDIN_SLOT(Py_tp_traverse, standin_traverse),
                                     STANDIN_SLOT(Py_tp_clear, reader_clear),
                                     STANDIN_SLOT(Py_tp_dealloc, reader_free),
                                     {0, NULL}};

static PyMethodDef functions[] = {
    {"route", (PyCFunction)(void (*)(void))make, METH_VARARGS | METH_KEYWORDS,
     "route(source, mount=False) -> an observer that sets the route of the request"},
    {NULL}};

int route_add(PyObject *module)
{
    reader_type = standin_type("pitviper._core.RouteReader", sizeof(struct reader), reader_slots);
    return reader_type ? PyModule_AddFunctions(module, functions) : -1;
}
