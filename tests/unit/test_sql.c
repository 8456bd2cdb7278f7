/* SPDX-License-Identifier: MIT */
/* What the normaliser does with each construct. Rows: dialect, statement, text; the data is always
 * such that it could be seen in the text. tests/fuzz/fuzz_sql.c proves the properties on generated
 * statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql/sql.h"

struct row {
    enum sql_dialect dialect;
    const char *statement, *text;
};

static struct sql_result result;

static const char *text_of(enum sql_dialect dialect, const char *statement)
{
    sql_normalise(dialect, statement, strlen(statement), &result);
    assert_int_equal(strlen(result.text), result.text_size);
    assert_int_equal(strlen(result.summary), result.summary_size);
    assert_true(result.fingerprint != 0);
    return result.text;
}

static uint64_t fingerprint_of(enum sql_dialect dialect, const char *statement)
{
    text_of(dialect, statement);
    return result.fingerprint;
}

/* Every text is what it should be, nothing was withheld, and normalising it again changes nothing.
 */
static void check_rows(const struct row *rows, size_t count)
{
    char first[SQL_TEXT_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        uint64_t fingerprint;
        assert_string_equal(text_of(rows[i].dialect, rows[i].statement), rows[i].text);
        assert_int_equal(result.flags, 0);
        fingerprint = result.fingerprint;
        strcpy(first, result.text);
        assert_string_equal(text_of(rows[i].dialect, first), rows[i].text);
        assert_true(result.fingerprint == fingerprint);
    }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

static void test_sql__strings(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT 'a', '', 'it''s', 'a\nb'", "SELECT ?, ?, ?, ?"},
        {SQL_GENERIC, "SELECT N'a', x'4D', B'01', n'a'", "SELECT ?, ?, ?, ?"},
        {SQL_GENERIC, "SELECT 'a' 'b'\n'c'", "SELECT ?"},
        {SQL_GENERIC, "SELECT 'a'AS x WHERE a LIKE'b'AND 1=1",
         "SELECT ? AS x WHERE a LIKE ? AND ? = ?"},
        {SQL_GENERIC, "SELECT DATE'2020-01-01', INTERVAL '1 day'", "SELECT DATE ?, INTERVAL ?"},
        {SQL_POSTGRESQL, "SELECT E'it\\'s', e'\\\\', U&'\\0061' UESCAPE '!'",
         "SELECT ?, ?, ? UESCAPE ?"},
        {SQL_POSTGRESQL, "SELECT $$it's$$, $q$a $$ b$q$, $1", "SELECT ?, ?, ?"},
        {SQL_MYSQL, "SELECT \"it's\", 'say \"x\"', \"a\"\"b\", _utf8mb4'x', \\N",
         "SELECT ?, ?, ?, ?, ?"},
        {SQL_ORACLE, "SELECT q'[it's]', Q'{a}b}', nq'!x'y!', q'|a|'", "SELECT ?, ?, ?, ?"},
        {SQL_SNOWFLAKE, "SELECT 'it\\'s', $$x'y$$", "SELECT ?, ?"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__numbers(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT 1, 1.5, .5, 1., 1e10, 1.5E-3, 0x1F, 0b01, 1_000",
         "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"},
        {SQL_GENERIC, "SELECT -1, +2, (-3), a-1, a - -1, 2*-3, a -1",
         "SELECT ?, ?, (?), a - ?, a - ?, ? * ?, a - ?"},
        {SQL_GENERIC, "SELECT a WHERE b BETWEEN -1 AND -2 LIMIT -1",
         "SELECT a WHERE b BETWEEN ? AND ? LIMIT ?"},
        {SQL_GENERIC, "SELECT x1, t2.c3, users2024", "SELECT x1, t2.c3, users2024"},
        {SQL_MYSQL, "SELECT 5--1", "SELECT ? - ?"},
        {SQL_MSSQL, "SELECT $12.50, [a].[1x]", "SELECT ?, [a].?"},
        {SQL_ORACLE, "SELECT 1.5f, 2d FROM dual", "SELECT ?, ? FROM dual"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__constants(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT TRUE, false, NULL, t.true", "SELECT ?, ?, ?, t.true"},
        {SQL_GENERIC, "WHERE a IS NULL AND b IS NOT NULL AND c IS TRUE AND d = NULL",
         "WHERE a IS NULL AND b IS NOT NULL AND c IS TRUE AND d = ?"},
        {SQL_GENERIC, "CREATE TABLE t (a INT NOT NULL REFERENCES u ON DELETE SET NULL)",
         "CREATE TABLE t (a INT NOT NULL REFERENCES u ON DELETE SET NULL)"},
        {SQL_GENERIC, "UPDATE t SET a = NULL, b=TRUE", "UPDATE t SET a = ?, b = ?"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__placeholders_of_every_style(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC,
         "SELECT a WHERE b=? AND c=:1 AND d=:name AND e=%s AND f=%(name)s AND g=$1 AND h=@p1",
         "SELECT a WHERE b = ? AND c = ? AND d = ? AND e = ? AND f = ? AND g = ? AND h = ?"},
        {SQL_SQLITE, "SELECT a WHERE b=?1 AND c=$name AND d=@name",
         "SELECT a WHERE b = ? AND c = ? AND d = ?"},
        {SQL_POSTGRESQL, "SELECT %b, %t, a %% 2, a % b, $1::int",
         "SELECT ?, ?, a % ?, a % b, ?::int"},
        {SQL_MSSQL, "SELECT @@IDENTITY, @id FROM @table", "SELECT @@IDENTITY, ? FROM @table"},
        {SQL_SNOWFLAKE, "SELECT a:b.c[0]::int WHERE d=:e", "SELECT a:b.c[?]::int WHERE d = ?"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__comments_go(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT 1 -- it's\n, 2 /* it's */, 3--x", "SELECT ?, ?, ?"},
        {SQL_GENERIC, "SELECT /*+ INDEX(a b) */ a # it's\nFROM t", "SELECT a FROM t"},
        {SQL_POSTGRESQL, "SELECT a /* x /* it's */ y */ FROM t", "SELECT a FROM t"},
        {SQL_SQLITE, "SELECT a /* x /* it's */ FROM t", "SELECT a FROM t"},
        {SQL_MYSQL, "SELECT a #it's\nFROM t -- it's", "SELECT a FROM t"},
        {SQL_MYSQL, "SELECT /*!40001 SQL_NO_CACHE 'x' */ a", "SELECT SQL_NO_CACHE ? a"},
        {SQL_GENERIC, "SELECT a FROM t /*traceparent='00-abc-def-01'*/", "SELECT a FROM t"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__names_stay(void **state)
{
    static const struct row rows[] = {
        {SQL_POSTGRESQL, "SELECT \"Order-Id\" FROM \"Sales\".\"Orders\"",
         "SELECT \"Order-Id\" FROM \"Sales\".\"Orders\""},
        {SQL_MYSQL, "SELECT `a b`, `c``d` FROM `x`.`y`", "SELECT `a b`, `c``d` FROM `x`.`y`"},
        {SQL_MSSQL, "SELECT [a b], [c]]d] FROM #temp JOIN ##all",
         "SELECT [a b], [c]]d] FROM #temp JOIN ##all"},
        {SQL_ORACLE, "SELECT emp#, v$x FROM v$session", "SELECT emp#, v$x FROM v$session"},
        {SQL_GENERIC, "SELECT größe FROM straße", "SELECT größe FROM straße"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__double_quotes_are_strings_where_they_may_be(void **state)
{
    static const struct row rows[] = {
        {SQL_SQLITE, "SELECT \"t\".\"a\", \"b\" FROM \"t\" WHERE \"a\" = \"x\"",
         "SELECT \"t\".\"a\", \"b\" FROM \"t\" WHERE \"a\" = ?"},
        {SQL_SQLITE, "INSERT INTO \"t\" (\"a\", \"b\") VALUES (\"x\", \"y z\")",
         "INSERT INTO \"t\" (\"a\", \"b\") VALUES (?)"},
        {SQL_GENERIC,
         "SELECT lower(\"Bob\"), \"two words\" WHERE a BETWEEN \"x\" AND \"y\" AND \"b\" LIKE "
         "\"z\"",
         "SELECT lower(?), ? WHERE a BETWEEN ? AND ? AND \"b\" LIKE ?"},
        {SQL_MYSQL, "SELECT a->\"$.b\" FROM \"t\" WHERE c = \"x\\\"y\"",
         "SELECT a -> ? FROM \"t\" WHERE c = ?"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__lists_collapse(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT a WHERE b IN (1,2,3) OR c NOT IN ('x')",
         "SELECT a WHERE b IN (?) OR c NOT IN (?)"},
        {SQL_POSTGRESQL, "SELECT a WHERE b IN ($1::int, $2::int, $3::int)",
         "SELECT a WHERE b IN (?::int)"},
        {SQL_GENERIC, "SELECT a WHERE (b, c) IN ((1, 2), (3, 4))",
         "SELECT a WHERE (b, c) IN ((?))"},
        {SQL_GENERIC, "SELECT a WHERE b IN (SELECT c, c FROM d)",
         "SELECT a WHERE b IN (SELECT c, c FROM d)"},
        {SQL_GENERIC, "INSERT INTO t VALUES (1, NULL, 'x'), (2, 'y', 'z')",
         "INSERT INTO t VALUES (?)"},
        {SQL_GENERIC, "INSERT INTO t (a, b) VALUES (1, now()), (2, now()), (3, now()) RETURNING a",
         "INSERT INTO t (a, b) VALUES (?, now()) RETURNING a"},
        {SQL_MYSQL,
         "INSERT INTO t VALUES ROW(1, 2), ROW(3, 4) ON DUPLICATE KEY UPDATE a=VALUES(a), "
         "b=VALUES(b)",
         "INSERT INTO t VALUES ROW(?) ON DUPLICATE KEY UPDATE a = VALUES (a), b = VALUES (b)"},
        {SQL_POSTGRESQL, "SELECT ARRAY[1, 2], ARRAY[[1, 2], [3, 4]], f(1, 2), a[1]",
         "SELECT ARRAY[?], ARRAY[[?]], f(?, ?), a[?]"},
        {SQL_GENERIC, "SELECT a WHERE b IN (1, x, 2, 3)", "SELECT a WHERE b IN (?, x, ?)"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__white_space_is_canonical(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, " \t\nselect\ta ,b\r\nfrom\n t\twhere a=1and b<>2 ; ;",
         "select a, b from t where a = ? and b <> ?"},
        {SQL_GENERIC,
         "\xef\xbb\xbfSELECT\xc2\xa0"
         "a\xe3\x80\x80"
         "FROM t",
         "SELECT a FROM t"},
        {SQL_GENERIC, "SELECT count( * ), t . a, ( 1 )", "SELECT count(*), t.a, (?)"},
        {SQL_POSTGRESQL, "SELECT a::text, b->'c'->>'d', e#>>'{f}', g@>'{}'",
         "SELECT a::text, b -> ? ->> ?, e #>> ?, g @> ?"},
        {SQL_GENERIC, "SELECT 1; SELECT 2;", "SELECT ?; SELECT ?"},
        {SQL_GENERIC, "", ""},
        {SQL_GENERIC, " ; ", ""},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__names_that_are_data(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC,
         "SAVEPOINT sp_1; RELEASE SAVEPOINT sp_1; ROLLBACK TO SAVEPOINT sp_1; ROLLBACK TO sp_1; "
         "RELEASE x",
         "SAVEPOINT ?; RELEASE SAVEPOINT ?; ROLLBACK TO SAVEPOINT ?; ROLLBACK TO ?; RELEASE ?"},
        {SQL_POSTGRESQL, "SAVEPOINT \"s140_x1\"", "SAVEPOINT ?"},
        {SQL_POSTGRESQL,
         "DECLARE \"curs_1\" CURSOR FOR SELECT 1; FETCH 10 FROM \"curs_1\"; CLOSE curs_1; "
         "DEALLOCATE _p1",
         "DECLARE ? CURSOR FOR SELECT ?; FETCH ? FROM ?; CLOSE ?; DEALLOCATE ?"},
        {SQL_MSSQL, "BEGIN TRANSACTION x9; ROLLBACK TRAN x9",
         "BEGIN TRANSACTION ?; ROLLBACK TRAN ?"},
        {SQL_ORACLE, "CREATE USER bob IDENTIFIED BY tiger", "CREATE USER bob IDENTIFIED BY ?"},
        {SQL_ORACLE, "ALTER USER bob IDENTIFIED BY \"p@ss\" REPLACE tiger",
         "ALTER USER bob IDENTIFIED BY ? REPLACE ?"},
        {SQL_POSTGRESQL, "ALTER ROLE bob WITH PASSWORD 'x' LOGIN",
         "ALTER ROLE bob WITH PASSWORD ? LOGIN"},
        {SQL_POSTGRESQL, "SET search_path TO tenant, \"$user\"; SET a = b; SET ROLE bob",
         "SET search_path TO ?, ?; SET a = ?; SET ROLE ?"},
        {SQL_MYSQL, "SET a = b, c = 5, NAMES = utf8; UPDATE t SET a = b",
         "SET a = ?, c = ?, NAMES = ?; UPDATE t SET a = b"},
        {SQL_MYSQL, "GRANT ALL ON *.* TO 'bob'@'%' IDENTIFIED BY 'x'",
         "GRANT ALL ON *.* TO ? @ ? IDENTIFIED BY ?"},
    };
    (void)state;
    CHECK(rows);
}

static void test_sql__copy_data_goes(void **state)
{
    static const struct row rows[] = {
        {SQL_POSTGRESQL, "COPY t (a) FROM stdin;\n1\tit's\n\\.\nSELECT 1",
         "COPY t (a) FROM stdin; SELECT ?"},
        {SQL_POSTGRESQL, "COPY t FROM STDIN;\n", "COPY t FROM STDIN"},
    };
    (void)state;
    CHECK(rows);
    assert_string_equal(text_of(SQL_POSTGRESQL, "COPY t FROM STDIN;\nsecret"),
                        "COPY t FROM STDIN …");
    assert_int_equal(result.flags, SQL_WITHHELD);
}

static void test_sql__backslash_is_read_both_ways(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT a WHERE b='it\\'s' AND c=1", "SELECT a WHERE b = ? AND c = ?"},
        {SQL_GENERIC, "SELECT a WHERE b LIKE 'x' ESCAPE '\\' AND c='y'",
         "SELECT a WHERE b LIKE ? ESCAPE ? AND c = ?"},
        {SQL_MYSQL, "SELECT a WHERE b='C:\\' AND c='x'", "SELECT a WHERE b = ? AND c = ?"},
        {SQL_POSTGRESQL, "SELECT a WHERE b='it\\'s' AND c='x'", "SELECT a WHERE b = ? AND c = ?"},
        {SQL_MYSQL, "SELECT 'a\\\\', 'b'", "SELECT ?, ?"},
    };
    (void)state;
    CHECK(rows);
    /* the string ends before the comment, or in it: nobody can tell */
    assert_string_equal(text_of(SQL_GENERIC, "SELECT a, '\\' -- ', secret\n FROM t"),
                        "SELECT a, …");
    assert_int_equal(result.flags, SQL_WITHHELD);
    assert_string_equal(result.summary, "SELECT");
}

static void test_sql__what_cannot_be_read_is_withheld(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT a FROM t WHERE b = 'secret", "SELECT a FROM t WHERE b = …"},
        {SQL_GENERIC, "SELECT a FROM t WHERE b = 'it's secret'", "SELECT a FROM t WHERE b = …"},
        {SQL_GENERIC, "SELECT a FROM t WHERE b IN ('O'Neil', 'O'Hara')",
         "SELECT a FROM t WHERE b IN ( …"},
        {SQL_GENERIC, "SELECT a FROM t WHERE b = \"secret", "SELECT a FROM t WHERE b = …"},
        {SQL_GENERIC, "SELECT a FROM t WHERE b = 5'secret'", "SELECT a FROM t WHERE b = ? …"},
        {SQL_GENERIC, "SELECT a FROM t WHERE b = \xe2\x80\x99secret\xe2\x80\x99",
         "SELECT a FROM t WHERE b = …"},
        {SQL_GENERIC, "SELECT a FROM t \\ secret", "SELECT a FROM t …"},
        {SQL_GENERIC, "SELECT a FROM t \x01 secret", "SELECT a FROM t …"},
        {SQL_POSTGRESQL, "SELECT a FROM t WHERE b = $x$secret", "SELECT a FROM t WHERE b = …"},
        {SQL_POSTGRESQL, "SELECT a FROM t WHERE b = `secret`", "SELECT a FROM t WHERE b = …"},
        {SQL_GENERIC, "SELECT a FROM t /* secret", "SELECT a FROM t …"},
        {SQL_ORACLE, "SELECT a FROM t WHERE b = q'[secret", "SELECT a FROM t WHERE b = …"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(text_of(rows[i].dialect, rows[i].statement), rows[i].text);
        assert_int_equal(result.flags, SQL_WITHHELD);
        assert_string_equal(result.summary, "SELECT t");
    }
}

static void test_sql__nul_is_no_sql(void **state)
{
    static const char statement[] = "SELECT a FROM t WHERE b = 'x\0y' AND c = 1\0secret";
    (void)state;
    sql_normalise(SQL_SQLITE, statement, sizeof statement - 1, &result);
    assert_string_equal(result.text, "SELECT a FROM t WHERE b = …");
    assert_int_equal(result.flags, SQL_WITHHELD);
}

static void test_sql__invalid_utf8_becomes_replacement_characters(void **state)
{
    (void)state;
    assert_string_equal(
        text_of(SQL_GENERIC, "SELECT a\xff\xc3, 'b\xff' FROM \xed\xa0\x80x"),
        "SELECT a\xef\xbf\xbd\xef\xbf\xbd, ? FROM \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
    assert_int_equal(result.flags, 0);
}

static void test_sql__summary_is_operations_and_targets(void **state)
{
    static const struct row rows[] = {
        {SQL_GENERIC, "SELECT * FROM wuser_table", "SELECT wuser_table"},
        {SQL_GENERIC, "INSERT INTO shipping_details (a) SELECT b FROM orders",
         "INSERT shipping_details SELECT orders"},
        {SQL_GENERIC, "SELECT * FROM songs, artists WHERE a IN (b, c)", "SELECT songs artists"},
        {SQL_GENERIC, "SELECT a FROM (SELECT * FROM orders) o JOIN customers c USING (id)",
         "SELECT SELECT orders customers"},
        {SQL_POSTGRESQL, "UPDATE \"Sales\".\"Orders\" SET a = 1 FROM b WHERE c = 2",
         "UPDATE Sales.Orders b"},
        {SQL_GENERIC, "DELETE FROM t WHERE EXTRACT(year FROM d) > 5", "DELETE t"},
        {SQL_GENERIC, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1",
         "MERGE t s UPDATE"},
        {SQL_GENERIC, "SELECT a FROM t FOR UPDATE", "SELECT t"},
        {SQL_POSTGRESQL, "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
         "INSERT t"},
        {SQL_GENERIC, "SELECT a IS DISTINCT FROM b FROM t", "SELECT t"},
        {SQL_GENERIC, "create table if not exists a.b (c int)", "create table a.b"},
        {SQL_GENERIC, "DROP INDEX CONCURRENTLY i", "DROP INDEX i"},
        {SQL_GENERIC, "TRUNCATE TABLE a", "TRUNCATE TABLE a"},
        {SQL_GENERIC, "CALL do_it(1, 2)", "CALL do_it"},
        {SQL_MSSQL, "EXEC dbo.do_it 1, @a = 2", "EXEC dbo.do_it"},
        {SQL_GENERIC, "BEGIN; SELECT a FROM b; COMMIT", "BEGIN SELECT b COMMIT"},
        {SQL_GENERIC, "WITH a AS (SELECT 1 FROM b) SELECT * FROM a", "SELECT b SELECT a"},
        {SQL_GENERIC, "SELECT * FROM comment JOIN role ON 1=1", "SELECT comment role"},
        {SQL_GENERIC, "GRANT SELECT, INSERT ON t TO u", "GRANT"},
        {SQL_GENERIC, "REPLACE INTO t VALUES (1)", "REPLACE t"},
        {SQL_GENERIC, "SELECT 'x' FROM t WHERE a = 'unfinished", "SELECT"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text_of(rows[i].dialect, rows[i].statement);
        assert_string_equal(result.summary, rows[i].text);
    }
}

static void test_sql__summary_does_not_cut_a_name(void **state)
{
    char statement[1024] = "SELECT a FROM t", name[16];
    (void)state;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, " JOIN table_%02d", i);
        strcat(statement, name);
    }
    text_of(SQL_GENERIC, statement);
    assert_true(result.summary_size <= SQL_SUMMARY_MAX);
    assert_string_equal(result.summary + result.summary_size - 9, " table_26");
}

static void test_sql__only_literals_differ__one_fingerprint(void **state)
{
    (void)state;
    assert_true(
        fingerprint_of(SQL_GENERIC, "SELECT a FROM t WHERE b=1 AND c IN (1, 2)") ==
        fingerprint_of(SQL_GENERIC, "SELECT a\nFROM t WHERE b = 'x' AND c IN ('it''s') -- 5"));
    assert_true(fingerprint_of(SQL_GENERIC, "SELECT a FROM t") !=
                fingerprint_of(SQL_GENERIC, "SELECT b FROM t"));
    assert_true(fingerprint_of(SQL_GENERIC, "SELECT a, b FROM t") !=
                fingerprint_of(SQL_GENERIC, "SELECT b, a FROM t"));
    assert_true(fingerprint_of(SQL_GENERIC, "SELECT (a, b)") !=
                fingerprint_of(SQL_GENERIC, "SELECT (a), b"));
    assert_true(fingerprint_of(SQL_GENERIC, "SELECT a FROM t WHERE b = 'it's") ==
                fingerprint_of(SQL_GENERIC, "SELECT a FROM t WHERE b = 'unfinished"));
}

/* `count` rows of values; the caller frees. */
static char *rows_of(unsigned count, const char *last)
{
    char *text = malloc((size_t)count * 24 + 128), *at = text;
    assert_non_null(text);
    at += sprintf(at, "INSERT INTO t (a, b) VALUES ");
    for (unsigned i = 0; i < count; i++)
        at += sprintf(at, "%s(%u, 'x%u')", i ? ", " : "", i, i);
    strcpy(at, last);
    return text;
}

static void test_sql__a_megabyte_of_rows_is_one_row(void **state)
{
    char *text = rows_of(50000, " RETURNING a");
    (void)state;
    assert_string_equal(text_of(SQL_POSTGRESQL, text),
                        "INSERT INTO t (a, b) VALUES (?) RETURNING a");
    assert_int_equal(result.flags, 0);
    free(text);
}

static void test_sql__long_text_is_cut_and_its_fingerprint_is_not(void **state)
{
    char *text = calloc(1, 100000);
    uint64_t fingerprint;
    (void)state;
    strcpy(text, "SELECT ");
    for (int i = 0; i < 2000; i++)
        sprintf(text + strlen(text), "column_%d, ", i);
    strcat(text, "x FROM t WHERE a = 'secret'");
    fingerprint = fingerprint_of(SQL_GENERIC, text);
    assert_int_equal(result.flags, SQL_CUT);
    assert_true(result.text_size <= SQL_TEXT_MAX && result.text_size > SQL_TEXT_MAX - 32);
    assert_string_equal(result.text + result.text_size - 4, " …");
    assert_string_equal(result.summary, "SELECT t");
    strcat(text, " AND b = 1");
    assert_true(fingerprint_of(SQL_GENERIC, text) != fingerprint);
    free(text);
}

static void test_sql__deep_brackets(void **state)
{
    char text[4096] = "SELECT ";
    (void)state;
    memset(text + 7, '(', 1000);
    strcpy(text + 1007, "1, 2, 'secret'");
    memset(text + strlen(text), ')', 1000);
    text_of(SQL_GENERIC, text);
    assert_int_equal(result.flags, 0);
    assert_non_null(strstr(result.text, "(?, ?, ?)"));
    assert_null(strstr(result.text, "secret"));
}

static void test_sql__dialects_by_name(void **state)
{
    (void)state;
    assert_int_equal(sql_dialect_of("postgresql", 10), SQL_POSTGRESQL);
    assert_int_equal(sql_dialect_of("mariadb", 7), SQL_MYSQL);
    assert_int_equal(sql_dialect_of("microsoft.sql_server", 20), SQL_MSSQL);
    assert_int_equal(sql_dialect_of("", 0), SQL_GENERIC);
    assert_int_equal(sql_dialect_of("postgresqlx", 11), SQL_GENERIC);
}
