/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "os/maps.h"

static void parse(struct maps *maps, const char *text)
{
    assert_int_equal(maps_parse(maps, strdup(text), strlen(text)), 0);
}

static void test_maps__every_field_is_read(void **state)
{
    (void)state;
    struct maps maps = {0};
    parse(&maps,
          "555555554000-555555556000 r-xp 00002000 fe:01 1234567                    /usr/bin/a b\n"
          "7ffff7d00000-7ffff7d01000 rw-s 00000000 00:05 99 /memfd:ring (deleted)\n"
          "7ffff7ff0000-7ffff7ff1000 ---p 00000000 00:00 0 \n");
    assert_int_equal(maps.count, 3);
    const struct mapping *first = &maps.list[0];
    assert_int_equal(first->start, 0x555555554000);
    assert_int_equal(first->end, 0x555555556000);
    assert_int_equal(first->offset, 0x2000);
    assert_int_equal(first->device, 0xfe00000001);
    assert_int_equal(first->inode, 1234567);
    assert_true(first->readable && first->executable && !first->writable && !first->shared);
    assert_string_equal(first->path, "/usr/bin/a b");
    assert_true(maps.list[1].deleted && maps.list[1].shared && maps.list[1].writable);
    assert_string_equal(maps.list[1].path, "/memfd:ring");
    assert_string_equal(maps.list[2].path, "");
    assert_false(maps.list[2].readable);
    maps_done(&maps);
}

static void test_maps__nonsense_lines_are_skipped(void **state)
{
    (void)state;
    struct maps maps = {0};
    parse(&maps, "\n"
                 "hello\n"
                 "1000-\n"
                 "1000-2000\n"
                 "1000-2000 rw\n"
                 "3000-2000 rw-p 0 0:0 0 backwards\n"
                 " 1000-2000 rw-p 0 0:0 0 blank\n"
                 "-1000-2000 rw-p 0 0:0 0 sign\n"
                 "4000-5000 rw-p 00000000 00:00 0 good");
    assert_int_equal(maps.count, 1);
    assert_string_equal(maps.list[0].path, "good");
    maps_done(&maps);
}

static void test_maps__overlaps_are_skipped(void **state)
{
    (void)state;
    struct maps maps = {0};
    parse(&maps, "1000-3000 rw-p 0 0:0 0 a\n"
                 "2000-4000 rw-p 0 0:0 0 b\n"
                 "3000-4000 rw-p 0 0:0 0 c\n"
                 "0-1000 rw-p 0 0:0 0 d\n");
    assert_int_equal(maps.count, 2);
    assert_string_equal(maps.list[1].path, "c");
    maps_done(&maps);
}

static void test_maps__find_knows_holes_and_ends(void **state)
{
    (void)state;
    struct maps maps = {0};
    assert_null(maps_find(&maps, 0));
    parse(&maps, "1000-2000 rw-p 0 0:0 0 a\n3000-4000 rw-p 0 0:0 0 b\n");
    assert_null(maps_find(&maps, 0xfff));
    assert_string_equal(maps_find(&maps, 0x1000)->path, "a");
    assert_string_equal(maps_find(&maps, 0x1fff)->path, "a");
    assert_null(maps_find(&maps, 0x2000));
    assert_string_equal(maps_find(&maps, 0x3fff)->path, "b");
    assert_null(maps_find(&maps, 0x4000));
    assert_null(maps_find(&maps, UINT64_MAX));
    maps_done(&maps);
}

static void test_maps__own_process_is_loaded(void **state)
{
    (void)state;
    struct maps maps = {0};
    static int variable = 1;
    assert_int_equal(maps_load(&maps, getpid()), 0);
    const struct mapping *code = maps_find(&maps, (uint64_t)(uintptr_t)&maps_load);
    const struct mapping *data = maps_find(&maps, (uint64_t)(uintptr_t)&variable);
    assert_true(code && code->executable && code->inode);
    assert_true(data && data->writable);
    maps_done(&maps);
    assert_int_equal(maps_load(&maps, 1 << 30), ERR_GONE);
}
