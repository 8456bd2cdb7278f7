/* SPDX-License-Identifier: MIT */
/* top_once.c - one picture for scripts: as text, and as JSON (docs/top.md describes it). */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "cli/columns.h"
#include "cli/request_text.h"
#include "cli/top.h"
#include "codec/text.h"

static uint32_t row_count(const struct top *top, uint32_t limit)
{
    return limit && limit < top->list.count ? limit : top->list.count;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* ---- text ---------------------------------------------------------------------------------- */

static void add_facts(const struct top *top, struct buf *out)
{
    const struct top_facts *facts = &top->facts;
    const struct profile_stats *stats = &facts->stats;
    if (top->targets.several)
        buf_printf(out, "%u processes ", facts->processes);
    else
        buf_printf(out, "%d ", (int)top->profile->meta.pid);
    text_add_line(out, top_command(top), strlen(top_command(top)), 0, 0);
    buf_printf(out, "\nPython %s  %s  %.1f s  ", top_python(top), top_mode_name(top->mode),
               (double)facts->running_ns / 1e9);
    if (facts->cpu >= 0)
        buf_printf(out, "CPU %.0f %%  ", 100 * facts->cpu);
    buf_printf(out, "GIL %.0f %%  threads %u  %.0f of %llu Hz\n", 100 * facts->gil, facts->threads,
               facts->rate_hz, (unsigned long long)top->rate_hz);
    columns_counted(out, top->live.scope[LIVE_SINCE].stacks[top->mode], "stack");
    buf_printf(out, "  errors %llu  lost %llu  partial %llu  late %llu%s\n\n",
               (unsigned long long)stats->errors, (unsigned long long)stats->lost,
               (unsigned long long)stats->partial, (unsigned long long)stats->late,
               top->exited ? "  (the process has exited)" : "");
}

void top_once_text(const struct top *top, uint32_t limit, struct buf *out)
{
    const struct live *live = &top->live;
    unsigned width = columns_width();
    uint64_t whole_us = top_whole_us(top, LIVE_SINCE);
    add_facts(top, out);
    buf_printf(out, "     own    total        own      total      GIL  %s\n",
               live->by == GROUP_LINE ? "line" : "function");
    for (uint32_t i = 0; i < row_count(top, limit); i++) {
        const struct live_row *row = &live->rows[top->list.items[i]];
        const struct live_time *own = &row->own[LIVE_SINCE], *total = &row->total[LIVE_SINCE];
        size_t start = out->size;
        columns_share(out, share(own->us[top->mode], whole_us));
        buf_add_char(out, ' ');
        columns_share(out, share(total->us[top->mode], whole_us));
        buf_add_str(out, "  ");
        columns_seconds(out, (double)own->us[top->mode] / 1e6);
        buf_add_str(out, "  ");
        columns_seconds(out, (double)total->us[top->mode] / 1e6);
        buf_add_char(out, ' ');
        columns_share(out, share(own->us[LIVE_GIL], live->scope[LIVE_SINCE].elapsed_us));
        buf_add_str(out, "  ");
        columns_group(out, &live->grouping.groups[top->list.items[i]]);
        columns_end_line(out, start, width);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void add_times(struct jsonw *json, const char *prefix, const struct live_time *time)
{
    static const char *const names[LIVE_MODES] = {"cpu_s", "wall_s", "gil_s"};
    char key[32];
    for (unsigned mode = 0; mode < LIVE_MODES; mode++) {
        snprintf(key, sizeof key, "%s%s", prefix, names[mode]);
        jsonw_key_double(json, key, (double)time->us[mode] / 1e6);
    }
}

static void add_text(struct jsonw *json, const char *key, struct text text)
{
    jsonw_key(json, key);
    jsonw_string_n(json, text.text, text.size);
}

static void add_row(const struct top *top, struct jsonw *json, uint32_t id)
{
    const struct group *group = &top->live.grouping.groups[id];
    const struct live_row *row = &top->live.rows[id];
    uint64_t whole_us = top_whole_us(top, LIVE_SINCE);
    jsonw_object_begin(json);
    add_text(json, "function", group->name);
    add_text(json, "file", group->file);
    jsonw_key_i64(json, "line", group->line);
    jsonw_key_double(json, "own", share(row->own[LIVE_SINCE].us[top->mode], whole_us));
    jsonw_key_double(json, "total", share(row->total[LIVE_SINCE].us[top->mode], whole_us));
    add_times(json, "own_", &row->own[LIVE_SINCE]);
    add_times(json, "total_", &row->total[LIVE_SINCE]);
    jsonw_object_end(json);
}

static void add_thread(const struct top *top, struct jsonw *json, const struct live_thread *seen)
{
    const struct profile_thread *thread = &top->profile->threads[seen->thread];
    jsonw_object_begin(json);
    jsonw_key_i64(json, "pid", thread->pid);
    jsonw_key_i64(json, "tid", thread->tid);
    jsonw_key_string(json, "name", top->profile->strings[thread->name].text);
    add_times(json, "", &seen->time[LIVE_SINCE]);
    struct collect_request request;
    struct collect *agent = top_request_find(top, seen->thread, &request);
    jsonw_key(json, "request");
    request_json(agent, agent ? &request : NULL, clock_mono_ns(), json);
    jsonw_object_end(json);
}

static void add_json_facts(const struct top *top, struct jsonw *json)
{
    const struct top_facts *facts = &top->facts;
    jsonw_key_i64(json, "pid", top->profile->meta.pid);
    jsonw_key_u64(json, "processes", facts->processes);
    jsonw_key_string(json, "command", top_command(top));
    jsonw_key_string(json, "python", top_python(top));
    jsonw_key_string(json, "mode", top_mode_name(top->mode));
    jsonw_key_bool(json, "exited", top->exited);
    jsonw_key_double(json, "seconds", (double)facts->running_ns / 1e9);
    jsonw_key(json, "cpu");
    if (facts->cpu >= 0)
        jsonw_double(json, facts->cpu);
    else
        jsonw_null(json);
    jsonw_key_double(json, "gil", facts->gil);
    jsonw_key_u64(json, "rate_hz_asked", top->rate_hz);
    jsonw_key_double(json, "rate_hz_got", facts->rate_hz);
    jsonw_key_u64(json, "stacks", top->live.scope[LIVE_SINCE].stacks[top->mode]);
    jsonw_key_u64(json, "partial", facts->stats.partial);
    jsonw_key_u64(json, "lost", facts->stats.lost);
    jsonw_key_u64(json, "late", facts->stats.late);
    jsonw_key_u64(json, "errors", facts->stats.errors);
    jsonw_key_u64(json, "thread_count", facts->threads);
}

void top_once_json(const struct top *top, uint32_t limit, struct buf *out)
{
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    add_json_facts(top, &json);
    jsonw_key(&json, "threads");
    jsonw_array_begin(&json);
    for (uint32_t i = 0; i < top->thread_count; i++)
        add_thread(top, &json, &top->threads[i]);
    jsonw_array_end(&json);
    jsonw_key(&json, "rows");
    jsonw_array_begin(&json);
    for (uint32_t i = 0; i < row_count(top, limit); i++)
        add_row(top, &json, top->list.items[i]);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    buf_add_char(out, '\n');
}
