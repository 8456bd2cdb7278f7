/* SPDX-License-Identifier: MIT */
/* pprof_read.c - perftools.profiles.Profile, gzipped or not, of whatever exporter.
 *
 * The tables may come in any order, so the message is gone through once per table: strings,
 * functions, locations, then samples. Ids are whatever the writer liked; maps translate them. Of
 * the values the first count and the last time are taken; a profile of neither (bytes) gets its
 * first value as counts.
 */
#include "codec/pprof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/formats.h"
#include "codec/gzip.h"
#include "codec/id_list.h"
#include "codec/proto.h"

#define MAX_UNPACKED ((size_t)1 << 30)
#define MAX_LINES 1000000u /* frames of one sample, inlined ones too */
#define MAX_VALUES 64u

struct function {
    uint32_t name, file;
    int32_t first_line;
};

struct reader {
    struct profile *profile;
    struct proto message;
    struct id_list strings;
    struct function *functions;
    uint32_t function_count, function_capacity;
    struct map function_of; /* id → index */
    struct id_list lines;   /* frames of all locations, each one's innermost first */
    struct id_list starts;  /* of location i in `lines` */
    struct map location_of; /* id → index */
    uint32_t *path;         /* scratch: frames, innermost first */
    uint32_t path_capacity;
    uint32_t count_value, time_value; /* which of the values; PROFILE_NONE: none */
    uint32_t values;                  /* how many types there are */
    uint64_t time_ns;                 /* one unit of the time value */
};

static uint32_t string_at(const struct reader *r, uint64_t index)
{
    return index < r->strings.count ? r->strings.to[index] : 0;
}

static const char *text_at(const struct reader *r, uint64_t index)
{
    return r->profile->strings[string_at(r, index)].text;
}

typedef int visit_fn(struct reader *r, struct proto bytes);

/* Calls `visit` for each of the message's fields of that number. */
static int each(struct reader *r, uint32_t number, visit_fn *visit)
{
    struct proto at = r->message;
    struct proto_field field;
    int result = 0;
    while (result == 0 && proto_next(&at, &field))
        if (field.number == number && field.wire == PROTO_BYTES)
            result = visit(r, field.bytes);
    return result == 0 && at.bad ? ERR_BAD_DATA : result;
}

static int read_string(struct reader *r, struct proto bytes)
{
    return id_list_add(&r->strings, profile_string(r->profile, (const char *)bytes.at,
                                                   (size_t)(bytes.end - bytes.at)));
}

static int32_t as_line(uint64_t value)
{
    return value <= INT32_MAX ? (int32_t)value : 0;
}

static int read_function(struct reader *r, struct proto bytes)
{
    struct proto_field field;
    struct function function = {0};
    uint64_t id = 0, system_name = 0;
    while (proto_next(&bytes, &field)) {
        if (field.number == FUNCTION_ID)
            id = field.value;
        else if (field.number == FUNCTION_NAME)
            function.name = string_at(r, field.value);
        else if (field.number == FUNCTION_SYSTEM_NAME)
            system_name = field.value;
        else if (field.number == FUNCTION_FILENAME)
            function.file = string_at(r, field.value);
        else if (field.number == FUNCTION_START_LINE)
            function.first_line = as_line(field.value);
    }
    if (bytes.bad)
        return ERR_BAD_DATA;
    if (!function.name)
        function.name = string_at(r, system_name);
    if (r->function_count == r->function_capacity) {
        uint32_t capacity = r->function_capacity + r->function_capacity / 2 + 256;
        void *larger = realloc(r->functions, (size_t)capacity * sizeof *r->functions);
        if (!larger)
            return ERR_NO_MEMORY;
        r->functions = larger;
        r->function_capacity = capacity;
    }
    r->functions[r->function_count] = function;
    return map_set(&r->function_of, id, r->function_count++);
}

static int read_line(struct reader *r, struct proto bytes)
{
    struct proto_field field;
    uint64_t id = 0, line = 0;
    while (proto_next(&bytes, &field)) {
        if (field.number == LINE_FUNCTION_ID)
            id = field.value;
        else if (field.number == LINE_LINE)
            line = field.value;
    }
    uint32_t index = map_get(&r->function_of, id);
    if (bytes.bad || index == MAP_NONE)
        return ERR_BAD_DATA;
    const struct function *function = &r->functions[index];
    struct profile_frame frame = {.name = function->name,
                                  .file = function->file,
                                  .full_file = function->file,
                                  .line = as_line(line),
                                  .first_line = function->first_line,
                                  .kind = function->file ? FRAME_PYTHON : FRAME_OTHER};
    return id_list_add(&r->lines, profile_frame(r->profile, &frame));
}

