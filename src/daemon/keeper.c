/* SPDX-License-Identifier: MIT */
#include "daemon/keeper.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/harvest.h"
#include "daemon/mail.h"
#include "daemon/status.h"
#include "query/kinds.h"

#define LOOK_NS UINT64_C(250000000)
#define HARVEST_NS UINT64_C(1000000000)
#define FLUSH_NS UINT64_C(10000000000)
#define DETAIL_MAX_BYTES ((size_t)4 << 10)

struct keeper {
    struct store *store;
    struct harvest *harvest;
    struct mail *mail;
    struct status *status;
    struct profile_sample *samples; /* scratch */
    uint32_t sample_capacity;
    struct buf text; /* scratch */
    bool is_failing;
    bool harvest_fails;
    atomic_bool stop;
};

int keeper_new(const struct daemon_config *config, struct mail *mail, struct status *status,
               struct keeper **out, struct err *err)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    keeper->mail = mail;
    keeper->status = status;
    buf_init(&keeper->text, DETAIL_MAX_BYTES);
    struct store_options options = {.write = true, .budget_bytes = config->keep_bytes};
    int result = store_open(config->data, &options, &keeper->store, err);
    if (result == 0)
        result = harvest_new(keeper->store, config->trace_sample, &keeper->harvest, err);
    if (result < 0) {
        keeper_free(keeper);
        return result;
    }
    *out = keeper;
    return 0;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    harvest_free(keeper->harvest);
    store_close(keeper->store);
    free(keeper->samples);
    buf_done(&keeper->text);
    free(keeper);
}

/* ---- processes ----------------------------------------------------------------------------- */

static void add_event(struct keeper *keeper, const struct store_event *event)
{
    struct err err;
    status_note_event(keeper->status, event);
    store_add_event(keeper->store, event, &err); /* what fails there shows in its stats */
}

static struct store_event event_of(const struct keeper *keeper, const struct letter *letter,
                                   const char *kind)
{
    const struct book *book = letter->book;
    return (struct store_event){
        .at_ns = letter->at_ns,
        .kind = kind,
        .service = book ? book->who.service : "",
        .host = keeper->status->host,
        .version = book ? book->who.version : "",
        .pid = book ? book->pid : 0,
        .text = book ? book->command : "",
        .detail = "",
    };
}

/* What will be asked of a process when it is gone. */
static const char *facts_of(struct keeper *keeper, const struct book *book, bool has_agent)
{
    struct jsonw json;
    buf_reset(&keeper->text);
    jsonw_init(&json, &keeper->text);
    jsonw_object_begin(&json);
    jsonw_key_double(&json, "started_s", (double)book->started_ns / 1e9);
    jsonw_key_string(&json, "python", book->python);
    jsonw_key_string(&json, "command", book->command);
    if (has_agent)
        jsonw_key_bool(&json, "has_agent", true);
    jsonw_object_end(&json);
    return buf_failed(&keeper->text) ? "" : keeper->text.data;
}

static void take_started(struct keeper *keeper, const struct letter *letter)
{
    const struct book *book = letter->book;
    struct harvest_process process = {
        .pid = book->pid,
        .started_ns = book->started_ns,
        .service = book->who.service,
        .host = keeper->status->host,
        .version = book->who.version,
        .command = book->command,
    };
    harvest_add(keeper->harvest, &process);
    if (letter->is_quiet)
        return;
    struct store_event event = event_of(keeper, letter, "start");
    event.detail = facts_of(keeper, book, false);
    add_event(keeper, &event);
}

static void take_ended(struct keeper *keeper, const struct letter *letter)
{
    pid_t pid = letter->book->pid;
    bool has_agent = harvest_has_agent(keeper->harvest, pid);
    harvest_gone(keeper->harvest, pid);
    struct store_event event = event_of(keeper, letter, "exit");
    event.detail = facts_of(keeper, letter->book, has_agent);
    add_event(keeper, &event);
}

static void take_event(struct keeper *keeper, const struct letter *letter)
{
    struct err err;
    struct store_event event = event_of(keeper, letter, letter->event);
    if (letter->service)
        event.service = letter->service;
    if (letter->version)
        event.version = letter->version;
    if (letter->text)
        event.text = letter->text;
    add_event(keeper, &event);
    if (letter->service) /* somebody asked for it, and may look for it at once */
        store_flush(keeper->store, &err);
}

/* ---- windows ------------------------------------------------------------------------------- */

static bool fit_samples(struct keeper *keeper, uint32_t count)
{
    if (count <= keeper->sample_capacity)
        return true;
    struct profile_sample *moved = realloc(keeper->samples, count * sizeof *moved);
    if (!moved)
        return false;
    keeper->samples = moved;
    keeper->sample_capacity = count;
    return true;
}

static const char *label_at(const struct letter *letter, uint32_t label)
{
    const char *text = letter->labels;
    for (uint32_t i = 0; i < label && i < letter->label_count; i++)
        text += strlen(text) + 1;
    return text;
}

