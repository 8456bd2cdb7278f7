/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "codec/codec.h"
#include "codec/gzip.h"
#include "codec/proto.h"
#include "codec/text.h"
#include "profiles.h"

static void test_codec__names_aliases_and_endings_find_formats(void **state)
{
    (void)state;
    assert_string_equal(codec_find("raw")->name, "folded");
    assert_string_equal(codec_find("svg")->name, "flamegraph");
    assert_null(codec_find("nope"));
    assert_string_equal(codec_find_by_path("/a.b/x.svg")->name, "flamegraph");
    assert_string_equal(codec_find_by_path("x.speedscope.json")->name, "speedscope");
    assert_string_equal(codec_find_by_path("x.json")->name, "json");
    assert_string_equal(codec_find_by_path("X.PB.GZ")->name, "pprof");
    assert_null(codec_find_by_path("/dir.svg/x"));
    assert_null(codec_find_by_path(".svg")); /* a name, no ending */
    assert_null(codec_find_by_path(""));
}

static void test_codec__names_are_unique_and_every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < codec_format_count; i++) {
        const struct codec_format *format = &codec_formats[i];
        assert_ptr_equal(codec_find(format->name), format);
        if (format->alias)
            assert_ptr_equal(codec_find(format->alias), format);
        assert_non_null(format->help);
        assert_int_equal(format->endings[0], '.');
        assert_true(!format->read == !format->sniff);
    }
    size_t names = 0;
    while (codec_writable_name(names))
        assert_non_null(codec_find(codec_writable_name(names++)));
    assert_true(names > codec_format_count);
}

static struct profile *make(int kind)
{
    struct profile *profile = profile_new();
    profile_keep_runs(profile);
    if (kind == 1)
        fill_odd(profile);
    if (kind == 2) { /* recursion, and a sample of the empty stack */
        uint32_t thread = add_thread(profile, 7, "deep"), node = 0;
        uint32_t frame = add_frame(profile, "rec", "r.py", 2, FRAME_PYTHON);
        profile_see(profile, thread, 0, 0, 1000);
        for (int i = 0; i < 5000; i++)
            node = profile_node(profile, node, frame);
        profile_see(profile, thread, node, 1000, 1000);
    }
    if (kind == 3) { /* nothing but a frame without a name */
        uint32_t frame = add_frame(profile, "", "", 0, FRAME_OTHER);
        profile_see(profile, add_thread(profile, 0, ""), profile_node(profile, 0, frame), 0, 0);
    }
    return profile;
}

static void test_codec__every_format_writes_any_profile(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct profile *profile = make(kind);
        for (size_t i = 0; i < codec_format_count; i++) {
            struct buf out;
            struct err err = {0};
            buf_init(&out, 0);
            int result = codec_formats[i].write(profile, NULL, &out, &err);
            if (result < 0)
                print_message("# %s: %s\n", codec_formats[i].name, err.text);
            assert_int_equal(result, 0);
            assert_false(buf_failed(&out));
            buf_done(&out);
        }
        profile_free(profile);
    }
}

static int collect(void *whole, struct buf *out, struct err *err)
{
    (void)err;
    buf_add(whole, out->data, out->size);
    buf_reset(out);
    return 0;
}

/* 120,000 stacks: enough that every format has something to drain. */
static struct profile *make_large(void)
{
    struct profile *profile = profile_new();
    profile_keep_runs(profile);
    set_meta(profile);
    uint32_t thread = add_thread(profile, 1, "t"), top[300];
    for (uint32_t i = 0; i < 300; i++)
        top[i] =
            profile_node(profile, 0, add_frame(profile, "top", "t.py", (int32_t)i, FRAME_PYTHON));
    for (uint32_t i = 0; i < 120000; i++) {
        uint32_t frame = add_frame(profile, "leaf", "l.py", (int32_t)(i / 300), FRAME_PYTHON);
        profile_see(profile, thread, profile_node(profile, top[i % 300], frame), i * 100u, 100);
    }
    return profile;
}

static void test_codec__drained_pieces_are_the_whole(void **state)
{
    (void)state;
    struct profile *profile = make_large();
    for (size_t i = 0; i < codec_format_count; i++) {
        struct buf whole, pieces, out;
        buf_init(&whole, 0);
        buf_init(&pieces, 0);
        buf_init(&out, 0);
        struct codec_options options = {.drain = collect, .drain_context = &pieces};
        assert_int_equal(codec_formats[i].write(profile, NULL, &whole, NULL), 0);
        assert_int_equal(codec_formats[i].write(profile, &options, &out, NULL), 0);
        collect(&pieces, &out, NULL);
        assert_int_equal(pieces.size, whole.size);
        assert_memory_equal(pieces.data, whole.data, whole.size);
        buf_done(&whole);
        buf_done(&pieces);
        buf_done(&out);
    }
    profile_free(profile);
}

static int refuse(void *context, struct buf *out, struct err *err)
{
    (void)context;
    (void)out;
    return err_set(err, ERR_IO, "the disk is full");
}

