/* SPDX-License-Identifier: MIT */
#include "sampler/family.h"

#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "os/procevents.h"
#include "os/procfs.h"

#define SCAN_RANGE_MAX 512 /* more new pids than this: list /proc instead of asking one by one */
#define RETRY_FIRST_NS 2000000u
#define RETRY_SHARE 16 /* then after a sixteenth of the time it has been starting already */
#define GIVE_UP_NS UINT64_C(10000000000) /* an interpreter that never finishes starting */
#define WAIT_NS 20000000u                /* one that had to wait for others */
#define EXE_MAX 256
#define LOOK_NS 5000000u
#define FULL_SCAN_NS UINT64_C(1000000000)

enum member_state {
    MEMBER_WAITING, /* not recorded: not Python (yet), or starting */
    MEMBER_RECORDED,
    MEMBER_REFUSED, /* a Python that cannot be read; asked again after an exec */
};

struct member {
    pid_t pid;
    enum member_state state;
    bool is_root;         /* named, not found */
    uint64_t next_try_ns; /* 0: wait for an exec */
    uint64_t first_try_ns;
    char exe[EXE_MAX]; /* when it was last tried */
};

struct family {
    struct family_options options;
    struct family_stats stats;
    struct member *members;
    uint32_t count, capacity;
    regex_t pattern;
    bool has_pattern;
    int events_fd;  /* -1: none */
    int loadavg_fd; /* -1: none */
    pid_t last_pid; /* newest seen in loadavg */
    uint64_t full_scan_ns;
    struct pid_list pids;
};

/* ---- life ---------------------------------------------------------------------------------- */

int family_new(const struct family_options *options, struct family **out, struct err *err)
{
    struct family *family = calloc(1, sizeof *family);
    if (!family)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    family->options = *options;
    if (options->pattern) {
        if (regcomp(&family->pattern, options->pattern, REG_EXTENDED | REG_NOSUB) != 0) {
            free(family);
            return err_set(err, ERR_USAGE, "\"%s\" is not a regular expression", options->pattern);
        }
        family->has_pattern = true;
    }
    bool looks = options->follow || options->all || options->pattern;
    family->events_fd = looks ? procevents_open() : -1; /* every fork of the host would wake us */
    family->stats.has_events = family->events_fd >= 0;
    family->loadavg_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    *out = family;
    return 0;
}

void family_free(struct family *family)
{
    if (!family)
        return;
    procevents_close(family->events_fd);
    if (family->loadavg_fd >= 0)
        close(family->loadavg_fd);
    if (family->has_pattern)
        regfree(&family->pattern);
    pid_list_done(&family->pids);
    free(family->members);
    free(family);
}

const struct family_stats *family_stats(const struct family *family)
{
    return &family->stats;
}

uint32_t family_pending(const struct family *family)
{
    uint32_t pending = 0;
    for (uint32_t i = 0; i < family->count; i++) {
        const struct member *member = &family->members[i];
        pending += member->next_try_ns != 0 ||
                   (member->is_root && family->options.follow && member->state == MEMBER_WAITING);
    }
    return pending;
}

/* ---- members ------------------------------------------------------------------------------- */

static struct member *find_member(struct family *family, pid_t pid)
{
    for (uint32_t i = 0; i < family->count; i++)
        if (family->members[i].pid == pid)
            return &family->members[i];
    return NULL;
}

static struct member *add_member(struct family *family, pid_t pid)
{
    struct member *member = find_member(family, pid);
    if (member)
        return member;
    if (pid == getpid() || family->count >= FAMILY_MAX_MEMBERS)
        return NULL;
    if (family->count == family->capacity) {
        uint32_t capacity = family->capacity ? family->capacity * 2 : 16;
        void *moved = realloc(family->members, capacity * sizeof *family->members);
        if (!moved)
            return NULL;
        family->members = moved;
        family->capacity = capacity;
    }
    member = &family->members[family->count++];
    *member = (struct member){.pid = pid, .next_try_ns = 1};
    return member;
}

