/* SPDX-License-Identifier: MIT */
/* Objects in a made-up memory, laid out as each version does; also memory full of nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "fake_target.h"
#include "target/journal.h"
#include "unwind/object.h"
#include "unwind/repr.h"

#define READS_MAX 20000u /* for one value, whatever memory holds */

static struct fake fake;

struct world {
    struct target *target;
    const struct pyabi *abi;
    uint64_t free; /* next free address */
};

static const struct {
    uint32_t version_hex;
    bool free_threaded;
} builds[] = {{0x03060000, false}, {0x03070000, false}, {0x03080000, false}, {0x03090000, false},
              {0x030a0000, false}, {0x030b0000, false}, {0x030c0000, false}, {0x030d0000, false},
              {0x030d0000, true},  {0x030e0000, false}, {0x030e0000, true},  {0x030f0000, false},
              {0x030f0000, true}};

#define BUILDS (sizeof builds / sizeof builds[0])

static struct world world_new(size_t build)
{
    struct world world = {
        .abi = pyabi_from_headers(builds[build].version_hex, builds[build].free_threaded),
        .free = FAKE_BASE + 0x1000};
    assert_non_null(world.abi);
    memset(&fake, 0, sizeof fake);
    world.target = target_new(1 << 30, fake_readv, &fake);
    assert_non_null(world.target);
    world.target->abi = *world.abi;
    world.target->version_hex = world.abi->version_hex;
    return world;
}

static void world_free(struct world *world)
{
    target_close(world->target);
}

static uint64_t take(struct world *world, size_t size)
{
    uint64_t at = world->free;
    world->free += (size + 31) & ~(size_t)15;
    assert_true(world->free <= FAKE_BASE + FAKE_SIZE);
    return at;
}

static uint64_t put_type(struct world *world, const char *name, uint64_t flags)
{
    uint64_t type = take(world, 512), text = take(world, 300);
    memcpy(fake.bytes + (text - FAKE_BASE), name, strlen(name) + 1);
    fake_put_ptr(&fake, type, world->abi->type.name, text);
    fake_put_ptr(&fake, type, world->abi->type.flags, flags | OBJECT_READY);
    fake_put_ptr(&fake, type, world->abi->type.basicsize, 64);
    return type;
}

static uint64_t put_object(struct world *world, uint64_t type, size_t size)
{
    uint64_t object = take(world, (size_t)world->abi->object.size + size);
    fake_put_ptr(&fake, object, world->abi->object.type, type);
    return object;
}

static uint64_t put_str(struct world *world, uint64_t type, const char *text)
{
    uint64_t str = put_object(world, type, 100 + strlen(text));
    fake_put_str(&fake, world->abi, str, 1, true, text, strlen(text));
    return str;
}

static uint64_t put_int(struct world *world, uint64_t type, int64_t sign, const uint32_t *digits,
                        uint64_t count)
{
    uint64_t object = put_object(world, type, 16 + 4 * (size_t)count);
    bool tagged = world->abi->version_hex >= 0x030c0000;
    uint64_t tag = tagged ? count << 3 | (sign < 0 ? 2
                                          : count  ? 0
                                                   : 1)
                          : (uint64_t)(sign * (int64_t)count);
    fake_put_ptr(&fake, object, world->abi->integer.lv_tag, tag);
    for (uint64_t i = 0; i < count; i++)
        fake_put(&fake, object, world->abi->integer.digits + (int32_t)(4 * i), digits[i], 4);
    return object;
}

/* A list of one item, `size` of them as it says. */
static uint64_t put_list(struct world *world, uint64_t type, uint64_t item, uint64_t size)
{
    uint64_t list = put_object(world, type, 64), items = take(world, 8);
    fake_put_ptr(&fake, list, world->abi->list.ob_size, size);
    fake_put_ptr(&fake, list, world->abi->list.items, items);
    fake_put_ptr(&fake, items, 0, item);
    return list;
}

