/* SPDX-License-Identifier: MIT */
/* locals.h - arguments and local variables of one frame, as text.
 *
 * PRIVACY: this is the one part of pitviper that looks at an application's data. It serves
 * `pitviper dump --locals`, which a person asks for, and prints to that person's terminal. Nothing
 * else may include this header: not recordings, not the daemon, nothing that stores or sends.
 *
 * The target runs on (unless the caller has stopped it). The code pointer of the frame must be the
 * one expected before and after, and each variable is read until all that was followed is proven to
 * have held at one instant (target/journal.h); "<changing>" when a few readings were not. A frame
 * that was left and whose memory has not been reused cannot be told from a live one: read the stack
 * again afterwards and compare.
 *
 * Ownership: the caller's storage, _init / _done. Threads: as the target's.
 * Cost:      tens of reads per variable, at most LOCALS_MAX variables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "target/target.h"
#include "unwind/repr.h"
#include "unwind/stack.h"

#define LOCALS_MAX 1024u           /* variables of a frame; further ones are not read */
#define LOCALS_TEXT_MAX (4u << 20) /* bytes of all names and values together */

enum local_kind {
    LOCAL_ARGUMENT,
    LOCAL_VARIABLE,
    LOCAL_CELL,      /* a variable that inner functions use too */
    LOCAL_FREE,      /* a variable of an outer function */
    LOCAL_NAMESPACE, /* a name in the body of a class or module */
};

struct local {
    enum local_kind kind;
    bool changing; /* no value could be proven: it is rebound all the time */
    uint32_t name; /* both: offsets in locals.text, use locals_text() */
    uint32_t value;
};

struct locals {
    struct local *list; /* arguments first, in the order of the code object; without unbound ones */
    uint32_t count;
    bool cut; /* there were more than LOCALS_MAX, or than fit LOCALS_TEXT_MAX */

    /* private */
    uint32_t capacity;
    struct buf text;
};

struct locals_options {
    struct repr_limits limits;
    bool namespaces; /* show those of class and module bodies as well */
};

void locals_init(struct locals *locals);
void locals_done(struct locals *locals);

/* Replaces the list by the variables of `frame`. 0, or ERR_TORN (the frame is not there any more),
 * ERR_UNSUPPORTED, ERR_GONE, ERR_DENIED, ERR_NO_MEMORY; the list is empty then. */
int locals_read(struct target *target, const struct raw_frame *frame,
                const struct locals_options *options, struct locals *out);

/* A name or a value; until the next locals_read(). */
static inline const char *locals_text(const struct locals *locals, uint32_t offset)
{
    return locals->text.data + offset;
}

/* "argument", "variable", "cell", "free", "namespace". */
const char *local_kind_name(enum local_kind kind);
