/* SPDX-License-Identifier: MIT */
/* track.h - what the package offers by name: track, PerformanceMonitor. */
#pragma once

#include "agent/core.h"

/* Adds the types track and PerformanceMonitor; -1 with an exception. */
int track_add(PyObject *module);
