/* SPDX-License-Identifier: MIT */
/* dict.h - the dictionary of one file: strings, frames and stacks (a profile without samples), and
 * what sections, windows and metrics are called.
 *
 * Append-only; ids are dense and in order of first use. dict_encode() writes what has come since a
 * mark, dict_decode() adds it to a dictionary that has come as far.
 *
 * Ownership: dict_init() / dict_done(). Texts are the profile's.
 */
#pragma once

#include "base/buf.h"
#include "model/profile.h"

struct dict_actor { /* whose samples: a section of a window */
    uint64_t started_ns;
    int32_t pid, tid;
    uint32_t process, thread, endpoint; /* strings */
    uint32_t zero;
};

struct dict_series {
    uint32_t service, host, version; /* strings */
    uint32_t type;                   /* enum store_type, perhaps with SERIES_SUM */
};
/* The same series without actors: in windows of SUM_LEVEL that have many, for those who ask for all
 * of them. */
#define SERIES_SUM 0x80u
#define SUM_LEVEL 4u
#define SUM_SECTIONS 4u

struct dict_key { /* a histogram or, with kind DICT_GAUGE, a gauge */
    uint64_t fingerprint;
    uint32_t kind, group;
    uint32_t name, detail, summary; /* strings */
    int32_t pid;
};
#define DICT_GAUGE UINT32_MAX

/* Equal items get equal ids. Items have no padding. */
struct dict_table {
    char *items;
    size_t item_size;
    uint32_t count, capacity;
    struct map index;
};

uint32_t dict_table_add(struct dict_table *table, const void *item); /* PROFILE_NONE: full */
void dict_table_done(struct dict_table *table);

struct dict {
    struct profile *shapes;
    struct dict_table actors, series, keys;
};

enum dict_kind {
    DICT_STRINGS,
    DICT_FRAMES,
    DICT_NODES,
    DICT_ACTORS,
    DICT_SERIES,
    DICT_KEYS,
    DICT_KINDS
};

struct dict_mark {
    uint32_t count[DICT_KINDS];
};

int dict_init(struct dict *dict); /* 0 or ERR_NO_MEMORY; dict_done() is fine after either */
void dict_done(struct dict *dict);

/* The id, or PROFILE_NONE: no memory, or the ids are used up. */
uint32_t dict_actor(struct dict *dict, const struct dict_actor *actor);
uint32_t dict_series(struct dict *dict, const struct dict_series *series);
uint32_t dict_key(struct dict *dict, const struct dict_key *key);

static inline const struct dict_actor *dict_actor_at(const struct dict *dict, uint32_t id)
{
    return (const struct dict_actor *)(const void *)dict->actors.items + id;
}
static inline const struct dict_series *dict_series_at(const struct dict *dict, uint32_t id)
{
    return (const struct dict_series *)(const void *)dict->series.items + id;
}
static inline const struct dict_key *dict_key_at(const struct dict *dict, uint32_t id)
{
    return (const struct dict_key *)(const void *)dict->keys.items + id;
}
static inline const char *dict_text(const struct dict *dict, uint32_t string)
{
    return dict->shapes->strings[string].text;
}

struct dict_mark dict_end(const struct dict *dict);
struct dict_mark dict_begin(void);
bool dict_mark_equal(const struct dict_mark *a, const struct dict_mark *b);

void dict_encode(const struct dict *dict, const struct dict_mark *from, struct buf *out);
/* Entries that the dictionary has already are passed over. 0, ERR_BAD_DATA (there is a gap, or an
 * id that does not exist) or ERR_NO_MEMORY. */
int dict_decode(struct dict *dict, const void *data, size_t size);

/* What the numbers of one dictionary are in another; filled as they are needed. */
struct dict_bridge {
    const struct dict *from;
    struct dict *into;
    struct dict_bridge_map {
        uint32_t *to;
        uint32_t count;
    } strings, frames, nodes;
    uint32_t *path; /* scratch */
    uint32_t path_capacity;
};
void dict_bridge_init(struct dict_bridge *bridge, const struct dict *from, struct dict *into);
void dict_bridge_done(struct dict_bridge *bridge);
/* PROFILE_NONE: no memory or a limit. Ids must exist in `from`. */
uint32_t dict_bridge_string(struct dict_bridge *bridge, uint32_t string);
uint32_t dict_bridge_new_node(struct dict_bridge *bridge, uint32_t node);
static inline uint32_t dict_bridge_node(struct dict_bridge *bridge, uint32_t node)
{
    if (node < bridge->nodes.count && bridge->nodes.to[node] != PROFILE_NONE)
        return bridge->nodes.to[node];
    return dict_bridge_new_node(bridge, node);
}
uint32_t dict_bridge_series(struct dict_bridge *bridge, uint32_t series);
/* `churn`: with what comes and goes (thread ids; processes of keys). */
uint32_t dict_bridge_actor(struct dict_bridge *bridge, uint32_t actor, bool churn);
uint32_t dict_bridge_key(struct dict_bridge *bridge, uint32_t key, bool churn);
