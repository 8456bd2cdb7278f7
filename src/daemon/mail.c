/* SPDX-License-Identifier: MIT */
#include "daemon/mail.h"

#include <stdlib.h>

void mail_init(struct mail *mail)
{
    *mail = (struct mail){.last = &mail->first};
    pthread_mutex_init(&mail->lock, NULL);
}

void mail_done(struct mail *mail)
{
    for (struct letter *letter; (letter = mail_take(mail));)
        letter_free(letter);
    pthread_mutex_destroy(&mail->lock);
}

struct letter *letter_new(enum letter_kind kind, struct book *book, uint64_t at_ns)
{
    struct letter *letter = calloc(1, sizeof *letter);
    if (!letter)
        return NULL;
    letter->kind = kind;
    letter->book = book ? book_ref(book) : NULL;
    letter->at_ns = at_ns;
    return letter;
}

void letter_free(struct letter *letter)
{
    if (!letter)
        return;
    book_unref(letter->book);
    free(letter->cpu);
    free(letter->wall);
    free(letter->labels);
    free(letter->samples);
    free(letter->service);
    free(letter->version);
    free(letter->text);
    free(letter);
}

static size_t bytes_of(const struct letter *letter)
{
    return sizeof *letter +
           (letter->cpu_count + (size_t)letter->wall_count) * sizeof(struct tally_row) +
           letter->sample_count * sizeof(struct request_sample);
}

/* Whose loss loses time, not the order of things. */
static bool may_be_lost(const struct letter *letter)
{
    return letter->kind == LETTER_WINDOW || letter->kind == LETTER_SAMPLES;
}

void mail_post(struct mail *mail, struct letter *letter)
{
    pthread_mutex_lock(&mail->lock);
    size_t bytes = letter ? bytes_of(letter) : 0;
    bool is_lost = !letter || (mail->bytes + bytes > MAIL_MAX_BYTES && may_be_lost(letter)) ||
                   mail->bytes + bytes > 2 * MAIL_MAX_BYTES;
    if (is_lost) {
        mail->lost_letters++;
    } else {
        mail->bytes += bytes;
        *mail->last = letter;
        mail->last = &letter->next;
    }
    pthread_mutex_unlock(&mail->lock);
    if (is_lost)
        letter_free(letter);
}

struct letter *mail_take(struct mail *mail)
{
    pthread_mutex_lock(&mail->lock);
    struct letter *letter = mail->first;
    if (letter) {
        mail->first = letter->next;
        if (!mail->first)
            mail->last = &mail->first;
        mail->bytes -= bytes_of(letter);
        letter->next = NULL;
    }
    pthread_mutex_unlock(&mail->lock);
    return letter;
}

uint64_t mail_lost(struct mail *mail)
{
    pthread_mutex_lock(&mail->lock);
    uint64_t lost = mail->lost_letters;
    pthread_mutex_unlock(&mail->lock);
    return lost;
}
