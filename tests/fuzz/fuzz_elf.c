/* SPDX-License-Identifier: MIT */
/* The input is an ELF file, as a file for libelf and as the memory of a process for dynsym. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "os/dynsym.h"
#include "os/elf_file.h"

#define IMAGE UINT64_C(0x7f0000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
    const uint8_t *data;
    size_t size;
};

static int read_image(void *context, uint64_t address, void *out, size_t size)
{
    const struct image *image = context;
    uint64_t at = address - IMAGE;
    if (at > image->size || size > image->size - at)
        return ERR_FAULT;
    memcpy(out, image->data + at, size);
    return 0;
}

static void as_memory(const uint8_t *data, size_t size)
{
    struct image image = {data, size};
    struct dynsym exports;
    uint64_t address;
    if (dynsym_open(&exports, read_image, &image, IMAGE) == 0) {
        dynsym_find(&exports, "_PyRuntime", &address, &address);
        dynsym_find(&exports, "answer", &address, NULL);
    }
}

static void as_file(const uint8_t *data, size_t size)
{
    struct elf_file file;
    struct elf_range range;
    uint8_t id[ELF_BUILD_ID_MAX];
    uint64_t bias;
    int fd = memfd_create("elf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || elf_file_open(&file, fd) < 0)
        return;
    elf_file_section(&file, ".PyRuntime", &range);
    elf_file_symbol(&file, "_PyRuntime", &range);
    elf_file_symbol(&file, "answer", &range);
    elf_file_bias(&file, IMAGE, 0, &bias);
    elf_file_build_id(&file, id);
    elf_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_memory(data, size);
    as_file(data, size);
    return 0;
}
