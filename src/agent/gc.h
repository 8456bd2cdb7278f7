/* SPDX-License-Identifier: MIT */
/* gc.h - pauses of the garbage collector: a C function in gc.callbacks. */
#pragma once

#include "agent/core.h"

/* Adds the callback, once per interpreter; -1 with an exception. */
int gc_add(PyObject *module);
