/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "store/sqlite_file.h"

#define PAGE_BYTES 2048        /* rows of some hundred bytes fill it, long ones waste half of one */
#define PART_BYTES (16u << 10) /* a part that has so much is left alone */
#define BUSY_MS 5000

enum { TABLE_WINDOWS, TABLE_DICT };

static const char *const statement_text[FILE_STATEMENTS] = {
    [FILE_GET_WINDOW] = "SELECT data FROM windows WHERE id=?1",
    [FILE_PUT_WINDOW] = "INSERT OR REPLACE INTO windows VALUES(?1,?2)",
    [FILE_NEXT_WINDOW] = "SELECT id FROM windows WHERE id>=?1 ORDER BY id LIMIT 1",
    [FILE_GET_PARTS] = "SELECT id,data FROM dict WHERE id>=?1 ORDER BY id",
    [FILE_PUT_PART] = "INSERT OR REPLACE INTO dict VALUES(?1,?2)",
    [FILE_GET_STATE] = "SELECT value FROM state WHERE id=?1",
    [FILE_PUT_STATE] = "INSERT OR REPLACE INTO state VALUES(?1,?2)",
};

static int code_of(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR: /* a table that is not there: the schema is damaged */
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
        return ERR_BAD_DATA;
    case SQLITE_NOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

int file_fail(const struct file *file, int sqlite_code, struct err *err)
{
    const char *text = file->db ? sqlite3_errmsg(file->db) : sqlite3_errstr(sqlite_code);
    return err_set(err, code_of(sqlite_code), "%s: %s", file->path, text);
}

static int run(struct file *file, const char *text, struct err *err)
{
    int code = sqlite3_exec(file->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : file_fail(file, code, err);
}

/* The statement, ready to be bound; NULL and *code set: it cannot be prepared. */
static sqlite3_stmt *statement(struct file *file, enum file_statement which, int *code)
{
    sqlite3_stmt **slot = &file->statements[which];
    *code = SQLITE_OK;
    if (!*slot)
        *code = sqlite3_prepare_v3(file->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                                   slot, NULL);
    return *slot;
}

static uint64_t seed_of(const struct file *file, unsigned table, int64_t id)
{
    return blob_seed((uint64_t)(file->shelf - shelves), file->start_ns, table, (uint64_t)id);
}

/* -- opening -------------------------------------------------------------------------------- */

static int connect(struct file *file, bool write, struct err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_URI;
    flags |= write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int code = sqlite3_open_v2(file->path, &file->db, flags, NULL);
    if (code != SQLITE_OK)
        return file_fail(file, code, err);
    sqlite3_extended_result_codes(file->db, 1);
    sqlite3_busy_timeout(file->db, BUSY_MS);
    char text[256];
    snprintf(text, sizeof text,
             "PRAGMA page_size=%d; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
             "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON",
             PAGE_BYTES, write ? 256 : 1024);
    int result = run(file, text, err);
    if (result == 0 && write)
        result = run(file,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "PRAGMA wal_autocheckpoint=64; PRAGMA journal_size_limit=131072",
                     err);
    if (result == 0 && write && file->no_sync)
        result = run(file, "PRAGMA synchronous=OFF", err);
    if (result == 0) /* the first real look at it */
        result = run(file, "SELECT count(*) FROM sqlite_master", err);
    return result;
}

/* On a disk that cannot be written there may be no place for what readers of a log share. */
static int connect_immutable(struct file *file, struct err *err)
{
    char path[sizeof file->path];
    memcpy(path, file->path, sizeof path);
    int size = snprintf(file->path, sizeof file->path, "file:%.480s?immutable=1", path);
    int result = size >= (int)sizeof file->path || strpbrk(path, "?#%")
                     ? err_set(err, ERR_IO, "%s: cannot be read", path)
                     : connect(file, false, err);
    memcpy(file->path, path, sizeof path);
    return result;
}

static void disconnect(struct file *file)
{
    for (size_t i = 0; i < FILE_STATEMENTS; i++) {
        sqlite3_finalize(file->statements[i]);
        file->statements[i] = NULL;
    }
    sqlite3_close(file->db);
    file->db = NULL;
}

static int load(struct file *file, struct blob_tools *tools, struct err *err)
{
    file->saved = file->part = dict_begin();
    file->part_id = -1;
    if (file->shelf->duty > DUTY_METRIC)
        return 0;
    if (dict_init(&file->dict) < 0)
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", file->path);
    int result = file_refresh(file, tools, err);
    if (result == 0 && file->writable)
        result = file_get_state(file, FILE_TALLY_ROWS, &file->tally_rows, err);
    if (result == 0 && file->writable)
        result = file_get_state(file, FILE_TALLY_SUM, &file->tally_sum, err);
    return result;
}

static uint64_t size_beside(const struct file *file, const char *ending)
{
    char path[sizeof file->path + 8];
    struct stat status;
    snprintf(path, sizeof path, "%s%s", file->path, ending);
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* The log of a file that is gone must not be taken for that of a new one of its name. */
static void remove_logs(const struct file *file)
{
    static const char *const endings[] = {"-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[sizeof file->path + 8];
        snprintf(path, sizeof path, "%s%s", file->path, endings[i]);
        unlink(path);
    }
}

static int connect_reader(struct file *file, struct err *err)
{
    int result = connect(file, false, err);
    if (result != ERR_IO)
        return result;
    int code = file->db ? sqlite3_errcode(file->db) & 0xff : SQLITE_CANTOPEN;
    disconnect(file);
    if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !size_beside(file, "-wal"))
        result = connect_immutable(file, err);
    return result;
}

int file_open(struct file *file, struct blob_tools *tools, bool write, struct err *err)
{
    struct stat status;
    bool exists = stat(file->path, &status) == 0;
    if (!exists && !write)
        return err_set(err, ERR_NOT_FOUND, "%s: is gone", file->path);
    if (!exists)
        remove_logs(file);
    file->writable = write;
    int result = write ? connect(file, true, err) : connect_reader(file, err);
    if (result == 0)
        result = file_migrate(file, err);
    if (result == 0)
        result = load(file, tools, err);
    exists = stat(file->path, &status) == 0;
    if (result == 0) {
        file->inode = exists ? status.st_ino : 0;
        return 0;
    }
    file_close(file);
    return exists ? result : err_set(err, ERR_NOT_FOUND, "%s: is gone", file->path);
}

void file_close(struct file *file)
{
    if (file->db)
        disconnect(file);
    dict_done(&file->dict);
}

void file_retire(struct file *file)
{
    if (!file->db || !file->writable)
        return;
    for (size_t i = 0; i < FILE_STATEMENTS; i++) {
        sqlite3_finalize(file->statements[i]);
        file->statements[i] = NULL;
    }
    sqlite3_busy_timeout(file->db, 0); /* a reader may be in it; then it stays as it is */
    sqlite3_exec(file->db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE", NULL,
                 NULL, NULL);
    file_close(file);
}

/* -- transactions --------------------------------------------------------------------------- */

int file_begin(struct file *file, struct err *err)
{
    return run(file, "BEGIN IMMEDIATE", err);
}

void file_rollback(struct file *file)
{
    if (!sqlite3_get_autocommit(file->db))
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    struct err ignored;
    if (file->shelf->duty > DUTY_METRIC)
        return;
    file->tally_rows = file->tally_sum = 0;
    file_get_state(file, FILE_TALLY_ROWS, &file->tally_rows, &ignored);
    file_get_state(file, FILE_TALLY_SUM, &file->tally_sum, &ignored);
}

static int put_blob(struct file *file, struct blob_tools *tools, unsigned table, int64_t id,
                    const struct buf *raw, struct buf *packed, struct err *err)
{
    enum blob_effort effort = file->shelf->level == 0 ? BLOB_QUICK : BLOB_THOROUGH;
    int result = buf_failed(raw) ? ERR_NO_MEMORY
                                 : blob_pack(tools, raw->data ? raw->data : "", raw->size,
                                             seed_of(file, table, id), effort, packed);
    if (result < 0)
        return err_set(err, result, "%s: %s", file->path, err_text(result));
    int code;
    sqlite3_stmt *put =
        statement(file, table == TABLE_DICT ? FILE_PUT_PART : FILE_PUT_WINDOW, &code);
    if (!put)
        return file_fail(file, code, err);
    sqlite3_bind_int64(put, 1, id);
    sqlite3_bind_blob64(put, 2, packed->data, packed->size, SQLITE_STATIC);
    code = sqlite3_step(put);
    if (code != SQLITE_DONE)
        result = file_fail(file, code, err);
    sqlite3_reset(put);
    sqlite3_clear_bindings(put);
    return result;
}

/* The last part grows until it is large; then a new one begins. */
static int save_dict(struct file *file, struct blob_tools *tools, struct dict_mark *part,
                     int64_t *part_id, size_t *part_bytes, struct err *err)
{
    struct dict_mark end = dict_end(&file->dict);
    if (dict_mark_equal(&end, &file->saved))
        return 0;
    if (*part_id < 0 || *part_bytes >= PART_BYTES) {
        *part_id += 1;
        *part = file->saved;
    }
    struct buf raw, packed;
    buf_init(&raw, BLOB_MAX_BYTES);
    buf_init(&packed, BLOB_MAX_BYTES);
    dict_encode(&file->dict, part, &raw);
    int result = put_blob(file, tools, TABLE_DICT, *part_id, &raw, &packed, err);
    *part_bytes = packed.size;
    buf_done(&raw);
    buf_done(&packed);
    return result;
}

int file_commit(struct file *file, struct blob_tools *tools, struct err *err)
{
    struct dict_mark part = file->part, end = {0};
    int64_t part_id = file->part_id;
    size_t part_bytes = file->part_bytes;
    int result = 0;
    if (file->shelf->duty <= DUTY_METRIC) {
        end = dict_end(&file->dict);
        result = save_dict(file, tools, &part, &part_id, &part_bytes, err);
        if (result == 0)
            result = file_put_state(file, FILE_TALLY_ROWS, file->tally_rows, err);
        if (result == 0)
            result = file_put_state(file, FILE_TALLY_SUM, file->tally_sum, err);
    }
    if (result == 0)
        result = run(file, "COMMIT", err);
    if (result < 0) {
        file_rollback(file);
        return result;
    }
    file->saved = end;
    file->part = part;
    file->part_id = part_id;
    file->part_bytes = part_bytes;
    return 0;
}

/* -- windows -------------------------------------------------------------------------------- */

/* The packed blob as SQLite has it, valid until the statement is reset. */
static int find_window(struct file *file, int64_t id, sqlite3_stmt **out, struct err *err)
{
    int code;
    sqlite3_stmt *get = statement(file, FILE_GET_WINDOW, &code);
    if (!get)
        return file_fail(file, code, err);
    sqlite3_bind_int64(get, 1, id);
    code = sqlite3_step(get);
    *out = get;
    if (code == SQLITE_ROW)
        return 0;
    int result = code == SQLITE_DONE ? ERR_NOT_FOUND : file_fail(file, code, err);
    sqlite3_reset(get);
    return result;
}

int file_get_window(struct file *file, struct blob_tools *tools, int64_t id, struct buf *raw,
                    struct err *err)
{
    sqlite3_stmt *get = NULL;
    int result = find_window(file, id, &get, err);
    if (result < 0)
        return result;
    result = blob_unpack(tools, sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0),
                         seed_of(file, TABLE_WINDOWS, id), raw);
    sqlite3_reset(get);
    return result == ERR_BAD_DATA ? ERR_LIMIT : result;
}

int file_put_window(struct file *file, struct blob_tools *tools, int64_t id, const struct buf *raw,
                    struct err *err)
{
    sqlite3_stmt *get = NULL;
    int result = find_window(file, id, &get, err);
    if (result == 0) { /* replaced: its checksum leaves the tally */
        file->tally_rows--;
        file->tally_sum ^=
            blob_sum(sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0));
        sqlite3_reset(get);
    } else if (result != ERR_NOT_FOUND) {
        return result;
    }
    struct buf packed;
    buf_init(&packed, BLOB_MAX_BYTES);
    result = put_blob(file, tools, TABLE_WINDOWS, id, raw, &packed, err);
    if (result == 0) {
        file->tally_rows++;
        file->tally_sum ^= blob_sum(packed.data, packed.size);
    }
    buf_done(&packed);
    return result;
}

