/* SPDX-License-Identifier: MIT */
#include "collect/service.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"

#define PENDING 1024u /* requests whose end is awaited, by id; a power of two */
#define PENDING_ERRORS 4u

/* A request whose records are still to come: exceptions first, then its end, then its parts. */
struct pending {
    uint64_t id;
    uint32_t errors[PENDING_ERRORS]; /* rows */
    uint32_t error_count;
    uint32_t row; /* of its route, once it ended */
    uint64_t duration_ns, end_ns;
};

struct service_member {
    struct collect *collect;
    struct service *service;
    struct service_member *next;
    const char *name; /* of its service, borrowed from the collect */
    uint32_t *rows;   /* by key: row + 1; 0: not looked up yet */
    struct pending *pending;
    bool is_known; /* gathered at least once */
    bool is_new;   /* its process began after the service did */
    bool is_out_of_memory;
    void (*see)(void *context, const struct agent_record *record);
    void *see_context;
};

struct service {
    struct service_row **rows; /* each stays where it is */
    uint32_t row_count, row_capacity;
    struct map row_of; /* hash of kind, group and texts -> row */
    struct service_member *members;
    uint64_t begin_ns, first_ns; /* of us; of the oldest process, or the last reset */
    uint64_t half_ns, before_ns; /* begin of the current half, of the one before */
    uint64_t refused;
};

/* ---- rows ---------------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return map_mix(hash);
}

static bool is_row(const struct service_row *row, const struct collect_key *key,
                   const char *service_name)
{
    return strcmp(row->service, service_name) == 0 && row->kind == key->kind &&
           row->group == key->group && row->is_other == key->is_other &&
           strcmp(row->name, key->name) == 0 && strcmp(row->detail, key->detail) == 0;
}

static void row_free(struct service_row *row)
{
    free(row->service);
    free(row->name);
    free(row->detail);
    free(row->summary);
    free(row->all);
    free(row->halves[0]);
    free(row->halves[1]);
    free(row);
}

static int make_row(struct service *service, const struct collect_key *key,
                    const char *service_name)
{
    if (service->row_count == service->row_capacity) {
        uint32_t capacity = service->row_capacity ? 2 * service->row_capacity : 64;
        struct service_row **rows = realloc(service->rows, capacity * sizeof *rows);
        if (!rows)
            return ERR_NO_MEMORY;
        service->rows = rows;
        service->row_capacity = capacity;
    }
    struct service_row *row = malloc(sizeof *row);
    if (!row)
        return ERR_NO_MEMORY;
    *row = (struct service_row){
        .service = strdup(service_name),
        .kind = key->kind,
        .group = key->group,
        .is_other = key->is_other,
        .name = strdup(key->name),
        .detail = strdup(key->detail),
        .summary = strdup(key->summary),
        .fingerprint = key->fingerprint,
        .all = calloc(1, sizeof *row->all),
    };
    if (!row->service || !row->name || !row->detail || !row->summary || !row->all) {
        row_free(row);
        return ERR_NO_MEMORY;
    }
    service->rows[service->row_count++] = row;
    return 0;
}

/* Index of the row, made when it is new; SERVICE_NO_ROW: full, or no memory. Texts that share a
 * hash lie in the next hashes. */
static uint32_t find_row(struct service *service, const struct collect_key *key,
                         const char *service_name)
{
    uint64_t hash = hash_text((uint64_t)key->kind << 32 | key->group, key->name);
    hash = hash_text(hash + key->is_other, key->detail);
    hash = hash_text(hash, service_name);
    for (;; hash++) {
        uint32_t index = map_get(&service->row_of, hash);
        if (index == MAP_NONE)
            break;
        if (is_row(service->rows[index], key, service_name))
            return index;
    }
    if (service->row_count == SERVICE_MAX_ROWS || make_row(service, key, service_name) < 0)
        return SERVICE_NO_ROW;
    if (map_set(&service->row_of, hash, service->row_count - 1) < 0) {
        row_free(service->rows[--service->row_count]);
        return SERVICE_NO_ROW;
    }
    return service->row_count - 1;
}

