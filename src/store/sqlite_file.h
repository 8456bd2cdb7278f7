/* SPDX-License-Identifier: MIT */
/* sqlite_file.h - one file of the store: a SQLite database with a dictionary and windows, or with
 * rows.
 *
 * Blobs go in and come out packed and checked. A file that is opened to be written stays in WAL
 * mode while its period lasts.
 *
 * Errors: ERR_BAD_DATA: SQLite finds it damaged, or the dictionary is; ERR_NOT_FOUND: it is gone;
 * ERR_UNSUPPORTED: newer than us; ERR_IO: cannot be written now; ERR_NO_MEMORY.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "store/blob.h"
#include "store/dict.h"
#include "store/shelf.h"

struct err;

#define FILE_APPLICATION_ID 0x50567374 /* "PVst" */
#define FILE_VERSION 2

enum file_statement {
    FILE_GET_WINDOW,
    FILE_PUT_WINDOW,
    FILE_NEXT_WINDOW,
    FILE_GET_PARTS,
    FILE_PUT_PART,
    FILE_GET_STATE,
    FILE_PUT_STATE,
    FILE_STATEMENTS
};

enum file_state { FILE_SEAL = 1, FILE_TALLY_ROWS, FILE_TALLY_SUM };

struct file {
    const struct shelf *shelf;
    uint64_t start_ns;
    char path[512];
    sqlite3 *db; /* NULL: not open */
    bool writable;
    bool no_sync; /* set before it is opened */
    sqlite3_stmt *statements[FILE_STATEMENTS];
    struct dict dict;
    struct dict_mark saved; /* what the disk has */
    struct dict_mark part;  /* where the last part begins */
    int64_t part_id;        /* -1: there is none */
    size_t part_bytes;
    int64_t tally_rows, tally_sum; /* as in the transaction that is open, or on the disk */
    uint64_t bytes;                /* with its log, when last looked at */
    uint64_t inode;
    uint64_t last_used;
    bool listed; /* scratch of the listing */
};

int file_open(struct file *file, struct blob_tools *tools, bool write, struct err *err);
void file_close(struct file *file);
/* Folds the log into the file, so that it is one file again. Best effort. */
void file_retire(struct file *file);

/* A sentence and a code for what SQLite said. */
int file_fail(const struct file *file, int sqlite_code, struct err *err);

int file_begin(struct file *file, struct err *err);
/* Saves the dictionary and the tally too. After a failure everything is as it was at file_begin().
 */
int file_commit(struct file *file, struct blob_tools *tools, struct err *err);
void file_rollback(struct file *file);

static inline int64_t file_window_id(const struct file *file, uint64_t start_ns, uint32_t series)
{
    return (int64_t)((start_ns - file->start_ns) / file->shelf->window_ns << 20 | series);
}
static inline uint64_t file_window_start(const struct file *file, int64_t id)
{
    return file->start_ns + ((uint64_t)id >> 20) * file->shelf->window_ns;
}
static inline uint32_t file_window_series(int64_t id)
{
    return (uint32_t)(id & 0xfffff);
}

/* Unpacked into `raw`. ERR_NOT_FOUND: there is none; ERR_LIMIT: the blob is damaged (the file is
 * fine). No sentence for these two. */
int file_get_window(struct file *file, struct blob_tools *tools, int64_t id, struct buf *raw,
                    struct err *err);
int file_put_window(struct file *file, struct blob_tools *tools, int64_t id, const struct buf *raw,
                    struct err *err);
/* The first id that is not less; -1: none. */
int file_next_window(struct file *file, int64_t id, int64_t *next, struct err *err);

int file_get_state(struct file *file, enum file_state state, int64_t *value, struct err *err);
int file_put_state(struct file *file, enum file_state state, int64_t value, struct err *err);

/* Reads what others have added to the dictionary since. */
int file_refresh(struct file *file, struct blob_tools *tools, struct err *err);

/* From the first 100 bytes: 0, ERR_UNSUPPORTED (newer), ERR_BAD_DATA, ERR_NOT_FOUND. */
int file_probe(const char *path, uint32_t *version);

/* sqlite_schema.c */
int file_migrate(struct file *file, struct err *err);
