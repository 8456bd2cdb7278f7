/* SPDX-License-Identifier: MIT */
/* wsgi.c - the request wrapper of WSGI: _core.wsgi(application).
 *
 *     server ── application ──► app_call()      begins the request
 *                                  │  the application runs, and calls
 *            ◄── start_response ───┤  start_call()   notes the status
 *                                  ▼
 *            ◄── iterable ─────── body             first byte, errors of generators; ends it at
 * close()
 *
 * What the application returns is handed on as it is wherever the server can do more with it than
 * iterate: a list or a tuple is complete, so the request ends there; an instance of the server's
 * wsgi.file_wrapper ends when it is released, which a weak reference tells. Everything else comes
 * in a `body`, which has a length only if the iterable has one, and all its other attributes.
 *
 * The stand-in for the application answers every question about itself (its class, name, signature,
 * code, ...) with the answer of the application, and so works as a method of a class as well:
 * Flask.__call__ is replaced by wsgi(Flask.__call__).
 */
#include "agent/wsgi.h"
#include "agent/callable.h"
#include "agent/http.h"
#include "agent/relay.h"
#include "agent/route.h"

static PyTypeObject *body_type, *sized_type;

enum {
    METHOD,
    TRACEPARENT,
    TRACESTATE,
    REQUEST_START,
    QUEUE_START,
    INPUT,
    FILE_WRAPPER,
    MOUNT,
    CLOSE,
    NAMES
};
static PyObject *names[NAMES];
static const char *const name_texts[NAMES] = {
    "REQUEST_METHOD",       "HTTP_TRACEPARENT",   "HTTP_TRACESTATE",
    "HTTP_X_REQUEST_START", "HTTP_X_QUEUE_START", "wsgi.input",
    "wsgi.file_wrapper",    "SCRIPT_NAME",        "close"};

/* ---- start_response -------------------------------------------------------------------------- */

/* "404 Not Found"; 0: no such thing. */
static uint32_t read_status(PyObject *status)
{
    if (!PyUnicode_Check(status) || PyUnicode_GetLength(status) < 3)
        return 0;
    uint32_t number = 0;
    for (Py_ssize_t i = 0; i < 3; i++) {
        Py_UCS4 digit = PyUnicode_ReadChar(status, i);
        if (digit < '0' || digit > '9')
            return 0;
        number = number * 10 + (digit - '0');
    }
    return number;
}

static PyObject *start_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *words)
{
    struct relay *relay = (struct relay *)self;
    if (API_VECTOR_COUNT(nargsf) > 0)
        ((struct request *)relay->owner)->status = read_status(args[0]);
    return api_call(relay->standin.inner, args, nargsf, words);
}

/* ---- the iterable ---------------------------------------------------------------------------- */

struct body {
    PyObject_HEAD PyObject
        *inner;              /* what the application returned; NULL: a file wrapper, not held */
    PyObject *iterator;      /* of it, once asked for; of a file wrapper: the weak reference */
    struct request *request; /* NULL: ended */
};

static void body_end(struct body *body)
{
    struct request *request = body->request;
    body->request = NULL;
    if (request)
        http_end(request);
}

static PyObject *body_iter(PyObject *self)
{
    struct body *body = (struct body *)self;
    if (!body->iterator && !(body->iterator = PyObject_GetIter(body->inner)))
        return NULL;
    Py_INCREF(self);
    return self;
}

static PyObject *body_next(PyObject *self)
{
    struct body *body = (struct body *)self;
    if (!body->iterator && !(body->iterator = PyObject_GetIter(body->inner)))
        return NULL;
    PyObject *chunk = PyIter_Next(body->iterator);
    struct request *request = body->request;
    if (!request)
        return chunk;
    if (!chunk && PyErr_Occurred())
        http_fail(request);
    else if (chunk && !request->first_byte_ns)
        request->first_byte_ns = core_now_ns();
    return chunk;
}

static PyObject *body_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct body *body = (struct body *)self;
    PyObject *result = NULL;
    PyObject *close = PyObject_GetAttr(body->inner, names[CLOSE]);
    if (close) {
        result = PyObject_CallObject(close, NULL);
        Py_DECREF(close);
        if (!result && body->request)
            http_fail(body->request);
    } else if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        Py_INCREF(Py_None);
        result = Py_None;
    }
    body_end(body);
    return result;
}

