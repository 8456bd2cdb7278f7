/* SPDX-License-Identifier: MIT */
/* Contexts in a made-up memory, laid out as each version does; also nonsense in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/agent.h"
#include "base/clock.h"
#include "fake_target.h"
#include "unwind/context.h"

#define VARIABLE (FAKE_BASE + 0x100)
#define OTHER_VARIABLE (FAKE_BASE + 0x140)
#define REQUEST_TYPE (FAKE_BASE + 0x200)
#define HASH UINT64_C(0x8a3f00d1c45b9e27)
#define READS_MAX 200u

static struct fake fake;

enum kind { HAMT, BITMAP, ARRAY, COLLISION, KINDS };

struct world {
    struct target *target;
    const struct pyabi *abi;
    uint64_t free;
    uint64_t types[KINDS];
    struct gather gather;
    struct contexts contexts;
    uint64_t dead; /* id whose slot is not its own any more */
};

static const struct {
    uint32_t version_hex;
    bool free_threaded;
} builds[] = {{0x03080000, false}, {0x030b0000, false}, {0x030d0000, false},
              {0x030d0000, true},  {0x030e0000, true},  {0x030f0000, false}};

#define BUILDS (sizeof builds / sizeof builds[0])

static uint32_t folded_hash(void)
{
    return (uint32_t)HASH ^ (uint32_t)(HASH >> 32);
}

static uint64_t take(struct world *world, size_t size)
{
    uint64_t at = world->free;
    world->free += (size + 15) & ~(size_t)15;
    assert_true(world->free <= FAKE_BASE + FAKE_SIZE);
    return at;
}

static bool is_live(void *context, uint64_t id, uint32_t slot)
{
    (void)slot;
    return id != ((struct world *)context)->dead;
}

static void world_init(struct world *world, size_t build)
{
    static const char *const names[KINDS] = {"hamt", "hamt_bitmap_node", "hamt_array_node",
                                             "hamt_collision_node"};
    *world = (struct world){
        .abi = pyabi_from_headers(builds[build].version_hex, builds[build].free_threaded),
        .free = FAKE_BASE + 0x1000};
    memset(&fake, 0, sizeof fake);
    world->target = target_new(1 << 30, fake_readv, &fake);
    assert_non_null(world->target);
    world->target->abi = *world->abi;
    for (int kind = 0; kind < KINDS; kind++) {
        uint64_t name = take(world, 32);
        world->types[kind] = take(world, (size_t)world->abi->type.name + 8);
        fake_put_ptr(&fake, world->types[kind], world->abi->type.name, name);
        memcpy(fake.bytes + (name - FAKE_BASE), names[kind], strlen(names[kind]) + 1);
    }
    const struct context_variable variable = {
        .address = VARIABLE,
        .hash = HASH,
        .request_type = REQUEST_TYPE,
        .object_header_bytes = (uint32_t)world->abi->object.size,
        .is_live = is_live,
        .context = world,
    };
    gather_init(&world->gather);
    contexts_init(&world->contexts, world->target, &variable);
}

static void world_done(struct world *world)
{
    contexts_done(&world->contexts);
    gather_done(&world->gather);
    target_close(world->target);
}

/* ---- building ------------------------------------------------------------------------------ */

static uint64_t make(struct world *world, uint64_t type, size_t size)
{
    uint64_t at = take(world, size);
    fake_put_ptr(&fake, at, world->abi->object.type, type);
    return at;
}

static uint64_t make_request(struct world *world, uint64_t id, uint64_t outer)
{
    struct agent_request_head head = {
        .magic = AGENT_REQUEST_MAGIC, .id = id, .slot = (uint32_t)id, .outer = outer};
    uint64_t at = make(world, REQUEST_TYPE, (size_t)world->abi->object.size + sizeof head);
    memcpy(fake.bytes + (at - FAKE_BASE) + world->abi->object.size, &head, sizeof head);
    return at;
}

static uint32_t place(unsigned level)
{
    return folded_hash() >> (5 * level) & 31;
}

/* The pair (key, value) for our bits at `level`, among `others` of lower bits. */
static uint64_t make_bitmap(struct world *world, unsigned level, uint64_t key, uint64_t value)
{
    int32_t header = world->abi->object.size;
    uint32_t at = place(level), lower = at < 3 ? at : 3;
    uint32_t bitmap = 1u << at;
    for (uint32_t i = 0; i < lower; i++)
        bitmap |= 1u << i;
    uint64_t node = make(world, world->types[BITMAP], (size_t)header + 16 + 16 * (lower + 1));
    fake_put(&fake, node, header, 2 * (lower + 1), 8);
    fake_put(&fake, node, header + 8, bitmap, 4);
    for (uint32_t i = 0; i < lower; i++)
        fake_put_ptr(&fake, node, header + 16 + 16 * (int32_t)i, OTHER_VARIABLE);
    fake_put_ptr(&fake, node, header + 16 + 16 * (int32_t)lower, key);
    fake_put_ptr(&fake, node, header + 24 + 16 * (int32_t)lower, value);
    return node;
}

