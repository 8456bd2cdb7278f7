/* SPDX-License-Identifier: MIT */
/* process_kernel.c - stacks that the kernel took become samples of a process.
 *
 * The kernel program reads a thread in its own timer interrupt, so a stack is true as it comes: no
 * second reading, no believing of calls. What can have changed until it gets here is the code: each
 * frame carries an identity of its code object, and a stack is cut where the object at that address
 * is another one now.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "sampler/process_inside.h"

_Static_assert(sizeof(struct raw_frame) == sizeof(struct pystack_frame) &&
                   offsetof(struct raw_frame, identity) == offsetof(struct pystack_frame, identity),
               "one layout");

/* Up to 3.10 the fields lie up to f_lasti, else up to the owner. */
static uint32_t frame_bytes(const struct pyabi *abi)
{
    const int32_t fields[] = {abi->frame.previous, abi->frame.code, abi->frame.instr,
                              abi->frame.owner};
    int32_t last = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i] > last)
            last = fields[i];
    return (uint32_t)last + 8;
}

bool process_kernel_config(const struct process *process, struct pystack_config *out)
{
    const struct target *target = process->target;
    const struct pyabi *abi = &target->abi;
    uint64_t collecting = abi->runtime.gc_collecting != PYABI_NONE && target->runtime.value
                              ? target->runtime.value + (uint64_t)abi->runtime.gc_collecting
                              : 0;
    if (abi->free_threaded || frame_bytes(abi) > PYSTACK_FRAME_BYTES)
        return false;
    *out = (struct pystack_config){
        .interp_head_slot = target->interp_head_slot.value,
        .tstate_current_slot = target->tstate_current_slot.value,
        .collecting_address = collecting,
        .pointer_mask = abi->tagged_refs ? ~(uint64_t)3 : ~(uint64_t)0,
        .kind = (uint32_t)abi->stack,
        .with_version = abi->code.version != PYABI_NONE,
        .interp_next = abi->interp.next,
        .interp_threads = abi->interp.threads_head,
        .interp_gil = abi->interp.ceval_gil,
        .interp_collecting = abi->interp.gc_collecting,
        .gil_locked = abi->gil.locked,
        .gil_holder = abi->gil.last_holder,
        .tstate_next = abi->tstate.next,
        .tstate_frame = abi->tstate.frame,
        .tstate_thread_id = abi->tstate.thread_id,
        .tstate_base_frame = abi->tstate.base_frame,
        .cframe_current = abi->cframe.current_frame,
        .frame_previous = abi->frame.previous,
        .frame_code = abi->frame.code,
        .frame_instr = abi->frame.instr,
        .frame_owner = abi->frame.owner,
        .frame_bytes = frame_bytes(abi),
        .instr_is_index = abi->frame.instr_is_index,
        .code_name = abi->code.name,
        .code_filename = abi->code.filename,
        .code_lines = abi->code.lines,
        .code_first_line = abi->code.firstlineno,
        .code_version = abi->code.version,
        .unicode_hash = abi->unicode.hash,
    };
    return true;
}

void process_set_by_kernel(struct process *process, bool by_kernel)
{
    process->by_kernel = by_kernel;
}

bool process_is_by_kernel(const struct process *process)
{
    return process->by_kernel;
}

int process_listen(struct process *process, uint64_t mono_ns)
{
    struct round round = {.mono_ns = mono_ns};
    int result = 0;
    if (mono_ns >= process->refresh_ns ||
        (process->refresh_wanted && mono_ns >= process->refresh_soonest_ns))
        result = process_refresh(process, mono_ns);
    return result < 0 ? result : process_read_all(process, 0, &round);
}

static struct watch *find_watch(struct process *process, const struct pystack_sample *sample)
{
    for (uint32_t i = 0; i < process->watch_count; i++) {
        struct watch *watch = process->watches[i];
        if (watch->stack.tstate == sample->tstate &&
            watch->stack.head.thread_id == sample->thread_id)
            return watch;
    }
    return NULL;
}

/* A thread that began since the last listing is listed now; one that has ended since, too, is
 * watched for the rest of its samples. */
static struct watch *watch_of(struct process *process, const struct pystack_sample *sample)
{
    struct watch *watch = find_watch(process, sample);
    if (watch)
        return watch;
    uint64_t now_ns = clock_mono_ns();
    if (now_ns >= process->refresh_soonest_ns && process_refresh(process, now_ns) == 0)
        watch = find_watch(process, sample);
    const struct runtime_thread thread = {.tstate = sample->tstate, .thread_id = sample->thread_id};
    return watch ? watch : process_visit(process, &thread, (pid_t)sample->tid);
}

static bool set_frames(struct stack *stack, const struct pystack_sample *sample)
{
    if (sample->frame_count > stack->frame_capacity) {
        void *moved = realloc(stack->frames, sample->frame_count * sizeof *stack->frames);
        if (!moved)
            return false;
        stack->frames = moved;
        stack->frame_capacity = sample->frame_count;
    }
    memcpy(stack->frames, sample->frames, sample->frame_count * sizeof *stack->frames);
    stack->frame_count = sample->frame_count;
    return true;
}

/* What the sample stands for: a period, less what a change of the period let it share with the one
 * before. */
static uint64_t stands_for_ns(struct watch *watch, const struct pystack_sample *sample)
{
    uint64_t cpu_ns = sample->period_ns;
    if (watch->seen_until_ns < sample->mono_ns && sample->mono_ns - watch->seen_until_ns < cpu_ns)
        cpu_ns = sample->mono_ns - watch->seen_until_ns;
    watch->seen_until_ns = sample->mono_ns;
    return cpu_ns;
}

int process_take(struct process *process, const struct pystack_sample *sample,
                 process_sighting_fn *see, void *context)
{
    struct watch *watch = watch_of(process, sample);
    if (!sample->frame_count)
        return 0;
    if (!watch || !set_frames(&watch->stack, sample)) {
        process->profile->stats.lost++;
        return 0;
    }
    struct round round = {
        .mono_ns = sample->mono_ns,
        .cpu_ns = stands_for_ns(watch, sample),
        .see = see,
        .context = context,
    };
    watch->held_gil = (sample->flags & PYSTACK_HOLDS_GIL) != 0;
    watch->state = WATCH_RUNNING;
    process->collecting[watch->interp] = (sample->flags & PYSTACK_COLLECTING) != 0;
    watch_take(watch, process->codes, process->profile);
    process_hand_over(process, watch, &round);
    process->profile->stats.samples =
        process->profile->stats.exact + process->profile->stats.partial;
    return 1;
}
