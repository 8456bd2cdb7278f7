/* SPDX-License-Identifier: MIT */
/* sql.c - the two readings of a backslash, and which of them may be shown.
 *
 * Whether \' ends a string depends on the database and its settings (MySQL's NO_BACKSLASH_ESCAPES,
 * PostgreSQL's standard_conforming_strings), which are not known here:
 *
 *     LIKE 'C:\' AND name = 'x'       a backslash is a character      LIKE ? AND name = ?
 *                                     a backslash escapes             LIKE ?x'...   fails
 *
 * The dialect's usual reading goes first. Where no backslash stood before a quote the other one is
 * the same. Else it is tried, too, for its fingerprint: one that fails is out; two that succeed and
 * agree are fine; two that disagree mean that nobody knows, and the text ends before that literal.
 */
#include "sql/sql.h"
#include "sql/scan.h"

#include <string.h>

static bool escapes_by_default(enum sql_dialect dialect)
{
    return dialect == SQL_MYSQL || dialect == SQL_SNOWFLAKE;
}

static void read_once(struct scan *scan, enum sql_dialect dialect, const char *text, size_t size,
                      bool escapes, struct sql_result *out)
{
    memset(scan, 0, offsetof(struct scan, levels) + sizeof scan->levels[0]);
    scan->dialect = dialect;
    scan->start = scan->at = (const unsigned char *)text;
    scan->end = scan->start + size;
    scan->escapes = escapes;
    scan->silent = !out;
    scan->out = out;
    if (out)
        out->flags = out->text_size = out->summary_size = 0;
    lex_run(scan);
}

static void withhold(struct scan *scan)
{
    scan->failed = true;
    scan->failure = scan->first_ambiguous;
    scan->out->flags = 0;
    write_finish(scan);
}

void sql_normalise(enum sql_dialect dialect, const char *text, size_t size, struct sql_result *out)
{
    struct scan scan;
    bool escapes = escapes_by_default(dialect);
    read_once(&scan, dialect, text, size, escapes, out);
    if (scan.first_ambiguous.set) {
        bool failed = scan.failed;
        uint64_t fingerprint = scan.fingerprint;
        struct place ambiguous = scan.first_ambiguous;
        read_once(&scan, dialect, text, size, !escapes, NULL);
        if (failed && !scan.failed) {
            read_once(&scan, dialect, text, size, !escapes, out);
        } else if (!failed && !scan.failed && scan.fingerprint != fingerprint) {
            scan.out = out;
            scan.silent = false;
            scan.first_ambiguous = ambiguous;
            withhold(&scan);
        } else {
            scan.fingerprint = fingerprint;
        }
    }
    out->fingerprint = scan.fingerprint;
}

enum sql_dialect sql_dialect_of(const char *system, size_t size)
{
    static const struct {
        const char *name;
        enum sql_dialect dialect;
    } names[] = {
        {"postgresql", SQL_POSTGRESQL},
        {"postgres", SQL_POSTGRESQL},
        {"cockroachdb", SQL_POSTGRESQL},
        {"aws.redshift", SQL_POSTGRESQL},
        {"mysql", SQL_MYSQL},
        {"mariadb", SQL_MYSQL},
        {"sqlite", SQL_SQLITE},
        {"microsoft.sql_server", SQL_MSSQL},
        {"mssql", SQL_MSSQL},
        {"oracle.db", SQL_ORACLE},
        {"oracle", SQL_ORACLE},
        {"snowflake", SQL_SNOWFLAKE},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == size && memcmp(names[i].name, system, size) == 0)
            return names[i].dialect;
    return SQL_GENERIC;
}
