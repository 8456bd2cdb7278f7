/* SPDX-License-Identifier: MIT */
/* The life of a request, in C; request_type.c is what Python sees of it.
 *
 * A root has a slot of its own and ends with three records; a user's span inside a request shares
 * its root's id and slot and ends with one. The Python object outlives the request wherever a
 * copied context still holds it; its magic number says whether the request lives.
 */
#include "agent/request.h"
#include "agent/context.h"
#include "agent/propagate.h"
#include "agent/region.h"

#include <string.h>
#include <time.h>

#define CPU_EVERY_NS UINT64_C(1000000)

PyTypeObject *request_type;
static __thread struct request *stepping; /* whose step this thread is in; compared only */

static uint64_t thread_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* The thread's clock is a system call, twice a request: more than all the rest of it together. So
 * at most a thousand requests a second are measured; of the others it is not known (AGENT_NONE),
 * and readers take the share that the measured ones show. */
static bool cpu_is_due(uint64_t now_ns)
{
    static uint64_t measured_ns;
    if (now_ns - __atomic_load_n(&measured_ns, __ATOMIC_RELAXED) < CPU_EVERY_NS)
        return false;
    __atomic_store_n(&measured_ns, now_ns, __ATOMIC_RELAXED);
    return true;
}

/* ---- begin ----------------------------------------------------------------------------------- */

static bool accept_parent(struct request *request, const struct request_start *start)
{
    struct propagate_parent parent;
    if (!start->traceparent ||
        !propagate_parse_parent(start->traceparent, start->traceparent_size, &parent))
        return false;
    request->trace_high = parent.trace_high;
    request->trace_low = parent.trace_low;
    request->remote_parent = request->parent = parent.span;
    request->flags |= AGENT_FLAG_REMOTE_PARENT | (parent.sampled ? AGENT_FLAG_SAMPLED : 0);
    char state[PROPAGATE_STATE_MAX];
    if (start->tracestate)
        request->state = core_string(
            state, propagate_copy_state(start->tracestate, start->tracestate_size, state));
    return true;
}

static void begin_trace(struct region *region, struct request *request,
                        const struct request_start *start)
{
    const struct request *outer = request->outer;
    if (accept_parent(request, start))
        return;
    if (outer && !start->alone) {
        request->trace_high = outer->trace_high;
        request->trace_low = outer->trace_low;
        request->parent = outer->span;
        request->state = outer->root->state;
        request->flags |= outer->root->flags & AGENT_FLAG_SAMPLED;
        return;
    }
    request->trace_high = region_id(region);
    request->trace_low = region_id(region);
    if (propagate_keep(request->trace_low, core_settings.sample_threshold))
        request->flags |= AGENT_FLAG_SAMPLED;
}

static void fill_slot(struct region *region, struct request *request)
{
    struct agent_slot *slot = &region->slots[request->head.slot];
    const size_t kept = offsetof(struct agent_slot, kind); /* the generation goes on */
    memset((char *)slot + kept, 0, sizeof *slot - kept);
    slot->kind = request->kind;
    slot->id = request->head.id;
    slot->trace_high = request->trace_high;
    slot->trace_low = request->trace_low;
    slot->span = request->span;
    slot->remote_parent = request->remote_parent;
    slot->start_ns = request->start_ns;
    slot->route = request->head.route;
    slot->method = request->method;
    slot->thread = context_thread(region->generation);
    slot->flags = request->flags;
    slot->queue_ns = request->queue_ns;
    region_slot_publish(region, request->head.slot);
}

static void begin_root(struct region *region, struct request *request,
                       const struct request_start *start)
{
    request->root = request;
    request->flags = start->async ? AGENT_FLAG_ASYNC : 0;
    if (start->queued_since_ns && start->queued_since_ns < request->start_ns)
        request->queue_ns = request->start_ns - start->queued_since_ns;
    begin_trace(region, request, start);
    request->head.id = region_request(region);
    request->head.slot = region_slot_take(region);
    if (request->head.slot != AGENT_NONE)
        fill_slot(region, request);
    if (request->kind != AGENT_KIND_USER && !start->async && cpu_is_due(request->start_ns)) {
        request->cpu_start_ns = thread_cpu_ns();
        request->cpu_thread = context_thread(region->generation);
    }
}

static void begin_span(struct request *request, const struct request *around)
{
    request->root = around->root;
    request->parent = around->span;
    request->trace_high = around->trace_high;
    request->trace_low = around->trace_low;
    request->head.id = around->head.id;
    request->head.slot = around->head.slot;
}

static struct request *request_new(void)
{
    struct pending pending;
    pending_save(&pending);
    struct request *request = PyObject_New(struct request, request_type);
    pending_restore(&pending);
    if (request) {
        const size_t head = offsetof(struct request, head);
        memset((char *)request + head, 0, sizeof *request - head);
    }
    return request;
}

