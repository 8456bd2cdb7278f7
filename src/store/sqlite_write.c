/* SPDX-License-Identifier: MIT */
/* sqlite_write.c - what is added waits in memory, in terms of its file's dictionary, until a flush
 * puts it, the new dictionary entries and the tally into one transaction per file. A transaction
 * that fails leaves everything waiting; above a ceiling the oldest window is dropped and counted.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

#define MAX_INSTANT_NS (UINT64_C(253402300800) * SECOND_NS) /* the year 10000 */

/* -- pending windows ------------------------------------------------------------------------ */

static size_t pending_bytes(const struct pending *pending)
{
    return sizeof *pending + pending->window.capacity * sizeof(struct window_entry) +
           pending->metrics.capacity * sizeof(struct metric);
}

static void pending_done(struct pending *pending)
{
    window_done(&pending->window);
    metrics_done(&pending->metrics);
}

static void remove_pending(struct store *store, uint32_t index)
{
    pending_done(&store->pending[index]);
    store->pending_count--;
    memmove(store->pending + index, store->pending + index + 1,
            (store->pending_count - index) * sizeof *store->pending);
}

static void remove_row(struct store *store, uint32_t index)
{
    store->row_bytes -= store->rows[index].size;
    free(store->rows[index].bytes);
    store->row_count--;
    memmove(store->rows + index, store->rows + index + 1,
            (store->row_count - index) * sizeof *store->rows);
}

void store_drop_pending_of(struct store *store, const struct file *file)
{
    for (uint32_t i = store->pending_count; i-- > 0;)
        if (store->pending[i].file == file) {
            store->stats.dropped_windows++;
            remove_pending(store, i);
        }
    for (uint32_t i = store->row_count; i-- > 0;)
        if (store->rows[i].file == file) {
            store->stats.dropped_windows++;
            remove_row(store, i);
        }
}

static uint64_t sum_pending(struct store *store)
{
    uint64_t bytes = store->row_bytes;
    for (uint32_t i = 0; i < store->pending_count; i++)
        bytes += pending_bytes(&store->pending[i]);
    return store->stats.pending_bytes = bytes;
}

/* Room for one more: what cannot be written may not fill the memory. */
static void enforce_ceiling(struct store *store)
{
    while (sum_pending(store) > STORE_PENDING_MAX_BYTES) {
        if (store->pending_count > 1)
            remove_pending(store, 0);
        else if (store->row_count)
            remove_row(store, 0);
        else
            return;
        store->stats.dropped_windows++;
    }
}

static struct pending *find_pending(struct store *store, const struct file *file, uint64_t start_ns,
                                    uint32_t series)
{
    for (uint32_t i = store->pending_count; i-- > 0;) {
        struct pending *pending = &store->pending[i];
        if (pending->file == file && pending->start_ns == start_ns && pending->series == series &&
            !pending->late_done)
            return pending;
    }
    return NULL;
}

static struct pending *append_pending(struct store *store, struct file *file, uint64_t start_ns,
                                      uint32_t series)
{
    enforce_ceiling(store);
    if (store->pending_count == store->pending_capacity) {
        uint32_t capacity = store->pending_capacity ? store->pending_capacity * 2 : 16;
        struct pending *list = realloc(store->pending, capacity * sizeof *list);
        if (!list)
            return NULL;
        store->pending = list;
        store->pending_capacity = capacity;
    }
    struct pending *pending = &store->pending[store->pending_count++];
    *pending = (struct pending){.file = file, .start_ns = start_ns, .series = series};
    return pending;
}

static int refuse_reader(const struct store *store, struct err *err)
{
    return store->write ? 0 : err_set(err, ERR_USAGE, "%s: opened to be read", store->dir);
}

static uint32_t intern(struct dict *dict, const char *text)
{
    return text && *text ? profile_cstring(dict->shapes, text) : 0;
}

