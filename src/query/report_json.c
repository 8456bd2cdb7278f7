/* SPDX-License-Identifier: MIT */
/* report_json.c - a report for programs, as JSON and as CSV; docs/report.md describes both. */
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "query/report.h"

#define FORMAT_VERSION 1

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static void key_text(struct jsonw *json, const char *key, struct text text)
{
    jsonw_key(json, key);
    if (text.size)
        jsonw_string_n(json, text.text, text.size);
    else
        jsonw_null(json);
}

static void key_string(struct jsonw *json, const char *key, const struct profile *profile,
                       uint32_t string)
{
    key_text(json, key,
             (struct text){profile->strings[string].text, profile->strings[string].size});
}

static void json_meta(struct jsonw *json, const struct report *report)
{
    const struct profile *profile = report->profile;
    const struct profile_meta *meta = &profile->meta;
    const struct profile_stats *stats = &profile->stats;
    jsonw_key_u64(json, "samples", report->view.count);
    jsonw_key_double(json, "seconds", (double)report->view.weight_ns / 1e9);
    jsonw_key_u64(json, "samples_in_file", profile_total_count(profile));
    jsonw_key_double(json, "duration_s", (double)meta->duration_ns / 1e9);
    key_string(json, "command", profile, meta->command);
    key_string(json, "python", profile, meta->python);
    key_string(json, "mode", profile, meta->mode);
    jsonw_key_i64(json, "pid", meta->pid);
    jsonw_key_u64(json, "partial", stats->partial);
    jsonw_key_u64(json, "lost", stats->lost);
    jsonw_key_u64(json, "late", stats->late);
    jsonw_key_u64(json, "errors", stats->errors);
}

static void json_identity(struct jsonw *json, const struct group *group)
{
    key_text(json, "name", group->name);
    key_text(json, "file", group->file);
    if (group->line > 0)
        jsonw_key_i64(json, "line", group->line);
}

static void json_total(struct jsonw *json, const struct report *report, const struct table_row *row)
{
    jsonw_key_u64(json, "total", row->total_count);
    jsonw_key_double(json, "total_share", share(row->total_count, report->view.count));
    jsonw_key_double(json, "total_s", (double)row->total_ns / 1e9);
}

static void json_counts(struct jsonw *json, const struct report *report,
                        const struct table_row *row)
{
    jsonw_key_u64(json, "self", row->self_count);
    jsonw_key_double(json, "self_share", share(row->self_count, report->view.count));
    jsonw_key_double(json, "self_s", (double)row->self_ns / 1e9);
    json_total(json, report, row);
}

