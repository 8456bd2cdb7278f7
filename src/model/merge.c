/* SPDX-License-Identifier: MIT */
/* merge.c - one profile added to another: every id of the one gets its id in the other. */
#include <stdlib.h>

#include "base/err.h"
#include "model/profile.h"

struct ids {
    uint32_t *strings, *frames, *nodes, *threads;
};

static void ids_done(struct ids *ids)
{
    free(ids->strings);
    free(ids->frames);
    free(ids->nodes);
    free(ids->threads);
}

static int ids_init(struct ids *ids, const struct profile *from)
{
    *ids = (struct ids){
        .strings = malloc((from->string_count + 1) * sizeof(uint32_t)),
        .frames = malloc((from->frame_count + 1) * sizeof(uint32_t)),
        .nodes = malloc((from->node_count + 1) * sizeof(uint32_t)),
        .threads = malloc((from->thread_count + 1) * sizeof(uint32_t)),
    };
    return ids->strings && ids->frames && ids->nodes && ids->threads ? 0 : ERR_NO_MEMORY;
}

static int translate(struct profile *into, const struct profile *from, struct ids *ids)
{
    for (uint32_t i = 0; i < from->string_count; i++) {
        const struct profile_string *s = &from->strings[i];
        if ((ids->strings[i] = profile_string(into, s->text, s->size)) == PROFILE_NONE)
            return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < from->frame_count; i++) {
        struct profile_frame frame = from->frames[i];
        frame.name = ids->strings[frame.name];
        frame.file = ids->strings[frame.file];
        frame.full_file = ids->strings[frame.full_file];
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
    for (uint32_t i = 0; i < from->thread_count; i++) {
        struct profile_thread thread = from->threads[i];
        thread.name = ids->strings[thread.name];
        thread.process = ids->strings[thread.process];
        if ((ids->threads[i] = profile_thread(into, &thread)) == PROFILE_NONE)
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
