/* SPDX-License-Identifier: MIT */
/* lex.c - where literals, names and comments begin and end, in seven dialects at once.
 *
 * A database that is told the wrong dialect gives a syntax error; a normaliser shows somebody's
 * data. So a rule of one dialect is applied in the generic one, too, wherever it can only hide
 * more, and what no dialect allows ends the reading (fail): a quote in the middle of a word,
 * control characters, typographic quotes, a backslash outside of quotes. Those are what a misread
 * literal looks like from inside:
 *
 *     WHERE name = 'it's secret'      the quote before s touches a word: nothing is shown from
 *     WHERE name = ? ...              the first literal on
 */
#include "sql/scan.h"

#include <string.h>

#define NAME_MAX_BYTES 128u /* no database has longer names */
#define TAG_MAX_BYTES 63u   /* of a dollar quote */

typedef unsigned char byte;

/* ---- characters -------------------------------------------------------------------------------
 */

static byte byte_at(const struct scan *scan, size_t ahead)
{
    return ahead < (size_t)(scan->end - scan->at) ? scan->at[ahead] : 0;
}

static bool is_digit(byte c)
{
    return (byte)(c - '0') < 10;
}

static bool is_word(byte c)
{
    return (byte)((c | 32) - 'a') < 26 || is_digit(c) || c == '_' || c == '$' || c >= 0x80;
}