static void remove_member(struct family *family, struct member *member)
{
    *member = family->members[--family->count];
}

void family_add_root(struct family *family, pid_t pid, bool is_recorded)
{
    struct member *member = add_member(family, pid);
    if (!member)
        return;
    member->is_root = true;
    member->state = is_recorded ? MEMBER_RECORDED : MEMBER_WAITING;
    member->next_try_ns = 0; /* tried already; an exec makes it due again */
    proc_link(pid, "exe", member->exe, sizeof member->exe);
}

static void try_soon(struct member *member)
{
    member->state = MEMBER_WAITING;
    member->next_try_ns = 1;
    member->first_try_ns = 0;
}

void family_dropped(struct family *family, pid_t pid)
{
    struct member *member = find_member(family, pid);
    if (member)
        try_soon(member); /* gone, or another program now: the next try tells */
}

void family_retry(struct family *family)
{
    for (uint32_t i = 0; i < family->count; i++)
        if (family->members[i].state != MEMBER_RECORDED)
            try_soon(&family->members[i]);
}

static bool matches(struct family *family, pid_t pid)
{
    char command[1024];
    if (family->options.all)
        return true;
    return family->has_pattern && proc_command(pid, command, sizeof command) == 0 &&
           regexec(&family->pattern, command, 0, NULL, 0) == 0;
}

/* ---- trying -------------------------------------------------------------------------------- */

/* False: the member is gone and was removed. */
static bool try_member(struct family *family, struct member *member, uint64_t mono_ns)
{
    struct err err;
    if (!member->first_try_ns)
        member->first_try_ns = mono_ns;
    if (proc_link(member->pid, "exe", member->exe, sizeof member->exe) < 0)
        member->exe[0] = 0;
    if (!member->is_root && !family->options.follow && !matches(family, member->pid)) {
        member->next_try_ns = 0;
        return true;
    }
    int result = family->options.open(family->options.context, member->pid, &err);
    member->next_try_ns = 0;
    switch (result) {
    case 0:
        member->state = MEMBER_RECORDED;
        family->stats.opened++;
        return true;
    case ERR_GONE:
        remove_member(family, member);
        return false;
    case ERR_STARTING:
    case ERR_TORN:
    case ERR_FAULT:
        if (mono_ns - member->first_try_ns < GIVE_UP_NS) {
            uint64_t pause_ns = (mono_ns - member->first_try_ns) / RETRY_SHARE;
            member->next_try_ns = mono_ns + (pause_ns > RETRY_FIRST_NS ? pause_ns : RETRY_FIRST_NS);
        }
        return true;
    case ERR_LIMIT:
        member->first_try_ns = 0;
        member->next_try_ns = mono_ns + WAIT_NS;
        return true;
    case ERR_NOT_PYTHON:
        family->stats.not_python++;
        return true;
    default:
        family->stats.unreadable++;
        member->state = MEMBER_REFUSED;
        return true;
    }
}

static void try_due(struct family *family, uint64_t mono_ns)
{
    for (uint32_t i = 0; i < family->count;) {
        struct member *member = &family->members[i];
        if (member->next_try_ns && member->next_try_ns <= mono_ns &&
            !try_member(family, member, mono_ns))
            continue;
        i++;
    }
}

/* ---- news from the kernel ------------------------------------------------------------------ */

static void list_everything(struct family *family);

static void on_event(struct family *family, const struct procevent *event)
{
    struct member *member = find_member(family, event->pid);
    switch (event->kind) {
    case PROCEVENT_FORK:
        if (family->options.all || family->has_pattern ||
            (family->options.follow && find_member(family, event->parent)))
            add_member(family, event->pid);
        return;
    case PROCEVENT_EXEC:
        if (!member)
            return;
        if (member->state == MEMBER_RECORDED)
            family->options.drop(family->options.context, event->pid);
        try_soon(member);
        return;
    case PROCEVENT_EXIT:
        if (member && member->state != MEMBER_RECORDED)
            remove_member(family, member);
        return;
    }
}

