/* SPDX-License-Identifier: MIT */
/* words.h - the words of SQL that the normaliser has to know. Everything else is a name.
 *
 * The list is not a grammar: a word is in it because a rule asks for it, or because it stands
 * before an operand (so a bracket after it is no call, and a minus after it is a sign).
 */
#pragma once

#include <stddef.h>

enum word {
    WORD_OTHER,
    WORD_PLAIN, /* in the table, no rule of its own */
    WORD_AFTER,
    WORD_ALTER,
    WORD_AND,
    WORD_ARRAY,
    WORD_AUTHORIZATION,
    WORD_BEFORE,
    WORD_BETWEEN,
    WORD_BY,
    WORD_CALL,
    WORD_CLOSE,
    WORD_COPY,
    WORD_CREATE,
    WORD_DEALLOCATE,
    WORD_DECLARE,
    WORD_DELETE,
    WORD_DISTINCT,
    WORD_DO,
    WORD_DROP,
    WORD_EXECUTE,
    WORD_FALSE,
    WORD_FETCH,
    WORD_FOR,
    WORD_FROM,
    WORD_GRANT,
    WORD_IDENTIFIED,
    WORD_IN,
    WORD_INSERT,
    WORD_INTO,
    WORD_IS,
    WORD_JOIN,
    WORD_KEY,
    WORD_LOCK,
    WORD_MERGE,
    WORD_NOT,
    WORD_NULL,
    WORD_OF,
    WORD_ON,
    WORD_OR,
    WORD_PASSWORD,
    WORD_RELEASE,
    WORD_REPLACE,
    WORD_REVOKE,
    WORD_ROLE,
    WORD_ROLLBACK,
    WORD_ROW,
    WORD_SAVEPOINT,
    WORD_SELECT,
    WORD_SET,
    WORD_STDIN,
    WORD_TABLE,
    WORD_TO,
    WORD_TRANSACTION,
    WORD_TRUE,
    WORD_TRUNCATE,
    WORD_TYPE, /* kinds of things that CREATE, ALTER and DROP take: VIEW, INDEX, ... */
    WORD_UPDATE,
    WORD_USING,
    WORD_VALUES,
    WORD_WITH,
};

enum word_trait {
    WORD_SPACED = 1,    /* a bracket after it is set apart: `IN (`, not `count(` */
    WORD_OPERAND = 2,   /* an operand follows */
    WORD_VERB = 4,      /* as the first word of a statement it is the operation */
    WORD_ENDS_FROM = 8, /* no more tables after it */
    WORD_SKIPPED = 16,  /* may stand between FROM, JOIN, INTO, TABLE, ... and the name */
    WORD_VALUE = 32,    /* a value follows rather than a column */
};

struct word_row {
    unsigned char size;
    unsigned char traits; /* enum word_trait */
    unsigned char word;   /* enum word */
    const char *text;     /* lower case */
};

/* Any case. NULL: not in the table. */
const struct word_row *word_find(const unsigned char *text, size_t size);
