/* SPDX-License-Identifier: MIT */
/* scan.h - inside the normaliser: one reading of one statement, from bytes to text.
 *
 *     lex.c      bytes -> tokens: where literals, comments and names begin and end
 *     grammar.c  tokens -> what they mean: which names are data, the summary, lists
 *     write.c    tokens -> canonical text and fingerprint
 *     sql.c      tries the readings and decides what may be shown
 */
#pragma once

#include <stdbool.h>

#include "sql/sql.h"
#include "sql/words.h"

#define SCAN_LEVELS 64u /* deeper brackets are read, but lists in them do not collapse */

enum token {
    TOKEN_NONE,
    TOKEN_WORD,
    TOKEN_NAME,  /* quoted identifier */
    TOKEN_VALUE, /* a literal or placeholder: `?` */
    TOKEN_OPERATOR,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_TIGHT, /* `.`, `::`, `:`: no space on either side */
};

/* Between brackets; level 0 is the statement. Hashes as in write.c. */
struct level {
    uint64_t done, element, previous;
    uint32_t mark, summary_mark; /* sizes before the separator in front of this element */
    bool mark_full, summary_full;
    bool list;         /* equal neighbours among its elements are shown once */
    bool rows;         /* behind VALUES: the list has no brackets of its own */
    bool has_previous; /* `previous` is set */
    bool call;         /* arguments of a function */
    bool operation;    /* SELECT or DELETE seen: FROM introduces a table */
    bool from_list;    /* behind FROM: a comma introduces another table */
};

/* How far text and summary were when something began. */
struct place {
    bool set, full;
    uint32_t text_size, summary_size;
};

enum hide {
    HIDE_NOTHING,
    HIDE_NAME, /* the next word that is no keyword is data: a savepoint's name */
    HIDE_WORD, /* the next word is data: a password */
};

enum target {
    TARGET_NONE,
    TARGET_WANTED,
    TARGET_TAKEN,
    TARGET_DOTTED,
};

struct scan {
    const unsigned char *start, *at, *end;
    enum sql_dialect dialect;
    bool escapes; /* this reading takes a backslash in '...' for an escape */
    bool silent;  /* fingerprint only */

    bool failed;                  /* stopped at something that cannot be read */
    bool full;                    /* no more text fits */
    bool string_before;           /* the previous token was a string literal */
    bool semicolon;               /* to be written before the next token */
    struct place first_string;    /* before the first string literal */
    struct place first_quoted;    /* before the first quote of any kind */
    struct place first_ambiguous; /* before the first literal that readings differ in */
    struct place failure;         /* what is shown ends here */

    enum token before;      /* previous token */
    enum word before_word;  /* and which word it was, if it is in the table */
    unsigned before_traits; /* of that word */
    enum word first_word;   /* of the statement; WORD_OTHER: none yet, or not in the table */
    bool begun;             /* the statement has a first token */
    bool between;           /* after BETWEEN: the next AND is followed by a value */
    bool value_mode;        /* right of `SET name =`: bare words are data */
    bool type_done;         /* CREATE TABLE: the kind of thing is in the summary */
    bool copy_data;         /* COPY ... FROM STDIN: lines of data may follow the semicolon */
    bool executable;        /* inside a comment that MySQL executes */
    enum hide hide;
    enum target target;
    bool summary_full;
    uint32_t target_start; /* of the name that is being put together, in the summary */

    uint32_t depth, overflow;
    uint64_t fingerprint; /* write_finish() sets it; not where a silent reading failed */
    uint32_t text_size, summary_size;
    struct sql_result *out; /* not in a silent reading */
    struct level levels[SCAN_LEVELS];
};

/* sql.c calls it: reads everything, or until it fails. */
void lex_run(struct scan *scan);

/* grammar.c: what lex.c tells. */
void grammar_word(struct scan *scan, const unsigned char *text, size_t size);
void grammar_name(struct scan *scan, const unsigned char *text, size_t size, size_t quotes);
void grammar_value(struct scan *scan, bool is_string);
void grammar_operator(struct scan *scan, const unsigned char *text, size_t size);
void grammar_tight(struct scan *scan, const unsigned char *text, size_t size);
void grammar_open(struct scan *scan, char bracket);
void grammar_close(struct scan *scan, char bracket);
void grammar_comma(struct scan *scan);
void grammar_semicolon(struct scan *scan);
/* Whether what comes next is an operand rather than an operator, a sign rather than a minus. */
bool grammar_wants_operand(const struct scan *scan);
/* Whether a "..." that may be a string or a name is more likely a string here. */
bool grammar_wants_value(const struct scan *scan);

/* write.c */
void write_token(struct scan *scan, enum token token, const unsigned char *text, size_t size);
void write_open(struct scan *scan, char bracket, bool list, bool call);
void write_close(struct scan *scan, char bracket);
void write_comma(struct scan *scan);
void write_rows_begin(struct scan *scan);
void write_rows_end(struct scan *scan);
void write_summary(struct scan *scan, const unsigned char *text, size_t size, char before);
struct place write_place(const struct scan *scan);
/* Ends text and summary, at `failure` where the reading failed; the fingerprint. */
void write_finish(struct scan *scan);

static inline struct level *scan_level(struct scan *scan)
{
    return &scan->levels[scan->depth];
}
