/* SPDX-License-Identifier: MIT */
/* agent.h - the memory that an instrumented process shares with whoever watches it.
 *
 * One memfd per process ("pitviper-agent"), made at the first event, sealed against shrinking and
 * growing, sparse: only pages that were touched cost memory. The process writes, readers map it
 * read-only and never make it wait. It outlives the process: what a killed worker was doing is
 * still in it.
 *
 *     header      one page: who, when, where the rest is, counters
 *     strings     append-only text; the id of a string is its offset in the area divided by 8
 *     keys        append-only: one per thing with statistics (a route, a statement, a host, ...)
 *     histograms  one per key, same index: how long each took
 *     slots       requests in progress
 *     ring        records of what ended, newest overwrite oldest
 *
 * Publication. Strings and keys are complete before `strings_used` / `keys_used` grows (release),
 * and never change afterwards but for a key's counters. A record's `sequence` is written last
 * (release) and is its number in the stream + 1, so a reader copies, then looks whether `sequence`
 * is still the one expected. A slot has a `generation`, odd while the request lives: a reader
 * copies, then compares it. Counters are written with relaxed atomics; a reader may see one of two
 * related counters a moment early.
 *
 * Times are nanoseconds; instants are CLOCK_MONOTONIC of the host. All little-endian, x86-64
 * alignment. docs/design/0005-agent.md has the reasons and the sizes. A change of any meaning
 * raises AGENT_VERSION.
 */
#pragma once

#include <stdint.h>

#define AGENT_MAGIC UINT64_C(0x7265706976746970) /* "pitviper" */
#define AGENT_VERSION 1u
#define AGENT_MEMFD_NAME "pitviper-agent"
#define AGENT_REQUEST_MAGIC UINT64_C(0x7476706972657175)
#define AGENT_NONE UINT32_MAX

#define AGENT_HEADER_BYTES 4096u
#define AGENT_STRINGS_BYTES (4u << 20)
#define AGENT_STRING_MAX 4096u /* bytes of one string; longer ones are cut */
#define AGENT_KEYS 4096u
#define AGENT_SLOTS 4096u
#define AGENT_RING_RECORDS 32768u /* a power of two */

/* What a key or a span is about. Key indexes below AGENT_KINDS are the "other" keys: the key with
 * index k collects every event of kind k that found the kind's share of the table full. */
enum agent_kind {
    AGENT_KIND_NONE,    /* key 0: never counted */
    AGENT_KIND_REQUEST, /* name: route template, "(unmatched)"; detail: method; group: status class
                           1-5, 0 */
    AGENT_KIND_TASK,    /* name: task name; detail: queue system ("celery") */
    AGENT_KIND_STATEMENT, /* name: normalised SQL; detail: db.system.name; fingerprint */
    AGENT_KIND_OUTBOUND,  /* name: host[:port]; detail: method; group: status class */
    AGENT_KIND_CACHE,     /* name: command ("GET"); detail: db.system.name ("redis", "mongodb") */
    AGENT_KIND_TEMPLATE,  /* name: template; detail: engine */
    AGENT_KIND_EXCEPTION, /* name: type ("ValueError"); detail: "function (file:line)"; group: 1
                             handled */
    AGENT_KIND_USER,      /* name: what pitviper.track() was given */
    AGENT_KIND_GC,        /* name: "generation 2"; group: generation */
    AGENT_KIND_QUEUE,     /* time before the worker; name: route */
    AGENT_KIND_LOOP,      /* event loop held up for longer than the limit; name: route or task */
    AGENT_KINDS
};

/* How many keys of a kind there may be; the rest goes to "other". Sums to AGENT_KEYS - AGENT_KINDS
 * or less. */
#define AGENT_KEY_LIMITS                                                                           \
    {                                                                                              \
        0, 1000, 250, 1250, 400, 150, 150, 400, 250, 8, 120, 50                                    \
    }

/* Log-linear: values below 64 ns have a bucket each, then 64 buckets per power of two. A bucket is
 * at most 1/64 of its value wide, so its middle is at most 0.79 % off. Up to 2^42 ns (73 minutes);
 * longer ones count in the last. (The scheme of HdrHistogram, Gil Tene, with 6 bits.) */
