/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/data_dir.h"

int data_dir(const char *given, char *out, size_t size, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int written;
    if (given)
        written = snprintf(out, size, "%s", given);
    else if (geteuid() == 0)
        written = snprintf(out, size, "/var/lib/pitviper");
    else if (state && *state == '/')
        written = snprintf(out, size, "%s/pitviper", state);
    else if (home && *home == '/')
        written = snprintf(out, size, "%s/.local/state/pitviper", home);
    else
        return err_set(err, ERR_USAGE, "no home directory; --data DIR says where the store is");
    return written < (int)size ? 0 : err_set(err, ERR_USAGE, "--data: the path is too long");
}
