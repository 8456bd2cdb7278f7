/* SPDX-License-Identifier: MIT */
/* The published tables (tests/fuzz/corpus/fuzz_debug_offsets, written by scripts/gen_pyabi.py from
 * the initialisers in each version's headers) must decode to what the same headers say field by
 * field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "pyabi/pyabi.h"

#define HEADER 24
#define WORD(n) (HEADER + (n)*8) /* position of the n-th field behind the header */
#define INTERP_SIZE_WORD 3       /* in every list so far */

static const char *const fixtures[] = {"3.13.0",   "3.13.0t", "3.14.10",
                                       "3.14.10t", "3.15.2",  "3.15.2t"};
#define FIXTURE_COUNT (sizeof fixtures / sizeof fixtures[0])

static size_t load(const char *name, char table[PYABI_RUNTIME_MAX])
{
    char path[1000] = __FILE__;
    char *folder = strrchr(path, '/');
    assert_non_null(folder);
    size_t used = (size_t)(folder - path);
    snprintf(path + used, sizeof path - used, "/../fuzz/corpus/fuzz_debug_offsets/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(table, 1, PYABI_RUNTIME_MAX, file);
    fclose(file);
    return size;
}

static void put(char *table, size_t position, uint64_t word)
{
    memcpy(table + position, &word, sizeof word);
}

static uint64_t get(const char *table, size_t position)
{
    uint64_t word;
    memcpy(&word, table + position, sizeof word);
    return word;
}

static void test_pyabi__old_versions_have_a_row_each(void **state)
{
    (void)state;
    for (uint32_t minor = 6; minor <= 12; minor++) {
        const struct pyabi *row = pyabi_for_version(0x030000f0 | minor << 16);
        assert_non_null(row);
        assert_int_equal(row->version_hex >> 16, 0x0300 | minor);
    }
    assert_null(pyabi_for_version(0x030500f0));
    assert_null(pyabi_for_version(0x030d00f0));
    assert_null(pyabi_for_version(0x02070ff0));
}

/* Numbers measured independently, on the machines of others too. */
static void test_pyabi__known_numbers(void **state)
{
    (void)state;
    const struct pyabi *py38 = pyabi_for_version(0x030808f0);
    const struct pyabi *py311 = pyabi_for_version(0x030b00f0);
    const struct pyabi *py312 = pyabi_for_version(0x030c07f0);
    assert_int_equal(py38->runtime.tstate_current, 1368);
    assert_int_equal(py38->interp.id, 16);
    assert_int_equal(py38->frame.instr, 104);
    assert_int_equal(py38->code.lines, 120);
    assert_int_equal(pyabi_for_version(0x030a00f0)->frame.instr_scale, 2);
    assert_int_equal(py311->tstate.frame, 56);
    assert_int_equal(py311->cframe.current_frame, 8);
    assert_int_equal(py311->code.bytecode, 184);
    assert_int_equal(py312->cframe.current_frame, 0);
    assert_int_equal(py312->interp.ceval_gil, 384);
    assert_int_equal(py312->frame.owner, 70);
    assert_int_equal(py312->unicode.ascii_size, 40);
}

static void test_pyabi__published_tables_equal_the_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURE_COUNT; i++) {
        char table[PYABI_RUNTIME_MAX];
        struct pyabi abi;
        struct err err;
        size_t size = load(fixtures[i], table);
        bool free_threaded = strchr(fixtures[i], 't') != NULL;
        assert_int_equal(pyabi_debug_offsets_size(table, size), size);
        assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, &err), 0);
        assert_int_equal(abi.free_threaded, free_threaded);
        assert_memory_equal(&abi, pyabi_from_headers(abi.version_hex, free_threaded), sizeof abi);
    }
}

