/* SPDX-License-Identifier: MIT */
#include "agent/observe.h"
#include "agent/context.h"
#include "agent/wrap.h"

#include <string.h>

/* ---- before and after ------------------------------------------------------------------------ */

bool observe_unpack(struct observed *observed, PyObject *const *args, size_t nargsf,
                    PyObject *names)
{
    if (callable_unpack(args, nargsf, names, &observed->args, &observed->kwargs))
        return true;
    core_swallow();
    return false;
}

void observe_forget(struct observed *observed)
{
    Py_CLEAR(observed->args);
    Py_CLEAR(observed->kwargs);
}

static void finish_hook(PyObject *result)
{
    if (!result)
        core_swallow();
    Py_XDECREF(result);
}

void observe_before(const struct callable *self, const struct observed *observed)
{
    if (self->refs[REF_BEFORE])
        finish_hook(PyObject_CallFunctionObjArgs(self->refs[REF_BEFORE], observed->args,
                                                 observed->kwargs, NULL));
}

void observe_after(const struct callable *self, const struct observed *observed, PyObject *result)
{
    if (!self->refs[REF_AFTER] || !observed->args)
        return;
    struct pending pending;
    pending_save(&pending);
    finish_hook(PyObject_CallFunctionObjArgs(self->refs[REF_AFTER], observed->args,
                                             observed->kwargs, result ? result : Py_None,
                                             pending.value ? pending.value : Py_None, NULL));
    pending_restore(&pending);
}

static PyObject *observe_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *names)
{
    struct callable *self = (struct callable *)callable;
    struct observed observed;
    if (!core_enabled || !observe_unpack(&observed, args, nargsf, names))
        return api_call(self->standin.inner, args, nargsf, names);
    observe_before(self, &observed);
    PyObject *result = api_call(self->standin.inner, args, nargsf, names);
    observe_after(self, &observed, result);
    observe_forget(&observed);
    return result;
}

static PyObject *make_observe(PyObject *args, PyObject *kwargs, api_vector vector)
{
    static char *words[] = {"function", "before", "after", NULL};
    PyObject *function, *before = NULL, *after = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:observe", words, &function, &before,
                                     &after))
        return NULL;
    struct callable *self = callable_new(function, vector);
    if (self) {
        callable_hold(self, REF_BEFORE, before);
        callable_hold(self, REF_AFTER, after);
    }
    return (PyObject *)self;
}

static PyObject *observe(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return make_observe(args, kwargs, observe_call);
}

static PyObject *observe_async(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return make_observe(args, kwargs, observe_await_call);
}

/* ---- other arguments ------------------------------------------------------------------------- */

/* The (args, kwargs) that a rewriting function answers; NULL: as they are. */
static PyObject *rewritten(const struct callable *self, PyObject *const *args, size_t nargsf,
                           PyObject *names)
{
    struct observed observed;
    if (!observe_unpack(&observed, args, nargsf, names))
        return NULL;
    PyObject *answer =
        PyObject_CallFunctionObjArgs(self->refs[REF_BEFORE], observed.args, observed.kwargs, NULL);
    observe_forget(&observed);
    if (!answer)
        core_swallow();
    if (answer && PyTuple_Check(answer) && PyTuple_Size(answer) == 2 &&
        PyTuple_Check(PyTuple_GetItem(answer, 0)))
        return answer;
    Py_XDECREF(answer);
    return NULL;
}

static PyObject *rewrite_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *names)
{
    struct callable *self = (struct callable *)callable;
    PyObject *answer = core_enabled ? rewritten(self, args, nargsf, names) : NULL;
    if (!answer)
        return api_call(self->standin.inner, args, nargsf, names);
    PyObject *keywords = PyTuple_GetItem(answer, 1);
    PyObject *result = PyObject_Call(self->standin.inner, PyTuple_GetItem(answer, 0),
                                     PyDict_Check(keywords) ? keywords : NULL);
    Py_DECREF(answer);
    return result;
}

static PyObject *rewrite(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *function, *choose;
    if (!PyArg_ParseTuple(args, "OO:rewrite", &function, &choose))
        return NULL;
    struct callable *self = callable_new(function, rewrite_call);
    if (self)
        callable_hold(self, REF_BEFORE, choose);
    return (PyObject *)self;
}

static void adopt(const struct callable *self, PyObject *given)
{
    if (self->refs[REF_AFTER])
        finish_hook(PyObject_CallFunctionObjArgs(self->refs[REF_AFTER], given, NULL));
}

enum { STACK_ARGUMENTS = 8 };

