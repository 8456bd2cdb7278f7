/* SPDX-License-Identifier: MIT */
/* page.h - the page's files, which are bytes of the program (web/meson.build). */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Nothing but these files, and nothing but this server's answers. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' " \
    "data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct page_file {
    const char *path, *media_type;
    const char *data;
    size_t size;
    struct buf packed; /* empty: not */
};

/* Packs them; once, before the first page_find(). */
void page_init(void);
void page_done(void);
const struct page_file *page_find(const char *path); /* NULL: none */
