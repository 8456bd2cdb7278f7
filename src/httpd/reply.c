/* SPDX-License-Identifier: MIT */
#include "httpd/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/jsonw.h"
#include "codec/gzip.h"
#include "httpd/wishes.h"

#define PACK_MIN_BYTES 1000u

/* Scripts of a downloaded flame graph or profile page run in a frame that has no origin: what they
 * could ask of this server is refused like any foreign page's, and they may load nothing. */
#define POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'; sandbox"
#define POLICY_DOCUMENT                                                                            \
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "   \
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox allow-scripts "          \
    "allow-downloads"

void reply_init(struct reply *reply, size_t ceiling)
{
    *reply = (struct reply){.status = MHD_HTTP_OK, .media_type = REPLY_JSON};
    buf_init(&reply->body, ceiling);
}

void reply_done(struct reply *reply)
{
    buf_done(&reply->body);
}

static void write_error(struct reply *reply, unsigned status, const char *text)
{
    struct jsonw json;
    buf_done(&reply->body); /* it may have been large */
    buf_init(&reply->body, 0);
    reply->status = status;
    reply->media_type = REPLY_JSON;
    reply->fixed = NULL;
    reply->policy = NULL;
    reply->gzip = false;
    reply->tag[0] = 0;
    jsonw_init(&json, &reply->body);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "error", text);
    jsonw_key_u64(&json, "status", status);
    jsonw_object_end(&json);
    buf_add_char(&reply->body, '\n');
}

void reply_error(struct reply *reply, unsigned status, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_error(reply, status, text);
}

void reply_failure(struct reply *reply, int code, const struct err *err)
{
    unsigned status = (unsigned)err_http_status(code);
    write_error(reply, status, *err->text ? err->text : err_text(code));
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        reply->retry_after_s = 1;
}

static bool is_packable(const char *media_type)
{
    return !strncmp(media_type, "text/", 5) || strstr(media_type, "json") ||
           strstr(media_type, "xml") || strstr(media_type, "javascript");
}

/* Leaves the body as it is when it cannot be packed. */
static void pack(struct reply *reply)
{
    struct gzip *gzip = gzip_new();
    struct buf packed;
    buf_init(&packed, 0);
    if (gzip && gzip_push(gzip, &reply->body, true, &packed) == 0) {
        buf_done(&reply->body);
        reply->body = packed;
        reply->gzip = true;
    } else {
        buf_done(&packed);
    }
    gzip_free(gzip);
}

void reply_finish(struct reply *reply, const struct reply_wish *wish)
{
    const void *data = reply->fixed ? reply->fixed : reply->body.data;
    size_t size = reply->fixed ? reply->fixed_size : reply->body.size;
    if (buf_failed(&reply->body)) {
        write_error(reply, MHD_HTTP_CONTENT_TOO_LARGE,
                    "the answer would be too large; ask for a shorter range or a smaller limit");
        return;
    }
    if (reply->status != MHD_HTTP_OK)
        return;
    XXH128_hash_t hash = XXH3_128bits(data ? data : "", size);
    snprintf(reply->tag, sizeof reply->tag, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    bool packs = wish->gzip && size >= PACK_MIN_BYTES && is_packable(reply->media_type);
    if (wishes_have_tag(wish->have, reply->tag)) {
        reply->status = MHD_HTTP_NOT_MODIFIED;
        reply->gzip = packs;
        reply->fixed = NULL;
        buf_done(&reply->body);
    } else if (packs && reply->fixed && reply->fixed_gzip) {
        reply->fixed = reply->fixed_gzip;
        reply->fixed_size = reply->fixed_gzip_size;
        reply->gzip = true;
    } else if (packs && !reply->fixed) {
        pack(reply);
    }
}

void reply_headers(struct MHD_Response *response, const char *media_type, const char *policy)
{
    bool document = !strncmp(media_type, "text/html", 9) || strstr(media_type, "svg");
    if (!policy)
        policy = document ? POLICY_DOCUMENT : POLICY_NOTHING;
    const char *const headers[][2] = {
        {"Content-Type", media_type},
        {"Content-Security-Policy", policy},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cache-Control", "private, no-cache"},
        {"Vary", "Accept, Accept-Encoding, Authorization"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static struct MHD_Response *make_response(struct reply *reply, size_t *size)
{
    if (reply->fixed) {
        *size = reply->fixed_size;
        return MHD_create_response_from_buffer(*size, (void *)(uintptr_t)reply->fixed,
                                               MHD_RESPMEM_PERSISTENT);
    }
    *size = 0;
    if (reply->status == MHD_HTTP_NOT_MODIFIED)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    char *data = buf_take(&reply->body, size);
    struct MHD_Response *response =
        data ? MHD_create_response_from_buffer(*size, data, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!response)
        free(data);
    return response;
}

enum MHD_Result reply_send(struct reply *reply, struct MHD_Connection *connection, size_t *size)
{
    char text[64];
    struct MHD_Response *response = make_response(reply, size);
    if (!response)
        return MHD_NO; /* out of memory: the library closes the connection */
    reply_headers(response, reply->media_type, reply->policy);
    if (*reply->tag) {
        snprintf(text, sizeof text, "\"%s%s\"", reply->tag, reply->gzip ? "-gzip" : "");
        MHD_add_response_header(response, "ETag", text);
    }
    if (reply->gzip && reply->status == MHD_HTTP_OK)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    if (reply->allow)
        MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"pitviper\"");
    if (reply->retry_after_s) {
        snprintf(text, sizeof text, "%u", reply->retry_after_s);
        MHD_add_response_header(response, "Retry-After", text);
    }
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}
