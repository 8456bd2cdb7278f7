/* SPDX-License-Identifier: MIT */
/* Parameters of questions: the first byte says which question, then come "name=value" lines; a line
 * without "=" is the id. Asked of a small store. What is answered is JSON, or another format that
 * was asked for; what is refused has a sentence and left nothing behind. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/agent.h"
#include "query/answer.h"
#include "query/kinds.h"
#include "query/trace_blob.h"

#define S UINT64_C(1000000000)
#define NOW (UINT64_C(20000) * 86400 * S + 3600 * S)
#define MAX_PARAMS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;

static void fill(uint64_t at)
{
    struct profile *profile = profile_new();
    struct profile_thread thread = {.pid = 7, .tid = 7, .name = profile_cstring(profile, "Main")};
    struct profile_frame frame = {.name = profile_cstring(profile, "work"), .line = 3};
    uint32_t node = profile_node(profile, 0, profile_frame(profile, &frame));
    profile_add(profile, profile_thread(profile, &thread), node, 100, S);
    struct store_source source = {.service = "shop",
                                  .host = "h",
                                  .version = "v",
                                  .pid = 7,
                                  .started_ns = at - S,
                                  .endpoint = "GET /"};
    struct store_bucket bucket = {900, 5};
    static const uint32_t kinds[] = {AGENT_KIND_REQUEST, AGENT_KIND_STATEMENT, AGENT_KIND_EXCEPTION,
                                     QUERY_KIND_PART, QUERY_KIND_STATEMENT_IN};
    store_add_profile(store, &source, at, profile, NULL);
    store_add_gauge(store, &source, at, QUERY_GAUGE_MEMORY, 1e6, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct store_histogram about = {.kind = kinds[i],
                                        .name = "/",
                                        .detail = "GET",
                                        .count = 5,
                                        .total_ns = S,
                                        .buckets = &bucket,
                                        .bucket_count = 1};
        store_add_histogram(store, &source, at, &about, NULL);
    }
    struct store_event event = {.at_ns = at,
                                .kind = "start",
                                .service = "shop",
                                .host = "h",
                                .pid = 7,
                                .detail = "{\"started_s\":1}"};
    store_add_event(store, &event, NULL);
    profile_free(profile);
}

static void fill_trace(uint64_t at)
{
    static const char json[] = "{\"trace\":\"1\",\"profile\":null}";
    struct buf blob = {0};
    trace_blob_encode(&(struct trace_blob_head){3, 4}, json, sizeof json - 1, &blob);
    struct store_trace trace = {.trace_low = 1,
                                .start_ns = at,
                                .duration_ns = S,
                                .service = "shop",
                                .endpoint = "GET /",
                                .pid = 7,
                                .data = blob.data,
                                .size = blob.size};
    store_add_trace(store, &trace, NULL);
    buf_done(&blob);
}

/* In a directory that has no name any more once it is open. */
static void make_store(void)
{
    char place[] = "/tmp/fuzz_answer_XXXXXX", command[64];
    struct store_options options = {.write = true, .no_sync = true};
    struct err err;
    if (!mkdtemp(place) || store_open(place, &options, &store, &err) < 0)
        abort();
    for (uint64_t at = NOW - 1800 * S; at < NOW; at += 60 * S)
        fill(at);
    fill_trace(NOW - 60 * S);
    if (store_tick(store, NOW, &err) < 0)
        abort();
    snprintf(command, sizeof command, "rm -rf %s", place);
    if (system(command) != 0)
        abort();
}

static void check(int result, const char *media_type, const struct buf *out, const struct err *err)
{
    if (result < 0) {
        if (!*err->text || result != err->code)
            abort();
        return;
    }
    if (media_type)
        return;
    json_error_t where;
    json_t *root = json_loadb(out->data, out->size, 0, &where);
    if (!root)
        abort();
    json_decref(root);
}

static void ask(const struct answer_kind *kind, char *lines)
{
    struct answer_param params[MAX_PARAMS];
    struct answer_request request = {.params = params, .now_wall_ns = NOW};
    const char *media_type = NULL;
    struct err err = {0};
    struct buf out = {0};
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
        char *value = strchr(line, '=');
        if (!value) {
            request.id = kind->takes_id ? line : NULL;
        } else if (request.param_count < MAX_PARAMS) {
            *value++ = '\0';
            params[request.param_count++] = (struct answer_param){line, value};
        }
    }
    int result = kind->write(store, &request, &out, &media_type, &err);
    bool is_json = !media_type || !strcmp(media_type, "application/json");
    check(result, is_json ? NULL : media_type, &out, &err);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t kinds = 0;
    if (!store)
        make_store();
    while (answer_kinds[kinds].name)
        kinds++;
    if (!size)
        return 0;
    char *lines = strndup((const char *)data + 1, size - 1);
    if (!lines)
        return 0;
    ask(&answer_kinds[data[0] % kinds], lines);
    free(lines);
    struct buf json = {0};
    struct trace_blob_head head;
    struct err err;
    trace_blob_head(data, size, &head);
    trace_blob_decode(data, size, &json, &err);
    buf_done(&json);
    return 0;
}