static bool is_space(byte c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

enum wide { WIDE_LETTER, WIDE_SPACE, WIDE_QUOTE };

/* What the bytes from 0x80 on at `at` are. Spaces and quotes that only look like SQL's are told. */
static enum wide wide_at(const byte *at, const byte *end)
{
    size_t size = (size_t)(end - at);
    if (size >= 2 && at[0] == 0xc2 && at[1] == 0xa0) /* no-break space */
        return WIDE_SPACE;
    if (size < 3)
        return WIDE_LETTER;
    if (at[0] == 0xe2 && at[1] == 0x80) {
        if (at[2] <= 0x8b || at[2] == 0xa8 || at[2] == 0xa9 || at[2] == 0xaf)
            return WIDE_SPACE;
        if (at[2] >= 0x98 && at[2] <= 0x9f) /* typographic quotes */
            return WIDE_QUOTE;
    }
    if (at[0] == 0xe3 && at[1] == 0x80 && at[2] == 0x80) /* ideographic space */
        return WIDE_SPACE;
    if (at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf) /* byte order mark */
        return WIDE_SPACE;
    if (at[0] == 0xef && at[1] == 0xbc && (at[2] == 0x82 || at[2] == 0x87)) /* full-width quotes */
        return WIDE_QUOTE;
    return WIDE_LETTER;
}

static bool is_any(const struct scan *scan, unsigned dialects)
{
    return dialects & 1u << scan->dialect;
}

#define IN(dialect) (1u << SQL_##dialect)

/* ---- failing ----------------------------------------------------------------------------------
 */

static void fail_at(struct scan *scan, struct place place)
{
    scan->failed = true;
    scan->failure = place.set ? place : write_place(scan);
    scan->at = scan->end;
}

/* Somewhere a string was taken for something else, or the other way round. */
static void fail(struct scan *scan)
{
    fail_at(scan, scan->first_string);
}

static void fail_quoted(struct scan *scan)
{
    fail_at(scan, scan->first_quoted);
}

static void note_quote(struct scan *scan, bool is_string)
{
    if (!scan->first_quoted.set)
        scan->first_quoted = write_place(scan);
    if (is_string && !scan->first_string.set)
        scan->first_string = write_place(scan);
}

/* ---- quotes -----------------------------------------------------------------------------------
 */

/* Position behind the closing quote; NULL: there is none. `at` is behind the opening one. */
static const byte *quote_end(struct scan *scan, const byte *at, byte quote, bool escapes)
{
    const byte *end = scan->end;
    bool ambiguous = false;
    while (at < end) {
        if (*at == '\\') {
            ambiguous |= at + 1 < end && at[1] == quote;
            at += escapes && at + 1 < end ? 2 : 1;
        } else if (*at != quote) {
            at++;
        } else if (at + 1 < end && at[1] == quote) {
            at += 2;
        } else {
            break;
        }
    }
    if (ambiguous && !scan->first_ambiguous.set)
        scan->first_ambiguous = write_place(scan);
    return at < end ? at + 1 : NULL;
}

/* A word may follow a quote at once only when it is SQL's: 'x'AND is seen, 'it's is not SQL. */
static bool touches_word(const struct scan *scan)
{
    const byte *at = scan->at, *stop = at;
    if (at == scan->end || !is_word(*at))
        return false;
    if (*at >= 0x80 && wide_at(at, scan->end) == WIDE_SPACE)
        return false;
    while (stop < scan->end && is_word(*stop))
        stop++;
    return !word_find(at, (size_t)(stop - at));
}

/* '...' with the opening quote at scan->at. */
static void read_string(struct scan *scan, bool escapes)
{
    byte quote = *scan->at;
    note_quote(scan, true);
    const byte *end = quote_end(scan, scan->at + 1, quote, escapes);
    if (!end) {
        fail(scan);
        return;
    }
    scan->at = end;
    grammar_value(scan, true);
    if (touches_word(scan))
        fail(scan);
}

static bool is_plain_name(const byte *text, size_t size)
{
    if (size == 0 || is_digit(text[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_word(text[i]))
            return false;
    return true;
}

static bool has_control(const byte *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] == 0x7f)
            return true;
    return false;
}

/* A quoted name, from scan->at to `end`. What is too long for one, begins with a digit ([1] in a
 * PIVOT) or has control characters is data. */
static void read_name(struct scan *scan, const byte *end)
{
    const byte *text = scan->at;
    size_t size = (size_t)(end - text);
    scan->at = end;
    if (size > NAME_MAX_BYTES + 2 || is_digit(text[1]) || has_control(text, size))
        grammar_value(scan, false);
    else
        grammar_name(scan, text, size, 1);
    if (touches_word(scan))
        fail_quoted(scan);
}

/* Whether "..." up to `end` is a string. The standard says it is a name; MySQL means a string; the
 * others try the one and then the other, so there the place decides, and in doubt it is a string.
 */
static bool is_string(const struct scan *scan, const byte *end)
{
    const byte *text = scan->at + 1;
    size_t size = (size_t)(end - text) - 1;
    bool dotted = scan->before == TOKEN_TIGHT || (end < scan->end && *end == '.');
    if (is_any(scan, IN(POSTGRESQL) | IN(ORACLE) | IN(SNOWFLAKE)))
        return false;
    if (dotted)
        return false;
    if (!is_plain_name(text, size))
        return true;
    if (scan->target == TARGET_WANTED)
        return false;
    return scan->dialect == SQL_MYSQL || grammar_wants_value(scan);
}

static void read_double_quote(struct scan *scan)
{
    bool escapes = scan->escapes && is_any(scan, IN(MYSQL) | IN(GENERIC));
    const byte *end = quote_end(scan, scan->at + 1, '"', escapes);
    bool string = !end || is_string(scan, end);
    note_quote(scan, string);
    if (!end) {
        fail_quoted(scan);
    } else if (!string) {
        read_name(scan, end);
    } else {
        scan->at = end;
        grammar_value(scan, true);
        if (touches_word(scan))
            fail_quoted(scan);
    }
}

static void read_backtick(struct scan *scan)
{
    const byte *end = NULL;
    note_quote(scan, false);
    if (is_any(scan, IN(MYSQL) | IN(SQLITE) | IN(GENERIC)))
        end = quote_end(scan, scan->at + 1, '`', false);
    if (end)
        read_name(scan, end);
    else
        fail_quoted(scan);
}

static void read_bracket(struct scan *scan)
{
    if (!is_any(scan, IN(MSSQL) | IN(SQLITE))) {
        scan->at++;
        grammar_open(scan, '[');
        return;
    }
    note_quote(scan, false);
    const byte *end = quote_end(scan, scan->at + 1, ']', false);
    if (end)
        read_name(scan, end);
    else
        fail_quoted(scan);
}

/* q'[...]' with scan->at at the quote. */
static void read_oracle_quote(struct scan *scan)
{
    static const char pairs[] = "[]{}()<>";
    byte open = byte_at(scan, 1), close = open;
    note_quote(scan, true);
    for (size_t i = 0; pairs[i]; i += 2)
        if ((byte)pairs[i] == open)
            close = (byte)pairs[i + 1];
    for (const byte *at = scan->at + 2; at + 1 < scan->end; at++) {
        at = memchr(at, close, (size_t)(scan->end - at - 1));
        if (!at)
            break;
        if (at[1] == '\'') {
            scan->at = at + 2;
            grammar_value(scan, true);
            if (touches_word(scan))
                fail(scan);
            return;
        }
    }
    fail(scan);
}

/* $tag$...$tag$ with scan->at at the first dollar, `tag` bytes with both dollars. */
static void read_dollar_quote(struct scan *scan, size_t tag)
{
    const byte *open = scan->at, *at = open + tag;
    note_quote(scan, true);
    while (at < scan->end && (at = memchr(at, '$', (size_t)(scan->end - at))) != NULL) {
        if ((size_t)(scan->end - at) >= tag && memcmp(at, open, tag) == 0) {
            scan->at = at + tag;
            grammar_value(scan, true);
            return;
        }
        at++;
    }
    fail(scan);
}

/* ---- numbers and placeholders -----------------------------------------------------------------
 */

/* `at` is behind digits: 1AND is seen. */
static bool begins_keyword(const byte *at, const byte *end)
{
    const byte *stop = at;
    while (stop < end && is_word(*stop))
        stop++;
    return word_find(at, (size_t)(stop - at)) != NULL;
}

/* From a digit, or a dot before a digit: everything that a number can be made of in any dialect,
 * and names that begin with a digit (MySQL). */
static void read_number(struct scan *scan)
{
    const byte *at = scan->at, *end = scan->end;
    bool hex = *at == '0' && at + 1 < end && (at[1] | 32) == 'x', digits = true;
    for (; at < end; at++) {
        bool letter = is_word(*at) && !is_digit(*at);
        if (letter && digits && begins_keyword(at, end))
            break;
        digits &= !letter;
        bool exponent = !hex && (at[0] | 32) == 'e' && end - at > 2 &&
                        (at[1] == '+' || at[1] == '-') && is_digit(at[2]);
        if (exponent)
            at++;
        else if (*at == '.' ? at + 1 < end && at[1] == '.' : !is_word(*at))
            break;
        else if (*at >= 0x80 && wide_at(at, end) != WIDE_LETTER)
            break;
    }
    scan->at = at;
    grammar_value(scan, false);
    if (byte_at(scan, 0) == '\'' || byte_at(scan, 0) == '"')
        fail(scan);
}

static bool begins_number(const struct scan *scan, size_t ahead)
{
    byte c = byte_at(scan, ahead);
    return is_digit(c) || (c == '.' && is_digit(byte_at(scan, ahead + 1)));
}

static size_t word_size(const struct scan *scan, size_t ahead)
{
    size_t size = 0;
    while (is_word(byte_at(scan, ahead + size)))
        size++;
    return size;
}

/* A placeholder of `size` bytes. */
static void read_placeholder(struct scan *scan, size_t size)
{
    scan->at += size;
    grammar_value(scan, false);
}

/* $1, $name, $$...$$, $tag$...$tag$, $12.50 (SQL Server's money). */
static void read_dollar(struct scan *scan)
{
    size_t tag = 1;
    byte next = byte_at(scan, 1);
    if (is_digit(next)) {
        scan->at++;
        read_number(scan);
        return;
    }
    while (tag <= TAG_MAX_BYTES && byte_at(scan, tag) != '$' && is_word(byte_at(scan, tag)))
        tag++;
    if (byte_at(scan, tag) == '$' && is_any(scan, IN(POSTGRESQL) | IN(GENERIC) | IN(SNOWFLAKE)))
        read_dollar_quote(scan, tag + 1);
    else
        read_placeholder(scan, 1 + word_size(scan, 1));
}

static void read_operator(struct scan *scan);

/* @name, @p1, @@system */
static void read_at(struct scan *scan)
{
    bool system = byte_at(scan, 1) == '@';
    size_t size = word_size(scan, 1 + system);
    const byte *text = scan->at;
    if (scan->dialect == SQL_POSTGRESQL || size == 0) {
        read_operator(scan);
    } else if (system || scan->target == TARGET_WANTED) {
        scan->at += 1 + system + size;
        grammar_word(scan, text, 1 + system + size);
    } else {
        read_placeholder(scan, 1 + size);
    }
}

/* :name, :1, ::, :=, and a path in Snowflake's a:b. */
static void read_colon(struct scan *scan)
{
    const byte *text = scan->at;
    byte next = byte_at(scan, 1);
    bool attached = text > scan->start && scan->dialect == SQL_SNOWFLAKE &&
                    (is_word(text[-1]) || text[-1] == ')' || text[-1] == ']' || text[-1] == '"');
    if (next == ':') {
        scan->at += 2;
        grammar_tight(scan, text, 2);
    } else if (next == '=') {
        scan->at += 2;
        grammar_operator(scan, text, 2);
    } else if (!attached && is_word(next)) {
        read_placeholder(scan, 1 + word_size(scan, 1));
    } else {
        scan->at++;
        grammar_tight(scan, text, 1);
    }
}

/* %s, %(name)s, %% */
static void read_percent(struct scan *scan)
{
    static const char letters[] = "sdfibt";
    size_t size = 1;
    if (byte_at(scan, 1) == '(') {
        size = 2 + word_size(scan, 2);
        size = byte_at(scan, size) == ')' ? size + 1 : 1;
    }
    byte letter = byte_at(scan, size);
    if (letter && memchr(letters, letter, sizeof letters - 1) && !is_word(byte_at(scan, size + 1)))
        read_placeholder(scan, size + 1);
    else if (byte_at(scan, 1) == '%')
        scan->at += 2, grammar_operator(scan, (const byte *)"%", 1);
    else
        read_operator(scan);
}

/* ?, ?1; PostgreSQL's operators ?| and ?& */
static void read_question(struct scan *scan)
{
    byte next = byte_at(scan, 1);
    size_t digits = 0;
    if (scan->dialect == SQL_POSTGRESQL && (next == '|' || next == '&')) {
        read_operator(scan);
        return;
    }
    while (is_digit(byte_at(scan, 1 + digits)))
        digits++;
    read_placeholder(scan, 1 + digits);
}

/* ---- comments ---------------------------------------------------------------------------------
 */

static void skip_line(struct scan *scan)
{
    const byte *end = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
    scan->at = end ? end + 1 : scan->end;
}

/* Nested in PostgreSQL and SQL Server, and where the database is not known and it makes no
 * difference but to hide more. */
static void skip_comment(struct scan *scan)
{
    bool nests = is_any(scan, IN(POSTGRESQL) | IN(MSSQL) | IN(GENERIC));
    size_t depth = 1;
    for (const byte *at = scan->at + 2; at + 1 < scan->end; at++) {
        if (at[0] == '*' && at[1] == '/') {
            at++;
            if (--depth == 0) {
                scan->at = at + 1;
                return;
            }
        } else if (nests && at[0] == '/' && at[1] == '*') {
            at++;
            depth++;
        }
    }
    fail(scan);
}

/* MySQL executes what is in a comment with an exclamation mark and perhaps a version. */
static void read_comment(struct scan *scan)
{
    size_t maria = byte_at(scan, 2) == 'M';
    if (scan->dialect != SQL_MYSQL || byte_at(scan, 2 + maria) != '!') {
        skip_comment(scan);
        return;
    }
    scan->at += 3 + maria;
    while (is_digit(byte_at(scan, 0)))
        scan->at++;
    scan->executable = true;
}

/* #: a comment in MySQL, a temporary table in SQL Server, part of operators in PostgreSQL. */
static void read_hash(struct scan *scan)
{
    const byte *text = scan->at;
    byte next = byte_at(scan, 1);
    size_t size = 1 + (next == '#');
    size += word_size(scan, size);
    bool names = scan->dialect == SQL_MSSQL || scan->target == TARGET_WANTED;
    if (scan->dialect == SQL_MYSQL || (scan->dialect == SQL_GENERIC && is_space(next))) {
        skip_line(scan);
    } else if (names && is_word(text[size - 1])) {
        scan->at += size;
        grammar_word(scan, text, size);
    } else if (scan->dialect == SQL_GENERIC && next != '>' && next != '-' && next != '=') {
        skip_line(scan);
    } else {
        read_operator(scan);
    }
}

/* Lines of data after COPY ... FROM STDIN; up to the line that ends them. */
static void skip_copy_data(struct scan *scan)
{
    scan->copy_data = false;
    while (scan->at < scan->end && *scan->at != '\n') {
        if (!is_space(*scan->at))
            return; /* data begins on a line of its own */
        scan->at++;
    }
    for (const byte *at = scan->at; at < scan->end; at++) {
        at = memchr(at, '\n', (size_t)(scan->end - at));
        if (!at)
            break;
        if (scan->end - at > 2 && at[1] == '\\' && at[2] == '.') {
            scan->at = at + 3;
            return;
        }
    }
    while (scan->at < scan->end && is_space(*scan->at))
        scan->at++;
    if (scan->at < scan->end)
        fail_at(scan, write_place(scan));
}

/* ---- operators --------------------------------------------------------------------------------
 */

/* Longest first. Two that belong together and are not here are only shown apart. */
static const char operators[][4] = {
    "->>", "#>>", "<=>", "!~*", "!~~", "@-@", "-|-", "->", "#>", "#-", "@>", "<@",
    "?|",  "?&",  "@?",  "@@",  "<=",  ">=",  "<>",  "!=", "||", ":=", "=>", "&&",
    "<<",  ">>",  "!~",  "~*",  "~~",  "**",  "^=",  "+=", "-=", "*=", "/=", "%=",
};

static void read_operator(struct scan *scan)
{
    const byte *text = scan->at;
    size_t left = (size_t)(scan->end - text), size = 1;
    if (left > 1 && memchr("-#<!@?>|:=&~*^+/%", text[1], 17) != NULL) {
        for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
            size_t length = operators[i][2] ? 3 : 2;
            if (length <= left && memcmp(operators[i], text, length) == 0) {
                size = length;
                break;
            }
        }
    }
    scan->at += size;
    grammar_operator(scan, text, size);
}

