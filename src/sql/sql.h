/* SPDX-License-Identifier: MIT */
/* sql.h - a statement without its literals.
 *
 * What leaves the application is the statement's shape, never its data: strings, numbers, booleans,
 * NULL and bind placeholders become `?`, comments go, lists of values collapse, white space becomes
 * canonical. Two statements that differ only in such things give the same text and the same
 * fingerprint.
 *
 *     SELECT * FROM orders WHERE id IN (1,2,3) AND name='O''Brien' -- by id
 *     SELECT * FROM orders WHERE id IN (?) AND name = ?              summary: SELECT orders
 *
 * Fails closed. Where the text can be read in two ways (a backslash before a quote, a literal that
 * does not end, a quote in the middle of a word, bytes that are no SQL) nothing is shown from the
 * first literal on that may have been misread; SQL_WITHHELD says so. A fingerprint and a summary
 * there are always.
 *
 * Pure: no allocation, no globals, no libc but memchr, memcpy, memcmp. Any bytes may be given. Time
 * is linear in `size`, stack use below 8 KiB besides the result.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SQL_TEXT_MAX 4096u /* bytes; the fingerprint covers what was cut, too */
#define SQL_SUMMARY_MAX                                                                            \
    255u /* bytes; a name that does not fit is left out, and what follows it                       \
          */

enum sql_dialect {
    SQL_GENERIC,
    SQL_POSTGRESQL,
    SQL_MYSQL,
    SQL_SQLITE,
    SQL_MSSQL,
    SQL_ORACLE,
    SQL_SNOWFLAKE,
};

enum sql_flag {
    SQL_WITHHELD =
        1, /* the text ends in " …" before something that could not be read with certainty */
    SQL_CUT = 2, /* the text ends in " …" because it was longer than SQL_TEXT_MAX */
};

struct sql_result {
    uint64_t fingerprint;
    uint32_t flags; /* enum sql_flag */
    uint32_t text_size, summary_size;
    char text[SQL_TEXT_MAX + 1]; /* valid UTF-8, NUL-terminated, as is the summary */
    char summary[SQL_SUMMARY_MAX + 1];
};

/* From OpenTelemetry's db.system.name ("postgresql", "microsoft.sql_server") or a common short
 * name; else SQL_GENERIC. */
enum sql_dialect sql_dialect_of(const char *system, size_t size);

/* `text` is UTF-8 as the driver was given it, `size` bytes; it need not end in NUL. */
void sql_normalise(enum sql_dialect dialect, const char *text, size_t size, struct sql_result *out);
