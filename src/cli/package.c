/* SPDX-License-Identifier: MIT */
/* package.c - the package travels with the executable.
 *
 *     build tree   build/src/cli/pitviper                 build/python/pitviper/
 *     installed    PREFIX/bin/pitviper                    PREFIX/lib/pitviper/python/pitviper/
 *     pip          ENV/bin/pitviper                       ENV/lib/python3.N/site-packages/pitviper/
 */
#include "cli/package.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define BOOTSTRAP "pitviper/bootstrap/sitecustomize.py"

/* From the executable's folder: names, and where that leads. */
static const char *const places[] = {
    "python",
    "../python",
    "../../python",
    "../lib/pitviper/python",
};
/* The same as pip chooses it, by the version of its own Python; Debian says dist-packages. */
#define BY_PIP "../lib/python3*/{site,dist}-packages"

static bool holds_package(const char *folder)
{
    char path[PACKAGE_PATH_MAX + sizeof BOOTSTRAP + 1];
    int size = snprintf(path, sizeof path, "%s/%s", folder, BOOTSTRAP);
    return (size_t)size < sizeof path && access(path, R_OK) == 0;
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

static bool take_from_pip(const char *own, char out[PACKAGE_PATH_MAX])
{
    char pattern[PACKAGE_PATH_MAX + sizeof BY_PIP + 1];
    glob_t found;
    bool taken = false;
    snprintf(pattern, sizeof pattern, "%s/%s", own, BY_PIP);
    if (glob(pattern, GLOB_BRACE, NULL, &found) == 0)
        for (size_t i = 0; !taken && i < found.gl_pathc; i++)
            taken = take(found.gl_pathv[i], out);
    globfree(&found);
    return taken;
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
    if (slash && take_from_pip(own, out))
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "the Python package pitviper is not installed beside %s; PITVIPER_PYTHON=FOLDER "
                   "says where it is (the folder that holds pitviper/)",
                   slash ? own : "this program");
}
