/* SPDX-License-Identifier: MIT */
/* sqlite_read.c - profiles merged, in steps, and what there is.
 *
 * Counts are added up in an array by the numbers of the answer's nodes; a file's node is looked up
 * in the answer once, afterwards it is one load. Only an answer that is split by thread pays a hash
 * look-up per entry.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"

#define UNKNOWN PROFILE_NONE
#define UNWANTED (PROFILE_NONE - 1)

struct lane { /* one file of the query */
    struct file *file;
    struct dict_bridge bridge;
    uint32_t *threads; /* per actor: of the answer, UNWANTED or UNKNOWN */
    uint32_t actor_count;
};

struct sum {
    uint64_t count, weight_ns;
};

struct reading {
    const struct store_query *query;
    struct dict into; /* its shapes are the answer */
    struct lane *lanes;
    uint32_t lane_count, lane_capacity;
    struct window window;
    bool dense;
    uint32_t thread; /* of a dense answer */
    struct sum *sums;
    uint32_t sum_count;
    uint32_t *touched; /* nodes with a sum */
    uint32_t touched_count;
    struct profile_stats stats;
    uint64_t period_ns;
    bool has_period;
    uint64_t first_ns, last_ns;      /* of the windows that were read */
    uint64_t step_ns, step_start_ns; /* steps only */
    store_step_fn *fn;
    void *context;
};

static void reading_done(struct reading *r)
{
    for (uint32_t i = 0; i < r->lane_count; i++) {
        dict_bridge_done(&r->lanes[i].bridge);
        free(r->lanes[i].threads);
    }
    free(r->lanes);
    free(r->sums);
    free(r->touched);
    window_done(&r->window);
}

/* -- whose ----------------------------------------------------------------------------------- */

bool store_actor_is_wanted(const struct dict *dict, const struct dict_actor *actor,
                           const struct store_query *query)
{
    if (query->pid && actor->pid != query->pid)
        return false;
    if (query->endpoint && strcmp(dict_text(dict, actor->endpoint), query->endpoint) != 0)
        return false;
    if (!query->thread || !strcmp(dict_text(dict, actor->thread), query->thread))
        return true;
    char *end;
    long tid = strtol(query->thread, &end, 10);
    return *query->thread && !*end && actor->tid == tid;
}

static uint32_t answer_thread(struct reading *r, const struct dict *dict,
                              const struct dict_actor *actor)
{
    struct profile *into = r->into.shapes;
    struct profile_thread thread = {.pid = actor->pid};
    enum store_split split = r->query->split;
    if (split == STORE_SPLIT_ENDPOINT) {
        thread.pid = 0;
        thread.name = profile_cstring(into, dict_text(dict, actor->endpoint));
    } else {
        thread.process = profile_cstring(into, dict_text(dict, actor->process));
        if (split == STORE_SPLIT_THREAD) {
            thread.tid = actor->tid;
            thread.name = profile_cstring(into, dict_text(dict, actor->thread));
        }
    }
    if (thread.name == PROFILE_NONE || thread.process == PROFILE_NONE)
        return PROFILE_NONE;
    return profile_thread(into, &thread);
}

/* UNWANTED, the answer's thread, or UNKNOWN: no memory. */
static uint32_t thread_of(struct reading *r, struct lane *lane, uint32_t actor_id)
{
    uint32_t *thread = &lane->threads[actor_id];
    if (*thread != UNKNOWN)
        return *thread;
    const struct dict *dict = &lane->file->dict;
    const struct dict_actor *actor = dict_actor_at(dict, actor_id);
    if (!store_actor_is_wanted(dict, actor, r->query))
        *thread = UNWANTED;
    else
        *thread = r->dense ? r->thread : answer_thread(r, dict, actor);
    return *thread;
}

/* -- lanes ----------------------------------------------------------------------------------- */

static struct lane *find_lane(struct reading *r, const struct file *file)
{
    for (uint32_t i = r->lane_count; i-- > 0;)
        if (r->lanes[i].file == file)
            return &r->lanes[i];
    return NULL;
}

static struct lane *add_lane(struct reading *r, struct file *file)
{
    if (r->lane_count == r->lane_capacity) {
        uint32_t capacity = r->lane_capacity ? r->lane_capacity * 2 : 16;
        struct lane *lanes = realloc(r->lanes, capacity * sizeof *lanes);
        if (!lanes)
            return NULL;
        r->lanes = lanes;
        r->lane_capacity = capacity;
    }
    struct lane *lane = &r->lanes[r->lane_count++];
    *lane = (struct lane){.file = file};
    dict_bridge_init(&lane->bridge, &file->dict, &r->into);
    return lane;
}

