/* SPDX-License-Identifier: MIT */
/* daemon.c - life cycle: rights, threads, signals.
 *
 * Rights are those of threads, and a thread inherits those of the one that starts it. So the order
 * is: what needs more than the rest is opened (the kernel's process events, the store, the
 * address), then the sampler's and the keeper's threads begin with what reading processes needs,
 * and the threads that talk to the network begin with nothing.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/keeper.h"
#include "daemon/live.h"
#include "daemon/mail.h"
#include "daemon/sampling.h"
#include "daemon/status.h"
#include "httpd/httpd.h"
#include "os/privilege.h"
#include "os/procfs.h"

#define TOKEN_MAX_BYTES ((size_t)256 << 10)
#define COST_NS UINT64_C(5000000000)
#define PORTS_OF_ROOT 1024

/* Absent from headers before 5.9. */
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

/* Other users' processes; programs in folders that are private; those that an upgrade has replaced
 * on the disk. */
#define RIGHTS_OF_READING                                                                          \
    (PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_DAC_READ_SEARCH) | PRIVILEGE(CAP_CHECKPOINT_RESTORE))

struct daemon {
    struct mail mail;
    struct status *status;
    struct sampling *sampling;
    struct keeper *keeper;
    struct httpd *httpd;
    pthread_t sampler_thread, keeper_thread;
    bool sampler_runs, keeper_runs;
    sigset_t signals;
    const char *config_path;
    struct daemon_config file; /* as it was last read */
    bool has_file;
    uint64_t cost_at_ns, cost_cpu_ns;
};

/* ---- what HTTP asks ------------------------------------------------------------------------ */

static int ask_status(void *context, struct buf *out)
{
    struct daemon *daemon = context;
    return live_status(daemon->status, out);
}

static int ask_metrics(void *context, struct buf *out, bool open_metrics)
{
    struct daemon *daemon = context;
    struct httpd_counts counts = {0};
    if (daemon->httpd) /* its first request may come before httpd_start() has returned */
        httpd_counts(daemon->httpd, &counts);
    return live_metrics(daemon->status, &counts, open_metrics, out);
}

static int ask_events(void *context, uint64_t *cursor, struct buf *out)
{
    struct daemon *daemon = context;
    return live_events(daemon->status, cursor, out);
}

static int ask_deploy(void *context, const char *service, const char *version, const char *text,
                      struct err *err)
{
    struct daemon *daemon = context;
    struct letter *letter = letter_new(LETTER_EVENT, NULL, clock_wall_ns());
    if (letter) {
        letter->event = "deploy";
        letter->service = strdup(service);
        letter->version = strdup(version);
        letter->text = strdup(text ? text : "");
    }
    if (!letter || !letter->service || !letter->version || !letter->text) {
        letter_free(letter);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    mail_post(&daemon->mail, letter);
    return 0;
}

static int ask_boost(void *context, const char *service, uint32_t rate_hz, uint32_t seconds,
                     struct err *err)
{
    struct daemon *daemon = context;
    return sampling_boost(daemon->sampling, service, rate_hz, seconds, err);
}

static bool ask_healthy(void *context)
{
    struct daemon *daemon = context;
    return live_is_healthy(daemon->status);
}

static bool ask_ready(void *context)
{
    struct daemon *daemon = context;
    return atomic_load(&daemon->status->is_ready);
}

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
    httpd_stop(daemon->httpd);
    if (daemon->sampler_runs) {
        sampling_stop(daemon->sampling);
        pthread_join(daemon->sampler_thread, NULL);
    }
    if (daemon->keeper_runs) { /* it writes what the sampler has left */
        keeper_stop(daemon->keeper);
        pthread_join(daemon->keeper_thread, NULL);
    }
}

/* ---- beginning ----------------------------------------------------------------------------- */

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

