/* SPDX-License-Identifier: MIT */
/* linetable.h - from a byte offset in the code to a source line.
 *
 * The three formats of CPython 3.6 to 3.15 (Objects/lnotab_notes.txt; Objects/locations.md, later
 * InternalDocs/code_objects.md) decode into one: an ascending array of ranges. Decoding is done
 * once per code object; a look-up is a binary search.
 * Pure; input is foreign memory: any bytes are fine, the result is bounded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyabi/pyabi.h"

struct line_range {
    uint32_t start; /* byte offset of the first instruction; the range ends where the next begins */
    int32_t line;   /* 0: no line */
};

struct linetable {
    struct line_range *ranges;
    uint32_t count;
};

/* 0 or ERR_NO_MEMORY. A damaged table decodes as far as it makes sense. */
int linetable_decode(enum pyabi_lines format, const void *data, size_t size, int32_t first_line,
                     struct linetable *out);
void linetable_done(struct linetable *table);

/* The line of the instruction at byte offset `lasti`; `first_line` when lasti < 0 or before all. */
int32_t linetable_find(const struct linetable *table, int32_t lasti, int32_t first_line);
