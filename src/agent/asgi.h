/* SPDX-License-Identifier: MIT */
/* asgi.h - the request wrapper of ASGI: `asgi(application)` of the module, and `served()` for
 * servers of their own. */
#pragma once

#include "agent/api.h"

int asgi_add(PyObject *module);