static uint32_t row_of_key(struct service_member *member, uint32_t key_index)
{
    struct collect_key key;
    if (member->rows[key_index])
        return member->rows[key_index] - 1;
    if (!collect_key(member->collect, key_index, &key))
        return SERVICE_NO_ROW;
    uint32_t row = find_row(member->service, &key, member->name);
    if (row != SERVICE_NO_ROW)
        member->rows[key_index] = row + 1;
    return row;
}

/* ---- sums ---------------------------------------------------------------------------------- */

static void add_change(struct service_sums *sums, const struct collect_change *change)
{
    sums->count += change->count;
    sums->errors += change->errors;
    sums->total_ns += change->total_ns;
    sums->rows += change->rows;
    sums->repeats += change->repeats;
    if (change->max_ns > sums->max_ns)
        sums->max_ns = change->max_ns;
    histogram_add_buckets(&sums->histogram, change->buckets, change->bucket_count);
}

static void see_change(void *context, const struct collect_change *change)
{
    struct service_member *member = context;
    struct service *service = member->service;
    uint32_t index = row_of_key(member, change->index);
    if (index == SERVICE_NO_ROW) {
        service->refused += change->count;
        return;
    }
    struct service_row *row = service->rows[index];
    add_change(row->all, change);
    if (change->key.last_ns > row->last_ns)
        row->last_ns = change->key.last_ns;
    if (!member->is_known && !member->is_new)
        return; /* the past of a process that was there before us */
    if (!row->halves[0])
        row->halves[0] = calloc(1, sizeof *row->halves[0]);
    if (row->halves[0])
        add_change(row->halves[0], change);
    else
        member->is_out_of_memory = true;
}

/* ---- records ------------------------------------------------------------------------------- */

static void add_caller(struct service_row *row, uint32_t caller)
{
    for (uint32_t i = 0; i < row->caller_count; i++)
        if (row->callers[i].row == caller) {
            row->callers[i].count++;
            return;
        }
    if (row->caller_count < SERVICE_CALLERS)
        row->callers[row->caller_count++] = (struct service_caller){caller, 1};
    else
        row->callers_missing++;
}

static struct pending *find_pending(struct service_member *member, uint64_t id)
{
    struct pending *pending = &member->pending[id & (PENDING - 1)];
    if (pending->id != id)
        *pending = (struct pending){.id = id, .row = SERVICE_NO_ROW};
    return pending;
}

static void see_error(struct service_member *member, const struct agent_record *record)
{
    uint32_t row = row_of_key(member, record->as.span.key);
    if (row == SERVICE_NO_ROW)
        return;
    if (record->request == 0) {
        add_caller(member->service->rows[row], SERVICE_NO_ROW);
        return;
    }
    struct pending *pending = find_pending(member, record->request);
    if (pending->error_count < PENDING_ERRORS)
        pending->errors[pending->error_count++] = row;
}

static void see_end(struct service_member *member, const struct agent_record *record)
{
    struct pending *pending = find_pending(member, record->request);
    pending->row = row_of_key(member, record->as.span.key);
    pending->duration_ns = record->as.span.duration_ns;
    pending->end_ns = record->as.span.start_ns + record->as.span.duration_ns;
    for (uint32_t i = 0; i < pending->error_count; i++)
        add_caller(member->service->rows[pending->errors[i]], pending->row);
    pending->error_count = 0;
}

/* A part that is saturated is not known: nothing takes an hour of a request. */
static uint64_t part_ns(uint32_t us)
{
    return us == AGENT_NONE ? 0 : UINT64_C(1000) * us;
}

static void add_parts(struct service_parts *sums, const struct agent_record *record,
                      uint64_t duration_ns)
{
    sums->requests++;
    sums->duration_ns += duration_ns;
    sums->queue_ns += part_ns(record->as.parts.queue_us);
    sums->cpu_ns += part_ns(record->as.parts.cpu_us);
    sums->cpu_duration_ns += record->as.parts.cpu_us == AGENT_NONE ? 0 : duration_ns;
    sums->database_ns += part_ns(record->as.parts.database_us);
    sums->outbound_ns += part_ns(record->as.parts.outbound_us);
    sums->cache_ns += part_ns(record->as.parts.cache_us);
    sums->template_ns += part_ns(record->as.parts.template_us);
    sums->gc_ns += part_ns(record->as.parts.gc_us);
    sums->loop_ns += part_ns(record->as.parts.loop_us);
    sums->gil_ns += part_ns(record->as.parts.gil_us);
    sums->gil_requests += record->as.parts.gil_us != AGENT_NONE;
    sums->statements += record->as.parts.statements;
    sums->outbound += record->as.parts.outbound;
    sums->repeated += record->as.parts.repeated >= AGENT_REPEATS_MIN;
}

