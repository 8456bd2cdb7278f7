/* SPDX-License-Identifier: MIT */
/* top_draw.h - the screens of top, between header and bottom line. */
#pragma once

#include "cli/draw.h"

struct group;
struct top;

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

/* Scrolls top->first so that top->position is among `page` items, and notes the page. */
void draw_scroll(struct top *top, uint32_t count, int page);
