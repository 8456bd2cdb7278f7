/* SPDX-License-Identifier: MIT */
/* watch_processes.c - the processes of watch.
 *
 * /proc is listed once a second. An agent's memory appears with the first event, maybe long after
 * the process began, so every Python without one is tried again; what is no Python is looked at
 * again when its executable has changed (exec). A process that ends is read a last time; it stays
 * in the list only if requests were in flight: those are what it died of, or with.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/watch.h"
#include "os/maps.h"
#include "os/procfs.h"

#define RETRY_NS 1000000000u
#define EXTENSION "/pitviper/_core"

/* ---- what a process is --------------------------------------------------------------------- */

static bool is_python_exe(const char *exe)
{
    const char *slash = strrchr(exe, '/');
    return strncmp(slash ? slash + 1 : exe, "python", 6) == 0;
}

/* From its mappings: a program may embed Python (uwsgi). */
static enum watch_state look_at_maps(pid_t pid, bool is_python)
{
    struct maps maps = {0};
    enum watch_state state = is_python ? WATCH_BARE : WATCH_OTHER;
    int result = maps_load(&maps, pid);
    if (result == ERR_DENIED)
        return is_python ? WATCH_DENIED : WATCH_OTHER;
    for (size_t i = 0; result == 0 && i < maps.count && state != WATCH_IDLE; i++) {
        if (strstr(maps.list[i].path, EXTENSION))
            state = WATCH_IDLE;
        else if (state == WATCH_OTHER && strstr(maps.list[i].path, "/libpython"))
            state = WATCH_BARE;
    }
    maps_done(&maps);
    return state;
}

static void classify(struct watch_process *process)
{
    char exe[WATCH_COMMAND_MAX] = "";
    bool is_readable = proc_link(process->pid, "exe", exe, sizeof exe) >= 0;
    if (!is_readable) /* somebody else's: its command line is all there is */
        memcpy(exe, process->command,
               strcspn(process->command, " ") < sizeof exe ? strcspn(process->command, " ")
                                                           : sizeof exe - 1);
    bool is_same = strcmp(exe, process->exe) == 0;
    if (is_same && process->state == WATCH_OTHER && *exe)
        return;
    memcpy(process->exe, exe, sizeof exe);
    proc_command(process->pid, process->command, sizeof process->command);
    process->state = look_at_maps(process->pid, is_python_exe(exe));
}

static void note_service(struct watch *watch, const struct watch_process *process)
{
    const char *name = collect_service(process->collect);
    for (uint32_t i = 0; i < watch->process_count; i++) {
        struct collect *other = watch->processes[i].collect;
        watch->has_services |= other && strcmp(collect_service(other), name) != 0;
    }
}

static int join(struct watch *watch, struct watch_process *process)
{
    int result = collect_open(process->pid, &process->collect, NULL);
    if (result == ERR_DENIED)
        process->state = WATCH_DENIED;
    else if (result == ERR_BAD_DATA || result == ERR_UNSUPPORTED)
        process->state = WATCH_FOREIGN;
    if (result < 0)
        return result == ERR_NO_MEMORY ? result : 0;
    result = service_join(watch->service, process->collect, &process->member);
    if (result == 0) {
        process->state = WATCH_OPEN;
        note_service(watch, process);
        return 0;
    }
    collect_close(process->collect);
    process->collect = NULL;
    return result;
}

/* ---- the list ------------------------------------------------------------------------------ */

static void release(struct watch_process *process)
{
    service_leave(process->member);
    collect_close(process->collect);
    process->member = NULL;
    process->collect = NULL;
}

static struct watch_process *find(struct watch *watch, pid_t pid)
{
    for (uint32_t i = 0; i < watch->process_count; i++)
        if (watch->processes[i].pid == pid && watch->processes[i].state != WATCH_DIED)
            return &watch->processes[i];
    return NULL;
}

static struct watch_process *add(struct watch *watch, pid_t pid, const struct proc_stat *stat)
{
    if (watch->process_count == WATCH_MAX_PROCESSES) {
        watch->is_complete = false;
        return NULL;
    }
    if (watch->process_count == watch->process_capacity) {
        uint32_t capacity = watch->process_capacity ? 2 * watch->process_capacity : 64;
        struct watch_process *list = realloc(watch->processes, capacity * sizeof *list);
        if (!list) {
            watch->fault = ERR_NO_MEMORY;
            return NULL;
        }
        watch->processes = list;
        watch->process_capacity = capacity;
    }
    struct watch_process *process = &watch->processes[watch->process_count++];
    *process = (struct watch_process){.pid = pid, .start_ticks = stat->start_ticks};
    proc_command(pid, process->command, sizeof process->command);
    return process;
}

