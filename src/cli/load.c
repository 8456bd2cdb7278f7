/* SPDX-License-Identifier: MIT */
#include "cli/load.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "codec/codec.h"
#include "model/profile.h"

static void add_readable(struct buf *out)
{
    for (size_t i = 0; i < codec_format_count; i++)
        if (codec_formats[i].read)
            buf_printf(out, "%s%s", out->size ? ", " : "", codec_formats[i].name);
}

static int refuse(const char *path, struct err *err)
{
    struct buf names;
    buf_init(&names, 0);
    add_readable(&names);
    int result = err_set(err, ERR_BAD_DATA, "%s: not a profile that can be read here (%s)", path,
                         buf_failed(&names) || !names.size ? "none" : names.data);
    buf_done(&names);
    return result;
}

static int parse(const char *path, const struct buf *bytes, struct profile *profile,
                 struct err *err)
{
    struct err inner = {0};
    const struct codec_format *format = bytes->size ? codec_sniff(bytes->data, bytes->size) : NULL;
    if (!bytes->size)
        return err_set(err, ERR_BAD_DATA, "%s: the file is empty", path);
    if (!format)
        return refuse(path, err);
    int result = format->read(bytes->data, bytes->size, profile, &inner);
    if (result < 0)
        return err_set(err, result, "%s: %s", path, inner.text[0] ? inner.text : err_text(result));
    return 0;
}

int load_profile(const char *path, struct profile **out, struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, LOAD_MAX_BYTES);
    struct profile *profile = profile_new();
    int result = profile ? file_read(path, &bytes, err)
                         : err_set(err, ERR_NO_MEMORY, "%s: out of memory", path);
    if (result == 0)
        result = parse(path, &bytes, profile, err);
    buf_done(&bytes);
    if (result < 0)
        profile_free(profile);
    else
        *out = profile;
    return result;
}
