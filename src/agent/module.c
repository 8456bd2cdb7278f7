/* SPDX-License-Identifier: MIT */
/* module.c - pitviper._core: the parts, put together.
 *
 * State is the process's, not the module's: one region, one ContextVar, one set of types. So the
 * extension belongs to the interpreter that imports it first; another interpreter of the same
 * process gets an ImportError, which the package takes for "not here", and nothing is counted
 * there. A second import in the same interpreter (a reload) makes a second module object with the
 * same parts.
 */
#include "agent/asgi.h"
#include "agent/context.h"
#include "agent/gc.h"
#include "agent/metric.h"
#include "agent/observe.h"
#include "agent/request.h"
#include "agent/route.h"
#include "agent/settings.h"
#include "agent/track.h"
#include "agent/wrap.h"
#include "agent/wsgi.h"
static int constants_add(PyObject *module);

/* In this order. */
static int (*const parts[])(PyObject *module) = {
    constants_add, settings_add, request_add, wrap_add,   observe_add, wsgi_add,
    asgi_add,      route_add,    track_add,   metric_add, gc_add,
};

static int constants_add(PyObject *module)
{
    static const struct {
        const char *name;
        int value;
    } kinds[] = {
        {"KIND_REQUEST", AGENT_KIND_REQUEST},
        {"KIND_TASK", AGENT_KIND_TASK},
        {"KIND_STATEMENT", AGENT_KIND_STATEMENT},
        {"KIND_OUTBOUND", AGENT_KIND_OUTBOUND},
        {"KIND_CACHE", AGENT_KIND_CACHE},
        {"KIND_TEMPLATE", AGENT_KIND_TEMPLATE},
        {"KIND_EXCEPTION", AGENT_KIND_EXCEPTION},
        {"KIND_USER", AGENT_KIND_USER},
        {"KIND_GC", AGENT_KIND_GC},
        {"KIND_QUEUE", AGENT_KIND_QUEUE},
        {"KIND_LOOP", AGENT_KIND_LOOP},
    };
    for (size_t at = 0; at < sizeof kinds / sizeof *kinds; at++)
        if (PyModule_AddIntConstant(module, kinds[at].name, kinds[at].value) < 0)
            return -1;
    return PyModule_AddStringConstant(module, "__version__", PITVIPER_VERSION);
}

static int execute(PyObject *module)
{
    static const void *owner;
    if (api_start() < 0)
        return -1;
    const void *interpreter = api.interpreter();
    if (owner && owner != interpreter) {
        PyErr_SetString(PyExc_ImportError,
                        "pitviper: another interpreter of this process is instrumented already");
        return -1;
    }
    owner = interpreter;
    settings_read();
    if (request_start_types() < 0 || context_start() < 0)
        return -1;
    for (size_t at = 0; at < sizeof parts / sizeof *parts; at++)
        if (parts[at](module) < 0)
            return -1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)execute},
#if defined(Py_GIL_DISABLED) && defined(Py_mod_gil)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pitviper._core",
    .m_doc = "What pitviper does inside a process: requests, leaves, counts.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void);
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
