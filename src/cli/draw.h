/* SPDX-License-Identifier: MIT */
/* draw.h - drawing on the terminal: texts of any origin in columns that fit. */
#pragma once

#include <curses.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live/fit.h"

struct tty_look;

#define DRAW_GAP 2 /* columns between pieces */

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
attr_t draw_pair(const struct tty_look *look, enum draw_colour colour);

/* "/usr/bin/python3 /srv/app.py -v" is known as "python3 app.py -v". */
void draw_shorten(const char *command, char *out, size_t size);

/* A line of pieces in order of importance: what does not fit is left out whole. */
struct draw_line {
    int row, column, end;
    bool is_full; /* a piece was left out: the later ones are, too */
};
void draw_piece(struct draw_line *line, attr_t attributes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The item to begin with, so that `position` is among the `page` items shown. */
uint32_t draw_first(uint32_t first, uint32_t position, uint32_t count, uint32_t page);

/* A page of "label  what it is": call draw_explain() for each; lines before `first` are above the
 * screen. `line` counts on. */
struct draw_page {
    struct draw_area area;
    attr_t label_attributes;
    uint32_t first, line;
};
void draw_explain(struct draw_page *page, const char *label, const char *text);