/* Rows of one endpoint, as a profile that borrows the book's shapes. */
static int add_rows(struct keeper *keeper, const struct letter *letter, enum store_type type,
                    const struct tally_row *rows, uint32_t count, struct err *err)
{
    const struct book *book = letter->book;
    struct profile view = *book->profile;
    if (!fit_samples(keeper, count))
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        keeper->samples[i] = (struct profile_sample){.thread = rows[i].thread,
                                                     .node = rows[i].node,
                                                     .count = rows[i].count,
                                                     .weight_ns = rows[i].weight_ns};
    view.samples = keeper->samples;
    view.sample_count = count;
    view.meta.period_ns = letter->rate_hz ? 1000000000u / letter->rate_hz : 0;
    view.stats = rows == letter->cpu ? letter->stats : (struct profile_stats){0};
    struct store_source source = {
        .service = book->who.service,
        .host = keeper->status->host,
        .version = book->who.version,
        .type = type,
        .pid = book->pid,
        .started_ns = book->started_ns,
        .endpoint = label_at(letter, rows->label),
    };
    return store_add_profile(keeper->store, &source, letter->at_ns, &view, err);
}

static void add_type(struct keeper *keeper, const struct letter *letter, enum store_type type,
                     const struct tally_row *rows, uint32_t count)
{
    struct err err;
    for (uint32_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && rows[to].label == rows[from].label; to++)
            ;
        add_rows(keeper, letter, type, rows + from, to - from, &err);
    }
}

static void take_window(struct keeper *keeper, const struct letter *letter)
{
    struct book *book = letter->book;
    pthread_mutex_lock(&book->lock);
    add_type(keeper, letter, STORE_CPU, letter->cpu, letter->cpu_count);
    add_type(keeper, letter, STORE_WALL, letter->wall, letter->wall_count);
    pthread_mutex_unlock(&book->lock);
    struct err err;
    struct store_source source = {.service = book->who.service,
                                  .host = keeper->status->host,
                                  .version = book->who.version,
                                  .pid = book->pid,
                                  .started_ns = book->started_ns};
    store_add_gauge(keeper->store, &source, letter->at_ns, QUERY_GAUGE_RATE, letter->rate_hz, &err);
}

/* ---- samples of requests ------------------------------------------------------------------- */

static void take_samples(struct keeper *keeper, const struct letter *letter)
{
    pthread_mutex_lock(&letter->book->lock);
    for (uint32_t i = 0; i < letter->sample_count; i++) {
        const struct request_sample *sample = &letter->samples[i];
        harvest_sample(keeper->harvest, letter->book->pid, sample->request, sample->mono_ns,
                       sample->duration_ns, letter->book->profile, sample->node);
    }
    pthread_mutex_unlock(&letter->book->lock);
}

static void read_mail(struct keeper *keeper)
{
    for (struct letter *letter; (letter = mail_take(keeper->mail)); letter_free(letter))
        switch (letter->kind) {
        case LETTER_STARTED:
            take_started(keeper, letter);
            break;
        case LETTER_ENDED:
            take_ended(keeper, letter);
            break;
        case LETTER_WINDOW:
            take_window(keeper, letter);
            break;
        case LETTER_SAMPLES:
            take_samples(keeper, letter);
            break;
        case LETTER_EVENT:
            take_event(keeper, letter);
            break;
        }
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Said when it begins and when it is over, not every ten seconds. */
static void tell_failing(struct keeper *keeper, const struct store_stats *stats)
{
    if (stats->failing && !keeper->is_failing)
        log_error("the store cannot be written: %s; sampling goes on, and what waits is written "
                  "when it can be",
                  stats->reason);
    if (!stats->failing && keeper->is_failing)
        log_info("the store is written again");
    keeper->is_failing = stats->failing;
}

static void tell(struct keeper *keeper)
{
    struct store_stats store;
    struct harvest_stats harvest;
    store_stats(keeper->store, &store);
    harvest_stats(keeper->harvest, &harvest);
    tell_failing(keeper, &store);
    uint64_t lost = mail_lost(keeper->mail);
    pthread_mutex_lock(&keeper->status->lock);
    keeper->status->store = store;
    keeper->status->harvest = harvest;
    latency_copy(&keeper->status->latency, harvest_latency(keeper->harvest));
    keeper->status->letters_lost = lost;
    pthread_mutex_unlock(&keeper->status->lock);
}

static void harvest(struct keeper *keeper)
{
    struct err err;
    int result = harvest_tick(keeper->harvest, clock_mono_ns(), clock_wall_ns(), &err);
    if (result < 0 && !keeper->harvest_fails && result != ERR_IO) /* that is the store's to say */
        log_warning("reading agents: %s", err.text);
    keeper->harvest_fails = result < 0;
}

void keeper_run(struct keeper *keeper)
{
    struct err err;
    uint64_t now_ns = clock_mono_ns(), harvest_ns = now_ns, flush_ns = now_ns + FLUSH_NS;
    while (!atomic_load(&keeper->stop)) {
        atomic_store(&keeper->status->keeper_ns, now_ns);
        read_mail(keeper);
        harvest_look(keeper->harvest, now_ns);
        if (now_ns >= harvest_ns || harvest_hurries(keeper->harvest)) {
            harvest(keeper);
            tell(keeper);
            harvest_ns = now_ns + HARVEST_NS;
        }
        if (now_ns >= flush_ns) {
            store_tick(keeper->store, clock_wall_ns(), &err);
            flush_ns = now_ns + FLUSH_NS;
        }
        clock_sleep_until(now_ns + LOOK_NS);
        now_ns = clock_mono_ns();
    }
    read_mail(keeper);
    harvest(keeper);
    harvest_flush(keeper->harvest, &err); /* what cannot be written is said below */
    if (store_flush(keeper->store, &err) < 0)
        log_error("the last seconds were not written: %s", err.text);
    tell(keeper);
}

void keeper_stop(struct keeper *keeper)
{
    atomic_store(&keeper->stop, true);
}
