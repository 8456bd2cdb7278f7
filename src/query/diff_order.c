/* SPDX-License-Identifier: MIT */
/* diff_order.c - findings first, the largest change first, and paths that say nothing new marked.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/diff_work.h"

#define EXPLAINED_SHARE 0.8 /* of a path's change that a longer path has */

static double change_of(const struct diff_item *item)
{
    return item->value[1] - item->value[0];
}

static bool is_finding(const struct diff_item *item)
{
    return item->verdict == DIFF_SLOWER || item->verdict == DIFF_FASTER;
}

/* A path whose change is nearly all in a longer path says nothing new. */
static void mark_explained(struct work *work)
{
    struct diff *diff = work->diff;
    const struct profile_node *nodes = work->joint.profile->nodes;
    for (uint32_t i = 0; i < diff->item_count; i++) {
        const struct diff_item *longer = &diff->items[i];
        if (longer->subject != DIFF_PATH || !is_finding(longer))
            continue;
        for (uint32_t node = nodes[longer->node].parent; node; node = nodes[node].parent) {
            uint32_t at = work->item_of[DIFF_PATH][node];
            struct diff_item *shorter = at == PROFILE_NONE ? NULL : &diff->items[at];
            if (shorter && shorter->verdict == longer->verdict &&
                fabs(change_of(longer)) >= EXPLAINED_SHARE * fabs(change_of(shorter)))
                shorter->explained = true;
        }
    }
}

static int compare_functions(const struct profile *joint, uint32_t a, uint32_t b)
{
    const struct profile_frame *left = &joint->frames[a], *right = &joint->frames[b];
    int order = strcmp(joint->strings[left->name].text, joint->strings[right->name].text);
    if (!order)
        order = strcmp(joint->strings[left->file].text, joint->strings[right->file].text);
    return order ? order : (left->kind > right->kind) - (left->kind < right->kind);
}

static int compare_paths(const struct profile *joint, uint32_t a, uint32_t b)
{
    for (; a && b && a != b; a = joint->nodes[a].parent, b = joint->nodes[b].parent) {
        int order = compare_functions(joint, joint->nodes[a].frame, joint->nodes[b].frame);
        if (order)
            return order;
    }
    return (a != 0) - (b != 0);
}

static int compare_items(const void *left, const void *right, void *context)
{
    const struct diff_item *a = left, *b = right;
    const struct profile *joint = context;
    if (is_finding(a) != is_finding(b))
        return is_finding(a) ? -1 : 1;
    double size_a = fabs(change_of(a)), size_b = fabs(change_of(b));
    if (size_a != size_b)
        return size_a > size_b ? -1 : 1;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    int order = compare_functions(joint, a->frame, b->frame);
    return order ? order : compare_paths(joint, a->node, b->node);
}

void diff_order(struct work *work)
{
    struct diff *diff = work->diff;
    mark_explained(work);
    for (uint32_t i = 0; i < diff->item_count; i++) {
        diff->findings += is_finding(&diff->items[i]);
        diff->diluted += diff->items[i].verdict == DIFF_DILUTED;
    }
    qsort_r(diff->items, diff->item_count, sizeof *diff->items, compare_items, work->joint.profile);
}
