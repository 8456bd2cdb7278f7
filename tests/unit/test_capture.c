/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/capture.h"
#include "codec/capture_format.h"
#include "model/timeline.h"
#include "profiles.h"

/* A capture in memory: written through a real file, as the recorder does. */
struct recording {
    struct profile *profile;
    struct capture_writer *writer;
    FILE *file;
};

static void recording_open(struct recording *r)
{
    struct err err = {0};
    r->profile = profile_new();
    r->file = tmpfile();
    assert_non_null(r->file);
    profile_keep_runs(r->profile);
    set_meta(r->profile);
    assert_int_equal(capture_writer_open(r->profile, fileno(r->file), &r->writer, &err), 0);
}

static void see(struct recording *r, uint32_t thread, uint32_t node, uint64_t start_us,
                uint64_t duration_us)
{
    assert_int_equal(profile_see(r->profile, thread, node, start_us, duration_us), 0);
    assert_int_equal(capture_writer_see(r->writer, thread, node, start_us, duration_us), 0);
}

static void recording_load(struct recording *r, struct buf *bytes)
{
    buf_init(bytes, 0);
    off_t size = lseek(fileno(r->file), 0, SEEK_END);
    char *to = buf_reserve(bytes, (size_t)size);
    assert_int_equal(pread(fileno(r->file), to, (size_t)size, 0), size);
    bytes->size = (size_t)size;
}

static void recording_close(struct recording *r)
{
    capture_writer_close(r->writer, NULL);
    fclose(r->file);
    profile_free(r->profile);
}

static void assert_same_samples(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->sample_count, b->sample_count);
    assert_int_equal(profile_total_count(a), profile_total_count(b));
    assert_int_equal(a->frame_count, b->frame_count);
    assert_int_equal(a->node_count, b->node_count);
    for (uint32_t i = 0; i < a->frame_count; i++) {
        assert_true(same_string(a, a->frames[i].name, b, b->frames[i].name));
        assert_true(same_string(a, a->frames[i].file, b, b->frames[i].file));
        assert_int_equal(a->frames[i].line, b->frames[i].line);
        assert_int_equal(a->frames[i].first_line, b->frames[i].first_line);
        assert_int_equal(a->frames[i].kind, b->frames[i].kind);
    }
    uint64_t sums[2] = {0, 0};
    for (uint32_t i = 0; i < a->sample_count; i++) { /* the order of first sight may differ */
        sums[0] += a->samples[i].count * (a->samples[i].node + 7) * (a->samples[i].thread + 3);
        sums[1] += b->samples[i].count * (b->samples[i].node + 7) * (b->samples[i].thread + 3);
    }
    assert_int_equal(sums[0], sums[1]);
}

/* Thread by thread; times may be off by the resolution. */
static void assert_same_order(const struct profile *a, const struct profile *b)
{
    struct timeline left, right;
    assert_int_equal(timeline_init(&left, a), 0);
    assert_int_equal(timeline_init(&right, b), 0);
    for (uint32_t thread = 0; thread < a->thread_count; thread++) {
        uint64_t count = timeline_count(&left, thread);
        assert_int_equal(timeline_count(&right, thread), count);
        for (uint64_t i = 0; i < count; i++) {
            const struct profile_run *x = timeline_run(&left, thread, i);
            const struct profile_run *y = timeline_run(&right, thread, i);
            assert_int_equal(x->node, y->node);
            assert_int_equal(x->count, y->count);
            assert_true(llabs((long long)x->start_us - (long long)y->start_us) <= 50);
            assert_true(llabs((long long)x->duration_us - (long long)y->duration_us) <= 100);
        }
    }
    timeline_done(&left);
    timeline_done(&right);
}

/* A busy program: two threads that wander over 50 stacks. */
static void wander(struct recording *r, uint32_t rounds, uint64_t period_us)
{
    uint64_t seed = 12345, at_us = 0;
    uint32_t threads[] = {add_thread(r->profile, 1, "a"), add_thread(r->profile, 2, "b")};
    uint32_t nodes[50];
    for (uint32_t i = 0; i < 50; i++)
        nodes[i] = profile_node(r->profile, i ? nodes[i / 2] : 0,
                                add_frame(r->profile, "f", "a.py", (int32_t)i, FRAME_PYTHON));
    uint32_t where[2] = {0, 0};
    for (uint32_t round = 0; round < rounds; round++) {
        uint64_t step_us = period_us / 2 + random_next(&seed) % period_us;
        for (int t = 0; t < 2; t++) {
            if (random_next(&seed) % 4 == 0)
                where[t] = (uint32_t)(random_next(&seed) % 50);
            see(r, threads[t], nodes[where[t]], at_us, step_us);
        }
        at_us += step_us;
    }
    r->profile->meta.duration_ns = at_us * 1000;
    r->profile->stats.samples = rounds * 2;
}