static void test_pyabi__a_moved_struct_loses_only_what_is_not_published(void **state)
{
    (void)state;
    char table[PYABI_RUNTIME_MAX];
    struct pyabi abi;
    size_t size = load("3.14.10", table);
    const struct pyabi *row = pyabi_from_headers(0x030e00f0, false);
    /* 8 bytes inserted between co_firstlineno and co_localsplusnames */
    for (size_t at = HEADER; at < size; at += 8)
        if (get(table, at) == (uint64_t)row->code.localsplusnames)
            put(table, at, (uint64_t)row->code.localsplusnames + 8);
    assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, NULL), 0);
    assert_int_equal(abi.code.localsplusnames, row->code.localsplusnames + 8);
    assert_int_equal(abi.code.framesize, PYABI_NONE);
    assert_int_equal(abi.code.version, PYABI_NONE);
    assert_int_equal(abi.code.kwonlyargcount, row->code.kwonlyargcount);
    assert_int_equal(abi.code.flags, row->code.flags);
}

static void test_pyabi__a_cut_table_is_bad_data(void **state)
{
    (void)state;
    char table[PYABI_RUNTIME_MAX];
    size_t size = load("3.15.2", table);
    struct pyabi abi = {.version_hex = 7};
    struct err err;
    assert_int_equal(pyabi_from_debug_offsets(table, size - 8, &abi, &err), ERR_BAD_DATA);
    assert_int_equal(pyabi_from_debug_offsets(table, 10, &abi, &err), ERR_BAD_DATA);
    assert_int_equal(pyabi_debug_offsets_size(table, 10), 0);
    assert_int_equal(abi.version_hex, 7); /* failure leaves outputs alone */
}

static void test_pyabi__no_cookie_is_bad_data(void **state)
{
    (void)state;
    char table[PYABI_RUNTIME_MAX];
    struct pyabi abi;
    size_t size = load("3.13.0", table);
    table[0] ^= 1;
    assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, NULL), ERR_BAD_DATA);
    assert_int_equal(pyabi_debug_offsets_size(table, size), 0);
}

static void test_pyabi__offsets_outside_their_struct_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURE_COUNT; i++) {
        char table[PYABI_RUNTIME_MAX];
        struct pyabi abi;
        size_t size = load(fixtures[i], table);
        put(table, WORD(INTERP_SIZE_WORD), 64); /* far smaller than its fields need */
        assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, NULL), ERR_BAD_DATA);
        load(fixtures[i], table);
        put(table, WORD(INTERP_SIZE_WORD + 2), UINT64_MAX - 3); /* next */
        assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, NULL), ERR_BAD_DATA);
        load(fixtures[i], table);
        put(table, WORD(INTERP_SIZE_WORD + 2), 12); /* a pointer at an odd place */
        assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, NULL), ERR_BAD_DATA);
    }
}

static void expect_refused(uint64_t version, const char *name)
{
    char table[PYABI_RUNTIME_MAX];
    struct pyabi abi;
    struct err err;
    size_t size = load("3.15.2", table);
    put(table, 8, version);
    assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, name));
    assert_non_null(strstr(err.text, pyabi_supported()));
}

static void test_pyabi__early_and_unknown_versions_are_refused_by_name(void **state)
{
    (void)state;
    expect_refused(0x030f00a7, "Python 3.15.0a7:");
    expect_refused(0x030f00b3, "Python 3.15.0b3:");
    expect_refused(0x030e00c2, "Python 3.14.0rc2:");
    expect_refused(0x031000f0, "Python 3.16.0:");
    expect_refused(0x040102f0, "Python 4.1.2:");
}

static void test_pyabi__release_candidates_with_the_final_list_are_read(void **state)
{
    (void)state;
    char table[PYABI_RUNTIME_MAX];
    struct pyabi abi;
    size_t size = load("3.15.2", table);
    put(table, 8, 0x030f00c1);
    assert_int_equal(pyabi_from_debug_offsets(table, size, &abi, NULL), 0);
    assert_int_equal(abi.version_hex, 0x030f00c1);
}

static void test_pyabi__supported_names_the_first_and_the_last_row(void **state)
{
    (void)state;
    char text[32];
    const struct pyabi *last = pyabi_from_headers(0x03ff00f0, false);
    assert_non_null(pyabi_for_version(0x030600f0));
    snprintf(text, sizeof text, "3.6 to 3.%u", last->version_hex >> 16 & 0xff);
    assert_string_equal(pyabi_supported(), text);
}
