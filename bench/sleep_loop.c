/* SPDX-License-Identifier: MIT */
/* sleep_loop.c - what a timer alone costs on this machine.
 *
 * Sleeps INTERVAL_US, COUNT times, and does nothing else. Its CPU time per turn is the part of any
 * sampler's cost that has nothing to do with reading. Prints CPU nanoseconds per turn. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

static double cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    long interval_us = argc > 1 ? atol(argv[1]) : 50;
    long count = argc > 2 ? atol(argv[2]) : 20000;
    struct timespec pause = {interval_us / 1000000, interval_us % 1000000 * 1000};
    double before;

    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* as precise as samplers ask for */
    before = cpu_ns();
    for (long i = 0; i < count; i++)
        nanosleep(&pause, NULL);
    printf("%.0f\n", (cpu_ns() - before) / (double)count);
    return 0;
}