static uint64_t make_array(struct world *world, unsigned level, uint64_t child)
{
    int32_t header = world->abi->object.size;
    uint64_t node = make(world, world->types[ARRAY], (size_t)header + 33 * 8);
    fake_put_ptr(&fake, node, header + 8 * (int32_t)place(level), child);
    return node;
}

static uint64_t make_collision(struct world *world, uint64_t value)
{
    int32_t header = world->abi->object.size;
    uint64_t node = make(world, world->types[COLLISION], (size_t)header + 16 + 32);
    fake_put(&fake, node, header, 4, 8);
    fake_put(&fake, node, header + 8, folded_hash(), 4);
    fake_put_ptr(&fake, node, header + 16, OTHER_VARIABLE);
    fake_put_ptr(&fake, node, header + 32, VARIABLE);
    fake_put_ptr(&fake, node, header + 40, value);
    return node;
}

static uint64_t make_tree(struct world *world, uint64_t root)
{
    uint64_t tree = make(world, world->types[HAMT], (size_t)world->abi->object.size + 24);
    fake_put_ptr(&fake, tree, world->abi->object.size, root);
    return tree;
}

static uint64_t make_context(struct world *world, uint64_t root)
{
    uint64_t context = make(world, 0, (size_t)world->abi->object.size + 40);
    fake_put_ptr(&fake, context, world->abi->object.size + 8, make_tree(world, root));
    fake_put_ptr(&fake, FAKE_THREAD(0), world->abi->tstate.context, context);
    return context;
}

static enum context_result look_at(struct world *world, uint64_t context, struct context_look *look)
{
    gather_reset(&world->gather);
    assert_int_equal(context_plan(&world->contexts, &world->gather, FAKE_THREAD(0), context, look),
                     0);
    gather_run(&world->gather, world->target);
    return context_walk(&world->contexts, &world->gather, look);
}

/* ---- trees --------------------------------------------------------------------------------- */

static void expect_found(struct world *world, uint64_t context, uint64_t id)
{
    struct context_look look;
    assert_int_equal(look_at(world, context, &look), CONTEXT_REQUEST);
    assert_int_equal(look.id, id);
    assert_int_equal(look.slot, id);
    assert_true(look.current);
    assert_false(look.known);
    uint32_t before = fake.reads;
    assert_int_equal(look_at(world, context, &look), CONTEXT_REQUEST);
    assert_int_equal(look.id, id);
    assert_true(look.current && look.known);
    assert_int_equal(fake.reads, before + 1); /* all of it foreseen */
}

static void test_context__every_shape_of_tree(void **state)
{
    (void)state;
    for (size_t build = 0; build < BUILDS; build++) {
        struct world world;
        world_init(&world, build);
        uint64_t value = make_request(&world, 7, 0);
        uint64_t flat = make_bitmap(&world, 0, VARIABLE, value);
        expect_found(&world, make_context(&world, flat), 7);
        uint64_t deep = make_bitmap(&world, 3, VARIABLE, value);
        for (unsigned level = 3; level-- > 0;)
            deep = make_bitmap(&world, level, 0, deep);
        expect_found(&world, make_context(&world, deep), 7);
        uint64_t wide =
            make_array(&world, 0, make_array(&world, 1, make_bitmap(&world, 2, VARIABLE, value)));
        expect_found(&world, make_context(&world, wide), 7);
        uint64_t same = make_collision(&world, value);
        for (unsigned level = 7; level-- > 0;)
            same = make_bitmap(&world, level, 0, same);
        expect_found(&world, make_context(&world, same), 7);
        world_done(&world);
    }
}

static void test_context__absent_in_every_kind_of_node(void **state)
{
    (void)state;
    struct world world;
    struct context_look look;
    world_init(&world, 2);
    uint64_t value = make_request(&world, 7, 0);
    const uint64_t roots[] = {make_bitmap(&world, 0, OTHER_VARIABLE, value),
                              make_bitmap(&world, 6, VARIABLE, value), /* another bit */
                              make_array(&world, 0, 0)};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        assert_int_equal(look_at(&world, make_context(&world, roots[i]), &look), CONTEXT_NONE);
        assert_int_equal(look.id, 0);
        assert_true(look.current);
    }
    assert_int_equal(look_at(&world, 0, &look), CONTEXT_NONE); /* a thread without a context */
    assert_false(look.current);                                /* it has one by now */
    world_done(&world);
}

