/* SPDX-License-Identifier: MIT */
/* diff_json.c - a difference for programs; docs/diff.md describes it. */
#include "base/buf.h"
#include "base/jsonw.h"
#include "query/diff.h"

#define FORMAT_VERSION 1
#define PATH_MAX_FRAMES 256u

static const char *const verdicts[] = {"noise", "slower", "faster", "diluted"};
static const char *const subjects[] = {"self", "total", "path"};

static void json_name(struct jsonw *json, const struct diff *diff, uint32_t frame)
{
    const struct profile *joint = diff->joint;
    const struct profile_string *name = &joint->strings[joint->frames[frame].name];
    const struct profile_string *file = &joint->strings[joint->frames[frame].file];
    jsonw_key(json, "name");
    jsonw_string_n(json, name->text, name->size);
    jsonw_key(json, "file");
    if (file->size)
        jsonw_string_n(json, file->text, file->size);
    else
        jsonw_null(json);
}

/* Outermost first; of a very deep path the innermost frames. */
static void json_path(struct jsonw *json, const struct diff *diff, uint32_t node)
{
    const struct profile_node *nodes = diff->joint->nodes;
    uint32_t frames[PATH_MAX_FRAMES], count = 0;
    jsonw_key_u64(json, "depth", nodes[node].depth);
    for (uint32_t at = node; at && count < PATH_MAX_FRAMES; at = nodes[at].parent)
        frames[count++] = nodes[at].frame;
    jsonw_key(json, "path");
    jsonw_array_begin(json);
    while (count-- > 0) {
        jsonw_object_begin(json);
        json_name(json, diff, frames[count]);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void json_item(struct jsonw *json, const struct diff *diff, const struct diff_item *item)
{
    jsonw_object_begin(json);
    jsonw_key_string(json, "subject", subjects[item->subject]);
    json_name(json, diff, item->frame);
    if (item->subject == DIFF_PATH)
        json_path(json, diff, item->node);
    jsonw_key_string(json, "verdict", verdicts[item->verdict]);
    jsonw_key_double(json, "base", item->value[0]);
    jsonw_key_double(json, "new", item->value[1]);
    jsonw_key_double(json, "change", item->value[1] - item->value[0]);
    jsonw_key_double(json, "low", item->low);
    jsonw_key_double(json, "high", item->high);
    jsonw_key_double(json, "p", item->p);
    jsonw_key_double(json, "p_adjusted", item->adjusted);
    jsonw_key_double(json, "base_samples", item->count[0]);
    jsonw_key_double(json, "new_samples", item->count[1]);
    if (item->subject == DIFF_PATH)
        jsonw_key_bool(json, "explained", item->explained);
    jsonw_object_end(json);
}

static void json_side(struct jsonw *json, const char *key, const struct diff_side *side)
{
    jsonw_key(json, key);
    jsonw_object_begin(json);
    jsonw_key_double(json, "samples", side->count);
    jsonw_key_double(json, "seconds", side->weight_ns / 1e9);
    jsonw_key_double(json, "duration_s", side->seconds);
    jsonw_key_u64(json, "blocks", side->blocks);
    jsonw_key_double(json, "design_effect", side->design_effect);
    jsonw_object_end(json);
}

void diff_json(const struct diff *diff, bool all, struct buf *out)
{
    struct jsonw json;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "format", "pitviper-diff");
    jsonw_key_u64(&json, "version", FORMAT_VERSION);
    jsonw_key_string(&json, "unit", diff->unit);
    jsonw_key_double(&json, "q", diff->options.false_share);
    jsonw_key_double(&json, "tolerance", diff->options.tolerance);
    json_side(&json, "base", &diff->side[0]);
    json_side(&json, "new", &diff->side[1]);
    jsonw_key_u64(&json, "tested", diff->item_count);
    jsonw_key_u64(&json, "findings", diff->findings);
    jsonw_key_u64(&json, "diluted", diff->diluted);
    jsonw_key_u64(&json, "noise", diff->item_count - diff->findings - diff->diluted);
    jsonw_key_u64(&json, "untested_functions", diff->untested);
    jsonw_key_double(&json, "dilution", diff->dilution);
    jsonw_key(&json, "items");
    jsonw_array_begin(&json);
    for (uint32_t i = 0; i < (all ? diff->item_count : diff->findings); i++)
        json_item(&json, diff, &diff->items[i]);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    buf_add_char(out, '\n');
}
