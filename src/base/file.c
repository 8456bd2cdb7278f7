/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

#define TEMPORARY_TRIES 100
#define READ_CHUNK ((size_t)64 << 10)

/* Where the bytes will go. */
struct place {
    char path[PATH_MAX];      /* links followed */
    char temporary[PATH_MAX]; /* beside it */
    mode_t mode;              /* of the file that is there; 0: none is */
    bool direct;              /* no regular file: no temporary one */
};

static int fail(struct err *err, const char *path, const char *doing)
{
    int saved = errno;
    int code = ERR_IO;
    if (saved == EACCES || saved == EPERM || saved == EROFS)
        code = ERR_DENIED;
    else if (saved == ENOENT || saved == ENOTDIR)
        code = ERR_NOT_FOUND;
    else if (saved == EISDIR || saved == ENAMETOOLONG)
        code = ERR_USAGE;
    return err_set(err, code, "%s: cannot %s: %s", path, doing, strerror(saved));
}

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int find_place(const char *path, struct place *place, struct err *err)
{
    struct stat info;
    *place = (struct place){0};
    if (!*path)
        return err_set(err, ERR_USAGE, "the output's name is empty");
    bool exists = stat(path, &info) == 0;
    if (!exists && errno != ENOENT)
        return fail(err, path, "write");
    place->direct = exists && !S_ISREG(info.st_mode);
    if (exists && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return fail(err, path, "write");
    }
    if (exists && access(path, W_OK) < 0)
        return fail(err, path, "write");
    if (exists && !place->direct) {
        place->mode = info.st_mode & 07777;
        if (!realpath(path, place->path))
            return fail(err, path, "write");
    } else if (snprintf(place->path, PATH_MAX, "%s", path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return fail(err, path, "write");
    }
    return 0;
}

/* Opens a new file in the folder of place->path and remembers its name. */
static int open_temporary(struct place *place, const char *path, struct err *err)
{
    const char *slash = strrchr(place->path, '/');
    int folder_size = slash ? (int)(slash - place->path) + 1 : 0;
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        if (snprintf(place->temporary, PATH_MAX, "%.*s.pitviper-%d-%d", folder_size, place->path,
                     (int)getpid(), i) >= PATH_MAX)
            errno = ENAMETOOLONG;
        else {
            int fd = open(place->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (fd >= 0)
                return fd;
        }
        if (errno != EEXIST)
            break;
    }
    return fail(err, path, "write");
}

int file_check_writable(const char *path, struct err *err)
{
    struct place place;
    if (is_standard(path))
        return 0;
    int result = find_place(path, &place, err);
    if (result < 0 || place.direct)
        return result;
    /* The final name itself may be impossible (too long) although its folder is fine. */
    const char *slash = strrchr(place.path, '/');
    const char *name = slash ? slash + 1 : place.path;
    if (!*name || strlen(name) > NAME_MAX) {
        errno = *name ? ENAMETOOLONG : EISDIR;
        return fail(err, path, "write");
    }
    int fd = open_temporary(&place, path, err);
    if (fd < 0)
        return fd;
    close(fd);
    unlink(place.temporary);
    return 0;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

struct file_out {
    struct place place;
    const char *name; /* for sentences: the caller's path, which it keeps */
    int fd;
    bool failed;
};

static int open_directly(struct file_out *out, const char *path, struct err *err)
{
    out->fd = is_standard(path) ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return out->fd < 0 ? fail(err, path, "write") : 0;
}

int file_out_open(const char *path, struct file_out **opened, struct err *err)
{
    struct file_out *out = calloc(1, sizeof *out);
    if (!out)
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", path);
    out->name = is_standard(path) ? "standard output" : path;
    int result = is_standard(path) ? 0 : find_place(path, &out->place, err);
    out->place.direct |= is_standard(path);
    if (result == 0 && out->place.direct)
        result = open_directly(out, path, err);
    else if (result == 0)
        result = out->fd = open_temporary(&out->place, path, err);
    if (result < 0) {
        free(out);
        return result;
    }
    *opened = out;
    return 0;
}

int file_out_write(struct file_out *out, const void *data, size_t size, struct err *err)
{
    if (write_all(out->fd, data, size))
        return 0;
    out->failed = true;
    return fail(err, out->name, "write");
}

/* Some file systems tell only at fsync() or close() that the disk is full. */
static int finish_temporary(struct file_out *out, bool keep, struct err *err)
{
    const struct place *place = &out->place;
    keep = keep && !out->failed;
    bool done =
        !keep || ((!place->mode || fchmod(out->fd, place->mode) == 0) && fsync(out->fd) == 0);
    int result = done ? 0 : fail(err, out->name, "write");
    if (close(out->fd) < 0 && result == 0)
        result = fail(err, out->name, "write");
    if (keep && result == 0 && rename(place->temporary, place->path) < 0)
        result = fail(err, out->name, "write");
    if (!keep || result < 0)
        unlink(place->temporary);
    return result;
}

int file_out_close(struct file_out *out, bool keep, struct err *err)
{
    int result = 0;
    if (!out)
        return 0;
    if (!out->place.direct)
        result = finish_temporary(out, keep, err);
    else if (out->fd != STDOUT_FILENO && close(out->fd) < 0)
        result = fail(err, out->name, "write");
    free(out);
    return result;
}

int file_replace(const char *path, const void *data, size_t size, struct err *err)
{
    struct file_out *out;
    int result = file_out_open(path, &out, err);
    if (result < 0)
        return result;
    result = file_out_write(out, data, size, err);
    int closed = file_out_close(out, result == 0, result == 0 ? err : NULL);
    return result < 0 ? result : closed;
}

static int read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    for (;;) {
        char *to = buf_reserve(out, READ_CHUNK);
        if (!to)
            return err_set(err, ERR_LIMIT, "%s: too large (more than %zu MiB)", path,
                           (out->ceiling ? out->ceiling : BUF_DEFAULT_CEILING) >> 20);
        ssize_t size = read(fd, to, READ_CHUNK);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fail(err, path, "read");
        if (size == 0) {
            *to = 0; /* struct buf's promise */
            return 0;
        }
        out->size += (size_t)size;
    }
}

int file_read(const char *path, struct buf *out, struct err *err)
{
    if (is_standard(path))
        return read_all(STDIN_FILENO, "standard input", out, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, path, "read");
    int result = read_all(fd, path, out, err);
    close(fd);
    return result;
}
