/* SPDX-License-Identifier: MIT */
/* watched.c - looks at one process, most of which find that it has not run.
 *
 * A process's own CPU clock tells in one system call, for all its threads, whether any of them has
 * run since the look before. If none has, nothing about it can have changed: no stack, no list of
 * threads. So a look at a process that waits costs 1 us instead of 5 for each of its threads, and
 * what its threads were seen in is added later, for as long as it lasted.
 *
 * The same clock says what samples stand for. Those of a round share the CPU time that the process
 * has used and that no sample stands for yet, each at most the time since the look before. So the
 * sums are CPU time as the kernel counts it, also where many threads wait for few processors;
 * a thread that was about to run, in a process that has not, is not on a CPU.
 */
#include "daemon/watched.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "collect/collect.h"
#include "sampler/requests.h"

#define LABEL_NONE 0u
#define LABEL_UNKNOWN 1u
#define LABEL_OTHER 2u
#define LABEL_LATER UINT32_MAX
#define LABELS_MAX_BYTES ((size_t)1 << 20)
#define ROUND_NS UINT64_C(10000000000) /* one at least so often */
#define POOL_MAX_NS UINT64_C(1000000000)

/* ---- life ---------------------------------------------------------------------------------- */

static void add_label(struct watched *watched, const char *text)
{
    buf_add(&watched->labels, text, strlen(text) + 1);
    watched->label_count++;
}

static bool read_clock(const struct watched *watched, uint64_t *cpu_ns)
{
    struct timespec time;
    if (clock_gettime(watched->clock, &time) != 0)
        return false;
    *cpu_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    return true;
}

