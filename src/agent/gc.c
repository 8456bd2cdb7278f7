/* SPDX-License-Identifier: MIT */
/* gc.c - how long the collector held everything up, per generation, and whose request it hit.
 *
 * The interpreter calls with ("start" or "stop", {"generation": …}) on the thread that collects.
 * Every collection is counted; only pauses of PAUSE_RECORDED_NS and more are recorded one by one,
 * because a program that allocates much has thousands of young collections a second.
 */
#include "agent/gc.h"
#include "agent/context.h"
#include "agent/region.h"

#include <string.h>

#define PAUSE_RECORDED_NS UINT64_C(1000000)

static __thread uint64_t start_ns;
static PyObject *generation_word;

static long generation_of(PyObject *info)
{
    PyObject *value = PyDict_Check(info) ? PyDict_GetItemWithError(info, generation_word) : NULL;
    long generation = value && PyLong_Check(value) ? PyLong_AsLong(value) : -1;
    if (PyErr_Occurred())
        PyErr_Clear();
    return generation;
}

static uint32_t key_of(struct region *region, long generation)
{
    static uint32_t keys[3], made_for;
    if (made_for != region->generation) {
        for (uint32_t at = 0; at < 3; at++) {
            const char name[] = {'g', 'e', 'n', 'e', 'r', 'a',
                                 't', 'i', 'o', 'n', ' ', (char)('0' + at)};
            keys[at] = core_key(AGENT_KIND_GC, core_string(name, sizeof name), 0, at);
        }
        made_for = region->generation;
    }
    return generation >= 0 && generation < 3 ? keys[generation] : AGENT_KIND_GC;
}

static void charge(struct region *region, uint64_t duration_ns)
{
    struct request *request = request_current();
    if (!request)
        return;
    struct request *root = request->root;
    root->gc_ns += duration_ns;
    if (root->head.slot != AGENT_NONE)
        region->slots[root->head.slot].gc_ns = root->gc_ns;
}

static void count_pause(struct region *region, long generation)
{
    uint64_t end_ns = core_now_ns(), duration_ns = end_ns - start_ns;
    uint32_t key = key_of(region, generation);
    bool first = region_count(region, key, end_ns, duration_ns, false);
    charge(region, duration_ns);
    if (duration_ns < PAUSE_RECORDED_NS)
        return;
    const struct request *request = request_current();
    struct agent_record record = {
        .kind = AGENT_RECORD_SPAN,
        .about = AGENT_KIND_GC,
        .flags = first ? AGENT_FLAG_FIRST : 0,
        .request = request ? request->head.id : 0,
        .as.span = {.start_ns = start_ns,
                    .duration_ns = duration_ns,
                    .span = region_id(region),
                    .parent = request ? request->span : 0,
                    .key = key,
                    .thread = context_thread(region->generation),
                    .rows = AGENT_NONE},
    };
    region_append(region, &record);
}

static PyObject *collecting(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *phase = PyTuple_Size(args) == 2 ? PyTuple_GetItem(args, 0) : NULL;
    if (phase && core_enabled) {
        bool starts =
            PyUnicode_Check(phase) && PyUnicode_CompareWithASCIIString(phase, "start") == 0;
        struct region *region = starts ? NULL : region_get();
        if (starts)
            start_ns = core_now_ns();
        else if (region && start_ns)
            count_pause(region, generation_of(PyTuple_GetItem(args, 1)));
        if (!starts)
            start_ns = 0;
    }
    Py_RETURN_NONE;
}

static PyMethodDef callback = {"collecting", collecting, METH_VARARGS, NULL};

int gc_add(PyObject *Py_UNUSED(module))
{
    static PyObject *function;
    if (function)
        return 0;
    generation_word = PyUnicode_InternFromString("generation");
    function = PyCFunction_New(&callback, NULL);
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *callbacks = gc ? PyObject_GetAttrString(gc, "callbacks") : NULL;
    int result = generation_word && function && callbacks ? PyList_Append(callbacks, function) : -1;
    Py_XDECREF(callbacks);
    Py_XDECREF(gc);
    return result;
}
