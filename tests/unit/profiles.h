/* SPDX-License-Identifier: MIT */
/* profiles.h - small profiles for the tests of model and codec, and what to compare. */
#pragma once

#include <string.h>

#include "model/profile.h"

static inline uint32_t add_frame(struct profile *profile, const char *name, const char *file,
                                 int32_t line, enum frame_kind kind)
{
    struct profile_frame frame = {.name = profile_cstring(profile, name),
                                  .file = profile_cstring(profile, file),
                                  .full_file = profile_cstring(profile, file),
                                  .line = line,
                                  .first_line = line > 2 ? line - 2 : line,
                                  .kind = kind};
    return profile_frame(profile, &frame);
}

static inline uint32_t add_thread(struct profile *profile, int32_t tid, const char *name)
{
    struct profile_thread thread = {.pid = 42,
                                    .tid = tid,
                                    .name = profile_cstring(profile, name),
                                    .process = profile_cstring(profile, "worker")};
    return profile_thread(profile, &thread);
}

static inline void set_meta(struct profile *profile)
{
    profile->meta = (struct profile_meta){.start_wall_ns = 1700000000000000000u,
                                          .duration_ns = 2000000000u,
                                          .period_ns = 10000000u,
                                          .pid = 42,
                                          .command = profile_cstring(profile, "python app.py"),
                                          .python = profile_cstring(profile, "3.12.1"),
                                          .mode = profile_cstring(profile, "cpu"),
                                          .host = profile_cstring(profile, "web7")};
}

/* Names that some format has a rule about. */
static const char *const odd_names[] = {
    "semi;colon",
    "new\nline\rtab\t",
    "quote\"back\\slash",
    "<script>alert(1)</script>",
    "]]>&amp;&",
    "'single' (paren",
    "trailing 12",
    "\x01\x1f\x7f control",
    "\xff\xfe\xc3(",
    "\xed\xa0\x80 surrogate",
    "\xef\xbf\xbe nonchar",
    "\xe2\x80\xa8 separator",
    "\xe6\xbc\xa2\xe5\xad\x97",
    "",
    " ",
    "%s%n",
    "=cmd",
    "calls=1 1",
    "fn=(1)",
    "{\"a\":1}",
    "\xf0\x9f\x90\x8d",
    "<module>",
    "a (b.py:3)",
};
#define ODD_NAME_COUNT (sizeof odd_names / sizeof odd_names[0])

/* main calls each odd name in a file of its odd name; two threads; with runs when they are kept. */
static inline void fill_odd(struct profile *profile)
{
    set_meta(profile);
    uint32_t threads[] = {add_thread(profile, 42, "Main\"<Thread>;"),
                          add_thread(profile, 43, "w\xff")};
    uint32_t main_node =
        profile_node(profile, 0, add_frame(profile, "main", "app.py", 3, FRAME_PYTHON));
    uint64_t at_us = 0;
    for (uint32_t i = 0; i < ODD_NAME_COUNT; i++) {
        enum frame_kind kind = (enum frame_kind)(i % (FRAME_OTHER + 1));
        uint32_t frame =
            add_frame(profile, odd_names[i], odd_names[(i + 5) % ODD_NAME_COUNT], (int32_t)i, kind);
        uint32_t node = profile_node(profile, main_node, frame);
        for (uint32_t k = 0; k <= i % 3; k++) {
            profile_see(profile, threads[i % 2], node, at_us, 10000);
            at_us += 10000;
        }
    }
    profile->stats = (struct profile_stats){.samples = profile_total_count(profile),
                                            .rounds = 200,
                                            .exact = profile_total_count(profile) - 1,
                                            .partial = 1};
}

static inline bool same_string(const struct profile *a, uint32_t x, const struct profile *b,
                               uint32_t y)
{
    return a->strings[x].size == b->strings[y].size &&
           memcmp(a->strings[x].text, b->strings[y].text, a->strings[x].size) == 0;
}
