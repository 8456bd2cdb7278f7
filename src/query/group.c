/* SPDX-License-Identifier: MIT */
#include "query/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/map.h"

static struct text text_of(const char *literal)
{
    return (struct text){literal, (uint32_t)strlen(literal)};
}

static struct text profile_text(const struct profile *profile, uint32_t string)
{
    if (string >= profile->string_count)
        return (struct text){"", 0};
    return (struct text){profile->strings[string].text, profile->strings[string].size};
}

static int text_compare(struct text a, struct text b)
{
    uint32_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.text, b.text, common) : 0;
    if (order)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

int group_compare(const struct group *a, const struct group *b)
{
    int order = text_compare(a->name, b->name);
    if (!order)
        order = text_compare(a->file, b->file);
    if (!order)
        order = text_compare(a->full_file, b->full_file);
    if (!order)
        order = (a->line > b->line) - (a->line < b->line);
    if (!order)
        order = (a->kind > b->kind) - (a->kind < b->kind);
    return order;
}

/* The part of `path` after the last "needle", or NULL. */
static const char *after_last(const char *path, uint32_t size, const char *needle)
{
    const char *found = NULL;
    size_t length = strlen(needle);
    for (const char *at = path; (at = memmem(at, size - (size_t)(at - path), needle, length));)
        found = at += length;
    return found;
}

/* The first component of a path, without ".py" when it is the file itself. */
static struct text first_component(const char *path, uint32_t size)
{
    const char *slash = memchr(path, '/', size);
    if (slash)
        return (struct text){path, (uint32_t)(slash - path)};
    const char *dot = memchr(path, '.', size);
    return (struct text){path, dot && dot > path ? (uint32_t)(dot - path) : size};
}

/* ".../lib/python3.11/json/decoder.py" but not ".../lib/python3.11/site-packages/…". */
static bool in_standard_library(const char *path, uint32_t size)
{
    const char *rest = after_last(path, size, "/lib/python");
    if (!rest)
        rest = after_last(path, size, "/lib64/python");
    uint32_t left = rest ? size - (uint32_t)(rest - path) : 0;
    return left > 0 && *rest >= '2' && *rest <= '9' && memchr(rest, '/', left);
}

struct text group_package(const char *path, uint32_t size, enum frame_kind kind)
{
    if (kind == FRAME_KERNEL)
        return text_of("(kernel)");
    if (kind == FRAME_NATIVE)
        return text_of("(native)");
    if (size == 0 || path[0] == '<')
        return text_of(kind == FRAME_PYTHON ? "(built in)" : "(interpreter)");
    const char *installed = after_last(path, size, "/site-packages/");
    if (!installed)
        installed = after_last(path, size, "/dist-packages/");
    if (installed && installed < path + size)
        return first_component(installed, size - (uint32_t)(installed - path));
    if (in_standard_library(path, size))
        return text_of("(standard library)");
    if (path[0] != '/')
        return first_component(path, size);
    const char *slash = memrchr(path, '/', size);
    return (struct text){path, slash > path ? (uint32_t)(slash - path) : 1};
}

static bool is_label(enum frame_kind kind)
{
    return kind == FRAME_THREAD || kind == FRAME_PROCESS;
}

static uint32_t path_of(const struct profile_frame *frame)
{
    return frame->full_file ? frame->full_file : frame->file;
}

/* Appends; the array was sized for one group per frame. */
static uint32_t add_group(struct grouping *grouping, const struct group *group)
{
    grouping->groups[grouping->count] = *group;
    return grouping->count++;
}

/* Strings have fewer than 2^24 ids, so name, file and kind fit one exact key. */
static uint64_t exact_key(uint32_t name, uint32_t file, enum frame_kind kind)
{
    return (uint64_t)name << 40 | (uint64_t)file << 16 | (uint64_t)kind;
}

static uint64_t text_hash(struct text text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.text[i]) * 0x100000001b3u;
    return hash;
}

static int place(struct grouping *grouping, struct map *map, uint64_t key,
                 const struct group *group, uint32_t *out)
{
    uint32_t found = map_get(map, key);
    if (found == MAP_NONE) {
        found = add_group(grouping, group);
        if (map_set(map, key, found) < 0)
            return ERR_NO_MEMORY;
    }
    *out = found;
    return 0;
}

static int place_package(struct grouping *grouping, struct map *map, const struct group *group,
                         uint32_t *out)
{
    uint64_t key = text_hash(group->name);
    for (;; key++) { /* two names with one hash take neighbouring keys */
        uint32_t found = map_get(map, key);
        if (found == MAP_NONE || !text_compare(grouping->groups[found].name, group->name))
            return place(grouping, map, key, group, out);
    }
}

static struct group describe(const struct profile *profile, const struct profile_frame *frame)
{
    struct group group = {
        .name = profile_text(profile, frame->name),
        .file = profile_text(profile, frame->file),
        .full_file = profile_text(profile, frame->full_file),
        .line = frame->first_line,
        .kind = frame->kind,
    };
    return group;
}

struct group_maps {
    struct map first;  /* functions, files or package names */
    struct map second; /* lines of functions */
};

static int place_frame(struct grouping *grouping, struct group_maps *maps,
                       const struct profile *profile, const struct profile_frame *frame,
                       enum group_by by, uint32_t *out)
{
    struct group group = describe(profile, frame);
    uint32_t path = path_of(frame);
    switch (by) {
    case GROUP_FILE:
        group.line = 0;
        if (group.file.size) /* what has no file stays itself: <GC>, native functions */
            group.name = group.file;
        return place(grouping, &maps->first, exact_key(path ? 0 : frame->name, path, frame->kind),
                     &group, out);
    case GROUP_PACKAGE:
        group.name =
            group_package(profile->strings[path].text, profile->strings[path].size, frame->kind);
        group.file = group.full_file = (struct text){"", 0};
        group.line = 0;
        return place_package(grouping, &maps->first, &group, out);
    case GROUP_LINE: {
        uint64_t key = exact_key(frame->name, path, frame->kind);
        uint32_t function = map_get(&maps->second, key);
        if (function == MAP_NONE) {
            function = maps->second.count;
            if (map_set(&maps->second, key, function) < 0)
                return ERR_NO_MEMORY;
        }
        group.line = frame->line;
        return place(grouping, &maps->first, (uint64_t)function << 32 | (uint32_t)frame->line,
                     &group, out);
    }
    case GROUP_FUNCTION:
        break;
    }
    return place(grouping, &maps->first, exact_key(frame->name, path, frame->kind), &group, out);
}

int grouping_init(struct grouping *out, const struct profile *profile, enum group_by by)
{
    int result = 0;
    size_t room = profile->frame_count ? profile->frame_count : 1;
    struct group_maps maps;
    map_init(&maps.first);
    map_init(&maps.second);
    *out = (struct grouping){
        .of_frame = malloc(room * sizeof *out->of_frame),
        .groups = malloc(room * sizeof *out->groups),
    };
    if (!out->of_frame || !out->groups)
        result = ERR_NO_MEMORY;
    for (uint32_t i = 0; result == 0 && i < profile->frame_count; i++) {
        out->of_frame[i] = PROFILE_NONE;
        if (!is_label(profile->frames[i].kind))
            result = place_frame(out, &maps, profile, &profile->frames[i], by, &out->of_frame[i]);
    }
    map_done(&maps.first);
    map_done(&maps.second);
    if (result < 0)
        grouping_done(out);
    return result;
}

void grouping_done(struct grouping *grouping)
{
    free(grouping->of_frame);
    free(grouping->groups);
    *grouping = (struct grouping){0};
}