static void test_capture__what_is_written_is_read(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    struct err err = {0};
    struct capture_info info;
    recording_open(&r);
    wander(&r, 5000, 10000);
    assert_int_equal(capture_writer_close(r.writer, &err), 0);
    r.writer = NULL;
    recording_load(&r, &bytes);
    struct profile *back = profile_new();
    profile_keep_runs(back);
    assert_int_equal(capture_read_range(bytes.data, bytes.size, NULL, back, &info, &err), 0);
    assert_true(info.ended);
    assert_true(info.has_order);
    assert_int_equal(info.bad_bytes, 0);
    assert_same_samples(r.profile, back);
    assert_int_equal(back->run_count, r.profile->run_count);
    assert_same_order(r.profile, back);
    int64_t drift =
        (int64_t)profile_total_weight_ns(back) - (int64_t)profile_total_weight_ns(r.profile);
    assert_true(llabs(drift) < 1000000);
    assert_int_equal(back->stats.samples, 10000);
    assert_int_equal(back->meta.duration_ns, r.profile->meta.duration_ns);
    assert_string_equal(back->strings[back->meta.command].text, "python app.py");
    print_message("# %.2f bytes per sample, %.2f per run\n", (double)bytes.size / 10000,
                  (double)bytes.size / (double)r.profile->run_count);
    assert_true(bytes.size < 4 * 10000);
    profile_free(back);
    buf_done(&bytes);
    recording_close(&r);
}

static void test_capture__a_steady_program_costs_little(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    recording_open(&r);
    uint32_t thread = add_thread(r.profile, 1, "a");
    uint32_t node = profile_node(r.profile, 0, add_frame(r.profile, "f", "a.py", 1, FRAME_PYTHON));
    for (uint64_t i = 0; i < 6000; i++)
        see(&r, thread, node, i * 10000, 10000);
    capture_writer_close(r.writer, NULL);
    r.writer = NULL;
    recording_load(&r, &bytes);
    print_message("# %.2f bytes per sample\n", (double)bytes.size / 6000);
    assert_true(bytes.size < 6000);
    buf_done(&bytes);
    recording_close(&r);
}

static void test_capture__a_cut_anywhere_keeps_all_whole_blocks(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    struct err err = {0};
    recording_open(&r);
    wander(&r, 600, 10000);
    capture_writer_close(r.writer, NULL);
    r.writer = NULL;
    recording_load(&r, &bytes);
    uint64_t last_end_us = 0, last_count = 0;
    for (size_t size = CAPTURE_HEADER_SIZE; size < bytes.size; size += 13) {
        struct profile *back = profile_new();
        struct capture_info info;
        assert_int_equal(capture_read_range(bytes.data, size, NULL, back, &info, &err), 0);
        assert_false(info.ended);
        assert_true(info.end_us >= last_end_us);
        assert_true(profile_total_count(back) >= last_count);
        last_end_us = info.end_us;
        last_count = profile_total_count(back);
        profile_free(back);
    }
    assert_true(last_count > 900);
    buf_done(&bytes);
    recording_close(&r);
}

/* What kill -9 leaves: the file as it is while the writer is still open. */
static void test_capture__unclosed_lacks_at_most_a_second(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    struct err err = {0};
    struct capture_info info;
    recording_open(&r);
    wander(&r, 1000, 10000);
    recording_load(&r, &bytes);
    struct profile *back = profile_new();
    assert_int_equal(capture_read_range(bytes.data, bytes.size, NULL, back, &info, &err), 0);
    assert_false(info.ended);
    assert_int_equal(info.bad_bytes, 0);
    uint64_t end_us = r.profile->meta.duration_ns / 1000;
    assert_true(end_us - info.end_us < 1000000);
    assert_int_equal(back->meta.duration_ns, info.end_us * 1000);
    profile_free(back);
    buf_done(&bytes);
    recording_close(&r);
}

static void test_capture__ticks_write_out_what_an_idle_target_did_before(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    struct err err = {0};
    recording_open(&r);
    uint32_t thread = add_thread(r.profile, 1, "a");
    see(&r, thread, 0, 0, 10000);
    assert_int_equal(capture_writer_tick(r.writer, 500000), 0);
    off_t before = lseek(fileno(r.file), 0, SEEK_END);
    assert_int_equal(capture_writer_tick(r.writer, 1000000), 0);
    off_t after = lseek(fileno(r.file), 0, SEEK_END);
    assert_true(after > before);
    assert_int_equal(capture_writer_tick(r.writer, 9000000), 0); /* nothing new: nothing written */
    assert_int_equal(lseek(fileno(r.file), 0, SEEK_END), after);
    recording_load(&r, &bytes);
    struct profile *back = profile_new();
    assert_int_equal(capture_read_range(bytes.data, bytes.size, NULL, back, NULL, &err), 0);
    assert_int_equal(profile_total_count(back), 1);
    profile_free(back);
    buf_done(&bytes);
    recording_close(&r);
}

