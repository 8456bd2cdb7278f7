/* SPDX-License-Identifier: MIT */
/* pystack.h - what the kernel program of the sampler is told, and what it tells.
 *
 * Shared by src/bpf/pystack.bpf.c, which runs in the kernel when a thread's timer expires, and its
 * loader. Offsets are those of pyabi.h, PYSTACK_NONE where a version has no such field.
 */
#pragma once

#ifndef PYSTACK_HAS_TYPES /* the kernel program brings its own */
#include <stdint.h>
#endif

#define PYSTACK_NONE (-1)
#define PYSTACK_MAX_FRAMES 6000u
#define PYSTACK_FRAME_BYTES 256u /* a power of two; what is read of a frame */
#define PYSTACK_MAX_INTERPS 16u
#define PYSTACK_MAX_THREADS 4096u

enum pystack_kind {
    PYSTACK_FRAMEOBJECT, /* up to 3.10: thread state -> frame object -> f_back */
    PYSTACK_CFRAME,      /* 3.11, 3.12: thread state -> cframe -> current_frame -> previous */
    PYSTACK_CURRENT,     /* from 3.13: thread state -> current_frame -> previous */
};

/* One process, by its id as the kernel's first pid namespace has it. */
struct pystack_config {
    uint64_t interp_head_slot;    /* address of the pointer to the first interpreter */
    uint64_t tstate_current_slot; /* up to 3.11: address of the pointer to the GIL holder; else 0 */
    uint64_t collecting_address;  /* up to 3.8: address of the int; else 0 */
    uint64_t pointer_mask;        /* clears the tag bits of a code reference */
    uint32_t kind;                /* enum pystack_kind */
    uint32_t with_version;        /* 1: code_version identifies a code object, else its name does */
    int32_t interp_next, interp_threads, interp_gil, interp_collecting;
    int32_t gil_locked, gil_holder;
    int32_t tstate_next, tstate_frame, tstate_thread_id, tstate_base_frame;
    int32_t cframe_current;
    int32_t frame_previous, frame_code, frame_instr, frame_owner;
    uint32_t frame_bytes;    /* from its start to the end of the last of these */
    uint32_t instr_is_index; /* 1: int32 */
    int32_t code_name, code_filename, code_lines, code_first_line, code_version, unicode_hash;
};

enum pystack_flag {
    PYSTACK_HOLDS_GIL = 1,
    PYSTACK_COLLECTING = 2,
};

/* Layout of struct raw_frame (unwind/stack.h). */
struct pystack_frame {
    uint64_t address, code, instr;
    int32_t tlbc_index;
    uint32_t identity; /* of the code object at that instant; 0: could not be read */
};

struct pystack_sample {
    uint32_t pid, tid;  /* as the kernel's first pid namespace has them */
    uint64_t mono_ns;   /* CLOCK_MONOTONIC */
    uint64_t period_ns; /* CPU time of the thread that the sample stands for */
    uint64_t tstate;
    uint64_t thread_id; /* pthread_self() */
    uint32_t flags, frame_count;
    struct pystack_frame
        frames[PYSTACK_MAX_FRAMES]; /* innermost first; frame_count of them are sent */
};

/* The identity of a code object without a version number, from what cannot all stay the same by
 * accident. */
static inline uint32_t pystack_identity(uint64_t name_hash, uint64_t filename, uint64_t lines,
                                        uint32_t first_line)
{
    uint64_t mixed = name_hash + (filename >> 4) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9u + (lines >> 4);
    mixed = (mixed ^ mixed >> 32) * 0x94d049bb133111ebu + first_line;
    return (uint32_t)(mixed ^ mixed >> 32) | 1;
}
