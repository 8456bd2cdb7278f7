/* SPDX-License-Identifier: MIT */
/* fuzz_sql.c - the normaliser's two promises, on statements made from a grammar, and raw bytes.
 *
 * The first byte chooses the dialect and whether what follows is a statement as it is or the
 * choices of a generator. The generator makes the same statement twice with different literals (and
 * lists of different lengths); every literal has a mark in it that nothing else has. Then
 *
 *     no mark occurs in a text or a summary,
 *     both texts, summaries and fingerprints are the same,
 *     nothing was withheld: the statements are correct.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/sql.h"

#define STATEMENT_BYTES 65536u
#define DEPTH_MAX 4u
#define LITERAL_BYTES 160u

static const char mark_text[] = "zq";    /* in every string and comment */
static const char mark_digits[] = "770"; /* in every number */

struct generator {
    const uint8_t *data;
    size_t size;
    enum sql_dialect dialect;
    uint32_t seed;
    char text[STATEMENT_BYTES];
    size_t used;
};

static unsigned choose(struct generator *generator, unsigned count)
{
    if (generator->size == 0)
        return 0;
    generator->size--;
    return *generator->data++ % count;
}

static uint32_t random_next(struct generator *generator)
{
    generator->seed = generator->seed * 1664525u + 1013904223u;
    return generator->seed >> 8;
}

__attribute__((format(printf, 2, 3))) static void add(struct generator *generator,
                                                      const char *format, ...)
{
    va_list arguments;
    size_t room = STATEMENT_BYTES - generator->used;
    va_start(arguments, format);
    int size = vsnprintf(generator->text + generator->used, room, format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < room)
        generator->used += (size_t)size;
}

/* ---- literals ---------------------------------------------------------------------------------
 */

/* Something to quote, with what would end it in another place. `quote` is doubled. */
static void content(struct generator *generator, char *out, char quote)
{
    static const char *const parts[] = {"--", "/*", "*/", "$$", ";", "\n", " OR 1=1 ", "é", "`",
                                        "#",  "(",  "[",  "?",  ":", "%s", "\t",       "x"};
    const size_t count = sizeof parts / sizeof *parts;
    char *at = out + sprintf(out, "%s%x", mark_text, random_next(generator));
    for (unsigned i = random_next(generator) % 4; i > 0; i--) {
        if (random_next(generator) % 4 == 0 && quote)
            at += sprintf(at, "%c%c%s", quote, quote, mark_text);
        else
            at += sprintf(at, "%s%s", parts[random_next(generator) % count], mark_text);
    }
}

static void quoted(struct generator *generator, const char *open, char quote, const char *close)
{
    char inside[LITERAL_BYTES];
    content(generator, inside, quote);
    add(generator, "%s%s%s", open, inside, close);
}

static void string_of_dialect(struct generator *generator)
{
    uint32_t value = random_next(generator);
    switch (generator->dialect) {
    case SQL_POSTGRESQL:
        if (choose(generator, 2))
            add(generator, "E'%s\\'%s%x\\\\'", mark_text, mark_text, value);
        else
            add(generator, "$t$%s' $$ %x$t$", mark_text, value);
        break;
    case SQL_MYSQL:
        if (choose(generator, 2))
            quoted(generator, "\"", '"', "\"");
        else
            add(generator, "'%s\\'%s%x\\\\'", mark_text, mark_text, value);
        break;
    case SQL_SQLITE:
        add(generator, "\"%s %x\"", mark_text, value);
        break;
    case SQL_ORACLE:
        add(generator, "q'[%s'%x]'", mark_text, value);
        break;
    case SQL_MSSQL:
    case SQL_SNOWFLAKE:
    case SQL_GENERIC:
        quoted(generator, "N'", '\'', "'");
        break;
    }
}

