/* SPDX-License-Identifier: MIT */
#include "query/diff_flame.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH_WHOLE 1e9 /* of all; fine enough for any screen */

/* Four steps of change, in parts of the larger value. */
static int8_t heat_of(const struct diff_item *item)
{
    static const double steps[DIFF_HEAT_MAX - 1] = {0.1, 0.25, 0.5};
    double larger = fmax(item->value[0], item->value[1]);
    double part = larger > 0 ? fabs(item->value[1] - item->value[0]) / larger : 0;
    int8_t heat = 1;
    while (heat < DIFF_HEAT_MAX && part >= steps[heat - 1])
        heat++;
    if (item->verdict == DIFF_SLOWER)
        return heat;
    return item->verdict == DIFF_FASTER ? (int8_t)-heat : 0;
}

static void set_values(struct diff_flame *flame, const struct diff *diff)
{
    const struct profile *joint = diff->joint;
    const double scale[2] = {diff->side[0].sample_value, diff->side[1].sample_value};
    double whole = diff->side[0].count * scale[0] + diff->side[1].count * scale[1];
    for (uint32_t i = 0; i < joint->sample_count; i++) {
        const struct profile_sample *sample = &joint->samples[i];
        double value = (double)sample->count * scale[sample->thread];
        double *side = sample->thread ? flame->after : flame->before;
        side[sample->node] += value;
        flame->profile.samples[i] = *sample;
        flame->profile.samples[i].count = (uint64_t)(value / whole * WIDTH_WHOLE + 0.5);
    }
    for (uint32_t node = joint->node_count; node-- > 1;) {
        flame->before[joint->nodes[node].parent] += flame->before[node];
        flame->after[joint->nodes[node].parent] += flame->after[node];
    }
    for (uint32_t i = 0; i < diff->item_count; i++)
        if (diff->items[i].subject == DIFF_PATH)
            flame->heat[diff->items[i].node] = heat_of(&diff->items[i]);
}

int diff_flame_init(struct diff_flame *flame, const struct diff *diff)
{
    uint32_t nodes = diff->joint->node_count;
    *flame = (struct diff_flame){
        .profile = *diff->joint,
        .heat = calloc(nodes, sizeof *flame->heat),
        .before = calloc(nodes, sizeof *flame->before),
        .after = calloc(nodes, sizeof *flame->after),
    };
    flame->profile.samples =
        calloc((size_t)diff->joint->sample_count + 1, sizeof *flame->profile.samples);
    if (!flame->heat || !flame->before || !flame->after || !flame->profile.samples) {
        diff_flame_done(flame);
        return ERR_NO_MEMORY;
    }
    set_values(flame, diff);
    return 0;
}

void diff_flame_done(struct diff_flame *flame)
{
    free(flame->profile.samples);
    free(flame->heat);
    free(flame->before);
    free(flame->after);
    *flame = (struct diff_flame){0};
}