static void json_table(struct jsonw *json, const struct report *report, const char *key,
                       const struct table *table, bool with_source)
{
    jsonw_key(json, key);
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct group *group = &table->rows[i].group;
        jsonw_object_begin(json);
        json_identity(json, group);
        json_counts(json, report, &table->rows[i]);
        const char *source = with_source && report->options.source
                                 ? report->options.source(report->options.source_context, group)
                                 : NULL;
        if (source)
            jsonw_key_string(json, "source", source);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void json_threads(struct jsonw *json, const struct report *report)
{
    const struct profile *profile = report->profile;
    jsonw_key(json, "threads");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < report->threads.row_count; i++) {
        const struct thread_row *row = &report->threads.rows[i];
        const struct profile_thread *thread = &profile->threads[row->thread];
        jsonw_object_begin(json);
        jsonw_key_i64(json, "pid", thread->pid);
        jsonw_key_i64(json, "tid", thread->tid);
        key_string(json, "name", profile, thread->name);
        key_string(json, "process", profile, thread->process);
        jsonw_key_u64(json, "samples", row->count);
        jsonw_key_double(json, "share", share(row->count, report->view.count));
        jsonw_key_double(json, "seconds", (double)row->weight_ns / 1e9);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

/* The nameless neighbour is null: the outermost frame, or the function itself. */
static void json_edges(struct jsonw *json, const struct report *report, const char *key,
                       const struct table *table)
{
    jsonw_key(json, key);
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < table->row_count; i++) {
        jsonw_object_begin(json);
        json_identity(json, &table->rows[i].group);
        json_total(json, report, &table->rows[i]);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void json_neighbours(struct jsonw *json, const struct report *report)
{
    jsonw_key(json, "neighbours");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < report->neighbour_count; i++) {
        const struct neighbours *at = &report->neighbours[i];
        jsonw_object_begin(json);
        json_identity(json, &at->function.group);
        json_counts(json, report, &at->function);
        json_edges(json, report, "callers", &at->callers);
        json_edges(json, report, "callees", &at->callees);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

void report_json(const struct report *report, struct buf *out)
{
    unsigned tables = report->options.tables;
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "format", "pitviper-report");
    jsonw_key_u64(&json, "version", FORMAT_VERSION);
    json_meta(&json, report);
    if (tables & REPORT_FUNCTIONS)
        json_table(&json, report, "functions", &report->functions, false);
    if (tables & REPORT_LINES)
        json_table(&json, report, "lines", &report->lines, true);
    if (tables & REPORT_FILES)
        json_table(&json, report, "files", &report->files, false);
    if (tables & REPORT_PACKAGES)
        json_table(&json, report, "packages", &report->packages, false);
    if (tables & REPORT_THREADS)
        json_threads(&json, report);
    if (report->options.function)
        json_neighbours(&json, report);
    jsonw_object_end(&json);
    buf_add_char(out, '\n');
}

/* ---- CSV ---- */

/* RFC 4180: always quoted, quotes doubled. Names come from the recorded program, and spreadsheets
 * run what begins with one of =+-@, so such a name gets an apostrophe in front. */
static void csv_text(struct buf *out, struct text text)
{
    struct buf valid;
    buf_init(&valid, 0);
    jsonw_repair_utf8(&valid, text.text, text.size);
    buf_add_char(out, '"');
    if (valid.size && strchr("=+-@\t\r", valid.data[0]))
        buf_add_char(out, '\'');
    for (size_t i = 0; i < valid.size; i++) {
        if (valid.data[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, valid.data[i]);
    }
    buf_add_char(out, '"');
    out->failed |= valid.failed;
    buf_done(&valid);
}

static void csv_table(struct buf *out, const struct report *report, const char *name,
                      const struct table *table)
{
    uint64_t all = report->view.count;
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct table_row *row = &table->rows[i];
        buf_printf(out, "%s,", name);
        csv_text(out, row->group.name);
        buf_add_char(out, ',');
        csv_text(out, row->group.file);
        buf_add_char(out, ',');
        if (row->group.line > 0)
            buf_printf(out, "%d", row->group.line);
        buf_printf(out, ",%llu,%.6f,%.6f,%llu,%.6f,%.6f\r\n", (unsigned long long)row->self_count,
                   share(row->self_count, all), (double)row->self_ns / 1e9,
                   (unsigned long long)row->total_count, share(row->total_count, all),
                   (double)row->total_ns / 1e9);
    }
}

static void csv_threads(struct buf *out, const struct report *report)
{
    const struct profile *profile = report->profile;
    for (uint32_t i = 0; i < report->threads.row_count; i++) {
        const struct thread_row *row = &report->threads.rows[i];
        const struct profile_thread *thread = &profile->threads[row->thread];
        const struct profile_string *name = &profile->strings[thread->name];
        double part = share(row->count, report->view.count), seconds = (double)row->weight_ns / 1e9;
        unsigned long long count = row->count;
        buf_add_str(out, "thread,");
        csv_text(out, (struct text){name->text, name->size});
        buf_printf(out, ",\"\",%d,%llu,%.6f,%.6f,%llu,%.6f,%.6f\r\n", thread->tid, count, part,
                   seconds, count, part, seconds);
    }
}

void report_csv(const struct report *report, struct buf *out)
{
    buf_add_str(out, "table,name,file,line,self,self_share,self_s,total,total_share,total_s\r\n");
    csv_table(out, report, "function", &report->functions);
    csv_table(out, report, "line", &report->lines);
    csv_table(out, report, "file", &report->files);
    csv_table(out, report, "package", &report->packages);
    csv_threads(out, report);
    for (uint32_t i = 0; i < report->neighbour_count; i++) {
        csv_table(out, report, "caller", &report->neighbours[i].callers);
        csv_table(out, report, "callee", &report->neighbours[i].callees);
    }
}