static void number(struct generator *generator)
{
    unsigned value = random_next(generator) % 100000;
    switch (choose(generator, 6)) {
    case 0:
        add(generator, "%s%u", mark_digits, value);
        break;
    case 1:
        add(generator, "(-%s%u)", mark_digits, value);
        break;
    case 2:
        add(generator, "0x%s%x", mark_digits, value);
        break;
    case 3:
        add(generator, "%s%u.5", mark_digits, value);
        break;
    case 4:
        add(generator, "%s%ue-%s", mark_digits, value, mark_digits);
        break;
    default:
        add(generator, ".%s%u", mark_digits, value);
        break;
    }
}

static void literal(struct generator *generator)
{
    switch (choose(generator, 4)) {
    case 0:
        quoted(generator, "'", '\'', "'");
        break;
    case 1:
        number(generator);
        break;
    case 2:
        string_of_dialect(generator);
        break;
    default:
        add(generator, "%s", random_next(generator) % 2 ? "NULL" : "TRUE");
        break;
    }
}

/* ---- the grammar ------------------------------------------------------------------------------
 */

static void name(struct generator *generator)
{
    static const char *const names[] = {"a", "orders", "o.id", "t1.name", "\"Q\".\"C\"", "größe"};
    add(generator, "%s", names[choose(generator, 6)]);
}

static void space(struct generator *generator)
{
    char inside[LITERAL_BYTES];
    switch (choose(generator, 8)) {
    case 0:
        add(generator, "/* %s it's %x */", mark_text, random_next(generator));
        break;
    case 1:
        snprintf(inside, sizeof inside, "%s it's %x", mark_text, random_next(generator));
        add(generator, " -- %s\n", inside);
        break;
    case 2:
        add(generator, "%s", random_next(generator) % 2 ? "\n\t" : "  ");
        break;
    default:
        add(generator, " ");
        break;
    }
}

static void expression(struct generator *generator, unsigned depth);
static void select_statement(struct generator *generator, unsigned depth);

/* The same literal again and again: the number of elements is not part of the shape. */
static void literals(struct generator *generator, const char *open, const char *close)
{
    const uint8_t *data = generator->data;
    size_t size = generator->size;
    unsigned count = 1 + random_next(generator) % 5;
    add(generator, "%s", open);
    for (unsigned i = 0; i < count; i++) {
        add(generator, "%s", i ? ", " : "");
        generator->data = data;
        generator->size = size;
        literal(generator);
    }
    add(generator, "%s", close);
}

static void condition(struct generator *generator, unsigned depth)
{
    static const char *const operators[] = {"=", "<>", " LIKE ", ">= ", "||", " - "};
    name(generator);
    space(generator);
    switch (choose(generator, 5)) {
    case 0:
        literals(generator, "IN (", ")");
        break;
    case 1:
        add(generator, "BETWEEN ");
        literal(generator);
        add(generator, " AND ");
        literal(generator);
        break;
    case 2:
        add(generator, "IS NOT NULL");
        break;
    default:
        add(generator, "%s", operators[choose(generator, 6)]);
        expression(generator, depth + 1);
        break;
    }
}

static void expression(struct generator *generator, unsigned depth)
{
    switch (depth > DEPTH_MAX ? 0 : choose(generator, 6)) {
    case 1:
        name(generator);
        break;
    case 2:
        add(generator, "f(");
        expression(generator, depth + 1);
        add(generator, ",");
        expression(generator, depth + 1);
        add(generator, ")");
        break;
    case 3:
        add(generator, "CASE WHEN ");
        condition(generator, depth + 1);
        add(generator, " THEN ");
        expression(generator, depth + 1);
        add(generator, " END");
        break;
    case 4:
        add(generator, "(");
        select_statement(generator, depth + 1);
        add(generator, ")");
        break;
    default:
        literal(generator);
        break;
    }
}

static void where(struct generator *generator, unsigned depth)
{
    add(generator, " WHERE ");
    condition(generator, depth);
    while (choose(generator, 3) == 1) {
        add(generator, " AND");
        space(generator);
        condition(generator, depth);
    }
}

