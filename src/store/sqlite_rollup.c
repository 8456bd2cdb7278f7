/* SPDX-License-Identifier: MIT */
/* sqlite_rollup.c - windows added up into longer ones.
 *
 * A window of level L is made once, from the rows of level L − 1, when it is over; the rows and the
 * level's new seal are one transaction. A window of L lies in one file of L − 1, because every
 * period is a multiple of the next level's window. A crash at any moment leaves a seal that says
 * exactly what has been done.
 *
 *      level 0   |....|....|....|....|....|....|...      10 s, always complete
 *      level 1   |-----------------------------|         up to its seal
 *      level 2   (seal: nothing yet)
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

#define GRACE_NS (15 * SECOND_NS) /* for the last flush of a window */
#define WINDOWS_PER_TICK 150u     /* a backlog is worked off in pieces */

/* -- seals ---------------------------------------------------------------------------------- */

static uint64_t find_seal(struct store *store, const struct shelf *shelf, uint64_t now_ns)
{
    for (uint32_t i = store->file_count; i-- > 0;) {
        struct file *file = store->files[i];
        struct err why;
        int64_t seal;
        if (file->shelf != shelf || (now_ns && file->start_ns > now_ns))
            continue; /* from the future: made while the clock was wrong */
        int result = store_use(store, file, &why);
        if (result == 0)
            result = file_get_state(file, FILE_SEAL, &seal, &why);
        if (result == 0 && seal > 0)
            return (uint64_t)seal;
        if (result == ERR_BAD_DATA) /* the one before it knows */
            store_file_is_bad(store, file, why.text);
    }
    return 0;
}

void store_find_seals(struct store *store, uint64_t now_ns)
{
    for (enum duty duty = DUTY_PROFILE; duty <= DUTY_METRIC; duty++)
        for (uint32_t level = 1; level < LEVELS; level++)
            store->seal_ns[duty][level] = find_seal(store, shelf_of(duty, level), now_ns);
    store->seals_known = true;
}

/* -- one window ------------------------------------------------------------------------------ */

struct roll { /* from one file into another */
    struct store *store;
    struct file *from, *into;
    struct dict_bridge bridge;
    struct window window;
    struct metrics metrics;
    struct window one; /* scratch: a decoded source */
    struct metrics one_metrics;
    bool source_is_bad;
};

static void roll_init(struct roll *roll, struct store *store, struct file *from, struct file *into)
{
    *roll = (struct roll){.store = store, .from = from, .into = into};
    dict_bridge_init(&roll->bridge, &from->dict, &into->dict);
}

static void roll_done(struct roll *roll)
{
    dict_bridge_done(&roll->bridge);
    window_done(&roll->window);
    window_done(&roll->one);
    metrics_done(&roll->metrics);
    metrics_done(&roll->one_metrics);
}

static int add_window(struct roll *roll, const struct window *from)
{
    bool churn = roll->into->shelf->level < LEVEL_WITHOUT_CHURN;
    uint32_t actor = PROFILE_NONE, to_actor = PROFILE_NONE;
    for (uint32_t i = 0; i < from->count; i++) {
        struct window_entry entry = from->entries[i];
        if (entry.actor != actor) {
            actor = entry.actor;
            to_actor = dict_bridge_actor(&roll->bridge, actor, churn);
        }
        entry.actor = to_actor;
        entry.node = entry.node ? dict_bridge_node(&roll->bridge, entry.node) : 0;
        if (entry.actor == PROFILE_NONE || entry.node == PROFILE_NONE)
            return ERR_LIMIT;
        int result = window_add(&roll->window, &entry);
        if (result < 0)
            return result;
    }
    window_add_facts(&roll->window, &from->stats, from->period_ns, from->own_weights);
    window_tidy_when_large(&roll->window);
    return 0;
}

static int add_metrics(struct roll *roll, const struct metrics *from)
{
    bool churn = roll->into->shelf->level < LEVEL_WITHOUT_CHURN;
    uint32_t key = PROFILE_NONE, to_key = PROFILE_NONE;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct metric *item = &from->items[i];
        if (item->key != key) {
            key = item->key;
            to_key = dict_bridge_key(&roll->bridge, key, churn);
        }
        if (to_key == PROFILE_NONE)
            return ERR_LIMIT;
        int result = metrics_add(&roll->metrics, to_key, item->slot, item->value);
        if (result < 0)
            return result;
    }
    metrics_tidy_when_large(&roll->metrics);
    return 0;
}