/* The window of level 0 that has the instant; strings are those of the file. */
static int open_window(struct store *store, enum duty duty, const struct store_source *source,
                       uint64_t at_ns, struct pending **out, struct err *err)
{
    const struct shelf *shelf = shelf_of(duty, 0);
    int result = refuse_reader(store, err);
    if (result == 0 && (at_ns == 0 || at_ns >= MAX_INSTANT_NS || source->type >= STORE_TYPES))
        result = err_set(err, ERR_USAGE, "a window without a time or type that makes sense");
    struct file *file = NULL;
    if (result == 0)
        result = store_make_file(store, shelf, at_ns, &file, err);
    if (result == ERR_IO) /* a new file cannot be made: nothing to wait in */
        store->stats.dropped_windows++;
    if (result < 0)
        return result;
    struct dict_series series = {
        .service = intern(&file->dict, source->service),
        .host = intern(&file->dict, source->host),
        .version = intern(&file->dict, source->version),
        .type = duty == DUTY_PROFILE ? (uint32_t)source->type : 0,
    };
    uint32_t id = PROFILE_NONE;
    if (series.service != PROFILE_NONE && series.host != PROFILE_NONE &&
        series.version != PROFILE_NONE)
        id = dict_series(&file->dict, &series);
    uint64_t start = at_ns - at_ns % shelf->window_ns;
    struct pending *pending = NULL;
    if (id != PROFILE_NONE && !(pending = find_pending(store, file, start, id)))
        pending = append_pending(store, file, start, id);
    if (!pending)
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", file->path);
    *out = pending;
    return 0;
}

/* -- profiles ------------------------------------------------------------------------------- */

static uint32_t actor_of(struct dict *dict, const struct store_source *source,
                         const struct profile *profile, const struct profile_thread *thread)
{
    struct dict_actor actor = {
        .started_ns = source->started_ns,
        .pid = thread->pid ? thread->pid : source->pid,
        .tid = thread->tid,
        .process = intern(dict, profile->strings[thread->process].text),
        .thread = intern(dict, profile->strings[thread->name].text),
        .endpoint = intern(dict, source->endpoint),
    };
    if (actor.process == PROFILE_NONE || actor.thread == PROFILE_NONE ||
        actor.endpoint == PROFILE_NONE)
        return PROFILE_NONE;
    return dict_actor(dict, &actor);
}

static int add_samples(struct pending *pending, const struct store_source *source,
                       const struct profile *profile)
{
    struct dict *dict = &pending->file->dict;
    struct dict from = {.shapes = (struct profile *)profile}; /* only read */
    struct dict_bridge bridge;
    dict_bridge_init(&bridge, &from, dict);
    uint32_t thread = PROFILE_NONE, actor = PROFILE_NONE;
    uint32_t before = pending->window.count;
    int result = 0;
    for (uint32_t i = 0; i < profile->sample_count && result == 0; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        if (sample->thread != thread) {
            thread = sample->thread;
            actor = actor_of(dict, source, profile, &profile->threads[thread]);
        }
        struct window_entry entry = {
            .actor = actor,
            .node = sample->node ? dict_bridge_node(&bridge, sample->node) : 0,
            .count = sample->count,
            .weight_ns = sample->weight_ns,
        };
        if (entry.actor == PROFILE_NONE || entry.node == PROFILE_NONE)
            result = ERR_LIMIT;
        else
            result = window_add(&pending->window, &entry);
    }
    dict_bridge_done(&bridge);
    if (result < 0)
        pending->window.count = before; /* all of it or nothing */
    return result;
}

int store_add_profile(struct store *store, const struct store_source *source, uint64_t start_ns,
                      const struct profile *profile, struct err *err)
{
    struct pending *pending = NULL;
    int result = open_window(store, DUTY_PROFILE, source, start_ns, &pending, err);
    if (result < 0)
        return result;
    result = add_samples(pending, source, profile);
    if (result < 0)
        return err_set(err, result, "%s: %s", pending->file->path, err_text(result));
    window_add_facts(&pending->window, &profile->stats, profile->meta.period_ns,
                     source->weight_of_its_own);
    window_tidy_when_large(&pending->window);
    return 0;
}

/* -- metrics -------------------------------------------------------------------------------- */

static uint32_t key_of(struct dict *dict, const struct dict_key *plain, const char *name,
                       const char *detail, const char *summary)
{
    struct dict_key key = *plain;
    key.name = intern(dict, name);
    key.detail = intern(dict, detail);
    key.summary = intern(dict, summary);
    if (key.name == PROFILE_NONE || key.detail == PROFILE_NONE || key.summary == PROFILE_NONE)
        return PROFILE_NONE;
    return dict_key(dict, &key);
}

