/* SPDX-License-Identifier: MIT */
/* standin.c - attributes, binding and pickling of stand-ins.
 *
 * `__class__` is answered by the inner object too, which makes isinstance() say of a stand-in what
 * it says of the inner object, and inspect.iscoroutinefunction() look at the inner code on every
 * version. Only what is ours by necessity is answered here: __call__, __get__, __wrapped__, and how
 * it is pickled.
 */
#include "agent/standin.h"

PyTypeObject *standin_type(const char *name, size_t size, PyType_Slot *slots)
{
    PyType_Spec spec = {name, (int)size, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    return (PyTypeObject *)PyType_FromSpec(&spec);
}

PyObject *standin_new(PyTypeObject *type, PyObject *inner)
{
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self) {
        Py_XINCREF(inner);
        ((struct standin *)self)->inner = inner;
    }
    return self;
}

int standin_traverse(PyObject *self, visitproc visit, void *arg)
{
    if (api.hex >= 0x03090000)
        Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct standin *)self)->inner);
    return 0;
}

int standin_clear(PyObject *self)
{
    Py_CLEAR(((struct standin *)self)->inner);
    return 0;
}

void standin_release(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF((PyObject *)type);
}

void standin_free(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    standin_clear(self);
    standin_release(self);
}

static bool is(PyObject *name, const char *text)
{
    return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

PyObject *standin_get_attribute(PyObject *self, PyObject *name)
{
    PyObject *inner = standin_inner(self);
    if (!inner || is(name, "__call__") || is(name, "__get__") || is(name, "__reduce_ex__"))
        return PyObject_GenericGetAttr(self, name);
    if (is(name, "__wrapped__")) {
        Py_INCREF(inner);
        return inner;
    }
    return PyObject_GetAttr(inner, name);
}

int standin_set_attribute(PyObject *self, PyObject *name, PyObject *value)
{
    return PyObject_SetAttr(standin_inner(self), name, value);
}

PyObject *standin_repr(PyObject *self)
{
    return PyObject_Repr(standin_inner(self));
}

PyObject *standin_str(PyObject *self)
{
    return PyObject_Str(standin_inner(self));
}

/* Functions bind; applications that are objects, and bound methods, do not. */
PyObject *standin_bind(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    PyObject *inner = standin_inner(self);
    if (object && object != Py_None && PyObject_HasAttrString(inner, "__get__") &&
        !PyObject_HasAttrString(inner, "__self__"))
        return api.method_new(self, object);
    Py_INCREF(self);
    return self;
}

static PyObject *reduce(PyObject *self, PyObject *protocol)
{
    PyObject *name = PyObject_GetAttrString(standin_inner(self), "__qualname__");
    if (name)
        return name;
    PyErr_Clear();
    return PyObject_CallMethod(standin_inner(self), "__reduce_ex__", "O", protocol);
}

PyMethodDef standin_methods[] = {{"__reduce_ex__", reduce, METH_O, NULL}, {NULL}};
