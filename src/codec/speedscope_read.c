/* SPDX-License-Identifier: MIT */
/* speedscope_read.c - "sampled" speedscope profiles, of whatever exporter.
 *
 * The format has weights only. Where they are times, the smallest is taken for the interval, and a
 * sample's count is its weight in intervals: shares come out right whatever the truth was.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/formats.h"

#define MAX_DEPTH 1000000u
#define MAX_WEIGHT 9e15

struct reader {
    struct profile *profile;
    struct err *err;
    uint32_t *frames;
    size_t frame_count;
};

static int bad(struct reader *r, const char *what)
{
    return err_set(r->err, ERR_BAD_DATA, "speedscope: %s", what);
}

static uint32_t add_text(struct reader *r, const json_t *value)
{
    uint32_t id = profile_string(r->profile, json_is_string(value) ? json_string_value(value) : "",
                                 json_string_length(value));
    return id == PROFILE_NONE ? 0 : id;
}

static int read_frames(struct reader *r, const json_t *rows)
{
    r->frame_count = json_array_size(rows);
    r->frames = malloc((r->frame_count + 1) * sizeof *r->frames);
    if (!r->frames)
        return err_set(r->err, ERR_NO_MEMORY, "speedscope: out of memory");
    for (size_t i = 0; i < r->frame_count; i++) {
        const json_t *row = json_array_get(rows, i);
        json_int_t line = json_integer_value(json_object_get(row, "line"));
        uint32_t file = add_text(r, json_object_get(row, "file"));
        struct profile_frame frame = {.name = add_text(r, json_object_get(row, "name")),
                                      .file = file,
                                      .full_file = file,
                                      .line = line > 0 && line <= INT32_MAX ? (int32_t)line : 0,
                                      .kind = file ? FRAME_PYTHON : FRAME_OTHER};
        r->frames[i] = profile_frame(r->profile, &frame);
        if (r->frames[i] == PROFILE_NONE)
            return err_set(r->err, ERR_LIMIT, "speedscope: too many frames");
    }
    return 0;
}

/* Nanoseconds in one unit; 0: not a time. */
static double unit_ns(const char *unit)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {
        {"nanoseconds", 1}, {"microseconds", 1e3}, {"milliseconds", 1e6}, {"seconds", 1e9}};
    for (size_t i = 0; unit && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ns;
    return 0;
}

static uint32_t read_stack(struct reader *r, const json_t *stack)
{
    uint32_t node = 0;
    if (json_array_size(stack) > MAX_DEPTH)
        return PROFILE_NONE;
    for (size_t i = 0; i < json_array_size(stack) && node != PROFILE_NONE; i++) {
        const json_t *index = json_array_get(stack, i);
        json_int_t frame = json_is_integer(index) ? json_integer_value(index) : -1;
        if (frame < 0 || (size_t)frame >= r->frame_count)
            return PROFILE_NONE;
        node = profile_node(r->profile, node, r->frames[frame]);
    }
    return node;
}

static double smallest(const json_t *weights)
{
    double least = 0;
    for (size_t i = 0; i < json_array_size(weights); i++) {
        double weight = json_number_value(json_array_get(weights, i));
        if (weight > 0 && (least == 0 || weight < least))
            least = weight;
    }
    return least;
}

static int read_sample(struct reader *r, uint32_t thread, const json_t *stack, double weight,
                       double scale_ns, double interval)
{
    uint32_t node = read_stack(r, stack);
    if (node == PROFILE_NONE || !(weight >= 0) || weight * (scale_ns != 0 ? scale_ns : 1) > MAX_WEIGHT)
        return bad(r, "a sample points at no frame, or its weight makes no sense");
    if (weight == 0)
        return 0;
    uint64_t count =
        (uint64_t)llround(scale_ns != 0 ? fmin(weight / interval, MAX_WEIGHT) : weight);
    uint64_t weight_ns = (uint64_t)llround(weight * scale_ns);
    r->profile->stats.samples += count;
    int result = profile_add(r->profile, thread, node, count, weight_ns);
    return result < 0 ? err_set(r->err, result, "speedscope: %s", err_text(result)) : 0;
}

static int read_profile(struct reader *r, const json_t *row, size_t index)
{
    const char *type = json_string_value(json_object_get(row, "type"));
    const json_t *samples = json_object_get(row, "samples");
    const json_t *weights = json_object_get(row, "weights");
    if (!type || strcmp(type, "sampled") != 0)
        return err_set(r->err, ERR_UNSUPPORTED,
                       "speedscope: profile %zu is not of type \"sampled\", the only one read here",
                       index);
    if (json_array_size(samples) != json_array_size(weights))
        return bad(r, "there are not as many weights as samples");
    struct profile_thread row_thread = {.tid = (int32_t)index,
                                        .name = add_text(r, json_object_get(row, "name"))};
    uint32_t thread = profile_thread(r->profile, &row_thread);
    double scale_ns = unit_ns(json_string_value(json_object_get(row, "unit")));
    double interval = smallest(weights);
    if (thread == PROFILE_NONE)
        return err_set(r->err, ERR_LIMIT, "speedscope: too many threads");
    for (size_t i = 0; i < json_array_size(samples); i++) {
        int result = read_sample(r, thread, json_array_get(samples, i),
                                 json_number_value(json_array_get(weights, i)), scale_ns, interval);
        if (result < 0)
            return result;
    }
    return 0;
}

int speedscope_read(const void *data, size_t size, struct profile *profile, struct err *err)
{
    struct reader r = {.profile = profile, .err = err};
    json_error_t where;
    json_t *root = json_loadb(data, size, JSON_ALLOW_NUL, &where);
    if (!root)
        return err_set(err, ERR_BAD_DATA, "line %d: %s", where.line, where.text);
    const json_t *profiles = json_object_get(root, "profiles");
    int result = read_frames(&r, json_object_get(json_object_get(root, "shared"), "frames"));
    for (size_t i = 0; result == 0 && i < json_array_size(profiles); i++)
        result = read_profile(&r, json_array_get(profiles, i), i);
    profile->stats.exact = profile->stats.samples;
    profile->meta.command = add_text(&r, json_object_get(root, "name"));
    json_decref(root);
    free(r.frames);
    return result;
}

bool speedscope_sniff(const char *data, size_t size)
{
    static const char mark[] = "speedscope.app/file-format-schema";
    return size && data[0] == '{' && memmem(data, size, mark, sizeof mark - 1) != NULL;
}
