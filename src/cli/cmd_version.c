/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "cli/cli.h"

static struct {
    bool json;
} args;

static const struct opt options[] = {
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "as JSON"},
    {0},
};

static int run(const struct cli_args *unused, struct err *err)
{
    (void)unused;
    if (!args.json) {
        puts("pitviper " PITVIPER_VERSION);
        return 0;
    }
    struct buf out;
    struct jsonw json;
    buf_init(&out, 0);
    jsonw_init(&json, &out);
    jsonw_object_begin(&json);
    jsonw_key(&json, "version");
    jsonw_string(&json, PITVIPER_VERSION);
    jsonw_object_end(&json);
    int result = buf_failed(&out) ? err_set(err, ERR_NO_MEMORY, "out of memory") : 0;
    if (result == 0)
        puts(out.data);
    buf_done(&out);
    return result;
}

const struct cli_command cmd_version = {
    .name = "version",
    .summary = "print the version",
    .options = options,
    .run = run,
};
