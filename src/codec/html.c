/* SPDX-License-Identifier: MIT */
/* html.c - the page of web/ with the profile in it; docs/formats.md, "Page data".
 *
 * The profile is the same JSON that the json format writes. Small ones go in as they are, so that a
 * person can read them; others gzipped and in base64, a sixth of the size.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/formats.h"
#include "codec/gzip.h"
#include "codec/text.h"

#define PLAIN_BYTES ((size_t)256 << 10)
#define PLACE "<!--pitviper-data-->"

extern const char profile_html[];
extern const size_t profile_html_size;

static void add_base64(struct buf *out, const char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = (const unsigned char *)data;
    char *to = buf_reserve(out, (size + 2) / 3 * 4);
    if (!to)
        return;
    for (size_t at = 0; at < size; at += 3) {
        size_t have = size - at < 3 ? size - at : 3;
        uint32_t group = (uint32_t)bytes[at] << 16;
        group |= have > 1 ? (uint32_t)bytes[at + 1] << 8 : 0;
        group |= have > 2 ? bytes[at + 2] : 0;
        for (size_t i = 0; i < 4; i++)
            *to++ = i <= have ? digits[group >> (18 - 6 * i) & 63] : '=';
    }
    out->size += (size + 2) / 3 * 4;
}

/* The JSON as it comes, gzipped at once: never in memory as a whole. */
struct packer {
    struct gzip *gzip;
    struct buf packed;
    struct buf plain; /* all of it, as long as it is short */
    bool is_plain;
};

static int pack(void *context, struct buf *json, struct err *err)
{
    struct packer *packer = context;
    packer->is_plain &= packer->plain.size + json->size <= PLAIN_BYTES;
    if (packer->is_plain)
        buf_add(&packer->plain, json->data, json->size);
    if (gzip_push(packer->gzip, json, false, &packer->packed) < 0)
        return err_set(err, ERR_NO_MEMORY, "html: out of memory");
    return 0;
}

static int collect(struct packer *packer, const struct profile *profile,
                   const struct codec_options *options, struct err *err)
{
    struct codec_options how = options ? *options : (struct codec_options){0};
    struct buf json;
    buf_init(&json, 0);
    how.drain = pack;
    how.drain_context = packer;
    int result = json_profile_write(profile, &how, &json, err);
    if (result == 0)
        result = pack(packer, &json, err);
    if (result == 0 && gzip_push(packer->gzip, &json, true, &packer->packed) < 0)
        result = err_set(err, ERR_NO_MEMORY, "html: out of memory");
    buf_done(&json);
    return result;
}

static void add_data(struct buf *out, const struct packer *packer)
{
    if (packer->is_plain) {
        buf_add_str(out, "<script id=\"pitviper-data\" type=\"application/json\" "
                         "data-encoding=\"json\">");
        text_add_script_json(out, packer->plain.data, packer->plain.size);
    } else {
        buf_add_str(out, "<script id=\"pitviper-data\" type=\"text/plain\" "
                         "data-encoding=\"gzip+base64\">");
        add_base64(out, packer->packed.data, packer->packed.size);
    }
    buf_add_str(out, "</script>");
}

int html_write(const struct profile *profile, const struct codec_options *options, struct buf *out,
               struct err *err)
{
    const char *place = strstr(profile_html, PLACE);
    struct packer packer = {.gzip = gzip_new(), .is_plain = true};
    int result;
    if (!place)
        result = err_set(err, ERR_INTERNAL, "html: the page has no place for data");
    else if (!packer.gzip)
        result = err_set(err, ERR_NO_MEMORY, "html: out of memory");
    else
        result = collect(&packer, profile, options, err);
    if (result == 0) {
        const char *rest = place + sizeof PLACE - 1;
        buf_add(out, profile_html, (size_t)(place - profile_html));
        add_data(out, &packer);
        buf_add(out, rest, profile_html_size - (size_t)(rest - profile_html));
        result = codec_flush(options, out, err);
    }
    gzip_free(packer.gzip);
    buf_done(&packer.packed);
    buf_done(&packer.plain);
    return result;
}