/* A dict without items but with room for `count` of them; *entries is where they go. */
static uint64_t put_dict(struct world *world, uint64_t type, uint32_t count, bool str_only,
                         uint64_t *entries)
{
    const struct pyabi *abi = world->abi;
    uint64_t dict = put_object(world, type, 64);
    uint64_t keys = take(world, (size_t)abi->dict.keys_indices + 256 + 24 * (size_t)count);
    fake_put_ptr(&fake, dict, abi->dict.used, count);
    fake_put_ptr(&fake, dict, abi->dict.keys, keys);
    fake_put(&fake, keys, abi->dict.keys_log2_size, 8, 1);
    fake_put(&fake, keys, abi->dict.keys_log2_index_bytes, 8, 1);
    fake_put(&fake, keys, abi->dict.keys_kind, str_only, 1);
    fake_put_ptr(&fake, keys, abi->dict.keys_size, 128);
    fake_put_ptr(&fake, keys, abi->dict.keys_nentries, count);
    uint64_t indices_size = abi->dict.keys_size == PYABI_NONE ? 256 : 128;
    *entries = keys + (uint64_t)abi->dict.keys_indices + indices_size;
    return dict;
}

static void assert_repr(struct world *world, uint64_t object, const char *expected)
{
    const struct repr_limits limits = {0};
    struct buf text;
    buf_init(&text, 0);
    fake.reads = 0;
    assert_int_equal(repr_object(world->target, object, &limits, &text), 0);
    assert_true(fake.reads <= READS_MAX);
    if (expected)
        assert_string_equal(text.data, expected);
    buf_done(&text);
}

static void test_object__a_name_is_found_in_either_kind_of_table(void **state)
{
    (void)state;
    for (size_t build = 0; build < BUILDS; build++) {
        bool knows_str_only = builds[build].version_hex >= 0x030b0000;
        for (int str_only = 0; str_only <= knows_str_only; str_only++) {
            struct world world = world_new(build);
            struct object_dict dict;
            struct object_entry entry;
            uint64_t entries, str = put_type(&world, "str", OBJECT_STR);
            uint64_t at =
                put_dict(&world, put_type(&world, "dict", OBJECT_DICT), 70, str_only, &entries);
            int32_t size = str_only ? 16 : 24, key = str_only ? 0 : 8;
            uint64_t other = put_str(&world, str, "other"), name = put_str(&world, str, "_active");
            for (int32_t i = 0; i < 69; i++) { /* the first ones have been removed */
                fake_put_ptr(&fake, entries, i * size + key, other);
                fake_put_ptr(&fake, entries, i * size + key + 8, i < 5 ? 0 : other);
            }
            fake_put_ptr(&fake, entries, 69 * size + key, name);
            fake_put_ptr(&fake, entries, 69 * size + key + 8, 0x123450);

            assert_int_equal(object_dict_open(world.target, at, &dict), 0);
            assert_int_equal(dict.entry_count, 70);
            assert_int_equal(object_dict_find(world.target, &dict, "_active", &entry), 0);
            assert_int_equal(entry.value, 0x123450);
            assert_int_equal(entry.slot, entries + (uint64_t)(69 * size + key + 8));
            assert_int_equal(object_dict_find(world.target, &dict, "_activ", &entry),
                             ERR_NOT_FOUND);
            world_free(&world);
        }
    }
}

static void test_object__impossible_dicts_are_refused(void **state)
{
    (void)state;
    for (size_t build = 0; build < BUILDS; build++) {
        struct world world = world_new(build);
        const struct pyabi *abi = world.abi;
        struct object_dict dict;
        uint64_t entries, type = put_type(&world, "dict", OBJECT_DICT), keys;
        uint64_t at = put_dict(&world, type, 4, false, &entries);
        memcpy(&keys, fake.bytes + (at - FAKE_BASE) + abi->dict.keys, sizeof keys);
        fake_put_ptr(&fake, keys, abi->dict.keys_nentries, UINT64_MAX);
        assert_int_equal(object_dict_open(world.target, at, &dict), ERR_BAD_DATA);
        fake_put_ptr(&fake, keys, abi->dict.keys_nentries, 4);
        fake_put(&fake, keys, abi->dict.keys_log2_index_bytes, 255, 1);
        fake_put_ptr(&fake, keys, abi->dict.keys_size, 127);
        assert_int_equal(object_dict_open(world.target, at, &dict), ERR_BAD_DATA);
        fake_put_ptr(&fake, at, abi->dict.keys, FAKE_BASE + FAKE_SIZE);
        assert_int_equal(object_dict_open(world.target, at, &dict), ERR_FAULT);
        fake_put_ptr(&fake, type, abi->type.flags, OBJECT_READY | OBJECT_LIST);
        assert_int_equal(object_dict_open(world.target, at, &dict), ERR_BAD_DATA);
        assert_int_equal(object_dict_open(world.target, 3, &dict), ERR_BAD_DATA);
        world_free(&world);
    }
}

