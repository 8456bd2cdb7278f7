/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "os/dynsym.h"
#include "os/elf_file.h"
#include "os/maps.h"
#include "os/remote.h"

int elf_test_marker = 7; /* in .symtab only: the program exports nothing */

static const struct mapping *first_of(const struct maps *maps, uint64_t address)
{
    const struct mapping *mapping = maps_find(maps, address);
    assert_non_null(mapping);
    while (mapping > maps->list && strcmp(mapping[-1].path, mapping->path) == 0)
        mapping--;
    return mapping;
}

static void test_elf__symbol_and_bias_give_the_address(void **state)
{
    (void)state;
    struct elf_file file;
    struct elf_range range;
    struct maps maps = {0};
    uint64_t bias;
    assert_int_equal(maps_load(&maps, getpid()), 0);
    const struct mapping *image = first_of(&maps, (uint64_t)(uintptr_t)&elf_test_marker);
    assert_int_equal(elf_file_open(&file, open("/proc/self/exe", O_RDONLY)), 0);
    assert_int_equal(elf_file_symbol(&file, "elf_test_marker", &range), 0);
    assert_int_equal(elf_file_bias(&file, image->start, image->offset, &bias), 0);
    assert_ptr_equal((uintptr_t)(bias + range.address), &elf_test_marker);
    assert_int_equal(range.size, sizeof elf_test_marker);
    assert_int_equal(elf_file_symbol(&file, "elf_test_marke", &range), ERR_NOT_FOUND);
    assert_int_equal(elf_file_bias(&file, image->start, UINT64_C(1) << 40, &bias), ERR_NOT_FOUND);
    elf_file_close(&file);
    maps_done(&maps);
}

static void test_elf__sections_are_found_by_name(void **state)
{
    (void)state;
    struct elf_file file;
    struct elf_range range;
    uint8_t id[ELF_BUILD_ID_MAX];
    assert_int_equal(elf_file_open(&file, open("/proc/self/exe", O_RDONLY)), 0);
    assert_int_equal(elf_file_section(&file, ".data", &range), 0);
    assert_true(range.size >= sizeof elf_test_marker);
    assert_int_equal(elf_file_section(&file, ".PyRuntime", &range), ERR_NOT_FOUND);
    assert_int_equal(elf_file_section(&file, ".symtab", &range), ERR_NOT_FOUND); /* not loaded */
    assert_true(elf_file_build_id(&file, id) <= sizeof id);
    elf_file_close(&file);
}

static void test_elf__what_is_no_elf_is_refused(void **state)
{
    (void)state;
    struct elf_file file;
    static const char *const paths[] = {"/proc/self/cmdline", "/dev/null", "/", "/etc/passwd"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(elf_file_open(&file, open(paths[i], O_RDONLY)), ERR_BAD_DATA);
    assert_int_equal(elf_file_open(&file, -1), ERR_BAD_DATA);
}

/* Cut anywhere, a file gives an answer or an error, never a signal. */
static void test_elf__truncated_files_do_no_harm(void **state)
{
    (void)state;
    struct stat stat;
    int source = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(fstat(source, &stat), 0);
    static const double cuts[] = {0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        size_t size = (size_t)(cuts[i] * (double)stat.st_size);
        int copy = memfd_create("cut", 0);
        off_t at = 0;
        while ((size_t)at < size) {
            char part[4096];
            size_t want = size - (size_t)at < sizeof part ? size - (size_t)at : sizeof part;
            ssize_t got = pread(source, part, want, at);
            assert_true(got > 0);
            assert_int_equal(write(copy, part, (size_t)got), got);
            at += got;
        }
        struct elf_file file;
        struct elf_range range;
        uint8_t id[ELF_BUILD_ID_MAX];
        if (elf_file_open(&file, copy) < 0)
            continue;
        elf_file_symbol(&file, "elf_test_marker", &range);
        elf_file_section(&file, ".data", &range);
        elf_file_build_id(&file, id);
        assert_int_equal(ftruncate(copy, 16), 0); /* under our feet */
        elf_file_symbol(&file, "main", &range);
        elf_file_close(&file);
    }
    close(source);
}

static int read_self(void *context, uint64_t address, void *out, size_t size)
{
    struct iovec piece = {(void *)(uintptr_t)address, size};
    ssize_t got = remote_readv(context, out, size, &piece, 1);
    return got == (ssize_t)size ? 0 : got < 0 ? (int)got : ERR_FAULT;
}

static void test_elf__exports_are_found_in_memory(void **state)
{
    (void)state;
    struct maps maps = {0};
    struct remote self;
    struct dynsym exports;
    uint64_t address, size;
    static const char *const names[] = {"getpid", "environ", "malloc", "strtoull"};
    remote_open(&self, getpid());
    assert_int_equal(maps_load(&maps, getpid()), 0);
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    assert_non_null(libc);
    const struct mapping *image = first_of(&maps, (uint64_t)(uintptr_t)dlsym(libc, "getpid"));
    assert_int_equal(dynsym_open(&exports, read_self, &self, image->start), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        Dl_info info;
        assert_int_equal(dynsym_find(&exports, names[i], &address, &size), 0);
        assert_true(dladdr((void *)(uintptr_t)address, &info) != 0);
        assert_ptr_equal((uintptr_t)info.dli_fbase, image->start);
        if (strcmp(names[i], "getpid") == 0 || strcmp(names[i], "environ") == 0)
            assert_ptr_equal((uintptr_t)address, dlsym(libc, names[i]));
    }
    assert_int_equal(dynsym_find(&exports, "no_such_function", &address, NULL), ERR_NOT_FOUND);
    assert_int_equal(dynsym_open(&exports, read_self, &self, 8), ERR_FAULT);
    assert_int_equal(dynsym_open(&exports, read_self, &self, image->start + 64), ERR_BAD_DATA);
    dlclose(libc);
    remote_close(&self);
    maps_done(&maps);
}