static int begin_file(void *context, struct store *store, struct file *file)
{
    (void)store;
    struct reading *r = context;
    struct lane *lane = find_lane(r, file);
    if (!lane && !(lane = add_lane(r, file)))
        return ERR_NO_MEMORY;
    uint32_t count = file->dict.actors.count;
    uint32_t *threads = realloc(lane->threads, (count + 1) * sizeof *threads);
    if (!threads)
        return ERR_NO_MEMORY;
    lane->threads = threads;
    for (; lane->actor_count < count; lane->actor_count++)
        threads[lane->actor_count] = UNKNOWN;
    return 0;
}

/* -- adding up ------------------------------------------------------------------------------- */

static bool fit_sums(struct reading *r)
{
    uint32_t nodes = r->into.shapes->node_count;
    if (nodes <= r->sum_count)
        return true;
    uint32_t count = nodes + nodes / 2 + 64;
    struct sum *sums = realloc(r->sums, count * sizeof *sums);
    if (!sums)
        return false;
    r->sums = sums;
    memset(sums + r->sum_count, 0, (count - r->sum_count) * sizeof *sums);
    uint32_t *touched = realloc(r->touched, count * sizeof *touched);
    if (!touched)
        return false;
    r->touched = touched;
    r->sum_count = count;
    return true;
}

static int add_dense(struct reading *r, struct lane *lane, const struct window_section *section)
{
    const struct window_entry *entries = r->window.entries;
    for (uint32_t i = section->first; i < section->first + section->count; i++) {
        uint32_t node = entries[i].node ? dict_bridge_node(&lane->bridge, entries[i].node) : 0;
        if (node == PROFILE_NONE || (node >= r->sum_count && !fit_sums(r)))
            return ERR_NO_MEMORY;
        struct sum *sum = &r->sums[node];
        if (!sum->count && !sum->weight_ns)
            r->touched[r->touched_count++] = node;
        sum->count += entries[i].count;
        sum->weight_ns += entries[i].weight_ns;
    }
    return 0;
}

static int add_split(struct reading *r, struct lane *lane, const struct window_section *section,
                     uint32_t thread)
{
    const struct window_entry *entries = r->window.entries;
    for (uint32_t i = section->first; i < section->first + section->count; i++) {
        uint32_t node = entries[i].node ? dict_bridge_node(&lane->bridge, entries[i].node) : 0;
        if (node == PROFILE_NONE)
            return ERR_NO_MEMORY;
        int result =
            profile_add(r->into.shapes, thread, node, entries[i].count, entries[i].weight_ns);
        if (result < 0)
            return result;
    }
    return 0;
}

static int add_sections(struct reading *r, struct store *store, struct lane *lane)
{
    int result = 0;
    for (uint32_t i = 0; i < store->sections.count && result == 0; i++) {
        const struct window_section *section = &store->sections.items[i];
        uint32_t thread = thread_of(r, lane, section->actor);
        if (thread == UNKNOWN)
            return ERR_NO_MEMORY;
        if (thread != UNWANTED)
            result = r->dense ? add_dense(r, lane, section) : add_split(r, lane, section, thread);
    }
    return result;
}

static int decode(struct reading *r, struct store *store, struct lane *lane)
{
    window_reset(&r->window);
    return window_decode(&lane->file->dict, store->raw.data, store->raw.size, &r->window,
                         &store->sections);
}

static void add_facts(struct reading *r)
{
    struct window total = {
        .stats = r->stats, .period_ns = r->period_ns, .has_period = r->has_period};
    window_add_facts(&total, &r->window.stats, r->window.period_ns, false);
    r->stats = total.stats;
    r->period_ns = total.period_ns;
    r->has_period = true;
}

static int visit_profile(void *context, struct store *store, const struct visit *visit)
{
    struct reading *r = context;
    struct lane *lane = find_lane(r, visit->file);
    int result = decode(r, store, lane);
    if (result < 0)
        return result;
    add_facts(r);
    uint64_t end = visit->start_ns + visit->file->shelf->window_ns;
    r->first_ns = r->last_ns && r->first_ns < visit->start_ns ? r->first_ns : visit->start_ns;
    r->last_ns = end > r->last_ns ? end : r->last_ns;
    return add_sections(r, store, lane);
}

/* -- the answer ------------------------------------------------------------------------------ */

static void add_stats(struct profile_stats *into, const struct profile_stats *from)
{
    struct window sum = {.stats = *into};
    window_add_facts(&sum, from, 0, false);
    *into = sum.stats;
}

/* When something was seen, and what is the same for all of it; an answer that is added to another
 * one keeps what both have. */