static int add_values(struct metrics *metrics, uint32_t key,
                      const struct store_histogram *histogram)
{
    const uint64_t values[] = {histogram->count,  histogram->errors, histogram->total_ns,
                               histogram->max_ns, histogram->rows,   histogram->repeats};
    int result = 0;
    for (uint32_t slot = SLOT_COUNT; slot <= SLOT_REPEATS && result == 0; slot++)
        if (values[slot])
            result = metrics_add(metrics, key, slot, values[slot]);
    for (uint32_t i = 0; i < histogram->bucket_count && result == 0; i++) {
        const struct store_bucket *bucket = &histogram->buckets[i];
        if (bucket->index >= SLOT_MAX - SLOT_BUCKETS)
            return ERR_LIMIT;
        if (bucket->count)
            result = metrics_add(metrics, key, SLOT_BUCKETS + bucket->index, bucket->count);
    }
    return result;
}

int store_add_histogram(struct store *store, const struct store_source *source, uint64_t start_ns,
                        const struct store_histogram *histogram, struct err *err)
{
    struct pending *pending = NULL;
    int result = open_window(store, DUTY_METRIC, source, start_ns, &pending, err);
    if (result < 0)
        return result;
    struct dict_key plain = {.fingerprint = histogram->fingerprint,
                             .kind = histogram->kind,
                             .group = histogram->group,
                             .pid = histogram->pid ? histogram->pid : source->pid};
    if (histogram->kind == DICT_GAUGE)
        return err_set(err, ERR_USAGE, "a histogram of no kind");
    uint32_t key = key_of(&pending->file->dict, &plain, histogram->name, histogram->detail,
                          histogram->summary);
    uint32_t before = pending->metrics.count;
    result = key == PROFILE_NONE ? ERR_LIMIT : add_values(&pending->metrics, key, histogram);
    if (result == 0)
        return 0;
    pending->metrics.count = before;
    return err_set(err, result, "%s: %s", pending->file->path, err_text(result));
}

int store_add_gauge(struct store *store, const struct store_source *source, uint64_t start_ns,
                    const char *name, double value, struct err *err)
{
    static const uint32_t slots[] = {SLOT_GAUGE_SUM, SLOT_GAUGE_MIN, SLOT_GAUGE_MAX,
                                     SLOT_GAUGE_LAST};
    struct pending *pending = NULL;
    int result = open_window(store, DUTY_METRIC, source, start_ns, &pending, err);
    if (result < 0)
        return result;
    struct dict_key plain = {.kind = DICT_GAUGE, .pid = source->pid};
    uint32_t key = key_of(&pending->file->dict, &plain, name, NULL, NULL);
    uint32_t before = pending->metrics.count;
    result =
        key == PROFILE_NONE ? ERR_LIMIT : metrics_add(&pending->metrics, key, SLOT_GAUGE_COUNT, 1);
    for (size_t i = 0; i < sizeof slots / sizeof *slots && result == 0; i++)
        result = metrics_add_double(&pending->metrics, key, slots[i], value);
    if (result == 0)
        return 0;
    pending->metrics.count = before;
    return err_set(err, result, "%s: %s", pending->file->path, err_text(result));
}

/* -- putting it into files ------------------------------------------------------------------ */

/* What is there is added to; a blob that is damaged is replaced, and counted. */
static int add_present(struct store *store, struct file *file, int64_t id, struct window *window,
                       struct metrics *metrics, struct err *err)
{
    int result = file_get_window(file, store->tools, id, &store->raw, err);
    if (result == ERR_NOT_FOUND)
        return 0;
    if (result == 0)
        result = file->shelf->duty == DUTY_PROFILE
                     ? window_decode(&file->dict, store->raw.data, store->raw.size, window,
                                     &store->sections)
                     : metrics_decode(&file->dict, store->raw.data, store->raw.size, metrics);
    if (result == ERR_LIMIT || result == ERR_BAD_DATA) {
        if (result == ERR_BAD_DATA && sqlite3_errcode(file->db) == SQLITE_CORRUPT)
            return result;
        store->stats.damaged_windows++;
        return 0;
    }
    return result;
}

static int copy_window(struct window *to, const struct window *from)
{
    int result = 0;
    for (uint32_t i = 0; i < from->count && result == 0; i++)
        result = window_add(to, &from->entries[i]);
    if (from->has_period)
        window_add_facts(to, &from->stats, from->period_ns, from->own_weights);
    return result;
}

static int copy_metrics(struct metrics *to, const struct metrics *from)
{
    int result = 0;
    for (uint32_t i = 0; i < from->count && result == 0; i++)
        result = metrics_add(to, from->items[i].key, from->items[i].slot, from->items[i].value);
    return result;
}