struct request *request_begin(const struct request_start *start)
{
    struct region *region = core_enabled ? region_get() : NULL;
    struct request *request = region ? request_new() : NULL;
    if (!request)
        return NULL;
    request->outer = context_take(region->generation);
    request->head.outer = (uintptr_t)request->outer;
    request->generation = region->generation;
    request->kind = start->kind;
    request->head.route = start->route;
    request->method = start->method;
    request->span = region_id(region);
    request->start_ns = core_now_ns();
    if (start->kind == AGENT_KIND_USER && request->outer)
        begin_span(request, request->outer);
    else
        begin_root(region, request, start);
    request->live = true;
    __atomic_store_n(&request->head.magic, AGENT_REQUEST_MAGIC, __ATOMIC_RELEASE);
    if (!context_set(request)) { /* out of memory: as if it had not been */
        if (request->root == request && request->head.slot != AGENT_NONE)
            region_slot_free(region, request->head.slot);
        request->live = false;
        Py_DECREF((PyObject *)request);
        return NULL;
    }
    return request;
}

void request_route(struct request *request, uint32_t route)
{
    if (!request_alive(request))
        return;
    request->head.route = route;
    if (request->root == request && request->head.slot != AGENT_NONE)
        region_get()->slots[request->head.slot].route = route;
}

