/* SPDX-License-Identifier: MIT */
/* watch_draw.c - the screens of watch.
 *
 *      pitviper watch  4 processes  gunicorn app:app              lately  0:42
 *      req/s 812  errors 3  in flight 7  cpu 143 %  memory 412M  lost 0
 *      1 endpoints  2 statements  3 outbound  4 cache  5 tasks  6 errors 2 ...
 *      rate/s  err    p50    p95    p99    max   db  out   total
 *      ... rows ...
 *      q quit  h help  / filter  < > sort  w lately/all  Enter details
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/draw.h"
#include "cli/watch.h"

#define HEAD_ROWS 3
#define TITLE_MIN 12 /* columns for what a row is about */

static attr_t pair(const struct watch *watch, enum draw_colour colour)
{
    return draw_pair(&watch->look, colour);
}

static attr_t title_attributes(const struct watch *watch)
{
    return A_BOLD | pair(watch, DRAW_CYAN);
}

/* ---- head ---------------------------------------------------------------------------------- */

static const char *any_command(const struct watch *watch)
{
    for (uint32_t i = 0; i < watch->process_count; i++)
        if (watch->processes[i].is_chosen && watch->processes[i].state != WATCH_OTHER)
            return watch->processes[i].command;
    return "";
}

static void draw_top_line(const struct watch *watch, int columns, uint64_t mono_ns)
{
    char right[64], command[WATCH_COMMAND_MAX];
    unsigned seconds = (unsigned)((mono_ns - watch->since_ns) / 1000000000u);
    const char *state = watch_has_ended(watch) ? "EXITED  " : watch->is_frozen ? "FROZEN  " : "";
    draw_shorten(any_command(watch), command, sizeof command);
    snprintf(right, sizeof right, "%s%s  %u:%02u", state,
             watch->period == SERVICE_NOW ? "lately" : "since start", seconds / 60, seconds % 60);
    int size = (int)strlen(right);
    draw_fill(0, 0, columns, A_REVERSE);
    int at = draw_words(0, 0, columns, "pitviper watch  ", A_REVERSE | A_BOLD);
    unsigned open = watch_count(watch, WATCH_OPEN);
    at += draw_format(0, at, columns - at - size - DRAW_GAP, A_REVERSE, "%u process%s  ", open,
                      open == 1 ? "" : "es");
    draw_words(0, at, columns - at - size - DRAW_GAP, command, A_REVERSE);
    draw_words(0, columns - size, size, right, A_REVERSE | (*state ? A_BOLD : 0));
}

static void draw_sums(const struct watch *watch, int columns, uint64_t mono_ns)
{
    struct draw_line line = {.row = 1, .end = columns};
    uint64_t count = 0, errors = 0, resident = 0, lost = 0;
    double cpu = 0;
    for (uint32_t i = 0; i < service_row_count(watch->service); i++) {
        const struct service_row *row = service_row(watch->service, i);
        bool is_lately = watch->period == SERVICE_NOW;
        if (row->kind != AGENT_KIND_REQUEST && row->kind != AGENT_KIND_TASK)
            continue;
        for (unsigned half = 0; is_lately && half < 2; half++)
            if (row->halves[half]) {
                count += row->halves[half]->count;
                errors += row->halves[half]->errors;
            }
        count += is_lately ? 0 : row->all->count;
        errors += is_lately ? 0 : row->all->errors;
    }
    for (uint32_t i = 0; i < watch->process_count; i++) {
        const struct watch_process *process = &watch->processes[i];
        double own = watch_cpu(process);
        if (!process->collect)
            continue;
        cpu += own > 0 ? own : 0;
        resident += process->usage.resident_bytes;
        lost += collect_stats(process->collect)->lost;
    }
    char rate[WATCH_NUMBER], memory[WATCH_NUMBER];
    uint64_t elapsed_ns = service_elapsed_ns(watch->service, watch->period, mono_ns);
    watch_number(rate, elapsed_ns ? (double)count * 1e9 / (double)elapsed_ns : 0);
    watch_bytes(memory, resident);
    draw_piece(&line, A_BOLD, "req/s %s", rate);
    draw_piece(&line, errors ? A_BOLD | pair(watch, DRAW_RED) : 0, "errors %llu",
               (unsigned long long)errors);
    draw_piece(&line, 0, "in flight %llu", (unsigned long long)watch->request_total);
    if (watch->dead_count)
        draw_piece(&line, A_BOLD | pair(watch, DRAW_RED), "died at work %u", watch->dead_count);
    if (watch->filter.is_set)
        draw_piece(&line, title_attributes(watch), "filter /%s/", watch->filter.text);
    draw_piece(&line, 0, "cpu %.0f %%", 100 * cpu);
    draw_piece(&line, 0, "memory %s", memory);
    if (watch_count(watch, WATCH_BARE))
        draw_piece(&line, pair(watch, DRAW_YELLOW), "without agent %u",
                   watch_count(watch, WATCH_BARE));
    draw_piece(&line, lost ? pair(watch, DRAW_YELLOW) : 0, "records lost %llu",
               (unsigned long long)lost);
}

