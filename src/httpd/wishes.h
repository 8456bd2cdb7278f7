/* SPDX-License-Identifier: MIT */
/* wishes.h - in what form a client wants an answer: Accept, Accept-Encoding, If-None-Match. Pure.
 */
#pragma once

#include <stdbool.h>

/* Is `name` accepted by the list ("gzip, br;q=0.5, *;q=0")? Its weight in thousandths; 0: no. A
 * list that is not there (NULL) accepts `missing`. `name` alone, with "*" and, for types, "text/"
 * "*". */
unsigned wishes_weight(const char *list, const char *name, unsigned missing);

/* Does If-None-Match name this tag (without quotes)? */
bool wishes_have_tag(const char *list, const char *tag);
