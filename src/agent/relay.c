/* SPDX-License-Identifier: MIT */
#include "agent/relay.h"

#include <stddef.h>

static PyTypeObject *relay_type;

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((struct relay *)self)->owner);
    return standin_traverse(self, visit, arg);
}

static int clear(PyObject *self)
{
    Py_CLEAR(((struct relay *)self)->owner);
    return standin_clear(self);
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    clear(self);
    standin_release(self);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct relay, vector), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

int relay_start(void)
{
    PyType_Slot slots[] = {STANDIN_SLOT(Py_tp_getattro, standin_get_attribute),
                           STANDIN_SLOT(Py_tp_setattro, standin_set_attribute),
                           STANDIN_SLOT(Py_tp_repr, standin_repr),
                           STANDIN_SLOT(Py_tp_str, standin_str),
                           STANDIN_SLOT(Py_tp_traverse, traverse),
                           STANDIN_SLOT(Py_tp_clear, clear),
                           STANDIN_SLOT(Py_tp_dealloc, dealloc),
                           STANDIN_SLOT(Py_tp_call, api.vectorcall_call),
                           {Py_tp_methods, standin_methods},
                           {0, NULL},
                           {0, NULL}};
    unsigned long flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
    if (api.hex >= 0x03090000) {
        slots[9] = (PyType_Slot){Py_tp_members, members};
        flags |= API_FLAG_VECTORCALL;
    }
    PyType_Spec spec = {"pitviper._core.Relay", sizeof(struct relay), 0, (unsigned)flags, slots};
    if (relay_type)
        return 0;
    relay_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (relay_type)
        api_finish_type_3_8((PyObject *)relay_type, offsetof(struct relay, vector), 0);
    return relay_type ? 0 : -1;
}

PyObject *relay_new(PyObject *inner, api_vector vector, PyObject *owner)
{
    struct relay *relay = (struct relay *)standin_new(relay_type, inner);
    if (!relay)
        return NULL;
    relay->vector = vector;
    Py_INCREF(owner);
    relay->owner = owner;
    return (PyObject *)relay;
}
