/* SPDX-License-Identifier: MIT */
#include "codec/codec.h"

#include <string.h>

#include "codec/formats.h"

/* In the order of the help. Sniffing goes by the same order, so the vaguest comes last. */
const struct codec_format codec_formats[] = {
    {.name = "flamegraph",
     .alias = "svg",
     .endings = ".svg",
     .help = "interactive SVG; any browser",
     .write = flamegraph_write},
#ifdef CODEC_HAS_HTML
    {.name = "html",
     .endings = ".html .htm",
     .help = "one page with flame graph, tables, callers and callees, timeline; any browser",
     .needs_timeline = true,
     .write = html_write},
#endif
    {.name = "pv",
     .alias = "capture",
     .endings = ".pv",
     .help = "our own recording, written as it happens; convert turns it into any other",
     .needs_timeline = true,
     .write = capture_write,
     .read = capture_read,
     .sniff = capture_sniff},
    {.name = "speedscope",
     .endings = ".speedscope.json .speedscope",
     .help = "for speedscope.app",
     .write = speedscope_write,
     .read = speedscope_read,
     .sniff = speedscope_sniff},
    {.name = "pprof",
     .endings = ".pb.gz .pprof .pb",
     .help = "gzipped protobuf; go tool pprof, Parca, Pyroscope",
     .write = pprof_write,
     .read = pprof_read,
     .sniff = pprof_sniff},
    {.name = "pstats",
     .alias = "prof",
     .endings = ".prof .pstats",
     .help = "as cProfile writes it; python -m pstats, snakeviz, gprof2dot",
     .write = pstats_write},
    {.name = "callgrind",
     .endings = ".callgrind",
     .help = "KCachegrind, callgrind_annotate",
     .write = callgrind_write},
    {.name = "chrometrace",
     .endings = ".chrometrace.json .trace.json .chrometrace",
     .help = "Perfetto, chrome://tracing",
     .needs_timeline = true,
     .write = chrometrace_write},
    {.name = "gecko",
     .alias = "firefox",
     .endings = ".gecko.json .gecko",
     .help = "profiler.firefox.com",
     .needs_timeline = true,
     .write = gecko_write},
    {.name = "json",
     .endings = ".json",
     .help = "the whole profile for scripts (docs/formats.md)",
     .needs_timeline = true,
     .write = json_profile_write,
     .read = json_profile_read,
     .sniff = json_profile_sniff},
    {.name = "folded",
     .alias = "raw",
     .endings = ".folded .collapsed .raw .txt",
     .help = "one stack per line and its count; flamegraph.pl, inferno, grep",
     .write = folded_write,
     .read = folded_read,
     .sniff = folded_sniff},
};

const size_t codec_format_count = sizeof codec_formats / sizeof codec_formats[0];

const char *codec_writable_name(size_t index)
{
    for (int aliases = 0; aliases < 2; aliases++)
        for (size_t i = 0; i < codec_format_count; i++) {
            const struct codec_format *format = &codec_formats[i];
            const char *name = aliases ? format->alias : format->name;
            if (format->write && name && index-- == 0)
                return name;
        }
    return NULL;
}

const struct codec_format *codec_find(const char *name)
{
    for (size_t i = 0; i < codec_format_count; i++) {
        const struct codec_format *format = &codec_formats[i];
        if (strcmp(format->name, name) == 0 || (format->alias && strcmp(format->alias, name) == 0))
            return format;
    }
    return NULL;
}

/* Length of the longest of the endings that `path` has (and is more than); 0: none. */
static size_t match_ending(const char *endings, const char *path, size_t path_size)
{
    size_t best = 0;
    while (*endings) {
        size_t size = strcspn(endings, " ");
        if (size > best && size < path_size &&
            strncasecmp(path + path_size - size, endings, size) == 0)
            best = size;
        endings += size;
        endings += strspn(endings, " ");
    }
    return best;
}

const struct codec_format *codec_find_by_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    const struct codec_format *found = NULL;
    size_t best = 0;
    for (size_t i = 0; i < codec_format_count; i++) {
        size_t size = match_ending(codec_formats[i].endings, file, strlen(file));
        if (size > best) {
            best = size;
            found = &codec_formats[i];
        }
    }
    return found;
}

const struct codec_format *codec_sniff(const void *data, size_t size)
{
    for (size_t i = 0; i < codec_format_count; i++)
        if (codec_formats[i].sniff && codec_formats[i].sniff(data, size))
            return &codec_formats[i];
    return NULL;
}

#define DRAIN_BYTES ((size_t)1 << 20)

int codec_flush(const struct codec_options *options, struct buf *out, struct err *err)
{
    if (buf_failed(out))
        return err_set(err, ERR_LIMIT, "the output is too large for the memory there is");
    if (!options || !options->drain || out->size < DRAIN_BYTES)
        return 0;
    return options->drain(options->drain_context, out, err);
}
