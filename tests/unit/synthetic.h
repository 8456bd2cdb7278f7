/* SPDX-License-Identifier: MIT */
/* synthetic.h - recordings of a made-up program whose truth is known.
 *
 * The program stays in one function for a random spell (exponential, its own mean between 1 and 100
 * ms), then goes to another one; the chance of each is such that the functions' shares of time fall
 * like 1/rank. Optionally the load mix drifts over seconds, as real services do. A sampler looks at
 * random intervals around 1/rate. So neighbouring samples are strongly correlated, as real ones
 * are.
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "model/profile.h"

#define SYNTHETIC_FUNCTIONS 30
#define SYNTHETIC_HANDLERS 5

struct synthetic {
    uint64_t seed;
    double seconds;
    double rate_hz;
    double spell_ms; /* 0: 1 to 100 ms by function; else the mean of all */
    double drift;    /* standard deviation of the log of a handler's weight; 0: steady */
    double drift_s;  /* how long a drift lasts */
    double slowdown; /* factor on the spells of `slow`; 1: none */
    unsigned slow;   /* rank of the planted function */
    bool keep_runs;
};

struct synthetic_state {
    const struct synthetic *how;
    uint64_t random;
    double mean_s[SYNTHETIC_FUNCTIONS];
    double weight[SYNTHETIC_FUNCTIONS];
    double level[SYNTHETIC_HANDLERS]; /* log of the load */
    uint32_t node[SYNTHETIC_FUNCTIONS];
};

static double synthetic_uniform(struct synthetic_state *state)
{
    return ((double)(random_next(&state->random) >> 11) + 0.5) / 9007199254740992.0;
}

static double synthetic_normal(struct synthetic_state *state)
{
    return sqrt(-2 * log(synthetic_uniform(state))) *
           cos(6.283185307179586 * synthetic_uniform(state));
}

static uint32_t synthetic_node(struct profile *profile, uint32_t parent, const char *name,
                               unsigned number)
{
    char text[32];
    snprintf(text, sizeof text, "%s_%u", name, number);
    struct profile_frame frame = {
        .name = profile_cstring(profile, text),
        .file = profile_cstring(profile, "app.py"),
        .line = (int32_t)number + 1,
    };
    return profile_node(profile, parent, profile_frame(profile, &frame));
}

static void synthetic_begin(struct synthetic_state *state, struct profile *profile)
{
    uint32_t root = synthetic_node(profile, 0, "main", 0), handler[SYNTHETIC_HANDLERS];
    for (unsigned i = 0; i < SYNTHETIC_HANDLERS; i++)
        handler[i] = synthetic_node(profile, root, "handler", i);
    for (unsigned i = 0; i < SYNTHETIC_FUNCTIONS; i++) {
        double spell = state->how->spell_ms / 1e3;
        if (spell <= 0) /* fixed by rank: both recordings are of the same program */
            spell = 0.001 * pow(100, (double)(i * 7 % SYNTHETIC_FUNCTIONS) / SYNTHETIC_FUNCTIONS);
        state->node[i] = synthetic_node(profile, handler[i % SYNTHETIC_HANDLERS], "work", i);
        state->weight[i] = 1.0 / (i + 1) / spell; /* visits: share over spell */
        state->mean_s[i] = spell * (i == state->how->slow ? state->how->slowdown : 1);
    }
}

/* Ornstein-Uhlenbeck over the time that passed. */
static void synthetic_drift(struct synthetic_state *state, double passed_s)
{
    if (state->how->drift <= 0)
        return;
    double keep = exp(-passed_s / state->how->drift_s);
    for (unsigned i = 0; i < SYNTHETIC_HANDLERS; i++)
        state->level[i] = keep * state->level[i] +
                          state->how->drift * sqrt(1 - keep * keep) * synthetic_normal(state);
}

static unsigned synthetic_choose(struct synthetic_state *state)
{
    double sum = 0, factor[SYNTHETIC_HANDLERS];
    for (unsigned i = 0; i < SYNTHETIC_HANDLERS; i++)
        factor[i] = exp(state->level[i]);
    for (unsigned i = 0; i < SYNTHETIC_FUNCTIONS; i++)
        sum += state->weight[i] * factor[i % SYNTHETIC_HANDLERS];
    double at = synthetic_uniform(state) * sum;
    for (unsigned i = 0; i < SYNTHETIC_FUNCTIONS; i++) {
        at -= state->weight[i] * factor[i % SYNTHETIC_HANDLERS];
        if (at < 0)
            return i;
    }
    return SYNTHETIC_FUNCTIONS - 1;
}

static struct profile *synthetic_profile(const struct synthetic *how)
{
    struct synthetic_state state = {.how = how, .random = map_mix(how->seed) | 1};
    struct profile *profile = profile_new();
    if (!profile)
        return NULL;
    if (how->keep_runs)
        profile_keep_runs(profile);
    synthetic_begin(&state, profile);
    struct profile_thread thread = {.pid = 1, .tid = 1, .name = profile_cstring(profile, "main")};
    uint32_t id = profile_thread(profile, &thread);
    for (unsigned i = 0; i < SYNTHETIC_HANDLERS && how->drift > 0; i++)
        state.level[i] = how->drift * synthetic_normal(&state);

    double until = 0, last = 0;
    unsigned function = 0;
    for (double now = 0; now < how->seconds;) {
        while (until <= now) {
            synthetic_drift(&state, until - last);
            last = until;
            function = synthetic_choose(&state);
            until -= state.mean_s[function] * log(synthetic_uniform(&state));
        }
        double wait = (0.5 + synthetic_uniform(&state)) / how->rate_hz;
        profile_see(profile, id, state.node[function], (uint64_t)(now * 1e6),
                    (uint64_t)(wait * 1e6));
        now += wait;
    }
    profile->meta.duration_ns = (uint64_t)(how->seconds * 1e9);
    profile->meta.period_ns = (uint64_t)(1e9 / how->rate_hz);
    return profile;
}
