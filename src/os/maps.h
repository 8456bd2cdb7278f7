/* SPDX-License-Identifier: MIT */
/* maps.h - the memory map of a process, at one moment.
 *
 * The process goes on mapping and unmapping while the kernel prints, so neighbours may disagree:
 * a mapping is a hint where to read, never a promise.
 *
 * Ownership: maps_load() and maps_parse() fill the caller's struct maps (zeroed or used before),
 * maps_done() frees it. `path` of a mapping lives as long as the maps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define MAPS_MAX_BYTES (32u << 20) /* what a hostile process can make us read */

struct mapping {
    uint64_t start, end;
    uint64_t offset; /* in the file */
    uint64_t device; /* major << 32 | minor, as printed; not stat's on every file system */
    uint64_t inode;  /* 0: no file */
    bool readable, writable, executable, shared;
    bool deleted;     /* the name is gone, the file is not */
    const char *path; /* "" when anonymous; "[heap]" and such for the kernel's own */
};

struct maps {
    struct mapping *list; /* ascending, never overlapping */
    size_t count, capacity;
    char *text;
};

/* 0, ERR_GONE, ERR_DENIED, ERR_LIMIT, ERR_NO_MEMORY. No message: the caller knows why it asked. */
int maps_load(struct maps *maps, pid_t pid);

/* Pure. Takes ownership of `text` (malloc'ed, `size` bytes and a NUL), cuts it into paths. Lines
 * that make no sense, run backwards or overlap are skipped. 0 or ERR_NO_MEMORY. */
int maps_parse(struct maps *maps, char *text, size_t size);
void maps_done(struct maps *maps);

/* The mapping that holds the address, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);
