/* SPDX-License-Identifier: MIT */
/* package.c - the package travels with the executable.
 *
 *     build tree   build/src/cli/pitviper                 build/python/pitviper/
 *     installed    PREFIX/bin/pitviper                    PREFIX/lib/pitviper/python/pitviper/
 *     pip          site-packages/pitviper/bin/pitviper    site-packages/pitviper/
 */
#include "cli/package.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define BOOTSTRAP "pitviper/bootstrap/sitecustomize.py"

/* From the executable's folder: names, and where that leads. */
static const char *const places[] = {
    "python", "../python", "../../python", "../lib/pitviper/python", "../..",
};

static bool holds_package(const char *folder)
{
    char path[PACKAGE_PATH_MAX + sizeof BOOTSTRAP + 1];
    snprintf(path, sizeof path, "%s/%s", folder, BOOTSTRAP);
    return access(path, R_OK) == 0;
}

/* Absolute and without links: it goes into an environment that outlives our folder. */
static bool take(const char *folder, char out[PACKAGE_PATH_MAX])
{
    char *real = holds_package(folder) ? realpath(folder, NULL) : NULL;
    bool fits = real && strlen(real) < PACKAGE_PATH_MAX;
    if (fits)
        memcpy(out, real, strlen(real) + 1);
    free(real);
    return fits;
}

int package_find(char out[PACKAGE_PATH_MAX], struct err *err)
{
    char own[PACKAGE_PATH_MAX], folder[2 * PACKAGE_PATH_MAX];
    const char *given = getenv("PITVIPER_PYTHON");
    if (given && *given) {
        if (take(given, out))
            return 0;
        return err_set(err, ERR_NOT_FOUND,
                       "there is no Python package in %s, which PITVIPER_PYTHON names: %s/%s is "
                       "missing",
                       given, given, BOOTSTRAP);
    }
    ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);
    own[size > 0 ? size : 0] = 0;
    char *slash = strrchr(own, '/');
    if (slash)
        *slash = 0;
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        snprintf(folder, sizeof folder, "%s/%s", own, places[i]);
        if (take(folder, out))
            return 0;
    }
    return err_set(err, ERR_NOT_FOUND,
                   "the Python package pitviper is not installed beside %s; PITVIPER_PYTHON=FOLDER "
                   "says where it is (the folder that holds pitviper/)",
                   slash ? own : "this program");
}
