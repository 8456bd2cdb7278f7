/* SPDX-License-Identifier: MIT */
/* folded.c - one line per stack, outermost frame first:
 *
 *     main (app.py:10);handle (app.py:42);json.dumps (json/__init__.py:231) 17
 *
 * What py-spy calls raw and flamegraph.pl, inferno and speedscope read. The only rules are that a
 * frame holds no semicolon and a line no line break, and that the count follows the last space.
 * Read back, "name (file:line)" is taken apart again; labels of another make stay whole.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/formats.h"
#include "codec/text.h"
#include "model/tree.h"

#define FOLDED_MAX_DEPTH 1000000u

/* All labels one after the other; frame i's is from starts[i] to starts[i + 1]. */
struct labels {
    struct buf text;
    size_t *starts;
};

static int labels_init(struct labels *labels, const struct profile *profile)
{
    struct buf raw;
    buf_init(&raw, 0);
    buf_init(&labels->text, 0);
    labels->starts = malloc((profile->frame_count + 1) * sizeof *labels->starts);
    if (!labels->starts)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        labels->starts[i] = labels->text.size;
        buf_reset(&raw);
        text_add_label(&raw, profile, i);
        if (!raw.size) /* an empty frame would be no frame */
            buf_add_char(&raw, '?');
        text_add_line(&labels->text, raw.data, raw.size, ';', ',');
    }
    labels->starts[profile->frame_count] = labels->text.size;
    bool failed = buf_failed(&raw) || buf_failed(&labels->text);
    buf_done(&raw);
    return failed ? ERR_NO_MEMORY : 0;
}

static void labels_done(struct labels *labels)
{
    buf_done(&labels->text);
    free(labels->starts);
}

static void add_stack(struct buf *out, const struct profile *profile, const struct labels *labels,
                      uint32_t node, uint32_t *path)
{
    uint32_t depth = 0;
    for (; node; node = profile->nodes[node].parent)
        path[depth++] = profile->nodes[node].frame;
    while (depth) {
        uint32_t frame = path[--depth];
        size_t start = labels->starts[frame];
        buf_add(out, labels->text.data + start, labels->starts[frame + 1] - start);
        if (depth)
            buf_add_char(out, ';');
    }
}

int folded_write(const struct profile *profile, const struct codec_options *options,
                 struct buf *out, struct err *err)
{
    struct tree tree;
    struct labels labels = {0};
    bool time = options && options->weight_is_time;
    uint32_t *path = malloc(((size_t)profile_max_depth(profile) + 1) * sizeof *path);
    int result = tree_init(&tree, profile, time ? TREE_WEIGHTS : TREE_COUNTS);
    if (result == 0)
        result = labels_init(&labels, profile);
    if (result < 0 || !path) {
        result = err_set(err, ERR_NO_MEMORY, "folded: out of memory");
        goto done;
    }
    for (uint32_t node = 1; node < profile->node_count && result == 0; node++) {
        uint64_t value = time ? tree.self[node] / 1000 : tree.self[node];
        if (value == 0)
            continue;
        add_stack(out, profile, &labels, node, path);
        buf_add_char(out, ' ');
        buf_add_u64(out, value);
        buf_add_char(out, '\n');
        result = codec_flush(options, out, err);
    }

done:
    labels_done(&labels);
    tree_done(&tree);
    free(path);
    return result;
}

/* Where the "(" is that belongs to the ")" at the end, 0 when there is none after a space. */
static size_t find_open(const char *text, size_t size)
{
    size_t level = 0;
    for (size_t i = size; i-- > 1;) {
        if (text[i] == ')')
            level++;
        else if (text[i] == '(' && --level == 0)
            return text[i - 1] == ' ' ? i : 0;
    }
    return 0;
}

/* Cuts ":digits" off the end of a file; 0 when there is none. */
static int32_t take_line(const char *file, size_t *size)
{
    size_t digits = 0;
    int64_t line = 0, scale = 1;
    while (digits < *size && digits < 9) {
        char c = file[*size - 1 - digits];
        if (c < '0' || c > '9')
            break;
        line += (c - '0') * scale;
        scale *= 10;
        digits++;
    }
    if (digits == 0 || digits + 1 >= *size || file[*size - 1 - digits] != ':')
        return 0;
    *size -= digits + 1;
    return (int32_t)line;
}

