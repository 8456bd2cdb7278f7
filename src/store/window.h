/* SPDX-License-Identifier: MIT */
/* window.h - what one series was seen doing in one window: (actor, node) → count, weight.
 *
 * A list of entries in any order while it is filled; window_tidy() sorts it and adds up what is
 * equal. Numbers are those of one file's dictionary.
 *
 * Ownership: window_init() / window_done().
 */
#pragma once

#include "base/buf.h"
#include "model/profile.h"

struct dict;

struct window_entry {
    uint32_t actor, node;
    uint64_t count, weight_ns;
};

struct window {
    struct window_entry *entries;
    uint32_t count, capacity;
    uint32_t tidy_count; /* the first so many are in order and different */
    bool own_weights;    /* entries' weights say more than their counts */
    struct profile_stats stats;
    uint64_t period_ns; /* 0: unknown, or not always the same */
    bool has_period;
};

/* A section: the entries of one actor, which follow each other in a decoded window. */
struct window_section {
    uint32_t actor;
    uint32_t first, count; /* entries */
    uint64_t samples, weight_ns;
};

struct window_sections {
    struct window_section *items;
    uint32_t count, capacity;
};

void window_init(struct window *window);
void window_done(struct window *window);
void window_reset(struct window *window);

/* 0 or ERR_NO_MEMORY. */
int window_add(struct window *window, const struct window_entry *entry);
void window_add_facts(struct window *window, const struct profile_stats *stats, uint64_t period_ns,
                      bool own_weights);
void window_tidy(struct window *window);
/* Tidies when much has come since the last time: bounds what a long roll-up takes. */
void window_tidy_when_large(struct window *window);

/* Tidies, then appends the bytes. */
void window_encode(struct window *window, struct buf *out);

/* Appends the entries to `window` (which may be NULL: sections only) and replaces the sections.
 * Every number is checked against the dictionary. 0, ERR_BAD_DATA, ERR_NO_MEMORY. */
int window_decode(const struct dict *dict, const void *data, size_t size, struct window *window,
                  struct window_sections *sections);
void window_sections_done(struct window_sections *sections);
