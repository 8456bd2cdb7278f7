/* SPDX-License-Identifier: MIT */
/* process.c - a round over one process.
 *
 *   refresh   list interpreters and thread states when something says they changed
 *   choose    ask the kernel which threads run (watch.c); in GIL mode ask the interpreter who holds
 * it read      one gather for all chosen threads, repeated for those that were torn or missed
 *   accept    stacks become nodes (watch.c), nodes are handed to the caller
 *   check     code objects on the stacks that are due for a second look
 */
#include "sampler/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "sampler/freeze.h"
#include "sampler/process_inside.h"

#define TRIES_MAX 8u            /* readings of one thread in a round, torn or missed */
#define RETRY_PAUSE_READINGS 2u /* how long a pause may be before the next reading */
#define REFRESH_NS 1000000000u
#define REFRESH_AGAIN_NS 20000000u /* after a list that made no sense */
#define REFRESH_SOONEST_NS 2000000u
#define NAMES_AT_ONCE 64u

struct target *process_target(struct process *process)
{
    return process->target;
}

uint32_t process_thread_count(const struct process *process)
{
    return process->watch_count;
}

uint64_t process_stopped_ns(const struct process *process)
{
    return process->stopped_ns;
}

struct collect *process_agent(struct process *process)
{
    return process->join ? join_agent(process->join) : NULL;
}

void process_drain(struct process *process)
{
    if (process->join)
        join_drain(process->join);
}

/* ---- life ---------------------------------------------------------------------------------- */

static uint32_t root_node(struct process *process)
{
    char label[320];
    const char *command = process->target->command;
    snprintf(label, sizeof label, "process %d: %s", (int)process->target->pid, command);
    struct profile_frame frame = {.name = profile_cstring(process->profile, label),
                                  .kind = FRAME_PROCESS};
    return profile_node(process->profile, 0, profile_frame(process->profile, &frame));
}

