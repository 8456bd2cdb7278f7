/* SPDX-License-Identifier: MIT */
/* http_server.c - the HTTP server over a store, with a made-up daemon behind it.
 *
 *     http_server DATA [LISTEN [OPTION=VALUE]…]      token= hosts= cert= key= ca=
 *
 * Prints the port, then serves until its standard input ends. What is posted becomes an event of
 * GET live. Built twice: with the real answers, and (http_server_made_up) with answers that a test
 * needs: slow, big, failing, hostile.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "httpd/httpd.h"
#include "query/answer.h"

#define EVENTS_MAX 100u

static struct {
    pthread_mutex_t lock;
    char *events[EVENTS_MAX];
    uint64_t count;
} made_up = {.lock = PTHREAD_MUTEX_INITIALIZER};

#ifdef HTTP_MADE_UP_ANSWERS

static int echo(struct store *store, const struct answer_request *request, struct buf *out,
                const char **media_type, struct err *err)
{
    struct jsonw json;
    (void)store;
    (void)media_type;
    jsonw_init(&json, out);
    jsonw_object_begin(&json);
    for (size_t i = 0; i < request->param_count; i++) {
        if (!strcmp(request->params[i].name, "refuse"))
            return err_set(err, ERR_USAGE, "refuse=%s makes no sense", request->params[i].value);
        jsonw_key_string(&json, request->params[i].name, request->params[i].value);
    }
    if (request->id)
        jsonw_key_string(&json, "id", request->id);
    jsonw_object_end(&json);
    return 0;
}

static int slow(struct store *store, const struct answer_request *request, struct buf *out,
                const char **media_type, struct err *err)
{
    if (request->param_count > 0)
        usleep((useconds_t)(atof(request->params[0].value) * 1e6));
    (void)store;
    (void)media_type;
    (void)err;
    buf_add_str(out, "{}");
    return 0;
}

static int big(struct store *store, const struct answer_request *request, struct buf *out,
               const char **media_type, struct err *err)
{
    int megabytes = request->param_count > 0 ? atoi(request->params[0].value) : 1;
    (void)store;
    (void)err;
    *media_type = "application/octet-stream";
    for (int i = 0; i < megabytes * 16; i++) {
        char *to = buf_reserve(out, 65536);
        if (!to)
            return ERR_LIMIT;
        memset(to, 'a' + i % 26, 65536);
        out->size += 65536;
    }
    return 0;
}

static int failing(struct store *store, const struct answer_request *request, struct buf *out,
                   const char **media_type, struct err *err)
{
    (void)store;
    (void)request;
    (void)out;
    (void)media_type;
    return err_set(err, ERR_IO, "the disk <b>says</b> \"no\"");
}

static int page(struct store *store, const struct answer_request *request, struct buf *out,
                const char **media_type, struct err *err)
{
    (void)store;
    (void)request;
    (void)err;
    *media_type = "text/html; charset=utf-8";
    buf_add_str(out, "<!doctype html><script>document.title = 'ran'</script>");
    return 0;
}

const char answer_filters[] = "from to service";
const struct answer_kind answer_kinds[] = {
    {"echo", "what was asked", "refuse", true, echo},
    {"slow", "nothing, late", "seconds", false, slow},
    {"big", "so many megabytes", "megabytes", false, big},
    {"failing", "an error", "", false, failing},
    {"page", "a document", "", false, page},
    {0},
};

const struct answer_kind *answer_find(const char *name)
{
    for (const struct answer_kind *kind = answer_kinds; kind->name; kind++)
        if (!strcmp(kind->name, name))
            return kind;
    return NULL;
}

#endif

static int add_event(const char *kind, const char *service, const char *text, uint32_t rate_hz)
{
    struct buf line;
    struct jsonw json;
    size_t size;
    buf_init(&line, 0);
    jsonw_init(&json, &line);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "kind", kind);
    jsonw_key_string(&json, "service", service);
    jsonw_key_string(&json, "text", text);
    jsonw_key_u64(&json, "rate_hz", rate_hz);
    jsonw_object_end(&json);
    pthread_mutex_lock(&made_up.lock);
    if (made_up.count < EVENTS_MAX)
        made_up.events[made_up.count++] = buf_take(&line, &size);
    pthread_mutex_unlock(&made_up.lock);
    buf_done(&line);
    return 0;
}

static int deploy(void *context, const char *service, const char *version, const char *text,
                  struct err *err)
{
    (void)context;
    (void)version;
    (void)err;
    return add_event("deploy", service, text, 0);
}

static int boost(void *context, const char *service, uint32_t rate_hz, uint32_t seconds,
                 struct err *err)
{
    (void)context;
    if (!strcmp(service, "nobody"))
        return err_set(err, ERR_NOT_FOUND, "there is no service %s", service);
    (void)seconds;
    return add_event("boost", service, "", rate_hz);
}

static int events(void *context, uint64_t *cursor, struct buf *out)
{
    (void)context;
    pthread_mutex_lock(&made_up.lock);
    for (; *cursor < made_up.count; (*cursor)++)
        buf_printf(out, "%s\n", made_up.events[*cursor]);
    pthread_mutex_unlock(&made_up.lock);
    return 0;
}

static int status(void *context, struct buf *out)
{
    (void)context;
    buf_add_str(out,
                "{\"version\": \"0\", \"started_s\": 1, \"host\": \"web1\", \"rate_hz\": 100,\n"
                " \"cores\": 0.001, \"budget_cores\": 0.01, \"rss_bytes\": 1, \"processes\": 0,\n"
                " \"samples\": 0, \"late\": 0, \"lost\": 0, \"store\": {\"bytes\": 0,\n"
                " \"budget_bytes\": 0, \"files\": 0, \"failing\": false, \"reason\": null,\n"
                " \"damaged_windows\": 0}, \"warnings\": []}\n");
    return 0;
}

static int metrics(void *context, struct buf *out, bool open_metrics)
{
    (void)context;
    buf_add_str(out, "# HELP pitviper_up Whether it runs.\n# TYPE pitviper_up gauge\n");
    buf_add_str(out, open_metrics ? "pitviper_up 1\n# EOF\n" : "pitviper_up 1\n");
    return 0;
}

static bool yes(void *context)
{
    (void)context;
    return true;
}

int main(int argc, char **argv)
{
    struct httpd_options options = {
        .listen = argc > 2 ? argv[2] : "127.0.0.1:0",
        .data = argv[1],
        .live = {NULL, status, metrics, deploy, boost, yes, yes, events},
    };
    const struct {
        const char *name;
        const char **value;
    } words[] = {{"token=", &options.token},
                 {"hosts=", &options.allowed_hosts},
                 {"cert=", &options.tls_cert},
                 {"key=", &options.tls_key},
                 {"ca=", &options.client_ca}};
    struct httpd *httpd;
    struct err err = {0};
    char byte;
    if (argc < 2)
        return 2;
    for (int i = 3; i < argc; i++)
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            if (!strncmp(argv[i], words[w].name, strlen(words[w].name)))
                *words[w].value = argv[i] + strlen(words[w].name);
    int result = httpd_start(&options, &httpd, &err);
    if (result < 0) {
        fprintf(stderr, "http_server: %s\n", err.text);
        return err_exit_status(result);
    }
    printf("%u\n", httpd_port(httpd));
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        continue;
    httpd_stop(httpd);
    for (uint64_t i = 0; i < made_up.count; i++)
        free(made_up.events[i]);
    return 0;
}
