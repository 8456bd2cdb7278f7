/* SPDX-License-Identifier: MIT */
/* repr.h - a value of another process as one short line of text.
 *
 * What Python's repr() would show for None, bool, int, float, str, bytes, list, tuple, dict, set,
 * frozenset and classes, cut to the limits; `module.Class(…)` for instances of subclasses of int,
 * str, bytes, list, tuple and dict; `<module.Class at 0x…>` for everything else. No code of the
 * target runs. Text is valid UTF-8 without control characters, so it is safe to print.
 *
 * Cut text is followed by "…", cut containers end in "… 12 more", what is too deep is "…", what
 * cannot be read (or has moved on) is "<unreadable>".
 *
 * Privacy: this shows the application's data. Only locals.c may call repr_object().
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "target/target.h"

#define REPR_TEXT_MAX 1000u /* ceilings of the limits below */
#define REPR_ITEMS_MAX 64u
#define REPR_DEPTH_MAX 8u
#define REPR_OBJECTS_MAX 500u /* looked at for one value; those beyond are "…" */

struct repr_limits {
    uint32_t text_max;  /* characters of a str, bytes of a bytes; 0: 80 */
    uint32_t items_max; /* of a container; 0: 6 */
    uint32_t depth_max; /* of containers in containers; 0: 3 */
};

/* Appends. 0, or ERR_GONE, ERR_DENIED. The target runs on: see target/journal.h for being sure. */
int repr_object(struct target *target, uint64_t object, const struct repr_limits *limits,
                struct buf *out);

/* Appends an integer that the interpreter keeps unboxed (3.14+). */
void repr_small_int(int64_t value, struct buf *out);

/* Appends text as Python would within quotes: control, invisible and direction-changing characters
 * become escapes. `quote` is escaped too, 0: none. At most `limit` characters; false: it was cut.
 */
bool repr_escape(const char *text, size_t size, char quote, uint32_t limit, struct buf *out);
