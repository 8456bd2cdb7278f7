/* SPDX-License-Identifier: MIT */
/* own.h - the inside of a collect, shared by the files of this folder.
 *
 *   find.c       which descriptor of a process is its region
 *   region.c     open: layout checked, mapped; facts
 *   keys.c       texts, keys, what they counted since last time
 *   ring.c       records, losses, ended requests
 *   requests.c   slots, requests by id
 */
#pragma once

#include "base/map.h"
#include "collect/collect.h"

#define COLLECT_MAX_REGION (UINT64_C(1) << 30)
#define COLLECT_MAX_KEYS 65536u
#define COLLECT_MAX_SLOTS 65536u
#define COLLECT_MAX_RECORDS (1u << 20)

/* What a key had counted when it was last looked at. */
struct key_seen {
    uint64_t count, errors, total_ns, rows, repeats, max_ns;
    uint64_t bucket_total;
    struct collect_bucket *buckets; /* those that are not 0 */
    uint32_t bucket_count;
};

struct collect {
    int fd;    /* of the memory */
    int pidfd; /* -1: none */
    bool is_of_nobody, has_exited, forgets_ended;
    struct collect_facts facts;
    struct collect_stats stats;

    const uint8_t *base; /* read-only, shared; sealed against shrinking */
    uint64_t region_bytes;
    /* Checked against region_bytes, from a copy of the header. */
    const uint8_t *strings;
    const struct agent_key *keys;
    const struct agent_histogram *histograms;
    const struct agent_slot *slots;
    const struct agent_record *ring;
    uint64_t slots_offset;
    uint32_t strings_bytes;

    struct map texts; /* string id -> index */
    char **text_list;
    uint32_t text_count, text_capacity;
    uint64_t text_bytes;

    struct key_seen *seen;             /* keys_limit */
    struct collect_bucket *scratch[2]; /* AGENT_HISTOGRAM_BUCKETS each: now, and what is new */

    uint64_t cursor; /* number of the next record to deliver */
    bool has_drained;
    uint64_t stalled_at, stalled_since_ns; /* a record that is not complete yet */
    struct collect_request *ended;         /* COLLECT_ENDED, by id; NULL until the first one */
    struct agent_slot *slot_copies;
};

static inline const struct agent_header *collect_header(const struct collect *collect)
{
    return (const struct agent_header *)(const void *)collect->base;
}

/* find.c: a descriptor of the region that the process made itself (after a fork its parent's may be
 * open, too). Negative: as collect_open(). */
int find_region(pid_t pid, struct err *err);

/* region.c: copies the header. 0, ERR_STARTING, ERR_UNSUPPORTED, ERR_BAD_DATA. */
int region_read_header(int fd, struct agent_header *out);

/* keys.c */
uint32_t keys_used(const struct collect *collect);
void keys_done(struct collect *collect);

/* requests.c */
void requests_remember(struct collect *collect, const struct agent_record *record);
