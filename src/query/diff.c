/* SPDX-License-Identifier: MIT */
/* diff.c - two profiles compared, with the chance taken out.
 *
 *   value     X / D per function or path: X its samples (or seconds), D all samples (or seconds of
 *             recording, or requests)
 *   variance  from up to 60 blocks of time per recording (blocks.h): residuals X_b - value · D_b,
 * widened by the correlation of neighbouring blocks (stats.h); never less than what drawing the
 *             samples independently would give. Without a timeline, that times a design effect.
 *   test      t = (|new - base| - tolerance · mean) / sqrt(sum of the variances), Welch's degrees
 * of freedom, two-sided. The tolerance is there because two starts of one program do differ a
 *             little (addresses, hash seeds, caches) and nobody wants to be told.
 *   findings  Benjamini and Hochberg over everything tested: functions by own time, functions with
 *             callees, and paths are one family.
 *   dilution  shares sum to one: when one function doubles, all others shrink. The median ratio of
 *             well-measured functions is taken as what happened to those that did not change, and a
 *             share that moved no further than that is not a finding.
 *
 * Worked example: parse() has 1,230 of 10,000 samples, then 1,540 of 10,000. Drawn independently
 * the standard error of the difference would be 0.0049; the blocks say 0.0083 (parse() comes in
 * spells of a few samples). With 1 % tolerance t = (0.0310 - 0.0014) / 0.0083 = 3.6, p = 0.0007 at
 * 60 degrees of freedom: a finding among 40 tests, where a change of 0.0200 (p = 0.03) is none.
 *
 * Measured error rates and power: docs/design/0004-diff.md and tests/unit/test_query_diff.c.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/diff_work.h"
#include "query/stats.h"
#include "query/sums.h"

#define PATH_SHARE_FACTOR 5.0 /* a path must be this many times min_share */
#define DESIGN_SPELL_NS 50e6  /* without a timeline: how long a program stays with what it does */
#define DESIGN_MIN 2.0

struct diff_options diff_defaults(void)
{
    return (struct diff_options){
        .norm = DIFF_SHARES,
        .false_share = 0.05,
        .tolerance = 0.01,
        .min_share = 0.001,
    };
}

/* ---- Sides ---- */

static double recording_seconds(const struct profile *profile, const struct blocks *blocks)
{
    if (profile->meta.duration_ns)
        return (double)profile->meta.duration_ns / 1e9;
    return blocks->count * blocks->length_ns / 1e9;
}

static double assumed_design(const struct diff_options *options, const struct profile *profile)
{
    if (options->design_effect > 0)
        return options->design_effect;
    if (profile->meta.period_ns == 0)
        return DIFF_DEFAULT_DESIGN;
    return fmax(1 + 2 * DESIGN_SPELL_NS / (double)profile->meta.period_ns, DESIGN_MIN);
}

static int describe_side(struct work *work, int at)
{
    struct side *side = &work->side[at];
    struct diff_side *out = &work->diff->side[at];
    int result = blocks_init(&side->blocks, side->profile, work->joint.node_map[at]);
    if (result < 0)
        return result;
    out->count = (double)profile_total_count(side->profile);
    out->weight_ns = (double)profile_total_weight_ns(side->profile);
    out->seconds = recording_seconds(side->profile, &side->blocks);
    out->blocks = side->blocks.count;
    out->design_effect = out->blocks ? 0 : assumed_design(&work->diff->options, side->profile);
    return 0;
}

static int choose_units(struct work *work, struct err *err)
{
    struct diff *diff = work->diff;
    const struct diff_side *side = diff->side;
    bool timed = side[0].weight_ns > 0 && side[1].weight_ns > 0;
    diff->unit = "share";
    if (diff->options.norm == DIFF_SECONDS) {
        if (!timed || side[0].seconds <= 0 || side[1].seconds <= 0)
            return err_set(
                err, ERR_BAD_DATA,
                "one of the profiles does not say how much time it stands for; compare by "
                "samples (the default) or use recordings in .pv form");
        diff->unit = "s/s";
    } else if (diff->options.norm == DIFF_REQUESTS) {
        diff->unit = timed ? "s/request" : "samples/request";
    }
    work->in_time = timed && diff->options.norm != DIFF_SHARES;
    for (int at = 0; at < 2; at++) {
        struct side *out = &work->side[at];
        out->unit = work->in_time ? side[at].weight_ns / 1e9 / side[at].count : 1;
        out->d_sum = diff->options.norm == DIFF_SHARES    ? side[at].count
                     : diff->options.norm == DIFF_SECONDS ? side[at].seconds
                                                          : diff->options.requests[at];
        diff->side[at].sample_value = out->d_sum > 0 ? out->unit / out->d_sum : 0;
    }
    return 0;
}