static Py_ssize_t body_length(PyObject *self)
{
    return PyObject_Size(((struct body *)self)->inner);
}

/* Looked for on the type, so body_attribute does not see it: bytes(response) of Django's. */
static PyObject *body_bytes(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyObject_Bytes(((struct body *)self)->inner);
}

static PyObject *body_attribute(PyObject *self, PyObject *name)
{
    PyObject *own = PyObject_GenericGetAttr(self, name);
    if (own || !((struct body *)self)->inner || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return own;
    PyErr_Clear();
    return PyObject_GetAttr(((struct body *)self)->inner, name);
}

static int body_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((struct body *)self)->iterator);
    Py_VISIT(((struct body *)self)->request);
    return standin_traverse(self, visit, arg);
}

static int body_clear(PyObject *self)
{
    body_end((struct body *)self);
    Py_CLEAR(((struct body *)self)->iterator);
    return standin_clear(self);
}

static void body_free(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    body_clear(self);
    standin_release(self);
}

/* The file wrapper is gone: so is the reason to live of the `body` that watched it. */
static PyObject *body_gone(PyObject *self, PyObject *Py_UNUSED(reference))
{
    body_end((struct body *)self);
    Py_CLEAR(((struct body *)self)->iterator);
    Py_RETURN_NONE;
}

static PyMethodDef gone_method = {"gone", body_gone, METH_O, NULL};

/* Ends the request when `result` is released; at once when it cannot be watched. Steals the
 * request. */
static void end_when_released(PyObject *result, struct request *request)
{
    struct body *body = (struct body *)standin_new(body_type, NULL);
    PyObject *gone = body ? PyCFunction_NewEx(&gone_method, (PyObject *)body, NULL) : NULL;
    if (gone) {
        body->request = request;
        body->iterator = PyWeakref_NewRef(result, gone);
    } else {
        http_end(request);
    }
    PyErr_Clear();
    Py_XDECREF(gone); /* without a weak reference nothing holds the body now, and its end ends the
                         request */
    Py_XDECREF((PyObject *)body);
}

/* Whether objects of this type have a length; the answer for the last type is remembered. */
static bool is_sized(PyTypeObject *type)
{
    static PyTypeObject *seen;
    static bool sized;
    if (type != seen) {
        sized = PyObject_HasAttrString((PyObject *)type, "__len__") != 0;
        Py_INCREF((PyObject *)type);
        Py_XDECREF((PyObject *)seen);
        seen = type;
    }
    return sized;
}

static bool is_file_wrapper(PyObject *result, PyObject *env)
{
    PyObject *wrapper = PyDict_GetItemWithError(env, names[FILE_WRAPPER]);
    return wrapper && (PyObject *)Py_TYPE(result) == wrapper;
}

/* What the server gets for `result`. Steals both references. */
static PyObject *body_of(PyObject *result, PyObject *env, struct request *request)
{
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) {
        http_end(request);
        return result;
    }
    if (is_file_wrapper(result, env)) {
        end_when_released(result, request);
        return result;
    }
    struct body *body =
        (struct body *)standin_new(is_sized(Py_TYPE(result)) ? sized_type : body_type, result);
    if (!body) {
        PyErr_Clear();
        http_end(request);
        return result;
    }
    Py_DECREF(result);
    body->request = request;
    return (PyObject *)body;
}

/* ---- the application ------------------------------------------------------------------------- */

/* The text of a header of the WSGI environment, borrowed; NULL: it is not there. */
static const char *header(PyObject *env, int name, size_t *size)
{
    PyObject *value = PyDict_GetItemWithError(env, names[name]);
    Py_ssize_t length = 0;
    const char *text = value && PyUnicode_Check(value) ? api.text_utf8(value, &length) : NULL;
    if (!text)
        PyErr_Clear();
    *size = (size_t)length;
    return text;
}

static struct request *begin(PyObject *env, const void *input)
{
    struct http_start start = {.method = http_method(PyDict_GetItemWithError(env, names[METHOD]))};
    start.traceparent = header(env, TRACEPARENT, &start.traceparent_size);
    if (start.traceparent)
        start.tracestate = header(env, TRACESTATE, &start.tracestate_size);
    start.queued = header(env, REQUEST_START, &start.queued_size);
    if (!start.queued)
        start.queued = header(env, QUEUE_START, &start.queued_size);
    return http_begin(&start, false, env, input);
}

