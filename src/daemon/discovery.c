/* SPDX-License-Identifier: MIT */
#include "daemon/discovery.h"

#include <stdlib.h>

#include "base/clock.h"
#include "os/procfs.h"
#include "target/target.h"

#define LOOK_NS UINT64_C(250000000)       /* with the kernel's events */
#define LOOK_ALONE_NS UINT64_C(500000000) /* all executables are looked at each time */
#define BACKLOG_NS UINT64_C(40000000)
#define AT_ONCE_NS UINT64_C(20000000)   /* of opening, before samples are taken again */
#define ACCOUNT_NS UINT64_C(4000000000) /* of a host's processes at the start */
#define ACCOUNT_SHARE 0.5               /* of the budget */
#define ACCOUNT_LEAST_CORES 0.002

struct discovery {
    struct discovery_hooks hooks;
    struct family *family;
    const struct patterns *patterns;
    struct discovery_stats stats;
    double cores; /* refill */
    uint64_t account_ns, refilled_ns;
    uint64_t spent_ns; /* in this tick */
    uint64_t next_ns;
};

/* ---- patterns ------------------------------------------------------------------------------ */

static int compile(struct pattern_list *out, char *const *patterns, struct err *err)
{
    size_t count = 0;
    while (patterns && patterns[count])
        count++;
    out->items = calloc(count ? count : 1, sizeof *out->items);
    if (!out->items)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (; out->count < count; out->count++)
        if (regcomp(&out->items[out->count], patterns[out->count], REG_EXTENDED | REG_NOSUB) != 0)
            return err_set(err, ERR_USAGE, "\"%s\" is not a regular expression",
                           patterns[out->count]);
    return 0;
}

int patterns_init(struct patterns *out, char *const *include, char *const *exclude, struct err *err)
{
    *out = (struct patterns){0};
    int result = compile(&out->include, include, err);
    return result < 0 ? result : compile(&out->exclude, exclude, err);
}

static void list_done(struct pattern_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        regfree(&list->items[i]);
    free(list->items);
    *list = (struct pattern_list){0};
}

void patterns_done(struct patterns *patterns)
{
    list_done(&patterns->include);
    list_done(&patterns->exclude);
}

static bool match_any(const struct pattern_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (regexec(&list->items[i], text, 0, NULL, 0) == 0)
            return true;
    return false;
}

bool discovery_wants(const struct discovery *discovery, pid_t pid)
{
    char command[4096];
    const struct patterns *patterns = discovery->patterns;
    if (!patterns->include.count && !patterns->exclude.count)
        return true;
    if (proc_command(pid, command, sizeof command) < 0)
        return false;
    return (!patterns->include.count || match_any(&patterns->include, command)) &&
           !match_any(&patterns->exclude, command);
}

/* ---- opening ------------------------------------------------------------------------------- */

static int open_target(struct discovery *discovery, pid_t pid, struct err *err)
{
    struct target_options options = {0};
    struct target *target;
    int result = target_open(pid, &options, &target, err);
    return result < 0 ? result : discovery->hooks.opened(discovery->hooks.context, target, err);
}

static int open_process(void *context, pid_t pid, struct err *err)
{
    struct discovery *discovery = context;
    if (!discovery_wants(discovery, pid)) {
        discovery->stats.excluded++;
        return ERR_NOT_PYTHON;
    }
    if (!discovery->account_ns || discovery->spent_ns >= AT_ONCE_NS) {
        discovery->stats.postponed++;
        discovery->stats.waiting++;
        return ERR_LIMIT;
    }
    uint64_t before_ns = clock_mono_ns();
    int result = open_target(discovery, pid, err);
    uint64_t took_ns = clock_mono_ns() - before_ns;
    discovery->spent_ns += took_ns;
    discovery->account_ns -= took_ns < discovery->account_ns ? took_ns : discovery->account_ns;
    return result;
}

static void drop_process(void *context, pid_t pid)
{
    struct discovery *discovery = context;
    discovery->hooks.left(discovery->hooks.context, pid);
}

int discovery_new(const struct discovery_hooks *hooks, struct discovery **out, struct err *err)
{
    struct discovery *discovery = calloc(1, sizeof *discovery);
    if (!discovery)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    discovery->hooks = *hooks;
    discovery->account_ns = ACCOUNT_NS;
    struct family_options options = {
        .all = true, .open = open_process, .drop = drop_process, .context = discovery};
    int result = family_new(&options, &discovery->family, err);
    if (result < 0) {
        free(discovery);
        return result;
    }
    *out = discovery;
    return 0;
}

void discovery_free(struct discovery *discovery)
{
    if (!discovery)
        return;
    family_free(discovery->family);
    free(discovery);
}

void discovery_configure(struct discovery *discovery, const struct patterns *patterns,
                         double budget)
{
    discovery->patterns = patterns;
    discovery->cores = budget * ACCOUNT_SHARE;
    if (discovery->cores < ACCOUNT_LEAST_CORES)
        discovery->cores = ACCOUNT_LEAST_CORES;
    family_retry(discovery->family);
}

static void refill(struct discovery *discovery, uint64_t mono_ns)
{
    uint64_t passed_ns = discovery->refilled_ns ? mono_ns - discovery->refilled_ns : 0;
    discovery->account_ns += (uint64_t)((double)passed_ns * discovery->cores);
    if (discovery->account_ns > ACCOUNT_NS)
        discovery->account_ns = ACCOUNT_NS;
    discovery->refilled_ns = mono_ns;
}

void discovery_tick(struct discovery *discovery, uint64_t mono_ns)
{
    if (mono_ns < discovery->next_ns)
        return;
    refill(discovery, mono_ns);
    discovery->spent_ns = 0;
    discovery->stats.waiting = 0;
    family_tick(discovery->family, mono_ns);
    bool has_backlog = discovery->spent_ns >= AT_ONCE_NS && discovery->account_ns;
    bool has_events = family_stats(discovery->family)->has_events;
    discovery->next_ns = mono_ns + (has_backlog  ? BACKLOG_NS
                                    : has_events ? LOOK_NS
                                                 : LOOK_ALONE_NS);
}

uint64_t discovery_next_ns(const struct discovery *discovery)
{
    return discovery->next_ns;
}

void discovery_dropped(struct discovery *discovery, pid_t pid)
{
    family_dropped(discovery->family, pid);
}

const struct discovery_stats *discovery_stats(const struct discovery *discovery)
{
    return &discovery->stats;
}

const struct family_stats *discovery_family(const struct discovery *discovery)
{
    return family_stats(discovery->family);
}
