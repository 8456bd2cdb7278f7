/* SPDX-License-Identifier: MIT */
/* diff_judge.c - how sure each value is, and which changes are more than chance (the essay is in
 * diff.c). */
#include <math.h>
#include <stdlib.h>

#include "query/diff_work.h"
#include "query/stats.h"

#define INTERVAL_ALPHA 0.05
#define DILUTION_MAX_ERROR 0.25 /* relative error of a function that may vote */
#define DILUTION_MIN_VOTES 3u

/* What independent draws would give if both sides had the same value. */
static double chance_variance(const struct work *work, int at, double pooled)
{
    const struct side *side = &work->side[at];
    if (work->diff->options.norm == DIFF_SHARES)
        return pooled * fmax(1 - pooled, 0) / side->d_sum;
    return pooled * side->unit / side->d_sum;
}

static struct stats_ratio estimate(const struct work *work, uint32_t at_item, int at)
{
    const struct side *side = &work->side[at];
    const struct diff_item *item = &work->diff->items[at_item];
    const double *x = side->block_sums + (size_t)at_item * side->blocks.count;
    double even[BLOCKS_MAX];
    if (side->blocks.count == 0)
        return (struct stats_ratio){item->count[at] * side->unit / side->d_sum, 0, STATS_DF_MAX};
    if (work->diff->options.norm == DIFF_SHARES)
        return stats_ratio(x, side->blocks.samples, side->blocks.count);
    for (uint32_t i = 0; i < side->blocks.count; i++)
        even[i] = side->d_sum / side->blocks.count;
    return stats_ratio(x, even, side->blocks.count);
}

struct evidence {
    double variance[2];
    double df;
};

static struct evidence weigh(struct work *work, uint32_t at_item)
{
    struct diff_item *item = &work->diff->items[at_item];
    struct stats_ratio ratio[2] = {estimate(work, at_item, 0), estimate(work, at_item, 1)};
    double d[2] = {work->side[0].d_sum, work->side[1].d_sum};
    double pooled = (ratio[0].value * d[0] + ratio[1].value * d[1]) / (d[0] + d[1]);
    struct evidence evidence = {{0, 0}, 0};
    double below = 0;
    for (int at = 0; at < 2; at++) {
        double chance = chance_variance(work, at, pooled);
        double design = work->diff->side[at].design_effect;
        evidence.variance[at] = design > 0 ? design * chance : fmax(ratio[at].variance, chance);
        below += evidence.variance[at] * evidence.variance[at] / ratio[at].df;
        item->value[at] = ratio[at].value;
    }
    double sum = evidence.variance[0] + evidence.variance[1];
    evidence.df = below > 0 ? sum * sum / below : STATS_DF_MAX;
    return evidence;
}

/* The factor by which the shares of functions that did not change were multiplied. */
struct dilution {
    double factor;
    double error; /* standard error of factor */
};

/* Two-sided p of new - factor · base being beyond the tolerance. */
static double p_beyond(const struct diff_item *item, const struct evidence *evidence,
                       struct dilution dilution, double tolerance)
{
    double base = dilution.factor * item->value[0], new = item->value[1];
    double beyond = fabs(new - base) - tolerance * (base + new) / 2;
    double blurred = dilution.error * item->value[0];
    double variance = dilution.factor * dilution.factor * evidence->variance[0] +
                      evidence->variance[1] + blurred * blurred;
    if (beyond <= 0 || variance <= 0)
        return 1;
    return fmin(2 * stats_t_tail(beyond / sqrt(variance), evidence->df), 1);
}

static void set_interval(struct diff_item *item, const struct evidence *evidence)
{
    double error = sqrt(evidence->variance[0] + evidence->variance[1]);
    double reach = error > 0 ? stats_t_quantile(INTERVAL_ALPHA, evidence->df) * error : 0;
    item->low = item->value[1] - item->value[0] - reach;
    item->high = item->value[1] - item->value[0] + reach;
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The median of the functions' ratios, and its error from their median distance (both are exact
 * for the normal distribution). `votes` has room for one number per item. */
static struct dilution find_dilution(const struct diff *diff, const struct evidence *evidence,
                                     double *votes)
{
    size_t count = 0;
    for (uint32_t i = 0; i < diff->item_count; i++) {
        const struct diff_item *item = &diff->items[i];
        if (item->subject != DIFF_SELF || item->value[0] <= 0 || item->value[1] <= 0)
            continue;
        double error = sqrt(evidence[i].variance[0] / (item->value[0] * item->value[0]) +
                            evidence[i].variance[1] / (item->value[1] * item->value[1]));
        if (error <= DILUTION_MAX_ERROR)
            votes[count++] = item->value[1] / item->value[0];
    }
    if (diff->options.norm != DIFF_SHARES || count < DILUTION_MIN_VOTES)
        return (struct dilution){1, 0};
    struct dilution dilution = {.factor = median(votes, count)};
    for (size_t i = 0; i < count; i++)
        votes[i] = fabs(votes[i] - dilution.factor);
    dilution.error = 1.2533 * 1.4826 * median(votes, count) / sqrt((double)count);
    return dilution;
}

/* A finding must be one both as it stands and against the dilution. */
static enum diff_verdict judge(const struct diff *diff, const struct diff_item *item,
                               double adjusted_undiluted)
{
    if (item->adjusted > diff->options.false_share)
        return DIFF_NOISE;
    bool slower = item->value[1] > item->value[0];
    bool slower_undiluted = item->value[1] > diff->dilution * item->value[0];
    if (diff->dilution != 1 &&
        (slower != slower_undiluted || adjusted_undiluted > diff->options.false_share))
        return DIFF_DILUTED;
    return slower ? DIFF_SLOWER : DIFF_FASTER;
}

/* Adjusted p of every item against `dilution`, into `p`. */
static int test_against(const struct diff *diff, const struct evidence *evidence,
                        struct dilution dilution, double *p)
{
    for (uint32_t i = 0; i < diff->item_count; i++)
        p[i] = p_beyond(&diff->items[i], &evidence[i], dilution, diff->options.tolerance);
    return stats_adjust(p, diff->item_count, p);
}

static int judge_items(struct diff *diff, const struct evidence *evidence, double *p)
{
    const struct dilution none = {1, 0};
    for (uint32_t i = 0; i < diff->item_count; i++) {
        set_interval(&diff->items[i], &evidence[i]);
        diff->items[i].p = p_beyond(&diff->items[i], &evidence[i], none, diff->options.tolerance);
    }
    int result = test_against(diff, evidence, none, p);
    for (uint32_t i = 0; i < diff->item_count; i++)
        diff->items[i].adjusted = p[i];
    struct dilution dilution = find_dilution(diff, evidence, p);
    diff->dilution = dilution.factor;
    if (result == 0)
        result = test_against(diff, evidence, dilution, p);
    for (uint32_t i = 0; result == 0 && i < diff->item_count; i++)
        diff->items[i].verdict = judge(diff, &diff->items[i], p[i]);
    return result;
}

int diff_judge(struct work *work)
{
    struct diff *diff = work->diff;
    struct evidence *evidence = malloc(((size_t)diff->item_count + 1) * sizeof *evidence);
    double *p = malloc(((size_t)diff->item_count + 1) * sizeof *p);
    int result = evidence && p ? 0 : ERR_NO_MEMORY;
    for (uint32_t i = 0; result == 0 && i < diff->item_count; i++)
        evidence[i] = weigh(work, i);
    if (result == 0)
        result = judge_items(diff, evidence, p);
    free(evidence);
    free(p);
    return result;
}
