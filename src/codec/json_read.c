/* SPDX-License-Identifier: MIT */
/* json_read.c - profile JSON back into a profile; docs/formats.md, "Profile JSON".
 *
 * jansson makes the tree, this checks it: every index against what it points into, every parent
 * lower than its child. What may be left out (meta, stats, timeline, the columns line to kind) is 0
 * then.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "codec/formats.h"
#include "codec/id_list.h"

#define MAX_NUMBER (UINT64_C(1) << 53)

struct reader {
    struct profile *profile;
    struct err *err;
    struct id_list strings, frames, nodes, threads;
    const char *where; /* the part being read, for the sentence */
};

static int bad(struct reader *r, const char *what)
{
    return err_set(r->err, ERR_BAD_DATA, "profile JSON: %s: %s", r->where, what);
}

static uint64_t as_u64(const json_t *value, bool *good)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || (uint64_t)number > MAX_NUMBER)
        *good = false;
    return *good ? (uint64_t)number : 0;
}

/* The number under `key`; 0 when it is not there. */
static uint64_t member(const json_t *object, const char *key, bool *good)
{
    const json_t *value = json_object_get(object, key);
    return value ? as_u64(value, good) : 0;
}

static int32_t member_i32(const json_t *object, const char *key, bool *good)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = value ? json_integer_value(value) : 0;
    if ((value && !json_is_integer(value)) || number < INT32_MIN || number > INT32_MAX)
        *good = false;
    return *good ? (int32_t)number : 0;
}

/* Row i of a column; 0 when the column is not there. */
static uint64_t cell(const json_t *table, const char *key, size_t i, bool *good)
{
    const json_t *column = json_object_get(table, key);
    return column ? as_u64(json_array_get(column, i), good) : 0;
}

static uint32_t find_id(const struct id_list *ids, uint64_t index, bool *good)
{
    if (index >= ids->count)
        *good = false;
    return *good ? ids->to[index] : 0;
}

static int read_strings(struct reader *r, const json_t *root)
{
    const json_t *strings = json_object_get(root, "strings");
    r->where = "strings";
    int result = 0;
    for (size_t i = 0; result == 0 && i < json_array_size(strings); i++) {
        const json_t *string = json_array_get(strings, i);
        if (!json_is_string(string))
            return bad(r, "one is not a string");
        result = id_list_add(&r->strings, profile_string(r->profile, json_string_value(string),
                                                         json_string_length(string)));
    }
    return result < 0 ? err_set(r->err, result, "profile JSON: %s", err_text(result)) : 0;
}

static int read_frames(struct reader *r, const json_t *root)
{
    const json_t *table = json_object_get(root, "frames");
    size_t count = json_array_size(json_object_get(table, "name"));
    int result = 0;
    r->where = "frames";
    for (size_t i = 0; result == 0 && i < count; i++) {
        bool good = true;
        struct profile_frame frame = {
            .name = find_id(&r->strings, cell(table, "name", i, &good), &good),
            .file = find_id(&r->strings, cell(table, "file", i, &good), &good),
            .full_file = find_id(&r->strings, cell(table, "full_file", i, &good), &good),
        };
        uint64_t line = cell(table, "line", i, &good);
        uint64_t first_line = cell(table, "first_line", i, &good);
        uint64_t kind = cell(table, "kind", i, &good);
        if (!good || line > INT32_MAX || first_line > INT32_MAX)
            return bad(r, "a column is too short or holds what is no index");
        frame.line = (int32_t)line;
        frame.first_line = (int32_t)first_line;
        frame.kind = kind < FRAME_KINDS ? (enum frame_kind)kind : FRAME_OTHER;
        result = id_list_add(&r->frames, profile_frame(r->profile, &frame));
    }
    return result < 0 ? err_set(r->err, result, "profile JSON: %s", err_text(result)) : 0;
}

static int read_nodes(struct reader *r, const json_t *root)
{
    const json_t *table = json_object_get(root, "nodes");
    size_t count = json_array_size(json_object_get(table, "parent"));
    int result = 0;
    r->where = "nodes";
    if (count)
        result = id_list_add(&r->nodes, 0);
    for (size_t i = 1; result == 0 && i < count; i++) {
        bool good = true;
        uint32_t parent = find_id(&r->nodes, cell(table, "parent", i, &good), &good);
        uint32_t frame = find_id(&r->frames, cell(table, "frame", i, &good), &good);
        if (!good)
            return bad(r, "a parent is not lower than its child, or a frame is not there");
        result = id_list_add(&r->nodes, profile_node(r->profile, parent, frame));
    }
    return result < 0 ? err_set(r->err, result, "profile JSON: %s", err_text(result)) : 0;
}

/* A string that stands in place, not in the table. */
static uint32_t text_member(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    uint32_t id = profile_string(r->profile, json_is_string(value) ? json_string_value(value) : "",
                                 json_string_length(value));
    return id == PROFILE_NONE ? 0 : id;
}

static int read_threads(struct reader *r, const json_t *root)
{
    const json_t *threads = json_object_get(root, "threads");
    int result = 0;
    r->where = "threads";
    for (size_t i = 0; result == 0 && i < json_array_size(threads); i++) {
        const json_t *row = json_array_get(threads, i);
        bool good = true;
        struct profile_thread thread = {.pid = member_i32(row, "pid", &good),
                                        .tid = member_i32(row, "tid", &good),
                                        .name = text_member(r, row, "name"),
                                        .process = text_member(r, row, "process")};
        if (!good)
            return bad(r, "a pid or tid is no number");
        result = id_list_add(&r->threads, profile_thread(r->profile, &thread));
    }
    return result < 0 ? err_set(r->err, result, "profile JSON: %s", err_text(result)) : 0;
}