void request_traceparent(const struct request *request, char out[56])
{
    const struct propagate_parent here = {
        .trace_high = request->trace_high,
        .trace_low = request->trace_low,
        .span = request->span,
        .sampled = request->root->flags & AGENT_FLAG_SAMPLED,
    };
    propagate_format_parent(&here, out);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* Whether the request has counted this very exception last. Objects at one address may follow each
 * other, so type and place have a say, too. */
static bool is_counted(struct request *root, PyObject *exception, struct error error)
{
    uint64_t which = (uint64_t)(uintptr_t)exception ^ ((uint64_t)error.type << 48) ^
                     (uint64_t)error.place * UINT64_C(0x9e3779b97f4a7c15);
    bool counted = root->error == which;
    root->error = which;
    return counted;
}

static void record_error(struct region *region, const struct request *request, uint32_t key,
                         uint32_t message, bool handled)
{
    uint64_t now_ns = core_now_ns();
    bool first = region_count(region, key, now_ns, 0, !handled);
    struct agent_record record = {
        .kind = AGENT_RECORD_ERROR,
        .about = AGENT_KIND_EXCEPTION,
        .flags = (uint16_t)((handled ? 0 : AGENT_FLAG_ERROR) | (first ? AGENT_FLAG_FIRST : 0)),
        .request = request ? request->head.id : 0,
        .as.span = {.start_ns = now_ns,
                    .span = region_id(region),
                    .parent = request ? request->span : 0,
                    .key = key,
                    .thread = context_thread(region->generation),
                    .status = message,
                    .rows = AGENT_NONE},
    };
    region_append(region, &record);
}

void request_error(struct request *request, PyObject *exception, bool handled)
{
    struct region *region = core_enabled ? region_get() : NULL;
    if (!region || !exception || (request && !request_alive(request)))
        return;
    struct error error = error_of(exception);
    if (request && !handled)
        request->flags |= AGENT_FLAG_ERROR;
    if (request && is_counted(request->root, exception, error))
        return;
    uint32_t key = core_key(AGENT_KIND_EXCEPTION, error.type, error.place, handled);
    record_error(region, request, key, error_message(exception), handled);
}

/* ---- end ------------------------------------------------------------------------------------- */

static uint32_t microseconds(uint64_t ns)
{
    uint64_t us = ns / 1000;
    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* Not known when it was not measured, or when another thread than the one that began it ends it (a
 * response kept alive elsewhere): that one's clock says nothing about this request. */
static uint32_t cpu_us(const struct request *request)
{
    if (request->flags & AGENT_FLAG_ASYNC)
        return microseconds(request->step_ns);
    if (!request->cpu_start_ns || request->cpu_thread != context_thread(request->generation))
        return AGENT_NONE;
    return microseconds(thread_cpu_ns() - request->cpu_start_ns);
}

static uint16_t few(uint32_t count)
{
    return count > UINT16_MAX ? UINT16_MAX : (uint16_t)count;
}

/* Which statement ran most often, into `parts` and the flags. */
static void find_repeated(struct region *region, struct request *request,
                          struct agent_record *parts)
{
    if (request->head.slot == AGENT_NONE)
        return;
    const struct agent_slot *slot = &region->slots[request->head.slot];
    for (int at = 0; at < 8; at++)
        if (slot->repeats[at].count > 1 && slot->repeats[at].count > parts->as.parts.repeated) {
            parts->as.parts.repeated = slot->repeats[at].count;
            parts->as.parts.repeated_key = slot->repeats[at].key;
        }
    if (parts->as.parts.repeated >= AGENT_REPEATS_MIN)
        request->flags |= AGENT_FLAG_REPEATED;
}

static struct agent_record parts_of(struct region *region, struct request *request)
{
    struct agent_record record = {
        .kind = AGENT_RECORD_PARTS,
        .about = (uint8_t)request->kind,
        .request = request->head.id,
        .as.parts = {.queue_us = microseconds(request->queue_ns),
                     .cpu_us = cpu_us(request),
                     .database_us = microseconds(request->database_ns),
                     .outbound_us = microseconds(request->outbound_ns),
                     .cache_us = microseconds(request->cache_ns),
                     .template_us = microseconds(request->template_ns),
                     .gc_us = microseconds(request->gc_ns),
                     .loop_us = microseconds(request->loop_ns),
                     .gil_us = AGENT_NONE,
                     .statements = few(request->statements),
                     .outbound = few(request->outbound)},
    };
    find_repeated(region, request, &record);
    record.flags = (uint16_t)request->flags;
    return record;
}

static struct agent_record trace_of(const struct request *request)
{
    return (struct agent_record){
        .kind = AGENT_RECORD_TRACE,
        .about = (uint8_t)request->kind,
        .flags = (uint16_t)request->flags,
        .request = request->head.id,
        .as.trace = {.trace_high = request->trace_high,
                     .trace_low = request->trace_low,
                     .remote_parent = request->remote_parent,
                     .state = request->state},
    };
}

static struct agent_record span_of(struct region *region, const struct request *request,
                                   uint64_t end_ns)
{
    uint32_t group = request->kind == AGENT_KIND_REQUEST ? request->status / 100 : 0;
    uint32_t key = core_key(request->kind, request->head.route, request->method, group);
    uint64_t duration_ns = end_ns - request->start_ns;
    bool error = request->flags & AGENT_FLAG_ERROR;
    bool first = region_count(region, key, end_ns, duration_ns, error);
    return (struct agent_record){
        .kind = request->root == request ? AGENT_RECORD_REQUEST : AGENT_RECORD_SPAN,
        .about = (uint8_t)request->kind,
        .flags = (uint16_t)(request->flags | (first ? AGENT_FLAG_FIRST : 0)),
        .request = request->head.id,
        .as.span = {.start_ns = request->start_ns,
                    .duration_ns = duration_ns,
                    .span = request->span,
                    .parent = request->parent,
                    .key = key,
                    .thread = context_thread(region->generation),
                    .status = request->status,
                    .rows = AGENT_NONE},
    };
}

static void count_queue(struct region *region, const struct request *request, uint64_t end_ns)
{
    if (request->queue_ns)
        region_count(region, core_key(AGENT_KIND_QUEUE, request->head.route, 0, 0), end_ns,
                     request->queue_ns, false);
}

static void end_root(struct region *region, struct request *request, uint64_t end_ns)
{
    if (request->status >= 500)
        request->flags |= AGENT_FLAG_ERROR;
    struct agent_record parts = parts_of(region, request);
    struct agent_record span = span_of(region, request, end_ns);
    struct agent_record trace = trace_of(request);
    count_queue(region, request, end_ns);
    region_append(region, &span);
    region_append(region, &parts);
    region_append(region, &trace);
    if (request->head.slot != AGENT_NONE)
        region_slot_free(region, request->head.slot);
}

void request_end(struct request *request)
{
    if (!request->live)
        return;
    struct region *region = region_get();
    if (region && region->generation == request->generation) {
        uint64_t end_ns = request->end_ns ? request->end_ns : core_now_ns();
        if (request->root == request) {
            end_root(region, request, end_ns);
        } else if (request->root->live) {
            struct agent_record span = span_of(region, request, end_ns);
            region_append(region, &span);
        }
    }
    request->live = false;
    if (request->root == request) /* a part of it shows the request that goes on */
        __atomic_store_n(&request->head.magic, 0, __ATOMIC_RELEASE);
}

/* ---- steps of coroutines --------------------------------------------------------------------- */

void step_begin(struct step *step, struct request *request)
{
    struct request *root = request && request_alive(request) ? request->root : NULL;
    step->start_ns = 0;
    step->request = NULL;
    step->around = stepping;
    if (!root || root == stepping)
        return;
    Py_INCREF((PyObject *)root);
    step->request = root;
    step->start_ns = core_now_ns();
    stepping = root;
}

void step_end(struct step *step)
{
    if (!step->request)
        return;
    struct request *root = step->request;
    uint64_t spent_ns = core_now_ns() - step->start_ns;
    root->step_ns += spent_ns;
    struct region *region = region_get();
    if (root->head.slot != AGENT_NONE && request_alive(root))
        region->slots[root->head.slot].cpu_ns = root->step_ns;
    stepping = step->around;
    Py_DECREF((PyObject *)root);
}
