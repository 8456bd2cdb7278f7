/* SPDX-License-Identifier: MIT */
/* own.h - what the files of this folder share, and nobody else sees.
 *
 * Opening goes: objects (which files are mapped) -> locate (where the runtime is) -> version (which
 * layout) -> proof (does memory really look like that) -> threads (ids of the kernel).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "os/maps.h"
#include "os/remote.h"
#include "target/target.h"

#define OBJECT_MAX 4096
#define PROOF_MAX_INTERPRETERS 64
#define PROOF_MAX_THREADS 256
#define PROOF_MAX_FRAMES 16 /* per thread; the proof needs a few, not all */

/* Where bytes come from: the process, or a test's memory. As remote_readv(). */
typedef ssize_t (*target_source)(void *context, void *local, size_t size,
                                 const struct iovec *pieces, size_t count);

struct thread_id {
    pid_t inner, host;
};

struct target_own {
    struct remote remote;
    target_source source;
    void *source_context;
    struct thread_id *ids; /* filled when the target lives in a pid namespace of its own */
    size_t ids_count;
    uint64_t ids_read_ns;
    bool nested_pids;
};

/* A half-open target that reads process `pid`, or, with a source, what that gives. NULL: no memory.
 */
struct target *target_new(pid_t pid, target_source source, void *source_context);

/* objects.c: one mapped ELF file. */
struct object {
    const char *path;
    uint64_t inode;
    uint64_t image;      /* where its first byte is mapped; 0: it is not */
    uint64_t first_end;  /* end of its first mapping, for map_files */
    size_t first, count; /* its mappings, with the anonymous memory behind (.bss) */
    enum object_rank {
        OBJECT_EXECUTABLE,
        OBJECT_NAMED_PYTHON,
        OBJECT_OTHER,
    } rank;
};

struct objects {
    struct maps maps;
    struct object *list; /* by rank */
    size_t count;
};

int objects_load(struct objects *objects, pid_t pid); /* as maps_load() */
int objects_from_maps(struct objects *objects, const char *executable);
void objects_done(struct objects *objects);
/* The file behind an object as the process has it, also deleted or in another namespace; -1. */
int object_open_file(const struct object *object, pid_t pid);

/* locate.c: a place where a runtime may be. */
struct location {
    struct raddr runtime;        /* 3.7+, else 0 */
    struct raddr interp_head;    /* <= 3.6: the variable of that name, or 0 */
    struct raddr tstate_current; /* <= 3.6: _PyThreadState_Current, or 0 */
    uint32_t version_hex;        /* symbol Py_Version; 0: not known yet */
};

enum locate_by {
    LOCATE_BY_EXPORT, /* .dynsym, from memory: a few reads */
    LOCATE_BY_FILE,   /* section .PyRuntime, .symtab */
    LOCATE_BY_SCAN,   /* writable memory */
    LOCATE_WAYS,
};

/* 0 or ERR_NOT_FOUND, or ERR_GONE, ERR_DENIED. */
int locate(struct target *target, const struct objects *objects, const struct object *object,
           enum locate_by way, struct location *out);

/* scan.c: writable memory of one object. */
/* Finds the debug-offset cookie: 0 or ERR_NOT_FOUND. */
int scan_cookie(struct target *target, const struct objects *objects, const struct object *object,
                struct raddr *out);
/* Finds the text Py_GetVersion() made, as PY_VERSION_HEX. */
int scan_version(struct target *target, const struct objects *objects, const struct object *object,
                 uint32_t *version_hex);
/* Completes "3.9" by the constant "3.9.18" of the program; the text above only exists once sys
 * does. */
int scan_version_literal(struct target *target, const struct objects *objects,
                         const struct object *object, uint32_t *version_hex);
/* Finds the variable that points to the first interpreter, by the back pointers of `abi`. */
int scan_interp_head(struct target *target, const struct objects *objects,
                     const struct object *object, const struct pyabi *abi, struct raddr *out);

/* version.c */
/* Sets target->abi, version_hex and the slots for a location. 0, ERR_UNSUPPORTED, ERR_BAD_DATA,
 * ERR_GONE, ... */
int version_settle(struct target *target, const struct objects *objects,
                   const struct object *object, const struct location *location, struct err *err);
/* "3.10.13" at the start of a text: PY_VERSION_HEX, or 0. Pure. */
uint32_t version_parse(const char *text, size_t size);
/* "libpython3.8.so.1.0", "/usr/bin/python3.8": 0x03080000, or 0. Pure. Low bits of 0: unknown. */
uint32_t version_from_path(const char *path);
void version_format(uint32_t version_hex, bool free_threaded, char out[32]);

/* proof.c: what one walk over interpreters, threads and a few frames found. */
struct proof {
    uint32_t interpreters, threads, frames, codes;
    struct raddr code_type;
    struct raddr tstates[PROOF_MAX_THREADS];
    uint64_t thread_ids[PROOF_MAX_THREADS]; /* pthread_self() */
};

/* 0: memory is what target->abi says (frames may be 0). ERR_STARTING: no interpreter or thread.
 * ERR_BAD_DATA: it is not. ERR_GONE, ERR_DENIED. */
int proof_walk(struct target *target, struct proof *out);

/* threads.c */
void threads_learn(struct target *target, const struct proof *proof);

/* denied.c: fills *err with the remedy; returns ERR_DENIED, or ERR_GONE when that is what it was.
 */
int target_explain_denied(pid_t pid, struct err *err);
/* The decision alone, pure: always ERR_DENIED. */
struct proc_status;
struct caps;
int denied_explain(pid_t pid, const struct proc_status *status, const struct caps *caps,
                   struct err *err);
