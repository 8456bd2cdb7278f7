/* SPDX-License-Identifier: MIT */
/* command.h - what a Python program is called, from its command line.
 *
 *     python3 /srv/shop/worker.py --fast           worker.py
 *     python3 manage.py runserver                  shop/manage.py runserver   (in /srv/shop)
 *     python3 -m http.server 8000                  http.server
 *     gunicorn -w 4 shop.wsgi:app                  gunicorn shop.wsgi:app
 *     gunicorn: worker [shop.wsgi:app]             gunicorn shop.wsgi:app
 *     celery -A tasks worker                       celery -A tasks
 *
 * Pure. Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_MAX_WORDS 128u

struct command {
    const char *words[COMMAND_MAX_WORDS]; /* into the arguments; each ended by NUL */
    size_t count;
};

/* `arguments`: as in /proc/PID/cmdline, with a NUL behind it; borrowed. */
void command_split(struct command *command, const char *arguments, size_t size);

/* `folder`: where it runs; "" when not known. False: there is nothing to go by. */
bool command_name(const struct command *command, const char *folder, char *out, size_t size);

/* A process that multiprocessing started for another one. */
bool command_is_helper(const char *arguments, size_t size);

/* Copies text that others wrote: control characters become '?', what is too long is cut on a
 * character. */
void command_copy(char *out, size_t size, const char *text, size_t length);
