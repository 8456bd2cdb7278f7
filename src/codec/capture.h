/* SPDX-License-Identifier: MIT */
/* capture.h - .pv, our own recording: written as it happens, readable up to the moment it was cut
 * off.
 *
 * A writer follows a profile that the caller goes on filling: before a sample is written, so is
 * every string, frame, node and thread that has come since. What is written is in the file (handed
 * to the kernel) at most a second later, whatever kills the process.
 * docs/design/0002-capture-format.md has the bytes.
 *
 *     capture_writer_open(profile, fd, &writer, &err);
 *     in each round:
 *         capture_writer_see(writer, thread, node, start_us, duration_us);
 *         capture_writer_tick(writer, now_us);
 *     capture_writer_close(writer, &err);
 *
 * Sums are the caller's: profile_see() beside capture_writer_see(), or not.
 *
 * Ownership: the profile and the fd stay the caller's and must outlive the writer.
 *
 * Threads: one.
 *
 * Cost: a sighting that continues a run 6 ns, a new run 50 ns and 2 to 5 bytes; a flush each
 * second compresses and makes one write().
 *
 * Errors: sticky; the first failed write ends the capture, later calls return the same code.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

struct capture_writer;

/* Writes the file's header. period_ns of profile->meta decides the resolution (a hundredth of it).
 */
int capture_writer_open(const struct profile *profile, int fd, struct capture_writer **out,
                        struct err *err);
/* As profile_see(). 0 or ERR_IO, ERR_NO_MEMORY; no sentence. */
int capture_writer_see(struct capture_writer *writer, uint32_t thread, uint32_t node,
                       uint64_t start_us, uint64_t duration_us);
/* Writes out what is older than a second. */
int capture_writer_tick(struct capture_writer *writer, uint64_t now_us);
/* Writes the rest, the final meta and stats, and the mark of a proper end; frees. NULL is fine. The
 * sentence of an earlier failure comes here. */
int capture_writer_close(struct capture_writer *writer, struct err *err);

struct capture_range {
    uint64_t from_us; /* since the recording's start */
    uint64_t to_us;   /* UINT64_MAX: to the end */
};

struct capture_info {
    bool ended;      /* the writer came to its end */
    bool has_order;  /* false: converted from sums; runs are not kept */
    uint64_t end_us; /* of the last run */
    uint64_t blocks;
    uint64_t bad_bytes; /* from the first damaged block to the end of the file */
};

/* Reads into an empty profile; with profile_keep_runs() called before, also the order. A torn tail
 * is not an error: it ends the reading and is told in *info (which may be NULL, as may `range`). A
 * run that is partly in range is there with its share of count and duration. */
int capture_read_range(const void *data, size_t size, const struct capture_range *range,
                       struct profile *profile, struct capture_info *info, struct err *err);

/* Is this a capture? */
bool capture_sniff(const char *data, size_t size);