static void see_repeated(struct service_member *member, const struct agent_record *record,
                         uint32_t route)
{
    uint32_t times = record->as.parts.repeated;
    if (times < AGENT_REPEATS_MIN || !record->as.parts.repeated_key)
        return;
    uint32_t index = row_of_key(member, record->as.parts.repeated_key);
    if (index == SERVICE_NO_ROW)
        return;
    struct service_row *row = member->service->rows[index];
    row->n_plus_one++;
    if (times > row->n_plus_one_most)
        row->n_plus_one_most = times;
    add_caller(row, route);
}

static void see_parts(struct service_member *member, const struct agent_record *record)
{
    struct pending *pending = find_pending(member, record->request);
    if (pending->row == SERVICE_NO_ROW)
        return;
    struct service_row *row = member->service->rows[pending->row];
    add_parts(&row->parts, record, pending->duration_ns);
    if (pending->end_ns >= member->service->begin_ns)
        add_parts(&row->part_halves[0], record, pending->duration_ns);
    see_repeated(member, record, pending->row);
    pending->row = SERVICE_NO_ROW;
}

static void see_record(void *context, const struct agent_record *record)
{
    struct service_member *member = context;
    if (record->kind == AGENT_RECORD_ERROR)
        see_error(member, record);
    else if (record->kind == AGENT_RECORD_REQUEST && record->request)
        see_end(member, record);
    else if (record->kind == AGENT_RECORD_PARTS && record->request)
        see_parts(member, record);
    if (member->see)
        member->see(member->see_context, record);
}

/* ---- members ------------------------------------------------------------------------------- */

int service_join(struct service *service, struct collect *collect, struct service_member **out)
{
    struct service_member *member = calloc(1, sizeof *member);
    if (!member)
        return ERR_NO_MEMORY;
    const struct collect_facts *facts = collect_facts(collect);
    member->collect = collect;
    member->service = service;
    member->name = collect_service(collect);
    member->rows = calloc(facts->keys_limit, sizeof *member->rows);
    member->pending = calloc(PENDING, sizeof *member->pending);
    if (!member->rows || !member->pending) {
        free(member->rows);
        free(member->pending);
        free(member);
        return ERR_NO_MEMORY;
    }
    member->is_new = facts->start_mono_ns >= service->begin_ns;
    if (facts->start_mono_ns < service->first_ns)
        service->first_ns = facts->start_mono_ns;
    member->next = service->members;
    service->members = member;
    *out = member;
    return 0;
}

void service_leave(struct service_member *member)
{
    if (!member)
        return;
    for (struct service_member **at = &member->service->members; *at; at = &(*at)->next)
        if (*at == member) {
            *at = member->next;
            break;
        }
    free(member->rows);
    free(member->pending);
    free(member);
}

int service_gather(struct service_member *member,
                   void (*see)(void *context, const struct agent_record *record), void *context)
{
    member->see = see;
    member->see_context = context;
    collect_drain(member->collect, see_record, member);
    int result = collect_changes(member->collect, see_change, member);
    member->is_known = true;
    return member->is_out_of_memory ? ERR_NO_MEMORY : result;
}

/* ---- time ---------------------------------------------------------------------------------- */

static void turn_half(struct service_row *row)
{
    struct service_sums *oldest = row->halves[1];
    row->halves[1] = row->halves[0];
    row->halves[0] = NULL;
    free(oldest);
    row->part_halves[1] = row->part_halves[0];
    row->part_halves[0] = (struct service_parts){0};
}

void service_advance(struct service *service, uint64_t mono_ns)
{
    if (mono_ns - service->half_ns < SERVICE_HALF_NS)
        return;
    for (uint32_t i = 0; i < service->row_count; i++)
        turn_half(service->rows[i]);
    service->before_ns = service->half_ns;
    service->half_ns = mono_ns;
}

void service_begin_now(struct service *service, uint64_t mono_ns)
{
    for (uint32_t i = 0; i < service->row_count; i++) {
        turn_half(service->rows[i]);
        turn_half(service->rows[i]);
    }
    service->half_ns = service->before_ns = mono_ns;
}

