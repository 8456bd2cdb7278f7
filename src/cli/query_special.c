/* SPDX-License-Identifier: MIT */
/* query_special.c - answers that are no tables: a histogram as bars, series as rows of time, a
 * trace as a waterfall. */
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "cli/columns.h"
#include "cli/query.h"

#define BAR 40
#define LINE_WIDTH 14
#define FACT_WIDTH 24u

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void add_times(struct buf *out, unsigned count, char with)
{
    for (unsigned i = 0; i < count; i++)
        buf_add_char(out, with);
}

/* Right-aligned in `width`. */
static void add_aligned(struct buf *out, const json_t *value, enum query_show show, unsigned width)
{
    struct buf text;
    buf_init(&text, 0);
    query_add_cell(&text, value, show);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        size += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    add_times(out, size < width ? width - (unsigned)size : 0, ' ');
    buf_add(out, text.data, text.size);
    buf_done(&text);
}

/* -- histogram ------------------------------------------------------------------------------- */

static void add_bucket(struct buf *out, const json_t *bucket, double most)
{
    double count = number(bucket, "count");
    add_aligned(out, json_object_get(bucket, "low_s"), QUERY_SECONDS, 10);
    buf_add_str(out, " to ");
    add_aligned(out, json_object_get(bucket, "high_s"), QUERY_SECONDS, 10);
    add_aligned(out, json_object_get(bucket, "count"), QUERY_COUNT, 12);
    buf_add_str(out, "  ");
    add_times(out, count > 0 ? 1 + (unsigned)((BAR - 1) * count / most) : 0, '#');
    buf_add_char(out, '\n');
}

void query_histogram_text(const struct json_t *answer, struct buf *out)
{
    static const char *const quantiles[] = {"p50_s", "p95_s", "p99_s"};
    const json_t *buckets = json_object_get(answer, "buckets");
    json_t *bucket;
    size_t i;
    double most = 1;
    json_array_foreach(buckets, i, bucket)
    {
        double count = number(bucket, "count");
        most = count > most ? count : most;
    }
    json_array_foreach(buckets, i, bucket) add_bucket(out, bucket, most);
    if (!json_array_size(buckets)) {
        log_info("there is nothing in this range");
        return;
    }
    for (i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        buf_printf(out, "%s%.3s ", i ? ", " : "", quantiles[i]);
        query_add_cell(out, json_object_get(answer, quantiles[i]), QUERY_SECONDS);
    }
    buf_add_str(out, ", of ");
    query_add_cell(out, json_object_get(answer, "count"), QUERY_COUNT);
    buf_add_char(out, '\n');
}

/* -- series ---------------------------------------------------------------------------------- */

static enum query_show show_of(const json_t *line)
{
    const char *unit = json_string_value(json_object_get(line, "unit"));
    return unit && !strcmp(unit, "s")       ? QUERY_SECONDS
           : unit && !strcmp(unit, "bytes") ? QUERY_BYTES
                                            : QUERY_NUMBER;
}

void query_series_text(const struct json_t *answer, struct buf *out)
{
    const json_t *times = json_object_get(answer, "times_s");
    const json_t *lines = json_object_get(answer, "series");
    json_t *line, *at;
    size_t i, j;
    json_array_foreach(lines, i, line)
    {
        buf_printf(out, "[%zu] ", i + 1);
        query_add_cell(out, json_object_get(line, "name"), QUERY_TEXT);
        buf_add_str(out, ", ");
        query_add_cell(out, json_object_get(line, "unit"), QUERY_TEXT);
        buf_add_char(out, '\n');
    }
    if (!json_array_size(lines)) {
        log_info("there is nothing in this range");
        return;
    }
    json_array_foreach(times, i, at)
    {
        query_add_cell(out, at, QUERY_WHEN);
        json_array_foreach(lines, j, line) add_aligned(
            out, json_array_get(json_object_get(line, "values"), i), show_of(line), LINE_WIDTH);
        buf_add_char(out, '\n');
    }
}

