/* SPDX-License-Identifier: MIT */
#include "unwind/filename.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_package(const char *root, const char *full, size_t directory_size)
{
    char path[FILENAME_MAX_BYTES + 64];
    int size = snprintf(path, sizeof path, "%s%.*s/__init__.py", root, (int)directory_size, full);
    return size > 0 && (size_t)size < sizeof path && access(path, F_OK) == 0;
}

const char *filename_short(const char *root, const char *full)
{
    if (full[0] != '/' || strlen(full) >= FILENAME_MAX_BYTES)
        return full;
    const char *begin = strrchr(full, '/');
    while (begin > full && is_package(root, full, (size_t)(begin - full))) {
        const char *up = begin;
        while (up > full && *--up != '/')
            ;
        begin = up;
    }
    return begin + 1;
}
