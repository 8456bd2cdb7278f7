/* SPDX-License-Identifier: MIT */
/* observe.h - Python functions before and after a call, and calls with other arguments.
 *
 * observe() and observe_async() tell a hook about calls; supply() and rewrite() change what a
 * factory is given; carry() runs a function as part of the request in which it was handed over.
 * What a hook raises is swallowed and counted, and the call is made as if there were none.
 */
#pragma once

#include "agent/callable.h"

struct observed {
    PyObject *args, *kwargs; /* owned; NULL: nothing to tell */
};

bool observe_unpack(struct observed *observed, PyObject *const *args, size_t nargsf,
                    PyObject *names);
void observe_forget(struct observed *observed);
void observe_before(const struct callable *self, const struct observed *observed);
/* `result` is NULL when an exception is pending; it stays so. */
void observe_after(const struct callable *self, const struct observed *observed, PyObject *result);

int observe_add(PyObject *module);
