/* SPDX-License-Identifier: MIT */
/* region.c as free-threaded builds have it (AGENT_FREE_THREADED), driven by threads under
 * ThreadSanitizer: nothing is lost, and nothing is a race. */
#include "agent/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 4000, NAMES = 50, REQUESTS = 400 };

static void *work(void *unused)
{
    char name[16];
    for (int round = 0; round < ROUNDS; round++) {
        struct region *region = region_get();
        int size = snprintf(name, sizeof name, "name %d", round % NAMES);
        struct agent_key wanted = {.kind = AGENT_KIND_USER,
                                   .name = region_string(region, name, (size_t)size)};
        uint32_t key = region_key(region, &wanted);
        region_count(region, key, region_now_ns(), (uint64_t)round, round % 10 == 0);
        struct agent_record record = {.kind = AGENT_RECORD_SPAN, .as.span.span = region_id(region)};
        region_append(region, &record);
        if (round % (ROUNDS / REQUESTS) == 0) {
            uint32_t slot = region_slot_take(region);
            region->slots[slot].id = region_request(region);
            region_slot_publish(region, slot);
            region_slot_free(region, slot);
        }
    }
    return unused;
}

static void test_region_threads__nothing_is_lost(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++)
        assert_int_equal(pthread_create(&threads[at], NULL, work, NULL), 0);
    for (int at = 0; at < THREADS; at++)
        pthread_join(threads[at], NULL);
    struct region *region = region_get();
    assert_non_null(region);
    assert_int_equal(region->header->keys_used, AGENT_KINDS + NAMES);
    assert_int_equal(region->header->ring_next, THREADS * ROUNDS);
    assert_int_equal(region->requests_begun, THREADS * REQUESTS);
    assert_true(region->slots_touched <= THREADS);
    uint64_t count = 0, errors = 0, buckets = 0;
    for (uint32_t key = AGENT_KINDS; key < region->header->keys_used; key++) {
        count += region->keys[key].count;
        errors += region->keys[key].errors;
        for (uint32_t at = 0; at < AGENT_HISTOGRAM_BUCKETS; at++)
            buckets += region->histograms[key].buckets[at];
    }
    assert_int_equal(count, THREADS * ROUNDS);
    assert_int_equal(errors, THREADS * ROUNDS / 10);
    assert_int_equal(buckets, THREADS * ROUNDS);
    for (uint32_t at = 0; at < THREADS * ROUNDS; at++)
        assert_int_equal(region->ring[at].sequence, at + 1);
}
