/* SPDX-License-Identifier: MIT */
#include "httpd/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BLOCK_BYTES 4096u

struct stream {
    struct stream *next, **link;
    struct streams *streams;
    struct MHD_Connection *connection;
    bool asleep;
    uint64_t cursor;
    uint64_t status_ns; /* when the next one is due */
    struct buf waiting;
    size_t sent; /* of waiting */
};

void streams_init(struct streams *streams, const struct httpd_live *live)
{
    *streams = (struct streams){.live = live};
    pthread_mutex_init(&streams->lock, NULL);
}

void streams_done(struct streams *streams)
{
    pthread_mutex_destroy(&streams->lock);
}

/* `data` may have several lines. */
static void add_message(struct buf *out, const char *name, const char *data, size_t size)
{
    const char *end = data + size;
    buf_printf(out, "event: %s\n", name);
    while (data < end) {
        const char *stop = memchr(data, '\n', (size_t)(end - data));
        stop = stop ? stop : end;
        buf_add_str(out, "data: ");
        buf_add(out, data, (size_t)(stop - data));
        buf_add_char(out, '\n');
        data = stop + 1;
    }
    buf_add_char(out, '\n');
}

static void collect_events(struct stream *stream, struct buf *scratch)
{
    const struct httpd_live *live = stream->streams->live;
    if (!live->events || live->events(live->context, &stream->cursor, scratch) < 0)
        return;
    const char *at = scratch->data, *end = at + scratch->size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        bool last = stop + 1 >= end; /* the cursor is that of the last one */
        if (last)
            buf_printf(&stream->waiting, "id: %llu\n", (unsigned long long)stream->cursor);
        if (stop > at)
            add_message(&stream->waiting, "event", at, (size_t)(stop - at));
        at = stop + 1;
    }
}

static void collect(struct stream *stream)
{
    const struct httpd_live *live = stream->streams->live;
    uint64_t now_ns = clock_mono_ns();
    struct buf scratch;
    buf_init(&scratch, STREAM_EVENTS_MAX_BYTES);
    buf_reset(&stream->waiting);
    stream->sent = 0;
    collect_events(stream, &scratch);
    buf_reset(&scratch);
    if (now_ns >= stream->status_ns) {
        stream->status_ns = now_ns + STREAM_STATUS_NS;
        if (live->status && live->status(live->context, &scratch) == 0 && !buf_failed(&scratch))
            add_message(&stream->waiting, "status", scratch.data, scratch.size);
        else
            buf_add_str(&stream->waiting, ":\n\n"); /* a comment: shows whether they are there */
    }
    buf_done(&scratch);
}

/* In the connections' thread. */
static ssize_t read_stream(void *context, uint64_t position, char *to, size_t room)
{
    struct stream *stream = context;
    (void)position;
    if (stream->sent == stream->waiting.size)
        collect(stream);
    if (buf_failed(&stream->waiting))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t size = stream->waiting.size - stream->sent;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(to, stream->waiting.data + stream->sent, size);
        stream->sent += size;
        return (ssize_t)size;
    }
    pthread_mutex_lock(&stream->streams->lock);
    bool stopping = stream->streams->stopping;
    if (!stopping) {
        stream->asleep = true;
        MHD_suspend_connection(stream->connection);
    }
    pthread_mutex_unlock(&stream->streams->lock);
    return stopping ? MHD_CONTENT_READER_END_OF_STREAM : 0;
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    pthread_mutex_lock(&stream->streams->lock);
    *stream->link = stream->next;
    if (stream->next)
        stream->next->link = stream->link;
    stream->streams->count--;
    pthread_mutex_unlock(&stream->streams->lock);
    buf_done(&stream->waiting);
    free(stream);
}

/* Where a new stream begins: at what is new from now on, or behind the last that was seen. Ids of
 * another life of this program are larger than any of this one, and mean nothing. */
static uint64_t first_cursor(const struct httpd_live *live, const char *last_id)
{
    uint64_t newest = 0;
    struct buf unused;
    if (!live->events)
        return 0;
    buf_init(&unused, STREAM_EVENTS_MAX_BYTES);
    live->events(live->context, &newest, &unused);
    buf_done(&unused);
    char *end = NULL;
    unsigned long long seen = last_id ? strtoull(last_id, &end, 10) : 0;
    return last_id && end != last_id && *end == 0 && seen < newest ? seen : newest;
}

struct MHD_Response *stream_new(struct streams *streams, struct MHD_Connection *connection,
                                const char *last_id)
{
    struct stream *stream = calloc(1, sizeof *stream);
    pthread_mutex_lock(&streams->lock);
    bool room = stream && streams->count < STREAMS_MAX && !streams->stopping;
    if (room) {
        stream->streams = streams;
        stream->connection = connection;
        stream->next = streams->first;
        stream->link = &streams->first;
        if (streams->first)
            streams->first->link = &stream->next;
        streams->first = stream;
        streams->count++;
    }
    pthread_mutex_unlock(&streams->lock);
    if (!room) {
        free(stream);
        return NULL;
    }
    buf_init(&stream->waiting, 2 * STREAM_EVENTS_MAX_BYTES);
    stream->cursor = first_cursor(streams->live, last_id);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, free_stream);
    if (!response)
        free_stream(stream);
    return response;
}

void streams_tick(struct streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    for (struct stream *stream = streams->first; stream; stream = stream->next)
        if (stream->asleep) {
            stream->asleep = false;
            MHD_resume_connection(stream->connection);
        }
    pthread_mutex_unlock(&streams->lock);
}

void streams_stop(struct streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    streams->stopping = true;
    pthread_mutex_unlock(&streams->lock);
    streams_tick(streams);
}
