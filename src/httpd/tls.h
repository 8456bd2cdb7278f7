/* SPDX-License-Identifier: MIT */
/* tls.h - certificates: the server's own, and those of clients instead of a token.
 *
 * Ownership: tls_load() on caller's storage, tls_done() in any case; the texts must live as long as
 * the server. Errors: those of file_read(); ERR_USAGE (half of a pair); ERR_UNSUPPORTED (a library
 * without TLS).
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct tls {
    struct buf cert, key, client_ca; /* PEM; empty: none */
};

int tls_load(const char *cert, const char *key, const char *client_ca, struct tls *tls,
             struct err *err);
void tls_done(struct tls *tls);

/* Has the client shown a certificate that the client CA signed and that is valid now? */
bool tls_client_is_known(struct MHD_Connection *connection);