#define AGENT_HISTOGRAM_BITS 6u
#define AGENT_HISTOGRAM_BUCKETS 2368u /* 64 * (42 - 6 + 1) */
struct agent_histogram {
    uint32_t buckets[AGENT_HISTOGRAM_BUCKETS];
    uint32_t padding[704]; /* to three pages: keys that are not used cost nothing */
};

struct agent_string { /* 8-byte aligned in the strings area */
    uint32_t size;    /* bytes of text, without the NUL that follows it */
    char text[4];
};

struct agent_key { /* 128 bytes */
    uint32_t kind;
    uint32_t name, detail; /* strings */
    uint32_t group;
    uint64_t fingerprint; /* statements: of the normalised text; else 0 */
    uint64_t count;       /* events that ended */
    uint64_t errors;      /* of them, failed (a server's 5xx, an exception) */
    uint64_t total_ns, max_ns;
    uint64_t rows;              /* statements: rows where the driver told us; user: unused */
    uint64_t repeats;           /* statements: executions beyond the first within one request */
    uint64_t first_ns, last_ns; /* when the first and the last ended */
    uint32_t summary;           /* string: "SELECT orders"; statements only */
    uint32_t reserved[9];
};

/* Which requests get their whole trace kept is the reader's decision; the writer only says what it
 * knows. */
enum agent_flag {
    AGENT_FLAG_ERROR = 1,
    AGENT_FLAG_SAMPLED = 2, /* head sampling, or an incoming traceparent, says: keep */
    AGENT_FLAG_ASYNC = 4,
    AGENT_FLAG_REPEATED = 8, /* request: some statement ran AGENT_REPEATS_MIN times or more (N+1) */
    AGENT_FLAG_REMOTE_PARENT = 16,
    AGENT_FLAG_FIRST = 32,      /* the first event of its key */
    AGENT_FLAG_UNFINISHED = 64, /* set by readers on slots of a process that died */
};
#define AGENT_REPEATS_MIN 5u

enum agent_record_kind {
    AGENT_RECORD_NONE,
    AGENT_RECORD_SPAN,    /* a leaf or user span inside a request, or outside of any (request 0) */
    AGENT_RECORD_REQUEST, /* a request or task ended; always followed by its PARTS and TRACE */
    AGENT_RECORD_PARTS,   /* where that request's time went */
    AGENT_RECORD_TRACE,   /* its ids on the wire */
    AGENT_RECORD_ERROR,   /* an exception: key is of kind EXCEPTION */
};

/* One cache line. `request` is the id of the request it belongs to (struct agent_slot.id), 0: none.
 */
struct agent_record {
    uint32_t sequence; /* low 32 bits of its number in the stream, + 1; written last */
    uint8_t kind;      /* enum agent_record_kind */
    uint8_t about;     /* enum agent_kind */
    uint16_t flags;    /* enum agent_flag */
    uint64_t request;
    union {
        struct {                            /* SPAN, REQUEST, ERROR */
            uint64_t start_ns, duration_ns; /* ERROR: duration 0 */
            uint64_t span, parent;          /* ids; parent 0: the root of its trace here */
            uint32_t key;
            uint32_t thread; /* kernel thread id, as the process sees it */
            uint32_t status; /* HTTP status; 0: none. ERROR: string of the message, 0: not kept */
            uint32_t rows;   /* statements; AGENT_NONE: unknown */
        } span;
        struct { /* PARTS: nanoseconds of the request's duration, saturating at 2^32 - 1
                    microseconds */
            uint32_t queue_us, cpu_us, database_us, outbound_us, cache_us, template_us, gc_us,
                loop_us;     /* cpu_us: AGENT_NONE where it was not measured */
            uint32_t gil_us; /* AGENT_NONE: not known in the process */
            uint16_t statements, outbound;
            uint32_t repeated_key; /* the statement that ran most often; 0: none more than once */
            uint32_t repeated;     /* how often */
        } parts;
        struct { /* TRACE */
            uint64_t trace_high, trace_low, remote_parent;
            uint32_t state; /* string: tracestate; 0: none */
            uint32_t reserved[5];
        } trace;
    } as;
};