int file_next_window(struct file *file, int64_t id, int64_t *next, struct err *err)
{
    int code;
    sqlite3_stmt *find = statement(file, FILE_NEXT_WINDOW, &code);
    if (!find)
        return file_fail(file, code, err);
    sqlite3_bind_int64(find, 1, id);
    code = sqlite3_step(find);
    *next = code == SQLITE_ROW ? sqlite3_column_int64(find, 0) : -1;
    int result = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : file_fail(file, code, err);
    sqlite3_reset(find);
    return result;
}

/* -- state and dictionary ------------------------------------------------------------------- */

int file_get_state(struct file *file, enum file_state state, int64_t *value, struct err *err)
{
    int code;
    sqlite3_stmt *get = statement(file, FILE_GET_STATE, &code);
    if (!get)
        return file_fail(file, code, err);
    sqlite3_bind_int(get, 1, (int)state);
    code = sqlite3_step(get);
    *value = code == SQLITE_ROW ? sqlite3_column_int64(get, 0) : 0;
    int result = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : file_fail(file, code, err);
    sqlite3_reset(get);
    return result;
}

int file_put_state(struct file *file, enum file_state state, int64_t value, struct err *err)
{
    int code;
    sqlite3_stmt *put = statement(file, FILE_PUT_STATE, &code);
    if (!put)
        return file_fail(file, code, err);
    sqlite3_bind_int(put, 1, (int)state);
    sqlite3_bind_int64(put, 2, value);
    code = sqlite3_step(put);
    int result = code == SQLITE_DONE ? 0 : file_fail(file, code, err);
    sqlite3_reset(put);
    return result;
}

