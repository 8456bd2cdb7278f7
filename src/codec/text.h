/* SPDX-License-Identifier: MIT */
/* text.h - names of a foreign program inside formats that have rules.
 *
 * A name may hold any byte but NUL. Every function here first repairs what is not UTF-8
 * (jsonw_repair_utf8), so what comes out is always valid, and then applies the rules of one
 * family of formats. For JSON see base/jsonw.h.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "model/profile.h"

/* One line of plain text: control characters, line separators, and characters that reverse the
 * order or show nothing become spaces, and each byte `banned` (0: none) becomes `instead`. */
void text_add_line(struct buf *out, const char *text, size_t size, char banned, char instead);

/* XML and HTML text and quoted attributes; characters that XML forbids become U+FFFD. */
void text_add_xml(struct buf *out, const char *text, size_t size);

/* JSON text (where these only occur in strings) for a script element of HTML or XML. */
void text_add_script_json(struct buf *out, const char *json, size_t size);

/* "name (file:line)" of a frame, raw. */
void text_add_label(struct buf *out, const struct profile *profile, uint32_t frame);