/* A location without lines is known by its address only. */
static int add_address(struct reader *r, uint64_t address)
{
    char text[32];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
    struct profile_frame frame = {.name = profile_cstring(r->profile, text), .kind = FRAME_NATIVE};
    return frame.name == PROFILE_NONE ? ERR_LIMIT
                                      : id_list_add(&r->lines, profile_frame(r->profile, &frame));
}

static int read_location(struct reader *r, struct proto bytes)
{
    struct proto_field field;
    uint64_t id = 0, address = 0;
    uint32_t before = r->lines.count;
    int result = id_list_add(&r->starts, before);
    while (result == 0 && proto_next(&bytes, &field)) {
        if (field.number == LOCATION_ID)
            id = field.value;
        else if (field.number == LOCATION_ADDRESS)
            address = field.value;
        else if (field.number == LOCATION_LINE && field.wire == PROTO_BYTES)
            result = read_line(r, field.bytes);
    }
    if (result == 0 && r->lines.count == before)
        result = add_address(r, address);
    if (result == 0 && bytes.bad)
        result = ERR_BAD_DATA;
    return result < 0 ? result : map_set(&r->location_of, id, r->starts.count - 1);
}

static uint64_t unit_ns(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"nanoseconds", 1},
                 {"microseconds", 1000},
                 {"milliseconds", 1000000},
                 {"seconds", 1000000000}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ns;
    return 0;
}

static int read_sample_type(struct reader *r, struct proto bytes)
{
    struct proto_field field;
    uint64_t type = 0, unit = 0;
    while (proto_next(&bytes, &field)) {
        if (field.number == VALUE_TYPE_TYPE)
            type = field.value;
        else if (field.number == VALUE_TYPE_UNIT)
            unit = field.value;
    }
    uint64_t ns = unit_ns(text_at(r, unit));
    if (ns) {
        r->time_value = r->values;
        r->time_ns = ns;
        r->profile->meta.mode = string_at(r, type);
    } else if (r->count_value == PROFILE_NONE && strcmp(text_at(r, unit), "count") == 0) {
        r->count_value = r->values;
    }
    r->values++;
    return bytes.bad || r->values > MAX_VALUES ? ERR_BAD_DATA : 0;
}

static int add_location(struct reader *r, uint64_t id, uint32_t *depth)
{
    uint32_t index = map_get(&r->location_of, id);
    if (index == MAP_NONE)
        return ERR_BAD_DATA;
    uint32_t end = index + 1 < r->starts.count ? r->starts.to[index + 1] : r->lines.count;
    for (uint32_t i = r->starts.to[index]; i < end; i++) {
        if (*depth == r->path_capacity) {
            uint32_t capacity = r->path_capacity * 2 + 64;
            void *larger = *depth < MAX_LINES ? realloc(r->path, capacity * sizeof *r->path) : NULL;
            if (!larger)
                return ERR_LIMIT;
            r->path = larger;
            r->path_capacity = capacity;
        }
        r->path[(*depth)++] = r->lines.to[i];
    }
    return 0;
}

static void read_label(struct reader *r, struct proto bytes, struct profile_thread *thread)
{
    struct proto_field field;
    uint64_t key = 0, text = 0, number = 0;
    while (proto_next(&bytes, &field)) {
        if (field.number == LABEL_KEY)
            key = field.value;
        else if (field.number == LABEL_STR)
            text = field.value;
        else if (field.number == LABEL_NUM)
            number = field.value;
    }
    const char *name = text_at(r, key);
    if (strcmp(name, "thread") == 0 || strcmp(name, "thread name") == 0)
        thread->name = string_at(r, text);
    else if (strcmp(name, "thread_id") == 0 || strcmp(name, "thread id") == 0)
        thread->tid = as_line(number);
    else if (strcmp(name, "process") == 0)
        thread->process = string_at(r, text);
    else if (strcmp(name, "process_id") == 0)
        thread->pid = as_line(number);
}

/* One number, or all of a packed field. */
static int read_numbers(struct reader *r, const struct proto_field *field, uint32_t *depth,
                        uint64_t *values, uint32_t *value_count)
{
    struct proto packed = field->bytes;
    uint64_t value = field->value;
    bool one = field->wire == PROTO_VARINT;
    int result = 0;
    while (result == 0 && (one || proto_next_packed(&packed, &value))) {
        if (field->number == SAMPLE_LOCATION_ID)
            result = add_location(r, value, depth);
        else if (*value_count < MAX_VALUES)
            values[(*value_count)++] = value;
        if (one)
            break;
    }
    return result == 0 && !one && packed.bad ? ERR_BAD_DATA : result;
}

