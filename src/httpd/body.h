/* SPDX-License-Identifier: MIT */
/* body.h - the small JSON objects that are posted, read strictly: every field is known, of its type
 * and in its bounds, and none comes twice. Pure.
 *
 * Ownership: body_*_parse() on caller's storage, body_done() in any case. Errors: ERR_USAGE, the
 * sentence names the field.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BODY_MAX_BYTES 65536u
#define BODY_NAME_MAX 200u  /* bytes of a service or version */
#define BODY_TEXT_MAX 2000u /* bytes of what is said about a release */
#define BODY_RATE_MAX 1000u
#define BODY_SECONDS_MAX 30u

struct body {
    const char *service, *version, *text;
    uint32_t rate_hz, seconds;
    void *parsed;
};

int body_parse_deploy(const char *json, size_t size, struct body *body, struct err *err);
int body_parse_boost(const char *json, size_t size, struct body *body, struct err *err);
void body_done(struct body *body);