static void drain_events(struct family *family)
{
    struct procevent event;
    int result;
    while ((result = procevents_next(family->events_fd, &event)) == 1)
        on_event(family, &event);
    if (result == ERR_LIMIT)
        list_everything(family);
}

/* ---- or by looking ------------------------------------------------------------------------- */

static pid_t newest_pid(const struct family *family)
{
    char text[128];
    ssize_t size =
        family->loadavg_fd < 0 ? -1 : pread(family->loadavg_fd, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *last = strrchr(text, ' ');
    return last ? (pid_t)strtol(last + 1, NULL, 10) : 0;
}

static void consider(struct family *family, pid_t pid)
{
    struct proc_stat stat;
    if (find_member(family, pid) || proc_stat_read(pid, &stat) < 0 || stat.kernel_thread)
        return;
    if (family->options.all || family->has_pattern ||
        (family->options.follow && find_member(family, stat.parent)))
        add_member(family, pid);
}

/* Ascending order puts parents before children (but for a wrap of the pid counter, mended by the
 * next scan). */
static void list_everything(struct family *family)
{
    if (proc_list(&family->pids) < 0)
        return;
    for (size_t i = 0; i < family->pids.count; i++)
        consider(family, family->pids.pids[i]);
}

/* Threads have entries in /proc, too; they are only not listed. */
static bool is_process(pid_t pid)
{
    struct proc_status status;
    return proc_status_read(pid, 0, &status) == 0 && status.thread_group == pid;
}

static void look_for_new(struct family *family, uint64_t mono_ns)
{
    pid_t newest = newest_pid(family);
    if (newest == family->last_pid && mono_ns < family->full_scan_ns)
        return;
    pid_t from = family->last_pid + 1;
    bool is_near = family->last_pid && newest >= from && newest - from < SCAN_RANGE_MAX;
    if (!is_near || mono_ns >= family->full_scan_ns) {
        list_everything(family);
        family->full_scan_ns = mono_ns + FULL_SCAN_NS;
    } else {
        for (pid_t pid = from; pid <= newest; pid++)
            if (is_process(pid))
                consider(family, pid);
    }
    family->last_pid = newest;
}

/* Without events an exec shows as another executable behind the same pid. */
static void look_for_execs(struct family *family)
{
    for (uint32_t i = 0; i < family->count; i++) {
        struct member *member = &family->members[i];
        char exe[EXE_MAX] = "";
        if (member->next_try_ns)
            continue;
        if (proc_link(member->pid, "exe", exe, sizeof exe) < 0) {
            struct proc_stat stat;
            if (member->state != MEMBER_RECORDED && proc_stat_read(member->pid, &stat) == ERR_GONE)
                remove_member(family, member);
            continue;
        }
        if (strcmp(exe, member->exe) == 0)
            continue;
        if (member->state == MEMBER_RECORDED)
            family->options.drop(family->options.context, member->pid);
        try_soon(member);
    }
}

int family_wake_fd(const struct family *family)
{
    return family->events_fd;
}

uint64_t family_next_ns(const struct family *family, uint64_t mono_ns)
{
    bool looks = family->events_fd < 0 &&
                 (family->options.follow || family->options.all || family->has_pattern);
    uint64_t next_ns = looks ? mono_ns + LOOK_NS : UINT64_MAX;
    for (uint32_t i = 0; i < family->count; i++)
        if (family->members[i].next_try_ns && family->members[i].next_try_ns < next_ns)
            next_ns = family->members[i].next_try_ns;
    return next_ns;
}

void family_tick(struct family *family, uint64_t mono_ns)
{
    bool is_first = family->full_scan_ns == 0;
    if (family->events_fd >= 0) {
        if (is_first) {
            list_everything(family);
            family->full_scan_ns = 1;
        }
        drain_events(family);
    } else if (family->options.follow || family->options.all || family->has_pattern) {
        look_for_new(family, mono_ns);
        look_for_execs(family);
    }
    try_due(family, mono_ns);
}
