/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/jsonw.h"

#define COLOR_RED "\033[31m"
#define COLOR_YELLOW "\033[33m"
#define COLOR_NONE "\033[0m"
#define LINE_MAX_BYTES 1024

static bool quiet;
static bool as_json;
static bool progress_shown;

static bool on_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static bool has_color(void)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: present and not empty */
    return on_terminal() && !(no_color && *no_color);
}

static void put_json(const char *level, const char *line)
{
    char time_text[32];
    struct timespec now;
    struct tm parts;
    struct jsonw json;
    struct buf out;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time_text + used, sizeof time_text - used, ".%03dZ", (int)(now.tv_nsec / 1000000));
    buf_init(&out, 0);
    jsonw_init(&json, &out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "time", time_text);
    jsonw_key_string(&json, "level", level);
    jsonw_key_string(&json, "message", line);
    jsonw_object_end(&json);
    buf_add_char(&out, '\n');
    if (!buf_failed(&out))
        dprintf(STDERR_FILENO, "%s", out.data);
    buf_done(&out);
}

/* One write() per line, so that lines of several processes do not mix. */
static void put(const char *level, const char *color, const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    log_progress_end();
    vsnprintf(line, sizeof line, format, args);
    if (as_json) {
        put_json(level, line);
        return;
    }
    bool colored = color && has_color();
    dprintf(STDERR_FILENO, "%spitviper:%s %s\n", colored ? color : "", colored ? COLOR_NONE : "",
            line);
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put("error", COLOR_RED, format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put("warning", COLOR_YELLOW, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    if (quiet)
        return;
    va_list args;
    va_start(args, format);
    put("info", NULL, format, args);
    va_end(args);
}

void log_set_json(bool value)
{
    as_json = value;
}

void log_set_quiet(bool value)
{
    quiet = value;
}

bool log_has_progress(void)
{
    return !quiet && on_terminal();
}

/* Bytes of `text` that fill at most `columns`; a byte that continues a character takes none. */
static int fitting(const char *text, unsigned columns)
{
    int size = 0;
    for (; text[size]; size++)
        if (((unsigned char)text[size] & 0xc0) != 0x80 && columns-- == 0)
            break;
    return size;
}

void log_progress(const char *format, ...)
{
    if (!log_has_progress())
        return;
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    struct winsize window = {0};
    unsigned columns = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1)
        columns = window.ws_col;
    dprintf(STDERR_FILENO, "\r%.*s\033[K", fitting(line, columns - 1), line);
    progress_shown = true;
}

void log_progress_end(void)
{
    if (progress_shown)
        dprintf(STDERR_FILENO, "\r\033[K");
    progress_shown = false;
}