/* A row that is damaged is left out, and counted. */
static int add_row(struct roll *roll, uint64_t start_ns, uint32_t series, bool *any,
                   struct err *err)
{
    struct store *store = roll->store;
    struct file *from = roll->from;
    int result = file_get_window(from, store->tools, file_window_id(from, start_ns, series),
                                 &store->raw, err);
    if (result == ERR_NOT_FOUND)
        return 0;
    roll->source_is_bad = result == ERR_BAD_DATA;
    if (result == 0) {
        window_reset(&roll->one);
        metrics_reset(&roll->one_metrics);
        result =
            from->shelf->duty == DUTY_PROFILE
                ? window_decode(&from->dict, store->raw.data, store->raw.size, &roll->one,
                                &store->sections)
                : metrics_decode(&from->dict, store->raw.data, store->raw.size, &roll->one_metrics);
        result = result == ERR_BAD_DATA ? ERR_LIMIT : result;
    }
    if (result == ERR_LIMIT) {
        store->stats.damaged_windows++;
        return 0;
    }
    if (result == 0)
        result = from->shelf->duty == DUTY_PROFILE ? add_window(roll, &roll->one)
                                                   : add_metrics(roll, &roll->one_metrics);
    *any |= result == 0;
    return result < 0 && !roll->source_is_bad
               ? err_set(err, result, "%s: %s", roll->into->path, err_text(result))
               : result;
}

static int roll_series(struct roll *roll, uint64_t start_ns, uint32_t series, struct err *err)
{
    const struct shelf *into = roll->into->shelf, *from = roll->from->shelf;
    bool any = false;
    window_reset(&roll->window);
    metrics_reset(&roll->metrics);
    for (uint64_t at = start_ns; at < start_ns + into->window_ns; at += from->window_ns) {
        int result = add_row(roll, at, series, &any, err);
        if (result < 0)
            return result;
    }
    if (!any)
        return 0;
    uint32_t to = dict_bridge_series(&roll->bridge, series);
    if (to == PROFILE_NONE)
        return err_set(err, ERR_LIMIT, "%s: too many series", roll->into->path);
    return store_put(roll->store, roll->into, start_ns, to, &roll->window, &roll->metrics, err);
}

static int put_seal(struct file *file, uint64_t seal_ns, struct err *err)
{
    return file_put_state(file, FILE_SEAL, (int64_t)seal_ns, err);
}

static int roll_window(struct store *store, struct file *from, struct file *into, uint64_t start_ns,
                       struct err *err)
{
    struct roll roll;
    roll_init(&roll, store, from, into);
    int result = file_begin(into, err);
    if (result == 0) {
        for (uint32_t series = 0; series < from->dict.series.count && result == 0; series++)
            result = roll_series(&roll, start_ns, series, err);
        if (result == 0)
            result = put_seal(into, start_ns + into->shelf->window_ns, err);
        if (result < 0)
            file_rollback(into);
        else
            result = file_commit(into, store->tools, err);
    }
    bool source_is_bad = roll.source_is_bad;
    roll_done(&roll);
    if (result == ERR_BAD_DATA) {
        struct err why = *err;
        store_file_is_bad(store, source_is_bad ? from : into, why.text);
    }
    return result;
}

/* -- a level --------------------------------------------------------------------------------- */

/* The first window of the level at or after an instant; UINT64_MAX: none. */
static int next_window(struct store *store, const struct shelf *shelf, uint64_t from_ns,
                       struct file **file, uint64_t *start_ns, struct err *err)
{
    *start_ns = UINT64_MAX;
    for (uint32_t i = 0; i < store->file_count; i++) {
        struct file *candidate = store->files[i];
        if (candidate->shelf != shelf || candidate->start_ns + shelf->period_ns <= from_ns)
            continue;
        int result = store_use(store, candidate, err);
        uint64_t at = from_ns > candidate->start_ns ? from_ns : candidate->start_ns;
        int64_t id = -1;
        if (result == 0)
            result = file_next_window(candidate, file_window_id(candidate, at, 0), &id, err);
        if (result == ERR_BAD_DATA) {
            struct err why = *err;
            store_file_is_bad(store, candidate, why.text);
            i--; /* another one has its place */
            continue;
        }
        if (result < 0)
            return result;
        if (id >= 0) {
            *file = candidate;
            *start_ns = file_window_start(candidate, id);
            return 0;
        }
    }
    return 0;
}