static void drop(struct watch *watch, uint32_t index)
{
    release(&watch->processes[index]);
    watch->process_count--;
    memmove(&watch->processes[index], &watch->processes[index + 1],
            (watch->process_count - index) * sizeof *watch->processes);
}

/* The process has ended: the last of what it counted, and what it was doing. */
static void bury(struct watch *watch, uint32_t index, uint64_t mono_ns)
{
    struct watch_process *process = &watch->processes[index];
    if (process->collect && process->state == WATCH_OPEN) {
        struct collect_request request;
        service_gather(process->member, NULL, NULL);
        process->in_flight = collect_in_flight(process->collect, &request, 1);
        if (process->in_flight && watch->dead_count < WATCH_MAX_DEAD) {
            process->state = WATCH_DIED;
            process->died_ns = mono_ns;
            watch->dead_count++;
            service_leave(process->member);
            process->member = NULL;
            return;
        }
    }
    drop(watch, index);
}

void watch_forget_dead(struct watch *watch)
{
    for (uint32_t i = watch->process_count; i-- > 0;)
        if (watch->processes[i].state == WATCH_DIED)
            drop(watch, i);
    watch->dead_count = 0;
}

/* ---- choosing ------------------------------------------------------------------------------ */

static bool is_named(const struct watch_choice *choice, pid_t pid)
{
    for (size_t i = 0; i < choice->pids->count; i++)
        if (choice->pids->items[i] == pid)
            return true;
    return false;
}

static bool is_chosen_itself(const struct watch *watch, const struct watch_process *process)
{
    const struct watch_choice *choice = &watch->choice;
    return choice->all || is_named(choice, process->pid) ||
           (choice->name && regexec(choice->name, process->command, 0, NULL, 0) == 0);
}

/* /proc lists pids in ascending order, and a child is mostly younger, so that one pass over the
 * list sees parents first; a wrapped pid is found by the next scan. */
static bool is_child_of_chosen(struct watch *watch, pid_t parent)
{
    const struct watch_process *process = watch->choice.children ? find(watch, parent) : NULL;
    return process && process->is_chosen;
}

static void see(struct watch *watch, pid_t pid, uint64_t mono_ns)
{
    struct proc_stat stat;
    struct watch_process *process = find(watch, pid);
    if (proc_stat_read(pid, &stat) < 0 || stat.kernel_thread || stat.state == 'Z')
        return;
    if (process && process->start_ticks != stat.start_ticks) { /* the pid is another's now */
        bury(watch, (uint32_t)(process - watch->processes), mono_ns);
        process = NULL;
    }
    if (!process)
        process = add(watch, pid, &stat);
    if (!process)
        return;
    process->is_seen = true;
    if (!process->is_chosen)
        process->is_chosen =
            is_chosen_itself(watch, process) || is_child_of_chosen(watch, stat.parent);
    if (!process->is_chosen || process->state == WATCH_OPEN || mono_ns < process->next_try_ns)
        return;
    process->next_try_ns = mono_ns + RETRY_NS;
    classify(process);
    if (process->state == WATCH_IDLE || process->state == WATCH_BARE)
        watch->fault = join(watch, process);
}

int watch_scan(struct watch *watch, uint64_t mono_ns)
{
    struct pid_list list = {0};
    bool only_named = !watch->choice.children && !watch->choice.all && !watch->choice.name;
    watch->scanned_ns = mono_ns;
    for (uint32_t i = 0; i < watch->process_count; i++)
        watch->processes[i].is_seen = watch->processes[i].state == WATCH_DIED;
    for (size_t i = 0; i < watch->choice.pids->count; i++)
        see(watch, watch->choice.pids->items[i], mono_ns);
    if (!only_named && proc_list(&list) == 0)
        for (size_t i = 0; i < list.count && watch->fault == 0; i++)
            see(watch, list.pids[i], mono_ns);
    pid_list_done(&list);
    for (uint32_t i = watch->process_count; i-- > 0;)
        if (!watch->processes[i].is_seen)
            bury(watch, i, mono_ns);
    return watch->fault;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void sum_collections(struct watch_process *process)
{
    struct collect_key key;
    uint32_t count = collect_key_count(process->collect);
    process->gc_count = process->gc_total_ns = process->gc_max_ns = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (!collect_key(process->collect, i, &key) || key.kind != AGENT_KIND_GC)
            continue;
        process->gc_count += key.count;
        process->gc_total_ns += key.total_ns;
        if (key.max_ns > process->gc_max_ns)
            process->gc_max_ns = key.max_ns;
    }
}

static void look_from_outside(struct watch_process *process, uint64_t mono_ns)
{
    struct usage usage;
    if (usage_read(process->pid, &usage) < 0)
        return;
    process->usage_before = process->usage;
    process->usage_before_ns = process->usage_ns;
    process->usage = usage;
    process->usage_ns = mono_ns;
}

