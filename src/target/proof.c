/* SPDX-License-Identifier: MIT */
/* Does memory look the way the layout says? One bounded walk: interpreters, their threads (each
 * must point back to its interpreter), a few frames, and for each frame its code object. What
 * settles it is the code object: the name of its type is the text "code", and its own name is a
 * str.
 *
 * The process runs meanwhile, so a single frame that makes no sense proves nothing; no frame at all
 * that does, is a wrong layout.
 */
#include <string.h>

#include "base/err.h"
#include "target/own.h"

#define MAX_NAME 256

struct walk {
    struct target *target;
    struct proof *proof;
    bool stop; /* the process is gone, or may not be read */
    int result;
};

static struct raddr field(struct raddr base, int32_t offset)
{
    return (struct raddr){base.value + (uint64_t)(int64_t)offset};
}

/* False and, when nothing more can be read, walk->stop. */
static bool read_some(struct walk *walk, struct raddr from, void *out, size_t size)
{
    int result = target_read(walk->target, from, out, size);
    if (result == ERR_GONE || result == ERR_DENIED) {
        walk->stop = true;
        walk->result = result;
    }
    return result == 0;
}

static bool read_ptr(struct walk *walk, struct raddr from, struct raddr *out)
{
    return read_some(walk, from, &out->value, sizeof out->value);
}

static bool is_code_type(struct walk *walk, struct raddr type)
{
    struct proof *proof = walk->proof;
    if (proof->code_type.value)
        return type.value == proof->code_type.value;
    struct raddr name;
    char text[5];
    if (!read_ptr(walk, field(type, walk->target->abi.type.name), &name) ||
        !read_some(walk, name, text, sizeof text) || memcmp(text, "code", sizeof text) != 0)
        return false;
    proof->code_type = type;
    return true;
}

static bool is_code(struct walk *walk, struct raddr code)
{
    const struct pyabi *abi = &walk->target->abi;
    struct raddr type, name;
    char text[MAX_NAME];
    return code.value && read_ptr(walk, field(code, abi->object.type), &type) &&
           is_code_type(walk, type) && read_ptr(walk, field(code, abi->code.name), &name) &&
           target_read_str(walk->target, name, text, sizeof text) > 0;
}

static void walk_frames(struct walk *walk, struct raddr frame)
{
    const struct pyabi *abi = &walk->target->abi;
    for (int i = 0; i < PROOF_MAX_FRAMES && frame.value && !walk->stop; i++) {
        struct raddr code;
        unsigned char owner = PYABI_OWNER_THREAD;
        if (abi->frame.owner >= 0 && !read_some(walk, field(frame, abi->frame.owner), &owner, 1))
            return;
        if (owner < PYABI_OWNER_BOUNDARY) {
            walk->proof->frames++;
            if (!read_ptr(walk, field(frame, abi->frame.code), &code))
                return;
            if (abi->tagged_refs)
                code.value &= ~(uint64_t)3;
            if (is_code(walk, code))
                walk->proof->codes++;
        }
        if (!read_ptr(walk, field(frame, abi->frame.previous), &frame))
            return;
    }
}

static bool innermost_frame(struct walk *walk, struct raddr thread, struct raddr *out)
{
    const struct pyabi *abi = &walk->target->abi;
    if (!read_ptr(walk, field(thread, abi->tstate.frame), out))
        return false;
    if (abi->stack != PYABI_STACK_CFRAME || !out->value)
        return true;
    return read_ptr(walk, field(*out, abi->cframe.current_frame), out);
}

/* False: not a thread state of this interpreter. */
static bool walk_thread(struct walk *walk, struct raddr interp, struct raddr thread,
                        struct raddr *next)
{
    const struct pyabi *abi = &walk->target->abi;
    struct proof *proof = walk->proof;
    struct raddr back, frame;
    uint64_t thread_id;
    if (!read_ptr(walk, field(thread, abi->tstate.interp), &back) || back.value != interp.value ||
        !read_ptr(walk, field(thread, abi->tstate.next), next) ||
        !read_some(walk, field(thread, abi->tstate.thread_id), &thread_id, sizeof thread_id))
        return false;
    proof->tstates[proof->threads] = thread;
    proof->thread_ids[proof->threads] = thread_id;
    proof->threads++;
    if (innermost_frame(walk, thread, &frame))
        walk_frames(walk, frame);
    return true;
}

static void walk_interpreter(struct walk *walk, struct raddr interp)
{
    struct raddr thread;
    if (!read_ptr(walk, field(interp, walk->target->abi.interp.threads_head), &thread))
        return;
    while (thread.value && walk->proof->threads < PROOF_MAX_THREADS && !walk->stop) {
        struct raddr next;
        if (!walk_thread(walk, interp, thread, &next))
            return;
        thread = next;
    }
}

int proof_walk(struct target *target, struct proof *out)
{
    *out = (struct proof){0};
    struct walk walk = {.target = target, .proof = out};
    struct raddr interp;
    if (!read_ptr(&walk, target->interp_head_slot, &interp))
        return walk.stop ? walk.result : ERR_BAD_DATA;
    if (!interp.value)
        return ERR_STARTING;
    bool listed = false;
    while (interp.value && out->interpreters < PROOF_MAX_INTERPRETERS && !walk.stop) {
        struct raddr thread;
        out->interpreters++;
        listed |= read_ptr(&walk, field(interp, target->abi.interp.threads_head), &thread) &&
                  thread.value;
        walk_interpreter(&walk, interp);
        if (!read_ptr(&walk, field(interp, target->abi.interp.next), &interp))
            break;
    }
    if (walk.stop)
        return walk.result;
    if (!out->threads)
        return listed ? ERR_BAD_DATA : ERR_STARTING;
    return out->frames && !out->codes ? ERR_BAD_DATA : 0;
}
