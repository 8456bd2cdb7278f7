/* SPDX-License-Identifier: MIT */
#include "query/joint.h"

#include <stdlib.h>

#include "base/err.h"

static uint32_t copy_string(struct profile *into, const struct profile *from, uint32_t string)
{
    return profile_string(into, from->strings[string].text, from->strings[string].size);
}

static bool is_label(const struct profile_frame *frame)
{
    return frame->kind == FRAME_THREAD || frame->kind == FRAME_PROCESS;
}

/* PROFILE_NONE in the map marks a label. */
static int map_frames(struct profile *into, const struct profile *from, uint32_t *map)
{
    for (uint32_t i = 0; i < from->frame_count; i++) {
        const struct profile_frame *frame = &from->frames[i];
        map[i] = PROFILE_NONE;
        if (is_label(frame))
            continue;
        struct profile_frame function = {
            .name = copy_string(into, from, frame->name),
            .file = copy_string(into, from, frame->file),
            .kind = frame->kind,
        };
        if (function.name == PROFILE_NONE || function.file == PROFILE_NONE)
            return ERR_LIMIT;
        map[i] = profile_frame(into, &function);
        if (map[i] == PROFILE_NONE)
            return ERR_LIMIT;
    }
    return 0;
}

/* A function that calls itself directly stays in its node, or every depth of a recursion would be a
 * path of its own. */
static uint32_t joint_node(struct profile *into, uint32_t parent, uint32_t frame)
{
    if (frame == PROFILE_NONE || (parent && into->nodes[parent].frame == frame))
        return parent;
    return profile_node(into, parent, frame);
}

static int map_nodes(struct profile *into, const struct profile *from, const uint32_t *frames,
                     uint32_t *map)
{
    map[0] = 0;
    for (uint32_t i = 1; i < from->node_count; i++) {
        map[i] = joint_node(into, map[from->nodes[i].parent], frames[from->nodes[i].frame]);
        if (map[i] == PROFILE_NONE)
            return ERR_LIMIT;
    }
    return 0;
}

static int add_side(struct joint *joint, const struct profile *from, int side)
{
    struct profile *into = joint->profile;
    uint32_t *frames = malloc(((size_t)from->frame_count + 1) * sizeof *frames);
    uint32_t *nodes = malloc(((size_t)from->node_count + 1) * sizeof *nodes);
    struct profile_thread thread = {.tid = side};
    joint->node_map[side] = nodes;
    int result = frames && nodes ? map_frames(into, from, frames) : ERR_NO_MEMORY;
    if (result == 0)
        result = map_nodes(into, from, frames, nodes);
    free(frames);
    uint32_t id = result == 0 ? profile_thread(into, &thread) : 0;
    if (id == PROFILE_NONE)
        result = ERR_LIMIT;
    for (uint32_t i = 0; result == 0 && i < from->sample_count; i++) {
        const struct profile_sample *sample = &from->samples[i];
        result = profile_add(into, id, nodes[sample->node], sample->count, sample->weight_ns);
    }
    return result;
}

int joint_init(struct joint *joint, const struct profile *base, const struct profile *new)
{
    *joint = (struct joint){.profile = profile_new()};
    if (!joint->profile)
        return ERR_NO_MEMORY;
    int result = add_side(joint, base, 0);
    return result < 0 ? result : add_side(joint, new, 1);
}

struct profile *joint_take_profile(struct joint *joint)
{
    struct profile *profile = joint->profile;
    joint->profile = NULL;
    return profile;
}

void joint_done(struct joint *joint)
{
    profile_free(joint->profile);
    free(joint->node_map[0]);
    free(joint->node_map[1]);
    *joint = (struct joint){0};
}