static void test_object__ints_of_every_size_are_shown(void **state)
{
    static const struct {
        int64_t sign;
        uint32_t digits[3];
        uint64_t count;
        const char *text;
    } ints[] = {{1, {0}, 0, "0"},
                {1, {1}, 1, "1"},
                {-1, {1}, 1, "-1"},
                {1, {0, 1}, 2, "1073741824"},
                {-1, {0x3fffffff, 0x3fffffff, 15}, 3, "-18446744073709551615"},
                {1, {1u << 31}, 1, NULL}}; /* no digit */
    (void)state;
    for (size_t build = 0; build < BUILDS; build++) {
        struct world world = world_new(build);
        uint64_t type = put_type(&world, "int", OBJECT_INT);
        for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++)
            assert_repr(&world, put_int(&world, type, ints[i].sign, ints[i].digits, ints[i].count),
                        ints[i].text);
        world_free(&world);
    }
}

static void test_object__floats_are_laid_out_as_python_does(void **state)
{
    static const struct {
        double value;
        const char *text;
    } floats[] = {{0.0, "0.0"},
                  {-0.0, "-0.0"},
                  {1, "1.0"},
                  {-1.5, "-1.5"},
                  {100, "100.0"},
                  {0.1, "0.1"},
                  {0.0001, "0.0001"},
                  {0.00001, "1e-05"},
                  {123456.789, "123456.789"},
                  {9007199254740993.0, "9007199254740992.0"},
                  {1e15, "1000000000000000.0"},
                  {1e16, "1e+16"},
                  {1.5e300, "1.5e+300"},
                  {5e-324, "5e-324"},
                  {1.0 / 3, "0.3333333333333333"},
                  {2.0 / 3 * 1e-5, "6.666666666666667e-06"}};
    (void)state;
    struct world world = world_new(6);
    uint64_t type = put_type(&world, "float", 0);
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        uint64_t bits, object = put_object(&world, type, 16);
        memcpy(&bits, &floats[i].value, sizeof bits);
        fake_put_ptr(&fake, object, world.abi->real.value, bits);
        assert_repr(&world, object, floats[i].text);
    }
    world_free(&world);
}

static void test_object__text_cannot_reach_the_terminal_unescaped(void **state)
{
    static const char *const texts[][2] = {
        {"plain", "'plain'"},
        {"it's", "\"it's\""},
        {"it's \"x\"", "'it\\'s \"x\"'"},
        {"a\\b\n\t\x1b[2J\x7f", "'a\\\\b\\n\\t\\x1b[2J\\x7f'"},
    };
    (void)state;
    struct world world = world_new(6);
    uint64_t type = put_type(&world, "str", OBJECT_STR);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_repr(&world, put_str(&world, type, texts[i][0]), texts[i][1]);
    static const uint16_t turned[] = {'a', 0x202e, 0xd800, 0x2028, 0x4e00};
    uint64_t str = put_object(&world, type, 128);
    fake_put_str(&fake, world.abi, str, 2, false, turned, 5);
    assert_repr(&world, str, "'a\\u202e\xef\xbf\xbd\\u2028\xe4\xb8\x80'");
    world_free(&world);
}

