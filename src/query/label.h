/* SPDX-License-Identifier: MIT */
/* label.h - what an endpoint is called: "GET /users/<int:id>", "task send_mail". As samples and
 * traces have it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "query/ask.h"

#define LABEL_MAX 512u

/* Of a key of kind REQUEST or TASK. Returns `out`. */
char *label_of(uint32_t kind, const char *name, const char *detail, char out[LABEL_MAX]);
/* Whether the question is about it. */
bool label_is_wanted(const struct ask *ask, const struct store_histogram *histogram);
/* The question's filters as far as metrics know them: an endpoint is a label, not a key's name. */
struct store_query label_metric_query(const struct ask *ask);
/* Refuses a thread where only requests and gauges answer, which know none. 0 or ERR_USAGE. */
int label_check_thread(const struct ask *ask, struct err *err);
