/* SPDX-License-Identifier: MIT */
/* journal.h - proof by reading again.
 *
 * Objects are followed from pointer to pointer, one read after the other, while the target runs on:
 * an object may be freed and its address given to another meanwhile. So whoever needs to be sure
 * sets target->journal, follows the pointers, and then lets journal_prove() read all of it twice
 * more in one call, forth and back. When everything is still as it was, it all held at one instant,
 * the middle of that call (a change and a change back within it aside).
 *
 * Ownership: the caller's storage, _init / _done; clear target->journal before _done.
 * Cost:      a copy per read; the proof about 0.3 us per noted read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define JOURNAL_NOTES_MAX 4096u
#define JOURNAL_BYTES_MAX ((size_t)1 << 20)

struct target;

struct journal_note {
    uint64_t address;
    uint32_t size;
    uint32_t at; /* in data */
};

struct target_journal {
    struct journal_note *notes;
    uint32_t count, capacity;
    uint8_t *data; /* what was read */
    size_t size, data_capacity;
    bool full; /* something did not fit: nothing can be proven */
};

void journal_init(struct target_journal *journal);
void journal_done(struct target_journal *journal);
void journal_reset(struct target_journal *journal);

/* Notes what a read of `got` bytes brought; for target_readv(). */
void journal_add(struct target_journal *journal, const void *local, size_t got,
                 const struct iovec *remote, size_t count);

/* 0: all that was noted held at one instant. Otherwise ERR_TORN, ERR_LIMIT (too much for a proof),
 * ERR_NO_MEMORY, ERR_GONE, ERR_DENIED. */
int journal_prove(const struct target_journal *journal, struct target *target);
