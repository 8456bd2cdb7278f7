/* SPDX-License-Identifier: MIT */
/* harvest_samples.c - a ring of samples, each with the number of the one before it in its request.
 *
 *     places[mix(owner, request)]  the last one's number; of four neighbours the oldest gives way
 *     ring                         ... 40 <- 42 <- 43 ...
 *
 * Stacks are kept in a profile of our own, because the sampler's begins anew when it has grown. So
 * does ours: two take turns, and the samples of the one that is begun anew are gone.
 */
#include "daemon/harvest_samples.h"

#include <stdlib.h>

#include "base/err.h"

#define NEIGHBOURS 4u

struct held {
    uint64_t mono_ns;
    uint64_t before; /* number + 1 of the one before in its request; 0: none */
    uint32_t duration_us;
    uint32_t node; /* of profiles[turn of its number] */
};

struct place {
    uint64_t request;
    uint64_t last; /* number + 1; 0: free */
    uint32_t owner;
};

struct samples {
    struct held *ring;
    uint64_t next; /* number */
    struct place *places;
    struct profile *profiles[2];
    uint32_t turn;     /* counts up; the present profile is profiles[turn & 1] */
    uint64_t began[2]; /* the number of the first sample of each */
};

void samples_source_init(struct samples_source *source)
{
    map_init(&source->known);
    source->turn = 0;
}

void samples_source_done(struct samples_source *source)
{
    map_done(&source->known);
}

/* ---- stacks --------------------------------------------------------------------------------- */

static int turn_over(struct samples *samples)
{
    struct profile *fresh = profile_new();
    if (!fresh)
        return ERR_NO_MEMORY;
    uint32_t at = ++samples->turn & 1;
    profile_free(samples->profiles[at]);
    samples->profiles[at] = fresh;
    samples->began[at] = samples->next;
    return 0;
}

static uint32_t find_node(struct samples *samples, struct samples_source *source,
                          const struct profile *from, uint32_t node)
{
    struct profile *ours = samples->profiles[samples->turn & 1];
    if (ours->node_count >= SAMPLES_MAX_NODES) {
        if (turn_over(samples) < 0)
            return PROFILE_NONE;
        ours = samples->profiles[samples->turn & 1];
    }
    if (source->turn != samples->turn) {
        map_reset(&source->known);
        source->turn = samples->turn;
    }
    uint32_t found = map_get(&source->known, node);
    if (found != MAP_NONE)
        return found;
    found = profile_copy_node(ours, from, node);
    if (found != PROFILE_NONE)
        map_set(&source->known, node, found); /* without memory: copied again */
    return found;
}

/* ---- samples -------------------------------------------------------------------------------- */

static uint64_t oldest(const struct samples *samples)
{
    uint64_t in_ring = samples->next > SAMPLES_RING ? samples->next - SAMPLES_RING : 0;
    uint64_t began = samples->began[(samples->turn + 1) & 1]; /* the profile before */
    return in_ring > began ? in_ring : began;
}

static uint32_t first_place(uint32_t owner, uint64_t request)
{
    return (uint32_t)map_mix((uint64_t)owner << 40 ^ request) & (SAMPLES_PLACES - 1);
}

static struct place *find_place(const struct samples *samples, uint32_t owner, uint64_t request,
                                struct place **worst)
{
    uint32_t first = first_place(owner, request);
    *worst = &samples->places[first];
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        struct place *place = &samples->places[(first + i) & (SAMPLES_PLACES - 1)];
        if (place->last && place->owner == owner && place->request == request)
            return place;
        if (place->last < (*worst)->last)
            *worst = place;
    }
    return NULL;
}

int samples_add(struct samples *samples, struct samples_source *source, uint32_t owner,
                uint64_t request, uint64_t mono_ns, uint64_t duration_ns,
                const struct profile *from, uint32_t node)
{
    struct place *worst, *place = find_place(samples, owner, request, &worst);
    uint32_t ours = find_node(samples, source, from, node);
    uint64_t duration_us = duration_ns / 1000;
    if (ours == PROFILE_NONE)
        return ERR_LIMIT;
    if (!place) {
        place = worst;
        *place = (struct place){.request = request, .owner = owner};
    }
    samples->ring[samples->next & (SAMPLES_RING - 1)] = (struct held){
        .mono_ns = mono_ns,
        .before = place->last,
        .duration_us = duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)duration_us,
        .node = ours,
    };
    place->last = ++samples->next;
    return 0;
}

