/* SPDX-License-Identifier: MIT */
/* query_http.c - the same question to a running daemon, through libcurl.
 *
 * Never through a proxy and never after a redirection: the token is for the host that was named.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/query.h"

#define CONNECT_S 5L
#define ANSWER_S 60L
#define HEADER_MAX 4200

static int add_escaped(CURL *curl, const char *text, struct buf *url)
{
    char *escaped = curl_easy_escape(curl, text, (int)strlen(text));
    if (!escaped)
        return ERR_NO_MEMORY;
    buf_add_str(url, escaped);
    curl_free(escaped);
    return 0;
}

static int make_url(CURL *curl, const struct query_place *place,
                    const struct query_question *question, struct buf *url)
{
    size_t size = strlen(place->url);
    int result = 0;
    while (size && place->url[size - 1] == '/')
        size--;
    buf_add(url, place->url, size);
    buf_add_str(url, "/api/v1/");
    buf_add_str(url, question->name);
    if (question->id) {
        buf_add_char(url, '/');
        result = add_escaped(curl, question->id, url);
    }
    for (size_t i = 0; i < question->param_count && result == 0; i++) {
        buf_printf(url, "%c%s=", i ? '&' : '?', question->params[i].name);
        result = add_escaped(curl, question->params[i].value, url);
    }
    return buf_failed(url) ? ERR_NO_MEMORY : result;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct buf *out = context;
    buf_add(out, data, size * count);
    return buf_failed(out) ? 0 : size * count; /* 0 ends it */
}

static int say_unreachable(const struct query_place *place, CURLcode code, const char *reason,
                           struct err *err)
{
    const char *url = place->url;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return err_set(err, ERR_IO,
                       "%s: nothing answers there; is `pitviper serve` running? Without --url the "
                       "store itself is asked",
                       url);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(err, ERR_IO, "%s: the host is not known", url);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_IO, "%s: no answer in time; ask for a shorter range", url);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(err, ERR_USAGE, "--url %s: not an address as http://127.0.0.1:7117", url);
    case CURLE_WRITE_ERROR:
        return err_set(err, ERR_LIMIT, "%s: the answer is too large; ask for less of it", url);
    default:
        return err_set(err, ERR_IO, "%s: %s", url, reason);
    }
}

static int code_of_status(long status)
{
    return status == 400                    ? ERR_USAGE
           : status == 401 || status == 403 ? ERR_DENIED
           : status == 404                  ? ERR_NOT_FOUND
           : status == 413                  ? ERR_LIMIT
           : status == 422                  ? ERR_BAD_DATA
                                            : ERR_IO;
}

static int say_refused(const struct query_place *place, long status, struct buf *body,
                       struct err *err)
{
    json_error_t where;
    json_t *answer = body->size ? json_loadb(body->data, body->size, 0, &where) : NULL;
    const char *sentence = json_string_value(json_object_get(answer, "error"));
    int result = code_of_status(status);
    if (status == 401)
        err_set(err, result, "%s: %s", place->url,
                place->token ? "the token is not the one that it wants"
                             : "it wants a token; --token-file FILE says which");
    else if (sentence)
        err_set(err, result, "%s", sentence);
    else
        err_set(err, result, "%s: status %ld, and no answer of pitviper", place->url, status);
    json_decref(answer);
    return result;
}

static struct curl_slist *make_headers(const struct query_place *place)
{
    char header[HEADER_MAX];
    if (!place->token)
        return NULL;
    snprintf(header, sizeof header, "Authorization: Bearer %s", place->token);
    return curl_slist_append(NULL, header);
}

static void prepare(CURL *curl, const char *url, const struct curl_slist *headers, struct buf *out,
                    char reason[CURL_ERROR_SIZE])
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "pitviper/" PITVIPER_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
}

static int perform(CURL *curl, const struct query_place *place, const char *url, struct buf *out,
                   struct err *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct buf body;
    long status = 0;
    struct curl_slist *headers = make_headers(place);
    buf_init(&body, ANSWER_MAX_BYTES);
    prepare(curl, url, headers, &body, reason);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    int result = 0;
    if (code != CURLE_OK)
        result = say_unreachable(place, code, *reason ? reason : curl_easy_strerror(code), err);
    else if (status != 200)
        result = say_refused(place, status, &body, err);
    else
        buf_add(out, body.data, body.size);
    curl_slist_free_all(headers);
    buf_done(&body);
    return result;
}

int query_http_ask(const struct query_place *place, const struct query_question *question,
                   struct buf *out, struct err *err)
{
    CURL *curl = curl_easy_init();
    struct buf url;
    buf_init(&url, 0);
    int result = curl ? make_url(curl, place, question, &url) : ERR_NO_MEMORY;
    if (result < 0)
        err_set(err, result, "out of memory");
    else
        result = perform(curl, place, url.data, out, err);
    buf_done(&url);
    curl_easy_cleanup(curl);
    return result;
}
