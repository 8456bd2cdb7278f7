/* SPDX-License-Identifier: MIT */
/* flamegraph.c - one SVG file that shows the tree of stacks and answers to mouse and keyboard.
 *
 * The file holds the tree twice. Once as shapes: per colour one <path> of all its rectangles, about
 * 20 bytes a frame, in a view that stretches with the window, and labels that are clipped by a
 * viewport of their own; this needs no script and is what an <img> or a converter shows. And once
 * as numbers (JSON, pre-order, about 14 bytes a frame), from which flamegraph.js draws what the
 * current zoom and window can show. 100,000 different frames are 5 MB, and no viewer has to build
 * 100,000 elements.
 *
 *     <svg>
 *         <style>: colours, light and dark
 *         <g id=pv-static>
 *             <svg viewBox, 12000 wide>: <path class=a7 d="M0 0h12000v16h-12000z…"/> …
 *             <svg x=12.5% width=40%><text>main (app.py:3)</text></svg> …
 *         <script id=pv-data>: {"nodes":{"up":[…],…}}
 *         <script>: flamegraph.js
 *
 * Children stand in order of size, the largest first, so what is too narrow to draw (less than
 * 1/12000 of all, a tenth of a pixel of a 1200 pixel window) is always the tail: it is left out,
 * and counted in the subtitle.
 *
 * Names come from the target and are hostile: they reach the file as JSON with "<", ">", "&"
 * escaped, or as XML text, and the script only ever makes text nodes of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/units.h"
#include "codec/formats.h"
#include "codec/text.h"
#include "model/tree.h"

#define VIEW_WIDTH 12000u      /* units of the static drawing; one is the narrowest frame kept */
#define STATIC_WIDTH 5u        /* the narrowest drawn without script, in these units */
#define STATIC_TEXT_WIDTH 300u /* the narrowest with a label there */
#define ROW_HEIGHT 17u
#define TOP 92u /* where the first row begins */
#define BAR 56u /* where the row of buttons begins */
#define HUES 20u
#define COLORS (2 * HUES)

enum color {
    COLOR_THREAD = COLORS,
    COLOR_NATIVE,
    COLOR_KERNEL,
    COLOR_GC,
    COLOR_CHANGING,
    COLOR_HEAT, /* the coldest; a difference has these only */
    COLOR_LAST = COLOR_HEAT + 2 * CODEC_HEAT_MAX + 1
};

extern const char flamegraph_js[], flamegraph_css[];

struct writer {
    const struct profile *profile;
    const struct codec_options *options;
    struct buf *out;
    struct tree tree;
    uint64_t left_out;
    uint32_t levels;  /* rows, with the root's */
    uint8_t *color;   /* per frame */
    uint32_t *number; /* per frame: its place in the file, PROFILE_NONE: not in it */
    uint32_t *frames; /* those in the file, in that order */
    uint32_t frame_count;
    uint32_t *string_number; /* the same for strings, 0: not in it */
    uint64_t *next_at;       /* per level: where the next frame begins */
    struct buf shapes[COLOR_LAST];
    struct buf labels;
    struct buf json;
};

static void color_name(uint32_t color, char out[8])
{
    static const char *const kinds[] = {"kt", "kn", "kk", "kg", "kc"};
    if (color >= COLOR_HEAT)
        snprintf(out, 8, "h%u", (unsigned)(color - COLOR_HEAT));
    else if (color >= COLORS)
        memcpy(out, kinds[color - COLORS], 3);
    else
        snprintf(out, 8, "a%u", (unsigned)color);
}

/* FNV-1a: the same name has the same colour in every file and on every machine. */
static uint32_t hash(const char *text, size_t size)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The hue comes from the module (the first part of the shown path), the shade from the function. */
static uint8_t choose_color(const struct profile *profile, const struct profile_frame *frame)
{
    switch (frame->kind) {
    case FRAME_THREAD:
    case FRAME_PROCESS:
    case FRAME_REQUEST:
        return COLOR_THREAD;
    case FRAME_NATIVE:
        return COLOR_NATIVE;
    case FRAME_KERNEL:
        return COLOR_KERNEL;
    case FRAME_GC:
        return COLOR_GC;
    case FRAME_CHANGING:
        return COLOR_CHANGING;
    default:
        break;
    }
    const struct profile_string *name = &profile->strings[frame->name];
    const struct profile_string *file = &profile->strings[frame->file ? frame->file : frame->name];
    const char *slash = memchr(file->text, '/', file->size);
    if (slash == file->text) /* absolute: the folder */
        slash = strrchr(file->text, '/');
    size_t size = slash ? (size_t)(slash - file->text) : file->size;
    uint32_t hue = hash(file->text, size) % HUES;
    return (uint8_t)(2 * hue + hash(name->text, name->size) % 2);
}

