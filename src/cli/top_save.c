/* SPDX-License-Identifier: MIT */
/* top_save.c - what is in view, as a flame graph: the mode, the thread, and of the stacks those
 * through the function in focus or through anything that the filter shows. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/top.h"
#include "codec/codec.h"
#include "query/view.h"

/* The groups of which a stack must have one. NULL: out of memory. */
static bool *wanted_groups(const struct top *top)
{
    const struct grouping *grouping = &top->live.grouping;
    bool is_focused = top->live.focus != PROFILE_NONE;
    bool *wanted = calloc((size_t)grouping->count + 1, sizeof *wanted);
    for (uint32_t i = 0; wanted && i < grouping->count; i++)
        wanted[i] = is_focused ? i == top->live.focus
                               : view_matches(&top->filter.regex, &grouping->groups[i]);
    return wanted;
}

static bool is_in_view(const struct top *top, const struct live_cell *cell, const bool *wanted)
{
    if (!cell->time.us[top->mode])
        return false;
    if (top->live.thread != PROFILE_NONE && cell->thread != top->live.thread)
        return false;
    const struct profile *profile = top->profile;
    for (uint32_t node = cell->node; wanted && node != 0; node = profile->nodes[node].parent) {
        uint32_t group = top->live.grouping.of_frame[profile->nodes[node].frame];
        if (group != PROFILE_NONE && wanted[group])
            return true;
    }
    return !wanted;
}

/* Shares everything with the profile but the samples, which the caller frees. */
static int select_samples(const struct top *top, const bool *wanted, struct profile *out)
{
    const struct live *live = &top->live;
    struct profile_sample *samples = calloc((size_t)live->cell_count + 1, sizeof *samples);
    if (!samples)
        return ERR_NO_MEMORY;
    *out = *top->profile;
    out->samples = samples;
    out->sample_count = 0;
    for (uint32_t i = 0; i < live->cell_count; i++) {
        const struct live_cell *cell = &live->cells[i];
        if (is_in_view(top, cell, wanted))
            samples[out->sample_count++] = (struct profile_sample){
                .thread = cell->thread,
                .node = cell->node,
                .count = cell->stacks[top->mode],
                .weight_ns = cell->time.us[top->mode] * 1000,
            };
    }
    out->meta.mode = top->mode_strings[top->mode];
    out->meta.duration_ns = live->elapsed_us * 1000;
    return 0;
}

static void choose_name(const struct top *top, char *path, size_t size)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
    if (top->profile->meta.pid)
        snprintf(path, size, "pitviper-top-%d-%s.svg", (int)top->profile->meta.pid, stamp);
    else
        snprintf(path, size, "pitviper-top-%s.svg", stamp);
}

int top_save(const struct top *top, char *path, size_t size, struct err *err)
{
    const struct codec_format *format = codec_find("flamegraph");
    struct profile view = {0};
    struct buf out;
    char title[512];
    bool is_partial = top->live.focus != PROFILE_NONE || top->filter.is_set;
    bool *wanted = is_partial ? wanted_groups(top) : NULL;
    if (is_partial && !wanted)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    snprintf(title, sizeof title, "%s (%s time)", top_command(top), top_mode_name(top->mode));
    struct codec_options options = {.title = title};
    buf_init(&out, 0);
    int result = select_samples(top, wanted, &view);
    if (result < 0)
        err_set(err, result, "out of memory");
    if (result == 0)
        result = format->write(&view, &options, &out, err);
    choose_name(top, path, size);
    if (result == 0)
        result = file_replace(path, out.data, out.size, err);
    free(view.samples);
    free(wanted);
    buf_done(&out);
    return result;
}
