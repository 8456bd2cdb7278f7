/* SPDX-License-Identifier: MIT */
/* sqlite_copy.c - export: the files of a range, as a store of their own. Import: what another store
 * has and this one has not.
 *
 * A window that both have is left as it is here, so an import that was broken off is simply
 * repeated. Before it begins, all levels here are rolled up and sealed as far as any data reaches;
 * then a window of the other store goes to its own level, and to those above that the other
 * store had not made yet.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/sqlite_store.h"

/* -- export ---------------------------------------------------------------------------------- */

static int copy_file(struct store *store, struct file *file, const char *place, struct err *err)
{
    char path[600];
    int result = store_use(store, file, err);
    if (result == ERR_NOT_FOUND)
        return 0;
    if (result < 0)
        return result;
    snprintf(path, sizeof path, "%s/%s", place, strrchr(file->path, '/') + 1);
    sqlite3_stmt *copy = NULL;
    int code = sqlite3_prepare_v2(file->db, "VACUUM INTO ?", -1, &copy, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(copy, 1, path, -1, SQLITE_STATIC);
        code = sqlite3_step(copy);
    }
    if (code != SQLITE_DONE)
        result = err_set(err, ERR_IO, "%s: %s", path, sqlite3_errmsg(file->db));
    sqlite3_finalize(copy);
    return result;
}

int store_export(struct store *store, uint64_t from_ns, uint64_t to_ns, const char *place,
                 struct err *err)
{
    if (mkdir(place, 0750) < 0)
        return err_set(err, errno == EEXIST ? ERR_USAGE : ERR_IO, "%s: %s", place, strerror(errno));
    int result = store->write ? 0 : store_refresh(store, err);
    for (uint32_t i = 0; i < store->file_count && result == 0; i++) {
        struct file *file = store->files[i];
        if (file->start_ns < to_ns && file->start_ns + file->shelf->period_ns > from_ns)
            result = copy_file(store, file, place, err);
    }
    return result;
}

/* -- import ---------------------------------------------------------------------------------- */

struct import {
    struct store *store, *other;
    struct store_import *result;
};

static int last_instant(struct store *store, uint64_t *last_ns, struct err *err)
{
    for (uint32_t i = 0; i < store->file_count; i++) {
        struct file *file = store->files[i];
        if (file->shelf->duty > DUTY_METRIC)
            continue;
        int result = store_use(store, file, err);
        sqlite3_stmt *last = NULL;
        if (result < 0 ||
            sqlite3_prepare_v2(file->db, "SELECT max(id) FROM windows", -1, &last, NULL))
            continue; /* damaged: its windows are not imported either */
        if (sqlite3_step(last) == SQLITE_ROW && sqlite3_column_type(last, 0) == SQLITE_INTEGER) {
            uint64_t end =
                file_window_start(file, sqlite3_column_int64(last, 0)) + file->shelf->window_ns;
            *last_ns = end > *last_ns ? end : *last_ns;
        }
        sqlite3_finalize(last);
    }
    return 0;
}

/* Whether the other has it here already. */
static int is_present(struct import *import, struct file *from, int64_t id, bool *present,
                      struct err *err)
{
    struct store *store = import->store;
    uint64_t start = file_window_start(from, id);
    struct file *into;
    int result = store_make_file(store, from->shelf, start, &into, err);
    if (result < 0)
        return result;
    struct dict_bridge bridge;
    dict_bridge_init(&bridge, &from->dict, &into->dict);
    uint32_t series = dict_bridge_series(&bridge, file_window_series(id));
    dict_bridge_done(&bridge);
    if (series == PROFILE_NONE)
        return err_set(err, ERR_LIMIT, "%s: too many series", into->path);
    int64_t at = file_window_id(into, start, series), next;
    result = file_next_window(into, at, &next, err);
    *present = result == 0 && next == at;
    return result;
}

static int take_window(struct import *import, struct file *from, int64_t id, struct err *err)
{
    struct store *store = import->store, *other = import->other;
    uint32_t level = from->shelf->level;
    enum duty duty = from->shelf->duty;
    struct pending pending = {
        .file = from, .start_ns = file_window_start(from, id), .series = file_window_series(id)};
    int result = ERR_BAD_DATA;
    if (pending.series < from->dict.series.count)
        result = file_get_window(from, store->tools, id, &store->raw, err);
    if (result == 0)
        result = duty == DUTY_PROFILE ? window_decode(&from->dict, store->raw.data, store->raw.size,
                                                      &pending.window, &store->sections)
                                      : metrics_decode(&from->dict, store->raw.data,
                                                       store->raw.size, &pending.metrics);
    bool damaged = result == ERR_LIMIT || result == ERR_BAD_DATA;
    if (result == 0)
        result = store_put_at(store, &pending, level, err);
    for (uint32_t above = level + 1; above < LEVELS && result == 0; above++)
        if (pending.start_ns >= other->seal_ns[duty][above] &&
            pending.start_ns >= other->seal_ns[duty][level + 1] &&
            pending.start_ns < store->seal_ns[duty][above])
            result = store_put_at(store, &pending, above, err);
    window_done(&pending.window);
    metrics_done(&pending.metrics);
    import->result->windows += result == 0;
    import->result->damaged += damaged;
    return damaged ? 0 : result;
}

