/* SPDX-License-Identifier: MIT */
/* sampling.c - one loop: rounds at random intervals, a tick between them.
 *
 * A round comes at the highest rate that any process has; one that has a lower rate (its own
 * budget, or others are boosted) is looked at in its share of the rounds, spread evenly. So all
 * processes share one wake-up, and none is met in step. A sample weighs the time since the look
 * before at the same process, which keeps sums true at whatever rate.
 *
 *   round     each process that is due: threads that run, their stacks, their requests
 *   tick      four times a second: processes that came, requests that ended, boosts
 *   window    when the wall clock enters another ten seconds: what was counted becomes letters
 *   judging   every ten seconds of the monotonic clock: budgets
 */
#include "daemon/sampling.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/collect.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/discovery.h"
#include "daemon/governor.h"
#include "daemon/mail.h"
#include "daemon/status.h"
#include "daemon/trigger.h"
#include "daemon/watched.h"
#include "os/procfs.h"
#include "target/target.h"

#define SECOND_NS UINT64_C(1000000000)
#define TICK_NS UINT64_C(250000000)
#define BOOSTS_MAX 16u
#define TRIGGER_HZ 200u
#define TRIGGER_S 10u
#define BOOST_HOUR_S 180u /* of one service's, in an hour */

struct boost {
    char service[IDENTITY_MAX];
    uint32_t rate_hz; /* 0: over */
    uint64_t until_ns;
    uint64_t hour_ns; /* when the hour began in which */
    uint32_t seconds; /* so many were spent */
};

/* What a configuration says of sampling. */
struct settings {
    struct identity_rules rules;
    struct patterns patterns;
    uint32_t most_hz;
    double budget, process_budget;
    bool wall;
};

struct sampling {
    struct mail *mail;
    struct status *status;
    struct sampling_costs costs;
    struct discovery *discovery;
    struct settings *settings;
    struct trigger *trigger;
    struct watched **watched;
    uint32_t count, capacity;

    uint32_t step;     /* the rate is so many steps below the one that is wanted */
    uint32_t round_hz; /* of the rounds */
    double cores;
    bool was_boosted; /* since budgets were last judged */
    uint64_t random;
    uint64_t window; /* number of the one that is being filled */
    uint64_t judged_ns, judged_cpu_ns;
    uint64_t told_ns; /* the status */
    uint64_t boot_ns; /* wall clock at which the host started */
    struct status_sampling stats;
    struct profile_stats ended; /* of processes that are gone */

    atomic_bool stop;
    atomic_uint_fast64_t boosts_total;
    pthread_mutex_t lock; /* of what follows */
    struct boost boosts[BOOSTS_MAX];
    struct settings *next; /* of another configuration; NULL: none */
};

/* ---- life ---------------------------------------------------------------------------------- */

/* Seconds only: the same in every run, so that a process is the same one afterwards. */
static uint64_t boot_wall_ns(void)
{
    char text[8192];
    const char *at = proc_text("/proc/stat", text, sizeof text) > 0 ? strstr(text, "btime ") : NULL;
    return at ? strtoull(at + 6, NULL, 10) * SECOND_NS : 0;
}

static int opened(void *context, struct target *target, struct err *err);
static void left(void *context, pid_t pid);

static void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    identity_rules_done(&settings->rules);
    patterns_done(&settings->patterns);
    free(settings);
}

static int settings_new(const struct daemon_config *config, struct settings **out, struct err *err)
{
    struct settings *settings = calloc(1, sizeof *settings);
    if (!settings)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    settings->most_hz = config->rate_hz;
    settings->budget = config->budget;
    settings->process_budget = config->process_budget;
    settings->wall = config->wall;
    int result = identity_rules_init(&settings->rules, config->services, err);
    if (result == 0)
        result = patterns_init(&settings->patterns, config->include, config->exclude, err);
    if (result < 0)
        settings_free(settings);
    else
        *out = settings;
    return result;
}

