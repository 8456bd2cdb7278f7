/* SPDX-License-Identifier: MIT */
/* standin.h - an object that answers every question like another one, and does something more when
 * it is called.
 *
 * What the wrappers of WSGI and ASGI have in common: applications, start_response, send. Class,
 * name, signature, code, representation, attributes read and written are those of the inner object;
 * `__wrapped__` is the inner object. A stand-in for a function binds like a function, so a method
 * of a class may be replaced by one; it is pickled by name.
 *
 * A type is made of STANDIN_SLOTS and its own Py_tp_call, traverse, clear and dealloc; its struct
 * begins like `struct standin`.
 */
#pragma once

#include "agent/api.h"

struct standin {
    PyObject_HEAD PyObject *inner; /* owned; may be NULL */
};

/* A heap type with its own instances tracked by the collector; NULL with an exception. */
PyTypeObject *standin_type(const char *name, size_t size, PyType_Slot *slots);

/* A zeroed instance with a reference to `inner`; NULL with an exception. */
PyObject *standin_new(PyTypeObject *type, PyObject *inner);

static inline PyObject *standin_inner(PyObject *self)
{
    return ((struct standin *)self)->inner;
}

/* For the type's own slots. */
int standin_traverse(PyObject *self, visitproc visit, void *arg);
int standin_clear(PyObject *self);
void standin_release(PyObject *self); /* frees the memory: after untracking and clearing */
void standin_free(PyObject *self);    /* Py_tp_dealloc of a type without fields of its own */

PyObject *standin_get_attribute(PyObject *self, PyObject *name);
int standin_set_attribute(PyObject *self, PyObject *name, PyObject *value);
PyObject *standin_repr(PyObject *self);
PyObject *standin_str(PyObject *self);
PyObject *standin_bind(PyObject *self, PyObject *object, PyObject *type);
extern PyMethodDef standin_methods[];

/* One row of a PyType_Slot array that is a function. */
#define STANDIN_SLOT(slot, function)                                                               \
    {                                                                                              \
        slot, (void *)(uintptr_t)(function)                                                        \
    }

#define STANDIN_SLOTS                                                                              \
    STANDIN_SLOT(Py_tp_getattro, standin_get_attribute),                                           \
        STANDIN_SLOT(Py_tp_setattro, standin_set_attribute),                                       \
        STANDIN_SLOT(Py_tp_repr, standin_repr), STANDIN_SLOT(Py_tp_str, standin_str),              \
        STANDIN_SLOT(Py_tp_descr_get, standin_bind),                                               \
    {                                                                                              \
        Py_tp_methods, standin_methods                                                             \
    }
