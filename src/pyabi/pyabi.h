/* SPDX-License-Identifier: MIT */
/* pyabi.h - what one CPython build looks like in memory.
 *
 * 3.6 to 3.12: tables generated from the versions' own headers (scripts/gen_pyabi.py), chosen by
 * version. 3.13 and later: decoded from the _Py_DebugOffsets table that the process itself carries
 * at the start of _PyRuntime (CPython Include/internal/pycore_debug_offsets.h), by per-minor field lists.
 *
 * All offsets are bytes from the start of the named struct in the target; PYABI_NONE where that
 * build has no such field. Pure: no I/O. x86-64 Linux.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define PYABI_NONE (-1)
#define PYABI_RUNTIME_MAX 4096 /* bytes of _PyRuntime that pyabi_from_debug_offsets may want */

/* Where the innermost frame of a thread hangs. */
enum pyabi_stack {
    PYABI_STACK_FRAMEOBJECT, /* <= 3.10: tstate.frame -> PyFrameObject.f_back */
    PYABI_STACK_CFRAME,      /* 3.11, 3.12: tstate.cframe -> current_frame -> previous */
    PYABI_STACK_CURRENT,     /* >= 3.13: tstate.current_frame -> previous */
};

enum pyabi_lines {
    PYABI_LINES_LNOTAB,   /* <= 3.9: co_lnotab, byte pairs */
    PYABI_LINES_310,      /* 3.10: co_linetable, byte pairs with ranges */
    PYABI_LINES_LOCATION, /* >= 3.11: location table, PEP 657 */
};

struct pyabi {
    uint32_t version_hex; /* PY_VERSION_HEX of the table: 0x030c01f0 */
    bool free_threaded;
    bool tagged_refs;     /* >= 3.14: low bits of f_executable and locals are tags; mask ~3 */
    enum pyabi_stack stack;
    enum pyabi_lines lines;