static const struct codec_change *change_of(const struct writer *w)
{
    return w->options ? w->options->change : NULL;
}

static uint32_t node_color(const struct writer *w, uint32_t node)
{
    if (change_of(w))
        return (uint32_t)(COLOR_HEAT + CODEC_HEAT_MAX + change_of(w)->heat[node]);
    return node ? w->color[w->profile->nodes[node].frame] : COLOR_THREAD;
}

static int prepare(struct writer *w)
{
    const struct profile *profile = w->profile;
    bool time = w->options && w->options->weight_is_time;
    int result = tree_init(&w->tree, profile, time ? TREE_WEIGHTS : TREE_COUNTS);
    w->color = malloc((size_t)profile->frame_count + 1);
    w->number = malloc(((size_t)profile->frame_count + 1) * sizeof *w->number);
    w->frames = malloc(((size_t)profile->frame_count + 1) * sizeof *w->frames);
    w->string_number = calloc(profile->string_count, sizeof *w->string_number);
    w->next_at = calloc((size_t)profile_max_depth(profile) + 2, sizeof *w->next_at);
    if (result < 0 || !w->color || !w->number || !w->frames || !w->string_number || !w->next_at)
        return ERR_NO_MEMORY;
    result = tree_trim(&w->tree, w->tree.total[0] / VIEW_WIDTH, &w->left_out);
    w->levels = 1;
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        w->color[i] = choose_color(profile, &profile->frames[i]);
        w->number[i] = PROFILE_NONE;
    }
    return result;
}

/* Static drawing */

static uint32_t to_units(const struct writer *w, uint64_t value)
{
    uint64_t total = w->tree.total[0];
    return total ? (uint32_t)((double)value * VIEW_WIDTH / (double)total + 0.5) : 0;
}

static void add_percent(struct buf *out, uint32_t units)
{
    uint32_t hundredths = units * 10000 / VIEW_WIDTH;
    buf_printf(out, "%u.%02u%%", (unsigned)(hundredths / 100), (unsigned)(hundredths % 100));
}

static void draw_label(struct writer *w, uint32_t node, uint32_t x, uint32_t width, uint32_t level)
{
    struct buf label;
    buf_init(&label, 0);
    if (node)
        text_add_label(&label, w->profile, w->profile->nodes[node].frame);
    else
        buf_add_str(&label, "all");
    buf_add_str(&w->labels, "<svg x=\"");
    add_percent(&w->labels, x);
    buf_printf(&w->labels, "\" y=\"%u\" width=\"", (unsigned)(level * ROW_HEIGHT));
    add_percent(&w->labels, width);
    buf_printf(&w->labels, "\" height=\"%u\"><text x=\"3\" y=\"12\">", ROW_HEIGHT - 1);
    text_add_xml(&w->labels, label.data, label.size);
    buf_add_str(&w->labels, "</text></svg>\n");
    buf_done(&label);
}

static void draw(struct writer *w, uint32_t node, uint64_t start, uint32_t level)
{
    uint32_t x = to_units(w, start);
    uint32_t width = to_units(w, start + w->tree.total[node]) - x;
    uint32_t color = node_color(w, node);
    if (!node) {
        x = 0;
        width = VIEW_WIDTH;
    }
    if (width < STATIC_WIDTH)
        return;
    buf_printf(&w->shapes[color], "M%u %uh%uv%uh-%uz", (unsigned)x, (unsigned)(level * ROW_HEIGHT),
               (unsigned)width, ROW_HEIGHT - 1, (unsigned)width);
    if (width >= STATIC_TEXT_WIDTH)
        draw_label(w, node, x, width, level);
}

/* Numbers */

enum column { COLUMN_UP, COLUMN_FRAME, COLUMN_TOTAL, COLUMN_SELF };

static uint64_t shown_value(const struct writer *w, uint64_t value)
{
    return w->options && w->options->weight_is_time ? value / 1000 : value;
}