int watched_new(struct target *target, struct book *book, bool wall, struct watched **out,
                struct err *err)
{
    struct watched *watched = calloc(1, sizeof *watched);
    if (!watched) {
        target_close(target);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    struct process_options options = {
        .idle = wall, .requests = true, .code = {.line = CODE_LINE_CURRENT}};
    int result = process_new(target, book->profile, &options, &watched->process, err);
    if (result < 0) {
        target_close(target);
        free(watched);
        return result;
    }
    watched->book = book_ref(book);
    watched->wall_wanted = wall;
    watched->last_ns = clock_mono_ns();
    watched->has_clock = clock_getcpuclockid(book->pid, &watched->clock) == 0 &&
                         read_clock(watched, &watched->clock_ns);
    map_init(&watched->label_index);
    buf_init(&watched->labels, LABELS_MAX_BYTES);
    add_label(watched, "");
    add_label(watched, "(request not known)");
    add_label(watched, "(other endpoints)");
    *out = watched;
    return 0;
}

void watched_free(struct watched *watched)
{
    if (!watched)
        return;
    process_free(watched->process);
    book_unref(watched->book);
    tally_done(&watched->cpu);
    tally_done(&watched->wall);
    map_done(&watched->label_index);
    buf_done(&watched->labels);
    free(watched->seen);
    free(watched->late);
    free(watched->trail);
    free(watched);
}

/* ---- endpoints ----------------------------------------------------------------------------- */

static uint32_t label_of(struct watched *watched, struct collect *agent,
                         const struct collect_request *request)
{
    uint64_t key = (uint64_t)request->kind << 58 ^ (uint64_t)request->route << 29 ^ request->method;
    uint32_t label = map_get(&watched->label_index, key);
    if (label != MAP_NONE)
        return label;
    char text[REQUESTS_LABEL_MAX];
    label = watched->label_count;
    if (label >= TALLY_MAX_LABELS || map_set(&watched->label_index, key, label) < 0)
        return LABEL_OTHER;
    add_label(watched, requests_label(agent, request, text));
    if (!buf_failed(&watched->labels))
        return label;
    map_set(&watched->label_index, key, LABEL_OTHER);
    return LABEL_OTHER;
}

/* The endpoint of a request, or LABEL_LATER while its route is not known. */
static uint32_t endpoint_of(struct watched *watched, struct collect *agent, uint64_t id,
                            uint32_t slot, bool is_last_try)
{
    struct collect_request request;
    if (!agent || id == 0)
        return LABEL_NONE;
    if (id == PROCESS_REQUEST_UNKNOWN || !collect_find(agent, id, slot, &request))
        return LABEL_UNKNOWN;
    bool is_named = request.route || !request.in_flight || is_last_try;
    return is_named ? label_of(watched, agent, &request) : LABEL_LATER;
}

/* ---- samples ------------------------------------------------------------------------------- */

static void count(struct watched *watched, uint32_t label, const struct watched_sample *sample)
{
    struct tally_row row = {.label = label,
                            .thread = sample->thread,
                            .node = sample->node,
                            .count = sample->count,
                            .weight_ns = sample->weight_ns};
    if (!sample->is_idle) {
        watched->cpu_ns += sample->weight_ns;
        watched->dropped += tally_add(&watched->cpu, &row) < 0;
    } else {
        watched->dropped += tally_add(&watched->wall, &row) < 0;
    }
}

static bool put_off(struct watched *watched, const struct watched_sample *sample)
{
    if (!watched->late)
        watched->late = malloc(WATCHED_MAX_LATE * sizeof *watched->late);
    if (!watched->late || watched->late_count == WATCHED_MAX_LATE)
        return false;
    watched->late[watched->late_count++] = *sample;
    return true;
}

/* Counts it, now or when its route is known. */
static void settle(struct watched *watched, const struct watched_sample *sample)
{
    struct collect *agent = process_agent(watched->process);
    uint32_t label = endpoint_of(watched, agent, sample->request, sample->slot, false);
    if (label == LABEL_LATER && put_off(watched, sample))
        return;
    if (label == LABEL_LATER)
        label = endpoint_of(watched, agent, sample->request, sample->slot, true);
    count(watched, label, sample);
}

static void settle_late(struct watched *watched, bool is_last_try)
{
    struct collect *agent = process_agent(watched->process);
    uint32_t left = 0;
    for (uint32_t i = 0; i < watched->late_count; i++) {
        struct watched_sample *sample = &watched->late[i];
        uint32_t label = endpoint_of(watched, agent, sample->request, sample->slot, is_last_try);
        if (label == LABEL_LATER)
            watched->late[left++] = *sample;
        else
            count(watched, label, sample);
    }
    watched->late_count = left;
}

/* For the trace that the request may become. */
static void note_trail(struct watched *watched, const struct process_sighting *sighting)
{
    if (!watched->trail)
        watched->trail = malloc(WATCHED_MAX_TRAIL * sizeof *watched->trail);
    if (!watched->trail || watched->trail_count == WATCHED_MAX_TRAIL)
        return;
    watched->trail[watched->trail_count++] = (struct request_sample){
        .request = sighting->request,
        .mono_ns = sighting->mono_ns,
        .duration_ns = watched->elapsed_ns,
        .node = sighting->node,
    };
}

static bool fit_seen(struct watched *watched)
{
    if (watched->seen_count < watched->seen_capacity)
        return true;
    uint32_t capacity = watched->seen_capacity ? watched->seen_capacity * 2 : 8;
    struct watched_sample *moved = realloc(watched->seen, capacity * sizeof *moved);
    if (!moved)
        return false;
    watched->seen = moved;
    watched->seen_capacity = capacity;
    return true;
}

static void see(void *context, const struct process_sighting *sighting)
{
    struct watched *watched = context;
    if (!fit_seen(watched)) {
        watched->dropped++;
        return;
    }
    watched->seen[watched->seen_count++] = (struct watched_sample){
        .request = sighting->request,
        .slot = sighting->request_slot,
        .thread = sighting->thread,
        .node = sighting->node,
        .is_idle = sighting->idle,
    };
    if (sighting->agent && sighting->request && sighting->request != PROCESS_REQUEST_UNKNOWN &&
        !sighting->idle)
        note_trail(watched, sighting);
}

/* ---- looks --------------------------------------------------------------------------------- */

/* Threads that run: CPU time, and wall time as all others. */
static void count_round(struct watched *watched)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < watched->seen_count; i++)
        running += !watched->seen[i].is_idle;
    uint64_t share_ns = running ? watched->pool_ns / running : 0;
    if (share_ns > watched->elapsed_ns || !watched->has_clock)
        share_ns = watched->elapsed_ns;
    for (uint32_t i = 0; i < watched->seen_count; i++) {
        struct watched_sample sample = watched->seen[i];
        sample.count = 1;
        sample.weight_ns = share_ns;
        if (!sample.is_idle && share_ns) {
            watched->pool_ns -= share_ns < watched->pool_ns ? share_ns : watched->pool_ns;
            settle(watched, &sample);
        }
        sample.is_idle = true;
        sample.weight_ns = watched->elapsed_ns;
        if (watched->wall_wanted)
            settle(watched, &sample);
    }
}