void service_reset(struct service *service, uint64_t mono_ns)
{
    service_begin_now(service, mono_ns);
    for (uint32_t i = 0; i < service->row_count; i++) {
        struct service_row *row = service->rows[i];
        *row->all = (struct service_sums){0};
        row->parts = (struct service_parts){0};
        row->caller_count = 0;
        row->callers_missing = row->n_plus_one = 0;
        row->n_plus_one_most = 0;
    }
    service->begin_ns = service->first_ns = mono_ns;
}

uint64_t service_elapsed_ns(const struct service *service, enum service_period period,
                            uint64_t mono_ns)
{
    uint64_t from = period == SERVICE_ALL ? service->first_ns : service->before_ns;
    return mono_ns > from ? mono_ns - from : 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void add_sums(struct service_sums *sums, const struct service_sums *other)
{
    sums->count += other->count;
    sums->errors += other->errors;
    sums->total_ns += other->total_ns;
    sums->rows += other->rows;
    sums->repeats += other->repeats;
    if (other->max_ns > sums->max_ns)
        sums->max_ns = other->max_ns;
    histogram_merge(&sums->histogram, &other->histogram);
}

void service_add_sums(const struct service_row *row, enum service_period period,
                      struct service_sums *out)
{
    if (period == SERVICE_ALL) {
        add_sums(out, row->all);
        return;
    }
    for (unsigned i = 0; i < 2; i++)
        if (row->halves[i])
            add_sums(out, row->halves[i]);
}

bool service_sums(const struct service_row *row, enum service_period period,
                  struct service_sums *out)
{
    *out = (struct service_sums){0};
    service_add_sums(row, period, out);
    return out->count > 0;
}

uint64_t service_parts_cpu_ns(const struct service_parts *parts)
{
    if (!parts->cpu_duration_ns)
        return 0;
    return (uint64_t)((double)parts->cpu_ns * (double)parts->duration_ns /
                      (double)parts->cpu_duration_ns);
}

static void merge_parts(struct service_parts *sums, const struct service_parts *other)
{
    sums->requests += other->requests;
    sums->duration_ns += other->duration_ns;
    sums->queue_ns += other->queue_ns;
    sums->cpu_ns += other->cpu_ns;
    sums->cpu_duration_ns += other->cpu_duration_ns;
    sums->database_ns += other->database_ns;
    sums->outbound_ns += other->outbound_ns;
    sums->cache_ns += other->cache_ns;
    sums->template_ns += other->template_ns;
    sums->gc_ns += other->gc_ns;
    sums->loop_ns += other->loop_ns;
    sums->gil_ns += other->gil_ns;
    sums->gil_requests += other->gil_requests;
    sums->statements += other->statements;
    sums->outbound += other->outbound;
    sums->repeated += other->repeated;
}

void service_add_parts(const struct service_row *row, enum service_period period,
                       struct service_parts *out)
{
    if (period == SERVICE_ALL)
        merge_parts(out, &row->parts);
    for (unsigned i = 0; i < 2 && period == SERVICE_NOW; i++)
        merge_parts(out, &row->part_halves[i]);
}

void service_parts(const struct service_row *row, enum service_period period,
                   struct service_parts *out)
{
    *out = (struct service_parts){0};
    service_add_parts(row, period, out);
}

uint32_t service_row_count(const struct service *service)
{
    return service->row_count;
}

const struct service_row *service_row(const struct service *service, uint32_t index)
{
    return service->rows[index];
}

uint64_t service_refused(const struct service *service)
{
    return service->refused;
}

/* ---- life ---------------------------------------------------------------------------------- */

int service_new(struct service **out)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service)
        return ERR_NO_MEMORY;
    map_init(&service->row_of);
    uint64_t now_ns = clock_mono_ns();
    service->begin_ns = service->first_ns = service->half_ns = service->before_ns = now_ns;
    *out = service;
    return 0;
}

void service_free(struct service *service)
{
    if (!service)
        return;
    while (service->members)
        service_leave(service->members);
    for (uint32_t i = 0; i < service->row_count; i++)
        row_free(service->rows[i]);
    free(service->rows);
    map_done(&service->row_of);
    free(service);
}
