/* SPDX-License-Identifier: MIT */
/* sqlite_schema.c - the tables, version by version. A new file goes through all steps; an old one
 * is copied to backup/ beside it and goes through those that it lacks, in one transaction.
 *
 *   1  dictionary, windows, seals; traces; events
 *   2  the tally of windows: their number and the sum of their checksums, so that a row that
 *      vanished is noticed by store_check()
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "store/sqlite_file.h"

static const char windows_1[] =
    "CREATE TABLE dict(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE windows(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE state(id INTEGER PRIMARY KEY, value INTEGER NOT NULL);";

static const char traces_1[] =
    "CREATE TABLE traces(id INTEGER PRIMARY KEY, high INTEGER NOT NULL, low INTEGER NOT NULL,"
    " start INTEGER NOT NULL, duration INTEGER NOT NULL, service TEXT NOT NULL,"
    " version TEXT NOT NULL, endpoint TEXT NOT NULL, pid INTEGER NOT NULL,"
    " status INTEGER NOT NULL, flags INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE INDEX traces_by_id ON traces(low, high);"
    "CREATE INDEX traces_by_start ON traces(start);";

static const char events_1[] =
    "CREATE TABLE events(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    " service TEXT NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL, pid INTEGER NOT NULL,"
    " text TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE INDEX events_by_time ON events(at);";

/* blob_sum() of the last four bytes, in SQL. */
static int tally(struct file *file, struct err *err)
{
    sqlite3_stmt *rows = NULL;
    int64_t count = 0, sum = 0;
    int code = sqlite3_prepare_v2(file->db, "SELECT data FROM windows", -1, &rows, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(rows);
        if (code != SQLITE_ROW)
            break;
        sum ^= blob_sum(sqlite3_column_blob(rows, 0), (size_t)sqlite3_column_bytes(rows, 0));
        count++;
    }
    sqlite3_finalize(rows);
    if (code != SQLITE_DONE)
        return file_fail(file, code, err);
    char text[160];
    snprintf(text, sizeof text, "INSERT INTO state VALUES(%d,%lld),(%d,%lld)", FILE_TALLY_ROWS,
             (long long)count, FILE_TALLY_SUM, (long long)sum);
    code = sqlite3_exec(file->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : file_fail(file, code, err);
}

static int step_to(struct file *file, int version, struct err *err)
{
    const char *text = NULL;
    enum duty duty = file->shelf->duty;
    if (version == 1)
        text = duty == DUTY_TRACE ? traces_1 : duty == DUTY_EVENT ? events_1 : windows_1;
    int code = text ? sqlite3_exec(file->db, text, NULL, NULL, NULL) : SQLITE_OK;
    if (code != SQLITE_OK)
        return file_fail(file, code, err);
    return version == 2 && duty <= DUTY_METRIC ? tally(file, err) : 0;
}

/* A copy that SQLite makes itself, so that the log is in it. */
static int back_up(struct file *file, int version, struct err *err)
{
    char path[640], text[sizeof file->path];
    snprintf(text, sizeof text, "%s", file->path);
    char *name = strrchr(text, '/');
    if (!name)
        return err_set(err, ERR_INTERNAL, "%s: not in a directory", file->path);
    *name++ = '\0';
    snprintf(path, sizeof path, "%s/backup", text);
    if (mkdir(path, 0750) < 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/backup/v%d-%s", text, version, name);
    unlink(path); /* of a migration that did not come to its end */
    sqlite3_stmt *copy = NULL;
    int code = sqlite3_prepare_v2(file->db, "VACUUM INTO ?", -1, &copy, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(copy, 1, path, -1, SQLITE_STATIC);
        code = sqlite3_step(copy);
    }
    sqlite3_finalize(copy);
    return code == SQLITE_DONE ? 0 : file_fail(file, code, err);
}

static int version_of(struct file *file, int *version, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(file->db, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 0 : file_fail(file, code, err);
}

int file_migrate(struct file *file, struct err *err)
{
    int version = 0;
    int result = version_of(file, &version, err);
    if (result == 0 && version > FILE_VERSION)
        result = err_set(err, ERR_UNSUPPORTED,
                         "%s has version %d, this pitviper knows up to %d; use a newer one",
                         file->path, version, FILE_VERSION);
    if (result == 0 && version == 0 && !file->writable) /* the writer is about to make it */
        return err_set(err, ERR_NOT_FOUND, "%s: nothing is in it yet", file->path);
    if (result < 0 || version == FILE_VERSION || !file->writable)
        return result;
    if (version > 0 && (result = back_up(file, version, err)) < 0)
        return result;
    int code = sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return file_fail(file, code, err);
    for (int step = version + 1; step <= FILE_VERSION && result == 0; step++)
        result = step_to(file, step, err);
    char text[128];
    snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
             FILE_APPLICATION_ID, FILE_VERSION);
    if (result == 0 && (code = sqlite3_exec(file->db, text, NULL, NULL, NULL)) != SQLITE_OK)
        result = file_fail(file, code, err);
    if (result < 0)
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

int file_probe(const char *path, uint32_t *version)
{
    unsigned char head[100];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
    ssize_t size = pread(fd, head, sizeof head, 0);
    close(fd);
    *version = 0;
    if (size == 0)
        return 0; /* made, and then the power went: nothing is in it yet */
    if (size != sizeof head || memcmp(head, "SQLite format 3", 16) != 0)
        return ERR_BAD_DATA;
    *version =
        (uint32_t)head[60] << 24 | (uint32_t)head[61] << 16 | (uint32_t)head[62] << 8 | head[63];
    return *version > FILE_VERSION ? ERR_UNSUPPORTED : 0;
}
