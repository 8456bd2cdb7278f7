/* SPDX-License-Identifier: MIT */
/* code.h - code objects of one process, decoded once and kept honest.
 *
 * Turns (code object, instruction) into a frame of the profile. A code object's address may be
 * given to another one after it died; code_check() reads the identity of those in use again and
 * drops what has changed. After a drop `epoch` is higher and frame ids remembered elsewhere must be
 * asked for again.
 *
 * Ownership: code_new() / code_free(); borrows target and profile, which must live longer.
 * Cost: a hit is two hash look-ups; a miss reads the target five to nine times and allocates.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/profile.h"
#include "target/target.h"
#include "unwind/stack.h"

enum code_line {
    CODE_LINE_CURRENT, /* the line being executed */
    CODE_LINE_FIRST,   /* where the function begins (-F) */
    CODE_LINE_NONE,    /* --nolineno */
};

struct code_options {
    enum code_line line;
    bool full_filenames;
};

struct code_cache {
    uint64_t epoch;         /* grows with every entry dropped */
    uint64_t dropped_total; /* identities that had changed */
    uint64_t failed_total;  /* code objects that could not be read */
    struct code_state *state;
};

struct code_cache *code_new(struct target *target, struct profile *profile,
                            const struct code_options *options);
void code_free(struct code_cache *cache);

/* The profile's frame for `raw`; PROFILE_NONE when it is not a code object or cannot be read. */
uint32_t code_frame(struct code_cache *cache, const struct raw_frame *raw);

/* Is this the code of a generator, coroutine or asynchronous generator? Then it cannot be outermost
 * on a stack. False also for what cannot be read. */
bool code_is_generator(struct code_cache *cache, const struct raw_frame *raw);

/* Is the object at raw->code still the one that was there when raw->identity was read? Looks again
 * when the cache says no. True where no identity was read. */
bool code_is_same(struct code_cache *cache, const struct raw_frame *raw);

/* What is known about calls. `caller` NULL: the outermost frame. */
enum code_edge {
    CODE_EDGE_KNOWN,
    CODE_EDGE_NEW,        /* nothing is known of this call site */
    CODE_EDGE_SURPRISING, /* the site is known to call something else */
    CODE_EDGE_OTHER_SITE, /* the caller is known to call this from another place */
};
enum code_edge code_edge_look(struct code_cache *cache, const struct raw_frame *caller,
                              const struct raw_frame *callee);
void code_edge_learn(struct code_cache *cache, const struct raw_frame *caller,
                     const struct raw_frame *callee);
/* Notes that one more round has shown this call; returns how many have. */
uint32_t code_edge_note(struct code_cache *cache, const struct raw_frame *caller,
                        const struct raw_frame *callee);

enum code_verdict {
    CODE_FINE,
    CODE_FLEETING, /* fine, but objects are on the stack that may be replaced at any moment */
    CODE_CHANGED,  /* an entry was dropped, or the look itself was interrupted */
};

/* Reads again the identity of those code objects in the stack that are due: objects whose file is
 * not a real one always, others when `max_age_ns` has passed since they were looked at. */
enum code_verdict code_check(struct code_cache *cache, const struct raw_frame *frames,
                             uint32_t count, uint64_t now_ns, uint64_t max_age_ns);

/* May this code be replaced at any moment (no real file behind it, or its address was used before)?
 */
bool code_is_fleeting(struct code_cache *cache, const struct raw_frame *raw);
