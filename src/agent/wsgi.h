/* SPDX-License-Identifier: MIT */
/* wsgi.h - the request wrapper of WSGI: `wsgi(application)` of the module. */
#pragma once

#include "agent/api.h"

int wsgi_add(PyObject *module);