static void add_upwards(const struct profile *profile, const double *self, double *total)
{
    memcpy(total, self, profile->node_count * sizeof *total);
    for (uint32_t node = profile->node_count; node-- > 1;)
        total[profile->nodes[node].parent] += total[node];
}

static int sum_sides(struct work *work)
{
    const struct profile *joint = work->joint.profile;
    uint32_t nodes = joint->node_count;
    for (int at = 0; at < 2; at++) {
        struct side *side = &work->side[at];
        side->self = calloc(nodes, sizeof *side->self);
        side->total = calloc(nodes, sizeof *side->total);
        side->scratch = calloc(nodes, sizeof *side->scratch);
        if (!side->self || !side->total || !side->scratch)
            return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < joint->sample_count; i++) {
        const struct profile_sample *sample = &joint->samples[i];
        work->side[sample->thread].self[sample->node] += (double)sample->count;
    }
    for (int at = 0; at < 2; at++)
        add_upwards(joint, work->side[at].self, work->side[at].total);
    return 0;
}

static int mark_first(struct work *work)
{
    const struct profile *joint = work->joint.profile;
    uint32_t *key = malloc(joint->node_count * sizeof *key);
    work->first = malloc(joint->node_count * sizeof *work->first);
    int result = ERR_NO_MEMORY;
    if (key && work->first && tree_init(&work->tree, joint, TREE_COUNTS) == 0) {
        for (uint32_t i = 0; i < joint->node_count; i++)
            key[i] = joint->nodes[i].frame; /* the root's is PROFILE_NONE */
        result = sums_mark_first(&work->tree, key, joint->frame_count, work->first);
    }
    free(key);
    return result;
}

/* ---- What is tested ---- */

static bool worth_testing(const struct work *work, const struct diff_item *item)
{
    const struct diff_side *side = work->diff->side;
    double least = work->diff->options.min_share;
    if (item->subject == DIFF_PATH)
        least *= PATH_SHARE_FACTOR;
    if (side[0].count <= 0 || side[1].count <= 0)
        return false;
    if (item->count[0] + item->count[1] < DIFF_MIN_SAMPLES)
        return false;
    return (item->count[0] / side[0].count + item->count[1] / side[1].count) / 2 >= least;
}

