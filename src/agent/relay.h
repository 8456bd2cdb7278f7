/* SPDX-License-Identifier: MIT */
/* relay.h - what an application is given in place of a server's start_response or send: one per
 * request, called by vectorcall, otherwise a stand-in like every other.
 */
#pragma once

#include "agent/standin.h"

struct relay {
    struct standin standin;
    api_vector vector;
    PyObject *owner; /* what the call is noted for; owned */
};

int relay_start(void);

/* NULL with an exception. */
PyObject *relay_new(PyObject *inner, api_vector vector, PyObject *owner);
