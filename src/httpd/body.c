/* SPDX-License-Identifier: MIT */
#include "httpd/body.h"

#include <jansson.h>
#include <string.h>

struct field {
    const char *name;
    uint32_t min, max; /* length of strings, value of numbers */
    const char **string;
    uint32_t *number;
};

static int read_field(const struct field *field, const json_t *value, struct err *err)
{
    if (field->string) {
        if (!json_is_string(value))
            return err_set(err, ERR_USAGE, "%s must be a string", field->name);
        size_t size = json_string_length(value);
        if (size < field->min || size > field->max)
            return err_set(err, ERR_USAGE, "%s must have %u to %u bytes", field->name, field->min,
                           field->max);
        *field->string = json_string_value(value);
        return 0;
    }
    json_int_t number = json_integer_value(value); /* 0 when it is none */
    if (!json_is_integer(value) || number < field->min || number > field->max)
        return err_set(err, ERR_USAGE, "%s must be a whole number from %u to %u", field->name,
                       field->min, field->max);
    *field->number = (uint32_t)number;
    return 0;
}

static const struct field *find_field(const struct field *fields, const char *name)
{
    for (; fields->name; fields++)
        if (!strcmp(fields->name, name))
            return fields;
    return NULL;
}

/* `fields` ends with a row without a name; those with min 0 may be left out. */
static int read_object(const char *text, size_t size, const struct field *fields, struct body *body,
                       struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    const char *name;
    json_t *value;
    int result;
    body->parsed = root;
    if (!json_is_object(root))
        return err_set(err, ERR_USAGE, "the body must be a JSON object%s%s", root ? "" : ": ",
                       root ? "" : why.text);
    json_object_foreach(root, name, value)
    {
        const struct field *field = find_field(fields, name);
        if (!field)
            return err_set(err, ERR_USAGE, "%.100s is no field of this request", name);
        result = read_field(field, value, err);
        if (result < 0)
            return result;
    }
    for (; fields->name; fields++)
        if (fields->min > 0 && !json_object_get(root, fields->name))
            return err_set(err, ERR_USAGE, "%s is missing", fields->name);
    return 0;
}

int body_parse_deploy(const char *json, size_t size, struct body *body, struct err *err)
{
    *body = (struct body){.version = "", .text = ""};
    const struct field fields[] = {
        {"service", 1, BODY_NAME_MAX, .string = &body->service},
        {"version", 0, BODY_NAME_MAX, .string = &body->version},
        {"text", 0, BODY_TEXT_MAX, .string = &body->text},
        {0},
    };
    return read_object(json, size, fields, body, err);
}

int body_parse_boost(const char *json, size_t size, struct body *body, struct err *err)
{
    *body = (struct body){0};
    const struct field fields[] = {
        {"service", 1, BODY_NAME_MAX, .string = &body->service},
        {"rate_hz", 1, BODY_RATE_MAX, .number = &body->rate_hz},
        {"seconds", 1, BODY_SECONDS_MAX, .number = &body->seconds},
        {0},
    };
    return read_object(json, size, fields, body, err);
}

void body_done(struct body *body)
{
    json_decref(body->parsed);
    *body = (struct body){0};
}