static uint64_t rights_of_listening(const struct daemon_config *config)
{
    const char *colon = strrchr(config->listen, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    return port > 0 && port < PORTS_OF_ROOT ? PRIVILEGE(CAP_NET_BIND_SERVICE) : 0;
}

/* Root without the right to write everywhere: the folder must be its own. */
static int give_up_rights(const struct daemon_config *config, struct err *err)
{
    if (!privilege_effective())
        return 0;
    if (privilege_keep(RIGHTS_OF_READING | rights_of_listening(config)) < 0)
        log_warning("some rights could not be given up: %s", strerror(errno));
    if (faccessat(AT_FDCWD, config->data, W_OK, AT_EACCESS) < 0 && errno == EACCES)
        return err_set(err, ERR_DENIED,
                       "%s belongs to another user, and serve gives up root's right to write "
                       "everywhere; give it to the user that runs serve (chown -R)",
                       config->data);
    return 0;
}

static int read_token(const char *path, char **token, struct err *err)
{
    struct buf text;
    *token = NULL;
    if (!path)
        return 0;
    buf_init(&text, TOKEN_MAX_BYTES);
    int result = file_read(path, &text, err);
    if (result == 0) {
        text.size = strcspn(text.data, "\r\n");
        text.data[text.size] = 0;
        if (text.size == 0)
            result =
                err_set(err, ERR_USAGE, "%s: the first line is the token, and it is empty", path);
        else if (!(*token = strdup(text.data)))
            result = err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    buf_done(&text);
    return result;
}

static int begin_http(struct daemon *daemon, const struct daemon_config *config, char *token,
                      struct err *err)
{
    struct httpd_options options = {
        .listen = config->listen,
        .data = config->data,
        .token = token,
        .allowed_hosts = config->allowed_hosts,
        .tls_cert = config->tls_cert,
        .tls_key = config->tls_key,
        .client_ca = config->client_ca,
        .live = {.context = daemon,
                 .status = ask_status,
                 .metrics = ask_metrics,
                 .deploy = ask_deploy,
                 .boost = ask_boost,
                 .healthy = ask_healthy,
                 .ready = ask_ready,
                 .events = ask_events},
    };
    privilege_keep(rights_of_listening(config));
    struct httpd *httpd;
    int result = httpd_start(&options, &httpd, err);
    if (result == 0)
        daemon->httpd = httpd;
    privilege_keep(0);
    return result;
}

static int begin(struct daemon *daemon, const struct daemon_config *config, struct err *err)
{
    struct sampling_costs costs = {.cpu_ns = own_cpu_ns, .context = daemon};
    char *token = NULL;
    daemon->status = status_new();
    if (!daemon->status)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int result = read_token(config->token_file, &token, err);
    if (result == 0)
        result = keeper_new(config, &daemon->mail, daemon->status, &daemon->keeper, err);
    if (result == 0)
        result =
            sampling_new(config, &costs, &daemon->mail, daemon->status, &daemon->sampling, err);
    if (result == 0)
        result = give_up_rights(config, err);
    if (result == 0)
        result = begin_thread(&daemon->keeper_thread, &daemon->keeper_runs, run_keeper,
                              daemon->keeper, "keeper", err);
    if (result == 0)
        result = begin_thread(&daemon->sampler_thread, &daemon->sampler_runs, run_sampler,
                              daemon->sampling, "sampler", err);
    if (result == 0)
        result = begin_http(daemon, config, token, err);
    free(token);
    return result;
}

/* ---- configuration ------------------------------------------------------------------------- */

static bool is_same_text(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

/* What only takes effect at the next start. */
static void tell_fixed(const struct daemon_config *before, const struct daemon_config *now)
{
    if (is_same_text(before->listen, now->listen) && is_same_text(before->data, now->data) &&
        is_same_text(before->token_file, now->token_file) &&
        is_same_text(before->allowed_hosts, now->allowed_hosts) &&
        is_same_text(before->tls_cert, now->tls_cert) &&
        is_same_text(before->tls_key, now->tls_key) &&
        is_same_text(before->client_ca, now->client_ca) && before->keep_bytes == now->keep_bytes &&
        before->trace_sample == now->trace_sample)
        return;
    log_warning("listen, data, keep, token_file, allowed_hosts, tls_*, client_ca and trace_sample "
                "count from the next start on");
}

static void reload(struct daemon *daemon, const struct daemon_config *config)
{
    struct daemon_config now;
    struct err err;
    if (!daemon->config_path) {
        log_info("there is no configuration file to read again");
        return;
    }
    int result = daemon_config_load(daemon->config_path, &now, &err);
    if (result == 0) {
        /* What an option said at the start stays as long as the file does not change it. */
        struct daemon_config merged = now;
        if (now.rate_hz == daemon->file.rate_hz)
            merged.rate_hz = config->rate_hz;
        if (now.budget == daemon->file.budget)
            merged.budget = config->budget;
        if (now.process_budget == daemon->file.process_budget)
            merged.process_budget = config->process_budget;
        if (now.wall == daemon->file.wall)
            merged.wall = config->wall;
        if (!now.include)
            merged.include = config->include;
        if (!now.exclude)
            merged.exclude = config->exclude;
        result = sampling_configure(daemon->sampling, &merged, &err);
    }
    if (result < 0) {
        daemon_config_done(&now);
        log_error("%s; the configuration stays as it was", err.text);
        return;
    }
    tell_fixed(&daemon->file, &now);
    log_set_json(now.log_json);
    daemon_config_done(&daemon->file);
    daemon->file = now;
    log_info("the configuration was read again");
}

/* ---- while it runs ------------------------------------------------------------------------- */

static void measure(struct daemon *daemon)
{
    char text[128];
    unsigned long long pages = 0;
    uint64_t now_ns = clock_mono_ns(), cpu_ns = clock_cpu_ns();
    if (now_ns - daemon->cost_at_ns < COST_NS)
        return;
    if (proc_text("/proc/self/statm", text, sizeof text) > 0)
        sscanf(text, "%*u %llu", &pages);
    double cores = (double)(cpu_ns - daemon->cost_cpu_ns) / (double)(now_ns - daemon->cost_at_ns);
    daemon->cost_at_ns = now_ns;
    daemon->cost_cpu_ns = cpu_ns;
    pthread_mutex_lock(&daemon->status->lock);
    daemon->status->cores = cores;
    daemon->status->cpu_ns = cpu_ns;
    daemon->status->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_unlock(&daemon->status->lock);
}

static void wait_for_end(struct daemon *daemon, const struct daemon_config *config)
{
    struct timespec second = {.tv_sec = 1};
    for (;;) {
        measure(daemon);
        int signal_number = sigtimedwait(&daemon->signals, NULL, &second);
        if (signal_number == SIGHUP)
            reload(daemon, config);
        if (signal_number == SIGINT || signal_number == SIGTERM)
            return;
    }
}

static void tell_address(const struct daemon *daemon, const struct daemon_config *config)
{
    const char *colon = strrchr(config->listen, ':');
    int host_size = colon ? (int)(colon - config->listen) : 0;
    bool is_all = host_size == 0 || strncmp(config->listen, "0.0.0.0:", 8) == 0 ||
                  strncmp(config->listen, "[::]:", 5) == 0;
    log_info("the page is at %s://%.*s:%u/, the history in %s", config->tls_cert ? "https" : "http",
             is_all ? 9 : host_size, is_all ? "127.0.0.1" : config->listen,
             httpd_port(daemon->httpd), config->data);
}

static void end(struct daemon *daemon)
{
    end_threads(daemon);
    sampling_free(daemon->sampling);
    keeper_free(daemon->keeper);
    mail_done(&daemon->mail);
    status_free(daemon->status);
    if (daemon->has_file)
        daemon_config_done(&daemon->file);
}

int daemon_run(const struct daemon_config *config, const char *config_path, struct err *err)
{
    struct daemon daemon = {.config_path = config_path};
    log_set_json(config->log_json);
    block_signals(&daemon);
    raise_open_files();
    mail_init(&daemon.mail);
    int result = 0;
    if (config_path) {
        result = daemon_config_load(config_path, &daemon.file, err);
        daemon.has_file = true;
    }
    if (result == 0)
        result = begin(&daemon, config, err);
    if (result == 0) {
        tell_address(&daemon, config);
        wait_for_end(&daemon, config);
        log_info("ending; what was seen is written");
    }
    end(&daemon);
    return result;
}
