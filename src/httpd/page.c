/* SPDX-License-Identifier: MIT */
#include "httpd/page.h"

#include <string.h>

#include "codec/gzip.h"

extern const char web_index_html[], web_app_js[], web_app_css[];
extern const size_t web_index_html_size, web_app_js_size, web_app_css_size;

static struct page_file files[] = {
    {.path = "/", .media_type = "text/html; charset=utf-8", .data = web_index_html},
    {.path = "/app.js", .media_type = "text/javascript; charset=utf-8", .data = web_app_js},
    {.path = "/app.css", .media_type = "text/css; charset=utf-8", .data = web_app_css},
};

#define FILE_COUNT (sizeof files / sizeof *files)

static void pack(struct page_file *file)
{
    struct gzip *gzip = gzip_new();
    struct buf in;
    buf_init(&in, 0);
    buf_init(&file->packed, 0);
    buf_add(&in, file->data, file->size);
    if (!gzip || gzip_push(gzip, &in, true, &file->packed) < 0)
        buf_done(&file->packed);
    buf_done(&in);
    gzip_free(gzip);
}

void page_init(void)
{
    files[0].size = web_index_html_size;
    files[1].size = web_app_js_size;
    files[2].size = web_app_css_size;
    for (size_t i = 0; i < FILE_COUNT; i++)
        pack(&files[i]);
}

void page_done(void)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        buf_done(&files[i].packed);
}

const struct page_file *page_find(const char *path)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        if (!strcmp(files[i].path, path))
            return &files[i];
    return NULL;
}
