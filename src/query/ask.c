/* SPDX-License-Identifier: MIT */
#include "query/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/instant.h"
#include "base/units.h"

#define MAX_PID 4194304u /* the kernel's own limit */
#define MAX_LIMIT 1000000u

const char answer_filters[] = "from to service host pid version endpoint thread type";

/* The n-th of space separated words; its size is 0 after the last. */
static const char *next_word(const char *words, size_t *size)
{
    words += strspn(words, " ");
    *size = strcspn(words, " ");
    return words;
}

static int word_index(const char *words, const char *name)
{
    size_t size, length = strlen(name);
    int index = 0;
    for (const char *at = next_word(words, &size); size; at = next_word(at + size, &size), index++)
        if (size == length && !memcmp(at, name, size))
            return index;
    return -1;
}

bool ask_is_word(const char *words, const char *name)
{
    return word_index(words, name) >= 0;
}

const char *ask_text(const struct ask *ask, const char *name)
{
    for (size_t i = 0; i < ask->request->param_count; i++)
        if (!strcmp(ask->request->params[i].name, name))
            return ask->request->params[i].value;
    return NULL;
}

int ask_instant(const struct ask *ask, const char *name, uint64_t *out_ns, struct err *err)
{
    const char *text = ask_text(ask, name);
    if (!text || instant_parse(text, ask->request->now_wall_ns, out_ns) == 0)
        return 0;
    return err_set(err, ERR_USAGE,
                   "%s: %.80s is not a time; it takes 5m, 24h, 7d (ago), now, a date as "
                   "2026-03-01T12:00:00Z, or seconds since 1970",
                   name, text);
}

int ask_duration(const struct ask *ask, const char *name, uint64_t *out_ns, struct err *err)
{
    const char *text = ask_text(ask, name);
    if (!text || units_parse_duration(text, out_ns) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "%s: %.80s is not a duration, as 200ms or 1.5s", name, text);
}

int ask_number(const struct ask *ask, const char *name, uint64_t max, uint64_t *out,
               struct err *err)
{
    const char *text = ask_text(ask, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (!text)
        return 0;
    uint64_t value = digits && digits < 19 && !text[digits] ? strtoull(text, NULL, 10) : max + 1;
    if (value > max)
        return err_set(err, ERR_USAGE, "%s: %.80s is not a number from 0 to %llu", name, text,
                       (unsigned long long)max);
    *out = value;
    return 0;
}

int ask_choice(const struct ask *ask, const char *name, const char *choices, unsigned *out,
               struct err *err)
{
    const char *text = ask_text(ask, name);
    int index = text ? word_index(choices, text) : 0;
    if (index < 0)
        return err_set(err, ERR_USAGE, "%s: %.80s is none of: %s", name, text, choices);
    if (text)
        *out = (unsigned)index;
    return 0;
}

int ask_refuse(const struct ask *ask, const char *names, const char *why, struct err *err)
{
    for (size_t i = 0; i < ask->request->param_count; i++)
        if (ask_is_word(names, ask->request->params[i].name))
            return err_set(err, ERR_USAGE, "%s: %s", ask->request->params[i].name, why);
    return 0;
}

static int check_names(const struct answer_request *request, const char *own, struct err *err)
{
    for (size_t i = 0; i < request->param_count; i++) {
        const char *name = request->params[i].name;
        if (!ask_is_word(answer_filters, name) && !ask_is_word(own, name))
            return err_set(err, ERR_USAGE, "%.80s is not a parameter here; there are: %s%s%s", name,
                           answer_filters, *own ? " " : "", own);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(request->params[j].name, name))
                return err_set(err, ERR_USAGE, "%s is there twice", name);
    }
    return 0;
}

static int read_range(struct ask *ask, struct err *err)
{
    struct store_query *query = &ask->query;
    uint64_t now_ns = ask->request->now_wall_ns;
    query->to_ns = now_ns;
    query->from_ns = now_ns > ASK_DEFAULT_RANGE_NS ? now_ns - ASK_DEFAULT_RANGE_NS : 0;
    int result = ask_instant(ask, "from", &query->from_ns, err);
    if (result == 0)
        result = ask_instant(ask, "to", &query->to_ns, err);
    if (result == 0 && query->from_ns >= query->to_ns)
        result = err_set(err, ERR_USAGE, "the range ends before it begins: from must be before to");
    return result;
}

static int read_type(struct ask *ask, struct err *err)
{
    const char *text = ask_text(ask, "type");
    int type = text ? store_type_find(text) : STORE_CPU;
    if (type < 0)
        return err_set(err, ERR_USAGE, "type: %.80s is none of: cpu wall gil alloc", text);
    ask->query.type = (enum store_type)type;
    return 0;
}

int ask_init(struct ask *ask, const struct answer_request *request, const char *own,
             struct err *err)
{
    uint64_t limit = ASK_DEFAULT_LIMIT, pid = 0;
    *ask = (struct ask){.request = request};
    int result = check_names(request, own, err);
    if (result == 0)
        result = read_range(ask, err);
    if (result == 0)
        result = read_type(ask, err);
    if (result == 0)
        result = ask_number(ask, "pid", MAX_PID, &pid, err);
    if (result == 0)
        result = ask_number(ask, "limit", MAX_LIMIT, &limit, err);
    ask->query.pid = (int32_t)pid;
    ask->limit = (uint32_t)limit;
    ask->query.service = ask_text(ask, "service");
    ask->query.host = ask_text(ask, "host");
    ask->query.version = ask_text(ask, "version");
    ask->query.endpoint = ask_text(ask, "endpoint");
    ask->query.thread = ask_text(ask, "thread");
    ask->sort = ask_text(ask, "sort");
    ask->search = ask_text(ask, "search");
    return result;
}
