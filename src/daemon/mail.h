/* SPDX-License-Identifier: MIT */
/* mail.h - what the sampler (and the API) hand to the keeper, in order.
 *
 * Ownership: a letter given to mail_post() belongs to the mailbox, one from mail_take() to the
 * caller: letter_free(). Threads: any may post, one takes. What waits is bounded: beyond
 * MAIL_MAX_BYTES a window or samples are thrown away and counted (the disk must be standing still).
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/book.h"
#include "daemon/tally.h"
#include "model/profile.h"

#define MAIL_MAX_BYTES ((size_t)32 << 20)

enum letter_kind {
    LETTER_STARTED, /* a process is sampled from now on */
    LETTER_ENDED,
    LETTER_WINDOW,  /* what it did */
    LETTER_SAMPLES, /* of requests */
    LETTER_EVENT,
};

/* The stack of a request at an instant. */
struct request_sample {
    uint64_t request, mono_ns, duration_ns;
    uint32_t node;
};

struct letter {
    struct letter *next;
    enum letter_kind kind;
    struct book *book; /* a reference; NULL for events that are of no process */
    uint64_t at_ns;    /* wall clock */
    bool is_quiet;     /* STARTED, ENDED: the process is the same as before, only its book is new */

    /* LETTER_WINDOW: it begins at at_ns. Labels are NUL-ended texts one behind the other, the
     * first is "". */
    struct tally_row *cpu, *wall;
    uint32_t cpu_count, wall_count;
    char *labels;
    uint32_t label_count;
    uint32_t rate_hz;
    struct profile_stats stats;

    struct request_sample *samples; /* LETTER_SAMPLES */
    uint32_t sample_count;

    /* LETTER_EVENT; NULL means the book's, or "". */
    const char *event; /* kind: static storage */
    char *service, *version, *text;
};

struct mail {
    pthread_mutex_t lock;
    struct letter *first, **last;
    size_t bytes;
    uint64_t lost_letters;
};

void mail_init(struct mail *mail);
void mail_done(struct mail *mail);

/* NULL: no memory. `book` may be NULL; a reference of its own is taken. */
struct letter *letter_new(enum letter_kind kind, struct book *book, uint64_t at_ns);
void letter_free(struct letter *letter); /* NULL is fine */

void mail_post(struct mail *mail, struct letter *letter); /* NULL is fine: counted as lost */
struct letter *mail_take(struct mail *mail);              /* NULL: there is none */
uint64_t mail_lost(struct mail *mail);
