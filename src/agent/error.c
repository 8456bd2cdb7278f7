/* SPDX-License-Identifier: MIT */
/* error.c - what an exception is called and where it happened.
 *
 * The place is the innermost frame of the application: the last one of the traceback whose file is
 * neither the standard library's nor below site-packages or dist-packages, nor made up
 * ("<string>"); when there is none of those, the last one. The traceback is only walked, bounded by
 * FRAMES_MAX from its outer end, and never kept.
 */
#include "agent/request.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES_MAX = 2000, PLACE_MAX = 1024, MESSAGE_MAX = 1000 };

/* Folder of the standard library, with its slash; "": not known. */
static char library[PATH_MAX];

static const char *text_of(PyObject *object)
{
    return object && PyUnicode_Check(object) ? api.text_utf8(object, NULL) : NULL;
}

static void find_library(void)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *file = os ? PyObject_GetAttrString(os, "__file__") : NULL;
    const char *path = text_of(file);
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (slash && (size_t)(slash - path) + 2 < sizeof library)
        memcpy(library, path, (size_t)(slash - path) + 1);
    else
        library[0] = '<'; /* matches nothing that is not excluded already */
    Py_XDECREF(file);
    Py_XDECREF(os);
}

static bool is_application(const char *file)
{
    if (!library[0])
        find_library();
    return file[0] != '<' && strncmp(file, library, strlen(library)) != 0 &&
           !strstr(file, "/site-packages/") && !strstr(file, "/dist-packages/");
}

/* Writes "function (file:line)" of a traceback entry; whether it is the application's. */
static bool describe(PyObject *entry, char *out, size_t size, bool anyway)
{
    PyObject *frame = PyObject_GetAttrString(entry, "tb_frame");
    PyObject *code = frame ? PyObject_GetAttrString(frame, "f_code") : NULL;
    PyObject *file = code ? PyObject_GetAttrString(code, "co_filename") : NULL;
    const char *path = text_of(file);
    bool application = path && is_application(path);
    if (path && (application || anyway)) {
        PyObject *name = PyObject_GetAttrString(code, "co_name");
        PyObject *line = PyObject_GetAttrString(entry, "tb_lineno");
        const char *function = text_of(name);
        snprintf(out, size, "%s (%s:%ld)", function ? function : "?", path,
                 line && PyLong_Check(line) ? PyLong_AsLong(line) : 0L);
        Py_XDECREF(name);
        Py_XDECREF(line);
    }
    Py_XDECREF(file);
    Py_XDECREF(code);
    Py_XDECREF(frame);
    return application;
}

static PyObject *next_entry(PyObject *entry)
{
    PyObject *next = PyObject_GetAttrString(entry, "tb_next");
    if (next == Py_None)
        Py_CLEAR(next);
    return next;
}

static void find_place(PyObject *exception, char *out, size_t size)
{
    PyObject *entry = PyException_GetTraceback(exception);
    bool found = false;
    out[0] = '\0';
    for (int frame = 0; entry && frame < FRAMES_MAX; frame++) {
        PyObject *next = next_entry(entry);
        found |= describe(entry, out, size, !found && !next);
        Py_DECREF(entry);
        entry = next;
    }
    Py_XDECREF(entry);
}

/* "ValueError", "package.module.Name": builtins without their module. */
uint32_t error_type(PyObject *exception)
{
    char name[256] = "";
    PyObject *type = (PyObject *)Py_TYPE(exception);
    PyObject *module = PyObject_GetAttrString(type, "__module__");
    PyObject *qualified = PyObject_GetAttrString(type, "__qualname__");
    const char *where = text_of(module), *what = text_of(qualified);
    if (where && what && strcmp(where, "builtins") != 0)
        snprintf(name, sizeof name, "%s.%s", where, what);
    else if (what)
        snprintf(name, sizeof name, "%s", what);
    Py_XDECREF(module);
    Py_XDECREF(qualified);
    return core_string(name, strlen(name));
}

struct error error_of(PyObject *exception)
{
    struct pending pending;
    pending_save(&pending);
    char place[PLACE_MAX];
    find_place(exception, place, sizeof place);
    struct error error = {error_type(exception), core_string(place, strlen(place))};
    pending_restore(&pending);
    return error;
}

uint32_t error_message(PyObject *exception)
{
    if (!core_settings.error_messages)
        return 0;
    struct pending pending;
    pending_save(&pending);
    PyObject *text = PyObject_Str(exception);
    Py_ssize_t size = 0;
    const char *bytes = text ? api.text_utf8(text, &size) : NULL;
    uint32_t id = 0;
    if (bytes)
        id = core_string(bytes, size < MESSAGE_MAX ? (size_t)size : MESSAGE_MAX);
    Py_XDECREF(text);
    pending_restore(&pending);
    return id;
}