/* What a server or a dispatcher has mounted the application at is a part of its routes. Below an
 * ASGI application SCRIPT_NAME is made from the path of the request; there, its mounts have told.
 */
static void note_mount(PyObject *env)
{
    struct request *request = request_current();
    PyObject *mount = PyDict_GetItemWithError(env, names[MOUNT]);
    if (!request || !mount || !PyUnicode_Check(mount) || PyUnicode_GetLength(mount) == 0 ||
        request->root->flags & AGENT_FLAG_ASYNC)
        return;
    request->root->mount = 0;
    route_mount(request->root, mount);
}

/* Calls the application with our start_response. `self` of a method comes before the two arguments.
 */
static PyObject *call_with(PyObject *app, PyObject *const *args, Py_ssize_t count,
                           struct request *request)
{
    PyObject *start = relay_new(args[count - 1], start_call, (PyObject *)request);
    if (!start)
        return NULL;
    PyObject *own[4] = {NULL, args[0], args[1], start}; /* the first is the callee's to use */
    own[count] = start;
    PyObject *result = api_call(app, own + 1, (size_t)count | API_VECTOR_OFFSET, NULL);
    Py_DECREF(start);
    return result;
}

static PyObject *app_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *words)
{
    PyObject *app = standin_inner(self);
    Py_ssize_t count = API_VECTOR_COUNT(nargsf);
    PyObject *env = count == 2 || count == 3 ? args[count - 2] : NULL;
    if (!core_enabled || words || !env || !PyDict_Check(env))
        return api_call(app, args, nargsf, words);

    const void *input = PyDict_GetItemWithError(env, names[INPUT]);
    struct request *request = http_is_of(false, env, input) ? NULL : begin(env, input);
    note_mount(env);
    if (!request)
        return api_call(app, args, nargsf, words);

    PyObject *result = call_with(app, args, count, request);
    if (result)
        return body_of(result, env, request);
    http_fail(request);
    http_end(request);
    return NULL;
}

static PyObject *wrap(PyObject *Py_UNUSED(module), PyObject *app)
{
    return (PyObject *)callable_new(app, app_call);
}

/* ---- types ----------------------------------------------------------------------------------- */

static PyMethodDef body_methods[] = {
    {"close", body_close, METH_NOARGS, NULL}, {"__bytes__", body_bytes, METH_NOARGS, NULL}, {NULL}};
static PyType_Slot body_slots[] = {STANDIN_SLOT(Py_tp_iter, body_iter),
                                   STANDIN_SLOT(Py_tp_iternext, body_next),
                                   {Py_tp_methods, body_methods},
                                   STANDIN_SLOT(Py_tp_getattro, body_attribute),
                                   STANDIN_SLOT(Py_tp_traverse, body_traverse),
                                   STANDIN_SLOT(Py_tp_clear, body_clear),
                                   STANDIN_SLOT(Py_tp_dealloc, body_free),
                                   {0, NULL}};
static PyType_Slot sized_slots[] = {STANDIN_SLOT(Py_sq_length, body_length),
                                    STANDIN_SLOT(Py_tp_iter, body_iter),
                                    STANDIN_SLOT(Py_tp_iternext, body_next),
                                    {Py_tp_methods, body_methods},
                                    STANDIN_SLOT(Py_tp_getattro, body_attribute),
                                    STANDIN_SLOT(Py_tp_traverse, body_traverse),
                                    STANDIN_SLOT(Py_tp_clear, body_clear),
                                    STANDIN_SLOT(Py_tp_dealloc, body_free),
                                    {0, NULL}};

static PyMethodDef functions[] = {
    {"wsgi", wrap, METH_O, "wsgi(application) -> a stand-in that counts requests"}, {NULL}};

int wsgi_add(PyObject *module)
{
    for (int i = 0; i < NAMES; i++)
        if (!names[i] && !(names[i] = PyUnicode_InternFromString(name_texts[i])))
            return -1;
    body_type = standin_type("pitviper._core.Body", sizeof(struct body), body_slots);
    sized_type = standin_type("pitviper._core.SizedBody", sizeof(struct body), sized_slots);
    if (!body_type || !sized_type || callable_start() < 0 || relay_start() < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