static int read_samples(struct reader *r, const json_t *root)
{
    const json_t *table = json_object_get(root, "samples");
    size_t count = json_array_size(json_object_get(table, "node"));
    r->where = "samples";
    for (size_t i = 0; i < count; i++) {
        bool good = true;
        uint32_t thread = find_id(&r->threads, cell(table, "thread", i, &good), &good);
        uint32_t node = find_id(&r->nodes, cell(table, "node", i, &good), &good);
        uint64_t sightings = cell(table, "count", i, &good);
        uint64_t weight_ns = cell(table, "weight_ns", i, &good);
        if (!good)
            return bad(r, "a column is too short or holds what is no index");
        int result = profile_add(r->profile, thread, node, sightings, weight_ns);
        if (result < 0)
            return err_set(r->err, result, "profile JSON: %s", err_text(result));
    }
    return 0;
}

static int read_track(struct reader *r, const json_t *track, uint64_t unit_us)
{
    bool good = true;
    uint32_t thread = find_id(&r->threads, member(track, "thread", &good), &good);
    size_t count = json_array_size(json_object_get(track, "node"));
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = at + cell(track, "gap", i, &good);
        uint64_t duration = cell(track, "duration", i, &good);
        uint32_t node = find_id(&r->nodes, cell(track, "node", i, &good), &good);
        uint64_t sightings = cell(track, "count", i, &good);
        at = start + duration;
        if (!good || sightings == 0 || sightings > UINT32_MAX || duration > UINT32_MAX / unit_us ||
            at > MAX_NUMBER / unit_us)
            return bad(r, "a run points at nothing or is too long");
        struct profile_run run = {.start_us = start * unit_us,
                                  .thread = thread,
                                  .node = node,
                                  .count = (uint32_t)sightings,
                                  .duration_us = (uint32_t)(duration * unit_us)};
        int result = profile_order_run(r->profile, &run);
        if (result < 0)
            return err_set(r->err, result, "profile JSON: %s", err_text(result));
    }
    return good ? 0 : bad(r, "a track without a thread");
}

static int read_timeline(struct reader *r, const json_t *root)
{
    const json_t *timeline = json_object_get(root, "timeline");
    const json_t *tracks = json_object_get(timeline, "threads");
    bool good = true;
    uint64_t unit_us = member(timeline, "unit_us", &good);
    r->where = "timeline";
    if (!r->profile->keeps_runs || !json_is_object(timeline))
        return 0;
    if (!good || unit_us == 0 || unit_us > 1000000)
        return bad(r, "unit_us is not between 1 and 1000000");
    for (size_t i = 0; i < json_array_size(tracks); i++) {
        int result = read_track(r, json_array_get(tracks, i), unit_us);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_facts(struct reader *r, const json_t *root)
{
    const json_t *meta = json_object_get(root, "meta"), *stats = json_object_get(root, "stats");
    bool good = true;
    r->where = "meta or stats";
    r->profile->meta = (struct profile_meta){
        .start_wall_ns = member(meta, "start_us", &good) * 1000,
        .duration_ns = member(meta, "duration_us", &good) * 1000,
        .period_ns = member(meta, "period_ns", &good),
        .pid = member_i32(meta, "pid", &good),
        .command = text_member(r, meta, "command"),
        .python = text_member(r, meta, "python"),
        .mode = text_member(r, meta, "mode"),
        .host = text_member(r, meta, "host"),
    };
    r->profile->stats = (struct profile_stats){
        .samples = member(stats, "samples", &good),
        .rounds = member(stats, "rounds", &good),
        .exact = member(stats, "exact", &good),
        .partial = member(stats, "partial", &good),
        .lost = member(stats, "lost", &good),
        .late = member(stats, "late", &good),
        .errors = member(stats, "errors", &good),
        .reads = member(stats, "reads", &good),
    };
    return good ? 0 : bad(r, "a number is negative, too large or none");
}

static int read_all(struct reader *r, const json_t *root)
{
    static int (*const parts[])(struct reader * r, const json_t *root) = {
        read_strings, read_frames,   read_nodes, read_threads,
        read_samples, read_timeline, read_facts,
    };
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!format || strcmp(format, "pitviper-profile") != 0)
        return err_set(r->err, ERR_BAD_DATA, "the JSON is no pitviper profile");
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    if (version != 1)
        return err_set(r->err, ERR_UNSUPPORTED,
                       "the profile has version %lld, this pitviper reads 1; use a newer one",
                       (long long)version);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int result = parts[i](r, root);
        if (result < 0)
            return result;
    }
    return 0;
}

int json_profile_read(const void *data, size_t size, struct profile *profile, struct err *err)
{
    struct reader r = {.profile = profile, .err = err};
    json_error_t where;
    json_t *root = json_loadb(data, size, JSON_ALLOW_NUL, &where);
    if (!root)
        return err_set(err, ERR_BAD_DATA, "line %d: %s", where.line, where.text);
    int result = read_all(&r, root);
    json_decref(root);
    id_list_done(&r.strings);
    id_list_done(&r.frames);
    id_list_done(&r.nodes);
    id_list_done(&r.threads);
    return result;
}

bool json_profile_sniff(const char *data, size_t size)
{
    static const char mark[] = "\"pitviper-profile\"";
    return size && data[0] == '{' &&
           memmem(data, size < 256 ? size : 256, mark, sizeof mark - 1) != NULL;
}