int sampling_new(const struct daemon_config *config, const struct sampling_costs *costs,
                 struct mail *mail, struct status *status, struct sampling **out, struct err *err)
{
    struct sampling *sampling = calloc(1, sizeof *sampling);
    if (!sampling)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *sampling = (struct sampling){
        .mail = mail,
        .status = status,
        .costs = *costs,
        .random = clock_mono_ns() | 1,
        .boot_ns = boot_wall_ns(),
    };
    pthread_mutex_init(&sampling->lock, NULL);
    struct discovery_hooks hooks = {.opened = opened, .left = left, .context = sampling};
    sampling->trigger = trigger_new();
    int result = sampling->trigger ? settings_new(config, &sampling->settings, err)
                                   : err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0)
        result = discovery_new(&hooks, &sampling->discovery, err);
    if (result < 0) {
        sampling_free(sampling);
        return result;
    }
    discovery_configure(sampling->discovery, &sampling->settings->patterns, config->budget);
    *out = sampling;
    return 0;
}

void sampling_free(struct sampling *sampling)
{
    if (!sampling)
        return;
    for (uint32_t i = 0; i < sampling->count; i++)
        watched_free(sampling->watched[i]);
    free(sampling->watched);
    discovery_free(sampling->discovery);
    settings_free(sampling->settings);
    settings_free(sampling->next);
    trigger_free(sampling->trigger);
    pthread_mutex_destroy(&sampling->lock);
    free(sampling);
}

/* ---- processes ----------------------------------------------------------------------------- */

static uint64_t started_ns(const struct sampling *sampling, pid_t pid)
{
    struct proc_stat stat;
    if (proc_stat_read(pid, &stat) < 0)
        return 0;
    return sampling->boot_ns + stat.start_ticks * (SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK));
}

static struct book *make_book(const struct sampling *sampling, const struct target *target)
{
    struct book *book = book_new();
    if (!book)
        return NULL;
    book->pid = target->pid;
    book->started_ns = started_ns(sampling, target->pid);
    identity_read(target->pid, &sampling->settings->rules, &book->who);
    command_copy(book->command, sizeof book->command, target->command, strlen(target->command));
    command_copy(book->python, sizeof book->python, target->version_text,
                 strlen(target->version_text));
    return book;
}

static bool reserve(struct sampling *sampling)
{
    if (sampling->count < sampling->capacity)
        return true;
    uint32_t capacity = sampling->capacity ? sampling->capacity * 2 : 16;
    struct watched **moved = realloc(sampling->watched, capacity * sizeof(struct watched *));
    if (!moved)
        return false;
    sampling->watched = moved;
    sampling->capacity = capacity;
    return true;
}

/* What its agent says, which may be more than its environment does. */
static void ask_agent(struct watched *watched)
{
    struct collect *agent = process_agent(watched->process);
    struct identity *who = &watched->book->who;
    const char *service = agent ? collect_service(agent) : "";
    const char *release = agent ? collect_release(agent) : "";
    if (*service)
        command_copy(who->service, sizeof who->service, service, strlen(service));
    if (*release)
        command_copy(who->version, sizeof who->version, release, strlen(release));
}