static void test_codec__a_failing_drain_ends_the_writing(void **state)
{
    (void)state;
    struct profile *profile = make_large();
    for (size_t i = 0; i < codec_format_count; i++) {
        struct buf out;
        struct err err = {0};
        struct codec_options options = {.drain = refuse};
        buf_init(&out, 0);
        int result = codec_formats[i].write(profile, &options, &out, &err);
        if (result < 0)
            assert_string_equal(err.text, "the disk is full");
        else
            assert_true(out.size < 1u << 20); /* never had enough to drain */
        buf_done(&out);
    }
    profile_free(profile);
}

static void test_codec__a_ceiling_is_an_error_and_no_crash(void **state)
{
    (void)state;
    struct profile *profile = make(1);
    for (size_t i = 0; i < codec_format_count; i++)
        for (size_t ceiling = 1; ceiling < 2000; ceiling = ceiling * 3 + 1) {
            struct buf out;
            struct err err = {0};
            buf_init(&out, ceiling);
            int result = codec_formats[i].write(profile, NULL, &out, &err);
            assert_true(result < 0 || out.size <= ceiling);
            buf_done(&out);
        }
    profile_free(profile);
}

static void test_codec__what_is_read_back_has_the_same_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < codec_format_count; i++) {
        const struct codec_format *format = &codec_formats[i];
        struct profile *profile = make(1), *back = profile_new();
        struct buf out;
        struct err err = {0};
        buf_init(&out, 0);
        assert_int_equal(format->write(profile, NULL, &out, &err), 0);
        if (format->read) {
            assert_ptr_equal(codec_sniff(out.data, out.size), format);
            assert_int_equal(format->read(out.data, out.size, back, &err), 0);
            assert_int_equal(profile_total_count(back), profile_total_count(profile));
            assert_int_equal(back->sample_count, profile->sample_count);
        }
        buf_done(&out);
        profile_free(profile);
        profile_free(back);
    }
}

static void test_codec__lines_hold_no_controls_and_no_banned_byte(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    static const char text[] =
        "a;b\nc\xc2\x85"
        "d\xe2\x80\xa8"
        "e\xff"
        "f\xc2\xa0g"
        "\xe2\x80\xae"    /* right-to-left override: would show "h" reversed */
        "h\xe2\x80\x8b"   /* zero-width space: "h" and "h" would look the same */
        "i\xe2\x80\x8dj"; /* the joiner of emoji and scripts stays */
    text_add_line(&out, text, sizeof text - 1, ';', ',');
    assert_string_equal(out.data, "a,b c  d   e\xef\xbf\xbd"
                                  "f\xc2\xa0g   h   i\xe2\x80\x8dj");
    buf_done(&out);
}

static void test_codec__xml_text_is_escaped_and_legal(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    static const char text[] = "<&>\"'\x01\xef\xbf\xbf]]>";
    text_add_xml(&out, text, sizeof text - 1);
    assert_string_equal(out.data, "&lt;&amp;&gt;&quot;&#39;\xef\xbf\xbd\xef\xbf\xbd]]&gt;");
    buf_done(&out);
}

static void test_codec__script_json_cannot_end_its_element(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    static const char text[] = "[\"</script>&\xef\xbf\xbe\"]";
    text_add_script_json(&out, text, sizeof text - 1);
    assert_string_equal(out.data, "[\"\\u003c/script\\u003e\\u0026\\ufffe\"]");
    buf_done(&out);
}

static void test_codec__protobuf_fields_come_back(void **state)
{
    (void)state;
    struct buf out;
    struct proto_field field;
    buf_init(&out, 0);
    proto_add_u64(&out, 1, UINT64_MAX);
    proto_add_u64(&out, 2, 0); /* left out */
    proto_add_bytes(&out, 300, "abc", 3);
    struct proto at = proto_open(out.data, out.size);
    assert_true(proto_next(&at, &field));
    assert_int_equal(field.number, 1);
    assert_true(field.value == UINT64_MAX);
    assert_true(proto_next(&at, &field));
    assert_int_equal(field.number, 300);
    assert_int_equal(field.bytes.end - field.bytes.at, 3);
    assert_false(proto_next(&at, &field));
    assert_false(at.bad);
    at = proto_open(out.data, out.size - 1);
    while (proto_next(&at, &field))
        continue;
    assert_true(at.bad);
    buf_done(&out);
}

static void test_codec__gzip_unpacks_what_it_packed_up_to_the_ceiling(void **state)
{
    (void)state;
    struct buf in = {0}, packed = {0}, out = {0};
    struct gzip *gzip = gzip_new();
    for (int i = 0; i < 100000; i++)
        buf_add_str(&in, "again and ");
    size_t size = in.size;
    assert_int_equal(gzip_push(gzip, &in, false, &packed), 0);
    assert_int_equal(gzip_push(gzip, &in, true, &packed), 0);
    gzip_free(gzip);
    assert_true(gzip_is(packed.data, packed.size));
    assert_int_equal(gzip_unpack(packed.data, packed.size, &out), 0);
    assert_int_equal(out.size, size);
    buf_done(&out);
    buf_init(&out, 1000);
    assert_int_equal(gzip_unpack(packed.data, packed.size, &out), ERR_LIMIT);
    buf_done(&out);
    buf_init(&out, 0);
    assert_int_equal(gzip_unpack(packed.data, packed.size - 5, &out), ERR_BAD_DATA);
    buf_done(&out);
    buf_done(&in);
    buf_done(&packed);
}
