/* SPDX-License-Identifier: MIT */
/* target.h - one live CPython process that we are allowed to read.
 *
 * Opened once, read many times, closed once. Never stops the process, never writes to it. A read
 * may fail at any moment because the process moved on: ERR_TORN, ERR_FAULT and ERR_GONE are
 * data, not bugs.
 *
 * Ownership: target_open() gives the caller a target, target_close() ends it.
 * Threads:   one thread per target; different targets are independent.
 * Cost:      target_read() and target_readv() are one system call each; no allocation, no logging.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "pyabi/pyabi.h"

struct err;

/* An address inside the target. A struct, so that the compiler refuses to dereference it or to
 * mix it up with one of ours. */
struct raddr {
    uint64_t value;
};

struct target_options {
    uint32_t wait_ms; /* how long to wait for an interpreter that is still starting; 0: do not */
    bool launched; /* we started it: wait as long also while it is not Python yet (a shim, a shell)
                    */
};

struct target_journal; /* target/journal.h: what was read, to prove it */
struct target_own;     /* target/own.h: maps of ids, the source of bytes */

struct target {
    pid_t pid;
    int pidfd;             /* -1 where the kernel has none; readable when the process has exited */
    uint32_t version_hex;  /* of the running interpreter; 3.12.1 is 0x030c01f0 */
    char version_text[32]; /* "3.12.1", "3.13.0t" */
    struct pyabi abi;      /* a private copy: validated, adapted to this process */
    struct raddr runtime;  /* &_PyRuntime; 0 on 3.6 */
    struct raddr interp_head_slot; /* address of the pointer to the first PyInterpreterState */
    struct raddr
        tstate_current_slot; /* <= 3.11: address of the pointer to the GIL holder's tstate, or 0 */
    struct raddr code_type;  /* &PyCode_Type, or 0 when not learned */
    int32_t pthread_tid_offset; /* <= 3.10: where struct pthread keeps the kernel tid; -1 unknown */
    char executable[256];       /* for messages: the file that holds the interpreter */
    char command[256];          /* command line, cut */
    uint64_t reads_total;       /* system calls that read the target */
    struct target_journal *journal; /* while set, every read is noted there; usually NULL */
    struct target_own *own;
};

/* Finds the interpreter (ELF section .PyRuntime, .dynsym, .symtab, then a scan of writable data for
 * the cookie or the interpreter/thread back pointers), decides the version and the layout, and
 * proves both by walking interpreters and threads once.
 * 0, or ERR_GONE, ERR_DENIED (with the exact remedy), ERR_NOT_PYTHON, ERR_UNSUPPORTED,
 * ERR_STARTING; *out is untouched then. */
int target_open(pid_t pid, const struct target_options *options, struct target **out,
                struct err *err);
void target_close(struct target *target); /* NULL is fine */

/* Copies exactly `size` bytes. 0, ERR_GONE, ERR_DENIED, ERR_FAULT (unmapped). */
int target_read(struct target *target, struct raddr from, void *out, size_t size);
int target_read_ptr(struct target *target, struct raddr from, struct raddr *out);

/* The vectored read: `local` one contiguous buffer, `remote` up to IOV_MAX pieces, read in order.
 * Returns bytes copied (short when a piece is unmapped) or ERR_GONE / ERR_DENIED / ERR_FAULT. */
ssize_t target_readv(struct target *target, void *local, size_t size, const struct iovec *remote,
                     size_t count);

/* True when the process is a zombie or gone. */
bool target_exited(const struct target *target);

/* Kernel tid (host's view) of a thread, from native_thread_id or the pthread struct.
 * `tstate_thread_id` and `native_id` as read from the thread state; 0 when unknown. */
pid_t target_host_tid(struct target *target, uint64_t tstate_thread_id, uint64_t native_id);

/* Reads a str / bytes object. Every kind of str (1, 2, 4 bytes per character) becomes UTF-8; lone
 * surrogates become U+FFFD. At most `limit` bytes are put into `out` (NUL-terminated, `limit`
 * includes it), cut on a character. Returns the size or ERR_*. */
ssize_t target_read_str(struct target *target, struct raddr object, char *out, size_t limit);
/* At most `limit` bytes; *full_size is what the object claims. */
ssize_t target_read_bytes(struct target *target, struct raddr object, void *out, size_t limit,
                          uint64_t *full_size);