/* -- the daemon ------------------------------------------------------------------------------ */

static enum query_show show_of_key(const char *key, const json_t *value)
{
    size_t size = strlen(key);
    if (json_is_array(value))
        return QUERY_LIST;
    if (json_is_boolean(value))
        return QUERY_FLAG;
    if (!json_is_number(value))
        return QUERY_TEXT;
    if (!strcmp(key, "started_s"))
        return QUERY_WHEN;
    return size >= 5 && !strcmp(key + size - 5, "bytes") ? QUERY_BYTES : QUERY_NUMBER;
}

static void add_facts(const json_t *object, const char *before, struct buf *out)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (json_is_object(value)) {
            add_facts(value, key, out);
            continue;
        }
        size_t start = out->size;
        buf_printf(out, "%s%s", before, *before ? " " : "");
        query_add_text(out, key);
        size_t size = out->size - start;
        add_times(out, size < FACT_WIDTH ? FACT_WIDTH - (unsigned)size : 1, ' ');
        query_add_cell(out, value, show_of_key(key, value));
        buf_add_char(out, '\n');
    }
}

void query_status_text(const struct json_t *answer, struct buf *out)
{
    add_facts(answer, "", out);
}

/* -- a trace --------------------------------------------------------------------------------- */

static unsigned place_of(double seconds, double whole)
{
    double share = whole > 0 ? seconds / whole : 0;
    return share <= 0 ? 0 : share >= 1 ? BAR : (unsigned)(share * BAR);
}

static void add_span(struct buf *out, const json_t *span, double whole, unsigned width)
{
    size_t start = out->size;
    double begin = number(span, "start_s");
    unsigned from = place_of(begin, whole),
             to = place_of(begin + number(span, "duration_s"), whole);
    from = from < BAR ? from : BAR - 1;
    to = to > from ? to : from + 1;
    add_times(out, from, ' ');
    add_times(out, to - from, '#');
    add_times(out, BAR - to, ' ');
    add_aligned(out, json_object_get(span, "start_s"), QUERY_SECONDS, 11);
    add_aligned(out, json_object_get(span, "duration_s"), QUERY_SECONDS, 11);
    buf_add_str(out, json_is_true(json_object_get(span, "error")) ? "  ! " : "    ");
    query_add_cell(out, json_object_get(span, "kind"), QUERY_TEXT);
    buf_add_str(out, "  ");
    query_add_cell(out, json_object_get(span, "name"), QUERY_TEXT);
    columns_end_line(out, start, width);
}

static void add_error(struct buf *out, const json_t *error, unsigned width)
{
    size_t start = out->size;
    buf_add_str(out, "! ");
    query_add_cell(out, json_object_get(error, "type"), QUERY_TEXT);
    buf_add_str(out, " in ");
    query_add_cell(out, json_object_get(error, "where"), QUERY_TEXT);
    columns_end_line(out, start, width);
}

void query_trace_text(const struct json_t *answer, unsigned width, struct buf *out)
{
    static const struct query_column head[] = {
        {"endpoint", "", QUERY_TEXT},       {"duration_s", "took", QUERY_SECONDS},
        {"start_s", "at", QUERY_WHEN},      {"status", "status", QUERY_NUMBER},
        {"service", "in", QUERY_TEXT},      {"version", "version", QUERY_TEXT},
        {"reasons", "kept as", QUERY_LIST},
    };
    size_t start = out->size, i;
    json_t *item;
    for (i = 0; i < sizeof head / sizeof *head; i++) {
        buf_printf(out, "%s%s%s", i ? ", " : "", head[i].title, i ? " " : "");
        query_add_cell(out, json_object_get(answer, head[i].key), head[i].show);
    }
    columns_end_line(out, start, width);
    json_array_foreach(json_object_get(answer, "spans"), i, item)
        add_span(out, item, number(answer, "duration_s"), width);
    json_array_foreach(json_object_get(answer, "errors"), i, item) add_error(out, item, width);
}