int process_new(struct target *target, struct profile *profile,
                const struct process_options *options, struct process **out, struct err *err)
{
    struct process *process = calloc(1, sizeof *process);
    if (!process)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    process->codes = code_new(target, profile, &options->code);
    process->join = options->requests ? join_new(target) : NULL;
    if (!process->codes || (options->requests && !process->join)) {
        code_free(process->codes);
        join_free(process->join);
        free(process);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    process->target = target;
    process->profile = profile;
    process->options = *options;
    runtime_init(&process->runtime);
    gather_init(&process->gather);
    thread_names_init(&process->names);
    process->process_root = options->process_root ? root_node(process) : 0;
    process->refresh_wanted = true;
    process->random = clock_mono_ns() | 1;
    *out = process;
    return 0;
}

void process_free(struct process *process)
{
    if (!process)
        return;
    for (uint32_t i = 0; i < process->watch_count; i++) {
        watch_done(process->watches[i]);
        free(process->watches[i]);
    }
    free(process->watches);
    free(process->pending);
    free(process->interps);
    free(process->heads_seen);
    free(process->collecting);
    free(process->holders);
    runtime_done(&process->runtime);
    gather_done(&process->gather);
    thread_names_done(&process->names);
    code_free(process->codes);
    join_free(process->join);
    target_close(process->target);
    free(process);
}

/* ---- refresh ------------------------------------------------------------------------------- */

static int grow_array(void *array, size_t count, size_t element)
{
    void **pointer = array;
    void *moved = realloc(*pointer, count * element);
    if (!moved)
        return ERR_NO_MEMORY;
    *pointer = moved;
    return 0;
}

static int reserve(struct process *process, uint32_t threads, uint32_t interps)
{
    int result = 0;
    if (threads > process->watch_capacity) {
        result = grow_array(&process->watches, threads * 2, sizeof(struct watch *));
        if (result == 0)
            result = grow_array(&process->pending, threads * 2, sizeof(uint32_t));
        if (result == 0)
            process->watch_capacity = threads * 2;
    }
    if (result == 0 && interps > process->interp_capacity) {
        result = grow_array(&process->interps, interps, sizeof(struct interp_pieces));
        if (result == 0)
            result = grow_array(&process->heads_seen, interps, sizeof(uint64_t));
        if (result == 0)
            result = grow_array(&process->collecting, interps, sizeof(bool));
        if (result == 0)
            result = grow_array(&process->holders, interps, sizeof(uint64_t));
        if (result == 0)
            process->interp_capacity = interps;
    }
    return result;
}

static void name_thread(struct process *process, struct watch *watch)
{
    struct profile *profile = process->profile;
    char comm[16] = "";
    const char *name = thread_names_find(&process->names, watch->stack.head.thread_id);
    if (!name && watch->tid)
        task_name(process->target->pid, watch->tid, comm);
    if (!name)
        name = comm;
    struct profile_thread thread = {
        .pid = process->target->pid,
        .tid = watch->tid,
        .name = profile_cstring(profile, name),
        .process = profile_cstring(profile, process->target->command),
    };
    watch->thread = profile_thread(profile, &thread);
    watch->root = process->process_root;
    if (!process->options.thread_roots)
        return;
    char label[THREAD_NAME_MAX + 32];
    snprintf(label, sizeof label, "thread %d: %s", (int)watch->tid, name);
    struct profile_frame frame = {.name = profile_cstring(profile, label), .kind = FRAME_THREAD};
    watch->root = profile_node(profile, watch->root, profile_frame(profile, &frame));
}

/* The names of threads that are new. Thread churn must not turn into reading all names all the
 * time. */
static void name_threads(struct process *process)
{
    uint64_t fresh[NAMES_AT_ONCE];
    size_t count = 0;
    for (uint32_t i = 0; i < process->watch_count && count < NAMES_AT_ONCE; i++)
        if (process->watches[i]->thread == PROFILE_NONE)
            fresh[count++] = process->watches[i]->stack.head.thread_id;
    thread_names_load_some(process->target, &process->names, fresh, (uint32_t)count);
    for (uint32_t i = 0; i < process->watch_count; i++)
        if (process->watches[i]->thread == PROFILE_NONE)
            name_thread(process, process->watches[i]);
}

static struct watch *open_watch(struct process *process, const struct runtime_thread *thread)
{
    struct watch *watch = malloc(sizeof *watch);
    if (!watch)
        return NULL;
    watch_init(watch, &process->target->abi, thread->tstate);
    watch->stack.head.thread_id = thread->thread_id;
    watch->stack.head.native_thread_id = thread->native_thread_id;
    watch->tid = target_host_tid(process->target, thread->thread_id, thread->native_thread_id);
    if (watch->tid > 0)
        watch->has_task = task_open(&watch->task, process->target->pid, watch->tid) == 0;
    return watch;
}

struct watch *process_visit(struct process *process, const struct runtime_thread *thread, pid_t tid)
{
    if (process->watch_count >= RUNTIME_MAX_THREADS || !process->interp_capacity ||
        reserve(process, process->watch_count + 1, 1) < 0)
        return NULL;
    struct watch *watch = malloc(sizeof *watch);
    if (!watch)
        return NULL;
    watch_init(watch, &process->target->abi, thread->tstate);
    watch->stack.head.thread_id = thread->thread_id;
    watch->tid = tid;
    name_thread(process, watch);
    process->watches[process->watch_count++] = watch;
    process->refresh_wanted = true;
    return watch;
}

static bool is_same_thread(const struct watch *watch, const struct runtime_thread *thread)
{
    return watch->stack.tstate == thread->tstate && watch->state != WATCH_GONE &&
           watch->stack.head.thread_id == thread->thread_id &&
           watch->stack.head.native_thread_id == thread->native_thread_id;
}

/* The watch of a listed thread among the first `count`, taken out of the old list; NULL: new. */
static struct watch *take_watch(struct watch **old, uint32_t count,
                                const struct runtime_thread *thread)
{
    for (uint32_t i = 0; i < count; i++) {
        struct watch *watch = old[i];
        if (watch && is_same_thread(watch, thread)) {
            old[i] = NULL;
            return watch;
        }
    }
    return NULL;
}

static void mark_shared_tids(struct process *process)
{
    for (uint32_t i = 0; i < process->watch_count; i++) {
        struct watch *watch = process->watches[i];
        watch->shares_tid = false;
        for (uint32_t j = 0; process->runtime.interp_count > 1 && j < process->watch_count; j++)
            if (j != i && watch->tid && process->watches[j]->tid == watch->tid)
                watch->shares_tid = true;
    }
}

int process_refresh(struct process *process, uint64_t mono_ns)
{
    int listed = runtime_list(&process->runtime, process->target);
    if (listed == ERR_FAULT) /* not even the list's head is there: it has become another program */
        return ERR_GONE;
    if (listed == ERR_GONE || listed == ERR_DENIED || listed == ERR_NO_MEMORY)
        return listed;
    const struct runtime *runtime = &process->runtime;
    bool is_whole = listed == 0 && runtime->thread_count > 0;
    process->refresh_wanted = false;
    process->refresh_soonest_ns = mono_ns + REFRESH_SOONEST_NS;
    process->refresh_ns = mono_ns + (is_whole ? REFRESH_NS : REFRESH_AGAIN_NS);
    struct watch **old = process->watches;
    uint32_t old_count = process->watch_count;
    process->watches = NULL;
    process->watch_count = 0;
    process->watch_capacity = 0;
    uint32_t fresh = 0;
    int result = reserve(process, runtime->thread_count + 1, runtime->interp_count + 1);
    for (uint32_t i = 0; result == 0 && i < runtime->thread_count; i++) {
        struct watch *watch = take_watch(old, old_count, &runtime->threads[i]);
        if (!watch)
            watch = open_watch(process, &runtime->threads[i]);
        if (!watch)
            continue;
        if (watch->thread == PROFILE_NONE)
            fresh++;
        watch->interp = runtime->threads[i].interp;
        process->watches[process->watch_count++] = watch;
    }
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i]) {
            watch_done(old[i]);
            free(old[i]);
        }
    free(old);
    for (uint32_t i = 0; result == 0 && i < runtime->interp_count; i++)
        process->heads_seen[i] = runtime->interps[i].threads_head;
    if (fresh)
        name_threads(process);
    mark_shared_tids(process);
    return result;
}

