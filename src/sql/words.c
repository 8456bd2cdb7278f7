/* SPDX-License-Identifier: MIT */
#include "sql/words.h"

#include <string.h>

#define WORD_BYTES_MAX 13u

#define S WORD_SPACED
#define O WORD_OPERAND
#define V WORD_VERB
#define E WORD_ENDS_FROM
#define K WORD_SKIPPED
#define L WORD_VALUE
#define ROW(text, traits, word)                                                                    \
    {                                                                                              \
        sizeof(text) - 1, traits, word, text                                                       \
    }

/* One short list per first letter, the frequent words first. */
#define LETTER(letter) [letter - 'a'] = (const struct word_row[])
#define LAST                                                                                       \
    {                                                                                              \
        0, 0, 0, 0                                                                                 \
    }

static const struct word_row *const by_letter[26] = {
    LETTER('a'){ROW("and", S | O, WORD_AND), ROW("as", S | O, WORD_PLAIN),
                ROW("asc", S, WORD_PLAIN), ROW("all", S | O, WORD_PLAIN),
                ROW("any", S | O, WORD_PLAIN), ROW("array", S | O, WORD_ARRAY),
                ROW("after", S, WORD_AFTER), ROW("alter", S | V, WORD_ALTER),
                ROW("analyze", S | V, WORD_PLAIN), ROW("abort", V, WORD_PLAIN),
                ROW("attach", V, WORD_PLAIN), ROW("authorization", S, WORD_AUTHORIZATION), LAST},
    LETTER('b'){ROW("by", S | O, WORD_BY), ROW("between", S | O | L, WORD_BETWEEN),
                ROW("begin", S | V, WORD_PLAIN), ROW("before", S, WORD_BEFORE), LAST},
    LETTER('c'){ROW("case", S | O, WORD_PLAIN), ROW("cross", S, WORD_PLAIN),
                ROW("commit", S | V, WORD_PLAIN), ROW("create", S | V, WORD_CREATE),
                ROW("collate", S, WORD_PLAIN), ROW("call", V, WORD_CALL),
                ROW("close", V, WORD_CLOSE), ROW("copy", S | V, WORD_COPY),
                ROW("comment", V, WORD_PLAIN), ROW("check", S | O, WORD_PLAIN),
                ROW("conflict", S, WORD_PLAIN), ROW("concurrently", S | K, WORD_PLAIN), LAST},
    LETTER('d'){ROW("desc", S | V, WORD_PLAIN), ROW("distinct", S | O, WORD_DISTINCT),
                ROW("delete", S | V, WORD_DELETE), ROW("default", S | O | L, WORD_PLAIN),
                ROW("do", S | O | V, WORD_DO), ROW("drop", S | V, WORD_DROP),
                ROW("date", 0, WORD_PLAIN), ROW("declare", S | V, WORD_DECLARE),
                ROW("describe", S | V, WORD_PLAIN), ROW("detach", V, WORD_PLAIN),
                ROW("discard", V, WORD_PLAIN), ROW("database", 0, WORD_TYPE),
                ROW("deallocate", V, WORD_DEALLOCATE), LAST},
    LETTER('e'){ROW("end", S | V, WORD_PLAIN), ROW("else", S | O | L, WORD_PLAIN),
                ROW("exists", S | K, WORD_PLAIN), ROW("escape", S | O | L, WORD_PLAIN),
                ROW("except", S | O | E, WORD_PLAIN), ROW("exec", S | V, WORD_EXECUTE),
                ROW("execute", S | V, WORD_EXECUTE), ROW("explain", S | V, WORD_PLAIN), LAST},
    LETTER('f'){ROW("from", S, WORD_FROM), ROW("for", S | O | E, WORD_FOR),
                ROW("false", S, WORD_FALSE), ROW("fetch", S | O | V | E, WORD_FETCH),
                ROW("filter", S, WORD_PLAIN), ROW("function", S, WORD_TYPE), LAST},
    LETTER('g'){ROW("group", S | E, WORD_PLAIN), ROW("grant", S | V, WORD_GRANT),
                ROW("glob", S | O | L, WORD_PLAIN), LAST},
    LETTER('h'){ROW("having", S | O | E, WORD_PLAIN), LAST},
    LETTER('i'){
        ROW("in", S | O | L, WORD_IN), ROW("is", S | O, WORD_IS), ROW("inner", S, WORD_PLAIN),
        ROW("into", S, WORD_INTO), ROW("insert", S | V, WORD_INSERT), ROW("if", K, WORD_PLAIN),
        ROW("ilike", S | O | L, WORD_PLAIN), ROW("ignore", K, WORD_PLAIN),
        ROW("index", S, WORD_TYPE), ROW("interval", S | O | L, WORD_PLAIN),
        ROW("intersect", S | O | E, WORD_PLAIN), ROW("identified", 0, WORD_IDENTIFIED), LAST},
    LETTER('j'){ROW("join", S, WORD_JOIN), LAST},
    LETTER('k'){ROW("key", S, WORD_KEY), ROW("kill", S | O | V, WORD_PLAIN), LAST},
    LETTER('l'){ROW("limit", S | O | E | L, WORD_PLAIN), ROW("like", S | O | L, WORD_PLAIN),
                ROW("lateral", S | K, WORD_PLAIN), ROW("lock", S | V, WORD_LOCK),
                ROW("listen", V, WORD_PLAIN), ROW("load", V, WORD_PLAIN), LAST},
    LETTER('m'){ROW("merge", S | V, WORD_MERGE), ROW("minus", S | O | E, WORD_PLAIN),
                ROW("match", S | O | L, WORD_PLAIN), ROW("move", S | V, WORD_FETCH), LAST},
    LETTER('n'){ROW("not", S | O | K, WORD_NOT), ROW("null", S, WORD_NULL),
                ROW("notify", V, WORD_PLAIN), LAST},
    LETTER('o'){ROW("on", S | O, WORD_ON), ROW("or", S | O, WORD_OR),
                ROW("order", S | E, WORD_PLAIN), ROW("outer", S, WORD_PLAIN),
                ROW("offset", S | O | E | L, WORD_PLAIN), ROW("over", S, WORD_PLAIN),
                ROW("only", S | K, WORD_PLAIN), ROW("of", S, WORD_OF),
                ROW("optimize", V, WORD_PLAIN), ROW("outfile", S | K, WORD_PLAIN), LAST},
    LETTER('p'){ROW("partition", S, WORD_PLAIN), ROW("prepare", V, WORD_PLAIN),
                ROW("pragma", V, WORD_PLAIN), ROW("password", 0, WORD_PASSWORD),
                ROW("procedure", S, WORD_TYPE), LAST},
    LETTER('r'){ROW("returning", S | O | E, WORD_PLAIN), ROW("return", S | O | L, WORD_PLAIN),
                ROW("replace", V, WORD_REPLACE), ROW("release", V, WORD_RELEASE),
                ROW("rollback", V, WORD_ROLLBACK), ROW("regexp", S | O | L, WORD_PLAIN),
                ROW("rlike", S | O | L, WORD_PLAIN), ROW("row", 0, WORD_ROW),
                ROW("role", 0, WORD_ROLE), ROW("revoke", S | V, WORD_REVOKE),
                ROW("reset", V, WORD_PLAIN), ROW("reindex", V, WORD_PLAIN),
                ROW("refresh", V, WORD_PLAIN), LAST},
    LETTER('s'){ROW("select", S | O | V, WORD_SELECT), ROW("set", S | O | V | E, WORD_SET),
                ROW("some", S | O, WORD_PLAIN), ROW("show", S | V, WORD_PLAIN),
                ROW("start", S | O | V, WORD_PLAIN), ROW("savepoint", V, WORD_SAVEPOINT),
                ROW("similar", S, WORD_PLAIN), ROW("stdin", S, WORD_STDIN),
                ROW("schema", S, WORD_TYPE), ROW("sequence", S, WORD_TYPE), LAST},
    LETTER('t'){ROW("then", S | O | L, WORD_PLAIN), ROW("true", S, WORD_TRUE),
                ROW("table", S | K, WORD_TABLE), ROW("to", S | O, WORD_TO),
                ROW("top", S | O | K, WORD_PLAIN), ROW("timestamp", 0, WORD_PLAIN),
                ROW("time", 0, WORD_PLAIN), ROW("transaction", S, WORD_TRANSACTION),
                ROW("tran", S, WORD_TRANSACTION), ROW("truncate", V, WORD_TRUNCATE),
                ROW("trigger", S, WORD_TYPE), LAST},
    LETTER('u'){ROW("update", S | V, WORD_UPDATE), ROW("union", S | O | E, WORD_PLAIN),
                ROW("using", S, WORD_USING), ROW("use", V, WORD_PLAIN),
                ROW("unique", S, WORD_PLAIN), LAST},
    LETTER('v'){ROW("values", S | O | E | L, WORD_VALUES), ROW("value", S | O, WORD_PLAIN),
                ROW("view", S, WORD_TYPE), ROW("vacuum", S | V, WORD_PLAIN), LAST},
    LETTER('w'){ROW("where", S | O | E, WORD_PLAIN), ROW("when", S | O | L, WORD_PLAIN),
                ROW("with", S, WORD_WITH), ROW("within", S, WORD_PLAIN),
                ROW("window", S | E, WORD_PLAIN), ROW("work", S, WORD_PLAIN), LAST},
    LETTER('x'){ROW("xor", S | O, WORD_PLAIN), LAST},
};

const struct word_row *word_find(const unsigned char *text, size_t size)
{
    char lower[WORD_BYTES_MAX];
    unsigned letter = (text[0] | 32u) - 'a';
    if (size > WORD_BYTES_MAX || letter >= 26 || !by_letter[letter])
        return NULL;
    for (size_t i = 0; i < size; i++)
        lower[i] = (char)(text[i] | 32);
    for (const struct word_row *row = by_letter[letter]; row->text; row++)
        if (row->size == size && memcmp(row->text, lower, size) == 0)
            return row;
    return NULL;
}
