/* SPDX-License-Identifier: MIT */
/* answer_kit.h - a store with numbers that are known, and answers about it as JSON values. */
#pragma once

#include "store_kit.h"

#include <jansson.h>

#include "base/loglinear.h"
#include "query/answer.h"

#define KIT_NOW (T0 + HOUR)
#define KIT_MAX_PARAMS 16

/* Windows of ten minutes from T0: "shop" with two processes, "mail" with one. Each process of shop
 * has 5 of 10 seconds on a CPU in each window: 0.5 cores. */
static inline void kit_add_seconds(struct store *store, const char *service, const char *version,
                                   int32_t pid, const char *endpoint, uint64_t at_ns,
                                   const char *function, uint64_t count, uint64_t weight_ns)
{
    struct profile *profile = profile_new();
    struct profile_thread thread = {.pid = pid,
                                    .tid = pid,
                                    .name = profile_cstring(profile, "MainThread"),
                                    .process = profile_cstring(profile, "python app.py")};
    struct profile_frame frame = {.name = profile_cstring(profile, function),
                                  .file = profile_cstring(profile, "app.py"),
                                  .line = 7};
    uint32_t node = profile_node(profile, 0, profile_frame(profile, &frame));
    profile_add(profile, profile_thread(profile, &thread), node, count, weight_ns);
    struct store_source source = {.service = service,
                                  .host = "web1",
                                  .version = version,
                                  .endpoint = endpoint,
                                  .pid = pid,
                                  .started_ns = T0 - DAY + (uint64_t)pid};
    kit_ok(store_add_profile(store, &source, at_ns, profile, &err));
    profile_free(profile);
}

static inline void kit_add_times(struct store *store, const char *service, uint64_t at_ns,
                                 struct store_histogram about, uint64_t duration_ns, uint64_t count)
{
    struct store_source source = {.service = service, .host = "web1", .version = "v1", .pid = 10};
    struct store_bucket bucket = {loglinear_bucket(duration_ns), count};
    about.count = count;
    about.total_ns = count * duration_ns;
    about.max_ns = duration_ns;
    about.buckets = &bucket;
    about.bucket_count = 1;
    kit_ok(store_add_histogram(store, &source, at_ns, &about, &err));
}

static inline void kit_add_gauge(struct store *store, const char *service, int32_t pid,
                                 uint64_t at_ns, const char *name, double value)
{
    struct store_source source = {.service = service, .host = "web1", .version = "v1", .pid = pid};
    kit_ok(store_add_gauge(store, &source, at_ns, name, value, &err));
}

/* `params`: "name=value" texts, ended by NULL. *out is the body; what it returns is the result. */
static inline int kit_ask_text(struct store *store, const char *name, const char *id,
                               const char *const *params, struct buf *out, struct err *err)
{
    static char texts[KIT_MAX_PARAMS][300];
    struct answer_param list[KIT_MAX_PARAMS];
    const struct answer_kind *kind = answer_find(name);
    const char *media_type = "application/json";
    size_t count = 0;
    assert_non_null(kind);
    for (; params[count]; count++) {
        snprintf(texts[count], sizeof *texts, "%s", params[count]);
        char *value = strchr(texts[count], '=');
        assert_non_null(value);
        *value++ = '\0';
        list[count] = (struct answer_param){texts[count], value};
    }
    struct answer_request request = {
        .params = list, .param_count = count, .id = id, .now_wall_ns = KIT_NOW};
    return kind->write(store, &request, out, &media_type, err);
}

static inline json_t *kit_ask_list(struct store *store, const char *name, const char *id,
                                   const char *const *params)
{
    struct buf out;
    struct err err = {0};
    json_error_t where;
    buf_init(&out, 0);
    if (kit_ask_text(store, name, id, params, &out, &err) < 0)
        fail_msg("%s: %s", name, err.text);
    json_t *root = json_loadb(out.data, out.size, 0, &where);
    if (!root)
        fail_msg("%s: %s: %.300s", name, where.text, out.data);
    buf_done(&out);
    return root;
}

#define kit_ask(store, name, ...)                                                                  \
    kit_ask_list((store), (name), NULL, (const char *const[]){__VA_ARGS__, NULL})
#define kit_refused(store, name, text, ...)                                                        \
    kit_refuses((store), (name), (text), (const char *const[]){__VA_ARGS__, NULL})

static inline void kit_refuses(struct store *store, const char *name, const char *text,
                               const char *const *params)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, 0);
    assert_int_equal(kit_ask_text(store, name, NULL, params, &out, &err), ERR_USAGE);
    if (!strstr(err.text, text))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, err.text, text);
    assert_int_equal(out.size, 0);
    buf_done(&out);
}

/* The row whose `key` is `text`; NULL: there is none. Borrowed from the answer. */
static inline json_t *kit_row(const json_t *answer, const char *key, const char *text)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        const char *value = json_string_value(json_object_get(row, key));
        if (value && !strcmp(value, text))
            return row;
    }
    return NULL;
}

static inline double kit_number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    return json_number_value(value);
}

#define kit_near(row, key, wanted, tolerance)                                                      \
    do {                                                                                           \
        double kit_got = kit_number((row), (key)), kit_wanted = (wanted);                          \
        if (kit_got < kit_wanted - (tolerance) || kit_got > kit_wanted + (tolerance))              \
            fail_msg("%s:%d: %s is %g, not %g", __FILE__, __LINE__, (key), kit_got, kit_wanted);   \
    } while (0)

#define kit_exact(row, key, wanted) kit_near(row, key, wanted, 1e-9)
