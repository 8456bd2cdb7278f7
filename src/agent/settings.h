/* SPDX-License-Identifier: MIT */
/* settings.h - the environment, read once; enable() and disable() of the module. */
#pragma once

#include "agent/core.h"

void settings_read(void);
int settings_add(PyObject *module);
