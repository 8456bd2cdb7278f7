/* SPDX-License-Identifier: MIT */
#include "agent/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/region.h"
#include "agent/standin.h"

#define SLOW_MS 100.0
#define DEVIATIONS 3.0
#define PER_MINUTE 6.0
#define NS_PER_MS 1e6
#define OTHER "(other)"

struct series_limits measure_defaults;

static PyTypeObject *measure_type;
static PyObject *logger;      /* logging.getLogger("pitviper"), from the first warning on */
static __thread bool warning; /* a handler that measures something must not end up here again */

/* ---- limits ---------------------------------------------------------------------------------- */

static double setting(const char *name, double fallback)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return fallback;
    char *end;
    double value = strtod(text, &end);
    return *end || !(value >= 0) || isinf(value) ? fallback : value; /* config.py says so */
}

static uint64_t as_ns(double ms)
{
    if (!(ms > 0))
        return 0;
    return ms < (double)(INT64_MAX / 1000000) ? (uint64_t)(ms * NS_PER_MS) : INT64_MAX;
}

static int number(PyObject *object, double *out)
{
    if (!object || object == Py_None)
        return 0;
    double value = PyFloat_AsDouble(object);
    if (value == -1.0 && PyErr_Occurred())
        return -1;
    *out = value;
    return 1;
}

int measure_limits(PyObject *slow_ms, PyObject *deviations, const struct series_limits *base,
                   struct series_limits *out)
{
    struct series_limits limits = *base;
    double ms, count;
    int slow = number(slow_ms, &ms), sigma = slow < 0 ? -1 : number(deviations, &count);
    if (slow < 0 || sigma < 0)
        return -1;
    if (slow)
        limits.slow_ns = as_ns(ms);
    if (sigma)
        limits.deviations = count > 0 ? count : 0;
    *out = limits;
    return 0;
}

/* ---- books ----------------------------------------------------------------------------------- */

static void measure_free(PyObject *self)
{
    struct measure *measure = (struct measure *)self;
    PyTypeObject *type = Py_TYPE(self);
    series_done(&measure->series);
    Py_XDECREF(measure->name);
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
}

int measure_start(void)
{
    static PyType_Slot slots[] = {STANDIN_SLOT(Py_tp_dealloc, measure_free), {0, NULL}};
    static PyType_Spec spec = {"pitviper._core.Measure", sizeof(struct measure), 0,
                               Py_TPFLAGS_DEFAULT, slots};
    measure_defaults = (struct series_limits){
        .slow_ns = as_ns(setting("PITVIPER_SLOW_MS", SLOW_MS)),
        .deviations = setting("PITVIPER_DEVIATIONS", DEVIATIONS),
        .per_minute = (uint32_t)fmin(setting("PITVIPER_WARNINGS_PER_MINUTE", PER_MINUTE), 1e6),
    };
    if (!measure_type)
        measure_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return measure_type ? 0 : -1;
}

static PyObject *measure_new(PyObject *name, bool percentiles)
{
    struct measure *measure = PyObject_New(struct measure, measure_type);
    if (!measure)
        return NULL;
    Py_INCREF(name);
    measure->name = name;
    measure->mixed = PyUnicode_CompareWithASCIIString(name, OTHER) == 0;
    series_init(&measure->series, percentiles); /* no memory: without percentiles, then */
    return (PyObject *)measure;
}

struct measure *measure_of(PyObject *book, PyObject *name, bool percentiles)
{
    PyObject *found = PyDict_GetItemWithError(book, name);
    if (found || PyErr_Occurred())
        return (struct measure *)found;
    PyObject *key = PyDict_Size(book) < MEASURE_NAMES ? PyUnicode_FromObject(name)
                                                      : PyUnicode_FromString(OTHER);
    found = key ? PyDict_GetItemWithError(book, key) : NULL;
    if (key && !found && !PyErr_Occurred()) {
        found = measure_new(key, percentiles);
        if (found && PyDict_SetItem(book, key, found) < 0)
            Py_CLEAR(found);
        Py_XDECREF(found); /* the book has it */
    }
    Py_XDECREF(key);
    return (struct measure *)found;
}

/* ---- warnings -------------------------------------------------------------------------------- */

static PyObject *get_logger(void)
{
    if (!logger) {
        PyObject *logging = PyImport_ImportModule("logging");
        logger = logging ? PyObject_CallMethod(logging, "getLogger", "s", "pitviper") : NULL;
        Py_XDECREF(logging);
    }
    return logger;
}

static PyObject *say(const struct measure *measure, double took_ms,
                     const struct series_verdict *verdict, const struct series_limits *limits)
{
    char more[48] = "";
    if (verdict->withheld)
        snprintf(more, sizeof more, " (%u more were not said)", verdict->withheld);
    if (verdict->reason == SERIES_SLOW)
        return PyObject_CallMethod(logger, "warning", "sOdds",
                                   "slow: %s took %.1f ms, the limit is %g ms%s", measure->name,
                                   took_ms, (double)limits->slow_ns / NS_PER_MS, more);
    return PyObject_CallMethod(logger, "warning", "sOdIdds",
                               "unusual: %s took %.1f ms, the last %d took %.3g \302\261 %.3g ms%s",
                               measure->name, took_ms, measure->series.filled, verdict->mean_ms,
                               verdict->deviation_ms, more);
}

static void warn(const struct measure *measure, uint64_t duration_ns,
                 const struct series_verdict *verdict, const struct series_limits *limits)
{
    if (warning)
        return;
    struct pending pending;
    pending_save(&pending);
    warning = true;
    PyObject *done = NULL;
    if (get_logger())
        done = say(measure, (double)duration_ns / NS_PER_MS, verdict, limits);
    if (!done)
        core_swallow();
    Py_XDECREF(done);
    warning = false;
    pending_restore(&pending);
}

static void count_dropped(void)
{
    struct region *region = region_get();
    if (region)
        region_add(&region->header->counters.warnings_dropped, 1);
}

void measure_add(struct measure *measure, uint64_t duration_ns, uint64_t now_ns, bool error,
                 const struct series_limits *limits)
{
    bool dropped;
    struct series_limits used = *limits;
    if (measure->mixed)
        used.deviations = 0;
    struct series_verdict verdict =
        series_add(&measure->series, duration_ns, now_ns, error, &used, &dropped);
    if (dropped)
        count_dropped();
    if (verdict.reason != SERIES_USUAL)
        warn(measure, duration_ns, &verdict, &used);
}

void measure_reset(struct measure *measure)
{
    bool percentiles = measure->series.buckets;
    series_done(&measure->series);
    series_init(&measure->series, percentiles);
}

/* ---- report ---------------------------------------------------------------------------------- */

PyObject *measure_report(const struct measure *measure)
{
    const struct series *series = &measure->series;
    double count = (double)series->count;
    return Py_BuildValue("{sKsKsdsdsdsdsd}", "count", (unsigned long long)series->count, "errors",
                         (unsigned long long)series->errors, "avg",
                         series->count ? (double)series->total_ns / count / NS_PER_MS : 0.0, "max",
                         (double)series->max_ns / NS_PER_MS, "p50",
                         (double)series_percentile_ns(series, 0.50) / NS_PER_MS, "p95",
                         (double)series_percentile_ns(series, 0.95) / NS_PER_MS, "p99",
                         (double)series_percentile_ns(series, 0.99) / NS_PER_MS);
}
