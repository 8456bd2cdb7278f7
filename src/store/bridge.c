/* SPDX-License-Identifier: MIT */
/* bridge.c - entries of one dictionary looked up in, or added to, another, each only once. */
#include <stdlib.h>
#include <string.h>

#include "store/dict.h"

void dict_bridge_init(struct dict_bridge *bridge, const struct dict *from, struct dict *into)
{
    *bridge = (struct dict_bridge){.from = from, .into = into};
}

void dict_bridge_done(struct dict_bridge *bridge)
{
    free(bridge->strings.to);
    free(bridge->frames.to);
    free(bridge->nodes.to);
    free(bridge->path);
    memset(bridge, 0, sizeof *bridge);
}

/* Room for `id`; grows to all that `from` has now. */
static bool fit(struct dict_bridge_map *map, uint32_t id, uint32_t all)
{
    if (id < map->count)
        return true;
    uint32_t *to = realloc(map->to, all * sizeof *to);
    if (!to)
        return false;
    memset(to + map->count, 0xff, (all - map->count) * sizeof *to);
    map->to = to;
    map->count = all;
    return true;
}

uint32_t dict_bridge_string(struct dict_bridge *bridge, uint32_t string)
{
    const struct profile *from = bridge->from->shapes;
    if (!fit(&bridge->strings, string, from->string_count))
        return PROFILE_NONE;
    uint32_t *to = &bridge->strings.to[string];
    if (*to == PROFILE_NONE)
        *to = profile_string(bridge->into->shapes, from->strings[string].text,
                             from->strings[string].size);
    return *to;
}

static uint32_t bridge_frame(struct dict_bridge *bridge, uint32_t id)
{
    const struct profile *from = bridge->from->shapes;
    if (!fit(&bridge->frames, id, from->frame_count))
        return PROFILE_NONE;
    if (bridge->frames.to[id] == PROFILE_NONE) {
        struct profile_frame frame = from->frames[id];
        frame.name = dict_bridge_string(bridge, frame.name);
        frame.file = dict_bridge_string(bridge, frame.file);
        frame.full_file = dict_bridge_string(bridge, frame.full_file);
        if (frame.name == PROFILE_NONE || frame.file == PROFILE_NONE ||
            frame.full_file == PROFILE_NONE)
            return PROFILE_NONE;
        bridge->frames.to[id] = profile_frame(bridge->into->shapes, &frame);
    }
    return bridge->frames.to[id];
}

/* Up to the first ancestor that is known, and down again. */
uint32_t dict_bridge_new_node(struct dict_bridge *bridge, uint32_t node)
{
    const struct profile *from = bridge->from->shapes;
    if (!fit(&bridge->nodes, node, from->node_count))
        return PROFILE_NONE;
    bridge->nodes.to[0] = 0;
    if (from->nodes[node].depth > bridge->path_capacity) {
        uint32_t capacity = from->nodes[node].depth * 2;
        uint32_t *path = realloc(bridge->path, capacity * sizeof *path);
        if (!path)
            return PROFILE_NONE;
        bridge->path = path;
        bridge->path_capacity = capacity;
    }
    uint32_t depth = 0;
    uint32_t *to = bridge->nodes.to;
    for (; to[node] == PROFILE_NONE; node = from->nodes[node].parent)
        bridge->path[depth++] = node;
    while (depth) {
        uint32_t child = bridge->path[--depth];
        uint32_t frame = bridge_frame(bridge, from->nodes[child].frame);
        if (frame == PROFILE_NONE)
            return PROFILE_NONE;
        to[child] = profile_node(bridge->into->shapes, to[node], frame);
        if (to[child] == PROFILE_NONE)
            return PROFILE_NONE;
        node = child;
    }
    return to[node];
}

uint32_t dict_bridge_series(struct dict_bridge *bridge, uint32_t series)
{
    struct dict_series to = *dict_series_at(bridge->from, series);
    to.service = dict_bridge_string(bridge, to.service);
    to.host = dict_bridge_string(bridge, to.host);
    to.version = dict_bridge_string(bridge, to.version);
    if (to.service == PROFILE_NONE || to.host == PROFILE_NONE || to.version == PROFILE_NONE)
        return PROFILE_NONE;
    return dict_series(bridge->into, &to);
}

uint32_t dict_bridge_actor(struct dict_bridge *bridge, uint32_t actor, bool churn)
{
    struct dict_actor to = *dict_actor_at(bridge->from, actor);
    to.process = dict_bridge_string(bridge, to.process);
    to.thread = dict_bridge_string(bridge, to.thread);
    to.endpoint = dict_bridge_string(bridge, to.endpoint);
    if (to.process == PROFILE_NONE || to.thread == PROFILE_NONE || to.endpoint == PROFILE_NONE)
        return PROFILE_NONE;
    if (!churn)
        to.tid = 0;
    return dict_actor(bridge->into, &to);
}

uint32_t dict_bridge_key(struct dict_bridge *bridge, uint32_t key, bool churn)
{
    struct dict_key to = *dict_key_at(bridge->from, key);
    to.name = dict_bridge_string(bridge, to.name);
    to.detail = dict_bridge_string(bridge, to.detail);
    to.summary = dict_bridge_string(bridge, to.summary);
    if (to.name == PROFILE_NONE || to.detail == PROFILE_NONE || to.summary == PROFILE_NONE)
        return PROFILE_NONE;
    if (!churn && to.kind != DICT_GAUGE)
        to.pid = 0;
    return dict_key(bridge->into, &to);
}