static int take_part(struct file *file, struct blob_tools *tools, sqlite3_stmt *row,
                     struct buf *raw)
{
    int64_t id = sqlite3_column_int64(row, 0);
    if (id != file->part_id && id != file->part_id + 1)
        return ERR_BAD_DATA; /* one is missing */
    struct dict_mark before = dict_end(&file->dict);
    size_t size = (size_t)sqlite3_column_bytes(row, 1);
    int result =
        blob_unpack(tools, sqlite3_column_blob(row, 1), size, seed_of(file, TABLE_DICT, id), raw);
    if (result == 0)
        result = dict_decode(&file->dict, raw->data, raw->size);
    if (result < 0)
        return result;
    if (id != file->part_id)
        file->part = before;
    file->part_id = id;
    file->part_bytes = size;
    file->saved = dict_end(&file->dict);
    return 0;
}

int file_refresh(struct file *file, struct blob_tools *tools, struct err *err)
{
    int code, result = 0;
    sqlite3_stmt *parts = statement(file, FILE_GET_PARTS, &code);
    if (!parts)
        return file_fail(file, code, err);
    struct buf raw;
    buf_init(&raw, BLOB_MAX_BYTES);
    sqlite3_bind_int64(parts, 1, file->part_id < 0 ? 0 : file->part_id);
    while (result == 0 && (code = sqlite3_step(parts)) == SQLITE_ROW) {
        result = take_part(file, tools, parts, &raw);
        if (result < 0)
            err_set(err, result, "%s: its dictionary is damaged", file->path);
    }
    if (result == 0 && code != SQLITE_DONE)
        result = file_fail(file, code, err);
    sqlite3_reset(parts);
    buf_done(&raw);
    return result;
}
