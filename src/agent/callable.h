/* SPDX-License-Identifier: MIT */
/* callable.h - stand-ins for functions: called by vectorcall, bound like what they stand for.
 *
 * One type for functions that bind (a method stays a method, without a bound object where the
 * interpreter can avoid it) and one for those that do not; what a call does is the instance's
 * `vector`. Attributes, repr and pickling are those of agent/standin.h.
 */
#pragma once

#include "agent/standin.h"

enum callable_ref { /* what a stand-in holds besides its function; which of them: see the maker */
                    REF_SYSTEM,
                    REF_NAME,
                    REF_KEYWORD,
                    REF_ROWS,
                    REF_STATUS,
                    REF_DESCRIBE,
                    REF_BEFORE,
                    REF_AFTER,
                    REF_TRACK,
                    REFS
};

struct callable {
    struct standin standin;
    api_vector vector;
    PyObject *weakrefs;
    PyObject *refs[REFS]; /* owned; NULL: not given */
    Py_ssize_t text;      /* which positional argument; -1: none */
    uint32_t kind;        /* enum agent_kind */
    uint32_t generation;  /* of `system` and `key` */
    uint32_t system;      /* string */
    uint32_t key;         /* when there is a fixed name */
    bool only_errors;     /* calls that succeed are not counted */
    bool result_is_rows;  /* rows: how many the result has */
};

int callable_start(void);

/* A stand-in for `function` that calls `vector`; NULL with an exception. */
struct callable *callable_new(PyObject *function, api_vector vector);
void callable_hold(struct callable *self, enum callable_ref ref, PyObject *object); /* None: not */

bool callable_check(PyObject *object);

/* The arguments of a call as a tuple and a dict (never NULL); false with an exception. */
bool callable_unpack(PyObject *const *args, size_t nargsf, PyObject *names, PyObject **tuple,
                     PyObject **keywords);

/* The argument that `text` or REF_KEYWORD names; borrowed; NULL: not given. */
PyObject *callable_argument(const struct callable *self, PyObject *const *args, size_t nargsf,
                            PyObject *names);