/* The looks since the last round, at which nothing had changed. */
static void count_quiet(struct watched *watched)
{
    for (uint32_t i = 0; i < watched->seen_count && watched->wall_wanted; i++) {
        struct watched_sample sample = watched->seen[i];
        sample.is_idle = true;
        sample.count = watched->quiet_looks;
        sample.weight_ns = watched->quiet_ns;
        if (sample.count)
            settle(watched, &sample);
    }
    watched->quiet_looks = 0;
    watched->quiet_ns = 0;
}

/* Has any of its threads run since the look before? */
static bool has_run(struct watched *watched)
{
    uint64_t cpu_ns;
    if (!watched->has_clock || !read_clock(watched, &cpu_ns))
        return true; /* the round tells why */
    uint64_t used_ns = cpu_ns > watched->clock_ns ? cpu_ns - watched->clock_ns : 0;
    watched->clock_ns = cpu_ns;
    watched->pool_ns += used_ns;
    if (watched->pool_ns > POOL_MAX_NS) /* threads that are none of Python's */
        watched->pool_ns = POOL_MAX_NS;
    return used_ns > 0;
}

static int look_closely(struct watched *watched, uint64_t mono_ns)
{
    if (pthread_mutex_trylock(&watched->book->lock) != 0)
        return ERR_TORN;
    count_quiet(watched);
    watched->seen_count = 0;
    watched->has_run = false;
    watched->round_ns = mono_ns;
    watched->last_ns = mono_ns;
    int result = process_round(watched->process, mono_ns, see, watched);
    count_round(watched);
    pthread_mutex_unlock(&watched->book->lock);
    return result < 0 ? result : 0;
}

int watched_look(struct watched *watched, uint64_t mono_ns)
{
    uint64_t longest_ns = WATCHED_STALL_PERIODS * UINT64_C(1000000000) / watched->rate_hz;
    watched->elapsed_ns = mono_ns - watched->last_ns;
    if (watched->elapsed_ns > longest_ns)
        watched->elapsed_ns = longest_ns;
    watched->has_run |= has_run(watched);
    if (watched->has_run || mono_ns - watched->round_ns >= ROUND_NS)
        return look_closely(watched, mono_ns);
    watched->last_ns = mono_ns;
    watched->quiet_looks++;
    watched->quiet_ns += watched->elapsed_ns;
    return 0;
}

void watched_drain(struct watched *watched)
{
    process_drain(watched->process);
    if (watched->late_count)
        settle_late(watched, false);
}

/* ---- letters ------------------------------------------------------------------------------- */

static struct profile_stats stats_since(const struct profile_stats *now,
                                        const struct profile_stats *before)
{
    return (struct profile_stats){
        .samples = now->samples - before->samples,
        .exact = now->exact - before->exact,
        .partial = now->partial - before->partial,
        .lost = now->lost - before->lost,
        .errors = now->errors - before->errors,
        .reads = now->reads - before->reads,
    };
}

static bool copy_labels(const struct watched *watched, struct letter *letter)
{
    letter->labels = malloc(watched->labels.size);
    if (!letter->labels)
        return false;
    memcpy(letter->labels, watched->labels.data, watched->labels.size);
    letter->label_count = watched->label_count;
    return true;
}

struct letter *watched_window(struct watched *watched, uint64_t at_ns)
{
    count_quiet(watched);
    settle_late(watched, true);
    if (!watched->cpu.count && !watched->wall.count)
        return NULL;
    struct letter *letter = letter_new(LETTER_WINDOW, watched->book, at_ns);
    if (!letter || !copy_labels(watched, letter)) {
        letter_free(letter);
        watched->dropped += watched->cpu.count;
        tally_done(&watched->cpu);
        tally_done(&watched->wall);
        return NULL;
    }
    letter->cpu = tally_take(&watched->cpu, &letter->cpu_count);
    letter->wall = tally_take(&watched->wall, &letter->wall_count);
    letter->rate_hz = watched->rate_hz;
    const struct profile_stats *now = &watched->book->profile->stats; /* only we write it */
    letter->stats = stats_since(now, &watched->told);
    watched->told = *now;
    return letter;
}

struct letter *watched_samples(struct watched *watched)
{
    if (!watched->trail_count)
        return NULL;
    struct letter *letter = letter_new(LETTER_SAMPLES, watched->book, 0);
    if (!letter)
        return NULL;
    letter->samples = watched->trail;
    letter->sample_count = watched->trail_count;
    watched->trail = NULL;
    watched->trail_count = 0;
    return letter;
}