/* ---- what has ended -------------------------------------------------------------------------- */

static void test_context__what_has_ended_shows_what_it_began_in(void **state)
{
    (void)state;
    struct world world;
    struct context_look look;
    world_init(&world, 2);
    uint64_t outer = make_request(&world, 7, 0), inner = make_request(&world, 8, outer);
    uint64_t context = make_context(&world, make_bitmap(&world, 0, VARIABLE, inner));
    assert_int_equal(look_at(&world, context, &look), CONTEXT_REQUEST);
    assert_int_equal(look.id, 8);
    assert_false(look.passed);
    world.dead = 8; /* a span of it still says that it lives, its slot does not */
    assert_int_equal(look_at(&world, context, &look), CONTEXT_REQUEST);
    assert_int_equal(look.id, 7);
    assert_true(look.passed);
    assert_false(look.known);
    fake_put_ptr(&fake, inner, world.abi->object.size, 0);
    fake_put_ptr(&fake, outer, world.abi->object.size, 0);
    assert_int_equal(look_at(&world, context, &look), CONTEXT_NONE);
    assert_true(look.passed);
    world_done(&world);
}

static void test_context__what_is_no_request_is_none(void **state)
{
    (void)state;
    struct world world;
    struct context_look look;
    world_init(&world, 2);
    uint64_t none = make(&world, FAKE_TYPE, 64);
    uint64_t context = make_context(&world, make_bitmap(&world, 0, VARIABLE, none));
    assert_int_equal(look_at(&world, context, &look), CONTEXT_NONE);
    world_done(&world);
}

/* ---- change and nonsense --------------------------------------------------------------------- */

static void test_context__another_tree_or_context_is_noticed(void **state)
{
    (void)state;
    struct world world;
    struct context_look look;
    world_init(&world, 2);
    uint64_t first = make_bitmap(&world, 0, VARIABLE, make_request(&world, 7, 0));
    uint64_t second = make_bitmap(&world, 0, VARIABLE, make_request(&world, 9, 0));
    uint64_t context = make_context(&world, first);
    look_at(&world, context, &look);
    fake_put_ptr(&fake, context, world.abi->object.size + 8, make_tree(&world, second));
    assert_int_equal(look_at(&world, context, &look), CONTEXT_REQUEST); /* not what was foreseen */
    assert_int_equal(look.id, 9);
    assert_false(look.known);
    fake_put_ptr(&fake, FAKE_THREAD(0), world.abi->tstate.context, FAKE_FREE);
    assert_int_equal(look_at(&world, context, &look), CONTEXT_REQUEST); /* but left by now */
    assert_false(look.current);
    assert_true(look.known);
    world_done(&world);
}

static void test_context__a_header_of_nonsense_is_refused(void **state)
{
    (void)state;
    const uint32_t sizes[] = {0, 7, CONTEXT_MAX_HEADER + 1, UINT32_MAX, UINT32_MAX - 20};
    struct world world;
    struct context_look look;
    world_init(&world, 2);
    uint64_t root = make_bitmap(&world, 0, VARIABLE, make_request(&world, 7, 0));
    uint64_t context = make_context(&world, root);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world.contexts.variable.object_header_bytes = sizes[i];
        assert_int_equal(look_at(&world, context, &look), CONTEXT_BAD);
    }
    world_done(&world);
}

/* Trees whose words are overwritten at random: an answer or none, in bounded reads. */
static void test_context__nonsense_ends_in_bounded_reads(void **state)
{
    (void)state;
    uint64_t random = 42;
    uint32_t results[3] = {0};
    for (int round = 0; round < 20000; round++) {
        struct world world;
        struct context_look look;
        world_init(&world, (size_t)round % BUILDS);
        uint64_t root = make_bitmap(&world, 2, VARIABLE, make_request(&world, 7, 0));
        root = make_array(&world, 0, make_bitmap(&world, 1, 0, root));
        uint64_t context = make_context(&world, root), end = world.free;
        look_at(&world, context, &look);
        for (int i = 0; i < 4; i++) {
            uint64_t at = FAKE_BASE + 0x1000 +
                          (random_next(&random) % (end - FAKE_BASE - 0x1000) & ~UINT64_C(7));
            uint64_t inside = FAKE_BASE + (random_next(&random) % FAKE_SIZE & ~UINT64_C(7));
            fake_put_ptr(&fake, at, 0, i & 1 ? random_next(&random) : inside);
        }
        uint32_t before = fake.reads;
        results[look_at(&world, context, &look)]++;
        look_at(&world, context, &look);
        assert_true(fake.reads - before < READS_MAX);
        world_done(&world);
    }
    for (int i = 0; i < 3; i++)
        assert_true(results[i] > 100);
}