static int take_windows(struct import *import, struct file *from, struct err *err)
{
    struct file *into;
    int result = store_make_file(import->store, from->shelf, from->start_ns, &into, err);
    if (result == 0)
        result = file_begin(into, err); /* one transaction for the file's own level */
    int64_t id = 0;
    while (result == 0) {
        bool present = false;
        result = file_next_window(from, id, &id, err);
        if (result < 0 || id < 0)
            break;
        if (file_window_start(from, id) >= from->start_ns + from->shelf->period_ns)
            break; /* an id that makes no sense */
        uint32_t series = file_window_series(id);
        if (series < from->dict.series.count &&
            dict_series_at(&from->dict, series)->type >= SERIES_SUM) {
            id++; /* is made here, from the one with actors */
            continue;
        }
        if (series < from->dict.series.count)
            result = is_present(import, from, id, &present, err);
        import->result->present += present;
        if (result == 0 && !present)
            result = take_window(import, from, id, err);
        id++;
    }
    if (result == 0)
        return file_commit(into, import->store->tools, err);
    file_rollback(into);
    return result;
}

static const char take_traces[] =
    "INSERT INTO traces(high,low,start,duration,service,version,endpoint,pid,status,flags,data)"
    " SELECT high,low,start,duration,service,version,endpoint,pid,status,flags,data"
    " FROM other.traces o WHERE NOT EXISTS(SELECT 1 FROM main.traces t"
    " WHERE t.low=o.low AND t.high=o.high AND t.start=o.start)";
static const char take_events[] =
    "INSERT INTO events(at,kind,service,host,version,pid,text,detail)"
    " SELECT at,kind,service,host,version,pid,text,detail FROM other.events o"
    " WHERE NOT EXISTS(SELECT 1 FROM main.events e WHERE e.at=o.at AND e.kind=o.kind"
    " AND e.service=o.service AND e.host=o.host AND e.pid=o.pid AND e.text=o.text)";

static int take_rows(struct import *import, struct file *from, struct err *err)
{
    struct file *into;
    int result = store_make_file(import->store, from->shelf, from->start_ns, &into, err);
    if (result < 0)
        return result;
    bool traces = from->shelf->duty == DUTY_TRACE;
    sqlite3_stmt *attach = NULL;
    int code = sqlite3_prepare_v2(into->db, "ATTACH ? AS other", -1, &attach, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(attach, 1, from->path, -1, SQLITE_STATIC);
        code = sqlite3_step(attach);
    }
    sqlite3_finalize(attach);
    if (code == SQLITE_DONE)
        code = sqlite3_exec(into->db, traces ? take_traces : take_events, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        *(traces ? &import->result->traces : &import->result->events) +=
            (uint64_t)sqlite3_changes(into->db);
    else
        import->result->damaged++;
    sqlite3_exec(into->db, "DETACH other", NULL, NULL, NULL);
    return 0;
}

static int take_file(struct import *import, struct file *from, struct err *err)
{
    struct err why;
    int result = store_use(import->other, from, &why);
    if (result < 0) { /* told as damage; the others are taken */
        import->result->damaged++;
        return 0;
    }
    return from->shelf->duty <= DUTY_METRIC ? take_windows(import, from, err)
                                            : take_rows(import, from, err);
}

int store_import(struct store *store, const char *place, struct store_import *result,
                 struct err *err)
{
    struct store_options options = {.write = false};
    struct import import = {.store = store, .result = result};
    memset(result, 0, sizeof *result);
    if (!store->write)
        return err_set(err, ERR_USAGE, "%s: opened to be read", store->dir);
    int code = store_open(place, &options, &import.other, err);
    if (code < 0)
        return code;
    uint64_t last_ns = 0;
    code = store_flush(store, err);
    if (code == 0)
        code = last_instant(store, &last_ns, err);
    if (code == 0)
        code = last_instant(import.other, &last_ns, err);
    if (code == 0)
        code = store_seal_all(store, last_ns, err);
    store_find_seals(import.other, 0);
    for (uint32_t i = 0; i < import.other->file_count && code == 0; i++)
        code = take_file(&import, import.other->files[i], err);
    store_close(import.other);
    return code;
}
