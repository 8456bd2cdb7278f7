/* SPDX-License-Identifier: MIT */
/* sqlite_plan.c - which windows of which files answer for a range.
 *
 * Coarse windows where whole ones fit and are sealed, finer ones at both ends, and so on down to
 * ten seconds:
 *
 *     range          [........................................)
 *     1 h                 |------|------|------|
 *     1 min           |||||                    ||||||
 *     10 s           :                               ::
 *
 * What no level has in such pieces (only the coarse is left of it) is taken from the finest level
 * that has it, whole windows, rounded outward; never when a part of that window is in the plan
 * already: nothing counts twice.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

struct planning {
    struct store *store;
    enum duty duty;
    struct plan *plan;
    struct plan left; /* ranges that no file has; file is NULL */
    uint64_t seal_ns[LEVELS];
    bool failed;
};

void plan_done(struct plan *plan)
{
    free(plan->items);
    memset(plan, 0, sizeof *plan);
}

static void emit(struct planning *p, struct plan *plan, struct file *file, uint64_t from_ns,
                 uint64_t to_ns)
{
    if (plan->count == plan->capacity) {
        uint32_t capacity = plan->capacity ? plan->capacity * 2 : 32;
        struct segment *items = realloc(plan->items, capacity * sizeof *items);
        if (!items) {
            p->failed = true;
            return;
        }
        plan->items = items;
        plan->capacity = capacity;
    }
    plan->items[plan->count++] = (struct segment){file, from_ns, to_ns};
}

static uint64_t round_down(uint64_t at_ns, uint64_t window_ns)
{
    return at_ns - at_ns % window_ns;
}

static uint64_t round_up(uint64_t at_ns, uint64_t window_ns)
{
    uint64_t rest = at_ns % window_ns;
    return rest ? at_ns + (window_ns - rest) : at_ns;
}

/* Level 0: windows that overlap the range, whole. */
static void cover_finest(struct planning *p, uint64_t from_ns, uint64_t to_ns)
{
    const struct shelf *shelf = shelf_of(p->duty, 0);
    uint64_t at = from_ns;
    for (uint32_t i = 0; i < p->store->file_count && at < to_ns; i++) {
        struct file *file = p->store->files[i];
        uint64_t end = file->start_ns + shelf->period_ns;
        if (file->shelf != shelf || end <= at || file->start_ns >= to_ns)
            continue;
        if (file->start_ns > at)
            emit(p, &p->left, NULL, at, file->start_ns);
        uint64_t begin = file->start_ns > at ? file->start_ns : at;
        uint64_t stop = end < to_ns ? end : to_ns;
        emit(p, p->plan, file, round_down(begin, shelf->window_ns),
             round_up(stop, shelf->window_ns));
        at = stop;
    }
    if (at < to_ns)
        emit(p, &p->left, NULL, at, to_ns);
}

static void cover(struct planning *p, uint32_t level, uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns >= to_ns)
        return;
    if (level == 0) {
        cover_finest(p, from_ns, to_ns);
        return;
    }
    const struct shelf *shelf = shelf_of(p->duty, level);
    uint64_t at = from_ns;
    for (uint32_t i = 0; i < p->store->file_count; i++) {
        struct file *file = p->store->files[i];
        if (file->shelf != shelf)
            continue;
        uint64_t begin = file->start_ns > at ? file->start_ns : at;
        uint64_t end = file->start_ns + shelf->period_ns;
        end = end < to_ns ? end : to_ns;
        end = end < p->seal_ns[level] ? end : p->seal_ns[level];
        begin = round_up(begin, shelf->window_ns);
        end = round_down(end, shelf->window_ns);
        if (begin >= end)
            continue;
        cover(p, level - 1, at, begin);
        emit(p, p->plan, file, begin, end);
        at = end;
    }
    cover(p, level - 1, at, to_ns);
}

