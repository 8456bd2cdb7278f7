/* SPDX-License-Identifier: MIT */
/* filename.h - file names as people want to see them: "flask/app.py" instead of
 * "/srv/venv/lib/python3.12/site-packages/flask/app.py". */
#pragma once

#include <stddef.h>

#define FILENAME_MAX_BYTES 4096

/* Cuts the directories above the outermost package: those without an __init__.py, looked up below
 * `root` (such as "/proc/42/root"). Names that are not absolute paths stay as they are.
 * Returns a pointer into `full`. Cost: one access() per directory level kept. */
const char *filename_short(const char *root, const char *full);
