/* SPDX-License-Identifier: MIT */
/* grammar.c - as much of SQL's grammar as telling data from names takes.
 *
 * Nothing is parsed: a few bits of state follow the tokens. Three questions are answered with them:
 *
 *  - Is this word data, although it has no quotes? A savepoint's or cursor's name, a password
 * behind IDENTIFIED BY, the right side of SET x = y, TRUE, FALSE, NULL.
 *  - Which lists may collapse? Those behind IN, VALUES and ARRAY, and what is bracketed inside
 * them.
 *  - What is the summary? Operations and the names behind FROM, JOIN, INTO, UPDATE, TABLE, ..., in
 * their order (OpenTelemetry's db.query.summary).
 */
#include "sql/scan.h"

#include <string.h>

/* ---- what every token does --------------------------------------------------------------------
 */

/* Everything but a bracket, a comma and a value ends the list behind VALUES. */
static void end_rows(struct scan *scan)
{
    if (scan_level(scan)->rows && !scan->overflow)
        write_rows_end(scan);
}

static void end_target(struct scan *scan)
{
    if (scan->target == TARGET_TAKEN || scan->target == TARGET_DOTTED)
        scan->target = TARGET_NONE;
}

static void begin_token(struct scan *scan)
{
    scan->begun = true;
    scan->string_before = false;
    scan->before_word = WORD_OTHER;
    scan->before_traits = 0;
    scan->hide = HIDE_NOTHING;
}

/* ---- names in the summary ---------------------------------------------------------------------
 */

static void take_target(struct scan *scan, const unsigned char *text, size_t size)
{
    bool dotted = scan->target == TARGET_DOTTED;
    bool was_full = scan->summary_full;
    if (!dotted)
        scan->target_start = scan->summary_size;
    else
        write_summary(scan, (const unsigned char *)".", 1, 0);
    write_summary(scan, text, size, dotted ? 0 : ' ');
    if (scan->summary_full && !was_full)
        scan->summary_size = scan->target_start;
    scan->target = TARGET_TAKEN;
}

static bool is_definition(enum word word)
{
    return word == WORD_CREATE || word == WORD_ALTER || word == WORD_DROP ||
           word == WORD_TRUNCATE || word == WORD_LOCK;
}

/* UPDATE in FOR UPDATE, ON DELETE, DO UPDATE, AFTER INSERT OR UPDATE OF is no operation. */
static bool is_part_of_clause(enum word before)
{
    switch (before) {
    case WORD_FOR:
    case WORD_KEY:
    case WORD_DO:
    case WORD_ON:
    case WORD_AFTER:
    case WORD_BEFORE:
    case WORD_OR:
    case WORD_OF:
        return true;
    default:
        return false;
    }
}

static bool is_operation(const struct scan *scan, const struct word_row *row, bool first)
{
    if (first)
        return row->traits & WORD_VERB;
    switch (row->word) {
    case WORD_SELECT:
    case WORD_INSERT:
    case WORD_UPDATE:
    case WORD_DELETE:
    case WORD_MERGE:
        return !is_part_of_clause(scan->before_word) && scan->first_word != WORD_GRANT &&
               scan->first_word != WORD_REVOKE;
    default:
        return false;
    }
}

static void operation(struct scan *scan, const struct word_row *row, const unsigned char *text)
{
    struct level *level = scan_level(scan);
    write_summary(scan, text, row->size, ' ');
    scan->target = TARGET_NONE;
    level->operation = true;
    level->from_list = false;
    switch (row->word) {
    case WORD_UPDATE:
    case WORD_MERGE:
    case WORD_CALL:
    case WORD_EXECUTE:
    case WORD_COPY:
    case WORD_TRUNCATE:
    case WORD_REPLACE:
        scan->target = TARGET_WANTED;
        break;
    default:
        break;
    }
}

/* FROM, JOIN and the others that a name follows. */
static void introduce(struct scan *scan, const struct word_row *row, const unsigned char *text)
{
    struct level *level = scan_level(scan);
    bool wanted = false;
    switch (row->word) {
    case WORD_FROM:
        wanted = level->operation && scan->before_word != WORD_DISTINCT;
        level->from_list = wanted;
        break;
    case WORD_JOIN:
    case WORD_INTO:
        wanted = scan->first_word != WORD_FETCH;
        break;
    case WORD_USING:
        wanted = scan->first_word == WORD_MERGE || scan->first_word == WORD_DELETE;
        level->from_list = wanted;
        break;
    case WORD_TABLE:
    case WORD_TYPE:
        wanted = is_definition(scan->first_word) && !scan->type_done;
        if (wanted)
            write_summary(scan, text, row->size, ' ');
        scan->type_done |= wanted;
        break;
    default:
        if (row->traits & WORD_ENDS_FROM)
            level->from_list = false;
        if (row->traits & WORD_SKIPPED)
            return;
    }
    scan->target = wanted ? TARGET_WANTED : TARGET_NONE;
}

