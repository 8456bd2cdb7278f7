/* SPDX-License-Identifier: MIT */
/* Lines such as
 *
 *     {"timestamp": "2026-11-22T16:15:10.123456Z", "endpoint": "/checkout", "duration_ms": 182.5}
 *
 * each written by one write() to a file opened for appending: lines of many processes do not mix,
 * and a process that is killed loses none. A write to the page cache takes a few microseconds, so
 * the GIL is kept: giving it up may cost the caller a switch interval (5 ms) to have it back.
 *
 * Once a second the path is looked at: a file that was renamed or removed (logrotate) is opened
 * anew. The path is made absolute at first use, so that a later chdir() does not move it.
 */
#include "agent/metric.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/measure.h"

#define DEFAULT_PATH "performance_log.jsonl"
#define ENDPOINT_MAX 1024 /* bytes of it that are written */
#define LINE_MAX_BYTES (6 * ENDPOINT_MAX + 160)
#define LOOK_EVERY_NS UINT64_C(1000000000)
#define MS_MAX 1e12

static struct {
    pthread_mutex_t lock;
    char path[PATH_MAX]; /* "": not decided yet */
    bool none;           /* PITVIPER_PERFORMANCE_LOG is empty: no file is wanted */
    bool complained;
    int fd;
    dev_t device;
    ino_t inode;
    uint64_t looked_ns;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static PyObject *book; /* endpoint -> measure, for warnings */

/* ---- the line -------------------------------------------------------------------------------- */

/* `text` as the inside of a JSON string; returns how much of `out` was used. */
static size_t put_escaped(char *out, const char *text, size_t size)
{
    size_t used = 0;
    for (size_t at = 0; at < size; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte == '"' || byte == '\\') {
            out[used++] = '\\';
            out[used++] = (char)byte;
        } else if (byte < 0x20 || byte == 0x7f) {
            used += (size_t)sprintf(out + used, "\\u%04x", byte);
        } else {
            out[used++] = (char)byte;
        }
    }
    return used;
}

/* At most ENDPOINT_MAX bytes, ending between characters. */
static size_t fitting(const char *text, size_t size)
{
    if (size <= ENDPOINT_MAX)
        return size;
    size = ENDPOINT_MAX;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static size_t put_time(char *out, size_t room)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &parts);
    return used + (size_t)snprintf(out + used, room - used, ".%06ldZ", now.tv_nsec / 1000);
}

static size_t put_line(char out[LINE_MAX_BYTES], const char *endpoint, size_t size, double ms)
{
    size_t used = (size_t)sprintf(out, "{\"timestamp\": \"");
    used += put_time(out + used, 64);
    used += (size_t)sprintf(out + used, "\", \"endpoint\": \"");
    used += put_escaped(out + used, endpoint, fitting(endpoint, size));
    char *number = isfinite(ms) ? PyOS_double_to_string(ms, 'r', 0, Py_DTSF_ADD_DOT_0, NULL) : NULL;
    used += (size_t)sprintf(out + used, "\", \"duration_ms\": %.40s}\n", number ? number : "null");
    PyMem_Free(number);
    return used;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void decide_path(void)
{
    const char *wanted = getenv("PITVIPER_PERFORMANCE_LOG");
    if (!wanted)
        wanted = DEFAULT_PATH;
    char here[PATH_MAX] = "";
    file.none = !*wanted;
    if (*wanted != '/' && !getcwd(here, sizeof here))
        here[0] = '\0';
    int length = snprintf(file.path, sizeof file.path, "%s%s%s", here, *here ? "/" : "", wanted);
    if (length < 0 || (size_t)length >= sizeof file.path)
        file.none = true;
}

static bool is_still_there(void)
{
    struct stat found;
    return stat(file.path, &found) == 0 && found.st_dev == file.device &&
           found.st_ino == file.inode;
}

/* 0, or the errno of what failed. */
static int open_file(void)
{
    int fd = open(file.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    struct stat found;
    if (fd < 0)
        return errno;
    if (fstat(fd, &found) < 0) {
        int failure = errno;
        close(fd);
        return failure;
    }
    if (file.fd >= 0)
        close(file.fd);
    file.fd = fd;
    file.device = found.st_dev;
    file.inode = found.st_ino;
    return 0;
}

/* 0, or an errno. */
static int write_line(const char *line, size_t size)
{
    uint64_t now_ns = core_now_ns();
    if (!file.path[0] && !file.none)
        decide_path();
    if (file.none)
        return 0;
    if (!file.looked_ns || now_ns - file.looked_ns >= LOOK_EVERY_NS) {
        file.looked_ns = now_ns;
        int failure = file.fd >= 0 && is_still_there() ? 0 : open_file();
        if (failure)
            return failure;
    }
    if (file.fd < 0)
        return 0; /* said already; tried again in a second */
    ssize_t written = write(file.fd, line, size);
    return written == (ssize_t)size ? 0 : written < 0 ? errno : ENOSPC;
}

static void complain(int failure)
{
    PyObject *logging = PyImport_ImportModule("logging");
    PyObject *logger = logging ? PyObject_CallMethod(logging, "getLogger", "s", "pitviper") : NULL;
    PyObject *done = logger ? PyObject_CallMethod(logger, "warning", "sss", "cannot write %s: %s",
                                                  file.path, strerror(failure))
                            : NULL;
    if (!done)
        core_swallow();
    Py_XDECREF(done);
    Py_XDECREF(logger);
    Py_XDECREF(logging);
}

static void append(const char *line, size_t size)
{
    pthread_mutex_lock(&file.lock);
    int failure = write_line(line, size);
    bool first = failure && !file.complained;
    file.complained = file.complained || failure;
    pthread_mutex_unlock(&file.lock);
    if (first)
        complain(failure);
}

/* ---- log_metric() ---------------------------------------------------------------------------- */

static void count(PyObject *endpoint, double ms)
{
    struct measure *measure = measure_of(book, endpoint, false);
    if (!measure) {
        core_swallow();
        return;
    }
    uint64_t duration_ns = ms > 0 ? (uint64_t)(fmin(ms, MS_MAX) * 1e6) : 0;
    uint32_t key = core_key(AGENT_KIND_USER, core_string_of(measure->name),
                            core_string("metric", strlen("metric")), 0);
    core_count(key, duration_ns, false);
    Py_INCREF((PyObject *)measure);
    measure_add(measure, duration_ns, core_now_ns(), false, &measure_defaults);
    Py_DECREF((PyObject *)measure);
}

static PyObject *log_metric(PyObject *Py_UNUSED(module), PyObject *args, PyObject *keywords)
{
    static char *names[] = {"endpoint", "duration_ms", NULL};
    PyObject *endpoint;
    double ms;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "Ud:log_metric", names, &endpoint, &ms))
        return NULL;
    if (!core_enabled)
        Py_RETURN_NONE;
    PyObject *bytes = PyUnicode_AsEncodedString(endpoint, "utf-8", "backslashreplace");
    if (!bytes)
        return NULL;
    char line[LINE_MAX_BYTES];
    size_t size = put_line(line, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes), ms);
    Py_DECREF(bytes);
    append(line, size);
    if (isfinite(ms))
        count(endpoint, ms);
    Py_RETURN_NONE;
}

int metric_add(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"log_metric", (PyCFunction)(void (*)(void))log_metric, METH_VARARGS | METH_KEYWORDS,
         "log_metric(endpoint, duration_ms)\n--\n\n"
         "Appends one JSON line to the performance log, and warns if it stands out."},
        {NULL},
    };
    book = PyDict_New();
    return book ? PyModule_AddFunctions(module, functions) : -1;
}
