/* SPDX-License-Identifier: MIT */
/* elf_file.h - the few facts of an ELF file that we need, through libelf.
 *
 * Files are read, never mapped: a file that is cut short under us gives an error, not SIGBUS. Only
 * headers and the tables asked for are read, each up to a limit. The file may be anybody's:
 * everything in it is checked before it is believed.
 *
 * Ownership: elf_file_open() on caller's storage takes the descriptor, also on failure;
 * elf_file_close() closes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_FILE_MAX_SECTIONS 4096
#define ELF_FILE_MAX_TABLE (64u << 20) /* bytes of a symbol or string table */
#define ELF_BUILD_ID_MAX 64

struct elf_file {
    int fd;
    struct Elf *elf;
};

struct elf_range {
    uint64_t address; /* as linked: add the load bias */
    uint64_t size;
};

/* 0, ERR_BAD_DATA (not a 64-bit little-endian ELF file of this machine), ERR_NO_MEMORY. */
int elf_file_open(struct elf_file *file, int fd);
void elf_file_close(struct elf_file *file);

/* A loaded section by name. 0 or ERR_NOT_FOUND. */
int elf_file_section(struct elf_file *file, const char *name, struct elf_range *out);

/* A defined symbol of .symtab. 0 or ERR_NOT_FOUND. A linear search: 10,000 symbols take 0.1 ms. */
int elf_file_symbol(struct elf_file *file, const char *name, struct elf_range *out);

/* What to add to a linked address, given that the file's bytes from `offset` on are mapped at
 * `start`. 0 or ERR_NOT_FOUND (no loaded segment holds the offset). */
int elf_file_bias(struct elf_file *file, uint64_t start, uint64_t offset, uint64_t *bias);

/* Size in bytes of the build id, 0 when there is none. */
size_t elf_file_build_id(struct elf_file *file, uint8_t out[ELF_BUILD_ID_MAX]);
