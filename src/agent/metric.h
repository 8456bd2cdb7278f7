/* SPDX-License-Identifier: MIT */
/* metric.h - log_metric(): a line of JSON per measurement. */
#pragma once

#include "agent/core.h"

/* Adds log_metric(endpoint, duration_ms); -1 with an exception. */
int metric_add(PyObject *module);
