/* SPDX-License-Identifier: MIT */
/* watch_text.c - one look for people without a terminal: sections that have something to say. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/columns.h"
#include "cli/watch.h"
#include "codec/text.h"

#define TABLE_COLUMNS 120 /* that would show every figure worth its place */

static void add_processes(const struct watch *watch, struct buf *out)
{
    for (uint32_t i = 0; i < watch->process_count; i++) {
        const struct watch_process *process = &watch->processes[i];
        char memory[WATCH_NUMBER];
        if (!process->is_chosen || process->state == WATCH_OTHER)
            continue;
        size_t start = out->size;
        buf_printf(out, "%7d  ", (int)process->pid);
        if (process->state == WATCH_OPEN || process->state == WATCH_IDLE) {
            double cpu = watch_cpu(process);
            watch_bytes(memory, process->usage.resident_bytes);
            if (cpu >= 0)
                buf_printf(out, "cpu %.0f%%  ", 100 * cpu);
            buf_printf(out, "%s  %llu threads  ", memory,
                       (unsigned long long)process->usage.threads);
        }
        if (process->state != WATCH_OPEN)
            buf_printf(out, "%s  ", watch_state_text(process->state));
        text_add_line(out, process->command, strlen(process->command), 0, 0);
        columns_end_line(out, start, columns_width());
    }
}

static void add_head(const struct watch_column *columns, int width, const char *title,
                     struct buf *out)
{
    buf_add_char(out, '\n');
    for (const struct watch_column *column = columns; column->name; column++)
        if (width >= column->from_columns)
            buf_printf(out, "%*s ", column->width, column->name);
    buf_printf(out, " %s\n", title);
}

static void add_row(const struct watch *watch, const struct watch_column *columns, int width,
                    const struct watch_row *row, struct buf *out)
{
    size_t start = out->size;
    char text[WATCH_NUMBER];
    for (const struct watch_column *column = columns; column->name; column++) {
        if (width < column->from_columns)
            continue;
        column->show(text, row, SERVICE_ALL);
        buf_printf(out, "%*s ", column->width, text);
    }
    buf_add_char(out, ' ');
    watch_title(watch, row, out);
    size_t before = out->size;
    buf_add_str(out, "  <- ");
    size_t remark = out->size;
    watch_remark(watch, row, out);
    if (out->size == remark)
        out->size = before;
    columns_end_line(out, start, columns_width());
}

static int add_section(struct watch *watch, enum watch_section section, uint32_t limit,
                       uint64_t mono_ns, struct buf *out)
{
    int width = columns_width() ? (int)columns_width() : TABLE_COLUMNS;
    const struct watch_column *columns = watch_columns(section);
    int result = watch_arrange(watch, section, SERVICE_ALL, mono_ns);
    if (result < 0 || !watch->view.count)
        return result;
    add_head(columns, width, watch_section_name(section), out);
    for (uint32_t i = 0; i < watch->view.count && (!limit || i < limit); i++)
        add_row(watch, columns, width, &watch->view.rows[i], out);
    if (limit && watch->view.count > limit)
        buf_printf(out, "  and %u more; --limit 0 shows them\n", watch->view.count - limit);
    return 0;
}

static void add_requests(const struct watch *watch, uint32_t limit, struct buf *out)
{
    if (!watch->request_count)
        return;
    buf_add_str(out, "\n    pid  requests in flight\n");
    for (uint32_t i = 0; i < watch->request_count && (!limit || i < limit); i++) {
        const struct watch_request *request = &watch->requests[i];
        size_t start = out->size;
        bool died = request->request.flags & AGENT_FLAG_UNFINISHED;
        buf_printf(out, "%7d  %s", (int)watch->processes[request->process].pid,
                   died ? "DIED in " : "");
        watch_request_title(watch, request, out);
        columns_end_line(out, start, columns_width());
    }
}

int watch_text(struct watch *watch, uint32_t limit, uint64_t mono_ns, struct buf *out)
{
    int result = 0;
    add_processes(watch, out);
    for (unsigned section = 0; section < WATCH_SECTIONS && result == 0; section++) {
        if (section == WATCH_REQUESTS)
            add_requests(watch, limit, out);
        else if (section != WATCH_PROCESSES)
            result = add_section(watch, section, limit, mono_ns, out);
    }
    return result;
}
