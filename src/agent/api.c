/* SPDX-License-Identifier: MIT */
/* The rows below are all there is to "one shared object for every version": a name, and where its
 * address goes, and since when it is exported; what older versions lack has a stand-in in this
 * file. */
#include "agent/api.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct api api;

static const struct {
    const char *name;
    void **where;
    uint32_t since; /* hex; 0: always */
} functions[] = {
    {"PyContextVar_Get", (void **)&api.variable_get, 0},
    {"PyContextVar_Set", (void **)&api.variable_set, 0},
    {"PyContextVar_New", (void **)&api.variable_new, 0},
    {"PyContext_CopyCurrent", (void **)&api.context_copy, 0},
    {"PyContext_Enter", (void **)&api.context_enter, 0},
    {"PyContext_Exit", (void **)&api.context_exit, 0},
    {"PyObject_Vectorcall", (void **)&api.vectorcall, 0x030b0000},
    {"PyVectorcall_Call", (void **)&api.vectorcall_call, 0},
    {"PyUnicode_AsUTF8AndSize", (void **)&api.text_utf8, 0},
    {"PyMethod_New", (void **)&api.method_new, 0},
    {"PyIter_Send", (void **)&api.send, 0x030a0000},
    {"PyInterpreterState_Get", (void **)&api.interpreter, 0x03090000},
};

/* "3.13.0+ (main, …" → 0x030d0000; without the release level, which nothing here asks for. */
static uint32_t running_hex(void)
{
    char *end;
    const char *text = Py_GetVersion();
    unsigned long major = strtoul(text, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, &end, 10) : 0;
    unsigned long micro = *end == '.' ? strtoul(end + 1, &end, 10) : 0;
    return (uint32_t)((major & 0xff) << 24 | (minor & 0xff) << 16 | (micro & 0xff) << 8);
}

/* ---- up to 3.10 ------------------------------------------------------------------------------ */

enum { /* PyTypeObject of 3.8 to 3.10, x86-64; none of them changes any more */
       TYPE_VECTOR = 56,
       TYPE_FLAGS = 168,
       TYPE_WEAKREFS = 208,
};

void api_finish_type_3_8(PyObject *type, Py_ssize_t vector, Py_ssize_t weakrefs)
{
    if (api.hex >= 0x03090000)
        return;
    char *base = (char *)type;
    memcpy(base + TYPE_VECTOR, &vector, sizeof vector);
    memcpy(base + TYPE_WEAKREFS, &weakrefs, sizeof weakrefs);
    unsigned long flags;
    memcpy(&flags, base + TYPE_FLAGS, sizeof flags);
    flags |= API_FLAG_VECTORCALL;
    memcpy(base + TYPE_FLAGS, &flags, sizeof flags);
}

/* By tuple and dict, for what has no vectorcall. */
static PyObject *call_slowly(PyObject *callable, PyObject *const *args, size_t nargsf,
                             PyObject *names)
{
    Py_ssize_t count = API_VECTOR_COUNT(nargsf);
    PyObject *result = NULL, *keywords = NULL, *tuple = PyTuple_New(count);
    if (!tuple)
        return NULL;
    for (Py_ssize_t at = 0; at < count; at++) {
        Py_INCREF(args[at]);
        PyTuple_SetItem(tuple, at, args[at]);
    }
    if (names) {
        keywords = PyDict_New();
        for (Py_ssize_t at = 0; keywords && at < PyTuple_Size(names); at++)
            if (PyDict_SetItem(keywords, PyTuple_GetItem(names, at), args[count + at]) < 0)
                goto done;
        if (!keywords)
            goto done;
    }
    result = PyObject_Call(callable, tuple, keywords);
done:
    Py_XDECREF(keywords);
    Py_DECREF(tuple);
    return result;
}

/* Up to 3.10 the interpreter has the protocol, but calls by it in inline functions of its headers.
 */
static PyObject *call_vector(PyObject *callable, PyObject *const *args, size_t nargsf,
                             PyObject *names)
{
    PyTypeObject *type = Py_TYPE(callable);
    if (PyType_GetFlags(type) & API_FLAG_VECTORCALL) {
        Py_ssize_t offset;
        memcpy(&offset, (char *)type + TYPE_VECTOR, sizeof offset);
        api_vector vector;
        memcpy(&vector, (char *)callable + offset, sizeof vector);
        if (vector)
            return vector(callable, args, nargsf, names);
    }
    return call_slowly(callable, args, nargsf, names);
}

/* ---- start ----------------------------------------------------------------------------------- */

int api_start(void)
{
    if (api.hex)
        return 0;
    uint32_t hex = running_hex();
    for (size_t at = 0; at < sizeof functions / sizeof functions[0]; at++) {
        void *address = dlsym(RTLD_DEFAULT, functions[at].name);
        if (!address && hex >= functions[at].since) {
            PyErr_Format(PyExc_ImportError, "pitviper: this interpreter does not export %s",
                         functions[at].name);
            return -1;
        }
        memcpy(functions[at].where, &address, sizeof address);
    }
    if (!api.vectorcall)
        api.vectorcall = call_vector;
    if (!api.interpreter) {
        void *address = dlsym(RTLD_DEFAULT, "_PyInterpreterState_Get");
        memcpy(&api.interpreter, &address, sizeof address);
    }
    api.hex = hex;
    return 0;
}

void pending_save(struct pending *pending)
{
    pending->type = pending->value = pending->traceback = NULL;
    if (!PyErr_Occurred())
        return;
    PyErr_Fetch(&pending->type, &pending->value, &pending->traceback);
    PyErr_NormalizeException(&pending->type, &pending->value, &pending->traceback);
    if (pending->value && pending->traceback)
        PyException_SetTraceback(pending->value, pending->traceback);
}

void pending_restore(struct pending *pending)
{
    if (pending->type)
        PyErr_Restore(pending->type, pending->value, pending->traceback);
    else if (PyErr_Occurred())
        PyErr_Clear();
}

int api_add(PyObject *module, const char *name, PyObject *value)
{
    if (!value)
        return -1;
    int result = PyObject_SetAttrString(module, name, value);
    Py_DECREF(value);
    return result;
}