/* ---- what the interpreters say ------------------------------------------------------------- */

static uint32_t piece_at(struct gather *gather, uint64_t base, int32_t offset, uint32_t size)
{
    return base && offset != PYABI_NONE ? gather_add(gather, base + (uint64_t)offset, size)
                                        : GATHER_NONE;
}

static void add_interp_pieces(struct process *process)
{
    struct gather *gather = &process->gather;
    const struct target *target = process->target;
    const struct pyabi *abi = &target->abi;
    process->current_piece = piece_at(gather, target->tstate_current_slot.value, 0, 8);
    process->old_collecting_piece =
        piece_at(gather, target->runtime.value, abi->runtime.gc_collecting, 4);
    for (uint32_t i = 0; i < process->runtime.interp_count; i++) {
        const struct runtime_interp *interp = &process->runtime.interps[i];
        struct interp_pieces *pieces = &process->interps[i];
        pieces->threads_head = piece_at(gather, interp->address, abi->interp.threads_head, 8);
        pieces->collecting = piece_at(gather, interp->address, abi->interp.gc_collecting, 4);
        int32_t first =
            abi->gil.last_holder < abi->gil.locked ? abi->gil.last_holder : abi->gil.locked;
        pieces->gil =
            abi->gil.locked == PYABI_NONE ? GATHER_NONE : piece_at(gather, interp->gil, first, 24);
    }
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

static int32_t load_i32(const uint8_t *bytes)
{
    int32_t value = 0;
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t gil_holder(const struct process *process, uint32_t interp)
{
    const struct pyabi *abi = &process->target->abi;
    if (process->current_piece != GATHER_NONE)
        return load_u64(gather_get(&process->gather, process->current_piece));
    const uint8_t *gil = gather_get(&process->gather, process->interps[interp].gil);
    if (!gil)
        return 0;
    int32_t first = abi->gil.last_holder < abi->gil.locked ? abi->gil.last_holder : abi->gil.locked;
    return load_i32(gil + (abi->gil.locked - first)) > 0
               ? load_u64(gil + (abi->gil.last_holder - first))
               : 0;
}

static void load_interp_pieces(struct process *process)
{
    bool old_collecting =
        load_i32(gather_get(&process->gather, process->old_collecting_piece)) != 0;
    for (uint32_t i = 0; i < process->runtime.interp_count; i++) {
        const struct interp_pieces *pieces = &process->interps[i];
        const uint8_t *head = gather_get(&process->gather, pieces->threads_head);
        if (!head || load_u64(head) != process->heads_seen[i])
            process->refresh_wanted = true;
        process->holders[i] = gil_holder(process, i);
        process->collecting[i] =
            old_collecting || load_i32(gather_get(&process->gather, pieces->collecting)) != 0;
    }
}

static bool holds_gil(const struct process *process, const struct watch *watch)
{
    if (watch->stack.head.knows_gil)
        return watch->stack.head.holds_gil;
    return process->holders[watch->interp] == watch->stack.tstate;
}

/* ---- choose -------------------------------------------------------------------------------- */

static uint32_t choose(struct process *process, uint64_t mono_ns)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < process->watch_count; i++) {
        struct watch *watch = process->watches[i];
        enum watch_state state = watch_look(watch, mono_ns);
        if (state == WATCH_GONE)
            process->refresh_wanted = true;
        bool wanted = state == WATCH_RUNNING || state == WATCH_UNKNOWN;
        if (process->options.idle && state == WATCH_ASLEEP && !watch->stack_is_fresh)
            wanted = true;
        if (wanted)
            process->pending[count++] = i;
    }
    return count;
}