/* ---- words that are data ----------------------------------------------------------------------
 */

static unsigned char peek(const struct scan *scan)
{
    const unsigned char *at = scan->at;
    while (at < scan->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at < scan->end ? *at : 0;
}

/* SET x = here, and SET x TO here, there; not SET x = 1, here = 2. */
static bool is_setting(const struct scan *scan)
{
    if (!scan->value_mode || scan->depth)
        return false;
    unsigned char next = peek(scan);
    return next != '(' && next != '=' && next != ':';
}

static bool is_constant(const struct scan *scan, const struct word_row *row)
{
    if (row->word != WORD_NULL && row->word != WORD_TRUE && row->word != WORD_FALSE)
        return false;
    if (scan->before == TOKEN_TIGHT)
        return false;
    enum word before = scan->before_word; /* IS NULL, NOT NULL, ON DELETE SET NULL */
    return before != WORD_IS && before != WORD_NOT &&
           !(before == WORD_SET && scan->first_word != WORD_SET);
}

static bool is_data(const struct scan *scan, const struct word_row *row)
{
    if (scan->hide == HIDE_WORD || (scan->hide == HIDE_NAME && !row))
        return true;
    if (is_setting(scan) && (!row || row->word != WORD_SELECT))
        return true;
    return row && is_constant(scan, row);
}

/* What the word says about the next one. */
static enum hide hides_next(const struct scan *scan, enum word word, bool first)
{
    enum word verb = first ? word : scan->first_word;
    switch (word) {
    case WORD_SAVEPOINT:
        return first || verb == WORD_RELEASE || verb == WORD_ROLLBACK ? HIDE_NAME : HIDE_NOTHING;
    case WORD_RELEASE:
    case WORD_DEALLOCATE:
    case WORD_CLOSE:
        return first ? HIDE_NAME : HIDE_NOTHING;
    case WORD_TO:
        return verb == WORD_ROLLBACK ? HIDE_NAME : HIDE_NOTHING;
    case WORD_TRANSACTION:
        return scan->dialect == SQL_MSSQL ? HIDE_NAME : HIDE_NOTHING;
    case WORD_DECLARE:
        return first && scan->dialect != SQL_MSSQL && scan->dialect != SQL_ORACLE ? HIDE_NAME
                                                                                  : HIDE_NOTHING;
    case WORD_FROM:
    case WORD_IN:
        return verb == WORD_FETCH ? HIDE_NAME : HIDE_NOTHING;
    case WORD_BY:
        return scan->before_word == WORD_IDENTIFIED ? HIDE_WORD : HIDE_NOTHING;
    case WORD_REPLACE:
        return verb == WORD_ALTER ? HIDE_WORD : HIDE_NOTHING;
    case WORD_ROLE:
    case WORD_AUTHORIZATION:
        return verb == WORD_SET ? HIDE_NAME : HIDE_NOTHING;
    case WORD_PASSWORD:
        return !scan->type_done && (is_definition(verb) || verb == WORD_GRANT) ? HIDE_NAME
                                                                               : HIDE_NOTHING;
    default:
        return HIDE_NOTHING;
    }
}

/* ---- tokens -----------------------------------------------------------------------------------
 */

/* Inside brackets that were opened for a list: a sub-select is none. */
static void check_list(struct scan *scan, enum word word)
{
    struct level *level = scan_level(scan);
    if (level->list && !level->rows && scan->before == TOKEN_OPEN && !scan->overflow &&
        (word == WORD_SELECT || word == WORD_WITH))
        level->list = false;
}

static void known_word(struct scan *scan, const unsigned char *text, const struct word_row *row)
{
    bool first = !scan->begun;
    enum hide hide = hides_next(scan, row->word, first);
    if (row->word != WORD_ROW)
        end_rows(scan);
    check_list(scan, row->word);
    if (is_operation(scan, row, first))
        operation(scan, row, text);
    else
        introduce(scan, row, text);
    if (row->word == WORD_STDIN)
        scan->copy_data = scan->first_word == WORD_COPY;
    if (row->word == WORD_TO && scan->first_word == WORD_SET)
        scan->value_mode = scan->dialect != SQL_MSSQL;
    write_token(scan, TOKEN_WORD, text, row->size);
    if (row->word == WORD_VALUES && !scan->overflow)
        write_rows_begin(scan);
    begin_token(scan);
    scan->hide = hide;
    scan->before_word = row->word;
    scan->before_traits = row->traits;
    if (scan->between && row->word == WORD_AND)
        scan->before_traits |= WORD_VALUE;
    scan->between = row->word == WORD_BETWEEN || (scan->between && row->word != WORD_AND);
    if (first)
        scan->first_word = row->word;
}

/* FROM comment, UPDATE role: words that are not reserved. */
static bool may_be_name(const struct word_row *row)
{
    return !(row->traits & (WORD_SPACED | WORD_SKIPPED));
}

void grammar_word(struct scan *scan, const unsigned char *text, size_t size)
{
    const struct word_row *row = scan->before == TOKEN_TIGHT ? NULL : word_find(text, size);
    if (scan->target == TARGET_TAKEN)
        end_target(scan);
    if (is_data(scan, row)) {
        grammar_value(scan, false);
        return;
    }
    if (row && !(scan->target == TARGET_WANTED && may_be_name(row))) {
        known_word(scan, text, row);
        return;
    }
    end_rows(scan);
    write_token(scan, TOKEN_WORD, text, size);
    begin_token(scan);
    if (scan->target != TARGET_NONE)
        take_target(scan, text, size);
}

void grammar_name(struct scan *scan, const unsigned char *text, size_t size, size_t quotes)
{
    if (scan->target == TARGET_TAKEN)
        end_target(scan);
    if (scan->hide != HIDE_NOTHING || is_setting(scan)) {
        grammar_value(scan, false);
        return;
    }
    end_rows(scan);
    write_token(scan, TOKEN_NAME, text, size);
    begin_token(scan);
    if (scan->target != TARGET_NONE)
        take_target(scan, text + quotes, size - 2 * quotes);
}

void grammar_value(struct scan *scan, bool is_string)
{
    if (is_string && scan->string_before)
        return; /* 'a' 'b' is one string */
    scan->target = TARGET_NONE;
    write_token(scan, TOKEN_VALUE, (const unsigned char *)"?", 1);
    begin_token(scan);
    scan->string_before = is_string;
}

void grammar_operator(struct scan *scan, const unsigned char *text, size_t size)
{
    bool assigns = text[size - 1] == '=' && (size == 1 || text[0] == ':');
    scan->target = TARGET_NONE;
    end_rows(scan);
    write_token(scan, TOKEN_OPERATOR, text, size);
    begin_token(scan);
    if (assigns && scan->first_word == WORD_SET && scan->dialect != SQL_MSSQL)
        scan->value_mode = true;
}

void grammar_tight(struct scan *scan, const unsigned char *text, size_t size)
{
    bool dot = size == 1 && text[0] == '.';
    scan->target = dot && scan->target == TARGET_TAKEN ? TARGET_DOTTED : TARGET_NONE;
    end_rows(scan);
    write_token(scan, TOKEN_TIGHT, text, size);
    begin_token(scan);
}

static bool opens_list(const struct scan *scan, char bracket)
{
    const struct level *level = &scan->levels[scan->depth];
    switch (scan->before) {
    case TOKEN_WORD:
        if (scan->before_word == WORD_ROW)
            return level->list;
        return scan->before_word == WORD_IN || scan->before_word == WORD_VALUES ||
               (bracket == '[' && scan->before_word == WORD_ARRAY);
    case TOKEN_OPEN:
    case TOKEN_COMMA:
        return level->list || bracket == '[';
    case TOKEN_OPERATOR:
        return bracket == '[';
    default:
        return false;
    }
}

/* A word that is none of SQL's, unless it names a table whose columns follow. */
static bool opens_call(const struct scan *scan, char bracket)
{
    if (scan->before != TOKEN_WORD || bracket != '(' || scan->target == TARGET_TAKEN)
        return false;
    return !(scan->before_traits & WORD_SPACED);
}

void grammar_open(struct scan *scan, char bracket)
{
    bool list = opens_list(scan, bracket), call = opens_call(scan, bracket);
    end_target(scan);
    write_open(scan, bracket, list, call);
    begin_token(scan);
}

void grammar_close(struct scan *scan, char bracket)
{
    scan->target = TARGET_NONE;
    write_close(scan, bracket);
    begin_token(scan);
}

void grammar_comma(struct scan *scan)
{
    scan->target = scan_level(scan)->from_list ? TARGET_WANTED : TARGET_NONE;
    write_comma(scan);
    begin_token(scan);
}

void grammar_semicolon(struct scan *scan)
{
    struct level *level = scan_level(scan);
    end_rows(scan);
    level->operation = level->from_list = false;
    begin_token(scan);
    scan->semicolon = true;
    scan->begun = scan->between = scan->value_mode = scan->type_done = false;
    scan->first_word = WORD_OTHER;
    scan->target = TARGET_NONE;
}

bool grammar_wants_operand(const struct scan *scan)
{
    switch (scan->before) {
    case TOKEN_NAME:
    case TOKEN_VALUE:
    case TOKEN_CLOSE:
        return false;
    case TOKEN_WORD:
        return scan->before_traits & WORD_OPERAND;
    default:
        return true;
    }
}

bool grammar_wants_value(const struct scan *scan)
{
    const struct level *level = &scan->levels[scan->depth];
    switch (scan->before) {
    case TOKEN_OPERATOR:
        return true;
    case TOKEN_OPEN:
    case TOKEN_COMMA:
        return level->list || level->call;
    case TOKEN_WORD:
        return scan->before_traits & WORD_VALUE;
    default:
        return false;
    }
}