static void test_capture__damage_ends_the_reading_there(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    struct err err = {0};
    recording_open(&r);
    wander(&r, 600, 10000);
    capture_writer_close(r.writer, NULL);
    r.writer = NULL;
    recording_load(&r, &bytes);
    for (size_t at = CAPTURE_HEADER_SIZE; at < bytes.size; at += 97) {
        bytes.data[at] ^= 0x20;
        struct profile *back = profile_new();
        struct capture_info info;
        assert_int_equal(capture_read_range(bytes.data, bytes.size, NULL, back, &info, &err), 0);
        assert_true(info.bad_bytes >= bytes.size - at);
        profile_free(back);
        bytes.data[at] ^= 0x20;
    }
    buf_done(&bytes);
    recording_close(&r);
}

static void test_capture__a_range_cuts_runs(void **state)
{
    (void)state;
    struct recording r;
    struct buf bytes;
    struct err err = {0};
    recording_open(&r);
    uint32_t thread = add_thread(r.profile, 1, "a");
    for (uint64_t i = 0; i < 300;
         i++) /* 3 s: one second in each of two nodes, then the first again */
        see(&r, thread,
            i / 100 == 1 ? profile_node(r.profile, 0, add_frame(r.profile, "f", "", 0, 0)) : 0,
            i * 10000, 10000);
    r.profile->meta.duration_ns = 3000000000u;
    capture_writer_close(r.writer, NULL);
    r.writer = NULL;
    recording_load(&r, &bytes);
    struct profile *back = profile_new();
    profile_keep_runs(back);
    struct capture_range range = {.from_us = 500000, .to_us = 1250000};
    assert_int_equal(capture_read_range(bytes.data, bytes.size, &range, back, NULL, &err), 0);
    assert_int_equal(profile_total_count(back), 75);
    assert_int_equal(back->run_count, 2);
    assert_int_equal(back->runs[0].start_us, 0);
    assert_int_equal(back->runs[0].count, 50);
    assert_int_equal(back->runs[1].start_us, 500000);
    assert_int_equal(back->runs[1].count, 25);
    assert_int_equal(back->meta.duration_ns, 750000000);
    assert_int_equal(back->meta.start_wall_ns, r.profile->meta.start_wall_ns + 500000000);
    profile_free(back);
    buf_done(&bytes);
    recording_close(&r);
}

static void test_capture__sums_without_order_survive(void **state)
{
    (void)state;
    struct profile *profile = profile_new(), *back = profile_new();
    struct buf bytes;
    struct err err = {0};
    struct capture_info info;
    fill_odd(profile);
    profile_add(profile, 0, 1, UINT64_C(3) << 32, UINT64_C(9) << 45);
    profile_keep_runs(back);
    buf_init(&bytes, 0);
    assert_int_equal(codec_find("pv")->write(profile, NULL, &bytes, &err), 0);
    assert_int_equal(capture_read_range(bytes.data, bytes.size, NULL, back, &info, &err), 0);
    assert_false(info.has_order);
    assert_false(back->keeps_runs);
    assert_int_equal(back->run_count, 0);
    assert_same_samples(profile, back);
    assert_int_equal(profile_total_weight_ns(back) / 1000000,
                     profile_total_weight_ns(profile) / 1000000);
    profile_free(profile);
    profile_free(back);
    buf_done(&bytes);
}

static void test_capture__a_newer_format_is_refused_by_name(void **state)
{
    (void)state;
    char header[CAPTURE_HEADER_SIZE] = CAPTURE_MAGIC;
    struct err err = {0};
    struct profile *back = profile_new();
    header[CAPTURE_MAGIC_SIZE] = 2;
    assert_int_equal(capture_read_range(header, sizeof header, NULL, back, NULL, &err),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "format 2"));
    header[CAPTURE_MAGIC_SIZE] = CAPTURE_VERSION; /* the header alone is an empty recording */
    assert_int_equal(capture_read_range(header, sizeof header, NULL, back, NULL, &err), 0);
    assert_int_equal(capture_read_range(header, sizeof header - 1, NULL, back, NULL, &err),
                     ERR_BAD_DATA);
    profile_free(back);
}

static void test_capture__a_full_disk_is_told_at_the_end(void **state)
{
    (void)state;
    struct err err = {0};
    struct profile *profile = profile_new();
    struct capture_writer *writer;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(capture_writer_open(profile, fd, &writer, &err), ERR_IO);
    assert_non_null(strstr(err.text, "No space left"));
    close(fd);
    profile_free(profile);
}
