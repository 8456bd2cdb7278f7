/* SPDX-License-Identifier: MIT */
#include "target/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "target/target.h"

#define PIECES_PER_CALL 1024u /* IOV_MAX */

void journal_init(struct target_journal *journal)
{
    *journal = (struct target_journal){0};
}

void journal_done(struct target_journal *journal)
{
    free(journal->notes);
    free(journal->data);
    *journal = (struct target_journal){0};
}

void journal_reset(struct target_journal *journal)
{
    journal->count = 0;
    journal->size = 0;
    journal->full = false;
}

static bool make_room(struct target_journal *journal, size_t size)
{
    if (journal->count >= JOURNAL_NOTES_MAX || size > JOURNAL_BYTES_MAX - journal->size)
        return false;
    if (journal->count == journal->capacity) {
        uint32_t capacity = journal->capacity ? journal->capacity * 2 : 64;
        void *moved = realloc(journal->notes, capacity * sizeof *journal->notes);
        if (!moved)
            return false;
        journal->notes = moved;
        journal->capacity = capacity;
    }
    if (journal->size + size > journal->data_capacity) {
        size_t capacity = journal->data_capacity ? journal->data_capacity : 4096;
        while (capacity < journal->size + size)
            capacity *= 2;
        void *moved = realloc(journal->data, capacity);
        if (!moved)
            return false;
        journal->data = moved;
        journal->data_capacity = capacity;
    }
    return true;
}

void journal_add(struct target_journal *journal, const void *local, size_t got,
                 const struct iovec *remote, size_t count)
{
    const uint8_t *bytes = local;
    for (size_t i = 0; i < count && got && !journal->full; i++) {
        size_t size = remote[i].iov_len < got ? remote[i].iov_len : got;
        journal->full = !make_room(journal, size);
        if (journal->full)
            return;
        memcpy(journal->data + journal->size, bytes, size);
        journal->notes[journal->count++] = (struct journal_note){
            (uint64_t)(uintptr_t)remote[i].iov_base, (uint32_t)size, (uint32_t)journal->size};
        journal->size += size;
        bytes += size;
        got -= size;
    }
}

/* Reads pieces [first, first + count) of the sequence forth and back, and compares. */
static int prove_part(const struct target_journal *journal, struct target *target, uint8_t *bytes,
                      uint32_t first, uint32_t count)
{
    struct iovec pieces[PIECES_PER_CALL];
    const struct journal_note *notes[PIECES_PER_CALL];
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = first + i;
        notes[i] = &journal->notes[at < journal->count ? at : 2 * (size_t)journal->count - 1 - at];
        pieces[i] = (struct iovec){(void *)(uintptr_t)notes[i]->address, notes[i]->size};
        size += notes[i]->size;
    }
    ssize_t got = target_readv(target, bytes, size, pieces, count);
    if (got < 0 || (size_t)got != size)
        return got < 0 && got != ERR_FAULT ? (int)got : ERR_TORN;
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(bytes, journal->data + notes[i]->at, notes[i]->size) != 0)
            return ERR_TORN;
        bytes += notes[i]->size;
    }
    return 0;
}

int journal_prove(const struct target_journal *journal, struct target *target)
{
    struct target_journal *noting = target->journal;
    uint32_t total = 2 * journal->count;
    int result = 0;
    if (journal->full)
        return ERR_LIMIT;
    uint8_t *bytes = malloc(2 * journal->size + 1);
    if (!bytes)
        return ERR_NO_MEMORY;
    target->journal = NULL;
    for (uint32_t first = 0; first < total && result == 0; first += PIECES_PER_CALL) {
        uint32_t left = total - first;
        result = prove_part(journal, target, bytes, first,
                            left < PIECES_PER_CALL ? left : PIECES_PER_CALL);
    }
    target->journal = noting;
    free(bytes);
    return result;
}
