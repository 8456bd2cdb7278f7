/* SPDX-License-Identifier: MIT */
/* target_open.c - opens one process and says what was found.
 *
 *     target_open PID [WAIT_MS]
 *
 * Prints, tab-separated:
 *
 *     target  VERSION  EXECUTABLE  OPEN_US  READS
 *     interp  ID
 *     thread  HOST_TID  HOST_TID_BY_PTHREAD      of the interpreter above
 *
 * Exit status as pitviper's, with the sentence on standard error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "target/target.h"

#define LIST_MAX 1000

static uint64_t read_at(struct target *target, struct raddr base, int32_t offset)
{
    uint64_t value = 0;
    if (offset >= 0)
        target_read(target, (struct raddr){base.value + (uint64_t)offset}, &value, sizeof value);
    return value;
}

static void print_threads(struct target *target, struct raddr interp)
{
    const struct pyabi *abi = &target->abi;
    struct raddr thread = {read_at(target, interp, abi->interp.threads_head)};
    for (int i = 0; thread.value && i < LIST_MAX; i++) {
        uint64_t thread_id = read_at(target, thread, abi->tstate.thread_id);
        uint64_t native_id = read_at(target, thread, abi->tstate.native_thread_id);
        printf("thread\t%d\t%d\n", (int)target_host_tid(target, thread_id, native_id),
               (int)target_host_tid(target, thread_id, 0));
        thread.value = read_at(target, thread, abi->tstate.next);
    }
}

static void print_target(struct target *target, uint64_t open_us)
{
    struct raddr interp = {read_at(target, target->interp_head_slot, 0)};
    printf("target\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\n", target->version_text, target->executable,
           open_us, target->reads_total);
    for (int i = 0; interp.value && i < LIST_MAX; i++) {
        printf("interp\t%" PRIu64 "\n", read_at(target, interp, target->abi.interp.id));
        print_threads(target, interp);
        interp.value = read_at(target, interp, target->abi.interp.next);
    }
}

int main(int argc, char **argv)
{
    struct target *target;
    struct err err = {0};
    struct target_options options = {.wait_ms = argc > 2 ? (uint32_t)atoi(argv[2]) : 0,
                                     .launched = argc > 2};
    uint64_t begin_ns = clock_mono_ns();
    int result = target_open(argc > 1 ? atoi(argv[1]) : 0, &options, &target, &err);
    if (result < 0) {
        fprintf(stderr, "%s\n", err.text);
        return err_exit_status(result);
    }
    print_target(target, (clock_mono_ns() - begin_ns) / 1000);
    target_close(target);
    return 0;
}
