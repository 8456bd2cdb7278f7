/* SPDX-License-Identifier: MIT */
#include "daemon/daemon.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/keeper.h"
#include "daemon/mail.h"
#include "daemon/sampling.h"
#include "daemon/status.h"

struct daemon {
    struct mail mail;
    struct status *status;
    struct sampling *sampling;
    struct keeper *keeper;
    pthread_t sampler_thread, keeper_thread;
    bool sampler_runs, keeper_runs;
    sigset_t signals;
};

/* ---- threads ------------------------------------------------------------------------------- */

static void *run_sampler(void *context)
{
    sampling_run(context);
    return NULL;
}

static void *run_keeper(void *context)
{
    keeper_run(context);
    return NULL;
}

static uint64_t thread_cpu_ns(pthread_t thread)
{
    clockid_t clock;
    struct timespec time;
    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Sampling and keeping. Answers are not: whoever asks for a year should not slow the sampler. Asked
 * for by the sampler. */
static uint64_t own_cpu_ns(void *context)
{
    const struct daemon *daemon = context;
    return thread_cpu_ns(pthread_self()) + thread_cpu_ns(daemon->keeper_thread);
}

static int begin_thread(pthread_t *thread, bool *runs, void *(*body)(void *), void *context,
                        const char *name, struct err *err)
{
    if (pthread_create(thread, NULL, body, context) != 0)
        return err_set(err, ERR_NO_MEMORY, "a thread cannot be started");
    pthread_setname_np(*thread, name);
    *runs = true;
    return 0;
}

static void end_threads(struct daemon *daemon)
{
    if (daemon->sampler_runs) {
        sampling_stop(daemon->sampling);
        pthread_join(daemon->sampler_thread, NULL);
    }
    if (daemon->keeper_runs) { /* it writes what the sampler has left */
        keeper_stop(daemon->keeper);
        pthread_join(daemon->keeper_thread, NULL);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

static void block_signals(struct daemon *daemon)
{
    sigemptyset(&daemon->signals);
    sigaddset(&daemon->signals, SIGINT);
    sigaddset(&daemon->signals, SIGTERM);
    sigaddset(&daemon->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &daemon->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Two for each thread that is watched. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int begin(struct daemon *daemon, const struct daemon_config *config, struct err *err)
{
    struct sampling_costs costs = {.cpu_ns = own_cpu_ns, .context = daemon};
    daemon->status = status_new();
    if (!daemon->status)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int result = keeper_new(config, &daemon->mail, daemon->status, &daemon->keeper, err);
    if (result == 0)
        result =
            sampling_new(config, &costs, &daemon->mail, daemon->status, &daemon->sampling, err);
    if (result == 0)
        result = begin_thread(&daemon->keeper_thread, &daemon->keeper_runs, run_keeper,
                              daemon->keeper, "keeper", err);
    if (result == 0)
        result = begin_thread(&daemon->sampler_thread, &daemon->sampler_runs, run_sampler,
                              daemon->sampling, "sampler", err);
    return result;
}

static void wait_for_end(struct daemon *daemon)
{
    struct timespec second = {.tv_sec = 1};
    for (;;) {
        int signal_number = sigtimedwait(&daemon->signals, NULL, &second);
        if (signal_number == SIGINT || signal_number == SIGTERM)
            return;
    }
}

int daemon_run(const struct daemon_config *config, const char *config_path, struct err *err)
{
    struct daemon daemon = {0};
    (void)config_path;
    block_signals(&daemon);
    raise_open_files();
    mail_init(&daemon.mail);
    int result = begin(&daemon, config, err);
    if (result == 0)
        wait_for_end(&daemon);
    end_threads(&daemon);
    sampling_free(daemon.sampling);
    keeper_free(daemon.keeper);
    mail_done(&daemon.mail);
    status_free(daemon.status);
    return result;
}
