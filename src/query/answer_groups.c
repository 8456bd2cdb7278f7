/* SPDX-License-Identifier: MIT */
/* answer_groups.c - threads and versions: sums of samples by name. */
#include <string.h>

#include "query/answer_list.h"
#include "query/answers.h"
#include "query/rowset.h"

struct group_row {
    const char *service, *name;
    uint64_t first_ns, last_ns, samples, cpu_ns;
};

struct gathering {
    const struct ask *ask;
    enum store_group by;
    struct rowset rows;
};

static int take(void *context, const struct store_group_row *group)
{
    struct gathering *g = context;
    const char *name = g->by == STORE_BY_THREAD ? group->thread : group->version;
    if (group->type != g->ask->query.type)
        return 0;
    uint32_t service = rowset_id(&g->rows, group->service), id = rowset_id(&g->rows, name);
    struct group_row *row = rowset_row(&g->rows, rowset_pair(&g->rows, service, id));
    if (!row)
        return ERR_NO_MEMORY;
    row->service = rowset_text(&g->rows, service);
    row->name = rowset_text(&g->rows, id);
    row->first_ns =
        !row->first_ns || group->first_ns < row->first_ns ? group->first_ns : row->first_ns;
    row->last_ns = group->last_ns > row->last_ns ? group->last_ns : row->last_ns;
    row->samples += group->count;
    row->cpu_ns += group->weight_ns;
    return 0;
}

static const struct column thread_columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct group_row, service)},
    {"thread", COLUMN_TEXT, offsetof(struct group_row, name), true},
    {"samples", COLUMN_COUNT, offsetof(struct group_row, samples)},
    {"cpu_s", COLUMN_NS, offsetof(struct group_row, cpu_ns)},
    {0},
};

static const struct column version_columns[] = {
    {"service", COLUMN_TEXT, offsetof(struct group_row, service)},
    {"version", COLUMN_TEXT, offsetof(struct group_row, name), true},
    {"first_s", COLUMN_WHEN, offsetof(struct group_row, first_ns)},
    {"last_s", COLUMN_WHEN, offsetof(struct group_row, last_ns)},
    {"samples", COLUMN_COUNT, offsetof(struct group_row, samples)},
    {0},
};

static int answer_group(struct store *store, const struct answer_request *request,
                        enum store_group by, const struct list_shape *shape, struct buf *out,
                        struct err *err)
{
    struct ask ask;
    struct gathering g = {.ask = &ask, .by = by};
    struct store_answer answer;
    int result = ask_init(&ask, request, ASK_LIST, err);
    if (result == 0 && rowset_init(&g.rows, sizeof(struct group_row)) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result == 0)
        result = store_read_groups(store, &ask.query, by, take, &g, &answer, err);
    if (result == 0)
        result = list_write(&ask, &answer, shape, g.rows.rows, g.rows.count, NULL, out, err);
    rowset_done(&g.rows);
    return result;
}

int answer_threads(struct store *store, const struct answer_request *request, struct buf *out,
                   const char **media_type, struct err *err)
{
    (void)media_type;
    static const struct list_shape shape = {thread_columns, "cpu_s", sizeof(struct group_row)};
    return answer_group(store, request, STORE_BY_THREAD, &shape, out, err);
}

int answer_versions(struct store *store, const struct answer_request *request, struct buf *out,
                    const char **media_type, struct err *err)
{
    (void)media_type;
    static const struct list_shape shape = {version_columns, "last_s", sizeof(struct group_row)};
    return answer_group(store, request, STORE_BY_SERVICE, &shape, out, err);
}
