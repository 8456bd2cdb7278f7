/* SPDX-License-Identifier: MIT */
/* fuzz_http.c - what a client sends, as far as it is ours to read: the target of a request, headers
 * about names, tokens and forms, posted bodies.
 *
 * The first byte chooses. What was parsed keeps its promises: names are unique, not empty, and with
 * their values lie inside what was allocated; no name but an allowed one passes; fields are in
 * their bounds; the token is the only one that is accepted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "httpd/body.h"
#include "httpd/guard.h"
#include "httpd/uri.h"
#include "httpd/wishes.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_uri(const char *text)
{
    struct uri uri;
    struct err err = {0};
    if (uri_parse(text, &uri, &err) == 0) {
        require(*uri.path == '/' && uri.param_count <= URI_MAX_PARAMS);
        for (size_t i = 0; i < uri.param_count; i++) {
            require(*uri.params[i].name && strlen(uri.params[i].value) <= URI_MAX_BYTES);
            for (size_t other = 0; other < i; other++)
                require(strcmp(uri.params[other].name, uri.params[i].name) != 0);
        }
    } else {
        require(*err.text);
    }
    uri_done(&uri);
}

/* A name that is not ours passes nowhere, whatever stands around it. */
static void check_guard(const char *text)
{
    static const struct guard guard = {"127.0.0.1", "pit.example", "0123456789abcdef"};
    bool passes = guard_host(&guard, text);
    if (passes)
        require(!strncasecmp(text, "localhost", 9) || !strncasecmp(text, "pit.example", 11) ||
                !strncmp(text, "127.", 4) || !strncmp(text, "[::1]", 5) ||
                !strncmp(text, "[0", 2) || !strncmp(text, "[:", 2) || !strncmp(text, "[127.", 5));
    if (guard_origin(text, "pit.example"))
        require(strstr(text, "://") && strlen(text) <= strlen("https://pit.example"));
    if (guard_token(&guard, text))
        require(strlen(text) == strlen("Bearer 0123456789abcdef") &&
                !strcmp(text + 7, guard.token));
}

static void check_wishes(const char *text)
{
    static const char *const names[] = {"gzip", "text/plain", "application/openmetrics-text"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        require(wishes_weight(text, names[i], 0) <= 1000);
    if (wishes_have_tag(text, "00112233445566778899aabbccddeeff"))
        require(strstr(text, "\"00112233445566778899aabbccddeeff") || strchr(text, '*'));
}

static void check_body(const char *text, size_t size)
{
    struct body body;
    struct err err = {0};
    int result = body_parse_deploy(text, size, &body, &err);
    if (result == 0)
        require(*body.service && strlen(body.service) <= BODY_NAME_MAX &&
                strlen(body.version) <= BODY_NAME_MAX && strlen(body.text) <= BODY_TEXT_MAX);
    else
        require(result == ERR_USAGE && *err.text);
    body_done(&body);
    result = body_parse_boost(text, size, &body, &err);
    if (result == 0)
        require(*body.service && body.rate_hz >= 1 && body.rate_hz <= BODY_RATE_MAX &&
                body.seconds >= 1 && body.seconds <= BODY_SECONDS_MAX);
    body_done(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size); /* without the choice, with a NUL: no byte more than there is */
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    switch (*data % 4) {
    case 0:
        check_uri(text);
        break;
    case 1:
        check_guard(text);
        break;
    case 2:
        check_wishes(text);
        break;
    default:
        check_body(text, size - 1);
        break;
    }
    free(text);
    return 0;
}