static bool overlaps(const struct plan *plan, uint64_t from_ns, uint64_t to_ns)
{
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->items[i].from_ns < to_ns && plan->items[i].to_ns > from_ns)
            return true;
    return false;
}

/* Of one level; what remains goes to the next one. */
static void cover_left(struct planning *p, uint32_t level, uint64_t from_ns, uint64_t to_ns)
{
    if (level >= LEVELS || from_ns >= to_ns)
        return;
    const struct shelf *shelf = shelf_of(p->duty, level);
    uint64_t at = from_ns;
    for (uint32_t i = 0; i < p->store->file_count; i++) {
        struct file *file = p->store->files[i];
        if (file->shelf != shelf)
            continue;
        uint64_t begin = file->start_ns > at ? file->start_ns : at;
        uint64_t end = file->start_ns + shelf->period_ns;
        end = end < to_ns ? end : to_ns;
        if (begin >= end)
            continue;
        uint64_t low = round_down(begin, shelf->window_ns);
        uint64_t high = round_up(end, shelf->window_ns);
        cover_left(p, level + 1, at, begin);
        at = end;
        for (uint64_t window = low; window < high; window += shelf->window_ns)
            if (!overlaps(p->plan, window, window + shelf->window_ns))
                emit(p, p->plan, file, window, window + shelf->window_ns);
    }
    cover_left(p, level + 1, at, to_ns);
}

static int compare(const void *left, const void *right)
{
    const struct segment *a = left, *b = right;
    return a->from_ns < b->from_ns ? -1 : a->from_ns > b->from_ns;
}

/* The newest file that is not of a wrong clock's future says how far a level has come. */
static uint64_t seal_of(struct store *store, const struct shelf *shelf, uint64_t before_ns)
{
    for (uint32_t i = store->file_count; i-- > 0;) {
        struct file *file = store->files[i];
        struct err ignored;
        int64_t seal = 0;
        if (file->shelf != shelf || file->start_ns >= before_ns)
            continue;
        if (store_use(store, file, &ignored) == 0 &&
            file_get_state(file, FILE_SEAL, &seal, &ignored) == 0 && seal > 0)
            return (uint64_t)seal;
    }
    return 0;
}

static uint32_t coarsest(enum duty duty, uint64_t max_window_ns)
{
    uint32_t level = LEVELS - 1;
    while (level > 0 && (shelf_of(duty, level)->window_ns > max_window_ns ||
                         max_window_ns % shelf_of(duty, level)->window_ns))
        level--;
    return level;
}

int plan_make(struct store *store, enum duty duty, uint64_t from_ns, uint64_t to_ns,
              uint64_t max_window_ns, struct plan *plan, struct err *err)
{
    struct planning p = {.store = store, .duty = duty, .plan = plan};
    memset(plan, 0, sizeof *plan);
    uint32_t top = coarsest(duty, max_window_ns);
    for (uint32_t level = 1; level <= top; level++)
        p.seal_ns[level] = seal_of(store, shelf_of(duty, level), to_ns);
    cover(&p, top, from_ns, to_ns);
    for (uint32_t i = 0; i < p.left.count; i++)
        cover_left(&p, 1, p.left.items[i].from_ns, p.left.items[i].to_ns);
    plan_done(&p.left);
    if (plan->count)
        qsort(plan->items, plan->count, sizeof *plan->items, compare);
    if (!p.failed)
        return 0;
    plan_done(plan);
    return err_set(err, ERR_NO_MEMORY, "out of memory");
}

/* -- walking the plan ------------------------------------------------------------------------ */

static bool text_is(const struct dict *dict, uint32_t string, const char *wanted)
{
    return !wanted || !strcmp(dict_text(dict, string), wanted);
}

static bool series_is_wanted(const struct dict *dict, uint32_t id, const struct store_query *query,
                             bool by_type)
{
    const struct dict_series *series = dict_series_at(dict, id);
    return series->type < SERIES_SUM && (!by_type || series->type == (uint32_t)query->type) &&
           text_is(dict, series->service, query->service) &&
           text_is(dict, series->host, query->host) &&
           text_is(dict, series->version, query->version);
}

