/* SPDX-License-Identifier: MIT */
/* blob.h - bytes on their way to the disk and back: compressed, with a checksum that also knows
 * where the blob belongs.
 *
 *     u8 format   content   u32 XXH3(format, content; seed), low half, little-endian
 *     format 0: plain, 1: one zstd frame that states its size
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;
struct blob_tools; /* zstd's contexts, kept because making them costs more than using them */

#define BLOB_MAX_BYTES ((size_t)256 << 20)

struct blob_tools *blob_tools_new(void);
void blob_tools_free(struct blob_tools *tools);

/* For what is kept for an hour, and for what is kept for longer: a seventh smaller, at twice the
 * time, which is still a few hundredths of a percent of a core for twenty processes. */
enum blob_effort { BLOB_QUICK = 3, BLOB_THOROUGH = 15 };

/* Replaces what is in `out`. 0, ERR_NO_MEMORY or ERR_LIMIT. */
int blob_pack(struct blob_tools *tools, const void *data, size_t size, uint64_t seed,
              enum blob_effort effort, struct buf *out);
/* Replaces what is in `out`. 0, ERR_BAD_DATA or ERR_NO_MEMORY. */
int blob_unpack(struct blob_tools *tools, const void *blob, size_t size, uint64_t seed,
                struct buf *out);
/* The checksum that a blob carries. */
uint32_t blob_sum(const void *blob, size_t size);

uint64_t blob_seed(uint64_t shelf, uint64_t start_ns, uint64_t table, uint64_t id);