/* *had: there was such a window. */
static int put_window(struct store *store, struct file *file, int64_t id,
                      const struct window *window, const struct metrics *metrics, bool *had,
                      struct err *err)
{
    struct window sum;
    struct metrics metric_sum;
    window_init(&sum);
    metrics_init(&metric_sum);
    int result = add_present(store, file, id, &sum, &metric_sum, err);
    *had = sum.count || metric_sum.count;
    if (result == 0 && window)
        result = copy_window(&sum, window);
    if (result == 0 && metrics)
        result = copy_metrics(&metric_sum, metrics);
    if (result == 0) {
        buf_reset(&store->scratch);
        if (file->shelf->duty == DUTY_PROFILE)
            window_encode(&sum, &store->scratch);
        else
            metrics_encode(&metric_sum, &store->scratch);
        result = file_put_window(file, store->tools, id, &store->scratch, err);
    }
    window_done(&sum);
    metrics_done(&metric_sum);
    return result;
}

static bool has_many_actors(const struct window *window)
{
    uint32_t actors = 0;
    for (uint32_t i = 0; i < window->count && actors < SUM_SECTIONS; i++)
        actors += i == 0 || window->entries[i].actor != window->entries[i - 1].actor;
    return actors >= SUM_SECTIONS;
}

/* The window beside it that has no actors: made with the first rows, and kept up only if it was. */
static int put_sum(struct store *store, struct file *file, uint64_t start_ns, uint32_t series,
                   const struct window *window, bool had, struct err *err)
{
    struct dict_series without = *dict_series_at(&file->dict, series);
    without.type |= SERIES_SUM;
    struct dict_actor nobody = {0};
    uint32_t sum_series = PROFILE_NONE, actor = PROFILE_NONE;
    int64_t id, present = -1;
    if (had || has_many_actors(window)) {
        sum_series = dict_series(&file->dict, &without);
        actor = dict_actor(&file->dict, &nobody);
    }
    if (sum_series == PROFILE_NONE || actor == PROFILE_NONE)
        return 0; /* readers take the one with actors */
    id = file_window_id(file, start_ns, sum_series);
    int result = file_next_window(file, id, &present, err);
    if (result < 0 || (had && present != id))
        return result;
    struct window flat;
    window_init(&flat);
    result = copy_window(&flat, window);
    for (uint32_t i = 0; i < flat.count; i++)
        flat.entries[i].actor = actor;
    bool ignored;
    if (result == 0)
        result = put_window(store, file, id, &flat, NULL, &ignored, err);
    window_done(&flat);
    return result;
}

int store_put(struct store *store, struct file *file, uint64_t start_ns, uint32_t series,
              const struct window *window, const struct metrics *metrics, struct err *err)
{
    bool had = false;
    int result =
        put_window(store, file, file_window_id(file, start_ns, series), window, metrics, &had, err);
    if (result == 0 && file->shelf->duty == DUTY_PROFILE && file->shelf->level >= SUM_LEVEL)
        result = put_sum(store, file, start_ns, series, window, had, err);
    if (result == 0)
        store->stats.written_windows++;
    return result;
}

static int put_trace(struct file *file, const struct store_trace *t, struct err *err)
{
    sqlite3_stmt *put = NULL;
    int code = sqlite3_prepare_v2(file->db,
                                  "INSERT INTO traces(high,low,start,duration,service,version,"
                                  "endpoint,pid,status,flags,data)VALUES(?,?,?,?,?,?,?,?,?,?,?)",
                                  -1, &put, NULL);
    if (code != SQLITE_OK)
        return file_fail(file, code, err);
    sqlite3_bind_int64(put, 1, (int64_t)t->trace_high);
    sqlite3_bind_int64(put, 2, (int64_t)t->trace_low);
    sqlite3_bind_int64(put, 3, (int64_t)t->start_ns);
    sqlite3_bind_int64(put, 4, (int64_t)t->duration_ns);
    sqlite3_bind_text(put, 5, t->service, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 6, t->version, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 7, t->endpoint, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 8, t->pid);
    sqlite3_bind_int64(put, 9, t->status);
    sqlite3_bind_int64(put, 10, t->flags);
    sqlite3_bind_blob64(put, 11, t->data, t->size, SQLITE_STATIC);
    code = sqlite3_step(put);
    int result = code == SQLITE_DONE ? 0 : file_fail(file, code, err);
    sqlite3_finalize(put);
    return result;
}

