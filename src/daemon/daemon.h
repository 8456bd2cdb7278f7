/* SPDX-License-Identifier: MIT */
/* daemon.h - serve: one call that runs until it is told to end (docs/design/0009-serve.md).
 *
 * Ownership: the caller's. Threads: daemon_run() starts and ends its own. Errors: those of
 * store_open() and httpd_start(); else 0 after SIGTERM or SIGINT.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct daemon_rule { /* the first that matches names the service */
    char *match;     /* extended regular expression on the command line */
    char *service;
};

struct daemon_config {
    char *listen;        /* "127.0.0.1:7117" */
    char *data;          /* directory */
    char *token_file;    /* NULL: none */
    char *allowed_hosts; /* space separated */
    char *tls_cert, *tls_key, *client_ca;
    uint32_t rate_hz;          /* 19 to 100 */
    double budget;             /* share of one core for everything: 0.01 */
    double process_budget;     /* share of one core for one process: 0.005 */
    bool wall;                 /* wall profiles too */
    char **include, **exclude; /* extended regular expressions on command lines; NULL-terminated */
    struct daemon_rule *services; /* ended by {0} */
    uint64_t keep_bytes;          /* of the store; 0: none */
    bool log_json;
    double trace_sample; /* share of ordinary traces kept: 0.01 */
};

/* Defaults into *config; then the file's values over them (NULL: no file). ERR_NOT_FOUND, ERR_USAGE
 * (line and key are named). daemon_config_done() after either. */
int daemon_config_load(const char *path, struct daemon_config *config, struct err *err);
void daemon_config_done(struct daemon_config *config);

/* `config_path` is read again at SIGHUP; NULL: nothing to reload. Takes nothing. */
int daemon_run(const struct daemon_config *config, const char *config_path, struct err *err);
