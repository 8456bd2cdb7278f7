/* SPDX-License-Identifier: MIT */
#include "cli/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "codec/codec.h"
#include "model/profile.h"
#include "query/table.h"
#include "sampler/recorder.h"

#define HOTTEST 10u

/* ---- the hottest functions ----------------------------------------------------------------- */

static void print_hottest(const struct profile *profile)
{
    struct view view;
    struct table table;
    struct err err;
    struct table_options options = {.by = GROUP_FUNCTION, .sort = TABLE_BY_SELF, .limit = HOTTEST};
    if (view_init(&view, profile, &(struct view_options){0}, &err) < 0)
        return;
    if (table_init(&table, &view, &options, &err) == 0) {
        for (uint32_t i = 0; i < table.row_count && table.rows[i].self_count; i++) {
            const struct table_row *row = &table.rows[i];
            const struct text *name = &row->group.name, *file = &row->group.file;
            log_info("%6.1f %%  %.*s%s%.*s%s", 100.0 * (double)row->self_count / (double)view.count,
                     (int)name->size, name->text, file->size ? " (" : "", (int)file->size,
                     file->text, file->size ? ")" : "");
        }
        table_done(&table);
    }
    view_done(&view);
}

void summary_print(const struct profile *profile, const char *path,
                   const struct codec_format *format)
{
    const struct profile_stats *stats = &profile->stats;
    uint64_t total = profile_total_count(profile);
    log_info("%llu samples in %.1f s: %llu exact, %llu partial, %llu lost; %llu rounds late",
             (unsigned long long)stats->samples, (double)profile->meta.duration_ns / 1e9,
             (unsigned long long)stats->exact, (unsigned long long)stats->partial,
             (unsigned long long)stats->lost, (unsigned long long)stats->late);
    if (total)
        print_hottest(profile);
    else
        log_warning("no thread was running while we looked; --idle records waiting threads too");
    if (strcmp(path, "-") != 0)
        log_info("wrote %s (%s)", path, format->help);
}

/* ---- statistics ---------------------------------------------------------------------------- */

static double seconds(struct timeval later, struct timeval earlier)
{
    return (double)(later.tv_sec - earlier.tv_sec) +
           (double)(later.tv_usec - earlier.tv_usec) / 1e6;
}

void summary_stats_json(const struct recorder *recorder, const struct rusage *before,
                        uint64_t rate_hz, struct buf *out)
{
    const struct profile *profile = recorder->profile;
    const struct profile_stats *stats = &profile->stats;
    double wall_s = (double)(recorder->end_mono_ns - recorder->start_mono_ns) / 1e9;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    jsonw_key_u64(&json, "samples", stats->samples);
    jsonw_key_u64(&json, "threads", profile->thread_count);
    jsonw_key_u64(&json, "exact", stats->exact);
    jsonw_key_u64(&json, "partial", stats->partial);
    jsonw_key_u64(&json, "lost", stats->lost);
    jsonw_key_u64(&json, "late", stats->late);
    jsonw_key_u64(&json, "errors", stats->errors);
    jsonw_key_u64(&json, "rate_hz_asked", rate_hz);
    jsonw_key_double(&json, "rate_hz_got", wall_s > 0 ? (double)stats->rounds / wall_s : 0);
    jsonw_key_double(&json, "wall_s", wall_s);
    jsonw_key_double(&json, "cpu_user_s", seconds(usage.ru_utime, before->ru_utime));
    jsonw_key_double(&json, "cpu_sys_s", seconds(usage.ru_stime, before->ru_stime));
    jsonw_key_double(&json, "reads_per_sample",
                     stats->samples ? (double)stats->reads / (double)stats->samples : 0);
    jsonw_key_string(&json, "python", profile->strings[profile->meta.python].text);
    jsonw_key_string(&json, "source", recorder->by_kernel ? "bpf" : "process_vm_readv");
    jsonw_key_u64(&json, "rounds", stats->rounds);
    jsonw_object_end(&json);
    buf_add_char(out, '\n');
}