static int opened(void *context, struct target *target, struct err *err)
{
    struct sampling *sampling = context;
    struct watched *watched;
    if (sampling->count >= SAMPLING_MAX_PROCESSES || !reserve(sampling)) {
        target_close(target);
        return err_set(err, ERR_DENIED, "too many processes");
    }
    struct book *book = make_book(sampling, target);
    if (!book) {
        target_close(target);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    int result = watched_new(target, book, sampling->settings->wall, &watched, err);
    if (result == 0) {
        watched->rate_hz = governor_rate_hz(sampling->settings->most_hz, sampling->step);
        ask_agent(watched);
        sampling->watched[sampling->count++] = watched;
        sampling->stats.started++;
        mail_post(sampling->mail, letter_new(LETTER_STARTED, book, clock_wall_ns()));
    }
    book_unref(book);
    return result;
}

static void add_stats(struct profile_stats *into, const struct profile_stats *from)
{
    into->samples += from->samples;
    into->exact += from->exact;
    into->partial += from->partial;
    into->lost += from->lost;
}

static void hand_over(struct sampling *sampling, struct watched *watched)
{
    struct letter *letter = watched_window(watched, sampling->window * SAMPLING_WINDOW_NS);
    if (letter)
        mail_post(sampling->mail, letter);
    letter = watched_samples(watched);
    if (letter)
        mail_post(sampling->mail, letter);
}

/* What it has counted stays. */
static void let_go(struct sampling *sampling, struct watched *watched)
{
    watched_drain(watched);
    hand_over(sampling, watched);
    add_stats(&sampling->ended, &watched->book->profile->stats);
    sampling->stats.dropped += watched->dropped;
    watched_free(watched);
}

static void end_at(struct sampling *sampling, uint32_t at)
{
    struct book *book = book_ref(sampling->watched[at]->book);
    let_go(sampling, sampling->watched[at]);
    sampling->watched[at] = sampling->watched[--sampling->count];
    mail_post(sampling->mail, letter_new(LETTER_ENDED, book, clock_wall_ns()));
    book_unref(book);
    sampling->stats.ended++;
}

static void left(void *context, pid_t pid)
{
    struct sampling *sampling = context;
    for (uint32_t i = sampling->count; i-- > 0;)
        if (sampling->watched[i]->book->pid == pid)
            end_at(sampling, i);
}

/* ---- rounds -------------------------------------------------------------------------------- */

static bool is_due(const struct sampling *sampling, struct watched *watched)
{
    watched->credit += (double)watched->rate_hz / sampling->round_hz;
    if (watched->credit < 1)
        return false;
    watched->credit -= 1;
    if (watched->credit > 1) /* its rate was another one */
        watched->credit = 1;
    return true;
}

static void round_over_all(struct sampling *sampling, uint64_t mono_ns)
{
    uint64_t before_ns = mono_ns;
    for (uint32_t i = 0; i < sampling->count;) {
        struct watched *watched = sampling->watched[i];
        if (!is_due(sampling, watched)) {
            i++;
            continue;
        }
        int result = watched_look(watched, before_ns);
        uint64_t after_ns = clock_mono_ns();
        watched->cost_ns += after_ns - before_ns;
        before_ns = after_ns;
        if (result == ERR_TORN)
            sampling->stats.busy++;
        if (result == 0 || result == ERR_TORN) {
            i++;
            continue;
        }
        pid_t pid = watched->book->pid;
        end_at(sampling, i);
        discovery_dropped(sampling->discovery, pid);
    }
    sampling->stats.rounds++;
}

/* The instant of the next round; what a stall swallowed is counted and left. */
static uint64_t schedule(struct sampling *sampling, uint64_t planned_ns)
{
    uint64_t period_ns = SECOND_NS / sampling->round_hz, now_ns = clock_mono_ns();
    uint64_t pause_ns = period_ns / 2 + random_next(&sampling->random) % (period_ns + 1);
    if (planned_ns + pause_ns + WATCHED_STALL_PERIODS * period_ns >= now_ns)
        return planned_ns + pause_ns;
    sampling->stats.late += (now_ns - planned_ns) / period_ns;
    return now_ns + pause_ns;
}

/* ---- rates --------------------------------------------------------------------------------- */

/* Called with the lock held. 0: not boosted. */
static uint32_t boosted_hz(const struct sampling *sampling, const char *service)
{
    for (uint32_t i = 0; i < BOOSTS_MAX; i++)
        if (sampling->boosts[i].rate_hz && strcmp(sampling->boosts[i].service, service) == 0)
            return sampling->boosts[i].rate_hz;
    return 0;
}

/* What every process is looked at with, and so the rounds. */
static void set_rates(struct sampling *sampling)
{
    uint32_t rate_hz = governor_rate_hz(sampling->settings->most_hz, sampling->step);
    sampling->round_hz = rate_hz;
    sampling->stats.slowed = 0;
    pthread_mutex_lock(&sampling->lock);
    for (uint32_t i = 0; i < sampling->count; i++) {
        struct watched *watched = sampling->watched[i];
        uint32_t boost_hz = boosted_hz(sampling, watched->book->who.service);
        sampling->was_boosted |= boost_hz > 0;
        uint32_t own_hz = governor_rate_hz(sampling->settings->most_hz, watched->step);
        sampling->stats.slowed += own_hz < rate_hz;
        watched->rate_hz = own_hz < rate_hz ? own_hz : rate_hz;
        if (boost_hz > watched->rate_hz)
            watched->rate_hz = boost_hz;
        if (watched->rate_hz > sampling->round_hz)
            sampling->round_hz = watched->rate_hz;
    }
    pthread_mutex_unlock(&sampling->lock);
}

static void post_event(struct sampling *sampling, const char *kind, struct book *book,
                       const char *text)
{
    struct letter *letter = letter_new(LETTER_EVENT, book, clock_wall_ns());
    if (letter) {
        letter->event = kind;
        letter->text = strdup(text);
    }
    mail_post(sampling->mail, letter);
}

static void judge_process(struct sampling *sampling, struct watched *watched, double seconds)
{
    char text[160];
    double cores = (double)watched->cost_ns / 1e9 / seconds;
    watched->cost_ns = 0;
    uint32_t step = governor_judge(watched->step, sampling->settings->most_hz, cores,
                                   sampling->settings->process_budget);
    if (step == watched->step)
        return;
    snprintf(text, sizeof text,
             "it is sampled at %u Hz: it costs %.2f %% of a core, and may cost %.2f %%",
             governor_rate_hz(sampling->settings->most_hz, step), 100 * cores,
             100 * sampling->settings->process_budget);
    watched->step = step;
    sampling->stats.rate_changes++;
    post_event(sampling, "rate", watched->book, text);
}

/* Services that take far more than they usually do; at most `limit` names are returned. */
static uint32_t find_unusual(struct sampling *sampling, double seconds, char (*names)[IDENTITY_MAX],
                             uint32_t limit)
{
    struct status *status = sampling->status;
    uint32_t count = 0;
    pthread_mutex_lock(&status->lock);
    for (uint32_t i = 0; i < status->service_count; i++) {
        struct status_service *service = &status->services[i];
        double cores = (double)(service->cpu_ns - service->judged_ns) / 1e9 / seconds;
        service->judged_ns = service->cpu_ns;
        if (trigger_note(sampling->trigger, service->name, cores) && count < limit)
            memcpy(names[count++], service->name, IDENTITY_MAX);
    }
    pthread_mutex_unlock(&status->lock);
    return count;
}

static void pull_triggers(struct sampling *sampling, double seconds)
{
    char names[BOOSTS_MAX][IDENTITY_MAX];
    struct err err;
    uint32_t count = find_unusual(sampling, seconds, names, BOOSTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (sampling_boost(sampling, names[i], TRIGGER_HZ, TRIGGER_S, &err) < 0)
            continue; /* it has had its share of this hour */
        struct letter *letter = letter_new(LETTER_EVENT, NULL, clock_wall_ns());
        if (letter) {
            letter->event = "boost";
            letter->service = strdup(names[i]);
            letter->text = strdup("it takes more than twice the CPU of its last hour; it is looked "
                                  "at more closely for ten seconds");
        }
        mail_post(sampling->mail, letter);
    }
}

static void judge(struct sampling *sampling, uint64_t mono_ns)
{
    char text[160];
    uint64_t cpu_ns = sampling->costs.cpu_ns(sampling->costs.context);
    double seconds = (double)(mono_ns - sampling->judged_ns) / 1e9;
    sampling->cores = (double)(cpu_ns - sampling->judged_cpu_ns) / 1e9 / seconds;
    sampling->judged_ns = mono_ns;
    sampling->judged_cpu_ns = cpu_ns;
    pull_triggers(sampling, seconds);
    bool was_boosted = sampling->was_boosted;
    sampling->was_boosted = false;
    if (was_boosted) /* that has a budget of its own */
        return;
    uint32_t step = governor_judge(sampling->step, sampling->settings->most_hz, sampling->cores,
                                   sampling->settings->budget);
    if (step != sampling->step) {
        snprintf(text, sizeof text,
                 "processes are sampled at %u Hz: the daemon costs %.2f %% of a core, and may cost "
                 "%.2f %%",
                 governor_rate_hz(sampling->settings->most_hz, step), 100 * sampling->cores,
                 100 * sampling->settings->budget);
        sampling->step = step;
        sampling->stats.rate_changes++;
        post_event(sampling, "rate", NULL, text);
    }
    for (uint32_t i = 0; i < sampling->count; i++)
        judge_process(sampling, sampling->watched[i], seconds);
}

/* ---- what others ask for ------------------------------------------------------------------- */

int sampling_configure(struct sampling *sampling, const struct daemon_config *config,
                       struct err *err)
{
    struct settings *settings = NULL;
    int result = settings_new(config, &settings, err);
    if (result < 0)
        return result;
    pthread_mutex_lock(&sampling->lock);
    settings_free(sampling->next); /* two within a tick: the last counts */
    sampling->next = settings;
    pthread_mutex_unlock(&sampling->lock);
    return 0;
}

/* Processes that the new patterns leave out are let go. Wall or not counts for processes that are
 * found from now on, and so do the rules of services. */
static void take_settings(struct sampling *sampling)
{
    pthread_mutex_lock(&sampling->lock);
    struct settings *next = sampling->next;
    sampling->next = NULL;
    pthread_mutex_unlock(&sampling->lock);
    if (!next)
        return;
    settings_free(sampling->settings);
    sampling->settings = next;
    discovery_configure(sampling->discovery, &next->patterns, next->budget);
    for (uint32_t i = sampling->count; i-- > 0;) {
        pid_t pid = sampling->watched[i]->book->pid;
        if (!discovery_wants(sampling->discovery, pid)) {
            end_at(sampling, i);
            discovery_dropped(sampling->discovery, pid);
        }
    }
}

static bool has_service(struct sampling *sampling, const char *service)
{
    bool found = false;
    pthread_mutex_lock(&sampling->status->lock);
    for (uint32_t i = 0; i < sampling->status->service_count; i++)
        found |= sampling->status->services[i].processes &&
                 strcmp(sampling->status->services[i].name, service) == 0;
    pthread_mutex_unlock(&sampling->status->lock);
    return found;
}

/* Within its share of the hour? Called with the lock held. */
static int spend(struct sampling *sampling, const char *service, uint32_t seconds,
                 struct boost **place)
{
    uint64_t now_ns = clock_mono_ns();
    struct boost *found = NULL;
    for (uint32_t i = 0; i < BOOSTS_MAX; i++) {
        struct boost *boost = &sampling->boosts[i];
        bool is_old = !boost->hour_ns || now_ns - boost->hour_ns > 3600 * SECOND_NS;
        if (strcmp(boost->service, service) == 0) {
            found = boost;
            break;
        }
        if (is_old && !found)
            found = boost;
    }
    if (!found)
        return ERR_LIMIT;
    bool is_old = !found->hour_ns || now_ns - found->hour_ns > 3600 * SECOND_NS;
    if (is_old || strcmp(found->service, service) != 0)
        *found = (struct boost){.hour_ns = now_ns};
    if (found->seconds + seconds > BOOST_HOUR_S)
        return ERR_LIMIT;
    found->seconds += seconds;
    *place = found;
    return 0;
}

int sampling_boost(struct sampling *sampling, const char *service, uint32_t rate_hz,
                   uint32_t seconds, struct err *err)
{
    struct boost *boost;
    if (!rate_hz || rate_hz > SAMPLING_BOOST_MAX_HZ || !seconds || seconds > SAMPLING_BOOST_MAX_S)
        return err_set(err, ERR_USAGE, "a boost is 1 to %u Hz, for 1 to %u seconds",
                       SAMPLING_BOOST_MAX_HZ, SAMPLING_BOOST_MAX_S);
    if (strlen(service) >= IDENTITY_MAX || !has_service(sampling, service))
        return err_set(err, ERR_NOT_FOUND, "no process of the service \"%.100s\" is sampled",
                       service);
    pthread_mutex_lock(&sampling->lock);
    int result = spend(sampling, service, seconds, &boost);
    if (result == 0) {
        snprintf(boost->service, sizeof boost->service, "%s", service);
        boost->rate_hz = rate_hz;
        boost->until_ns = clock_mono_ns() + seconds * SECOND_NS;
    }
    pthread_mutex_unlock(&sampling->lock);
    if (result < 0)
        return err_set(
            err, result,
            "\"%.100s\" has been boosted for %u seconds of this hour, which is all there "
            "is; try again later",
            service, BOOST_HOUR_S);
    atomic_fetch_add(&sampling->boosts_total, 1);
    return 0;
}

/* ---- ticks --------------------------------------------------------------------------------- */

static void end_boosts(struct sampling *sampling, uint64_t mono_ns)
{
    pthread_mutex_lock(&sampling->lock);
    for (uint32_t i = 0; i < BOOSTS_MAX; i++)
        if (mono_ns >= sampling->boosts[i].until_ns)
            sampling->boosts[i].rate_hz = 0;
    pthread_mutex_unlock(&sampling->lock);
}

/* The same process with a new book. */
static int renew(struct sampling *sampling, struct watched **place)
{
    struct watched *old = *place, *fresh;
    struct target_options options = {0};
    struct target *target;
    struct err err;
    int result = target_open(old->book->pid, &options, &target, &err);
    if (result < 0)
        return result;
    struct book *book = book_new_like(old->book);
    if (!book) {
        target_close(target);
        return ERR_NO_MEMORY;
    }
    result = watched_new(target, book, sampling->settings->wall, &fresh, &err);
    if (result == 0) {
        fresh->rate_hz = old->rate_hz;
        fresh->step = old->step;
        struct letter *letter = letter_new(LETTER_STARTED, book, clock_wall_ns());
        if (letter)
            letter->is_quiet = true;
        mail_post(sampling->mail, letter);
        let_go(sampling, old);
        *place = fresh;
        sampling->stats.renewed++;
    }
    book_unref(book);
    return result;
}

/* Books that have grown too large. */
static void renew_full(struct sampling *sampling)
{
    for (uint32_t i = sampling->count; i-- > 0;) {
        struct watched *watched = sampling->watched[i];
        pid_t pid = watched->book->pid;
        if (!book_is_full(watched->book) || renew(sampling, &sampling->watched[i]) == 0)
            continue;
        end_at(sampling, i);
        discovery_dropped(sampling->discovery, pid);
    }
}

static void begin_window(struct sampling *sampling, uint64_t window)
{
    for (uint32_t i = 0; i < sampling->count; i++)
        hand_over(sampling, sampling->watched[i]);
    sampling->window = window;
    renew_full(sampling);
}

static void tell_services(struct sampling *sampling)
{
    struct status *status = sampling->status;
    for (uint32_t i = 0; i < status->service_count; i++)
        status->services[i].processes = status->services[i].boosted_hz = 0;
    pthread_mutex_lock(&sampling->lock);
    for (uint32_t i = 0; i < sampling->count; i++) {
        struct watched *watched = sampling->watched[i];
        struct status_service *service = status_service(status, watched->book->who.service);
        service->processes++;
        service->cpu_ns += watched->cpu_ns;
        service->boosted_hz = boosted_hz(sampling, watched->book->who.service);
        watched->cpu_ns = 0;
    }
    pthread_mutex_unlock(&sampling->lock);
}

static void fill_stats(struct sampling *sampling)
{
    struct status_sampling *stats = &sampling->stats;
    const struct discovery_stats *discovery = discovery_stats(sampling->discovery);
    const struct family_stats *family = discovery_family(sampling->discovery);
    struct profile_stats sum = sampling->ended;
    stats->agents = 0;
    for (uint32_t i = 0; i < sampling->count; i++) {
        add_stats(&sum, &sampling->watched[i]->book->profile->stats);
        stats->agents += process_agent(sampling->watched[i]->process) != NULL;
    }
    stats->rate_hz = governor_rate_hz(sampling->settings->most_hz, sampling->step);
    stats->most_hz = sampling->settings->most_hz;
    stats->cores = sampling->cores;
    stats->budget_cores = sampling->settings->budget;
    stats->processes = sampling->count;
    stats->samples = sum.samples;
    stats->exact = sum.exact;
    stats->partial = sum.partial;
    stats->lost = sum.lost;
    stats->not_python = family->not_python;
    stats->unreadable = family->unreadable;
    stats->has_events = family->has_events;
    stats->excluded = discovery->excluded;
    stats->postponed = discovery->postponed;
    stats->waiting = discovery->waiting;
    stats->boosts = atomic_load(&sampling->boosts_total);
}

static void tell(struct sampling *sampling, uint64_t mono_ns)
{
    sampling->told_ns = mono_ns;
    fill_stats(sampling);
    pthread_mutex_lock(&sampling->status->lock);
    sampling->status->sampling = sampling->stats;
    tell_services(sampling);
    pthread_mutex_unlock(&sampling->status->lock);
    for (uint32_t i = 0; i < sampling->count; i++) {
        struct letter *letter = watched_samples(sampling->watched[i]);
        if (letter)
            mail_post(sampling->mail, letter);
    }
}

static void tick(struct sampling *sampling, uint64_t mono_ns)
{
    uint64_t window = clock_wall_ns() / SAMPLING_WINDOW_NS;
    atomic_store(&sampling->status->sampler_ns, mono_ns);
    for (uint32_t i = 0; i < sampling->count; i++)
        watched_drain(sampling->watched[i]);
    if (window != sampling->window)
        begin_window(sampling, window);
    take_settings(sampling);
    discovery_tick(sampling->discovery, mono_ns);
    end_boosts(sampling, mono_ns);
    if (mono_ns - sampling->judged_ns >= GOVERNOR_PERIOD_NS)
        judge(sampling, mono_ns);
    set_rates(sampling);
    if (mono_ns - sampling->told_ns >= SECOND_NS)
        tell(sampling, mono_ns);
}

/* ---- the loop ------------------------------------------------------------------------------ */

void sampling_run(struct sampling *sampling)
{
    uint64_t now_ns = clock_mono_ns(), round_ns = now_ns, tick_ns = now_ns;
    sampling->window = clock_wall_ns() / SAMPLING_WINDOW_NS;
    sampling->judged_ns = now_ns;
    sampling->judged_cpu_ns = sampling->costs.cpu_ns(sampling->costs.context);
    set_rates(sampling);
    while (!atomic_load(&sampling->stop)) {
        if (now_ns >= round_ns && sampling->count) {
            round_over_all(sampling, now_ns);
            round_ns = schedule(sampling, round_ns);
        } else if (!sampling->count) {
            round_ns = now_ns;
        }
        if (now_ns >= tick_ns) {
            tick(sampling, now_ns);
            atomic_store(&sampling->status->is_ready, true);
            uint64_t look_ns = discovery_next_ns(sampling->discovery);
            tick_ns = look_ns < now_ns + TICK_NS ? look_ns : now_ns + TICK_NS;
        }
        clock_sleep_until(sampling->count && round_ns < tick_ns ? round_ns : tick_ns);
        now_ns = clock_mono_ns();
    }
    for (uint32_t i = 0; i < sampling->count; i++) {
        watched_drain(sampling->watched[i]);
        hand_over(sampling, sampling->watched[i]);
    }
    tell(sampling, now_ns);
}

void sampling_stop(struct sampling *sampling)
{
    atomic_store(&sampling->stop, true);
}
