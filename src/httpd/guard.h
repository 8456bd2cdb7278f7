/* SPDX-License-Identifier: MIT */
/* guard.h - who may ask: the names that the server answers to, other pages' requests, the token.
 * Pure.
 *
 * A page on evil.example may have its own name point to 127.0.0.1 (DNS rebinding), and then it
 * reads from this server as from itself. So a request must come to a name that is ours. An address
 * in figures is nobody's to point elsewhere; a name must be known.
 */
#pragma once

#include <stdbool.h>

struct guard {
    const char *address;       /* that is listened on, in figures; "" means all */
    const char *allowed_hosts; /* space separated; NULL: none */
    const char *token;         /* NULL: none */
};

/* Is the value of a Host header one of ours? Its port does not matter: tunnels have their own. */
bool guard_host(const struct guard *guard, const char *host);

/* Is the value of an Origin header the page of this very server? */
bool guard_origin(const char *origin, const char *host);

/* Is the value of an Authorization header (NULL: none sent) "Bearer" and the token? Takes as long
 * for a wrong one as for the right one. Without a token everyone may ask. */
bool guard_token(const struct guard *guard, const char *authorization);