static void test_object__cycles_and_absurd_sizes_end(void **state)
{
    (void)state;
    for (size_t build = 0; build < BUILDS; build++) {
        struct world world = world_new(build);
        uint64_t type = put_type(&world, "list", OBJECT_LIST);
        uint64_t cyclic = put_list(&world, type, 0, 1), items;
        memcpy(&items, fake.bytes + (cyclic - FAKE_BASE) + world.abi->list.items, sizeof items);
        fake_put_ptr(&fake, items, 0, cyclic);
        assert_repr(&world, cyclic, "[[[[…]]]]");
        assert_repr(&world, put_list(&world, type, 0, 1), "[<unreadable>]");
        char text[64];
        uint64_t huge = put_list(&world, type, cyclic, UINT64_MAX);
        snprintf(text, sizeof text, "<list at 0x%llx>", (unsigned long long)huge);
        assert_repr(&world, huge, text);
        assert_repr(&world, FAKE_BASE + FAKE_SIZE, "<unreadable>");
        assert_repr(&world, 1, "<unreadable>");
        world_free(&world);
    }
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

/* A sound graph in which single words are replaced by others: places, small and large numbers. */
static void test_object__damaged_memory_is_survived(void **state)
{
    uint64_t random = 88172645463325252u;
    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        struct world world = world_new(round % BUILDS);
        uint64_t entries, str = put_type(&world, "str", OBJECT_STR);
        uint64_t list = put_type(&world, "list", OBJECT_LIST);
        uint64_t dict_type = put_type(&world, "dict", OBJECT_DICT);
        uint64_t dict = put_dict(&world, dict_type, 8, false, &entries);
        uint64_t inner = put_list(&world, list, put_str(&world, str, "_name"), 1);
        uint64_t outer = put_list(&world, list, dict, 1);
        uint64_t instance = put_object(&world, put_type(&world, "T", OBJECT_HEAP_TYPE | 0x14), 64);
        for (int32_t i = 0; i < 16; i++)
            fake_put_ptr(&fake, entries, 8 * i, i & 1 ? inner : put_str(&world, str, "key"));
        for (unsigned damage = round % 9; damage > 0; damage--) {
            uint64_t at = next_random(&random) % (world.free - FAKE_BASE - 8) & ~(uint64_t)7;
            uint64_t value = next_random(&random) >> (next_random(&random) % 64);
            if (next_random(&random) & 1)
                value = FAKE_BASE + (value % (world.free - FAKE_BASE) & ~(uint64_t)7);
            fake_put_ptr(&fake, FAKE_BASE + at, 0, value);
        }
        struct object_dict attributes;
        struct object_entry entry;
        assert_repr(&world, outer, NULL);
        assert_repr(&world, dict, NULL);
        fake.reads = 0;
        if (object_attributes_open(world.target, instance, &attributes) == 0)
            object_dict_find(world.target, &attributes, "_name", &entry);
        assert_true(fake.reads <= READS_MAX);
        world_free(&world);
    }
}

static void test_object__a_proof_fails_when_anything_read_has_changed(void **state)
{
    (void)state;
    struct world world = world_new(6);
    struct target_journal journal;
    struct object_type type;
    uint64_t str_type = put_type(&world, "str", OBJECT_STR);
    uint64_t str = put_str(&world, str_type, "before");
    char text[64];
    journal_init(&journal);
    world.target->journal = &journal;
    assert_int_equal(object_type_of(world.target, str, &type), 0);
    assert_int_equal(target_read_str(world.target, (struct raddr){str}, text, sizeof text), 6);
    uint32_t notes = journal.count;
    assert_int_equal(journal_prove(&journal, world.target), 0);
    assert_int_equal(journal.count, notes); /* the proof is not noted */
    assert_ptr_equal(world.target->journal, &journal);
    fake_put_str(&fake, world.abi, str, 1, true, "beforE", 6);
    assert_int_equal(journal_prove(&journal, world.target), ERR_TORN);
    fake_put_str(&fake, world.abi, str, 1, true, "before", 6);
    assert_int_equal(journal_prove(&journal, world.target), 0);
    fake_put_ptr(&fake, str, world.abi->object.type, str);
    assert_int_equal(journal_prove(&journal, world.target), ERR_TORN);
    world.target->journal = NULL;
    journal_done(&journal);
    world_free(&world);
}

static void test_object__a_journal_too_full_proves_nothing(void **state)
{
    (void)state;
    struct world world = world_new(6);
    struct target_journal journal;
    uint64_t word;
    journal_init(&journal);
    world.target->journal = &journal;
    for (uint32_t i = 0; i < JOURNAL_NOTES_MAX; i++)
        assert_int_equal(
            target_read(world.target, (struct raddr){FAKE_BASE + 8 * (i % 64)}, &word, 8), 0);
    assert_int_equal(journal_prove(&journal, world.target), 0); /* in several calls */
    assert_int_equal(target_read(world.target, (struct raddr){FAKE_BASE}, &word, 8), 0);
    assert_int_equal(journal_prove(&journal, world.target), ERR_LIMIT);
    world.target->journal = NULL;
    journal_done(&journal);
    world_free(&world);
}
