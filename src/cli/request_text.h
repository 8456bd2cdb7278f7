/* SPDX-License-Identifier: MIT */
/* request_text.h - a request, in words and as JSON; the same for every command. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "collect/collect.h"

#define REQUEST_TEXT_MAX 1024u

/* "GET /orders for 120 ms, waiting for SELECT orders 80 ms"; when it has ended "GET /orders took 130
 * ms". Returns `out`. */
char *request_text(struct collect *agent, const struct collect_request *request, uint64_t mono_ns,
                   char out[REQUEST_TEXT_MAX]);

/* The value of a key "request": an object (docs/dump.md), null for NULL. */
void request_json(struct collect *agent, const struct collect_request *request, uint64_t mono_ns,
                  struct jsonw *json);
