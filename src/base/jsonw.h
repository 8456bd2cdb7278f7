/* SPDX-License-Identifier: MIT */
/* jsonw.h - writes JSON into a struct buf as it comes; nothing is kept but where commas go.
 *
 * Strings may hold any bytes: what is not UTF-8 becomes U+FFFD, one per maximal broken
 * sequence, as browsers do it. Doubles are the shortest text that reads back the same; infinities
 * and NaN, which JSON does not have, become null. Keys and brackets are the caller's to balance.
 *
 * Errors are the buffer's (sticky); check buf_failed() once at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct jsonw {
    struct buf *out;
    bool wants_comma; /* the next value or key is not the first of its object or array */
};

void jsonw_init(struct jsonw *json, struct buf *out);

void jsonw_object_begin(struct jsonw *json);
void jsonw_object_end(struct jsonw *json);
void jsonw_array_begin(struct jsonw *json);
void jsonw_array_end(struct jsonw *json);
void jsonw_key(struct jsonw *json, const char *key);

void jsonw_string(struct jsonw *json, const char *text);
void jsonw_string_n(struct jsonw *json, const char *text, size_t size);
void jsonw_u64(struct jsonw *json, uint64_t value);
void jsonw_i64(struct jsonw *json, int64_t value);
void jsonw_double(struct jsonw *json, double value);
void jsonw_bool(struct jsonw *json, bool value);
void jsonw_null(struct jsonw *json);
void jsonw_raw(struct jsonw *json, const char *text, size_t size); /* one value, already JSON */

/* key and value in one go */
void jsonw_key_string(struct jsonw *json, const char *key, const char *text);
void jsonw_key_u64(struct jsonw *json, const char *key, uint64_t value);
void jsonw_key_i64(struct jsonw *json, const char *key, int64_t value);
void jsonw_key_double(struct jsonw *json, const char *key, double value);
void jsonw_key_bool(struct jsonw *json, const char *key, bool value);

/* The repair alone: appends text as valid UTF-8, unescaped. For the other text formats. */
void jsonw_repair_utf8(struct buf *out, const char *text, size_t size);
