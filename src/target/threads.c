/* SPDX-License-Identifier: MIT */
/* From a thread state to the kernel's thread.
 *
 * 3.11+ stores gettid() in the thread state, as seen inside the process's own pid namespace.
 * Before, there is only pthread_self(): on glibc and musl the address of the C library's thread
 * descriptor, which holds the tid at an offset that no header promises (720 in glibc 2.36).
 * It is learned: the one place in the first KiB where the descriptors of all threads
 * hold ids of threads of this process. The same is used when a stored id is no thread of the
 * process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "os/procfs.h"
#include "target/own.h"

#define DESCRIPTOR_BYTES 1024
#define LEARN_MAX_THREADS 8
#define REREAD_AFTER_NS                                                                            \
    10000000u /* an unknown id makes us list the threads again, but not always */

static void read_ids(struct target *target)
{
    struct target_own *own = target->own;
    struct pid_list tasks = {0};
    own->ids_read_ns = clock_mono_ns();
    if (proc_list_tasks(target->pid, &tasks) == 0) {
        struct thread_id *ids = realloc(own->ids, tasks.count * sizeof *ids);
        if (ids) {
            own->ids = ids;
            own->ids_count = 0;
            for (size_t i = 0; i < tasks.count; i++) {
                struct proc_status status;
                if (!own->nested_pids)
                    ids[own->ids_count++] = (struct thread_id){tasks.pids[i], tasks.pids[i]};
                else if (proc_status_read(target->pid, tasks.pids[i], &status) == 0 &&
                         status.ns_depth)
                    ids[own->ids_count++] =
                        (struct thread_id){status.ns_pids[status.ns_depth - 1], tasks.pids[i]};
            }
        }
    }
    pid_list_done(&tasks);
}

static pid_t host_of(const struct target_own *own, int64_t inner)
{
    for (size_t i = 0; i < own->ids_count; i++)
        if (own->ids[i].inner == inner)
            return own->ids[i].host;
    return 0;
}

static pid_t lookup(struct target *target, int64_t inner)
{
    if (inner <= 0 || inner > INT32_MAX)
        return 0;
    pid_t host = host_of(target->own, inner);
    if (host || clock_mono_ns() - target->own->ids_read_ns < REREAD_AFTER_NS)
        return host;
    read_ids(target);
    return host_of(target->own, inner);
}

/* True when at `offset` every descriptor holds another thread's id. */
static bool holds_ids(const struct target_own *own, unsigned char (*descriptors)[DESCRIPTOR_BYTES],
                      size_t count, size_t offset)
{
    int32_t seen[LEARN_MAX_THREADS];
    for (size_t i = 0; i < count; i++) {
        memcpy(&seen[i], descriptors[i] + offset, sizeof seen[i]);
        if (seen[i] <= 0 || !host_of(own, seen[i]))
            return false;
        for (size_t k = 0; k < i; k++)
            if (seen[k] == seen[i])
                return false;
    }
    return count > 0;
}

static int32_t learn_offset(struct target *target, const struct proof *proof)
{
    unsigned char descriptors[LEARN_MAX_THREADS][DESCRIPTOR_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < proof->threads && count < LEARN_MAX_THREADS; i++) {
        struct raddr descriptor = {proof->thread_ids[i]};
        if (descriptor.value &&
            target_read(target, descriptor, descriptors[count], DESCRIPTOR_BYTES) == 0)
            count++;
    }
    for (size_t offset = 0; offset + 4 <= DESCRIPTOR_BYTES; offset += 4)
        if (holds_ids(target->own, descriptors, count, offset))
            return (int32_t)offset;
    return -1;
}

void threads_learn(struct target *target, const struct proof *proof)
{
    struct proc_status status;
    target->own->nested_pids =
        proc_status_read(target->pid, 0, &status) == 0 && status.ns_depth > 1;
    read_ids(target);
    target->pthread_tid_offset = learn_offset(target, proof);
}

pid_t target_host_tid(struct target *target, uint64_t tstate_thread_id, uint64_t native_id)
{
    pid_t host = native_id <= INT32_MAX ? lookup(target, (int64_t)native_id) : 0;
    int32_t inner;
    if (host || !tstate_thread_id || target->pthread_tid_offset < 0 ||
        target_read(target, (struct raddr){tstate_thread_id + (uint64_t)target->pthread_tid_offset},
                    &inner, sizeof inner) < 0)
        return host;
    return lookup(target, inner);
}
