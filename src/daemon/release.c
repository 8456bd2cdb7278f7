/* SPDX-License-Identifier: MIT */
#include "daemon/release.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_UP_MAX 8
#define PATH_BYTES 1024
#define COMMIT_SHOWN 12u
#define PACKED_MAX_BYTES ((size_t)1 << 20)

static bool is_commit(const char *text)
{
    size_t digits = 0;
    while (isxdigit((unsigned char)text[digits]))
        digits++;
    return digits == 40 || digits == 64;
}

/* A name such as "refs/heads/main": it becomes part of a path. */
static bool is_reference(const char *name)
{
    return strncmp(name, "refs/", 5) == 0 && !strstr(name, "..") && strlen(name) < PATH_BYTES / 2;
}

/* A whole regular file, cut to `size`, without its last newline. Whoever runs the process may have
 * put a pipe there: opening it must not wait. */
static bool read_text(const char *folder, const char *name, char *out, size_t size)
{
    char path[PATH_BYTES];
    struct stat stat;
    int written = snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd =
        written < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    ssize_t got = -1;
    if (fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
        got = read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return false;
    out[got] = 0;
    if (out[got - 1] == '\n')
        out[got - 1] = 0;
    return true;
}

/* Lines of "<commit> <reference>". */
static bool find_packed(const char *git, const char *reference, char *out, size_t size)
{
    char *text = malloc(PACKED_MAX_BYTES);
    size_t length = strlen(reference);
    bool found = false;
    if (text && read_text(git, "packed-refs", text, PACKED_MAX_BYTES))
        for (const char *at = text; !found && (at = strstr(at, reference)); at += length)
            if (at - text >= 41 && at[-1] == ' ' && (at[length] == '\n' || !at[length]) &&
                is_commit(at - 41)) {
                snprintf(out, size, "%.*s", (int)COMMIT_SHOWN, at - 41);
                found = true;
            }
    free(text);
    return found;
}

static bool head_of(const char *git, char *out, size_t size)
{
    char head[PATH_BYTES], commit[128];
    if (!read_text(git, "HEAD", head, sizeof head))
        return false;
    if (is_commit(head)) {
        snprintf(out, size, "%.*s", (int)COMMIT_SHOWN, head);
        return true;
    }
    if (strncmp(head, "ref: ", 5) != 0 || !is_reference(head + 5))
        return false;
    if (!read_text(git, head + 5, commit, sizeof commit))
        return find_packed(git, head + 5, out, size);
    if (!is_commit(commit))
        return false;
    snprintf(out, size, "%.*s", (int)COMMIT_SHOWN, commit);
    return true;
}

void release_of_folder(pid_t pid, char *out, size_t size)
{
    /* From where the process is, whatever its root and its mounts are called here. */
    char git[PATH_BYTES / 2], folder[PATH_BYTES / 4];
    int written = snprintf(folder, sizeof folder, "/proc/%d/cwd", (int)pid);
    out[0] = 0;
    for (int up = 0; up < FOLDERS_UP_MAX; up++) {
        snprintf(git, sizeof git, "%s/.git", folder);
        if (head_of(git, out, size))
            return;
        written += snprintf(folder + written, sizeof folder - (size_t)written, "/..");
    }
}