/* The call with one more argument: by position where it comes next, else by keyword. */
static PyObject *call_with(struct callable *self, PyObject *const *args, size_t nargsf,
                           PyObject *names)
{
    PyObject *stack[STACK_ARGUMENTS];
    Py_ssize_t count = API_VECTOR_COUNT(nargsf);
    if (!names && count == self->text && count < STACK_ARGUMENTS) {
        memcpy(stack, args, (size_t)count * sizeof *stack);
        stack[count] = self->refs[REF_BEFORE];
        return api_call(self->standin.inner, stack, (size_t)count + 1, NULL);
    }
    PyObject *tuple, *keywords, *result = NULL;
    if (!callable_unpack(args, nargsf, names, &tuple, &keywords))
        return NULL;
    if (PyDict_SetItem(keywords, self->refs[REF_KEYWORD], self->refs[REF_BEFORE]) == 0)
        result = PyObject_Call(self->standin.inner, tuple, keywords);
    Py_DECREF(tuple);
    Py_DECREF(keywords);
    return result;
}

static PyObject *supply_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                             PyObject *names)
{
    struct callable *self = (struct callable *)callable;
    if (!core_enabled)
        return api_call(self->standin.inner, args, nargsf, names);
    PyObject *given = callable_argument(self, args, nargsf, names);
    if (!given)
        return call_with(self, args, nargsf, names);
    adopt(self, given);
    return api_call(self->standin.inner, args, nargsf, names);
}

static PyObject *supply(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *function, *keyword, *value, *adopts = NULL;
    Py_ssize_t index;
    if (!PyArg_ParseTuple(args, "OnUO|O:supply", &function, &index, &keyword, &value, &adopts))
        return NULL;
    struct callable *self = callable_new(function, supply_call);
    if (self) {
        self->text = index;
        callable_hold(self, REF_KEYWORD, keyword);
        callable_hold(self, REF_BEFORE, value);
        callable_hold(self, REF_AFTER, adopts);
    }
    return (PyObject *)self;
}

/* ---- carry ----------------------------------------------------------------------------------- */

/* With the request that was current at carry(), as long as it lives and none is current here. */
static PyObject *carry_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                            PyObject *names)
{
    struct callable *self = (struct callable *)callable;
    struct request *request = (struct request *)self->refs[REF_BEFORE];
    if (!core_enabled || !request || !request_alive(request) || request_current() ||
        !context_set(request))
        return api_call(self->standin.inner, args, nargsf, names);
    PyObject *result = api_call(self->standin.inner, args, nargsf, names);
    context_drop(request);
    return result;
}

static PyObject *carry(PyObject *Py_UNUSED(module), PyObject *function)
{
    struct callable *self = callable_new(function, carry_call);
    if (self)
        callable_hold(self, REF_BEFORE, (PyObject *)request_current());
    return (PyObject *)self;
}

/* ---- types ----------------------------------------------------------------------------------- */

/* A subclass that says of itself what its base says, also in the messages of the interpreter: those
 * name a type by what PyType_Spec calls it, which before 3.11 must live as long as the type. */
static PyObject *subtype(PyObject *Py_UNUSED(module), PyObject *base)
{
    PyObject *module = PyObject_GetAttrString(base, "__module__");
    PyObject *own = PyObject_GetAttrString(base, "__qualname__");
    PyObject *full = module && own ? PyUnicode_FromFormat("%U.%U", module, own) : NULL;
    PyObject *bases = full ? PyTuple_Pack(1, base) : NULL, *type = NULL;
    const char *text = bases ? api.text_utf8(full, NULL) : NULL;
    char *name = text ? strdup(text) : NULL;
    if (name) {
        PyType_Slot slots[] = {{0, NULL}};
        PyType_Spec spec = {name, 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
        type = PyType_FromSpecWithBases(&spec, bases);
    } else if (text) {
        PyErr_NoMemory();
    }
    Py_XDECREF(bases);
    Py_XDECREF(full);
    Py_XDECREF(own);
    Py_XDECREF(module);
    return type;
}

static PyMethodDef functions[] = {
    {"observe", (PyCFunction)(void (*)(void))observe, METH_VARARGS | METH_KEYWORDS,
     "observe(function, before=None, after=None)\n--\n\n"
     "before(args, kwargs) and after(args, kwargs, result, exception) around every call."},
    {"observe_async", (PyCFunction)(void (*)(void))observe_async, METH_VARARGS | METH_KEYWORDS,
     "The same for a coroutine function: at its first step and at its end."},
    {"rewrite", rewrite, METH_VARARGS,
     "rewrite(function, choose)\n--\n\nCalls function with the (args, kwargs) that "
     "choose(args, kwargs) returns; None: as they are."},
    {"supply", supply, METH_VARARGS,
     "supply(function, index, keyword, value, adopt=None)\n--\n\nCalls function with "
     "keyword=value where the caller gives none; adopt(given) where it does."},
    {"subtype", subtype, METH_O,
     "subtype(base)\n--\n\nA subclass of a C type, with its name and its layout."},
    {"carry", carry, METH_O,
     "carry(function)\n--\n\nA stand-in that runs as a part of the present request wherever it "
     "is called."},
    {NULL, NULL, 0, NULL},
};

int observe_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
