/* SPDX-License-Identifier: MIT */
#include "daemon/book.h"

#include <stdlib.h>
#include <string.h>

struct book *book_new(void)
{
    struct book *book = calloc(1, sizeof *book);
    if (!book)
        return NULL;
    book->profile = profile_new();
    if (!book->profile) {
        free(book);
        return NULL;
    }
    atomic_init(&book->references, 1);
    pthread_mutex_init(&book->lock, NULL);
    return book;
}

struct book *book_new_like(const struct book *book)
{
    struct book *fresh = book_new();
    if (!fresh)
        return NULL;
    fresh->pid = book->pid;
    fresh->started_ns = book->started_ns;
    fresh->who = book->who;
    memcpy(fresh->command, book->command, sizeof fresh->command);
    memcpy(fresh->python, book->python, sizeof fresh->python);
    return fresh;
}

struct book *book_ref(struct book *book)
{
    atomic_fetch_add_explicit(&book->references, 1, memory_order_relaxed);
    return book;
}

void book_unref(struct book *book)
{
    if (!book || atomic_fetch_sub_explicit(&book->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&book->lock);
    profile_free(book->profile);
    free(book);
}

bool book_is_full(const struct book *book)
{
    const struct profile *profile = book->profile;
    return profile->node_count > BOOK_MAX_NODES || profile->string_count > BOOK_MAX_NODES ||
           profile->thread_count > BOOK_MAX_NODES / 8;
}