/* A minus, a sign, or a comment. */
static void read_sign(struct scan *scan)
{
    byte next = byte_at(scan, 1);
    bool dashes = *scan->at == '-' && next == '-';
    if (dashes && (scan->dialect != SQL_MYSQL || byte_at(scan, 2) <= ' ')) {
        skip_line(scan);
    } else if (dashes) {
        scan->at++;
        grammar_operator(scan, (const byte *)"-", 1);
    } else if (begins_number(scan, 1) && grammar_wants_operand(scan)) {
        scan->at++;
        read_number(scan);
    } else {
        read_operator(scan);
    }
}

static void read_slash(struct scan *scan)
{
    if (byte_at(scan, 1) == '*')
        read_comment(scan);
    else
        read_operator(scan);
}

static void read_star(struct scan *scan)
{
    if (scan->executable && byte_at(scan, 1) == '/') {
        scan->at += 2;
        scan->executable = false;
    } else {
        read_operator(scan);
    }
}

static void read_backslash(struct scan *scan)
{
    if (scan->dialect == SQL_MYSQL && byte_at(scan, 1) == 'N' && !is_word(byte_at(scan, 2)))
        read_placeholder(scan, 2); /* NULL */
    else
        fail(scan);
}

/* ---- words ------------------------------------------------------------------------------------
 */

