/* SPDX-License-Identifier: MIT */
/* wrap.c - what a call is about, how it ended, and the synchronous stand-in.
 *
 * The hot path is: is this flow inside a leaf (then only call), the key from a cache, the clock,
 * the call, the clock, two counters and a record. Everything else (names, a describing function,
 * rows, status) is only touched when the hook asked for it.
 */
#include "agent/wrap.h"
#include "agent/names.h"
#include "agent/region.h"
#include "agent/request.h"

#include <string.h>

/* ---- what it is about ------------------------------------------------------------------------ */

/* Ids of what never changes; made again in a forked child. The generation is written last: without
 * the GIL another thread may be looking. */
static void refresh(struct callable *self, uint32_t generation)
{
    self->system = core_string_of(self->refs[REF_SYSTEM]);
    self->key = 0;
    if (self->refs[REF_NAME] && self->kind == AGENT_KIND_STATEMENT)
        self->key = core_statement_key(self->refs[REF_NAME], self->system);
    else if (self->refs[REF_NAME])
        self->key = core_key(self->kind, core_string_of(self->refs[REF_NAME]), self->system, 0);
    __atomic_store_n(&self->generation, generation, __ATOMIC_RELEASE);
}

static bool is_text(PyObject *object)
{
    return object && (PyUnicode_Check(object) || PyBytes_Check(object));
}

static struct about about_text(const struct callable *self, PyObject *text)
{
    struct about about = {.detail = self->system};
    if (self->kind == AGENT_KIND_STATEMENT)
        about.key = core_statement_key(text, self->system);
    else if (self->kind == AGENT_KIND_CACHE)
        about.key = names_command_key(text, self->system);
    else
        about.name = core_string_of(text);
    return about;
}

/* A describing function's answer: a text, (statement, system), (name, detail), or None. */
static struct about about_answer(const struct callable *self, PyObject *answer)
{
    if (answer == Py_None)
        return (struct about){.nothing = true};
    if (!PyTuple_Check(answer) || PyTuple_Size(answer) != 2)
        return about_text(self, is_text(answer) ? answer : NULL);
    PyObject *name = PyTuple_GetItem(answer, 0);
    uint32_t detail = core_string_of(PyTuple_GetItem(answer, 1));
    if (self->kind == AGENT_KIND_STATEMENT)
        return (struct about){.key = core_statement_key(is_text(name) ? name : NULL, detail)};
    return (struct about){.name = core_string_of(name), .detail = detail};
}

static struct about about_described(struct callable *self, PyObject *const *args, size_t nargsf,
                                    PyObject *names)
{
    struct about about = {.detail = self->system};
    PyObject *tuple, *keywords, *answer = NULL;
    if (callable_unpack(args, nargsf, names, &tuple, &keywords)) {
        answer = PyObject_CallFunctionObjArgs(self->refs[REF_DESCRIBE], tuple, keywords, NULL);
        Py_DECREF(tuple);
        Py_DECREF(keywords);
    }
    if (!answer) {
        core_swallow();
        return self->kind == AGENT_KIND_STATEMENT ? about_text(self, NULL) : about;
    }
    about = about_answer(self, answer);
    Py_DECREF(answer);
    return about;
}

struct about wrap_about(struct callable *self, PyObject *const *args, size_t nargsf,
                        PyObject *names)
{
    uint32_t generation = core_generation();
    if (self->generation != generation)
        refresh(self, generation);
    if (self->key)
        return (struct about){.key = self->key};
    PyObject *text = callable_argument(self, args, nargsf, names);
    if (is_text(text))
        return about_text(self, text);
    if (self->refs[REF_DESCRIBE])
        return about_described(self, args, nargsf, names);
    return about_text(self, NULL);
}

/* ---- how it ended ---------------------------------------------------------------------------- */

static long number_of(PyObject *object, PyObject *attribute)
{
    PyObject *value = object ? PyObject_GetAttr(object, attribute) : NULL;
    long number = value && PyLong_Check(value) ? PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    if (number == -1 && PyErr_Occurred())
        PyErr_Clear();
    return number;
}

