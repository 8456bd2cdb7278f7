/* SPDX-License-Identifier: MIT */
/* listen.h - the address that is listened on, from its text to a socket.
 *
 * Errors: ERR_USAGE (no address), ERR_DENIED (a port below 1024), ERR_IO (the port is taken).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LISTEN_TEXT_MAX 64

struct listen_address {
    char text[LISTEN_TEXT_MAX]; /* in figures, without the port; "": all addresses */
    uint16_t port;
    bool loopback;
    int family;
};

/* "127.0.0.1:7117", "[::1]:7117", "localhost:7117", ":7117" (all addresses). */
int listen_parse(const char *text, struct listen_address *out, struct err *err);

/* *fd: a listening socket, the caller's to close; address->port becomes the real one. */
int listen_open(struct listen_address *address, int *fd, struct err *err);