/* N'', X'', E'', U&'', _utf8'', q'[]': what is before a quote without a space. */
enum prefix { PREFIX_WORD, PREFIX_STRING, PREFIX_ESCAPES, PREFIX_ORACLE, PREFIX_UNKNOWN };

static enum prefix prefix_of(const struct scan *scan, const byte *text, size_t size)
{
    byte first = text[0] | 32, last = text[size - 1] | 32;
    if (size == 1 && (first == 'n' || first == 'x' || first == 'b'))
        return PREFIX_STRING;
    if (size == 1 && first == 'e' && is_any(scan, IN(POSTGRESQL) | IN(GENERIC)))
        return PREFIX_ESCAPES;
    if ((size == 1 || (size == 2 && first == 'n')) && last == 'q' &&
        is_any(scan, IN(ORACLE) | IN(GENERIC)))
        return PREFIX_ORACLE;
    if (text[0] == '_' && size > 1 && is_any(scan, IN(MYSQL) | IN(GENERIC)))
        return PREFIX_STRING;
    return word_find(text, size) ? PREFIX_WORD : PREFIX_UNKNOWN;
}

/* A word right before a quote: part of the literal, a keyword, or a sign of misreading. */
static void read_prefixed(struct scan *scan, const byte *text, size_t size)
{
    switch (prefix_of(scan, text, size)) {
    case PREFIX_WORD:
        grammar_word(scan, text, size);
        break; /* the quote is next */
    case PREFIX_STRING:
        read_string(scan, scan->escapes);
        break;
    case PREFIX_ESCAPES:
        read_string(scan, true);
        break;
    case PREFIX_ORACLE:
        read_oracle_quote(scan);
        break;
    case PREFIX_UNKNOWN:
        fail(scan);
        break;
    }
}

