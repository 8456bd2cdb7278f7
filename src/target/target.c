/* SPDX-License-Identifier: MIT */
#include "target/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "os/pidfd.h"
#include "os/procfs.h"
#include "target/own.h"

#define PROOF_TRIES 4 /* the process runs while we look */
#define YOUNG_MS 2000 /* a process of this age may still become what it is going to be */
#define POLL_FIRST_NS 200000u
#define POLL_LAST_NS 5000000u
#define CHANGING_TRIES 20 /* 40 ms */
#define CURRENT_SEARCH_BYTES 2048

struct target *target_new(pid_t pid, target_source source, void *source_context)
{
    struct target *target = calloc(1, sizeof *target);
    struct target_own *own = calloc(1, sizeof *own);
    if (!target || !own) {
        free(target);
        free(own);
        return NULL;
    }
    remote_open(&own->remote, pid);
    own->source = source;
    own->source_context = source_context;
    target->pid = pid;
    target->pidfd = -1;
    target->pthread_tid_offset = -1;
    target->own = own;
    return target;
}

void target_close(struct target *target)
{
    if (!target)
        return;
    if (target->pidfd >= 0)
        close(target->pidfd);
    remote_close(&target->own->remote);
    free(target->own->ids);
    free(target->own);
    free(target);
}

static bool is_known(const struct proof *proof, uint64_t thread)
{
    for (size_t i = 0; i < proof->threads; i++)
        if (proof->tstates[i].value == thread)
            return true;
    return false;
}

/* <= 3.11: the slot named by the table holds nothing or a thread state. Where it holds something
 * else (a C library with other mutexes), it is one of the two words near the start of the runtime
 * that hold the same thread state (gil.last_holder and tstate_current), the later one. */
static void check_current_slot(struct target *target, const struct proof *proof)
{
    struct raddr current;
    uint64_t words[CURRENT_SEARCH_BYTES / 8];
    if (!target->tstate_current_slot.value ||
        (target_read_ptr(target, target->tstate_current_slot, &current) == 0 &&
         (!current.value || is_known(proof, current.value))))
        return;
    target->tstate_current_slot.value = 0;
    if (!target->runtime.value || target_read(target, target->runtime, words, sizeof words) < 0)
        return;
    size_t count = sizeof words / sizeof words[0];
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count && is_known(proof, words[i]); k++)
            if (words[k] == words[i])
                target->tstate_current_slot.value = target->runtime.value + k * 8;
}

static bool is_young(const struct target *target)
{
    struct proc_stat stat;
    return proc_stat_read(target->pid, &stat) == 0 && proc_age_ms(&stat) < YOUNG_MS;
}

static int prove(struct target *target, const struct object *object, struct proof *proof,
                 struct err *err)
{
    int result = ERR_BAD_DATA;
    for (int i = 0; i < PROOF_TRIES && result == ERR_BAD_DATA; i++)
        result = proof_walk(target, proof);
    char version[32];
    version_format(target->version_hex, target->abi.free_threaded, version);
    if (result == ERR_STARTING || (result == ERR_BAD_DATA && is_young(target)))
        return err_set(err, ERR_STARTING,
                       "pid %d: Python %s has no interpreter with a thread yet (or no more); it is "
                       "starting up or shutting down",
                       (int)target->pid, version);
    if (result == ERR_BAD_DATA)
        return err_set(err, ERR_UNSUPPORTED,
                       "pid %d says it is Python %s (%s), but its memory is laid out otherwise; a "
                       "patched or debug build",
                       (int)target->pid, version, object->path);
    return result;
}

static int settle(struct target *target, const struct objects *objects, const struct object *object,
                  const struct location *location, struct err *err)
{
    struct proof proof;
    int result = version_settle(target, objects, object, location, err);
    if (result == 0)
        result = prove(target, object, &proof, err);
    if (result < 0)
        return result;
    if (!proof.frames && is_young(target))
        return err_set(err, ERR_STARTING,
                       "pid %d: Python runs no code; it is starting up or shutting down",
                       (int)target->pid);
    check_current_slot(target, &proof);
    threads_learn(target, &proof);
    target->code_type = proof.code_type;
    version_format(target->version_hex, target->abi.free_threaded, target->version_text);
    snprintf(target->executable, sizeof target->executable, "%s", object->path);
    proc_command(target->pid, target->command, sizeof target->command);
    return 0;
}

/* Tries every object by one way. ERR_NOT_FOUND: no sign of Python. */
static int open_by_way(struct target *target, const struct objects *objects, enum locate_by way,
                       struct err *err)
{
    int failed = ERR_NOT_FOUND;
    for (size_t i = 0; i < objects->count; i++) {
        struct location location;
        int result = locate(target, objects, &objects->list[i], way, &location);
        if (result == 0)
            result = settle(target, objects, &objects->list[i], &location, err);
        else if (result != ERR_GONE && result != ERR_DENIED)
            continue;
        if (result == 0 || result == ERR_GONE || result == ERR_DENIED)
            return result;
        failed = result;
    }
    return failed;
}

