/* SPDX-License-Identifier: MIT */
#include "cli/draw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/tty.h"

#define KEY_COLUMNS 12 /* of a page of explanations */

int draw_text(int row, int column, int columns, const char *text, size_t size, enum fit_cut cut,
              attr_t attributes)
{
    struct fit_text fit;
    if (columns <= 0)
        return 0;
    fit_text(&fit, text, size, (unsigned)columns, cut);
    attrset(attributes);
    mvaddnwstr(row, column, fit.text, (int)fit.count);
    attrset(A_NORMAL);
    return (int)fit.columns;
}

int draw_words(int row, int column, int columns, const char *text, attr_t attributes)
{
    return draw_text(row, column, columns, text, strlen(text), FIT_CUT_END, attributes);
}

int draw_format(int row, int column, int columns, attr_t attributes, const char *format, ...)
{
    char text[1024];
    va_list words;
    va_start(words, format);
    vsnprintf(text, sizeof text, format, words);
    va_end(words);
    return draw_words(row, column, columns, text, attributes);
}

void draw_bar(int row, int column, double value, attr_t attributes)
{
    wchar_t bar = fit_bar(value);
    attrset(attributes);
    mvaddnwstr(row, column, &bar, 1);
    attrset(A_NORMAL);
}

void draw_fill(int row, int column, int columns, attr_t attributes)
{
    attrset(attributes);
    for (int i = 0; i < columns; i++)
        mvaddch(row, column + i, ' ');
    attrset(A_NORMAL);
}

attr_t draw_pair(const struct tty_look *look, enum draw_colour colour)
{
    return look->colour && colour != DRAW_PLAIN ? (attr_t)COLOR_PAIR((int)colour) : 0;
}

void draw_shorten(const char *command, char *out, size_t size)
{
    size_t used = 0;
    for (const char *word = command; *word && used + 1 < size;) {
        size_t length = strcspn(word, " "), from = 0;
        for (size_t i = 0; *word == '/' && i + 1 < length; i++)
            if (word[i] == '/')
                from = i + 1;
        length += word[length] == ' ';
        while (from < length && used + 1 < size)
            out[used++] = word[from++];
        word += length;
    }
    out[used] = '\0';
}

/* ---- lines of pieces ----------------------------------------------------------------------- */

void draw_piece(struct draw_line *line, attr_t attributes, const char *format, ...)
{
    char text[512];
    va_list words;
    va_start(words, format);
    vsnprintf(text, sizeof text, format, words);
    va_end(words);
    struct fit_text fit;
    fit_text(&fit, text, strlen(text), FIT_MAX, FIT_CUT_END);
    int gap = line->column ? DRAW_GAP : 0;
    if (line->is_full || line->column + gap + (int)fit.columns > line->end) {
        line->is_full = true;
        return;
    }
    line->column += gap;
    line->column += draw_words(line->row, line->column, line->end - line->column, text, attributes);
}

uint32_t draw_first(uint32_t first, uint32_t position, uint32_t count, uint32_t page)
{
    if (first + page > count)
        first = count > page ? count - page : 0;
    if (position < first)
        first = position;
    return position >= first + page ? position - page + 1 : first;
}

/* How much of `text` goes on a line of `columns`: up to a space, or as much as there is. */
static size_t line_size(const char *text, size_t columns)
{
    size_t size = strlen(text), fits = columns;
    if (size <= columns)
        return size;
    while (fits > 0 && text[fits] != ' ')
        fits--;
    return fits ? fits : columns;
}

void draw_explain(struct draw_page *page, const char *label, const char *text)
{
    int columns = page->area.columns - KEY_COLUMNS - 1;
    for (bool is_first = true; *text; is_first = false, page->line++) {
        size_t size = line_size(text, columns > KEY_COLUMNS ? (size_t)columns : KEY_COLUMNS);
        int row = (int)(page->line - page->first);
        if (page->line >= page->first && row < page->area.rows) {
            if (is_first)
                draw_words(page->area.row + row, 1, KEY_COLUMNS - 1, label, page->label_attributes);
            draw_text(page->area.row + row, KEY_COLUMNS + 1, columns, text, size, FIT_CUT_END, 0);
        }
        text += size;
        text += *text == ' ';
    }
}
