/* SPDX-License-Identifier: MIT */
/* api.h - the interpreter's functions that we call: Python.h, plus what the stable ABI lacks.
 *
 * Built once against the stable ABI of 3.8, the extension loads into every GIL build from 3.8 on.
 * The functions below were exported by the interpreter long before the stable ABI admitted them
 * (or never were admitted); api_start() looks them up by name. With PITVIPER_PER_VERSION the same
 * sources are built for one version, which free-threaded builds need, and which the comparison
 * in docs/design/0005-agent.md was made with.
 */
#pragma once

#define PY_SSIZE_T_CLEAN
#if !defined(PITVIPER_PER_VERSION) && !defined(Py_LIMITED_API)
#define Py_LIMITED_API 0x03080000
#endif
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>
#include <stdint.h>

#if defined(Py_GIL_DISABLED) != defined(AGENT_FREE_THREADED)
#error "free-threaded headers need -DAGENT_FREE_THREADED, others must not have it"
#endif
#ifdef AGENT_FREE_THREADED /* what the GIL protects elsewhere */
#define PER_THREAD __thread
#else
#define PER_THREAD
#endif
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080 /* the same in every version since 3.7 */
#endif

typedef PyObject *(*api_vector)(PyObject *, PyObject *const *, size_t, PyObject *);

#define API_VECTOR_OFFSET ((size_t)1 << (8 * sizeof(size_t) - 1))
#define API_VECTOR_COUNT(nargsf) ((Py_ssize_t)((nargsf) & ~API_VECTOR_OFFSET))
#define API_FLAG_METHOD_DESCRIPTOR (1UL << 17)
#define API_FLAG_VECTORCALL (1UL << 11)
#define API_SLOT_AM_SEND 81 /* Py_am_send, 3.10 */

struct api {
    uint32_t hex; /* PY_VERSION_HEX of the running interpreter */
    int (*variable_get)(PyObject *variable, PyObject *fallback, PyObject **out);
    PyObject *(*variable_set)(PyObject *variable, PyObject *value);
    PyObject *(*variable_new)(const char *name, PyObject *fallback);
    PyObject *(*context_copy)(void);
    int (*context_enter)(PyObject *context);
    int (*context_exit)(PyObject *context);
    api_vector vectorcall;
    PyObject *(*vectorcall_call)(PyObject *, PyObject *, PyObject *);
    const char *(*text_utf8)(PyObject *text, Py_ssize_t *size);
    PyObject *(*method_new)(PyObject *function, PyObject *self);
    int (*send)(PyObject *iterator, PyObject *value, PyObject **out); /* NULL before 3.10 */
    const void *(*interpreter)(void);
};
extern struct api api;

/* -1 with an exception when this interpreter lacks something. */
int api_start(void);

#ifdef PITVIPER_PER_VERSION
#define api_call PyObject_Vectorcall
#define api_variable_get PyContextVar_Get
#define api_variable_set PyContextVar_Set
#else
#define api_call api.vectorcall
#define api_variable_get api.variable_get
#define api_variable_set api.variable_set
#endif

/* A type whose instances can be called by vectorcall and have weak references; `vector` and
 * `weakrefs` are the offsets of their fields. For 3.9+ the members array does this; 3.8 knows no
 * such members, so the fields of its (final) type layout are set. */
void api_finish_type_3_8(PyObject *type, Py_ssize_t vector, Py_ssize_t weakrefs);

/* An exception that must survive our own calls: nothing is pending between the two. What was
 * raised in between is dropped. `value` is the exception object, with its traceback, as a handler
 * in Python would see it; NULL: there was none. */
struct pending {
    PyObject *type, *value, *traceback;
};
void pending_save(struct pending *pending);
void pending_restore(struct pending *pending);

/* module.attribute = value; drops the reference to value; -1 with an exception. */
int api_add(PyObject *module, const char *name, PyObject *value);
