/* SPDX-License-Identifier: MIT */
#include "daemon/trigger.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/identity.h"

struct usual {
    char service[IDENTITY_MAX];
    float values[TRIGGER_VALUES]; /* a ring */
    uint32_t count, at;
};

struct trigger {
    struct usual services[TRIGGER_SERVICES];
    uint32_t count;
};

struct trigger *trigger_new(void)
{
    return calloc(1, sizeof(struct trigger));
}

void trigger_free(struct trigger *trigger)
{
    free(trigger);
}

static struct usual *usual_of(struct trigger *trigger, const char *service)
{
    for (uint32_t i = 0; i < trigger->count; i++)
        if (strcmp(trigger->services[i].service, service) == 0)
            return &trigger->services[i];
    if (trigger->count == TRIGGER_SERVICES || strlen(service) >= IDENTITY_MAX)
        return NULL;
    struct usual *usual = &trigger->services[trigger->count++];
    memcpy(usual->service, service, strlen(service) + 1);
    return usual;
}

static int compare(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double median(const struct usual *usual)
{
    float sorted[TRIGGER_VALUES];
    memcpy(sorted, usual->values, usual->count * sizeof *sorted);
    qsort(sorted, usual->count, sizeof *sorted, compare);
    return (double)sorted[usual->count / 2];
}

bool trigger_note(struct trigger *trigger, const char *service, double cores)
{
    struct usual *usual = usual_of(trigger, service);
    if (!usual)
        return false;
    bool is_unusual = usual->count >= TRIGGER_FIRST && cores >= TRIGGER_LEAST &&
                      cores > TRIGGER_FACTOR * median(usual);
    usual->values[usual->at] = (float)cores;
    usual->at = (usual->at + 1) % TRIGGER_VALUES;
    usual->count += usual->count < TRIGGER_VALUES;
    return is_unusual;
}