/* In GIL mode only the holders are read: who they are costs a reading of its own. */
static int choose_holders(struct process *process, uint32_t *count)
{
    gather_reset(&process->gather);
    add_interp_pieces(process);
    int result = gather_run(&process->gather, process->target);
    if (result < 0)
        return result;
    load_interp_pieces(process);
    *count = 0;
    for (uint32_t i = 0; i < process->watch_count; i++) {
        const struct watch *watch = process->watches[i];
        if (process->holders[watch->interp] == watch->stack.tstate || watch->stack.head.knows_gil ||
            process->target->abi.free_threaded)
            process->pending[(*count)++] = i;
    }
    return 0;
}

/* ---- read and accept ----------------------------------------------------------------------- */

static int read_pending(struct process *process, uint32_t count, bool with_interps)
{
    gather_reset(&process->gather);
    if (with_interps)
        add_interp_pieces(process);
    for (uint32_t i = 0; i < count; i++)
        stack_plan(&process->watches[process->pending[i]]->stack, &process->gather);
    int result = gather_run(&process->gather, process->target);
    if (result == 0 && with_interps)
        load_interp_pieces(process);
    return result;
}

/* Another thread state of the same OS thread is the one that runs. */
static bool is_shadowed(const struct process *process, const struct watch *watch)
{
    if (!watch->shares_tid || holds_gil(process, watch))
        return false;
    for (uint32_t i = 0; i < process->watch_count; i++) {
        const struct watch *other = process->watches[i];
        if (other == watch || other->tid != watch->tid)
            continue;
        if (holds_gil(process, other))
            return true;
        if (other->interp < watch->interp && other->stack.frame_count > 0)
            return true; /* lists begin with the newest interpreter: the one called into */
    }
    return false;
}

static uint32_t gc_node(struct process *process, const struct watch *watch)
{
    struct profile_frame frame = {.name = profile_cstring(process->profile, "<GC>"),
                                  .kind = FRAME_GC};
    return profile_node(process->profile, watch->node, profile_frame(process->profile, &frame));
}