static uint64_t cell(struct writer *w, enum column column, uint32_t node, uint32_t climbed)
{
    switch (column) {
    case COLUMN_UP:
        return climbed;
    case COLUMN_FRAME:
        return node ? w->number[w->profile->nodes[node].frame] : 0;
    case COLUMN_TOTAL:
        return shown_value(w, w->tree.total[node]);
    default:
        return shown_value(w, w->tree.self[node]);
    }
}

static void write_column(struct writer *w, struct jsonw *json, const char *key, enum column column)
{
    uint32_t node = 0, climbed = 0;
    jsonw_key(json, key);
    jsonw_array_begin(json);
    do {
        jsonw_u64(json, cell(w, column, node, climbed));
        node = tree_next(&w->tree, node, &climbed);
    } while (node);
    jsonw_array_end(json);
}

static double change_cell(const struct writer *w, uint32_t column, uint32_t node)
{
    const struct codec_change *change = change_of(w);
    return column == 0   ? change->heat[node]
           : column == 1 ? change->before[node]
                         : change->after[node];
}

static void write_change(struct writer *w, struct jsonw *json)
{
    static const char *const keys[] = {"heat", "before", "after"};
    for (uint32_t column = 0; change_of(w) && column < 3; column++) {
        uint32_t node = 0, climbed = 0;
        jsonw_key(json, keys[column]);
        jsonw_array_begin(json);
        do {
            char text[32]; /* six digits are more than is known */
            int size = snprintf(text, sizeof text, "%.6g", change_cell(w, column, node));
            jsonw_raw(json, text, (size_t)size);
            node = tree_next(&w->tree, node, &climbed);
        } while (node);
        jsonw_array_end(json);
    }
}

/* Draws every kept node, and lists the frames that it meets for the first time. */
static void visit(struct writer *w)
{
    uint32_t node = 0, climbed = 0, level = 0;
    do {
        uint64_t start = w->next_at[level];
        w->next_at[level] = start + w->tree.total[node];
        w->next_at[level + 1] = start;
        draw(w, node, start, level);
        if (level + 1 > w->levels)
            w->levels = level + 1;
        uint32_t frame = w->profile->nodes[node].frame;
        if (node && w->number[frame] == PROFILE_NONE) {
            w->number[frame] = w->frame_count;
            w->frames[w->frame_count++] = frame;
        }
        node = tree_next(&w->tree, node, &climbed);
        level = level + 1 - climbed;
    } while (node);
}

/* The strings that kept frames use, renumbered; string 0 stays 0. */
static void write_strings(struct writer *w, struct jsonw *json)
{
    jsonw_key(json, "strings");
    jsonw_array_begin(json);
    jsonw_string(json, "");
    uint32_t next = 1;
    for (uint32_t i = 0; i < w->frame_count; i++) {
        const struct profile_frame *frame = &w->profile->frames[w->frames[i]];
        uint32_t used[] = {frame->name, frame->file, frame->full_file};
        for (int k = 0; k < 3; k++) {
            if (!used[k] || w->string_number[used[k]])
                continue;
            const struct profile_string *string = &w->profile->strings[used[k]];
            w->string_number[used[k]] = next++;
            jsonw_string_n(json, string->text, string->size);
        }
    }
    jsonw_array_end(json);
}

enum frame_column { FRAME_NAME, FRAME_FILE, FRAME_PATH, FRAME_LINE, FRAME_COLOR, FRAME_COLUMNS };

static void write_frame_cell(struct writer *w, struct jsonw *json, enum frame_column column,
                             uint32_t id)
{
    const struct profile_frame *frame = &w->profile->frames[id];
    char color[8];
    switch (column) {
    case FRAME_NAME:
        jsonw_u64(json, w->string_number[frame->name]);
        break;
    case FRAME_FILE:
        jsonw_u64(json, w->string_number[frame->file]);
        break;
    case FRAME_PATH:
        jsonw_u64(json, w->string_number[frame->full_file]);
        break;
    case FRAME_LINE:
        jsonw_u64(json, frame->line > 0 ? (uint64_t)frame->line : 0);
        break;
    default:
        color_name(w->color[id], color);
        jsonw_string(json, color);
    }
}

static void write_frames(struct writer *w, struct jsonw *json)
{
    static const char *const keys[] = {"name", "file", "path", "line", "color"};
    jsonw_key(json, "frames");
    jsonw_object_begin(json);
    for (int column = 0; column < FRAME_COLUMNS; column++) {
        jsonw_key(json, keys[column]);
        jsonw_array_begin(json);
        for (uint32_t i = 0; i < w->frame_count; i++)
            write_frame_cell(w, json, (enum frame_column)column, w->frames[i]);
        jsonw_array_end(json);
    }
    jsonw_object_end(json);
}