static int put_event(struct file *file, const struct store_event *e, struct err *err)
{
    sqlite3_stmt *put = NULL;
    int code = sqlite3_prepare_v2(file->db,
                                  "INSERT INTO events(at,kind,service,host,version,pid,text,detail)"
                                  "VALUES(?,?,?,?,?,?,?,?)",
                                  -1, &put, NULL);
    if (code != SQLITE_OK)
        return file_fail(file, code, err);
    sqlite3_bind_int64(put, 1, (int64_t)e->at_ns);
    sqlite3_bind_text(put, 2, e->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 3, e->service, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 4, e->host, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 5, e->version, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 6, e->pid);
    sqlite3_bind_text(put, 7, e->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 8, e->detail, -1, SQLITE_STATIC);
    code = sqlite3_step(put);
    int result = code == SQLITE_DONE ? 0 : file_fail(file, code, err);
    sqlite3_finalize(put);
    return result;
}

static int put_all_of(struct store *store, struct file *file, struct err *err)
{
    int result = 0;
    for (uint32_t i = 0; i < store->pending_count && result == 0; i++) {
        struct pending *p = &store->pending[i];
        if (p->file == file)
            result = store_put(store, file, p->start_ns, p->series, &p->window, &p->metrics, err);
    }
    for (uint32_t i = 0; i < store->row_count && result == 0; i++) {
        struct pending_row *row = &store->rows[i];
        if (row->file != file)
            continue;
        result = file->shelf->duty == DUTY_TRACE ? put_trace(file, &row->as.trace, err)
                                                 : put_event(file, &row->as.event, err);
    }
    return result;
}

static void forget_written(struct store *store, const struct file *file)
{
    for (uint32_t i = store->pending_count; i-- > 0;)
        if (store->pending[i].file == file)
            remove_pending(store, i);
    for (uint32_t i = store->row_count; i-- > 0;)
        if (store->rows[i].file == file)
            remove_row(store, i);
}

/* Upper levels that are past it first: then nothing that is acknowledged can be missing there. */
static int put_late_of(struct store *store, const struct file *file, struct err *err)
{
    int result = 0;
    for (uint32_t i = 0; i < store->pending_count && result == 0; i++)
        if (store->pending[i].file == file)
            result = store_put_late(store, &store->pending[i], err);
    return result;
}

static int flush_file(struct store *store, struct file *file, struct err *err)
{
    struct err local;
    int result = put_late_of(store, file, &local);
    if (result == 0)
        result = file_begin(file, &local);
    if (result == 0) {
        result = put_all_of(store, file, &local);
        if (result < 0)
            file_rollback(file);
        else
            result = file_commit(file, store->tools, &local);
    }
    if (result == 0)
        forget_written(store, file);
    else if (result == ERR_BAD_DATA)
        store_file_is_bad(store, file, local.text);
    if (result < 0)
        *err = local;
    return result;
}

static struct file *next_pending_file(const struct store *store, const struct file *after)
{
    bool seen = !after;
    for (uint32_t i = 0; i < store->file_count; i++) {
        struct file *file = store->files[i];
        if (!seen) {
            seen = file == after;
            continue;
        }
        for (uint32_t k = 0; k < store->pending_count; k++)
            if (store->pending[k].file == file)
                return file;
        for (uint32_t k = 0; k < store->row_count; k++)
            if (store->rows[k].file == file)
                return file;
    }
    return NULL;
}

int store_flush(struct store *store, struct err *err)
{
    int result = refuse_reader(store, err), first = 0;
    if (result < 0)
        return result;
    if (!store->seals_known)
        store_find_seals(store, store->now_ns);
    struct err local = {0};
    struct file *file = NULL;
    while ((file = next_pending_file(store, file))) {
        result = flush_file(store, file, &local);
        if (result < 0 && first == 0) {
            first = err_set(err, result, "%s", local.text);
            memcpy(store->stats.reason, local.text, sizeof store->stats.reason);
        }
        if (result == ERR_BAD_DATA)
            file = NULL; /* it is gone: begin again */
    }
    store->stats.failing = first < 0;
    if (first == 0) {
        store->stats.flushes++;
        store->stats.reason[0] = '\0';
    }
    enforce_ceiling(store);
    return first;
}