/* A request or task in progress. 256 bytes. */
struct agent_slot {
    uint32_t generation; /* odd: in use */
    uint32_t kind;       /* REQUEST, TASK or USER */
    uint64_t id;         /* unique in the process: counts up from 1 */
    uint64_t trace_high, trace_low;
    uint64_t span, remote_parent;
    uint64_t start_ns;
    uint32_t route;    /* string; 0: not known yet */
    uint32_t method;   /* string */
    uint32_t thread;   /* that began it */
    uint32_t flags;    /* enum agent_flag */
    uint32_t leaf_key; /* what it waits for right now; 0: nothing */
    uint32_t statements, outbound, reserved;
    uint64_t leaf_start_ns;
    uint64_t queue_ns, cpu_ns, database_ns, outbound_ns, cache_ns, template_ns, gc_ns, loop_ns;
    struct {
        uint32_t key, count;
    } repeats[8]; /* statements of this request, most recent kept */
    uint32_t padding[8];
};

/* What lies where inside the Python object that the ContextVar holds: a PyObject header, then this.
 * `object_header_bytes` in the header says how large the former is. The variable keeps its value
 * when a request ends; a user's span inside a request has the request's id and slot. So a reader
 * believes it only while the slot is in use by that very id. */
struct agent_request_head {
    uint64_t magic; /* AGENT_REQUEST_MAGIC; 0 once a request (not: a span in one) has ended */
    uint64_t id;    /* as in the slot */
    uint32_t slot;  /* AGENT_NONE: the slots were full */
    uint32_t route; /* string; 0: not known yet. Of a span in a request: its name */
    uint64_t outer; /* address of the object it began in, which lives as long as this; 0: none */
};

struct agent_counters {
    uint64_t events;        /* records ever written */
    uint64_t slots_full;    /* requests that found no slot: counted, not shown while they run */
    uint64_t strings_full;  /* strings that did not fit */
    uint64_t keys_full[16]; /* by kind: events that went to "other" */
    uint64_t hook_errors;   /* exceptions inside our own hooks, swallowed */
    uint64_t
        sql_withheld; /* statements that the normaliser gave up on: counted as one, text withheld */
    uint64_t warnings_dropped; /* slow-call warnings not logged because of the rate limit */
};

struct agent_header { /* at offset 0; AGENT_HEADER_BYTES */
    uint64_t magic;   /* AGENT_MAGIC, written last: before that the region is not ready */
    uint32_t version;
    uint32_t pid; /* as the process sees itself */
    uint64_t region_bytes;
    uint64_t start_mono_ns,
        start_wall_ns;   /* the same instant on CLOCK_MONOTONIC and CLOCK_REALTIME */
    uint32_t python_hex; /* PY_VERSION_HEX of the running interpreter */
    uint32_t free_threaded;
    uint64_t strings_offset, keys_offset, histograms_offset, slots_offset, ring_offset;
    uint32_t strings_bytes, keys_limit, slots_limit, ring_records;
    uint32_t strings_used;     /* bytes, release */
    uint32_t keys_used;        /* release; at least AGENT_KINDS */
    uint64_t ring_next;        /* number of the next record; relaxed fetch-add by writers */
    uint32_t service, release; /* strings: PITVIPER_SERVICE, PITVIPER_VERSION */
    /* The join: where an outside reader finds the request that a thread is working on
     * (thread state -> context -> HAMT -> value of our variable). */
    uint64_t context_variable;    /* address of the ContextVar object */
    uint64_t context_hash;        /* its hash, as the HAMT uses it */
    uint64_t request_type;        /* address of the type of its values */
    uint32_t object_header_bytes; /* where struct agent_request_head begins in such a value */
    int32_t
        tstate_context; /* offset of `context` in PyThreadState as found at run time; -1: unknown */
    struct agent_counters counters;
};

_Static_assert(sizeof(struct agent_header) <= AGENT_HEADER_BYTES, "one page");
_Static_assert(sizeof(struct agent_histogram) == 3 * 4096, "three pages");
_Static_assert(sizeof(struct agent_key) == 128, "two cache lines");
_Static_assert(sizeof(struct agent_record) == 64, "one cache line");
_Static_assert(sizeof(struct agent_slot) == 256, "four cache lines");
