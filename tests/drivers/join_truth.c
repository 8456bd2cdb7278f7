/* SPDX-License-Identifier: MIT */
/* join_truth.c - does the sampler know which request a thread was working on?
 *
 *     join_truth PID TRUTH LOOKS SECONDS
 *
 * TRUTH is a file of 64-bit words that the process (tests/targets/join.py) keeps mapped, three per
 * thread: its ident; what it is doing: the span id of its request, 1 for none, 0 while it changes;
 * and how often that has changed. It is read before and after every round; a stack whose thread's
 * words were the same, and not 0, is compared. Ends after LOOKS comparisons or SECONDS, and prints
 * one line of JSON. Exit status 1: the process or its agent could not be opened.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "collect/collect.h"
#include "model/profile.h"
#include "sampler/process.h"

#define PLACES 64
#define NO_REQUEST 1
#define PAUSE_NS 20000 /* not in step with the program */

struct place {
    uint64_t thread_id, doing, changes;
};

struct check {
    struct process *process;
    const volatile struct place *board;
    struct place before[PLACES];
    struct process_sighting seen[PLACES];
    size_t seen_count;
    uint64_t right, wrong, unknown, moved, none_right, rounds;
    uint64_t example[3];
};

static void see(void *context, const struct process_sighting *sighting)
{
    struct check *check = context;
    if (check->seen_count < PLACES)
        check->seen[check->seen_count++] = *sighting;
}

static void copy_board(const volatile struct place *board, struct place out[PLACES])
{
    for (int i = 0; i < PLACES; i++)
        out[i] = (struct place){board[i].thread_id, board[i].doing, board[i].changes};
}

/* What the sampler says in the words of the board; 0: it does not know. */
static uint64_t said(const struct process_sighting *sighting)
{
    struct collect_request request;
    if (sighting->request == PROCESS_REQUEST_UNKNOWN)
        return 0;
    if (!sighting->request)
        return NO_REQUEST;
    return collect_find(sighting->agent, sighting->request, sighting->request_slot, &request)
               ? request.span
               : 0;
}

static void compare(struct check *check, const struct process_sighting *sighting,
                    const struct place after[PLACES])
{
    for (int i = 0; i < PLACES; i++) {
        uint64_t truth = check->before[i].doing;
        if (check->before[i].thread_id != sighting->thread_id)
            continue;
        if (!truth || memcmp(&check->before[i], &after[i], sizeof after[i]) != 0) {
            check->moved++;
            return;
        }
        uint64_t answer = said(sighting);
        check->unknown += !answer;
        check->right += answer == truth;
        check->none_right += answer == truth && truth == NO_REQUEST;
        check->wrong += answer && answer != truth;
        if (answer && answer != truth)
            memcpy(check->example, (uint64_t[]){truth, answer, sighting->request},
                   sizeof check->example);
        return;
    }
}

static int one_round(struct check *check)
{
    struct place after[PLACES];
    check->seen_count = 0;
    copy_board(check->board, check->before);
    int result = process_round(check->process, clock_mono_ns(), see, check);
    copy_board(check->board, after);
    process_drain(check->process);
    for (size_t i = 0; i < check->seen_count; i++)
        if (check->seen[i].agent)
            compare(check, &check->seen[i], after);
    check->rounds++;
    return result;
}

static const struct place *map_board(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *board = fd < 0 ? MAP_FAILED
                         : mmap(NULL, sizeof(struct place[PLACES]), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return board == MAP_FAILED ? NULL : board;
}

static int run(struct check *check, uint64_t looks, uint64_t seconds)
{
    uint64_t end_ns = clock_mono_ns() + seconds * 1000000000u;
    uint64_t random = end_ns | 1;
    while (check->right + check->wrong < looks && clock_mono_ns() < end_ns) {
        int result = one_round(check);
        if (result < 0) {
            fprintf(stderr, "%s\n", err_text(result));
            return 1;
        }
        uint64_t next_ns = clock_mono_ns() + random_next(&random) % PAUSE_NS;
        while (clock_mono_ns() < next_ns)
            ;
    }
    printf("{\"right\": %llu, \"wrong\": %llu, \"unknown\": %llu, \"moved\": %llu, "
           "\"none_right\": %llu, \"rounds\": %llu, \"reads\": %llu, "
           "\"example\": [%llu, %llu, %llu]}\n",
           (unsigned long long)check->right, (unsigned long long)check->wrong,
           (unsigned long long)check->unknown, (unsigned long long)check->moved,
           (unsigned long long)check->none_right, (unsigned long long)check->rounds,
           (unsigned long long)process_target(check->process)->reads_total,
           (unsigned long long)check->example[0], (unsigned long long)check->example[1],
           (unsigned long long)check->example[2]);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err;
    struct target *target;
    struct check check = {0};
    struct profile *profile = profile_new();
    const struct process_options options = {.requests = true};
    if (argc != 5 || !profile || !(check.board = map_board(argv[2])))
        return 1;
    if (target_open((pid_t)atoi(argv[1]), &(struct target_options){.wait_ms = 2000}, &target,
                    &err) < 0 ||
        process_new(target, profile, &options, &check.process, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        profile_free(profile);
        return 1;
    }
    int status = run(&check, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    process_free(check.process);
    profile_free(profile);
    return status;
}
