/* SPDX-License-Identifier: MIT */
/* fuzz_region.c - a process that writes what it likes into what it shares.
 *
 * Input: a header's worth of bytes laid over a sound header (byte 0 says how many of them count),
 * then the rest over the areas one after the other: strings, keys, slots, ring, a histogram. Every
 * reader of src/collect runs over it, twice, with the bytes shifted in between.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/agent_writer.h"
#include "collect/keep.h"
#include "collect/service.h"

#define SLOTS 8u
#define RECORDS 32u
#define LISTED 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* As many of the bytes as fit; what is left. */
static void lay(void *to, size_t room, const uint8_t **data, size_t *size)
{
    size_t taken = *size < room ? *size : room;
    memcpy(to, *data, taken);
    *data += taken;
    *size -= taken;
}

static void fill(struct writer *writer, const uint8_t *data, size_t size)
{
    lay(writer->base + writer->header->strings_offset, size / 6, &data, &size);
    lay(writer->keys, size / 3, &data, &size);
    lay(writer->slots,
        size < SLOTS * sizeof *writer->slots ? size / 3 : SLOTS * sizeof *writer->slots, &data,
        &size);
    lay(writer->ring,
        size < RECORDS * sizeof *writer->ring ? size / 2 : RECORDS * sizeof *writer->ring, &data,
        &size);
    lay(&writer->histograms[AGENT_KINDS], sizeof *writer->histograms, &data, &size);
}

static void see_record(void *context, const struct agent_record *record)
{
    struct keep *keep = context;
    must(record->kind != AGENT_RECORD_NONE && record->kind <= AGENT_RECORD_ERROR);
    must(record->about < AGENT_KINDS);
    if (record->kind == AGENT_RECORD_SPAN || record->kind == AGENT_RECORD_REQUEST)
        must(record->as.span.key < AGENT_KEYS);
    keep_record(keep, record);
}

static void see_trace(void *context, const struct keep_trace *trace)
{
    (void)context;
    must(trace->reasons != 0 && trace->span_count <= KEEP_MAX_SPANS);
}

static void read_all(struct collect *collect, struct service *service,
                     struct service_member *member, struct keep *keep)
{
    struct collect_request list[LISTED];
    service_gather(member, see_record, keep);
    uint32_t count = collect_in_flight(collect, list, LISTED);
    for (uint32_t i = 0; i < count && i < LISTED; i++) {
        must(list[i].leaf_key < AGENT_KEYS && list[i].repeated_key < AGENT_KEYS);
        must(strlen(collect_string(collect, list[i].route)) <= AGENT_STRING_MAX);
        collect_find(collect, list[i].id, AGENT_NONE, &list[i]);
    }
    for (uint32_t i = 0; i < service_row_count(service); i++) {
        struct service_sums sums;
        const struct service_row *row = service_row(service, i);
        must(row->kind < AGENT_KINDS && strlen(row->name) <= AGENT_STRING_MAX);
        if (service_sums(row, SERVICE_ALL, &sums))
            histogram_percentile(&sums.histogram, 990);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer writer;
    struct collect *collect;
    struct service *service = NULL;
    struct service_member *member = NULL;
    struct keep *keep = NULL;
    struct keep_rules rules = {.share = 0.5, .history = 16};
    if (size < 1)
        return 0;
    writer_open(&writer, SLOTS, RECORDS);
    struct agent_header good = *writer.header;
    size_t count = data[0] < size - 1 ? data[0] : size - 1;
    writer.header->keys_used = 24;
    writer.header->strings_used = WRITER_STRINGS;
    writer.header->ring_next = RECORDS;
    fill(&writer, data + 1 + count, size - 1 - count);
    memcpy((uint8_t *)writer.header + 8, data + 1,
           count < sizeof good - 8 ? count : sizeof good - 8);
    if (collect_open_fd(dup(writer.fd), 0, &collect, NULL) == 0) {
        must(service_new(&service) == 0 && service_join(service, collect, &member) == 0);
        must(keep_new(&rules, see_trace, NULL, &keep, NULL) == 0);
        read_all(collect, service, member, keep);
        writer.header->ring_next += 7;
        if (size > 64)
            fill(&writer, data + 32, size - 32);
        read_all(collect, service, member, keep);
        keep_free(keep);
        service_free(service);
        collect_close(collect);
    }
    writer.header->region_bytes = good.region_bytes; /* for munmap */
    writer_close(&writer);
    return 0;
}