static int visit_one(struct store *store, const struct visitor *visitor, const struct visit *visit,
                     struct store_answer *answer, struct err *err)
{
    int64_t id = file_window_id(visit->file, visit->start_ns, visit->series);
    int result = file_get_window(visit->file, store->tools, id, &store->raw, err);
    if (result == ERR_NOT_FOUND)
        return 0;
    if (result == ERR_BAD_DATA)
        return result;
    if (result == 0) {
        answer->windows++;
        result = visitor->visit(visitor->context, store, visit);
        result = result == ERR_BAD_DATA ? ERR_LIMIT : result;
    }
    if (result == ERR_LIMIT) {
        answer->damaged_windows++;
        store->stats.damaged_windows++;
        return 0;
    }
    return result < 0 ? err_set(err, result, "%s: %s", visit->file->path, err_text(result))
                      : result;
}

/* The window without actors, when there is one and it is whole. */
static int visit_sum(struct store *store, const struct visitor *visitor, const struct visit *visit,
                     struct store_answer *answer, bool *done, struct err *err)
{
    int64_t id = file_window_id(visit->file, visit->start_ns, visit->series);
    int result = file_get_window(visit->file, store->tools, id, &store->raw, err);
    if (result == 0)
        result = visitor->visit(visitor->context, store, visit);
    *done = result == 0;
    answer->windows += *done;
    return result == ERR_NO_MEMORY ? err_set(err, result, "out of memory") : 0;
}

struct wanted {
    uint32_t series, sum; /* PROFILE_NONE: the file has none */
};

static uint32_t find_sum(const struct dict *dict, uint32_t series)
{
    struct dict_series sum = *dict_series_at(dict, series);
    sum.type |= SERIES_SUM;
    for (uint32_t i = 0; i < dict->series.count; i++)
        if (!memcmp(dict_series_at(dict, i), &sum, sizeof sum))
            return i;
    return PROFILE_NONE;
}

static uint32_t find_wanted(const struct dict *dict, const struct store_query *query,
                            const struct visitor *visitor, struct wanted *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < dict->series.count; i++)
        if (series_is_wanted(dict, i, query, visitor->by_type))
            out[count++] = (struct wanted){i, visitor->sums ? find_sum(dict, i) : PROFILE_NONE};
    return count;
}

static int visit_wanted(struct store *store, const struct visitor *visitor, struct file *file,
                        uint64_t start_ns, const struct wanted *wanted, struct store_answer *answer,
                        struct err *err)
{
    struct visit visit = {.file = file, .start_ns = start_ns, .series = wanted->sum};
    bool done = false;
    int result = 0;
    if (wanted->sum != PROFILE_NONE)
        result = visit_sum(store, visitor, &visit, answer, &done, err);
    visit.series = wanted->series;
    return result == 0 && !done ? visit_one(store, visitor, &visit, answer, err) : result;
}

static void note_window(struct store_answer *answer, uint64_t start_ns, uint64_t window_ns)
{
    uint64_t end_ns = start_ns + window_ns;
    if (!answer->first_ns || start_ns < answer->first_ns)
        answer->first_ns = start_ns;
    answer->last_ns = end_ns > answer->last_ns ? end_ns : answer->last_ns;
    answer->longest_ns = window_ns > answer->longest_ns ? window_ns : answer->longest_ns;
}

