/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/err.h"
#include "codec/capture_format.h"

int capture_guess_fit(struct capture_guess *guess, uint32_t threads, uint32_t nodes)
{
    if (threads > guess->thread_capacity) {
        uint32_t capacity = threads + threads / 2 + 16;
        void *larger = realloc(guess->tracks, (size_t)capacity * sizeof *guess->tracks);
        if (!larger)
            return ERR_NO_MEMORY;
        guess->tracks = larger;
        guess->thread_capacity = capacity;
    }
    if (nodes > guess->node_capacity) {
        uint32_t capacity = nodes + nodes / 2 + 256;
        void *larger = realloc(guess->next_node, (size_t)capacity * sizeof *guess->next_node);
        if (!larger)
            return ERR_NO_MEMORY;
        guess->next_node = larger;
        guess->node_capacity = capacity;
    }
    while (guess->thread_count < threads)
        guess->tracks[guess->thread_count++] = (struct capture_track){0};
    while (guess->node_count < nodes)
        guess->next_node[guess->node_count++] = 0;
    return 0;
}

void capture_guess_done(struct capture_guess *guess)
{
    free(guess->tracks);
    free(guess->next_node);
    *guess = (struct capture_guess){0};
}

void capture_guess_learn(struct capture_guess *guess, uint32_t thread, uint32_t node, uint64_t at)
{
    struct capture_track *track = &guess->tracks[thread];
    guess->tracks[guess->thread].next_thread = thread;
    guess->thread = thread;
    if (node != track->node) {
        guess->next_node[track->node] = node;
        track->before = track->node;
        track->node = node;
    }
    track->at = at;
}
