/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/err.h"
#include "cli/data_dir.h"
#include "cli/query.h"
#include "store/store.h"

void query_set(struct query_question *question, const char *name, const char *value)
{
    size_t at = 0;
    while (at < question->param_count && strcmp(question->params[at].name, name) != 0)
        at++;
    if (value && at < QUERY_MAX_PARAMS) {
        question->params[at] = (struct answer_param){name, value};
        question->param_count += at == question->param_count;
    } else if (!value && at < question->param_count) {
        question->params[at] = question->params[--question->param_count];
    }
}

const char *query_get(const struct query_question *question, const char *name)
{
    for (size_t i = 0; i < question->param_count; i++)
        if (!strcmp(question->params[i].name, name))
            return question->params[i].value;
    return NULL;
}

void query_place_done(struct query_place *place)
{
    store_close(place->store);
    place->store = NULL;
}

static int open_store(struct query_place *place, struct err *err)
{
    char dir[512];
    struct store_options how = {.write = false};
    if (place->store)
        return 0;
    int result = data_dir(place->data, dir, sizeof dir, err);
    return result < 0 ? result : store_open(dir, &how, &place->store, err);
}

int query_ask(struct query_place *place, const struct query_question *question, struct buf *out,
              struct err *err)
{
    if (place->url)
        return query_http_ask(place, question, out, err);
    const struct answer_kind *kind = answer_find(question->name);
    const char *media_type;
    struct answer_request request = {
        .params = question->params,
        .param_count = question->param_count,
        .id = question->id,
        .now_wall_ns = place->now_ns,
    };
    int result = open_store(place, err);
    return result < 0 ? result : kind->write(place->store, &request, out, &media_type, err);
}