static uint32_t rows_of(const struct callable *self, PyObject *first, PyObject *result)
{
    long rows;
    if (!self->refs[REF_ROWS])
        return AGENT_NONE;
    if (self->result_is_rows)
        rows = PyList_Check(result) || PyTuple_Check(result) ? (long)PyObject_Size(result) : -1;
    else
        rows = number_of(first, self->refs[REF_ROWS]);
    return rows < 0 || rows >= (long)AGENT_NONE ? AGENT_NONE : (uint32_t)rows;
}

static uint32_t status_of(const struct callable *self, PyObject *answer)
{
    if (!self->refs[REF_STATUS])
        return 0;
    long status = number_of(answer, self->refs[REF_STATUS]);
    return status > 0 && status < 1000 ? (uint32_t)status : 0;
}

/* The status that a pending exception carries (urllib's HTTPError is a response, too). An outbound
 * call that failed without an answer counts its exception by type and peer. */
static uint32_t status_of_failure(const struct callable *self, const struct about *about)
{
    struct pending pending;
    pending_save(&pending);
    uint32_t status = status_of(self, pending.value);
    if (!status && self->kind == AGENT_KIND_OUTBOUND)
        core_count(core_key(AGENT_KIND_EXCEPTION, error_type(pending.value), about->name, 1), 0,
                   true);
    pending_restore(&pending);
    return status;
}

bool wrap_enter(const struct callable *self, struct leaf *leaf)
{
    return self->kind == AGENT_KIND_TEMPLATE ? template_enter(leaf) : leaf_enter(leaf);
}

void wrap_start(const struct callable *self, struct leaf *leaf, const struct about *about)
{
    uint32_t key = about->key;
    if (!key && about->name && leaf->request)
        key = core_key(self->kind, about->name, about->detail, 0);
    leaf_start(leaf, self->kind == AGENT_KIND_TEMPLATE ? 0 : key);
}

void wrap_end(const struct callable *self, struct leaf *leaf, const struct about *about,
              PyObject *first, PyObject *result)
{
    uint32_t key = about->key, status = 0, rows = AGENT_NONE, flags = AGENT_FLAG_ERROR;
    if (result && self->only_errors) {
        leaf_drop(leaf);
        return;
    }
    if (result) {
        status = status_of(self, result);
        rows = rows_of(self, first, result);
        flags = status >= 400 ? AGENT_FLAG_ERROR : 0;
    } else if (self->refs[REF_STATUS] || self->kind == AGENT_KIND_OUTBOUND) {
        status = status_of_failure(self, about);
    }
    if (!key)
        key = core_key(self->kind, about->name, about->detail, status / 100);
    leaf_end(leaf, key, flags, status, rows);
}

/* ---- the stand-in ---------------------------------------------------------------------------- */

static PyObject *wrap_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                           PyObject *names)
{
    struct callable *self = (struct callable *)callable;
    struct leaf leaf;
    if (!wrap_enter(self, &leaf))
        return api_call(self->standin.inner, args, nargsf, names);
    struct about about = wrap_about(self, args, nargsf, names);
    if (about.nothing) {
        leaf_drop(&leaf);
        return api_call(self->standin.inner, args, nargsf, names);
    }
    wrap_start(self, &leaf, &about);
    PyObject *result = api_call(self->standin.inner, args, nargsf, names);
    wrap_end(self, &leaf, &about, API_VECTOR_COUNT(nargsf) > 0 ? args[0] : NULL, result);
    return result;
}

/* `text`: an index, a keyword, or both in a tuple. */
static bool take_text(struct callable *self, PyObject *text)
{
    if (!text || text == Py_None)
        return true;
    if (PyTuple_Check(text) && PyTuple_Size(text) == 2)
        return take_text(self, PyTuple_GetItem(text, 0)) &&
               take_text(self, PyTuple_GetItem(text, 1));
    if (PyLong_Check(text)) {
        self->text = PyLong_AsSsize_t(text);
        return !PyErr_Occurred();
    }
    if (PyUnicode_Check(text)) {
        callable_hold(self, REF_KEYWORD, text);
        return true;
    }
    PyErr_SetString(PyExc_TypeError, "text: an index, the name of an argument, or both in a tuple");
    return false;
}

