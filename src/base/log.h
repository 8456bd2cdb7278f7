/* SPDX-License-Identifier: MIT */
/* log.h - talk on standard error, for programs (level 5 and up); libraries return errors instead.
 *
 * Every line begins "pitviper: ". Colour only on a terminal, and not with NO_COLOR or TERM=dumb.
 * A progress line is shown on terminals only, is replaced by the next one, and makes way for
 * messages.
 *
 * Threads: one thread talks while there is progress; without, any may: a line is one write. Not for
 * signal handlers.
 */
#pragma once

#include <stdbool.h>

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lines become {"time": "2025-01-31T12:00:00.000Z", "level": "warning", "message": "..."}. */
void log_set_json(bool json);

/* log_info() lines and progress are dropped (--quiet). */
void log_set_quiet(bool quiet);

/* Replaces the progress line; cut to the terminal's width. Nothing when not on a terminal. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_progress_end(void);
bool log_has_progress(void); /* would log_progress() show anything? */