static void list_requests(struct watch *watch, uint32_t index, uint64_t mono_ns)
{
    static struct collect_request found[WATCH_MAX_REQUESTS];
    struct watch_process *process = &watch->processes[index];
    process->in_flight = collect_in_flight(process->collect, found, WATCH_MAX_REQUESTS);
    watch->request_total += process->in_flight;
    uint64_t until_ns = process->state == WATCH_DIED ? process->died_ns : mono_ns;
    for (uint32_t i = 0; i < process->in_flight && i < WATCH_MAX_REQUESTS; i++) {
        if (watch->request_count == WATCH_MAX_REQUESTS)
            return;
        struct watch_request *request = &watch->requests[watch->request_count++];
        *request = (struct watch_request){.process = index, .request = found[i]};
        request->at_ns = until_ns;
        request->age_ns = until_ns > found[i].start_ns ? until_ns - found[i].start_ns : 0;
    }
}

static int by_age(const void *a, const void *b)
{
    const struct watch_request *left = a, *right = b;
    bool left_died = left->request.flags & AGENT_FLAG_UNFINISHED;
    bool right_died = right->request.flags & AGENT_FLAG_UNFINISHED;
    if (left_died != right_died)
        return left_died ? -1 : 1;
    return (left->age_ns < right->age_ns) - (left->age_ns > right->age_ns);
}

int watch_gather(struct watch *watch, uint64_t mono_ns)
{
    if (!watch->requests)
        watch->requests = calloc(WATCH_MAX_REQUESTS, sizeof *watch->requests);
    if (!watch->requests)
        return ERR_NO_MEMORY;
    for (uint32_t i = watch->process_count; i-- > 0;)
        if (watch->processes[i].state == WATCH_OPEN && collect_exited(watch->processes[i].collect))
            bury(watch, i, mono_ns);
    watch->request_count = 0;
    watch->request_total = 0;
    watch->gathered_ns = mono_ns;
    for (uint32_t i = 0; i < watch->process_count; i++) {
        struct watch_process *process = &watch->processes[i];
        if (process->is_chosen && process->state != WATCH_OTHER && process->state != WATCH_DIED)
            look_from_outside(process, mono_ns);
        if (!process->collect)
            continue;
        int result = process->member ? service_gather(process->member, NULL, NULL) : 0;
        if (result < 0)
            return result;
        sum_collections(process);
        list_requests(watch, i, mono_ns);
    }
    qsort(watch->requests, watch->request_count, sizeof *watch->requests, by_age);
    return 0;
}

void watch_processes_done(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->process_count; i++)
        release(&watch->processes[i]);
    free(watch->processes);
    free(watch->requests);
}

/* ---- facts --------------------------------------------------------------------------------- */

uint32_t watch_count(const struct watch *watch, enum watch_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < watch->process_count; i++)
        count += watch->processes[i].is_chosen && watch->processes[i].state == state;
    return count;
}

bool watch_has_ended(const struct watch *watch)
{
    if (watch->choice.all || watch->choice.name)
        return false;
    for (uint32_t i = 0; i < watch->process_count; i++)
        if (watch->processes[i].is_chosen && watch->processes[i].state != WATCH_DIED)
            return false;
    return true;
}

const char *watch_state_text(enum watch_state state)
{
    static const char *const texts[] = {
        [WATCH_OTHER] = "not Python",
        [WATCH_BARE] = ("no agent: start it with \"pitviper run -- COMMAND\", or begin the program "
                        "with \"import pitviper.auto\""),
        [WATCH_IDLE] = "the agent is loaded, nothing has happened yet",
        [WATCH_DENIED] = "may not be read: run as the same user or as root",
        [WATCH_FOREIGN] = "has the agent of another pitviper, which this one cannot read",
        [WATCH_OPEN] = "counting",
        [WATCH_DIED] = "died while requests were in flight",
    };
    return texts[state];
}

const char *watch_state_name(enum watch_state state)
{
    static const char *const names[] = {
        [WATCH_OTHER] = "other",   [WATCH_BARE] = "none",       [WATCH_IDLE] = "idle",
        [WATCH_DENIED] = "denied", [WATCH_FOREIGN] = "foreign", [WATCH_OPEN] = "counting",
        [WATCH_DIED] = "died",
    };
    return names[state];
}

static uint64_t interval_ns(const struct watch_process *process)
{
    return process->usage_before_ns ? process->usage_ns - process->usage_before_ns : 0;
}

double watch_cpu(const struct watch_process *process)
{
    return usage_cores(&process->usage_before, &process->usage, interval_ns(process));
}

double watch_switches(const struct watch_process *process)
{
    return usage_switches(&process->usage_before, &process->usage, interval_ns(process));
}