static enum frame_kind guess_kind(const char *text, size_t size)
{
    if (size == 4 && memcmp(text, "<GC>", 4) == 0)
        return FRAME_GC;
    if (size == 10 && memcmp(text, "<changing>", 10) == 0)
        return FRAME_CHANGING;
    return FRAME_OTHER;
}

static uint32_t read_frame(struct profile *profile, const char *text, size_t size)
{
    struct profile_frame frame = {.kind = guess_kind(text, size)};
    size_t open = size && text[size - 1] == ')' ? find_open(text, size) : 0;
    if (open) {
        size_t file_size = size - open - 2;
        frame.line = take_line(text + open + 1, &file_size);
        bool is_file = frame.line || memchr(text + open + 1, '.', file_size) ||
                       memchr(text + open + 1, '<', file_size);
        if (is_file) {
            frame.kind = FRAME_PYTHON;
            frame.file = profile_string(profile, text + open + 1, file_size);
            frame.full_file = frame.file;
            size = open - 1;
        }
    }
    frame.name = profile_string(profile, text, size);
    if (frame.name == PROFILE_NONE || frame.file == PROFILE_NONE)
        return PROFILE_NONE;
    return profile_frame(profile, &frame);
}

/* The count behind the last space; *stack_size gets what is before it. */
static bool take_count(const char *line, size_t size, size_t *stack_size, uint64_t *count)
{
    size_t digits = 0;
    uint64_t value = 0, scale = 1;
    while (digits < size && digits < 18 && line[size - 1 - digits] >= '0' &&
           line[size - 1 - digits] <= '9') {
        value += (uint64_t)(line[size - 1 - digits] - '0') * scale;
        scale *= 10;
        digits++;
    }
    if (digits == 0 || digits + 1 > size || line[size - 1 - digits] != ' ')
        return false;
    *stack_size = size - 1 - digits;
    *count = value;
    return true;
}

static int read_line(struct profile *profile, const char *line, size_t size, uint32_t thread)
{
    size_t stack_size;
    uint64_t count;
    if (!take_count(line, size, &stack_size, &count))
        return ERR_BAD_DATA;
    uint32_t node = 0, depth = 0;
    for (size_t at = 0; at < stack_size;) {
        const char *end = memchr(line + at, ';', stack_size - at);
        size_t frame_size = end ? (size_t)(end - (line + at)) : stack_size - at;
        uint32_t frame = read_frame(profile, line + at, frame_size);
        if (frame == PROFILE_NONE || ++depth > FOLDED_MAX_DEPTH)
            return ERR_LIMIT;
        node = profile_node(profile, node, frame);
        if (node == PROFILE_NONE)
            return ERR_LIMIT;
        at += frame_size + 1;
    }
    profile->stats.samples += count;
    profile->stats.exact += count;
    return profile_add(profile, thread, node, count, 0);
}

int folded_read(const void *data, size_t size, struct profile *profile, struct err *err)
{
    uint32_t thread = profile_thread(profile, &(struct profile_thread){0});
    const char *text = data;
    unsigned long number = 0;
    if (thread == PROFILE_NONE)
        return err_set(err, ERR_NO_MEMORY, "folded: out of memory");
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t line_size = end ? (size_t)(end - (text + at)) : size - at;
        size_t kept = line_size && text[at + line_size - 1] == '\r' ? line_size - 1 : line_size;
        number++;
        int result = kept ? read_line(profile, text + at, kept, thread) : 0;
        if (result == ERR_BAD_DATA)
            return err_set(err, result, "line %lu is not \"frame;frame count\"", number);
        if (result < 0)
            return err_set(err, result, "line %lu: the profile is too large", number);
        at += line_size + 1;
    }
    return 0;
}

/* The first whole line must be text and end in a count. An empty file is a profile without samples.
 */
bool folded_sniff(const char *data, size_t size)
{
    const char *end = memchr(data, '\n', size);
    size_t line_size = end ? (size_t)(end - data) : size;
    size_t stack_size;
    uint64_t count;
    if (size == 0)
        return true;
    if (line_size && data[line_size - 1] == '\r')
        line_size--;
    return !memchr(data, 0, line_size) && take_count(data, line_size, &stack_size, &count);
}
