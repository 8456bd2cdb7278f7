/* SPDX-License-Identifier: MIT */
/* text.h - names of a foreign program inside formats that have rules.
 *
 * A name may hold any byte but NUL. Every function here repairs what is not UTF-8 (surrogates and
 * overlong forms included) to U+FFFD, byte by byte, so what comes out is always valid; each then
 * applies the rules of one family of formats. Cost: one pass, runs of plain ASCII are copied whole.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/profile.h"

/* Size of the character at `text` (1 to 4), its code point in *code; 0: not UTF-8. */
size_t text_char(const char *text, size_t size, uint32_t *code);

/* Valid UTF-8, otherwise as it was. */
void text_add_utf8(struct buf *out, const char *text, size_t size);
/* One line of plain text: control characters become spaces, and so does each byte of `not_allowed`
 * become `instead`. */
void text_add_line(struct buf *out, const char *text, size_t size, char not_allowed, char instead);
/* A JSON string with its quotes; also safe inside <script>: "<" and U+2028/9 are escaped. */
void text_add_json(struct buf *out, const char *text, size_t size);
void text_add_json_cstring(struct buf *out, const char *text);
/* For XML and HTML text and quoted attributes; characters XML forbids become U+FFFD. */
void text_add_xml(struct buf *out, const char *text, size_t size);

/* "name (file:line)" of a frame, raw, appended. */
void text_add_label(struct buf *out, const struct profile *profile, uint32_t frame);
