/* SPDX-License-Identifier: MIT */
#include "httpd/work.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/store.h"

/* Larger blocks are mappings of their own, given back when they are freed. That is what the C
 * library begins with; but it learns from each large block that is freed to keep the next one in
 * the thread's heap, whose end it never gives back: 72 MB were left of answers of 30 MB, for ever.
 */
#define MAPPED_BYTES (128 * 1024)

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_DONE, /* the connection is awake, the reply is its own */
    JOB_LATE, /* the connection is awake; the worker has not finished */
};

struct job {
    struct job *next; /* in the queue */
    struct job *all_next, **all_link;
    enum job_state state;
    bool held_by_connection, held_by_worker;
    uint64_t until_ns;
    struct MHD_Connection *connection;
    const struct answer_kind *kind;
    struct uri uri;
    const char *id;
    struct reply_wish wish;
    struct reply reply;
};

struct work {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct job *first, **last; /* queue */
    struct job *all;
    unsigned busy; /* queued and running */
    bool stopping;
    const char *data;
    pthread_t threads[WORK_THREADS];
    unsigned thread_count;
};

/* Under the lock. */
static void release(struct job *job)
{
    if (job->held_by_connection || job->held_by_worker)
        return;
    *job->all_link = job->all_next;
    if (job->all_next)
        job->all_next->all_link = job->all_link;
    uri_done(&job->uri);
    free(job->wish.have);
    reply_done(&job->reply);
    free(job);
}

static void wake(struct job *job, enum job_state state)
{
    job->state = state;
    MHD_resume_connection(job->connection);
}

/* ---- the worker ---------------------------------------------------------------------------- */

/* A history that is not there yet, or cannot be read now, is no mistake of the client's. */
static void say_no_store(struct job *job, const struct err *err)
{
    reply_error(&job->reply, MHD_HTTP_SERVICE_UNAVAILABLE, "the history cannot be opened: %s",
                err->text);
    job->reply.retry_after_s = 10;
}

static int ask_store(struct store *store, struct job *job, struct err *err)
{
    const struct answer_request request = {
        .params = job->uri.params,
        .param_count = job->uri.param_count,
        .id = job->id,
        .now_wall_ns = clock_wall_ns(),
    };
    return job->kind->write(store, &request, &job->reply.body, &job->reply.media_type, err);
}

static void answer(const char *data, struct store **store, struct job *job)
{
    const struct store_options how = {.write = false};
    struct err err = {0};
    if (!*store && store_open(data, &how, store, &err) < 0) {
        say_no_store(job, &err);
        return;
    }
    int result = ask_store(*store, job, &err);
    bool client_fault = result == ERR_USAGE || result == ERR_NOT_FOUND || result == ERR_LIMIT;
    if (result < 0 && !client_fault) { /* what the handle knows may be what is wrong */
        store_close(*store);
        *store = NULL;
    }
    if (result < 0)
        reply_failure(&job->reply, result, &err);
    reply_finish(&job->reply, &job->wish);
}

/* Under the lock, which is given up while waiting and while the store closes. */
static struct job *next_job(struct work *work, struct store **store)
{
    while (!work->first && !work->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += WORK_REST_S;
        if (!*store) {
            pthread_cond_wait(&work->wanted, &work->lock);
        } else if (pthread_cond_timedwait(&work->wanted, &work->lock, &until) == ETIMEDOUT) {
            pthread_mutex_unlock(&work->lock);
            store_close(*store);
            *store = NULL;
            pthread_mutex_lock(&work->lock);
        }
    }
    struct job *job = work->stopping ? NULL : work->first;
    if (job) {
        work->first = job->next;
        if (!work->first)
            work->last = &work->first;
    }
    return job;
}

static void run_job(struct work *work, struct store **store, struct job *job)
{
    bool wanted = job->state == JOB_QUEUED; /* else its connection has given up already */
    if (wanted) {
        job->state = JOB_RUNNING;
        pthread_mutex_unlock(&work->lock);
        answer(work->data, store, job);
        pthread_mutex_lock(&work->lock);
    }
    work->busy--;
    if (job->state == JOB_RUNNING)
        wake(job, JOB_DONE);
    job->held_by_worker = false;
    release(job);
}