static void read_word(struct scan *scan)
{
    const byte *text = scan->at, *at = text, *end = scan->end;
    bool more = is_any(scan, IN(MSSQL) | IN(ORACLE)); /* letters of their own */
    for (; at < end; at++) {
        if (*at >= 0x80 ? wide_at(at, end) != WIDE_LETTER
                        : !is_word(*at) && !(more && (*at == '#' || *at == '@')))
            break;
        if (*at >= 0xc0) /* the rest of the sequence is no beginning of anything */
            while (at + 1 < end && (at[1] & 0xc0) == 0x80)
                at++;
    }
    size_t size = (size_t)(at - text);
    scan->at = at;
    if (at < end && *at == '\'')
        read_prefixed(scan, text, size);
    else if (size == 1 && (text[0] | 32) == 'u' && end - at > 1 && at[0] == '&' && at[1] == '\'')
        scan->at++, read_string(scan, scan->escapes);
    else
        grammar_word(scan, text, size);
}

static void read_wide(struct scan *scan)
{
    switch (wide_at(scan->at, scan->end)) {
    case WIDE_LETTER:
        read_word(scan);
        break;
    case WIDE_SPACE:
        scan->at += *scan->at == 0xc2 ? 2 : 3;
        break;
    case WIDE_QUOTE:
        fail(scan);
        break;
    }
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static void read_dot(struct scan *scan)
{
    const byte *text = scan->at;
    if (begins_number(scan, 0) && (grammar_wants_operand(scan) || scan->before == TOKEN_NONE)) {
        read_number(scan);
    } else {
        scan->at++;
        grammar_tight(scan, text, 1);
    }
}

static void read_semicolon(struct scan *scan)
{
    scan->at++;
    grammar_semicolon(scan);
    if (scan->copy_data)
        skip_copy_data(scan);
}

static void read_mark(struct scan *scan)
{
    const byte *text = scan->at;
    switch (*text) {
    case '(':
        scan->at++;
        grammar_open(scan, '(');
        break;
    case ')':
    case ']':
        scan->at++;
        grammar_close(scan, (char)*text);
        break;
    case ',':
        scan->at++;
        grammar_comma(scan);
        break;
    case ';':
        read_semicolon(scan);
        break;
    case '.':
        read_dot(scan);
        break;
    case '[':
        read_bracket(scan);
        break;
    case '+':
    case '-':
        read_sign(scan);
        break;
    case '/':
        read_slash(scan);
        break;
    case '*':
        read_star(scan);
        break;
    default:
        read_operator(scan);
    }
}

static void read_token(struct scan *scan)
{
    byte c = *scan->at;
    switch (c) {
    case '\'':
        read_string(scan, scan->escapes);
        break;
    case '"':
        read_double_quote(scan);
        break;
    case '`':
        read_backtick(scan);
        break;
    case '$':
        read_dollar(scan);
        break;
    case '@':
        read_at(scan);
        break;
    case ':':
        read_colon(scan);
        break;
    case '%':
        read_percent(scan);
        break;
    case '?':
        read_question(scan);
        break;
    case '#':
        read_hash(scan);
        break;
    case '\\':
        read_backslash(scan);
        break;
    default:
        if (c < ' ' || c == 0x7f)
            fail(scan);
        else
            read_mark(scan);
    }
}

void lex_run(struct scan *scan)
{
    while (scan->at < scan->end) {
        byte c = *scan->at;
        if (is_space(c))
            scan->at++;
        else if (c >= 0x80)
            read_wide(scan);
        else if (is_digit(c))
            read_number(scan);
        else if (is_word(c) && c != '$')
            read_word(scan);
        else
            read_token(scan);
    }
    write_finish(scan);
}
