/* SPDX-License-Identifier: MIT */
/* watched.h - one process that the sampler looks at: what was seen of it in this window.
 *
 * Ownership: watched_new() takes the target, also on failure; watched_free(). Threads: the
 * sampler's. The book is shared with the keeper (book.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/map.h"
#include "daemon/book.h"
#include "daemon/mail.h"
#include "daemon/tally.h"
#include "sampler/process.h"

#define WATCHED_STALL_PERIODS 10u /* a sample stands for no longer */
#define WATCHED_MAX_LATE 4096u
#define WATCHED_MAX_TRAIL 4096u

/* A thread in a stack, at one look or at several in a row. */
struct watched_sample {
    uint64_t request, weight_ns;
    uint32_t slot, thread, node, count;
    bool is_idle;
};

struct watched {
    struct process *process;
    struct book *book;
    struct tally cpu, wall;

    struct map label_index; /* of what names an endpoint in the agent → label */
    struct buf labels;      /* as in struct letter */
    uint32_t label_count;

    struct watched_sample *seen; /* at the last look that was a round */
    uint32_t seen_count, seen_capacity;
    uint64_t quiet_ns; /* since then it has not run: its threads are where they were */
    uint32_t quiet_looks;

    struct watched_sample *late; /* of requests whose route is not known yet */
    uint32_t late_count;
    struct request_sample *trail;
    uint32_t trail_count;

    uint32_t rate_hz; /* at which it is looked at now */
    uint32_t step;    /* of its own budget: how many rates down (governor.h) */
    double credit;
    uint64_t last_ns;  /* monotonic, of the last look */
    uint64_t round_ns; /* of the last one that was a round */
    clockid_t clock;   /* its CPU time */
    bool has_clock;
    bool has_run;        /* since the last round */
    uint64_t clock_ns;   /* as it was at the last look */
    uint64_t pool_ns;    /* CPU time that no sample stands for yet */
    uint64_t elapsed_ns; /* what a sample of the look in progress stands for at most */
    uint64_t cost_ns;    /* of the looks since the budget was last judged */
    uint64_t cpu_ns;     /* of samples since they were last asked for */
    uint64_t dropped;    /* samples that found no room */
    struct profile_stats told;
    bool wall_wanted;
};

int watched_new(struct target *target, struct book *book, bool wall, struct watched **out,
                struct err *err);
void watched_free(struct watched *watched); /* NULL is fine */

/* One look. 0, ERR_TORN when the keeper has the book right now (nothing was done), or what
 * process_round() says. */
int watched_look(struct watched *watched, uint64_t mono_ns);

/* Between looks: notes requests that ended, finds the endpoints of samples that waited for it. */
void watched_drain(struct watched *watched);

/* What was seen since the last one, as letters. `at_ns`: where the window begins. NULL: nothing. */
struct letter *watched_window(struct watched *watched, uint64_t at_ns);
struct letter *watched_samples(struct watched *watched);
