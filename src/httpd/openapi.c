/* SPDX-License-Identifier: MIT */
/* openapi.c - OpenAPI 3.1: the rows of answer_kinds[] and of httpd_routes[], their parameters and
 * shapes. Nothing is listed here that the server does not look up in the same tables.
 */
#include "httpd/openapi.h"

#include <stdio.h>
#include <string.h>

#include "httpd/own.h"
#include "httpd/shapes.h"

#define API "/api/v1/"

static void write_param(struct jsonw *json, const char *kind, const char *word, size_t size)
{
    char name[48] = {0};
    memcpy(name, word, size < sizeof name ? size : sizeof name - 1);
    const struct shape_param *param = shape_of_param(kind, name);
    jsonw_object_begin(json);
    jsonw_key_string(json, "name", name);
    jsonw_key_string(json, "in", "query");
    if (param)
        jsonw_key_string(json, "description", param->help);
    jsonw_key(json, "schema");
    shape_write_type(json, param ? param->type : "s");
    jsonw_object_end(json);
}

static void write_params(struct jsonw *json, const char *kind, const char *words)
{
    for (const char *at = words + strspn(words, " "); *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        write_param(json, kind, at, size);
        at += size;
    }
}

static void write_id_param(struct jsonw *json)
{
    jsonw_object_begin(json);
    jsonw_key_string(json, "name", "id");
    jsonw_key_string(json, "in", "path");
    jsonw_key_bool(json, "required", true);
    jsonw_key(json, "schema");
    shape_write_type(json, "s");
    jsonw_object_end(json);
}

static void content_begin(struct jsonw *json, const char *media_type)
{
    jsonw_key(json, "content");
    jsonw_object_begin(json);
    jsonw_key(json, media_type);
    jsonw_object_begin(json);
    jsonw_key(json, "schema");
}

static void content_end(struct jsonw *json)
{
    jsonw_object_end(json);
    jsonw_object_end(json);
}

static void write_schema(struct jsonw *json, const struct shape_answer *answer)
{
    if (!answer)
        shape_write_type(json, "o");
    else if (answer->list)
        shape_write_list(json, answer->shape);
    else
        shape_write_ref(json, answer->shape);
}

static void write_responses(struct jsonw *json, const char *status, const char *media_type,
                            const struct shape_answer *answer)
{
    jsonw_key(json, "responses");
    jsonw_object_begin(json);
    jsonw_key(json, status);
    jsonw_object_begin(json);
    jsonw_key_string(json, "description", "the answer");
    content_begin(json, media_type);
    write_schema(json, answer);
    content_end(json);
    jsonw_object_end(json);
    jsonw_key(json, "default");
    jsonw_object_begin(json);
    jsonw_key_string(json, "description", "why not, and what to do about it");
    content_begin(json, REPLY_JSON);
    shape_write_ref(json, "Error");
    content_end(json);
    jsonw_object_end(json);
    jsonw_object_end(json);
}

static void write_answer(struct jsonw *json, const struct answer_kind *kind, bool with_id)
{
    char path[80];
    snprintf(path, sizeof path, API "%s%s", kind->name, with_id ? "/{id}" : "");
    jsonw_key(json, path);
    jsonw_object_begin(json);
    jsonw_key(json, "get");
    jsonw_object_begin(json);
    jsonw_key_string(json, "summary", kind->help);
    jsonw_key(json, "parameters");
    jsonw_array_begin(json);
    if (with_id) {
        write_id_param(json);
    } else {
        write_params(json, kind->name, answer_filters);
        write_params(json, kind->name, kind->params ? kind->params : "");
    }
    jsonw_array_end(json);
    write_responses(json, "200", REPLY_JSON, shape_of_answer(kind->name, with_id));
    jsonw_object_end(json);
    jsonw_object_end(json);
}

static void write_request_body(struct jsonw *json, const char *shape)
{
    jsonw_key(json, "requestBody");
    jsonw_object_begin(json);
    jsonw_key_bool(json, "required", true);
    content_begin(json, REPLY_JSON);
    shape_write_ref(json, shape);
    content_end(json);
    jsonw_object_end(json);
}

static void write_route(struct jsonw *json, const struct route *route)
{
    const char *name = route->path + strlen(API);
    jsonw_key(json, route->path);
    jsonw_object_begin(json);
    jsonw_key(json, route->post ? "post" : "get");
    jsonw_object_begin(json);
    jsonw_key_string(json, "summary", route->help);
    if (route->body_shape)
        write_request_body(json, route->body_shape);
    char status[12] = "200";
    if (route->good_status)
        snprintf(status, sizeof status, "%u", route->good_status);
    write_responses(json, status, route->media_type ? route->media_type : REPLY_JSON,
                    shape_of_answer(name, false));
    jsonw_object_end(json);
    jsonw_object_end(json);
}

static void write_paths(struct jsonw *json)
{
    jsonw_key(json, "paths");
    jsonw_object_begin(json);
    for (const struct answer_kind *kind = answer_kinds; kind->name; kind++) {
        write_answer(json, kind, false);
        if (kind->takes_id)
            write_answer(json, kind, true);
    }
    for (const struct route *route = httpd_routes; route->path; route++)
        if (route->help)
            write_route(json, route);
    jsonw_object_end(json);
}

static void write_components(struct jsonw *json)
{
    jsonw_key(json, "components");
    jsonw_object_begin(json);
    jsonw_key(json, "securitySchemes");
    jsonw_object_begin(json);
    jsonw_key(json, "token");
    jsonw_object_begin(json);
    jsonw_key_string(json, "type", "http");
    jsonw_key_string(json, "scheme", "bearer");
    jsonw_object_end(json);
    jsonw_object_end(json);
    jsonw_key(json, "schemas");
    jsonw_object_begin(json);
    for (const struct shape *shape = shapes; shape->name; shape++) {
        jsonw_key(json, shape->name);
        shape_write(json, shape);
    }
    jsonw_object_end(json);
    jsonw_object_end(json);
}

/* The token, or nothing: on loopback there need not be one. */
static void write_security(struct jsonw *json)
{
    jsonw_key(json, "security");
    jsonw_array_begin(json);
    jsonw_object_begin(json);
    jsonw_key(json, "token");
    jsonw_array_begin(json);
    jsonw_array_end(json);
    jsonw_object_end(json);
    jsonw_object_begin(json);
    jsonw_object_end(json);
    jsonw_array_end(json);
}

void openapi_write(struct buf *out)
{
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "openapi", "3.1.0");
    jsonw_key(&json, "info");
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "title", "pitviper serve");
    jsonw_key_string(&json, "version", PITVIPER_VERSION);
    jsonw_object_end(&json);
    write_security(&json);
    write_paths(&json);
    write_components(&json);
    jsonw_object_end(&json);
    buf_add_char(out, '\n');
}