static int compare_size(const void *left, const void *right)
{
    const struct diff_item *a = left, *b = right;
    double size_a = a->count[0] + a->count[1], size_b = b->count[0] + b->count[1];
    if (size_a != size_b)
        return size_a > size_b ? -1 : 1;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    if (a->frame != b->frame)
        return a->frame < b->frame ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

/* Every function twice (self, total) and every path once, in an array of 2 · frames + nodes. */
static void list_candidates(const struct work *work, struct diff_item *all)
{
    const struct profile *joint = work->joint.profile;
    uint32_t frames = joint->frame_count;
    for (uint32_t i = 0; i < frames; i++) {
        all[i] = (struct diff_item){.subject = DIFF_SELF, .frame = i};
        all[frames + i] = (struct diff_item){.subject = DIFF_TOTAL, .frame = i};
    }
    all[2 * frames] = (struct diff_item){.subject = DIFF_PATH, .frame = PROFILE_NONE};
    for (uint32_t i = 1; i < joint->node_count; i++) {
        uint32_t frame = joint->nodes[i].frame;
        all[2 * frames + i] = (struct diff_item){.subject = DIFF_PATH, .frame = frame, .node = i};
        for (int at = 0; at < 2; at++) {
            all[frame].count[at] += work->side[at].self[i];
            all[frames + frame].count[at] += work->first[i] ? work->side[at].total[i] : 0;
            all[2 * frames + i].count[at] = work->side[at].total[i];
        }
    }
}

static int choose_items(struct work *work)
{
    const struct profile *joint = work->joint.profile;
    struct diff *diff = work->diff;
    uint64_t room = 2 * (uint64_t)joint->frame_count + joint->node_count;
    struct diff_item *all = malloc(room * sizeof *all);
    if (!all)
        return ERR_NO_MEMORY;
    list_candidates(work, all);
    uint32_t kept = 0;
    for (uint64_t i = 0; i < room; i++)
        if (worth_testing(work, &all[i]))
            all[kept++] = all[i];
        else if (all[i].subject == DIFF_TOTAL && all[i].count[0] + all[i].count[1] > 0)
            diff->untested++;
    qsort(all, kept, sizeof *all, compare_size);
    diff->item_count = kept < DIFF_MAX_ITEMS ? kept : DIFF_MAX_ITEMS;
    struct diff_item *fitted = realloc(all, ((size_t)diff->item_count + 1) * sizeof *all);
    diff->items = fitted ? fitted : all;
    return 0;
}

static int index_items(struct work *work)
{
    const struct profile *joint = work->joint.profile;
    size_t sizes[3] = {joint->frame_count, joint->frame_count, joint->node_count};
    for (int i = 0; i < 3; i++) {
        work->item_of[i] = malloc((sizes[i] + 1) * sizeof(uint32_t));
        if (!work->item_of[i])
            return ERR_NO_MEMORY;
        memset(work->item_of[i], 0xff, sizes[i] * sizeof(uint32_t));
    }
    for (uint32_t i = 0; i < work->diff->item_count; i++) {
        const struct diff_item *item = &work->diff->items[i];
        work->item_of[item->subject][item->subject == DIFF_PATH ? item->node : item->frame] = i;
    }
    return 0;
}

/* ---- Blocks ---- */

static void add_to(const struct side *side, uint32_t item, uint32_t block, double value)
{
    if (item != PROFILE_NONE)
        side->block_sums[(size_t)item * side->blocks.count + block] += value;
}

static void sum_block(struct work *work, struct side *side, uint32_t block)
{
    const struct profile *joint = work->joint.profile;
    double *sums = side->scratch;
    memset(sums, 0, joint->node_count * sizeof *sums);
    for (uint32_t i = side->blocks.head[block]; i != PROFILE_NONE;
         i = side->blocks.pieces[i].next) {
        const struct block_piece *piece = &side->blocks.pieces[i];
        double value = work->in_time ? piece->weight_ns / 1e9 : piece->count;
        sums[piece->node] += value;
        if (piece->node)
            add_to(side, work->item_of[DIFF_SELF][joint->nodes[piece->node].frame], block, value);
    }
    for (uint32_t node = joint->node_count; node-- > 1;) {
        if (sums[node] <= 0)
            continue;
        sums[joint->nodes[node].parent] += sums[node];
        if (work->first[node])
            add_to(side, work->item_of[DIFF_TOTAL][joint->nodes[node].frame], block, sums[node]);
        add_to(side, work->item_of[DIFF_PATH][node], block, sums[node]);
    }
}

static int sum_blocks(struct work *work)
{
    for (int at = 0; at < 2; at++) {
        struct side *side = &work->side[at];
        size_t cells = (size_t)work->diff->item_count * side->blocks.count;
        side->block_sums = calloc(cells + 1, sizeof *side->block_sums);
        if (!side->block_sums)
            return ERR_NO_MEMORY;
        for (uint32_t block = 0; block < side->blocks.count; block++)
            sum_block(work, side, block);
    }
    return 0;
}

static int run(struct work *work, struct err *err)
{
    int result = joint_init(&work->joint, work->side[0].profile, work->side[1].profile);
    for (int at = 0; result == 0 && at < 2; at++)
        result = describe_side(work, at);
    if (result == 0)
        result = choose_units(work, err);
    if (result == 0)
        result = sum_sides(work);
    if (result == 0)
        result = mark_first(work);
    if (result == 0)
        result = choose_items(work);
    if (result == 0)
        result = index_items(work);
    if (result == 0)
        result = sum_blocks(work);
    if (result == 0)
        result = diff_judge(work);
    return result;
}

static void work_done(struct work *work)
{
    for (int at = 0; at < 2; at++) {
        blocks_done(&work->side[at].blocks);
        free(work->side[at].self);
        free(work->side[at].total);
        free(work->side[at].scratch);
        free(work->side[at].block_sums);
    }
    for (int i = 0; i < 3; i++)
        free(work->item_of[i]);
    tree_done(&work->tree);
    free(work->first);
    joint_done(&work->joint);
}

int diff_init(struct diff *diff, const struct profile *base, const struct profile *new,
              const struct diff_options *options, struct err *err)
{
    *diff = (struct diff){.options = *options, .dilution = 1};
    struct work work = {.diff = diff, .side = {{.profile = base}, {.profile = new}}};
    int result = run(&work, err);
    if (result == 0) {
        diff_order(&work);
        diff->joint = joint_take_profile(&work.joint);
    } else if (result != ERR_BAD_DATA) {
        err_set(err, result, "the profiles cannot be compared: %s", err_text(result));
    }
    work_done(&work);
    if (result < 0)
        diff_done(diff);
    return result;
}

void diff_done(struct diff *diff)
{
    profile_free(diff->joint);
    free(diff->items);
    *diff = (struct diff){0};
}
