/* SPDX-License-Identifier: MIT */
/* route.h - routes as frameworks know them: `route(source, mount=False)` of the module. */
#pragma once

#include "agent/core.h"

int route_add(PyObject *module);

/* The request's route becomes its mounts so far, and `text` (a str). Not a request or not a str:
 * nothing. */
void route_set(struct request *request, PyObject *text);
/* `text` is a prefix of what follows. Until something does, the route ends in "/{path}". */
void route_mount(struct request *request, PyObject *text);
