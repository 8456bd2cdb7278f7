/* SPDX-License-Identifier: MIT */
#include "agent/callable.h"

#include <stddef.h>
#include <string.h>

static PyTypeObject *binding_type, *plain_type;

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    struct callable *self = (struct callable *)object;
    for (int ref = 0; ref < REFS; ref++)
        Py_VISIT(self->refs[ref]);
    return standin_traverse(object, visit, arg);
}

static int clear(PyObject *object)
{
    struct callable *self = (struct callable *)object;
    for (int ref = 0; ref < REFS; ref++)
        Py_CLEAR(self->refs[ref]);
    return standin_clear(object);
}

static void dealloc(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    if (((struct callable *)object)->weakrefs)
        PyObject_ClearWeakRefs(object);
    clear(object);
    standin_release(object);
}

static PyObject *bind(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    if (object && object != Py_None)
        return api.method_new(self, object);
    Py_INCREF(self);
    return self;
}

/* `__call__` of an object that can be called: who looks at it (is it a coroutine function?) sees
 * that of the inner object, who calls it comes through here all the same. */
static PyObject *plain_attribute(PyObject *object, PyObject *name)
{
    if (PyUnicode_CompareWithASCIIString(name, "__call__") != 0)
        return standin_get_attribute(object, name);
    const struct callable *self = (const struct callable *)object;
    PyObject *inner = PyObject_GetAttr(standin_inner(object), name);
    struct callable *call = inner ? callable_new(inner, self->vector) : NULL;
    Py_XDECREF(inner);
    if (!call)
        return NULL;
    for (int ref = 0; ref < REFS; ref++)
        callable_hold(call, (enum callable_ref)ref, self->refs[ref]);
    call->text = self->text;
    call->kind = self->kind;
    return (PyObject *)call;
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct callable, vector), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct callable, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyTypeObject *type_new(bool binds)
{
    PyType_Slot slots[16] = {
        STANDIN_SLOT(Py_tp_getattro, binds ? standin_get_attribute : plain_attribute),
        STANDIN_SLOT(Py_tp_setattro, standin_set_attribute),
        STANDIN_SLOT(Py_tp_repr, standin_repr),
        STANDIN_SLOT(Py_tp_str, standin_str),
        {Py_tp_methods, standin_methods},
        STANDIN_SLOT(Py_tp_traverse, traverse),
        STANDIN_SLOT(Py_tp_clear, clear),
        STANDIN_SLOT(Py_tp_dealloc, dealloc),
        STANDIN_SLOT(Py_tp_call, api.vectorcall_call),
    };
    size_t used = 9;
    unsigned long flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
    if (api.hex >= 0x03090000) {
        slots[used++] = (PyType_Slot){Py_tp_members, members};
        flags |= API_FLAG_VECTORCALL;
    }
    if (binds) {
        slots[used++] = (PyType_Slot)STANDIN_SLOT(Py_tp_descr_get, bind);
        flags |= API_FLAG_METHOD_DESCRIPTOR;
    }
    PyType_Spec spec = {"pitviper._core.StandIn", sizeof(struct callable), 0, (unsigned)flags,
                        slots};
    PyObject *type = PyType_FromSpec(&spec);
    if (type)
        api_finish_type_3_8(type, offsetof(struct callable, vector),
                            offsetof(struct callable, weakrefs));
    return (PyTypeObject *)type;
}

int callable_start(void)
{
    if (!binding_type)
        binding_type = type_new(true);
    if (!plain_type)
        plain_type = type_new(false);
    return binding_type && plain_type ? 0 : -1;
}

struct callable *callable_new(PyObject *function, api_vector vector)
{
    if (!PyCallable_Check(function)) {
        PyErr_Format(PyExc_TypeError, "%R cannot be called", function);
        return NULL;
    }
    bool binds = PyObject_HasAttrString(function, "__get__") &&
                 !PyObject_HasAttrString(function, "__self__");
    struct callable *self =
        (struct callable *)standin_new(binds ? binding_type : plain_type, function);
    if (!self)
        return NULL;
    self->vector = vector;
    self->text = -1;
    return self;
}

void callable_hold(struct callable *self, enum callable_ref ref, PyObject *object)
{
    if (!object || object == Py_None)
        return;
    Py_INCREF(object);
    self->refs[ref] = object;
}

bool callable_check(PyObject *object)
{
    return Py_TYPE(object) == binding_type || Py_TYPE(object) == plain_type;
}

bool callable_unpack(PyObject *const *args, size_t nargsf, PyObject *names, PyObject **tuple,
                     PyObject **keywords)
{
    Py_ssize_t count = API_VECTOR_COUNT(nargsf), named = names ? PyTuple_Size(names) : 0;
    *keywords = PyDict_New();
    *tuple = PyTuple_New(count);
    if (!*tuple || !*keywords)
        goto fail;
    for (Py_ssize_t at = 0; at < count; at++) {
        Py_INCREF(args[at]);
        PyTuple_SetItem(*tuple, at, args[at]);
    }
    for (Py_ssize_t at = 0; at < named; at++)
        if (PyDict_SetItem(*keywords, PyTuple_GetItem(names, at), args[count + at]) < 0)
            goto fail;
    return true;
fail:
    Py_CLEAR(*tuple);
    Py_CLEAR(*keywords);
    return false;
}

PyObject *callable_argument(const struct callable *self, PyObject *const *args, size_t nargsf,
                            PyObject *names)
{
    Py_ssize_t count = API_VECTOR_COUNT(nargsf);
    if (self->text >= 0 && self->text < count)
        return args[self->text];
    if (!names || !self->refs[REF_KEYWORD])
        return NULL;
    Py_ssize_t named = PyTuple_Size(names);
    for (Py_ssize_t at = 0; at < named; at++) {
        PyObject *name = PyTuple_GetItem(names, at);
        if (name == self->refs[REF_KEYWORD] ||
            PyUnicode_Compare(name, self->refs[REF_KEYWORD]) == 0)
            return args[count + at];
    }
    return NULL;
}