static struct samples_sight sight_of(const struct samples *samples, uint64_t number)
{
    const struct held *held = &samples->ring[number & (SAMPLES_RING - 1)];
    uint32_t at = samples->turn & 1;
    uint64_t duration_ns = (uint64_t)held->duration_us * 1000;
    if (number < samples->began[at])
        at ^= 1;
    return (struct samples_sight){
        .from_ns = held->mono_ns > duration_ns ? held->mono_ns - duration_ns : 0,
        .until_ns = held->mono_ns,
        .profile = samples->profiles[at],
        .node = held->node,
    };
}

/* Number + 1 of the one before; 0: there is none any more. */
static uint64_t before(const struct samples *samples, uint64_t number)
{
    uint64_t at = samples->ring[number & (SAMPLES_RING - 1)].before;
    return at > oldest(samples) ? at : 0;
}

static uint64_t last_of(const struct samples *samples, uint32_t owner, uint64_t request)
{
    struct place *worst;
    const struct place *place = find_place(samples, owner, request, &worst);
    return place && place->last > oldest(samples) ? place->last : 0;
}

void samples_walk(const struct samples *samples, uint32_t owner, uint64_t request,
                  samples_see_fn *see, void *context)
{
    for (uint64_t at = last_of(samples, owner, request); at; at = before(samples, at - 1)) {
        struct samples_sight sight = sight_of(samples, at - 1);
        see(context, &sight);
    }
}

uint32_t samples_requests(const struct samples *samples, uint32_t owner, uint64_t since_ns,
                          uint64_t *requests, uint32_t limit)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SAMPLES_PLACES && count < limit; i++) {
        const struct place *place = &samples->places[i];
        if (place->owner != owner || place->last <= oldest(samples))
            continue;
        if (sight_of(samples, place->last - 1).until_ns >= since_ns)
            requests[count++] = place->request;
    }
    return count;
}

static void add_sight(const struct samples_sight *sight, uint64_t start_ns, struct profile *into,
                      uint32_t thread)
{
    uint64_t until_us = sight->until_ns > start_ns ? (sight->until_ns - start_ns) / 1000 : 0;
    uint64_t from_us = sight->from_ns > start_ns ? (sight->from_ns - start_ns) / 1000 : 0;
    uint32_t node = profile_copy_node(into, sight->profile, sight->node);
    if (node == PROFILE_NONE || profile_see(into, thread, node, from_us, until_us - from_us) < 0)
        into->stats.errors++;
}

uint32_t samples_fill(const struct samples *samples, uint32_t owner, uint64_t request,
                      uint64_t start_ns, struct profile *into, uint32_t thread)
{
    uint64_t *numbers = malloc(SAMPLES_OF_TRACE * sizeof *numbers);
    uint32_t count = 0;
    if (!numbers)
        return 0;
    for (uint64_t at = last_of(samples, owner, request); at && count < SAMPLES_OF_TRACE;
         at = before(samples, at - 1))
        numbers[count++] = at - 1;
    for (uint32_t i = count; i-- > 0;) {
        struct samples_sight sight = sight_of(samples, numbers[i]);
        add_sight(&sight, start_ns, into, thread);
    }
    free(numbers);
    return count;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct samples *samples_new(void)
{
    struct samples *samples = calloc(1, sizeof *samples);
    if (!samples)
        return NULL;
    samples->ring = calloc(SAMPLES_RING, sizeof *samples->ring);
    samples->places = calloc(SAMPLES_PLACES, sizeof *samples->places);
    samples->profiles[0] = profile_new();
    if (!samples->ring || !samples->places || !samples->profiles[0]) {
        samples_free(samples);
        return NULL;
    }
    return samples;
}

void samples_free(struct samples *samples)
{
    if (!samples)
        return;
    profile_free(samples->profiles[0]);
    profile_free(samples->profiles[1]);
    free(samples->ring);
    free(samples->places);
    free(samples);
}