static void write_data(struct writer *w)
{
    struct jsonw json;
    bool time = w->options && w->options->weight_is_time;
    jsonw_init(&json, &w->json);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "unit", time ? "us" : "samples");
    if (change_of(w))
        jsonw_key_string(&json, "change", change_of(w)->unit);
    jsonw_key_u64(&json, "top", TOP);
    jsonw_key_u64(&json, "bar", BAR);
    jsonw_key_u64(&json, "levels", w->levels);
    write_strings(w, &json);
    write_frames(w, &json);
    jsonw_key(&json, "nodes");
    jsonw_object_begin(&json);
    write_column(w, &json, "up", COLUMN_UP);
    write_column(w, &json, "frame", COLUMN_FRAME);
    write_column(w, &json, "total", COLUMN_TOTAL);
    write_column(w, &json, "self", COLUMN_SELF);
    write_change(w, &json);
    jsonw_object_end(&json);
    jsonw_object_end(&json);
}

/* The file around them */

static void add_number(struct buf *out, uint64_t value, const char *singular)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0)
            buf_add_char(out, ',');
        buf_add_char(out, digits[i]);
    }
    buf_printf(out, " %s%s", singular, value == 1 ? "" : "s");
}

static void add_subtitle(struct writer *w, struct buf *line)
{
    const struct profile *profile = w->profile;
    const struct profile_meta *meta = &profile->meta;
    char text[UNITS_TEXT_MAX];
    if (change_of(w)) {
        buf_add_str(line, change_of(w)->subtitle);
        return;
    }
    add_number(line, profile_total_count(profile), "sample");
    if (meta->period_ns)
        buf_printf(line, " at %s",
                   units_format_rate((1000000000u + meta->period_ns / 2) / meta->period_ns, text));
    if (meta->duration_ns >= 1000000)
        buf_printf(line, " in %s",
                   units_format_duration(meta->duration_ns / 1000000 * 1000000, text));
    if (profile->thread_count > 1) {
        buf_add_str(line, ", ");
        add_number(line, profile->thread_count, "thread");
    }
    if (meta->mode)
        buf_printf(line, " · %s time", profile->strings[meta->mode].text);
    if (meta->python)
        buf_printf(line, " · Python %s", profile->strings[meta->python].text);
    if (meta->host)
        buf_printf(line, " · %s", profile->strings[meta->host].text);
    if (profile->stats.partial || profile->stats.lost) {
        buf_add_str(line, " · ");
        add_number(line, profile->stats.partial, "partial stack");
        buf_printf(line, ", %llu lost", (unsigned long long)profile->stats.lost);
    }
    if (w->left_out) {
        buf_add_str(line, " · ");
        add_number(line, w->left_out, "frame");
        buf_add_str(line, " below 0.01 % left out");
    }
}

static void add_text(struct buf *out, const char *class, unsigned y, const char *text, size_t size)
{
    buf_printf(out, "<text class=\"%s\" x=\"8\" y=\"%u\">", class, y);
    text_add_xml(out, text, size);
    buf_add_str(out, "</text>\n");
}

static void write_colors(struct buf *out)
{
    for (unsigned i = 0; i < COLORS; i++)
        buf_printf(out, ".a%u{fill:hsl(%u,70%%,%u%%)}\n", i, i / 2 * 360 / HUES, i % 2 ? 78u : 84u);
    buf_add_str(out, "@media(prefers-color-scheme:dark){\n");
    for (unsigned i = 0; i < COLORS; i++)
        buf_printf(out, ".a%u{fill:hsl(%u,36%%,%u%%)}\n", i, i / 2 * 360 / HUES, i % 2 ? 29u : 34u);
    buf_add_str(out, "}\n");
}

