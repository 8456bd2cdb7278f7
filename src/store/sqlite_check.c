/* SPDX-License-Identifier: MIT */
/* sqlite_check.c - every file, every page, every blob. */
#include <stdio.h>
#include <string.h>

#include "store/sqlite_store.h"

#define FINDINGS_PER_FILE 20u

struct checking {
    struct store *store;
    struct file *file;
    store_finding_fn *fn;
    void *context;
    unsigned found, found_here;
};

static void find(struct checking *c, const char *text)
{
    c->found++;
    if (++c->found_here > FINDINGS_PER_FILE)
        return;
    c->fn(c->context, strrchr(c->file->path, '/') + 1,
          c->found_here == FINDINGS_PER_FILE ? "and more" : text);
}

static int next_row(struct checking *c, sqlite3_stmt *rows, int *code)
{
    *code = sqlite3_step(rows);
    if (*code != SQLITE_ROW && *code != SQLITE_DONE)
        find(c, sqlite3_errmsg(c->file->db));
    return *code == SQLITE_ROW;
}

static sqlite3_stmt *prepare(struct checking *c, const char *text)
{
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(c->file->db, text, -1, &rows, NULL) != SQLITE_OK)
        find(c, sqlite3_errmsg(c->file->db));
    return rows;
}

static void check_pages(struct checking *c)
{
    int code;
    sqlite3_stmt *rows = prepare(c, "PRAGMA integrity_check");
    while (rows && next_row(c, rows, &code)) {
        const char *text = (const char *)sqlite3_column_text(rows, 0);
        if (text && strcmp(text, "ok") != 0)
            find(c, text);
    }
    sqlite3_finalize(rows);
}

static int check_content(struct checking *c, const void *blob, size_t size, int64_t id,
                         struct window *window, struct metrics *metrics)
{
    struct store *store = c->store;
    const struct file *file = c->file;
    uint64_t seed = blob_seed((uint64_t)(file->shelf - shelves), file->start_ns, 0, (uint64_t)id);
    int result = blob_unpack(store->tools, blob, size, seed, &store->raw);
    if (result < 0)
        return result;
    window_reset(window);
    metrics_reset(metrics);
    return file->shelf->duty == DUTY_PROFILE
               ? window_decode(&file->dict, store->raw.data, store->raw.size, window,
                               &store->sections)
               : metrics_decode(&file->dict, store->raw.data, store->raw.size, metrics);
}

static void check_windows(struct checking *c)
{
    struct window window;
    struct metrics metrics;
    window_init(&window);
    metrics_init(&metrics);
    int code;
    int64_t count = 0, sum = 0;
    sqlite3_stmt *rows = prepare(c, "SELECT id,data FROM windows ORDER BY id");
    while (rows && next_row(c, rows, &code)) {
        int64_t id = sqlite3_column_int64(rows, 0);
        const void *blob = sqlite3_column_blob(rows, 1);
        size_t size = (size_t)sqlite3_column_bytes(rows, 1);
        count++;
        sum ^= blob_sum(blob, size);
        uint64_t start = file_window_start(c->file, id);
        bool known = file_window_series(id) < c->file->dict.series.count &&
                     start < c->file->start_ns + c->file->shelf->period_ns;
        if (!known || check_content(c, blob, size, id, &window, &metrics) < 0) {
            char text[80];
            snprintf(text, sizeof text, "window %lld is damaged", (long long)id);
            find(c, text);
        }
    }
    sqlite3_finalize(rows);
    struct err err;
    int64_t rows_said = 0, sum_said = 0;
    if (file_get_state(c->file, FILE_TALLY_ROWS, &rows_said, &err) < 0 ||
        file_get_state(c->file, FILE_TALLY_SUM, &sum_said, &err) < 0 || rows_said != count ||
        sum_said != sum)
        find(c, "windows are missing, or are not those that were written");
    window_done(&window);
    metrics_done(&metrics);
}

static void check_file(struct checking *c)
{
    struct err err;
    c->found_here = 0;
    int result = store_use(c->store, c->file, &err);
    if (result == ERR_NOT_FOUND)
        return;
    if (result < 0) {
        find(c, err.text);
        return;
    }
    check_pages(c);
    if (sqlite3_exec(c->file->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return;
    if (c->file->shelf->duty <= DUTY_METRIC) {
        if (!c->store->write && file_refresh(c->file, c->store->tools, &err) < 0)
            find(c, err.text);
        else
            check_windows(c);
    }
    sqlite3_exec(c->file->db, "COMMIT", NULL, NULL, NULL);
}

int store_check(struct store *store, store_finding_fn *fn, void *context, struct err *err)
{
    struct checking c = {.store = store, .fn = fn, .context = context};
    int result = store->write ? 0 : store_refresh(store, err);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < store->file_count; i++) {
        c.file = store->files[i];
        check_file(&c);
    }
    return c.found ? err_set(err, ERR_BAD_DATA, "%s: %u findings", store->dir, c.found) : 0;
}