static int add_sample(struct reader *r, const struct profile_thread *thread, uint32_t depth,
                      const uint64_t *values)
{
    uint64_t count = r->count_value != PROFILE_NONE ? values[r->count_value] : 0;
    uint64_t time = r->time_value != PROFILE_NONE ? values[r->time_value] : 0;
    uint64_t period_ns = r->profile->meta.period_ns;
    if (r->count_value == PROFILE_NONE)
        count = r->time_value == PROFILE_NONE ? values[0]
                : period_ns                   ? (time * r->time_ns + period_ns / 2) / period_ns
                                              : 1;
    if (count >> 53 || time >> 53) /* negative, in a difference, or nonsense */
        return ERR_BAD_DATA;
    uint32_t id = profile_thread(r->profile, thread), node = 0;
    while (depth && node != PROFILE_NONE)
        node = profile_node(r->profile, node, r->path[--depth]);
    if (id == PROFILE_NONE || node == PROFILE_NONE)
        return ERR_LIMIT;
    r->profile->stats.samples += count;
    return count || time ? profile_add(r->profile, id, node, count, time * r->time_ns) : 0;
}

static int read_sample(struct reader *r, struct proto bytes)
{
    struct proto_field field;
    struct profile_thread thread = {0};
    uint64_t values[MAX_VALUES] = {0};
    uint32_t depth = 0, value_count = 0;
    int result = 0;
    while (result == 0 && proto_next(&bytes, &field)) {
        if (field.number == SAMPLE_LABEL && field.wire == PROTO_BYTES)
            read_label(r, field.bytes, &thread);
        else if (field.number == SAMPLE_LOCATION_ID || field.number == SAMPLE_VALUE)
            result = read_numbers(r, &field, &depth, values, &value_count);
    }
    if (result == 0 && bytes.bad)
        result = ERR_BAD_DATA;
    return result < 0 ? result : add_sample(r, &thread, depth, values);
}

static int read_meta(struct reader *r)
{
    struct proto at = r->message;
    struct proto_field field;
    struct profile_meta *meta = &r->profile->meta;
    while (proto_next(&at, &field)) {
        if (field.number == PROFILE_TIME_NANOS)
            meta->start_wall_ns = field.value;
        else if (field.number == PROFILE_DURATION_NANOS)
            meta->duration_ns = field.value;
        else if (field.number == PROFILE_PERIOD)
            meta->period_ns = field.value;
    }
    if (meta->start_wall_ns >> 63 || meta->duration_ns >> 63 || meta->period_ns >> 50)
        return ERR_BAD_DATA;
    return at.bad ? ERR_BAD_DATA : 0;
}

/* Our own writer names the command there. */
static int read_mapping(struct reader *r, struct proto bytes)
{
    struct proto_field field;
    while (proto_next(&bytes, &field))
        if (field.number == MAPPING_FILENAME && !r->profile->meta.command)
            r->profile->meta.command = string_at(r, field.value);
    return bytes.bad ? ERR_BAD_DATA : 0;
}

static int read_message(struct reader *r)
{
    static const struct {
        uint32_t field;
        visit_fn *visit;
    } tables[] = {
        {PROFILE_STRING_TABLE, read_string}, {PROFILE_SAMPLE_TYPE, read_sample_type},
        {PROFILE_MAPPING, read_mapping},     {PROFILE_FUNCTION, read_function},
        {PROFILE_LOCATION, read_location},   {PROFILE_SAMPLE, read_sample},
    };
    int result = read_meta(r);
    for (size_t i = 0; result == 0 && i < sizeof tables / sizeof tables[0]; i++)
        result = each(r, tables[i].field, tables[i].visit);
    r->profile->stats.exact = r->profile->stats.samples;
    return result;
}

static void reader_done(struct reader *r)
{
    id_list_done(&r->strings);
    free(r->functions);
    id_list_done(&r->lines);
    id_list_done(&r->starts);
    free(r->path);
    map_done(&r->function_of);
    map_done(&r->location_of);
}

int pprof_read(const void *data, size_t size, struct profile *profile, struct err *err)
{
    struct buf unpacked;
    struct reader r = {.profile = profile, .count_value = PROFILE_NONE, .time_value = PROFILE_NONE};
    buf_init(&unpacked, MAX_UNPACKED);
    int result = 0;
    r.message = proto_open(data, size);
    if (gzip_is(data, size)) {
        result = gzip_unpack(data, size, &unpacked);
        r.message = proto_open(unpacked.data, unpacked.size);
    }
    if (result == 0)
        result = read_message(&r);
    buf_done(&unpacked);
    reader_done(&r);
    return result < 0 ? err_set(err, result, "pprof: %s", err_text(result)) : 0;
}

/* Anything gzipped, or a message that begins with a sample type that has a type or a unit. */
bool pprof_sniff(const char *data, size_t size)
{
    if (gzip_is(data, size))
        return true;
    return size > 4 && data[0] == (PROFILE_SAMPLE_TYPE << 3 | PROTO_BYTES) && data[1] > 1 &&
           data[1] < 32 && (data[2] == (VALUE_TYPE_TYPE << 3) || data[2] == (VALUE_TYPE_UNIT << 3));
}
