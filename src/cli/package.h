/* SPDX-License-Identifier: MIT */
/* package.h - where the Python package of this pitviper is. */
#pragma once

#include <stddef.h>

struct err;

#define PACKAGE_PATH_MAX 4096

/* The folder that holds `pitviper/`: $PITVIPER_PYTHON, else beside this executable as a build tree,
 * an installation or pip have it. 0, or ERR_NOT_FOUND with where was looked. */
int package_find(char out[PACKAGE_PATH_MAX], struct err *err);
