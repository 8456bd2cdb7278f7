/* SPDX-License-Identifier: MIT */
#include "os/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static int read_all(int fd, char **text, size_t *size)
{
    size_t capacity = 64 << 10, used = 0;
    char *data = malloc(capacity);
    if (!data)
        return ERR_NO_MEMORY;
    for (;;) {
        ssize_t got = read(fd, data + used, capacity - used - 1);
        if (got < 0) {
            int code = errno == ESRCH ? ERR_GONE : ERR_DENIED;
            free(data);
            return code;
        }
        if (got == 0)
            break;
        used += (size_t)got;
        if (capacity - used - 1 > 4096)
            continue;
        char *more = capacity < MAPS_MAX_BYTES ? realloc(data, capacity * 2) : NULL;
        if (!more) {
            free(data);
            return capacity < MAPS_MAX_BYTES ? ERR_NO_MEMORY : ERR_LIMIT;
        }
        data = more;
        capacity *= 2;
    }
    data[used] = 0;
    *text = data;
    *size = used;
    return 0;
}

int maps_load(struct maps *maps, pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ESRCH ? ERR_GONE : ERR_DENIED;
    char *text;
    size_t size;
    int result = read_all(fd, &text, &size);
    close(fd);
    return result < 0 ? result : maps_parse(maps, text, size);
}

/* One hexadecimal number and the character that must follow it. */
static bool take_hex(char **at, char after, uint64_t *out)
{
    if (!strchr("0123456789abcdefABCDEF", **at) || !**at)
        return false;
    char *end;
    *out = strtoull(*at, &end, 16);
    if (*end != after)
        return false;
    *at = end + 1;
    return true;
}

/* "start-end rwxp offset major:minor inode   path" */
static bool parse_line(char *line, struct mapping *out)
{
    static const char gone[] = " (deleted)";
    uint64_t major, minor;
    if (!take_hex(&line, '-', &out->start) || !take_hex(&line, ' ', &out->end) ||
        strnlen(line, 5) < 5 || line[4] != ' ')
        return false;
    out->readable = line[0] == 'r';
    out->writable = line[1] == 'w';
    out->executable = line[2] == 'x';
    out->shared = line[3] == 's';
    line += 5;
    if (!take_hex(&line, ' ', &out->offset) || !take_hex(&line, ':', &major) ||
        !take_hex(&line, ' ', &minor))
        return false;
    out->device = major << 32 | (minor & UINT32_MAX);
    out->inode = strtoull(line, &line, 10);
    while (*line == ' ')
        line++;
    size_t length = strlen(line);
    out->deleted = length > sizeof gone - 1 && strcmp(line + length - (sizeof gone - 1), gone) == 0;
    if (out->deleted)
        line[length - (sizeof gone - 1)] = 0;
    out->path = line;
    return out->start < out->end;
}

static struct mapping *add_mapping(struct maps *maps)
{
    if (maps->count == maps->capacity) {
        size_t capacity = maps->capacity ? maps->capacity * 2 : 256;
        struct mapping *list = realloc(maps->list, capacity * sizeof *list);
        if (!list)
            return NULL;
        maps->list = list;
        maps->capacity = capacity;
    }
    return &maps->list[maps->count];
}

int maps_parse(struct maps *maps, char *text, size_t size)
{
    free(maps->text);
    maps->text = text;
    maps->count = 0;
    uint64_t floor = 0;
    for (char *line = text, *end = text + size; line < end;) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            next = end;
        *next = 0;
        struct mapping *mapping = add_mapping(maps);
        if (!mapping)
            return ERR_NO_MEMORY;
        if (parse_line(line, mapping) && mapping->start >= floor) {
            floor = mapping->end;
            maps->count++;
        }
        line = next + 1;
    }
    return 0;
}

void maps_done(struct maps *maps)
{
    free(maps->list);
    free(maps->text);
    *maps = (struct maps){0};
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
    size_t low = 0, high = maps->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (maps->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < maps->count && maps->list[low].start <= address ? &maps->list[low] : NULL;
}