static int refuse_foreign(struct target *target, struct err *err)
{
    proc_command(target->pid, target->command, sizeof target->command);
    return err_set(err, ERR_NOT_PYTHON, "pid %d is not a Python process%s: %s", (int)target->pid,
                   is_young(target) ? ", or not yet" : "", target->command);
}

static int try_open(struct target *target, struct objects *objects, struct err *err)
{
    int result = objects_load(objects, target->pid);
    if (result < 0)
        return result;
    if (objects->maps.count == 0)
        return ERR_GONE; /* exiting: the memory went first */
    result = ERR_NOT_FOUND;
    for (int way = 0; way < LOCATE_WAYS && result == ERR_NOT_FOUND; way++)
        result = open_by_way(target, objects, (enum locate_by)way, err);
    return result == ERR_NOT_FOUND ? refuse_foreign(target, err) : result;
}

/* What can be said before looking at memory. */
static int check_process(pid_t pid, struct err *err)
{
    struct proc_stat stat;
    if (pid <= 0)
        return err_set(err, ERR_USAGE, "%d is not a process id", (int)pid);
    int result = proc_stat_read(pid, &stat);
    if (result == ERR_GONE)
        return target_explain_denied(pid, err);
    if (result < 0)
        return err_set(err, result, "pid %d: /proc/%d/stat cannot be read", (int)pid, (int)pid);
    if (stat.kernel_thread)
        return err_set(err, ERR_NOT_PYTHON, "pid %d (%s) is a kernel thread, not a Python process",
                       (int)pid, stat.comm);
    if (stat.state == 'Z' || stat.state == 'X')
        return err_set(err, ERR_GONE,
                       "pid %d (%s) has exited; it is a zombie that its parent (pid %d) has not "
                       "collected yet",
                       (int)pid, stat.comm, (int)stat.parent);
    return 0;
}

/* What a process looks like in the moment of its exec: its old memory is gone, the new not there.
 */
static bool was_changing(int result)
{
    return result == ERR_GONE || result == ERR_FAULT || result == ERR_BAD_DATA;
}

static bool may_become_python(const struct target *target, const struct target_options *options,
                              int result)
{
    return result == ERR_STARTING ||
           (result == ERR_NOT_PYTHON && (options->launched || is_young(target)));
}

/* Tries until it works, cannot work any more, or the time is over. */
static int open_waiting(struct target *target, const struct target_options *options,
                        struct err *err)
{
    struct objects objects = {0};
    uint64_t pause_ns = POLL_FIRST_NS;
    uint64_t deadline_ns = clock_mono_ns() + (uint64_t)options->wait_ms * 1000000;
    uint32_t changing = 0;
    int result;
    for (;;) {
        result = try_open(target, &objects, err);
        if (result == 0 || target_exited(target))
            break;
        uint64_t now_ns = clock_mono_ns();
        bool soon = was_changing(result) && changing++ < CHANGING_TRIES;
        bool later = may_become_python(target, options, result) && now_ns < deadline_ns;
        if ((!soon && !later) || clock_sleep_until(now_ns + pause_ns))
            break;
        pause_ns = pause_ns * 3 / 2 < POLL_LAST_NS ? pause_ns * 3 / 2 : POLL_LAST_NS;
    }
    objects_done(&objects);
    if (result < 0 && result != ERR_NO_MEMORY && target_exited(target))
        return err_set(err, ERR_GONE, "pid %d exited while it was being opened", (int)target->pid);
    if (was_changing(result))
        return err_set(err, ERR_TORN, "pid %d kept changing while it was being opened; try again",
                       (int)target->pid);
    return result;
}

int target_open(pid_t pid, const struct target_options *options, struct target **out,
                struct err *err)
{
    static const struct target_options no_options;
    int result = check_process(pid, err);
    if (result < 0)
        return result;
    struct target *target = target_new(pid, NULL, NULL);
    if (!target)
        return err_set(err, ERR_NO_MEMORY, "pid %d: out of memory", (int)pid);
    result = pidfd_get(pid);
    if (result == ERR_GONE) {
        err_set(err, ERR_GONE, "pid %d: no such process", (int)pid);
        goto fail;
    }
    target->pidfd = result;

    struct err why = {0};
    result = open_waiting(target, options ? options : &no_options, &why);
    if (result == ERR_DENIED)
        result = target_explain_denied(pid, &why);
    if (result == 0) {
        *out = target;
        return 0;
    }
    err_set(err, result, "%s", why.code == result && why.text[0] ? why.text : err_text(result));
fail:
    target_close(target);
    return result;
}
