/* SPDX-License-Identifier: MIT */
/* One ContextVar for the whole process, and the thread state's `context` field.
 *
 * The variable's value is a request or None. It is set when a request begins and left alone when it
 * ends: whoever reads it passes over what has ended to the first outer one that lives. So there is
 * no token to keep, a generator may be closed in another context than it was begun in, a task may
 * outlive its request, and the second half of what setting a ContextVar costs (80 ns) is not paid.
 *
 * Where the field `context` lies in PyThreadState differs between versions and builds, so it is
 * looked for: two contexts are entered one after the other, and the one offset that held the first
 * and then the second is it. The scan may pass the structure's end, so the kernel copies for us,
 * through a pipe: it says EFAULT where we would have faulted, and no sandbox forbids it. Where the
 * field is not found an outside reader has its own tables, and flows are told apart by thread only.
 */
#include "agent/context.h"
#include "agent/region.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SCAN_BYTES = 1024 };

static PyObject *variable;
static Py_ssize_t context_offset = -1;

/* ---- calibration ----------------------------------------------------------------------------- */

/* Copies what can be read of `size` bytes, in pieces; the rest of *to is zero. The system call, not
 * the function of libc: sanitizers would call the first byte behind the structure an error. */
static bool read_self(const char *from, char *to, size_t size)
{
    enum { PIECE_BYTES = 64 };
    int ends[2];
    memset(to, 0, size);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    for (size_t at = 0; at < size; at += PIECE_BYTES)
        if (syscall(SYS_write, ends[1], from + at, PIECE_BYTES) != PIECE_BYTES ||
            read(ends[0], to + at, PIECE_BYTES) != PIECE_BYTES)
            break;
    close(ends[0]);
    close(ends[1]);
    return true;
}

/* Clears the candidates that do not hold `context` while it is entered. */
static bool narrow(PyObject *context, bool *candidates)
{
    const void *words[SCAN_BYTES / sizeof(void *)];
    if (api.context_enter(context) < 0)
        return false;
    bool copied = read_self((const char *)PyThreadState_Get(), (char *)words, sizeof words);
    if (api.context_exit(context) < 0 || !copied)
        return false;
    for (size_t at = 0; at < SCAN_BYTES / sizeof(void *); at++)
        candidates[at] = candidates[at] && words[at] == context;
    return true;
}

static Py_ssize_t find_offset(void)
{
    bool candidates[SCAN_BYTES / sizeof(void *)];
    memset(candidates, 1, sizeof candidates);
    for (int round = 0; round < 2; round++) {
        PyObject *context = api.context_copy();
        bool narrowed = context && narrow(context, candidates);
        Py_XDECREF(context);
        if (!narrowed)
            return -1;
    }
    Py_ssize_t found = -1;
    for (size_t at = 0; at < SCAN_BYTES / sizeof(void *); at++) {
        if (candidates[at] && found >= 0)
            return -1;
        if (candidates[at])
            found = (Py_ssize_t)(at * sizeof(void *));
    }
    return found;
}

static void describe(void)
{
    struct pending pending;
    pending_save(&pending);
    struct region_about about = {
        .python_hex = api.hex,
#ifdef AGENT_FREE_THREADED
        .free_threaded = 1,
#endif
        .service = core_settings.service,
        .release = core_settings.release,
        .context_variable = (uintptr_t)variable,
        .context_hash = (uint64_t)PyObject_Hash(variable),
        .request_type = (uintptr_t)request_type,
        .object_header_bytes = offsetof(struct request, head),
        .tstate_context = (int32_t)context_offset,
    };
    region_describe(&about);
    pending_restore(&pending);
}

int context_start(void)
{
    if (!variable) {
        variable = api.variable_new("pitviper_request", NULL);
        if (!variable)
            return -1;
        context_offset = find_offset();
        if (PyErr_Occurred())
            PyErr_Clear();
    }
    describe();
    return 0;
}

/* ---- the current request --------------------------------------------------------------------- */

bool request_alive(const struct request *request)
{
    const struct region *region = region_get();
    return region && request->live && request->generation == region->generation;
}

struct request *context_take(uint32_t generation)
{
    PyObject *value = NULL;
    if (!variable || api_variable_get(variable, NULL, &value) < 0 || !value)
        return NULL;
    struct request *request = (struct request *)value;
    if (Py_TYPE(value) != request_type) {
        Py_DECREF(value);
        return NULL;
    }
    if (request->live && request->generation == generation)
        return request;
    struct request *outer = request->outer;
    while (outer && !(outer->live && outer->generation == generation))
        outer = outer->outer;
    Py_XINCREF((PyObject *)outer);
    Py_DECREF(value);
    return outer;
}

struct request *request_current(void)
{
    struct region *region = region_get();
    struct request *request = region ? context_take(region->generation) : NULL;
    Py_XDECREF((PyObject *)request); /* the context holds it, directly or as an outer one */
    return request;
}

static bool set(PyObject *value)
{
    struct pending pending;
    pending_save(&pending);
    PyObject *token = api_variable_set(variable, value);
    bool done = token != NULL;
    Py_XDECREF(token);
    pending_restore(&pending);
    return done;
}

bool context_set(struct request *request)
{
    return set((PyObject *)request);
}

void context_drop(struct request *request)
{
    PyObject *value = NULL;
    if (api_variable_get(variable, NULL, &value) < 0)
        return;
    Py_XDECREF(value);
    if (value == (PyObject *)request)
        set(Py_None);
}

/* ---- flows and threads ----------------------------------------------------------------------- */

const void *context_flow(void)
{
    const char *thread = (const char *)PyThreadState_Get();
    if (context_offset < 0)
        return thread;
    const void *const *field = (const void *const *)(thread + context_offset);
    if (!*field)
        set(Py_None); /* a thread or greenlet without one: from now on it has its own */
    return *field ? *field : thread;
}

uint32_t context_thread(uint32_t generation)
{
    static __thread struct {
        uint32_t generation, id;
    } known;
    if (known.generation != generation) {
        known.generation = generation;
        known.id = (uint32_t)syscall(SYS_gettid);
    }
    return known.id;
}
