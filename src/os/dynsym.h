/* SPDX-License-Identifier: MIT */
/* dynsym.h - exported symbols of a loaded ELF object, from its memory.
 *
 * The dynamic linker needs them too, so they are in memory whatever became of the file: stripped,
 * deleted, replaced, in a namespace we cannot see. A look-up through the GNU hash table costs about
 * five small reads.
 *
 * Memory comes through a callback and is believed in nothing: every count and walk is bounded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Copies exactly `size` bytes; 0 or a negative error. */
typedef int (*dynsym_read)(void *context, uint64_t address, void *out, size_t size);

struct dynsym {
    dynsym_read read;
    void *context;
    uint64_t bias; /* add to a linked address */
    uint64_t symbols, names, names_size;
    uint64_t gnu_hash, sysv_hash; /* 0: none */
};

/* `image` is where the file's first byte is mapped. 0, ERR_BAD_DATA (not an ELF object of this
 * machine), ERR_NOT_FOUND (bias is set, but it exports nothing), or what `read` returned. */
int dynsym_open(struct dynsym *dynsym, dynsym_read read, void *context, uint64_t image);

/* A defined symbol's address in the process, its size when `size` is not NULL. 0, ERR_NOT_FOUND, or
 * what `read` returned. */
int dynsym_find(struct dynsym *dynsym, const char *name, uint64_t *address, uint64_t *size);
