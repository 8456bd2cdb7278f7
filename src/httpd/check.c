/* SPDX-License-Identifier: MIT */
/* check.c - what is refused before it is looked at: too much, malformed, foreign, without a token.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "httpd/own.h"
#include "httpd/wishes.h"

struct host_count {
    unsigned count;
};

static enum MHD_Result count_host(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct host_count *hosts = context;
    (void)kind;
    (void)value;
    hosts->count += !strcasecmp(name, "Host");
    return MHD_YES;
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool refuse(struct request *request, unsigned status, const char *sentence)
{
    reply_error(&request->reply, status, "%s", sentence);
    request->httpd->refused++;
    return false;
}

static bool check_head(struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info && info->header_size > HTTPD_HEAD_MAX_BYTES)
        return refuse(request, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                      "the head of the request is larger than 8192 bytes");
    if (request->uri_result < 0)
        return refuse(request, (unsigned)err_http_status(request->uri_result),
                      request->uri_err.text);
    return true;
}

/* A page of another origin may send requests, but not hide that it did. */
static bool is_foreign(const struct request *request, const char *host)
{
    const char *origin = request_header(request, "Origin");
    const char *site = request_header(request, "Sec-Fetch-Site");
    const char *mode = request_header(request, "Sec-Fetch-Mode");
    if (origin && !guard_origin(origin, host))
        return true;
    if (!site || !strcmp(site, "same-origin") || !strcmp(site, "none"))
        return false;
    return !mode || strcmp(mode, "navigate") != 0; /* a link from elsewhere is fine */
}

static bool check_names(struct request *request)
{
    struct host_count hosts = {0};
    const char *host = request_header(request, "Host");
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_host, &hosts);
    if (hosts.count != 1)
        return refuse(request, MHD_HTTP_BAD_REQUEST, "a request needs exactly one Host header");
    if (!host || !guard_host(&request->httpd->guard, host))
        return refuse(request, MHD_HTTP_FORBIDDEN,
                      "this name is not known here; add it to allowed_hosts, or ask by address");
    if (is_foreign(request, host))
        return refuse(request, MHD_HTTP_FORBIDDEN, "requests of other origins are refused");
    return true;
}

static bool check_access(struct request *request)
{
    struct httpd *httpd = request->httpd;
    bool certificate = httpd->tls.client_ca.size > 0;
    if (request->route && request->route->open)
        return true;
    if (certificate && tls_client_is_known(request->connection))
        return true;
    if (httpd->guard.token ? guard_token(&httpd->guard, request_header(request, "Authorization"))
                           : !certificate)
        return true;
    return refuse(request, MHD_HTTP_UNAUTHORIZED,
                  httpd->guard.token
                      ? "send the token as Authorization: Bearer TOKEN (the page: append "
                        "#token=TOKEN to its address)"
                      : "show a certificate that the server's client CA has signed");
}

static bool check_body(struct request *request)
{
    const char *type = request_header(request, "Content-Type");
    const char *length = request_header(request, "Content-Length");
    size_t size = type ? strcspn(type, "; \t") : 0;
    if (size != strlen(REPLY_JSON) || strncasecmp(type, REPLY_JSON, size) != 0)
        return refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                      "the body must be sent as Content-Type: application/json");
    if (length && (strlen(length) > 6 || atol(length) > (long)BODY_MAX_BYTES))
        return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than 65536 bytes");
    return true;
}

bool request_check(struct request *request, const char *method)
{
    bool post = !strcmp(method, "POST");
    const char *allow = NULL;
    if (!check_head(request) || !check_names(request))
        return false;
    bool found = route_find(request, post, &allow);
    if (!check_access(request))
        return false;
    if (!found && !allow)
        return refuse(request, MHD_HTTP_NOT_FOUND,
                      "there is nothing at this address; /api/v1/openapi.json lists what there is");
    if (allow || (!post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)) {
        request->reply.allow = allow ? allow : request->route->post ? "POST" : "GET, HEAD";
        return refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, "this address has other methods");
    }
    if (!request->route->any_params && request->uri.param_count > 0)
        return refuse(request, MHD_HTTP_BAD_REQUEST, "this address takes no parameters");
    return !post || check_body(request);
}
