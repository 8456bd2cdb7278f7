/* SPDX-License-Identifier: MIT */
/* merge.c - one profile added to another: every id of the one gets its id in the other. */
#include <stdlib.h>

#include "base/err.h"
#include "model/ids.h"

static int translate(struct profile *into, const struct profile *from, struct ids *ids)
{
    int result = ids_translate_names(ids, into, from);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < from->frame_count; i++) {
        struct profile_frame frame = ids_frame(ids, &from->frames[i]);
        if ((ids->frames[i] = profile_frame(into, &frame)) == PROFILE_NONE)
            return ERR_LIMIT;
    }
    ids->nodes[0] = 0;
    for (uint32_t i = 1; i < from->node_count; i++) {
        const struct profile_node *node = &from->nodes[i];
        ids->nodes[i] = profile_node(into, ids->nodes[node->parent], ids->frames[node->frame]);
        if (ids->nodes[i] == PROFILE_NONE)
            return ERR_LIMIT;
    }
    return 0;
}

static void merge_stats(struct profile_stats *into, const struct profile_stats *from)
{
    into->samples += from->samples;
    into->rounds += from->rounds;
    into->exact += from->exact;
    into->partial += from->partial;
    into->lost += from->lost;
    into->late += from->late;
    into->errors += from->errors;
    into->reads += from->reads;
}

/* The span of both; facts that differ become unknown. */
static void merge_meta(struct profile_meta *into, const struct profile_meta *from,
                       const uint32_t *strings)
{
    if (!into->start_wall_ns && !into->duration_ns) {
        *into = *from;
        into->command = strings[from->command];
        into->python = strings[from->python];
        into->mode = strings[from->mode];
        into->host = strings[from->host];
        return;
    }
    uint64_t end = into->start_wall_ns + into->duration_ns;
    uint64_t from_end = from->start_wall_ns + from->duration_ns;
    if (from->start_wall_ns && from->start_wall_ns < into->start_wall_ns)
        into->start_wall_ns = from->start_wall_ns;
    into->duration_ns = (from_end > end ? from_end : end) - into->start_wall_ns;
    if (into->pid != from->pid)
        into->pid = 0;
    if (into->period_ns != from->period_ns)
        into->period_ns = 0;
    if (into->python != strings[from->python])
        into->python = 0;
    if (into->mode != strings[from->mode])
        into->mode = 0;
    if (into->host != strings[from->host])
        into->host = 0;
}

int profile_merge_shape(struct profile *into, const struct profile *from)
{
    struct ids ids;
    int result = ids_init(&ids, from);
    if (result == 0)
        result = translate(into, from, &ids);
    ids_done(&ids);
    return result;
}

int profile_merge(struct profile *into, const struct profile *from)
{
    struct ids ids;
    int result = ids_init(&ids, from);
    if (result < 0)
        goto done;
    result = translate(into, from, &ids);
    if (result < 0)
        goto done;
    for (uint32_t i = 0; i < from->sample_count; i++) {
        const struct profile_sample *sample = &from->samples[i];
        result = profile_add(into, ids.threads[sample->thread], ids.nodes[sample->node],
                             sample->count, sample->weight_ns);
        if (result < 0)
            goto done;
    }
    merge_stats(&into->stats, &from->stats);
    merge_meta(&into->meta, &from->meta, ids.strings);

done:
    ids_done(&ids);
    return result;
}

static uint32_t copy_string(struct profile *into, const struct profile *from, uint32_t string)
{
    const struct profile_string *text = &from->strings[string];
    return string ? profile_string(into, text->text, text->size) : 0;
}

static uint32_t copy_frame(struct profile *into, const struct profile *from, uint32_t number)
{
    struct profile_frame frame = from->frames[number];
    frame.name = copy_string(into, from, frame.name);
    frame.file = copy_string(into, from, frame.file);
    frame.full_file = copy_string(into, from, frame.full_file);
    if (frame.name == PROFILE_NONE || frame.file == PROFILE_NONE || frame.full_file == PROFILE_NONE)
        return PROFILE_NONE;
    return profile_frame(into, &frame);
}

uint32_t profile_copy_node(struct profile *into, const struct profile *from, uint32_t node)
{
    uint32_t depth = from->nodes[node].depth, at = 0;
    uint32_t *path = malloc((depth + 1) * sizeof *path);
    if (!path)
        return PROFILE_NONE;
    for (uint32_t i = depth; node; node = from->nodes[node].parent)
        path[--i] = from->nodes[node].frame;
    for (uint32_t i = 0; i < depth && at != PROFILE_NONE; i++) {
        uint32_t frame = copy_frame(into, from, path[i]);
        at = frame == PROFILE_NONE ? PROFILE_NONE : profile_node(into, at, frame);
    }
    free(path);
    return at;
}