static void draw_tabs(const struct watch *watch, int columns)
{
    int at = 0;
    bool is_wide = columns >= 100;
    for (unsigned i = 0; i < WATCH_SECTIONS; i++) {
        bool is_here = i == watch->section;
        char label[32];
        snprintf(label, sizeof label, "%u %.*s", i + 1, is_wide || is_here ? 12 : 5,
                 watch_section_name(i));
        at += draw_words(2, at, columns - at, label, is_here ? A_REVERSE : pair(watch, DRAW_CYAN));
        at += is_wide ? 2 : 1;
    }
}

/* ---- tables -------------------------------------------------------------------------------- */

/* Columns that leave room for what the row is about. */
static bool is_shown(const struct watch_column *column, int columns)
{
    return columns >= column->from_columns;
}

static void draw_column_heads(const struct watch *watch, const struct watch_column *list, int row,
                              int columns)
{
    int at = 0;
    for (; list->name; list++) {
        if (!is_shown(list, columns) || at + list->width + TITLE_MIN > columns)
            continue;
        bool is_sorted = list->sort == watch->sort && list->sort != WATCH_SORTS;
        draw_format(row, at, list->width, title_attributes(watch) | (is_sorted ? A_UNDERLINE : 0),
                    "%*s", list->width, list->name);
        at += list->width + 1;
    }
    attr_t by_name = watch->sort == WATCH_BY_NAME ? A_UNDERLINE : 0;
    draw_words(row, at + 1, columns - at - 1, watch_section_name(watch->section),
               title_attributes(watch) | by_name);
}

static void draw_row(const struct watch *watch, int line, int columns, const struct watch_row *row,
                     bool is_selected)
{
    const struct watch_figures *figures = &row->figures[watch->period];
    attr_t all = is_selected ? A_REVERSE : figures->count ? 0 : A_DIM;
    struct buf title;
    int at = 0;
    draw_fill(line, 0, columns, all);
    for (const struct watch_column *list = watch_columns(watch->section); list->name; list++) {
        char text[WATCH_NUMBER];
        if (!is_shown(list, columns) || at + list->width + TITLE_MIN > columns)
            continue;
        list->show(text, row, watch->period);
        bool is_alarm = (list->sort == WATCH_BY_ERRORS && figures->errors) ||
                        (strcmp(list->name, "N+1") == 0 && row->first->n_plus_one);
        draw_format(line, at, list->width,
                    is_alarm && !is_selected ? A_BOLD | pair(watch, DRAW_RED) : all, "%*s",
                    list->width, text);
        at += list->width + 1;
    }
    buf_init(&title, 0);
    watch_title(watch, row, &title);
    if (!buf_failed(&title) && title.data)
        at +=
            1 + draw_text(line, at + 1, columns - at - 1, title.data, title.size, FIT_CUT_END, all);
    buf_reset(&title);
    watch_remark(watch, row, &title);
    if (title.size && columns - at > TITLE_MIN)
        draw_text(line, at + DRAW_GAP, columns - at - DRAW_GAP, title.data, title.size, FIT_CUT_END,
                  all ? all : pair(watch, DRAW_YELLOW));
    buf_done(&title);
}

static void draw_request(const struct watch *watch, int line, int columns, uint32_t index,
                         bool is_selected)
{
    const struct watch_request *request = &watch->requests[index];
    bool died = request->request.flags & AGENT_FLAG_UNFINISHED;
    attr_t all = is_selected ? A_REVERSE : died ? A_BOLD | pair(watch, DRAW_RED) : 0;
    char age[WATCH_NUMBER];
    struct buf title;
    watch_time(age, request->age_ns);
    draw_fill(line, 0, columns, is_selected ? A_REVERSE : 0);
    int at = draw_format(line, 0, columns, all, "%7d %4s %6s  ",
                         (int)watch->processes[request->process].pid, died ? "DIED" : "", age);
    buf_init(&title, 0);
    watch_request_title(watch, request, &title);
    if (!buf_failed(&title) && title.data)
        draw_text(line, at, columns - at, title.data, title.size, FIT_CUT_END, all);
    buf_done(&title);
}

static const struct watch_process *process_at(const struct watch *watch, uint32_t index)
{
    for (uint32_t i = 0; i < watch->process_count; i++) {
        const struct watch_process *process = &watch->processes[i];
        if (process->is_chosen && process->state != WATCH_OTHER && index-- == 0)
            return process;
    }
    return NULL;
}