static int visit_windows(struct store *store, const struct store_query *query,
                         const struct visitor *visitor, const struct segment *segment,
                         struct store_answer *answer, struct err *err)
{
    struct file *file = segment->file;
    struct wanted *wanted = malloc((file->dict.series.count + 1) * sizeof *wanted);
    if (!wanted)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    uint32_t count = find_wanted(&file->dict, query, visitor, wanted);
    int result = visitor->begin ? visitor->begin(visitor->context, store, file) : 0;
    if (result < 0)
        err_set(err, result, "%s: %s", file->path, err_text(result));
    for (uint64_t at = segment->from_ns; at < segment->to_ns && count && result == 0;) {
        int64_t next = -1; /* nobody ran for hours: go on where something is */
        result = file_next_window(file, file_window_id(file, at, 0), &next, err);
        if (result < 0 || next < 0)
            break;
        at = file_window_start(file, next);
        if (at < segment->to_ns)
            note_window(answer, at, file->shelf->window_ns);
        for (uint32_t i = 0; i < count && at < segment->to_ns && result == 0; i++)
            result = visit_wanted(store, visitor, file, at, &wanted[i], answer, err);
        at += file->shelf->window_ns;
    }
    free(wanted);
    return result;
}

/* One snapshot of the file: dictionary and windows fit together. */
static int visit_segment(struct store *store, const struct store_query *query,
                         const struct visitor *visitor, const struct segment *segment,
                         struct store_answer *answer, struct err *err)
{
    struct file *file = segment->file;
    int result = store_use(store, file, err);
    if (result < 0)
        return result;
    if (sqlite3_exec(file->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return file_fail(file, sqlite3_errcode(file->db), err);
    if (!store->write)
        result = file_refresh(file, store->tools, err);
    if (result == 0)
        result = visit_windows(store, query, visitor, segment, answer, err);
    sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL);
    return result;
}

/* Opens all files of the plan: what is open can be read to the end, also when it is deleted
 * meanwhile. ERR_NOT_FOUND: one was deleted before that, and what was in it is in another level, or
 * it has only just been made; it has been forgotten. */
static int plan_files(struct store *store, const struct store_query *query,
                      const struct visitor *visitor, struct plan *plan, struct err *err)
{
    int result = plan_make(store, visitor->duty, query->from_ns, query->to_ns,
                           visitor->max_window_ns, plan, err);
    for (uint32_t i = 0; i < plan->count && result == 0; i++) {
        struct err ignored; /* all but this comes again when it is read */
        struct file *file = plan->items[i].file;
        if (store_use(store, file, &ignored) != ERR_NOT_FOUND)
            continue;
        result = err_set(err, ERR_NOT_FOUND, "%s", ignored.text);
        plan_done(plan);
        store_forget_file(store, file);
    }
    return result;
}

int store_visit(struct store *store, const struct store_query *query, const struct visitor *visitor,
                struct store_answer *answer, struct err *err)
{
    struct plan plan;
    memset(answer, 0, sizeof *answer);
    answer->from_ns = query->from_ns;
    answer->to_ns = query->to_ns;
    if (query->from_ns >= query->to_ns)
        return err_set(err, ERR_USAGE, "the range ends before it begins");
    int result = store->write ? 0 : store_refresh(store, err);
    if (result == 0)
        do
            result = plan_files(store, query, visitor, &plan, err);
        while (result == ERR_NOT_FOUND);
    if (result < 0)
        return result;
    struct file *bad = NULL;
    struct err local, why = {0};
    for (uint32_t i = 0; i < plan.count && result == 0; i++) {
        const struct segment *segment = &plan.items[i];
        answer->from_ns = segment->from_ns < answer->from_ns ? segment->from_ns : answer->from_ns;
        answer->to_ns = segment->to_ns > answer->to_ns ? segment->to_ns : answer->to_ns;
        bool is_bad = segment->file == bad;
        if (!is_bad)
            result = visit_segment(store, query, visitor, segment, answer, &local);
        if (result == ERR_BAD_DATA) {
            bad = segment->file;
            why = local;
            is_bad = true;
        }
        if (is_bad || result == ERR_NOT_FOUND) {
            answer->missing_ns += segment->to_ns - segment->from_ns;
            result = 0;
        } else if (result < 0) {
            *err = local;
        }
    }
    if (bad)
        store_file_is_bad(store, bad, why.text);
    plan_done(&plan);
    return result;
}