static void select_statement(struct generator *generator, unsigned depth)
{
    add(generator, "SELECT");
    space(generator);
    expression(generator, depth);
    add(generator, " AS x FROM ");
    name(generator);
    where(generator, depth);
    if (choose(generator, 3) == 1) {
        add(generator, " LIMIT ");
        number(generator);
    }
}

static void insert_statement(struct generator *generator)
{
    const uint8_t *data;
    size_t size;
    unsigned rows = 1 + random_next(generator) % 4;
    add(generator, "INSERT INTO ");
    name(generator);
    add(generator, " (a, b, c) VALUES");
    data = generator->data;
    size = generator->size;
    for (unsigned i = 0; i < rows; i++) {
        generator->data = data;
        generator->size = size;
        add(generator, "%s (", i ? "," : "");
        literal(generator);
        add(generator, ", ");
        expression(generator, 3);
        add(generator, ", DEFAULT)");
    }
}

static void statement(struct generator *generator)
{
    switch (choose(generator, 6)) {
    case 0:
        insert_statement(generator);
        break;
    case 1:
        add(generator, "UPDATE orders SET a = ");
        expression(generator, 1);
        where(generator, 1);
        break;
    case 2:
        add(generator, "SAVEPOINT %s%x", mark_text, random_next(generator));
        break;
    case 3:
        quoted(generator, "CREATE USER bob IDENTIFIED BY '", '\'', "'");
        break;
    default:
        select_statement(generator, 0);
        break;
    }
}

static void generate(struct generator *generator, const uint8_t *data, size_t size, uint32_t seed)
{
    generator->data = data;
    generator->size = size;
    generator->seed = seed;
    generator->used = 0;
    do {
        statement(generator);
        add(generator, ";");
    } while (generator->size && generator->used < STATEMENT_BYTES / 2);
}

/* ---- the properties ---------------------------------------------------------------------------
 */

static void demand(int holds, const char *what, const struct generator *generator,
                   const struct sql_result *result)
{
    if (holds)
        return;
    fprintf(stderr, "%s\ndialect %d: %.*s\ntext: %s\nsummary: %s\n", what, (int)generator->dialect,
            (int)generator->used, generator->text, result->text, result->summary);
    abort();
}

static void check_generated(enum sql_dialect dialect, const uint8_t *data, size_t size)
{
    static struct generator generator;
    static struct sql_result first, second;
    generator.dialect = dialect;
    for (uint32_t seed = 1; seed <= 2; seed++) {
        struct sql_result *result = seed == 1 ? &first : &second;
        generate(&generator, data, size, seed);
        sql_normalise(dialect, generator.text, generator.used, result);
        demand(!strstr(result->text, mark_text) && !strstr(result->text, mark_digits),
               "a literal in the text", &generator, result);
        demand(!strstr(result->summary, mark_text) && !strstr(result->summary, mark_digits),
               "a literal in the summary", &generator, result);
        demand(!(result->flags & SQL_WITHHELD), "withheld", &generator, result);
    }
    demand(first.fingerprint == second.fingerprint, first.text, &generator, &second);
    demand(strcmp(first.text, second.text) == 0, first.text, &generator, &second);
    demand(strcmp(first.summary, second.summary) == 0, first.text, &generator, &second);
}

static void check_raw(enum sql_dialect dialect, const uint8_t *data, size_t size)
{
    static struct sql_result result;
    sql_normalise(dialect, (const char *)data, size, &result);
    if (result.text_size > SQL_TEXT_MAX || result.summary_size > SQL_SUMMARY_MAX ||
        strlen(result.text) != result.text_size || strlen(result.summary) != result.summary_size ||
        result.fingerprint == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum sql_dialect dialect = data[0] / 2 % (SQL_SNOWFLAKE + 1);
    if (data[0] % 2)
        check_generated(dialect, data + 1, size - 1);
    else
        check_raw(dialect, data + 1, size - 1);
    return 0;
}