static void *work_main(void *context)
{
    struct work *work = context;
    struct store *store = NULL;
    struct job *job;
    pthread_mutex_lock(&work->lock);
    while ((job = next_job(work, &store)))
        run_job(work, &store, job);
    pthread_mutex_unlock(&work->lock);
    store_close(store);
    return NULL;
}

/* ---- the connections' side ----------------------------------------------------------------- */

int work_new(const char *data, struct work **out, struct err *err)
{
    struct work *work = calloc(1, sizeof *work);
    pthread_condattr_t monotonic;
    if (!work)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    pthread_mutex_init(&work->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&work->wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    work->last = &work->first;
    work->data = data;
    for (; work->thread_count < WORK_THREADS; work->thread_count++)
        if (pthread_create(&work->threads[work->thread_count], NULL, work_main, work) != 0)
            break;
    if (work->thread_count == 0) {
        work_free(work);
        return err_set(err, ERR_NO_MEMORY, "no thread could be made for the server");
    }
    *out = work;
    return 0;
}

struct job *work_ask(struct work *work, struct MHD_Connection *connection,
                     const struct answer_kind *kind, struct uri *uri, const char *id,
                     struct reply_wish *wish)
{
    pthread_mutex_lock(&work->lock);
    bool room = work->busy < WORK_MAX && !work->stopping;
    struct job *job = room ? calloc(1, sizeof *job) : NULL;
    if (job) {
        *job = (struct job){
            .held_by_connection = true,
            .held_by_worker = true,
            .until_ns = clock_mono_ns() + WORK_TIME_NS,
            .connection = connection,
            .kind = kind,
            .uri = *uri,
            .id = id,
            .wish = *wish,
            .all_next = work->all,
            .all_link = &work->all,
        };
        *uri = (struct uri){0};
        wish->have = NULL;
        reply_init(&job->reply, ANSWER_MAX_BYTES);
        if (work->all)
            work->all->all_link = &job->all_next;
        work->all = job;
        *work->last = job;
        work->last = &job->next;
        work->busy++;
        MHD_suspend_connection(connection);
        pthread_cond_signal(&work->wanted);
    }
    pthread_mutex_unlock(&work->lock);
    return job;
}

void work_take(struct work *work, struct job *job, struct reply *out)
{
    pthread_mutex_lock(&work->lock);
    if (job->state == JOB_DONE) {
        reply_done(out);
        *out = job->reply;
        reply_init(&job->reply, 0);
    } else {
        reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE,
                    "the answer took longer than %u s; ask for a shorter range, or again later",
                    (unsigned)(WORK_TIME_NS / 1000000000));
        out->retry_after_s = (unsigned)(WORK_TIME_NS / 1000000000);
    }
    job->held_by_connection = false;
    release(job);
    pthread_mutex_unlock(&work->lock);
}

void work_expire(struct work *work, uint64_t now_ns)
{
    pthread_mutex_lock(&work->lock);
    for (struct job *job = work->all; job; job = job->all_next)
        if ((job->state == JOB_QUEUED || job->state == JOB_RUNNING) &&
            (work->stopping || now_ns >= job->until_ns))
            wake(job, JOB_LATE);
    pthread_mutex_unlock(&work->lock);
}

void work_stop(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    work->stopping = true;
    pthread_cond_broadcast(&work->wanted);
    pthread_mutex_unlock(&work->lock);
    work_expire(work, 0);
}

void work_free(struct work *work)
{
    if (!work)
        return;
    work_stop(work);
    for (unsigned i = 0; i < work->thread_count; i++)
        pthread_join(work->threads[i], NULL);
    while (work->all) { /* never begun, or their connections are gone with the library */
        work->all->held_by_connection = work->all->held_by_worker = false;
        release(work->all);
    }
    pthread_cond_destroy(&work->wanted);
    pthread_mutex_destroy(&work->lock);
    free(work);
}
