/* SPDX-License-Identifier: MIT */
/* trace_blob.h - a kept trace as the store has it: what lists show of it, then its JSON.
 *
 *     u8 version (1)   varint reasons   varint spans   one zstd frame that states its size
 *
 * The JSON is exactly what /api/v1/traces/ID returns (docs/design/0009-serve.md). The two numbers
 * stand before it so that a list of a hundred traces unpacks none of them.
 *
 * Ownership: the caller's. Threads: no state. Cost: about 0.2 ms per 100 kB of JSON.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TRACE_BLOB_MAX_BYTES ((size_t)64 << 20) /* of JSON */

struct trace_blob_head {
    uint32_t reasons; /* bits of enum keep_reason (collect/keep.h) */
    uint32_t spans;
};

/* Appends. 0, ERR_LIMIT (too much JSON) or ERR_NO_MEMORY. */
int trace_blob_encode(const struct trace_blob_head *head, const char *json, size_t size,
                      struct buf *out);

/* Only the head. 0 or ERR_BAD_DATA. */
int trace_blob_head(const void *data, size_t size, struct trace_blob_head *head);

/* Appends the JSON. 0, ERR_BAD_DATA, ERR_LIMIT or ERR_NO_MEMORY, with one sentence. */
int trace_blob_decode(const void *data, size_t size, struct buf *out, struct err *err);

/* "error", "slow", "first", "repeated", "sampled", "share": the n-th bit of `reasons`; NULL after
 * the last. */
const char *trace_blob_reason(unsigned bit);
