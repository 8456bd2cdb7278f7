/* SPDX-License-Identifier: MIT */
#include "daemon/latency.h"

#include <stdio.h>
#include <string.h>

#include "base/loglinear.h"

/* Those that OpenTelemetry advises for http.server.request.duration. */
const struct latency_bound latency_bounds[LATENCY_BOUNDS] = {
    {0.005, "0.005"}, {0.01, "0.01"}, {0.025, "0.025"}, {0.05, "0.05"}, {0.075, "0.075"},
    {0.1, "0.1"},     {0.25, "0.25"}, {0.5, "0.5"},     {0.75, "0.75"}, {1, "1.0"},
    {2.5, "2.5"},     {5, "5.0"},     {7.5, "7.5"},     {10, "10.0"},
};

/* NULL: there are too many. */
static struct latency_service *find(struct latency *latency, const char *name)
{
    for (uint32_t i = 0; i < latency->count; i++)
        if (strcmp(latency->services[i].name, name) == 0)
            return &latency->services[i];
    if (latency->count == LATENCY_MAX_SERVICES)
        return NULL;
    struct latency_service *service = &latency->services[latency->count++];
    snprintf(service->name, sizeof service->name, "%s", name);
    return service;
}

static uint32_t bucket_of(double seconds)
{
    uint32_t bucket = 0;
    while (bucket < LATENCY_BOUNDS && seconds > latency_bounds[bucket].seconds)
        bucket++;
    return bucket;
}

void latency_add(struct latency *latency, const char *name, const struct store_histogram *requests)
{
    struct latency_service *service = find(latency, name);
    if (!service)
        return;
    for (uint32_t i = 0; i < requests->bucket_count; i++) {
        const struct store_bucket *bucket = &requests->buckets[i];
        double seconds = (double)loglinear_middle(bucket->index) / 1e9;
        service->buckets[bucket_of(seconds)] += bucket->count;
        service->count += bucket->count;
    }
    service->sum_s += (double)requests->total_ns / 1e9;
}

void latency_note(struct latency *latency, const char *name,
                  const struct latency_exemplar *exemplar)
{
    struct latency_service *service = find(latency, name);
    if (service)
        service->exemplars[bucket_of(exemplar->value_s)] = *exemplar;
}

void latency_copy(struct latency *to, const struct latency *from)
{
    memcpy(to->services, from->services, from->count * sizeof from->services[0]);
    to->count = from->count;
}
