/* SPDX-License-Identifier: MIT */
/* json.h - writes JSON into a struct buf as it comes; nothing is kept but where commas go.
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

struct json {
    struct buf *out;
    bool wants_comma; /* the next value or key is not the first of its object or array */
};

void json_init(struct json *json, struct buf *out);

void json_object_begin(struct json *json);
void json_object_end(struct json *json);
void json_array_begin(struct json *json);
void json_array_end(struct json *json);
void json_key(struct json *json, const char *key);

void json_string(struct json *json, const char *text);
void json_string_n(struct json *json, const char *text, size_t size);
void json_u64(struct json *json, uint64_t value);
void json_i64(struct json *json, int64_t value);
void json_double(struct json *json, double value);
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
void json_raw(struct json *json, const char *text, size_t size); /* one value, already JSON */

/* key and value in one go */
void json_key_string(struct json *json, const char *key, const char *text);
void json_key_u64(struct json *json, const char *key, uint64_t value);
void json_key_i64(struct json *json, const char *key, int64_t value);
void json_key_double(struct json *json, const char *key, double value);
void json_key_bool(struct json *json, const char *key, bool value);

/* The repair alone: appends text as valid UTF-8, unescaped. For the other text formats. */
void json_repair_utf8(struct buf *out, const char *text, size_t size);
