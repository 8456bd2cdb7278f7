/* SPDX-License-Identifier: MIT */
/* config.h - the keys of serve's configuration file, one row each (docs/config.md,
 * schema/serve.json).
 *
 * Defaults are text and are read as the file's values are. tests/unit/test_config.c holds the rows
 * against the schema, in both directions.
 */
#pragma once

#include <stddef.h>

#include "daemon/daemon.h"

#define CONFIG_FILE_MAX ((size_t)256 << 10)
#define CONFIG_LIST_MAX 256u    /* entries of a list */
#define CONFIG_PATTERN_MAX 512u /* bytes of a regular expression */

enum config_type {
    CONFIG_TEXT,     /* char * */
    CONFIG_FILE,     /* char *, an absolute path */
    CONFIG_WORDS,    /* char *, a list joined by spaces */
    CONFIG_FLAG,     /* bool */
    CONFIG_FORMAT,   /* bool, true for json */
    CONFIG_RATE,     /* uint32_t, Hz */
    CONFIG_SHARE,    /* double, written as percent */
    CONFIG_SIZE,     /* uint64_t, bytes */
    CONFIG_PATTERNS, /* char **, NULL-terminated */
    CONFIG_RULES,    /* struct daemon_rule *, ended by {0} */
};

struct config_key {
    const char *name; /* NULL ends the table */
    enum config_type type;
    size_t offset;       /* in struct daemon_config */
    const char *initial; /* as text; NULL: not set, or an empty list */
    double min, max;     /* CONFIG_RATE: Hz; CONFIG_SHARE: percent */
};
extern const struct config_key config_keys[];

/* daemon_config_load() on text; `path` is for messages. */
int config_parse(const char *path, const char *text, size_t size, struct daemon_config *config,
                 struct err *err);