void process_hand_over(struct process *process, struct watch *watch, struct round *round)
{
    struct process_sighting sighting = {
        .thread = watch->thread,
        .node = watch->node,
        .partial = watch->partial,
        .idle = watch->state == WATCH_ASLEEP,
        .holds_gil = watch->held_gil,
        .thread_id = watch->stack.head.thread_id,
        .frames = watch->stack.frames,
        .frame_count = watch->stack.frame_count,
        .mono_ns = round->mono_ns,
        .cpu_ns = round->cpu_ns,
        .agent = process_agent(process),
        .request = watch->request,
        .request_slot = watch->request_slot,
    };
    bool may_collect = watch->held_gil || process->target->abi.free_threaded;
    if (!watch->partial && !sighting.idle && may_collect && process->collecting[watch->interp])
        sighting.node = gc_node(process, watch);
    if (sighting.node == PROFILE_NONE) {
        process->profile->stats.errors++;
        return;
    }
    if (watch->partial)
        process->profile->stats.partial++;
    else
        process->profile->stats.exact++;
    round->stacks++;
    round->see(round->context, &sighting);
}

/* Does the stack just read belong to the instant of this round's first reading? It may come to
 * that later (-1: read again), or never: then only what that reading was sure of counts (0). */
static int is_of_round(struct watch *watch, bool proven, bool last_try)
{
    struct stack *stack = &watch->stack;
    bool fits = sight_fits(&stack->sight, stack->frames, stack->frame_count);
    if (proven && fits)
        return 1;
    if (!last_try && !(proven && sight_left(&stack->sight, stack->frames, stack->frame_count)))
        return proven ? -1 : 1; /* unproven: the caller sees to it */
    if (stack->sight.chain_count) {
        stack_show_sure(stack);
        watch->request = watch->seen_request;
        watch->request_slot = watch->seen_request_slot;
    }
    return 0;
}

/* The reading is proven, but not its code or a call: the next ones have to fit it. */
static bool wait_for_more(struct watch *watch, bool proven)
{
    struct stack *stack = &watch->stack;
    if (proven && !stack->sight.chain_count)
        sight_add(&stack->sight, stack->frames, stack->frame_count, true, stack->frame_count);
    return false;
}

/* True when this thread needs no further reading. */
static bool settle(struct process *process, struct watch *watch, struct round *round, bool last_try)
{
    bool was_trusted = watch->held_gil && round->mono_ns < watch->running_until_ns;
    if (!watch->stack.sight.chain_count) {
        watch->seen_request = watch->request;
        watch->seen_request_slot = watch->request_slot;
    }
    enum stack_result result = stack_walk(&watch->stack, &process->gather, process->target);
    watch->held_gil = holds_gil(process, watch);
    watch->torn = result == STACK_TORN;
    if (result == STACK_AGAIN && !last_try)
        return false;
    if (result == STACK_BAD) {
        process->refresh_wanted = true;
        return true;
    }
    if (result == STACK_EMPTY)
        return true;
    if (process->options.gil && !process->target->abi.free_threaded && !watch->held_gil)
        return true;
    if (was_trusted && !watch->held_gil && !process->options.gil &&
        watch_look(watch, round->mono_ns) == WATCH_ASLEEP && !process->options.idle)
        return true; /* it let go of the GIL and went to sleep */
    if (is_shadowed(process, watch))
        return true;
    bool proven = result == STACK_EXACT && !process->gather.interrupted;
    if (result == STACK_EXACT && watch_lost_end(watch, process->codes)) {
        stack_see_lost(&watch->stack, &process->gather, process->target);
        proven = false;
    }
    int of_round = is_of_round(watch, proven, last_try);
    if (of_round < 0)
        return false;
    if (of_round == 0) {
        proven = false;
        last_try = true;
    }
    if (!watch_code_is_certain(watch, process->codes, round->mono_ns)) {
        if (!last_try)
            return wait_for_more(watch, proven);
        watch_drop_fleeting(watch, process->codes);
        proven = false;
    }
    if (watch_accept(watch, process->codes, process->profile, proven, last_try) == WATCH_RETRY)
        return wait_for_more(watch, proven);
    watch->stack_is_fresh = watch->state == WATCH_ASLEEP && !watch->partial;
    process_hand_over(process, watch, round);
    return true;
}

