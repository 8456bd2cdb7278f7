/* SPDX-License-Identifier: MIT */
/* top_draw.h - drawing on the terminal: texts in columns, and the screens between header and bottom
 * line. */
#pragma once

#include <curses.h>
#include <stddef.h>

#include "live/fit.h"

struct group;
struct top;

enum draw_colour { DRAW_PLAIN, DRAW_RED, DRAW_YELLOW, DRAW_GREEN, DRAW_CYAN };

/* What of the terminal a screen may use. */
struct draw_area {
    int row, rows, columns;
};

/* A text of any origin in at most `columns` columns from (row, column); the columns it took. */
int draw_text(int row, int column, int columns, const char *text, size_t size, enum fit_cut cut,
              attr_t attributes);
int draw_words(int row, int column, int columns, const char *text, attr_t attributes);
int draw_format(int row, int column, int columns, attr_t attributes, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void draw_bar(int row, int column, double value, attr_t attributes);
void draw_fill(int row, int column, int columns, attr_t attributes);

/* The attribute of a colour; 0 without colours. */
attr_t draw_colour(const struct top *top, enum draw_colour colour);

/* The screens (top_screens.c, top_table.c). */
void draw_table(struct top *top, struct draw_area area);
void draw_drill(struct top *top, struct draw_area area);
void draw_threads(struct top *top, struct draw_area area);
void draw_help(struct top *top, struct draw_area area);

/* "name  file:line" of untrusted texts in `room` columns; attributes 0: the file is dim. */
void draw_group(const struct top *top, int row, int column, int room, const struct group *group,
                attr_t attributes);

/* "/usr/bin/python3 /srv/app.py -v" is known as "python3 app.py -v". */
void draw_shorten(const char *command, char *out, size_t size);

/* Scrolls top->first so that top->position is among `page` items, and notes the page. */
void draw_scroll(struct top *top, uint32_t count, int page);
