/* SPDX-License-Identifier: MIT */
/* store_kit.h - stores in temporary directories, made-up windows, and profiles as text to compare.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/store.h"

#define S UINT64_C(1000000000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define T0 (UINT64_C(20000) * DAY) /* midnight, 2024-10-04 */

static inline void kit_remove(const char *path) /* with what is in it */
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char name[4096];
        struct stat status;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name)
            continue;
        if (lstat(name, &status) == 0 && S_ISDIR(status.st_mode))
            kit_remove(name);
        else
            unlink(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static inline char *kit_dir(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/test_store_XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline struct store *kit_open(const char *dir, bool write)
{
    struct store_options options = {.write = write, .no_sync = true};
    struct store *store = NULL;
    struct err err = {0};
    int result = store_open(dir, &options, &store, &err);
    if (result < 0)
        fail_msg("store_open: %s", err.text);
    return store;
}

#define kit_ok(call)                                                                               \
    do {                                                                                           \
        struct err err = {0};                                                                      \
        int kit_result = (call);                                                                   \
        if (kit_result != 0)                                                                       \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, err.text);                        \
    } while (0)

/* A window of a made-up program: `stacks` stacks of up to 12 frames, on two threads, with counts.
 * The same seed gives the same window. */
static inline struct profile *kit_profile(uint64_t seed, unsigned stacks, int32_t pid)
{
    struct profile *profile = profile_new();
    uint64_t random = seed * 2654435761u + 88172645463325252u;
    uint32_t threads[2];
    for (int32_t t = 0; t < 2; t++) {
        struct profile_thread thread = {
            .pid = pid,
            .tid = pid + t,
            .name = profile_cstring(profile, t ? "worker" : "MainThread"),
            .process = profile_cstring(profile, "python app.py"),
        };
        threads[t] = profile_thread(profile, &thread);
    }
    for (unsigned i = 0; i < stacks; i++) {
        uint32_t node = 0;
        unsigned depth = 1 + (unsigned)(random_next(&random) % 12);
        for (unsigned d = 0; d < depth; d++) {
            char name[32], file[32];
            unsigned function = (unsigned)(random_next(&random) % 7) + d * 7;
            snprintf(name, sizeof name, "f%u", function);
            snprintf(file, sizeof file, "m%u.py", function % 5);
            struct profile_frame frame = {
                .name = profile_cstring(profile, name),
                .file = profile_cstring(profile, file),
                .full_file = profile_cstring(profile, file),
                .line = (int32_t)(random_next(&random) % 3) + 10,
                .first_line = 9,
            };
            node = profile_node(profile, node, profile_frame(profile, &frame));
        }
        uint64_t count = 1 + random_next(&random) % 5;
        uint64_t weight = count * 10000000 + random_next(&random) % 3000 * 1000;
        profile_add(profile, threads[random_next(&random) % 2], node, count, weight);
        profile->stats.samples += count;
    }
    profile->meta.period_ns = 10000000;
    return profile;
}

static inline int kit_compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Each sample a line: thread (if wanted), stack, count, weight (if wanted); sorted. */
static inline char *kit_text(const struct profile *p, bool threads, bool weights)
{
    size_t size;
    char **lines = calloc(p->sample_count + 1, sizeof *lines);
    for (uint32_t i = 0; i < p->sample_count; i++) {
        const struct profile_sample *sample = &p->samples[i];
        const struct profile_thread *thread = &p->threads[sample->thread];
        struct buf line = {0};
        if (threads)
            buf_printf(&line, "%d/%d/%s/%s ", thread->pid, thread->tid,
                       p->strings[thread->name].text, p->strings[thread->process].text);
        for (uint32_t node = sample->node; node; node = p->nodes[node].parent) {
            char label[200];
            profile_frame_label(p, p->nodes[node].frame, label, sizeof label);
            buf_printf(&line, "%s;", label);
        }
        buf_printf(&line, " %llu", (unsigned long long)sample->count);
        if (weights)
            buf_printf(&line, " %llu", (unsigned long long)sample->weight_ns);
        lines[i] = buf_take(&line, &size);
    }
    qsort(lines, p->sample_count, sizeof *lines, kit_compare_lines);
    struct buf out = {0};
    buf_add_str(&out, "");
    for (uint32_t i = 0; i < p->sample_count; i++) {
        buf_printf(&out, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
    return buf_take(&out, &size);
}

/* All threads as one, as an answer without split has it. */
static inline struct profile *kit_flat(const struct profile *from)
{
    struct profile *flat = profile_new();
    struct profile_thread everything = {0};
    uint32_t thread = profile_thread(flat, &everything);
    profile_merge_shape(flat, from); /* the same nodes in the same order */
    for (uint32_t i = 0; i < from->sample_count; i++) {
        const struct profile_sample *sample = &from->samples[i];
        profile_add(flat, thread, sample->node, sample->count, sample->weight_ns);
    }
    return flat;
}

static inline void kit_assert_same(const struct profile *a, const struct profile *b, bool threads,
                                   bool weights)
{
    char *left = kit_text(a, threads, weights), *right = kit_text(b, threads, weights);
    assert_string_equal(left, right);
    free(left);
    free(right);
}

static inline struct profile *kit_read(struct store *store, const struct store_query *query,
                                       struct store_answer *answer)
{
    struct store_answer unused;
    struct profile *profile = profile_new();
    struct err err = {0};
    int result = store_read_profile(store, query, profile, answer ? answer : &unused, &err);
    if (result < 0)
        fail_msg("store_read_profile: %s", err.text);
    return profile;
}

static inline void kit_add(struct store *store, const char *service, uint64_t at_ns,
                           const struct profile *profile)
{
    struct store_source source = {.service = service,
                                  .host = "web1",
                                  .version = "1.0",
                                  .type = STORE_CPU,
                                  .weight_of_its_own = true};
    kit_ok(store_add_profile(store, &source, at_ns, profile, &err));
}