static void write_head(struct writer *w, unsigned height)
{
    struct buf *out = w->out, line;
    const char *title = w->options && w->options->title
                            ? w->options->title
                            : w->profile->strings[w->profile->meta.command].text;
    if (!*title)
        title = "pitviper flame graph";
    buf_init(&line, 0);
    add_subtitle(w, &line);
    buf_printf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pv\" width=\"100%%\" height=\"%u\">\n"
        "<title>",
        height);
    text_add_xml(out, title, strlen(title));
    buf_add_str(out, "</title>\n<style>\n");
    write_colors(out);
    buf_add_str(out, flamegraph_css);
    buf_add_str(
        out, "</style>\n"
             "<defs>\n"
             "<pattern id=\"pv-gc\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
             "<rect class=\"pattern-back\" width=\"6\" height=\"6\"/>"
             "<path class=\"pattern-line\" d=\"M0 6L6 0\"/></pattern>\n"
             "<pattern id=\"pv-changing\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
             "<rect class=\"pattern-back\" width=\"6\" height=\"6\"/>"
             "<path class=\"pattern-line\" d=\"M1 0V6\"/></pattern>\n"
             "</defs>\n"
             "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
    add_text(out, "title", 24, title, strlen(title));
    add_text(out, "sub", 44, line.data, line.size);
    buf_done(&line);
}

static void write_static(struct writer *w, unsigned height)
{
    struct buf *out = w->out;
    buf_printf(
        out,
        "<g id=\"pv-static\">\n<svg y=\"%u\" width=\"100%%\" height=\"%u\" viewBox=\"0 0 %u %u\" "
        "preserveAspectRatio=\"none\">\n",
        TOP, height, VIEW_WIDTH, height);
    for (uint32_t i = 0; i < COLOR_LAST; i++) {
        char name[8];
        if (!w->shapes[i].size)
            continue;
        color_name(i, name);
        buf_printf(out, "<path class=\"edge %s\" d=\"", name);
        buf_add(out, w->shapes[i].data, w->shapes[i].size);
        buf_add_str(out, "\"/>\n");
        out->failed |= w->shapes[i].failed;
    }
    buf_printf(out, "</svg>\n<svg y=\"%u\" width=\"100%%\" height=\"%u\">\n", TOP, height);
    buf_add(out, w->labels.data, w->labels.size);
    out->failed |= w->labels.failed;
    buf_add_str(out, "</svg>\n</g>\n");
}

static const char controls[] =
    "<foreignObject id=\"pv-bar\" x=\"8\" width=\"100%\" height=\"30\" style=\"display:none\">"
    "<div xmlns=\"http://www.w3.org/1999/xhtml\" class=\"bar\">"
    "<input id=\"pv-search\" type=\"search\" placeholder=\"search (regex)\" aria-label=\"search\" "
    "spellcheck=\"false\"/>"
    "<button id=\"pv-reset\" type=\"button\">reset</button>"
    "<button id=\"pv-turn\" type=\"button\">flame</button>"
    "<span id=\"pv-matched\" aria-live=\"polite\"></span>"
    "<span class=\"hint\">click, Enter: zoom · arrows: move · / or Ctrl-F: search, n N: next · "
    "i: turn · Backspace: out · Esc: reset</span>"
    "</div></foreignObject>\n"
    "<foreignObject id=\"pv-tip\" width=\"1\" height=\"1\" "
    "style=\"display:none;overflow:visible;pointer-events:none\">"
    "<div xmlns=\"http://www.w3.org/1999/xhtml\" class=\"tip\" role=\"status\"></div>"
    "</foreignObject>\n";

static void write_file(struct writer *w)
{
    struct buf *out = w->out;
    unsigned rows = w->levels * ROW_HEIGHT;
    write_head(w, TOP + rows + 8);
    write_static(w, rows);
    buf_add_str(out, controls);
    buf_add_str(out, "<script id=\"pv-data\" type=\"application/json\">");
    text_add_script_json(out, w->json.data, w->json.size);
    out->failed |= w->json.failed;
    buf_add_str(out, "</script>\n<script><![CDATA[\n");
    buf_add_str(out, flamegraph_js);
    buf_add_str(out, "]]></script>\n</svg>\n");
}

static void writer_done(struct writer *w)
{
    tree_done(&w->tree);
    free(w->color);
    free(w->number);
    free(w->frames);
    free(w->string_number);
    free(w->next_at);
    for (int i = 0; i < COLOR_LAST; i++)
        buf_done(&w->shapes[i]);
    buf_done(&w->labels);
    buf_done(&w->json);
}

int flamegraph_write(const struct profile *profile, const struct codec_options *options,
                     struct buf *out, struct err *err)
{
    struct writer w = {.profile = profile, .options = options, .out = out};
    int result = prepare(&w);
    if (result < 0) {
        result = err_set(err, result, "flamegraph: %s", err_text(result));
    } else {
        visit(&w);
        write_data(&w);
        write_file(&w);
        result = codec_flush(options, out, err);
    }
    writer_done(&w);
    return result;
}