static void draw_process(const struct watch *watch, int line, int columns, uint32_t index,
                         bool is_selected)
{
    const struct watch_process *process = process_at(watch, index);
    char cpu[16] = "-", memory[WATCH_NUMBER], gc[WATCH_NUMBER], switches[WATCH_NUMBER],
         fds[24] = "-";
    attr_t all = is_selected ? A_REVERSE : 0;
    if (!process)
        return;
    draw_fill(line, 0, columns, all);
    if (process->state != WATCH_OPEN) {
        draw_format(line, 0, columns, all ? all : pair(watch, DRAW_YELLOW), "%7d %s: %s",
                    (int)process->pid, process->command, watch_state_text(process->state));
        return;
    }
    if (watch_cpu(process) >= 0)
        snprintf(cpu, sizeof cpu, "%.0f%%", 100 * watch_cpu(process));
    watch_bytes(memory, process->usage.resident_bytes);
    watch_time(gc, process->gc_max_ns);
    watch_number(switches, watch_switches(process) > 0 ? watch_switches(process) : 0);
    if (process->usage.descriptors >= 0)
        snprintf(fds, sizeof fds, "%lld", (long long)process->usage.descriptors);
    char command[WATCH_COMMAND_MAX];
    draw_shorten(process->command, command, sizeof command);
    draw_format(line, 0, columns, all, "%7d %5s %6s %4llu %5s %6s %6s %5u  %s", (int)process->pid,
                cpu, memory, (unsigned long long)process->usage.threads, fds, switches, gc,
                process->in_flight, command);
}

static const char *why_empty(const struct watch *watch)
{
    if (watch->filter.is_set)
        return "nothing matches the filter; Esc takes it away";
    if (watch_count(watch, WATCH_OPEN))
        return "nothing of this kind has happened yet";
    if (watch_count(watch, WATCH_IDLE))
        return "the agent is loaded; waiting for the first event";
    if (watch_count(watch, WATCH_DENIED))
        return "not permitted to look into the process: run as the same user or as root";
    return "no process with the agent here: start one with \"pitviper run -- COMMAND\"";
}

static void draw_item(const struct watch *watch, int line, int columns, uint32_t index)
{
    bool is_selected = index == watch->position;
    if (watch->section == WATCH_REQUESTS)
        draw_request(watch, line, columns, index, is_selected);
    else if (watch->section == WATCH_PROCESSES)
        draw_process(watch, line, columns, index, is_selected);
    else
        draw_row(watch, line, columns, &watch->view.rows[index], is_selected);
}

static void draw_list(struct watch *watch, struct draw_area area)
{
    uint32_t count = watch_item_count(watch);
    int rows = area.rows - 1;
    if (watch->section == WATCH_REQUESTS)
        draw_words(area.row, 0, area.columns, "    pid         age  what it is doing",
                   title_attributes(watch));
    else if (watch->section == WATCH_PROCESSES)
        draw_words(area.row, 0, area.columns,
                   "    pid   cpu memory  thr   fds  sw/s  gc max   now  command",
                   title_attributes(watch));
    else
        draw_column_heads(watch, watch_columns(watch->section), area.row, area.columns);
    watch->page = rows > 1 ? (uint32_t)rows : 1;
    if (watch->position >= count)
        watch->position = count ? count - 1 : 0;
    watch->first = draw_first(watch->first, watch->position, count, watch->page);
    if (!count)
        draw_words(area.row + 1, 1, area.columns - 1, why_empty(watch), A_BOLD);
    for (int i = 0; i < rows && watch->first + (uint32_t)i < count; i++)
        draw_item(watch, area.row + 1 + i, area.columns, watch->first + (uint32_t)i);
}

/* ---- details ------------------------------------------------------------------------------- */

static void explain_period(struct draw_page *page, const struct watch_row *row,
                           enum service_period period)
{
    const struct watch_figures *figures = &row->figures[period];
    char rate[WATCH_NUMBER], p50[WATCH_NUMBER], p90[WATCH_NUMBER], p95[WATCH_NUMBER],
        p99[WATCH_NUMBER], max[WATCH_NUMBER], total[WATCH_NUMBER], text[256];
    watch_number(rate, figures->rate);
    watch_time(p50, figures->p50_ns);
    watch_time(p90, figures->p90_ns);
    watch_time(p95, figures->p95_ns);
    watch_time(p99, figures->p99_ns);
    watch_time(max, figures->max_ns);
    watch_time(total, figures->total_ns);
    snprintf(text, sizeof text,
             "%llu (%s/s), %llu failed; p50 %s, p90 %s, p95 %s, p99 %s, longest %s; together %s",
             (unsigned long long)figures->count, rate, (unsigned long long)figures->errors, p50,
             p90, p95, p99, max, total);
    draw_explain(page, period == SERVICE_NOW ? "lately" : "in all", text);
}

