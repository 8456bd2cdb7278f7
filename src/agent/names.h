/* SPDX-License-Identifier: MIT */
/* names.h - keys by the texts of Python objects, remembered. */
#pragma once

#include "agent/core.h"

/* The key (CACHE, first word of `command` in upper case, system). `command`: str or bytes; other
 * objects and NULL: the name "". */
uint32_t names_command_key(PyObject *command, uint32_t system);