    struct { /* _PyRuntimeState (3.6: none; symbols instead) */
        int32_t size;
        int32_t finalizing;          /* pointer: tstate that finalises, or 0 */
        int32_t interpreters_head;   /* pointer */
        int32_t tstate_current;      /* <= 3.11: gilstate.tstate_current, pointer */
        int32_t gil_last_holder;     /* 3.7-3.11, pointer */
        int32_t gil_locked;          /* 3.7-3.11, int */
        int32_t gc_collecting;       /* 3.7, 3.8: int */
        int32_t autotsskey;          /* for completeness */
    } runtime;
    struct { /* PyInterpreterState */
        int32_t size;
        int32_t next, id, threads_head;
        int32_t threads_main;        /* >= 3.14: pointer to the main thread's state */
        int32_t modules, sysdict;
        int32_t gc_collecting;       /* >= 3.9: int */
        int32_t ceval_gil;           /* >= 3.12: pointer to struct _gil_runtime_state; 3.13+ too */
        int32_t gil_enabled;         /* 3.13t+: int inside interp, whether the GIL is on at run time */
        int32_t code_object_generation; /* >= 3.14: uint64 */
        int32_t tlbc_generation;     /* >= 3.14t: uint32/uint64 */
    } interp;
    struct { /* struct _gil_runtime_state, >= 3.12 */
        int32_t last_holder, locked;
    } gil;
    struct { /* PyThreadState */
        int32_t size;
        int32_t prev, next, interp;
        int32_t frame;               /* by `stack`: frame, cframe or current_frame */
        int32_t base_frame;          /* >= 3.15: pointer to the sentinel frame that ends every chain
                                      * (it lies behind the thread state proper) */
        int32_t thread_id;           /* unsigned long: pthread_self() */
        int32_t native_thread_id;    /* >= 3.11: unsigned long, gettid() in the innermost pid namespace */
        int32_t datastack_chunk, datastack_top, datastack_limit; /* >= 3.11 */
        int32_t status;              /* >= 3.12: bit field word */
        int32_t holds_gil, gil_requested; /* >= 3.15: int */
        int32_t context;             /* >= 3.7: pointer to the current contextvars.Context, or 0 */
    } tstate;
    struct { /* _PyCFrame, 3.11 and 3.12 */
        int32_t current_frame;
    } cframe;
    /* Which instruction `instr` names, as bytes from the first one:
     *   <= 3.10      f_lasti * instr_scale: the instruction being executed; of a caller, its call;
     *                below 0 before the first
     *   3.11, 3.12   prev_instr: the same as a pointer; of a caller, its call or a cache entry of that
     *                call, which has the same line; one unit before the bytecode at first
     *   >= 3.13      instr_ptr: the instruction being executed; of a caller, its call; of a suspended
     *                generator the one behind its yield, which has the line of the yield
     * So (instr - first) + instr_bias is the offset to look up, and the bias is 0 in every version known
     * (tests/integration/test_pyabi.py stops each anywhere and compares). */
    struct { /* PyFrameObject (<= 3.10) or _PyInterpreterFrame */
        int32_t size;                /* of the header, up to localsplus */
        int32_t previous;            /* pointer: f_back or previous */
        int32_t code;                /* pointer: f_code or f_executable */
        int32_t instr;               /* see instr_is_index */
        bool instr_is_index;         /* true: int32 f_lasti; false: pointer into the bytecode */
        int32_t instr_scale;         /* bytes per unit of f_lasti: 1, or 2 in 3.10; 1 for pointers */
        int32_t instr_bias;          /* bytes to add to that difference */
        int32_t owner;               /* >= 3.11: char; PYABI_OWNER_* */
        int32_t is_entry;            /* 3.11: bool */
        int32_t localsplus;
        int32_t stacktop;            /* 3.11-3.13: int, index into localsplus */
        int32_t stackpointer;        /* >= 3.14: pointer */
        int32_t valuestack;          /* <= 3.10: pointer */
        int32_t f_locals;            /* pointer: class/module namespace, or 0 */
        int32_t f_globals;
        int32_t tlbc_index;          /* >= 3.14t: int32 */
    } frame;
    struct { /* PyCodeObject */
        int32_t size;                /* of the fixed part; >= 3.11: up to the bytecode */
        int32_t argcount, kwonlyargcount, nlocals, flags, firstlineno;
        int32_t name, qualname, filename; /* pointers to str; qualname from 3.11 */
        int32_t lines;               /* pointer to bytes: co_lnotab or co_linetable */
        int32_t varnames;            /* <= 3.10: tuple of str */
        int32_t localsplusnames, localspluskinds; /* >= 3.11: tuple of str, bytes */
        int32_t bytecode;            /* >= 3.11: offset of the first instruction */
        int32_t bytes;               /* <= 3.10: pointer to bytes object co_code */
        int32_t version;             /* 3.12+: uint32 co_version */
        int32_t framesize;           /* 3.12+: int co_framesize, in 8-byte words */
        int32_t tlbc;                /* >= 3.14t: pointer to array {size, entries...} */
    } code;
    struct {
        int32_t size, type, refcnt;
    } object;
    struct {
        int32_t name, flags, basicsize, dictoffset; /* tp_name: char*; tp_flags: unsigned long */
    } type;
    struct { /* str */
        int32_t ascii_size;   /* sizeof(PyASCIIObject): where ASCII data begins */
        int32_t compact_size; /* sizeof(PyCompactUnicodeObject): where other compact data begins */
        int32_t length, hash, state;
        int32_t kind_shift;   /* kind = state >> kind_shift & 7: bytes per character 1, 2, 4 */
        int32_t compact_shift, ascii_shift; /* single bits */
    } unicode;
    struct {
        int32_t ob_size, data;
    } bytes;
    struct {
        int32_t ob_size, items; /* tuple: items inline */
    } tuple;
    struct {
        int32_t ob_size, items; /* list: pointer to items */
    } list;
    struct { /* dict internals for locals, thread names, sys.modules: best effort */
        int32_t used, keys, values;          /* PyDictObject */
        int32_t keys_log2_size;              /* >= 3.11: uint8 dk_log2_size; else PYABI_NONE */
        int32_t keys_size;                   /* <= 3.10: Py_ssize_t dk_size */
        int32_t keys_log2_index_bytes;       /* >= 3.11: uint8 */
        int32_t keys_kind;                   /* >= 3.11: uint8, 0 general, else unicode-only entries */
        int32_t keys_nentries;
        int32_t keys_indices;                /* where dk_indices begin */
    } dict;
    struct {
        int32_t digit_size, lv_tag, digits; /* int: lv_tag is ob_size <= 3.11 */
    } integer;
    struct {
        int32_t value; /* float */
    } real;
    struct { /* _PyStackChunk, >= 3.11 */
        int32_t previous, size, top, data;
    } chunk;
    struct { /* generator and coroutine */
        int32_t iframe;      /* >= 3.11: embedded frame */
        int32_t frame;       /* <= 3.10: pointer */
        int32_t frame_state; /* >= 3.11 */
    } gen;
};

enum pyabi_owner {
    PYABI_OWNER_THREAD = 0,
    PYABI_OWNER_GENERATOR = 1,
    PYABI_OWNER_FRAME_OBJECT = 2,
    /* 3 and above: a boundary on the C stack or in the thread state; never has a code object */
    PYABI_OWNER_BOUNDARY = 3,
};

/* The table for a version without debug offsets (3.6 to 3.12), nearest patch level of the same
 * minor; NULL: none. Static storage. */
const struct pyabi *pyabi_for_version(uint32_t version_hex);

/* What the headers of a minor say, 3.6 to 3.15, GIL or free-threaded; the newest known minor for a
 * later one; NULL before the first. From 3.13 on this is only the supplement to what the process
 * publishes itself (and what tests compare with). Static storage. */
const struct pyabi *pyabi_from_headers(uint32_t version_hex, bool free_threaded);

/* Decodes the debug-offset table at the start of _PyRuntime (3.13+), `size` bytes of it as they
 * were read. 0, or ERR_UNSUPPORTED (a minor without a field list, or a pre-release whose table is
 * not the final one), ERR_BAD_DATA (nonsense). Every offset is checked against its struct's size. */
int pyabi_from_debug_offsets(const void *runtime, size_t size, struct pyabi *out, struct err *err);

/* Size in bytes of the table that begins at `runtime` for its minor; 0: no cookie or unknown. */
size_t pyabi_debug_offsets_size(const void *runtime, size_t size);

/* Versions with a list or table, for messages: "3.6 to 3.15". */
const char *pyabi_supported(void);