static void set_meta(struct profile *into, const struct reading *r)
{
    struct profile_meta *meta = &into->meta;
    bool fresh = !meta->start_wall_ns && !meta->duration_ns;
    uint64_t from = r->first_ns, to = r->last_ns;
    if (!fresh && (!to || meta->start_wall_ns < from))
        from = meta->start_wall_ns;
    if (!fresh && meta->start_wall_ns + meta->duration_ns > to)
        to = meta->start_wall_ns + meta->duration_ns;
    meta->start_wall_ns = from;
    meta->duration_ns = to - from;
    const struct store_query *query = r->query;
    uint32_t mode = profile_cstring(into, store_type_name(query->type));
    uint32_t command = profile_cstring(into, query->service ? query->service : "");
    uint32_t host = profile_cstring(into, query->host ? query->host : "");
    meta->mode = mode != PROFILE_NONE && (fresh || meta->mode == mode) ? mode : 0;
    meta->command = command != PROFILE_NONE && (fresh || meta->command == command) ? command : 0;
    meta->host = host != PROFILE_NONE && (fresh || meta->host == host) ? host : 0;
    meta->period_ns = fresh || meta->period_ns == r->period_ns ? r->period_ns : 0;
    meta->pid = fresh || meta->pid == query->pid ? query->pid : 0;
}

static int give_dense(struct reading *r)
{
    int result = 0;
    for (uint32_t i = 0; i < r->touched_count && result == 0; i++) {
        uint32_t node = r->touched[i];
        result = profile_add(r->into.shapes, r->thread, node, r->sums[node].count,
                             r->sums[node].weight_ns);
    }
    return result;
}

static int begin_reading(struct reading *r, const struct store_query *query, struct profile *into,
                         bool dense, struct err *err)
{
    *r = (struct reading){.query = query, .dense = dense};
    r->into.shapes = into;
    if (!dense)
        return 0;
    struct profile_thread everything = {0};
    r->thread = profile_thread(into, &everything);
    return r->thread == PROFILE_NONE ? err_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

int store_read_profile(struct store *store, const struct store_query *query, struct profile *into,
                       struct store_answer *answer, struct err *err)
{
    struct reading r;
    int result = begin_reading(&r, query, into, query->split == STORE_SPLIT_NONE, err);
    if (result < 0)
        return result;
    struct visitor visitor = {
        .duty = DUTY_PROFILE,
        .by_type = true,
        .sums = r.dense && !query->pid && !query->endpoint && !query->thread,
        .max_window_ns = DAY_NS,
        .begin = begin_file,
        .visit = visit_profile,
        .context = &r,
    };
    result = store_visit(store, query, &visitor, answer, err);
    if (result == 0 && give_dense(&r) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0) {
        add_stats(&into->stats, &r.stats);
        set_meta(into, &r);
    }
    reading_done(&r);
    return result;
}

/* -- in steps -------------------------------------------------------------------------------- */

static int compare_nodes(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static int give_step(struct reading *r)
{
    if (!r->touched_count)
        return 0;
    struct store_sum *sums = malloc(r->touched_count * sizeof *sums);
    if (!sums)
        return ERR_NO_MEMORY;
    qsort(r->touched, r->touched_count, sizeof *r->touched, compare_nodes);
    for (uint32_t i = 0; i < r->touched_count; i++) {
        uint32_t node = r->touched[i];
        sums[i] = (struct store_sum){node, r->sums[node].count, r->sums[node].weight_ns};
        r->sums[node] = (struct sum){0};
    }
    int result = r->fn(r->context, r->step_start_ns, sums, r->touched_count);
    r->touched_count = 0;
    free(sums);
    return result;
}

static int visit_step(void *context, struct store *store, const struct visit *visit)
{
    struct reading *r = context;
    uint64_t start = visit->start_ns - visit->start_ns % r->step_ns;
    if (start != r->step_start_ns) {
        int result = give_step(r);
        if (result != 0)
            return result;
        r->step_start_ns = start;
    }
    return visit_profile(context, store, visit);
}

int store_read_steps(struct store *store, const struct store_query *query, uint64_t step_ns,
                     struct profile *shape, store_step_fn *fn, void *context,
                     struct store_answer *answer, struct err *err)
{
    uint64_t finest = shelf_of(DUTY_PROFILE, 0)->window_ns;
    if (!step_ns || step_ns % finest)
        return err_set(err, ERR_USAGE, "steps are multiples of ten seconds");
    struct reading r;
    int result = begin_reading(&r, query, shape, true, err);
    if (result < 0)
        return result;
    r.step_ns = step_ns;
    r.fn = fn;
    r.context = context;
    struct visitor visitor = {
        .duty = DUTY_PROFILE,
        .by_type = true,
        .sums = !query->pid && !query->endpoint && !query->thread,
        .max_window_ns = step_ns,
        .begin = begin_file,
        .visit = visit_step,
        .context = &r,
    };
    result = store_visit(store, query, &visitor, answer, err);
    if (result == 0)
        result = give_step(&r);
    reading_done(&r);
    if (result == ERR_NO_MEMORY)
        err_set(err, result, "out of memory");
    return result;
}
