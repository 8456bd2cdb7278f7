/* SPDX-License-Identifier: MIT */
/* profile_speed.c - what one sighting costs, in CPU time, as JSON: in a profile and in a capture.
 *
 * "repeated": a thread that stays where it is; "moving": one that is in another of 4,096 stacks
 * each time. The best of three turns, because a busy machine only ever adds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "codec/capture.h"

#define STACKS 4096u
#define SIGHTINGS 2000000u
#define TURNS 3
#define STEP_US 100u

struct subject {
    struct profile *profile;
    struct capture_writer *writer; /* NULL: the profile is measured */
    uint32_t thread;
    uint32_t nodes[STACKS];
    uint64_t at_us;
};

static int subject_init(struct subject *subject, int capture_fd)
{
    struct err err;
    struct profile *profile = profile_new();
    if (!profile)
        return ERR_NO_MEMORY;
    *subject = (struct subject){.profile = profile};
    profile->meta.period_ns = STEP_US * 1000;
    struct profile_thread thread = {.pid = 1, .tid = 1};
    subject->thread = profile_thread(profile, &thread);
    for (uint32_t i = 0; i < STACKS; i++) {
        struct profile_frame frame = {.line = (int32_t)i + 1};
        subject->nodes[i] =
            profile_node(profile, i ? subject->nodes[i / 2] : 0, profile_frame(profile, &frame));
    }
    return capture_fd < 0 ? 0 : capture_writer_open(profile, capture_fd, &subject->writer, &err);
}

static void subject_done(struct subject *subject)
{
    capture_writer_close(subject->writer, NULL);
    profile_free(subject->profile);
}

static double measure(struct subject *subject, bool moving)
{
    uint64_t seed = 42, best_ns = UINT64_MAX;
    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t before_ns = clock_cpu_ns();
        for (uint32_t i = 0; i < SIGHTINGS; i++, subject->at_us += STEP_US) {
            uint32_t node = subject->nodes[moving ? random_next(&seed) % STACKS : 7];
            if (subject->writer)
                capture_writer_see(subject->writer, subject->thread, node, subject->at_us, STEP_US);
            else
                profile_see(subject->profile, subject->thread, node, subject->at_us, STEP_US);
        }
        uint64_t took_ns = clock_cpu_ns() - before_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    return (double)best_ns / SIGHTINGS;
}

int main(void)
{
    struct subject profile, capture;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || subject_init(&profile, -1) < 0 || subject_init(&capture, fd) < 0)
        return 1;
    printf("{\"profile_repeated_ns\": %.1f, \"profile_moving_ns\": %.1f, ",
           measure(&profile, false), measure(&profile, true));
    printf("\"capture_repeated_ns\": %.1f, \"capture_moving_ns\": %.1f}\n",
           measure(&capture, false), measure(&capture, true));
    subject_done(&profile);
    subject_done(&capture);
    close(fd);
    return 0;
}
