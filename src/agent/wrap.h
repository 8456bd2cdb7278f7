/* SPDX-License-Identifier: MIT */
/* wrap.h - stand-ins that count each call as a leaf: wrap() and wrap_async() of the module. */
#pragma once

#include "agent/callable.h"
#include "agent/leaf.h"

/* What a call is about, found before it begins. */
struct about {
    uint32_t key; /* 0: name and detail, with the group that the outcome gives */
    uint32_t name, detail;
    bool nothing; /* the describing function said None: this call is not counted */
};

/* Says what the call is about. Never raises. */
struct about wrap_about(struct callable *self, PyObject *const *args, size_t nargsf,
                        PyObject *names);

/* Begins and ends what `self` counts; `result` is NULL when an exception is pending (it stays so).
 * `first`: the first argument, or NULL. */
bool wrap_enter(const struct callable *self, struct leaf *leaf);
void wrap_start(const struct callable *self, struct leaf *leaf, const struct about *about);
void wrap_end(const struct callable *self, struct leaf *leaf, const struct about *about,
              PyObject *first, PyObject *result);

/* The stand-in of a coroutine function, told what its arguments mean; wrap_async.c. */
PyObject *await_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names);
PyObject *observe_await_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                             PyObject *names);
int await_start(void);

int wrap_add(PyObject *module);