/* *complete_ns: the level below says all there is before it; set to the same for this level. */
static int roll_level(struct store *store, enum duty duty, uint32_t level, uint64_t *complete_ns,
                      struct err *err)
{
    const struct shelf *shelf = shelf_of(duty, level);
    uint64_t *seal = &store->seal_ns[duty][level];
    uint64_t over = *complete_ns - *complete_ns % shelf->window_ns; /* windows before it are */
    for (unsigned done = 0; done < WINDOWS_PER_TICK; done++) {
        struct file *from = NULL, *into = NULL;
        uint64_t start;
        int result = next_window(store, shelf_of(duty, level - 1), *seal, &from, &start, err);
        if (result < 0)
            return result;
        if (start >= over) {
            *complete_ns = over;
            return 0;
        }
        start -= start % shelf->window_ns;
        result = store_make_file(store, shelf, start, &into, err);
        if (result == 0)
            result = roll_window(store, from, into, start, err);
        if (result == ERR_BAD_DATA)
            continue; /* one of the two is no longer there: look again */
        if (result < 0)
            return result;
        *seal = start + shelf->window_ns;
    }
    *complete_ns = *seal;
    return 0;
}

int store_roll_up(struct store *store, uint64_t now_ns, struct err *err)
{
    if (!store->seals_known)
        store_find_seals(store, now_ns);
    for (enum duty duty = DUTY_PROFILE; duty <= DUTY_METRIC; duty++) {
        uint64_t complete_ns = now_ns > GRACE_NS ? now_ns - GRACE_NS : 0;
        for (uint32_t level = 1; level < LEVELS; level++) {
            int result = roll_level(store, duty, level, &complete_ns, err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

/* Everything that is over at an instant, with seals on the disk also where there was nothing. */
static int seal_level(struct store *store, enum duty duty, uint32_t level, uint64_t *complete_ns,
                      struct err *err)
{
    const struct shelf *shelf = shelf_of(duty, level);
    uint64_t over = *complete_ns - *complete_ns % shelf->window_ns, reached = 0;
    int result = 0;
    while (result == 0 && reached < over) {
        reached = *complete_ns;
        result = roll_level(store, duty, level, &reached, err);
    }
    *complete_ns = over;
    struct file *file = NULL;
    if (result < 0 || store->seal_ns[duty][level] >= over)
        return result;
    result = store_make_file(store, shelf, over - 1, &file, err);
    if (result == 0)
        result = put_seal(file, over, err);
    if (result == 0)
        store->seal_ns[duty][level] = over;
    return result;
}

int store_seal_all(struct store *store, uint64_t until_ns, struct err *err)
{
    int result = 0;
    store_find_seals(store, 0);
    for (enum duty duty = DUTY_PROFILE; duty <= DUTY_METRIC; duty++) {
        uint64_t complete_ns = until_ns;
        for (uint32_t level = 1; level < LEVELS && result == 0 && until_ns; level++)
            result = seal_level(store, duty, level, &complete_ns, err);
    }
    return result;
}

/* -- late ------------------------------------------------------------------------------------ */

int store_put_at(struct store *store, const struct pending *pending, uint32_t level,
                 struct err *err)
{
    const struct shelf *shelf = shelf_of(pending->file->shelf->duty, level);
    struct file *into = NULL;
    int result = store_make_file(store, shelf, pending->start_ns, &into, err);
    if (result < 0)
        return result;
    struct roll roll;
    roll_init(&roll, store, pending->file, into);
    result = add_window(&roll, &pending->window);
    if (result == 0)
        result = add_metrics(&roll, &pending->metrics);
    uint32_t series = dict_bridge_series(&roll.bridge, pending->series);
    if (result == 0 && series == PROFILE_NONE)
        result = ERR_LIMIT;
    if (result < 0)
        err_set(err, result, "%s: %s", into->path, err_text(result));
    bool alone = sqlite3_get_autocommit(into->db); /* else the caller has a transaction */
    if (result == 0 && alone)
        result = file_begin(into, err);
    if (result == 0) {
        uint64_t start = pending->start_ns - pending->start_ns % shelf->window_ns;
        result = store_put(store, into, start, series, &roll.window, &roll.metrics, err);
        if (alone && result < 0)
            file_rollback(into);
        else if (alone)
            result = file_commit(into, store->tools, err);
    }
    roll_done(&roll);
    if (result == ERR_BAD_DATA && alone) {
        struct err why = *err;
        store_file_is_bad(store, into, why.text);
        return err_set(err, ERR_IO, "%s", why.text); /* again with a new file at the next flush */
    }
    return result;
}

int store_put_late(struct store *store, struct pending *pending, struct err *err)
{
    enum duty duty = pending->file->shelf->duty;
    for (uint32_t level = LEVELS - 1; level > 0; level--) {
        if (pending->start_ns >= store->seal_ns[duty][level] || pending->late_done & 1u << level)
            continue;
        int result = store_put_at(store, pending, level, err);
        if (result < 0)
            return result;
        pending->late_done |= 1u << level;
    }
    return 0;
}
