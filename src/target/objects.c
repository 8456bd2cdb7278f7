/* SPDX-License-Identifier: MIT */
/* Which ELF files are mapped, most promising first: the executable (static builds), then what
 * has "python" in its name, then the rest (embedded interpreters). A name only orders, it never
 * decides. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "os/procfs.h"
#include "target/own.h"

static bool same_file(const struct mapping *a, const struct mapping *b)
{
    return a->inode == b->inode && a->device == b->device && strcmp(a->path, b->path) == 0;
}

static enum object_rank rank_of(const char *path, const char *executable)
{
    if (strcmp(path, executable) == 0)
        return OBJECT_EXECUTABLE;
    const char *name = strrchr(path, '/');
    return strstr(name ? name : path, "python") ? OBJECT_NAMED_PYTHON : OBJECT_OTHER;
}

/* The mappings that belong to the file at `first`: its own, and the anonymous ones right behind a
 * writable one (.bss). Anonymous gaps inside belong too. */
static size_t extent_of(const struct maps *maps, size_t first)
{
    size_t last = first;
    for (size_t i = first + 1; i < maps->count; i++) {
        const struct mapping *mapping = &maps->list[i], *before = &maps->list[i - 1];
        bool bss = !mapping->path[0] && mapping->start == before->end && mapping->writable;
        if (mapping->inode && same_file(mapping, &maps->list[first]) && mapping->offset)
            last = i;
        else if (bss && before->writable && i == last + 1)
            last = i;
        else if (mapping->inode || i > last + 2)
            break;
    }
    return last - first + 1;
}

static int by_rank(const void *a, const void *b)
{
    const struct object *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return left->first < right->first ? -1 : left->first > right->first;
}

int objects_from_maps(struct objects *objects, const char *executable)
{
    const struct maps *maps = &objects->maps;
    free(objects->list);
    objects->list = calloc(maps->count + 1, sizeof *objects->list);
    objects->count = 0;
    if (!objects->list)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < maps->count && objects->count < OBJECT_MAX;) {
        const struct mapping *mapping = &maps->list[i];
        if (!mapping->inode || mapping->path[0] != '/') {
            i++;
            continue;
        }
        struct object object = {.path = mapping->path,
                                .inode = mapping->inode,
                                .image = mapping->offset ? 0 : mapping->start,
                                .first_end = mapping->end,
                                .first = i,
                                .count = extent_of(maps, i),
                                .rank = rank_of(mapping->path, executable)};
        bool code = false, data = false;
        for (size_t k = i; k < i + object.count; k++) {
            code |= maps->list[k].executable;
            data |= maps->list[k].writable;
        }
        if (code && data)
            objects->list[objects->count++] = object;
        i += object.count;
    }
    qsort(objects->list, objects->count, sizeof *objects->list, by_rank);
    return 0;
}

int objects_load(struct objects *objects, pid_t pid)
{
    char executable[4096] = "";
    int result = maps_load(&objects->maps, pid);
    if (result < 0)
        return result;
    if (proc_link(pid, "exe", executable, sizeof executable) == 0) {
        char *gone = strstr(executable, " (deleted)");
        if (gone)
            *gone = 0;
    }
    return objects_from_maps(objects, executable);
}

void objects_done(struct objects *objects)
{
    maps_done(&objects->maps);
    free(objects->list);
    *objects = (struct objects){0};
}

/* The path may lead to anything by now: only a regular file is opened for good, and opening must
 * not block on a pipe. */
static int open_regular(const char *path, uint64_t inode)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (!inode || stat.st_ino == inode))
        return fd;
    close(fd);
    return -1;
}

int object_open_file(const struct object *object, pid_t pid)
{
    char path[4400];
    snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", (int)pid,
             (unsigned long long)object->image, (unsigned long long)object->first_end);
    int fd = open_regular(path, 0); /* needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN */
    if (fd < 0 && object->rank == OBJECT_EXECUTABLE) {
        snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
        fd = open_regular(path, 0);
    }
    if (fd < 0) {
        snprintf(path, sizeof path, "/proc/%d/root%s", (int)pid, object->path);
        fd = open_regular(path, object->inode); /* another inode: replaced since it was mapped */
    }
    return fd;
}
