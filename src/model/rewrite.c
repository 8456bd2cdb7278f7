/* SPDX-License-Identifier: MIT */
/* rewrite.c - every stack is made anew from rewritten frames. A node becomes one node, or with
 * thread roots one per thread that was seen in it; what was found once is remembered, so the work
 * is one step per (thread, node). */
#include "model/rewrite.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "model/ids.h"

#define THREAD_LABEL_MAX 256u

struct rewriter {
    struct profile *into;
    const struct profile *from;
    const struct rewrite *how;
    struct ids ids;
    struct map nodes;        /* (thread or 0, node) → node */
    uint32_t *thread_frames; /* per thread of `from` */
    uint32_t *path;          /* scratch: nodes from the leaf outwards */
};

uint32_t rewrite_thread_frame(struct profile *profile, const struct profile_thread *thread)
{
    char label[THREAD_LABEL_MAX];
    snprintf(label, sizeof label, "thread %d: %s", (int)thread->tid,
             profile->strings[thread->name].text);
    struct profile_frame frame = {.name = profile_cstring(profile, label), .kind = FRAME_THREAD};
    return frame.name == PROFILE_NONE ? PROFILE_NONE : profile_frame(profile, &frame);
}

static int rewrite_frames(struct rewriter *r)
{
    for (uint32_t i = 0; i < r->from->frame_count; i++) {
        struct profile_frame frame = ids_frame(&r->ids, &r->from->frames[i]);
        if (r->how->lines == REWRITE_LINES_FIRST)
            frame.line = frame.first_line;
        else if (r->how->lines == REWRITE_LINES_NONE)
            frame.line = 0;
        if ((r->ids.frames[i] = profile_frame(r->into, &frame)) == PROFILE_NONE)
            return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < r->from->thread_count && r->how->thread_roots; i++) {
        r->thread_frames[i] = rewrite_thread_frame(r->into, &r->into->threads[r->ids.threads[i]]);
        if (r->thread_frames[i] == PROFILE_NONE)
            return ERR_LIMIT;
    }
    return 0;
}

/* `node` of `from` under the rewritten `parent`; a thread's own frame goes between roots and the
 * rest. */
static uint32_t place(struct rewriter *r, uint32_t thread, uint32_t node, uint32_t parent)
{
    const struct profile *from = r->from;
    uint32_t above = from->nodes[node].parent;
    enum frame_kind kind = from->frames[from->nodes[node].frame].kind;
    enum frame_kind above_kind =
        above ? from->frames[from->nodes[above].frame].kind : FRAME_PROCESS;
    bool first = above_kind == FRAME_PROCESS && kind != FRAME_PROCESS && kind != FRAME_THREAD;
    if (r->how->thread_roots && first)
        parent = profile_node(r->into, parent, r->thread_frames[thread]);
    return parent == PROFILE_NONE
               ? PROFILE_NONE
               : profile_node(r->into, parent, r->ids.frames[from->nodes[node].frame]);
}

static uint32_t rewrite_node(struct rewriter *r, uint32_t thread, uint32_t node)
{
    uint64_t half = r->how->thread_roots ? (uint64_t)thread << 32 : 0;
    uint32_t depth = 0, known = 0;
    if (!node && r->how->thread_roots)
        return profile_node(r->into, 0, r->thread_frames[thread]);
    for (; node && (known = map_get(&r->nodes, half | node)) == MAP_NONE;
         node = r->from->nodes[node].parent)
        r->path[depth++] = node;
    uint32_t at = node ? known : 0;
    while (depth && at != PROFILE_NONE) {
        node = r->path[--depth];
        at = place(r, thread, node, at);
        if (at != PROFILE_NONE && map_set(&r->nodes, half | node, at) < 0)
            at = PROFILE_NONE;
    }
    return at;
}

static int rewrite_samples(struct rewriter *r)
{
    for (uint32_t i = 0; i < r->from->sample_count; i++) {
        const struct profile_sample *sample = &r->from->samples[i];
        uint32_t node = rewrite_node(r, sample->thread, sample->node);
        if (node == PROFILE_NONE)
            return ERR_LIMIT;
        int result = profile_add(r->into, r->ids.threads[sample->thread], node, sample->count,
                                 sample->weight_ns);
        if (result < 0)
            return result;
    }
    if (r->from->keeps_runs)
        profile_keep_runs(r->into);
    for (uint64_t i = 0; i < r->from->run_count; i++) {
        struct profile_run run = r->from->runs[i];
        run.node = rewrite_node(r, run.thread, run.node);
        run.thread = r->ids.threads[run.thread];
        int result = run.node == PROFILE_NONE ? ERR_LIMIT : profile_order_run(r->into, &run);
        if (result < 0)
            return result;
    }
    return 0;
}

static void copy_meta(struct rewriter *r)
{
    struct profile_meta *meta = &r->into->meta;
    *meta = r->from->meta;
    meta->command = r->ids.strings[meta->command];
    meta->python = r->ids.strings[meta->python];
    meta->mode = r->ids.strings[meta->mode];
    meta->host = r->ids.strings[meta->host];
    r->into->stats = r->from->stats;
}

int profile_rewrite(struct profile *into, const struct profile *from, const struct rewrite *how)
{
    struct rewriter r = {.into = into, .from = from, .how = how};
    int result = ids_init(&r.ids, from);
    r.thread_frames = malloc(((size_t)from->thread_count + 1) * sizeof *r.thread_frames);
    r.path = malloc(((size_t)profile_max_depth(from) + 1) * sizeof *r.path);
    if (!r.thread_frames || !r.path)
        result = ERR_NO_MEMORY;
    if (result == 0)
        result = ids_translate_names(&r.ids, into, from);
    if (result == 0)
        result = rewrite_frames(&r);
    if (result == 0)
        result = rewrite_samples(&r);
    if (result == 0)
        copy_meta(&r);
    ids_done(&r.ids);
    map_done(&r.nodes);
    free(r.thread_frames);
    free(r.path);
    return result;
}