static PyObject *make(PyObject *args, PyObject *kwargs, api_vector vector)
{
    static char *words[] = {"function", "kind",   "system",   "text",        "name",
                            "rows",     "status", "describe", "only_errors", NULL};
    PyObject *function, *system = NULL, *text = NULL, *name = NULL, *rows = NULL, *status = NULL,
                        *describe = NULL;
    int kind, only_errors = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oi|O$OOOOOp:wrap", words, &function, &kind,
                                     &system, &text, &name, &rows, &status, &describe,
                                     &only_errors))
        return NULL;
    if (kind <= AGENT_KIND_NONE || kind >= AGENT_KINDS)
        return PyErr_Format(PyExc_ValueError, "no such kind: %d", kind);
    struct callable *self = callable_new(function, vector);
    if (!self)
        return NULL;
    self->kind = (uint32_t)kind;
    self->only_errors = only_errors;
    self->result_is_rows =
        rows && PyUnicode_Check(rows) && PyUnicode_CompareWithASCIIString(rows, "len()") == 0;
    callable_hold(self, REF_SYSTEM, system);
    callable_hold(self, REF_NAME, name);
    callable_hold(self, REF_ROWS, rows);
    callable_hold(self, REF_STATUS, status);
    callable_hold(self, REF_DESCRIBE, describe);
    if (take_text(self, text))
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return NULL;
}

static PyObject *wrap(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return make(args, kwargs, wrap_call);
}

static PyObject *wrap_async(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return make(args, kwargs, await_call);
}

/* For libraries that report what has ended. */
static PyObject *leaf(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *words[] = {"kind", "name", "detail", "seconds", "error", "group", NULL};
    int kind, error = 0;
    unsigned group = 0;
    PyObject *name, *detail;
    double seconds;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOOd|pI:leaf", words, &kind, &name, &detail,
                                     &seconds, &error, &group))
        return NULL;
    if (kind <= AGENT_KIND_NONE || kind >= AGENT_KINDS)
        return PyErr_Format(PyExc_ValueError, "no such kind: %d", kind);
    struct leaf leaf;
    if (leaf_enter(&leaf)) {
        leaf.start_ns = core_now_ns() - (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
        leaf_end(&leaf,
                 core_key((uint32_t)kind, core_string_of(name), core_string_of(detail), group),
                 error ? AGENT_FLAG_ERROR : 0, 0, AGENT_NONE);
    }
    Py_RETURN_NONE;
}

static PyObject *unwrap(PyObject *Py_UNUSED(module), PyObject *stand_in)
{
    PyObject *inner = callable_check(stand_in) ? standin_inner(stand_in) : stand_in;
    Py_INCREF(inner);
    return inner;
}

static PyMethodDef functions[] = {
    {"wrap", (PyCFunction)(void (*)(void))wrap, METH_VARARGS | METH_KEYWORDS,
     "wrap(function, kind, system='', *, text=None, name=None, rows=None, status=None, "
     "describe=None, only_errors=False)\n--\n\nA stand-in that counts each call as a leaf."},
    {"wrap_async", (PyCFunction)(void (*)(void))wrap_async, METH_VARARGS | METH_KEYWORDS,
     "The same for a coroutine function: from the first step to the last."},
    {"leaf", (PyCFunction)(void (*)(void))leaf, METH_VARARGS | METH_KEYWORDS,
     "leaf(kind, name, detail, seconds, error=False, group=0)\n--\n\nA leaf that has just ended."},
    {"unwrap", unwrap, METH_O, "unwrap(stand_in)\n--\n\nWhat it stands for."},
    {NULL, NULL, 0, NULL},
};

int wrap_add(PyObject *module)
{
    if (callable_start() < 0 || await_start() < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
