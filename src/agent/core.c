/* SPDX-License-Identifier: MIT */
/* core.c - settings, and whether anything is counted at all. */
#include "agent/core.h"
#include "agent/propagate.h"
#include "agent/region.h"
#include "agent/settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool core_enabled;
struct core_settings core_settings;

uint64_t core_now_ns(void)
{
    return region_now_ns();
}

void core_swallow(void)
{
    PyErr_Clear();
    struct region *region = region_get();
    if (region)
        region_add(&region->header->counters.hook_errors, 1);
}

static bool flag(const char *name)
{
    static const char *const off[] = {"", "0", "no", "false", "off"};
    const char *value = getenv(name);
    for (size_t at = 0; value && at < sizeof off / sizeof *off; at++)
        if (!strcasecmp(value, off[at]))
            return false;
    return value != NULL;
}

/* A copy, because the environment may be changed under a pointer into it. */
static const char *text(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? strdup(value) : NULL;
}

static double sample_rate(void)
{
    const char *value = getenv("PITVIPER_SAMPLE_RATE");
    char *end;
    double rate = value ? strtod(value, &end) : PROPAGATE_RATE_DEFAULT;
    return value && (end == value || !(rate >= 0)) ? PROPAGATE_RATE_DEFAULT : rate;
}

void settings_read(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    core_enabled = !flag("PITVIPER_DISABLED");
    core_settings.error_messages = flag("PITVIPER_ERROR_MESSAGES");
    core_settings.sample_threshold = propagate_threshold(sample_rate());
    core_settings.service = text("PITVIPER_SERVICE");
    core_settings.release = text("PITVIPER_VERSION");
}

static PyObject *enable(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    core_enabled = true;
    Py_RETURN_NONE;
}

static PyObject *disable(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    core_enabled = false;
    Py_RETURN_NONE;
}

static PyObject *enabled(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    return PyBool_FromLong(core_enabled);
}

static PyMethodDef functions[] = {
    {"enable", enable, METH_NOARGS, "enable()\n--\n\nCounts again."},
    {"disable", disable, METH_NOARGS, "disable()\n--\n\nEvery stand-in passes calls through."},
    {"enabled", enabled, METH_NOARGS, "enabled()\n--\n\nWhether anything is counted."},
    {NULL, NULL, 0, NULL},
};

int settings_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