/* A retry at once would meet a program that repeats itself every few microseconds in step, and
 * favour whatever comes next. */
static void pause_a_little(struct process *process)
{
    uint64_t longest_ns = RETRY_PAUSE_READINGS * process->gather.took_ns + 1;
    uint64_t until_ns = clock_mono_ns() + random_next(&process->random) % longest_ns;
    while (clock_mono_ns() < until_ns)
        ;
}

int process_read_all(struct process *process, uint32_t count, struct round *round)
{
    /* Also with nobody to read: a new thread shows at the head of an interpreter's list. */
    for (uint32_t i = 0; i < count; i++) {
        struct watch *watch = process->watches[process->pending[i]];
        watch->checked_skeleton = 0;
        sight_clear(&watch->stack.sight);
    }
    for (uint32_t attempt = 0; count > 0 || attempt == 0; attempt++) {
        if (attempt > 0 && process->watches[process->pending[0]]->torn)
            pause_a_little(process); /* what was missed or is new is looked at while it lasts */
        int result = read_pending(process, count, attempt == 0);
        if (result < 0)
            return result;
        if (process->join)
            join_threads(process->join, process->watches, process->pending, count,
                         &process->gather);
        bool last_try = attempt + 1 >= TRIES_MAX;
        uint32_t left = 0;
        for (uint32_t i = 0; i < count; i++)
            if (!settle(process, process->watches[process->pending[i]], round, last_try))
                process->pending[left++] = process->pending[i];
        count = left;
    }
    return 0;
}

/* One thread at a time, stopped while it is read. */
static int read_frozen(struct process *process, uint32_t count, struct round *round)
{
    if (count == 0)
        return process_read_all(process, 0, round);
    for (uint32_t i = 0; i < count; i++) {
        struct watch *watch = process->watches[process->pending[i]];
        struct freeze freeze;
        uint64_t before_ns = clock_mono_ns();
        int result = freeze_begin(&freeze, watch->tid ? watch->tid : process->target->pid);
        if (result == ERR_DENIED)
            return result;
        uint32_t index = process->pending[i];
        uint32_t first = process->pending[0];
        process->pending[0] = index;
        if (result != ERR_GONE)
            result = process_read_all(process, 1, round);
        process->pending[0] = first;
        freeze_end(&freeze);
        process->stopped_ns += clock_mono_ns() - before_ns;
        if (result < 0 && result != ERR_GONE)
            return result;
    }
    return 0;
}

/* Sleeping threads whose stack is known and cannot have changed. */
static void hand_over_sleepers(struct process *process, struct round *round)
{
    for (uint32_t i = 0; i < process->watch_count; i++) {
        struct watch *watch = process->watches[i];
        if (watch->state == WATCH_ASLEEP && watch->stack_is_fresh && watch->node != PROFILE_NONE &&
            !is_shadowed(process, watch)) {
            watch->held_gil = false;
            process_hand_over(process, watch, round);
        }
    }
}

int process_round(struct process *process, uint64_t mono_ns, process_sighting_fn *see,
                  void *context)
{
    struct round round = {.mono_ns = mono_ns, .see = see, .context = context};
    int result = 0;
    if (mono_ns >= process->refresh_ns ||
        (process->refresh_wanted && mono_ns >= process->refresh_soonest_ns))
        result = process_refresh(process, mono_ns);
    if (result < 0)
        return result;
    if (process->join)
        join_refresh(process->join, mono_ns);
    uint64_t reads_before = process->target->reads_total;
    uint32_t count = 0;
    if (process->options.gil)
        result = choose_holders(process, &count);
    else
        count = choose(process, mono_ns);
    if (result == 0 && process->options.idle)
        hand_over_sleepers(process, &round);
    if (result == 0)
        result = process->options.blocking ? read_frozen(process, count, &round)
                                           : process_read_all(process, count, &round);
    struct profile_stats *stats = &process->profile->stats;
    stats->reads += process->target->reads_total - reads_before;
    stats->samples = stats->exact + stats->partial;
    if (result < 0)
        return result;
    return round.stacks;
}