static void explain_parts(struct draw_page *page, const struct service_parts *parts)
{
    const struct {
        const char *name;
        uint64_t ns;
    } list[] = {{"own CPU", service_parts_cpu_ns(parts)},
                {"database", parts->database_ns},
                {"outbound", parts->outbound_ns},
                {"cache", parts->cache_ns},
                {"template", parts->template_ns},
                {"queue", parts->queue_ns},
                {"gc", parts->gc_ns},
                {"loop", parts->loop_ns}};
    char text[512];
    size_t used = 0;
    if (!parts->duration_ns)
        return;
    for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].ns)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %.1f %%",
                                     used ? ", " : "", list[i].name,
                                     100.0 * (double)list[i].ns / (double)parts->duration_ns);
    if (used)
        draw_explain(page, "time", text);
    snprintf(text, sizeof text, "%.1f statements and %.1f outbound calls per request",
             (double)parts->statements / (double)parts->requests,
             (double)parts->outbound / (double)parts->requests);
    draw_explain(page, "work", text);
    if (parts->repeated) {
        snprintf(text, sizeof text, "%llu of %llu requests ran one statement %u times or more",
                 (unsigned long long)parts->repeated, (unsigned long long)parts->requests,
                 AGENT_REPEATS_MIN);
        draw_explain(page, "N+1", text);
    }
}

static void draw_detail(struct watch *watch, struct draw_area area)
{
    struct draw_page page = {
        .area = area, .label_attributes = title_attributes(watch), .first = watch->first};
    struct buf text;
    if (watch->position >= watch->view.count)
        return;
    const struct watch_row *row = &watch->view.rows[watch->position];
    buf_init(&text, 0);
    watch_title(watch, row, &text);
    draw_explain(&page, collect_kind_name(row->kind), text.data ? text.data : "");
    page.line++;
    explain_period(&page, row, SERVICE_NOW);
    explain_period(&page, row, SERVICE_ALL);
    explain_parts(&page, &row->figures[SERVICE_ALL].parts);
    buf_reset(&text);
    watch_remark(watch, row, &text);
    if (text.size)
        draw_explain(&page, "where", text.data);
    buf_done(&text);
}

static void draw_help(struct watch *watch, struct draw_area area)
{
    struct draw_page page = {
        .area = area, .label_attributes = title_attributes(watch), .first = watch->first};
    for (const struct watch_binding *binding = watch_bindings; binding->code; binding++)
        if (binding->label)
            draw_explain(&page, binding->label, binding->help);
    page.line++;
    draw_explain(&page, "lately",
                 "the last ten to twenty seconds; \"since start\": everything "
                 "that the processes counted");
    draw_explain(&page, "db out cpu",
                 "share of the requests' time in databases, in outbound "
                 "calls, on the CPU");
    draw_explain(&page, "N+1", "a statement that one request ran over and over, and how often");
    draw_explain(&page, "DIED", "a process ended while this request was in it");
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void draw_bottom(struct watch *watch, int row, int columns, uint64_t mono_ns)
{
    static const char *const words[] = {"q quit",   "h help",       "1-9 section",   "/ filter",
                                        "< > sort", "w lately/all", "Enter details", NULL};
    struct draw_line line = {.row = row, .end = columns};
    if (watch->filter.is_typing) {
        int at = draw_words(row, 0, columns, "filter (regular expression): ", A_BOLD);
        at += draw_words(row, at, columns - at, watch->filter.typed, 0);
        move(row, at < columns ? at : columns - 1);
        return;
    }
    if (mono_ns < watch->message_until_ns) {
        draw_words(row, 0, columns, watch->message, A_BOLD | pair(watch, DRAW_YELLOW));
        return;
    }
    for (const char *const *word = words; *word; word++)
        draw_piece(&line, pair(watch, DRAW_CYAN), "%s", *word);
}

void watch_draw(struct watch *watch, uint64_t mono_ns)
{
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    if (watch->section != WATCH_REQUESTS && watch->section != WATCH_PROCESSES && !watch->is_frozen)
        watch->fault = watch_arrange(watch, watch->section, watch->period, mono_ns);
    erase();
    draw_top_line(watch, columns, mono_ns);
    if (rows > 2)
        draw_sums(watch, columns, mono_ns);
    if (rows > 3)
        draw_tabs(watch, columns);
    struct draw_area area = {.row = HEAD_ROWS, .rows = rows - HEAD_ROWS - 1, .columns = columns};
    if (area.rows > 0 && watch->screen == WATCH_HELP)
        draw_help(watch, area);
    else if (area.rows > 0 && watch->screen == WATCH_DETAIL)
        draw_detail(watch, area);
    else if (area.rows > 0)
        draw_list(watch, area);
    draw_bottom(watch, rows - 1, columns, mono_ns);
    refresh();
}
