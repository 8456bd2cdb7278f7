/* SPDX-License-Identifier: MIT */
/* profile_fuzz.h - what every reader of profiles must hold: refuse, or give a profile that is
 * sound and that every writer can write (which one is tried is up to the input's size). */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(const struct profile *profile)
{
    for (uint32_t i = 1; i < profile->node_count; i++)
        if (profile->nodes[i].parent >= i || profile->nodes[i].frame >= profile->frame_count)
            abort();
    for (uint32_t i = 0; i < profile->sample_count; i++)
        if (profile->samples[i].node >= profile->node_count ||
            profile->samples[i].thread >= profile->thread_count)
            abort();
    for (uint64_t i = 0; i < profile->run_count; i++)
        if (profile->runs[i].node >= profile->node_count || !profile->runs[i].count ||
            profile->runs[i].thread >= profile->thread_count)
            abort();
}

static inline int drop(void *context, struct buf *out, struct err *err)
{
    size_t *total = context;
    *total += out->size;
    buf_reset(out);
    return *total > (size_t)4 << 20 ? err_set(err, ERR_LIMIT, "enough") : 0;
}

static inline int fuzz_profile_reader(const char *name, const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct profile *profile = profile_new();
    profile_keep_runs(profile);
    char *copy = malloc(size + 1); /* exactly as large: reading beyond shows */
    if (size)
        __builtin_memcpy(copy, data, size);
    int result = codec_find(name)->read(copy, size, profile, &err);
    free(copy);
    fuzz_check(profile);
    if (result == 0) {
        struct buf out;
        size_t total = 0;
        struct codec_options options = {.drain = drop, .drain_context = &total};
        buf_init(&out, (size_t)64 << 20);
        codec_formats[size % codec_format_count].write(profile, &options, &out, &err);
        buf_done(&out);
    }
    profile_free(profile);
    return 0;
}
