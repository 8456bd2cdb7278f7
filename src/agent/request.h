/* SPDX-License-Identifier: MIT */
/* request.h - Python's view of requests: the type Request, begin(), current(), span(). */
#pragma once

#include "agent/core.h"

/* Makes the types; before context_start(). -1 with an exception. */
int request_start_types(void);
/* Adds Request, begin(), current(), span(), count() to the module. */
int request_add(PyObject *module);

/* What an exception is called, and where it happened: "function (file:line)"; strings. */
struct error {
    uint32_t type, place;
};
struct error error_of(PyObject *exception);
/* The name of its type as a string id; nothing may be pending. */
uint32_t error_type(PyObject *exception);
/* The exception's text as a string id; 0: none, or not to be kept. */
uint32_t error_message(PyObject *exception);
