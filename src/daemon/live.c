/* SPDX-License-Identifier: MIT */
#include "daemon/live.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "daemon/status.h"

#define SILENCE_NS UINT64_C(60000000000) /* a thread that has not come by for so long hangs */

bool live_is_healthy(const struct status *status)
{
    uint64_t now_ns = clock_mono_ns();
    uint64_t sampler_ns = atomic_load(&status->sampler_ns);
    uint64_t keeper_ns = atomic_load(&status->keeper_ns);
    return (!sampler_ns || now_ns < sampler_ns + SILENCE_NS) &&
           (!keeper_ns || now_ns < keeper_ns + SILENCE_NS);
}

static int result_of(const struct buf *out)
{
    return buf_failed(out) ? ERR_NO_MEMORY : 0;
}

/* ---- status -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void warn(struct jsonw *json, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    jsonw_string(json, text);
}

static void write_warnings(struct jsonw *json, const struct status *status)
{
    const struct status_sampling *sampling = &status->sampling;
    const struct store_stats *store = &status->store;
    if (sampling->rate_hz < sampling->most_hz)
        warn(json, "sampling at %u Hz instead of %u, to stay within %.4g %% of a core",
             sampling->rate_hz, sampling->most_hz, 100 * sampling->budget_cores);
    if (sampling->slowed)
        warn(json, "%u processes are sampled less often, to keep the budget of one process",
             sampling->slowed);
    if (store->failing)
        warn(json, "the history cannot be written: %s", store->reason);
    if (store->dropped_windows || status->letters_lost)
        warn(json, "%llu windows were lost because they could not be written in time",
             (unsigned long long)(store->dropped_windows + status->letters_lost));
    if (store->damaged_files)
        warn(json, "%u damaged files of the history were set aside", store->damaged_files);
    if (sampling->unreadable)
        warn(json,
             "%llu processes may not be looked into (those of other users need root or "
             "CAP_SYS_PTRACE), or run a Python of a version that is not known; \"pitviper doctor\" "
             "says why",
             (unsigned long long)sampling->unreadable);
    if (sampling->waiting)
        warn(json,
             "%u processes wait to be looked at: so many begin that the budget does not "
             "allow for more",
             sampling->waiting);
}

static void write_store(struct jsonw *json, const struct store_stats *store)
{
    jsonw_key(json, "store");
    jsonw_object_begin(json);
    jsonw_key_u64(json, "bytes", store->bytes);
    jsonw_key_u64(json, "budget_bytes", store->budget_bytes);
    jsonw_key_u64(json, "files", store->files);
    jsonw_key_bool(json, "failing", store->failing);
    jsonw_key(json, "reason");
    if (store->failing)
        jsonw_string(json, store->reason);
    else
        jsonw_null(json);
    jsonw_key_u64(json, "damaged_windows", store->damaged_windows);
    jsonw_object_end(json);
}

int live_status(struct status *status, struct buf *out)
{
    struct jsonw json;
    jsonw_init(&json, out);
    pthread_mutex_lock(&status->lock);
    const struct status_sampling *sampling = &status->sampling;
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "version", PITVIPER_VERSION);
    jsonw_key_double(&json, "started_s", (double)(status->started_ns / 1000000) / 1e3);
    jsonw_key_string(&json, "host", status->host);
    jsonw_key_u64(&json, "rate_hz", sampling->rate_hz);
    jsonw_key_double(&json, "cores", status->cores);
    jsonw_key_double(&json, "budget_cores", sampling->budget_cores);
    jsonw_key_u64(&json, "rss_bytes", status->rss_bytes);
    jsonw_key_u64(&json, "processes", sampling->processes);
    jsonw_key_u64(&json, "samples", sampling->samples);
    jsonw_key_u64(&json, "late", sampling->late);
    jsonw_key_u64(&json, "lost", sampling->lost + sampling->dropped);
    write_store(&json, &status->store);
    jsonw_key(&json, "warnings");
    jsonw_array_begin(&json);
    write_warnings(&json, status);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    pthread_mutex_unlock(&status->lock);
    return result_of(out);
}

/* ---- events -------------------------------------------------------------------------------- */

static void write_event(struct jsonw *json, const struct status *status,
                        const struct status_event *event)
{
    jsonw_object_begin(json);
    jsonw_key_double(json, "at_s", (double)(event->at_ns / 1000000) / 1e3);
    jsonw_key_string(json, "kind", event->kind);
    jsonw_key_string(json, "service", event->service);
    jsonw_key_string(json, "host", status->host);
    jsonw_key_string(json, "version", event->version);
    jsonw_key(json, "pid");
    if (event->pid)
        jsonw_i64(json, event->pid);
    else
        jsonw_null(json);
    jsonw_key_string(json, "text", event->text);
    jsonw_key(json, "detail");
    if (*event->detail)
        jsonw_raw(json, event->detail, strlen(event->detail));
    else
        jsonw_null(json);
    jsonw_object_end(json);
}

/* A client that has no cursor yet hears of what happens from now on. */
int live_events(struct status *status, uint64_t *cursor, struct buf *out)
{
    struct jsonw json;
    pthread_mutex_lock(&status->lock);
    uint64_t end = status->event_count + 1; /* a cursor is the number behind the last one, from 1 */
    uint64_t at = *cursor && *cursor <= end ? *cursor : end;
    if (end - at > STATUS_EVENTS)
        at = end - STATUS_EVENTS;
    for (; at < end; at++) {
        jsonw_init(&json, out);
        write_event(&json, status, &status->events[(at - 1) % STATUS_EVENTS]);
        buf_add_char(out, '\n');
    }
    pthread_mutex_unlock(&status->lock);
    *cursor = end;
    return result_of(out);
}
