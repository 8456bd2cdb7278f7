/* SPDX-License-Identifier: MIT */
#include "cli/load.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/units.h"
#include "codec/capture.h"
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

/* "+10s" after the recording's start, or an instant; ages count from its end. In microseconds since
 * the start. */
static int parse_bound(const char *text, const struct profile_meta *meta, uint64_t *us,
                       struct err *err)
{
    uint64_t ns;
    if (text[0] == '+') {
        if (units_parse_duration(text + 1, &ns) < 0)
            return err_set(err, ERR_USAGE, "\"%s\" is no duration after the start, such as +10s",
                           text);
        *us = ns / 1000;
        return 0;
    }
    if (instant_parse(text, meta->start_wall_ns + meta->duration_ns, &ns) < 0)
        return err_set(err, ERR_USAGE,
                       "\"%s\" is no time; use +10s (after the start), 5m (before the end), "
                       "2026-03-01T12:00:00Z or seconds since 1970",
                       text);
    *us = ns > meta->start_wall_ns ? (ns - meta->start_wall_ns) / 1000 : 0;
    return 0;
}

/* What the bounds mean is known only when the recording's start and end are. */
static int find_range(const struct buf *bytes, const struct load_options *options,
                      struct capture_range *range, struct err *err)
{
    struct capture_info info;
    struct profile *whole = profile_new();
    *range = (struct capture_range){.to_us = UINT64_MAX};
    if (!whole)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int result = capture_read_range(bytes->data, bytes->size, NULL, whole, &info, err);
    if (result == 0 && !info.has_order)
        result = err_set(err, ERR_USAGE,
                         "it was made from sums and has no order in time, so --from "
                         "and --to mean nothing");
    if (result == 0 && options->from)
        result = parse_bound(options->from, &whole->meta, &range->from_us, err);
    if (result == 0 && options->to)
        result = parse_bound(options->to, &whole->meta, &range->to_us, err);
    if (result == 0 && range->from_us >= range->to_us)
        result = err_set(err, ERR_USAGE, "the range is empty: --from is not before --to");
    profile_free(whole);
    return result;
}

static int parse_capture(const char *path, const struct buf *bytes,
                         const struct load_options *options, struct profile *profile,
                         struct err *err)
{
    struct capture_range range = {.to_us = UINT64_MAX};
    struct capture_info info;
    int result = options->from || options->to ? find_range(bytes, options, &range, err) : 0;
    if (result == 0)
        result = capture_read_range(bytes->data, bytes->size, &range, profile, &info, err);
    if (result == 0 && info.bad_bytes)
        log_warning("%s: the last %llu bytes are damaged or incomplete; using what is before them",
                    path, (unsigned long long)info.bad_bytes);
    else if (result == 0 && !info.ended)
        log_warning("%s: the recording was cut off; using all that was written", path);
    return result;
}

static int parse(const char *path, const struct buf *bytes, const struct load_options *options,
                 struct profile *profile, struct err *err)
{
    struct err inner = {0};
    const struct codec_format *format = bytes->size ? codec_sniff(bytes->data, bytes->size) : NULL;
    int result;
    if (!bytes->size)
        return err_set(err, ERR_BAD_DATA, "%s: the file is empty", path);
    if (!format)
        return refuse(path, err);
    if (options->keep_runs)
        profile_keep_runs(profile);
    if (capture_sniff(bytes->data, bytes->size))
        result = parse_capture(path, bytes, options, profile, &inner);
    else if (options->from || options->to)
        result =
            err_set(&inner, ERR_USAGE,
                    "--from and --to want a .pv capture; %s has no order in time", format->name);
    else
        result = format->read(bytes->data, bytes->size, profile, &inner);
    if (profile->sample_count && !profile->run_count)
        profile->keeps_runs = false; /* the file had sums only */
    if (result < 0)
        return err_set(err, result, "%s: %s", path, inner.text[0] ? inner.text : err_text(result));
    return 0;
}

int load_profile_with(const char *path, const struct load_options *options, struct profile **out,
                      struct err *err)
{
    static const struct load_options none;
    struct buf bytes;
    buf_init(&bytes, LOAD_MAX_BYTES);
    struct profile *profile = profile_new();
    int result = profile ? file_read(path, &bytes, err)
                         : err_set(err, ERR_NO_MEMORY, "%s: out of memory", path);
    if (result == 0)
        result = parse(path, &bytes, options ? options : &none, profile, err);
    buf_done(&bytes);
    if (result < 0)
        profile_free(profile);
    else
        *out = profile;
    return result;
}

int load_profile(const char *path, bool timeline, struct profile **out, struct err *err)
{
    return load_profile_with(path, &(struct load_options){.keep_runs = timeline}, out, err);
}
