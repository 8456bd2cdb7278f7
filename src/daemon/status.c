/* SPDX-License-Identifier: MIT */
#include "daemon/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/command.h"

#define OTHER "(other)"

struct status *status_new(void)
{
    struct status *status = calloc(1, sizeof *status);
    if (!status)
        return NULL;
    pthread_mutex_init(&status->lock, NULL);
    status->started_ns = clock_wall_ns();
    gethostname(status->host, sizeof status->host - 1);
    return status;
}

void status_free(struct status *status)
{
    if (!status)
        return;
    pthread_mutex_destroy(&status->lock);
    free(status);
}

static struct status_service *find(struct status *status, const char *name)
{
    for (uint32_t i = 0; i < status->service_count; i++)
        if (strcmp(status->services[i].name, name) == 0)
            return &status->services[i];
    return NULL;
}

struct status_service *status_service(struct status *status, const char *name)
{
    struct status_service *service = find(status, name);
    if (service)
        return service;
    if (status->service_count + 1 >= STATUS_MAX_SERVICES) { /* the last place is for all others */
        service = find(status, OTHER);
        if (service)
            return service;
        name = OTHER;
    }
    service = &status->services[status->service_count++];
    *service = (struct status_service){0};
    command_copy(service->name, sizeof service->name, name, strlen(name));
    return service;
}

static void copy(char *out, size_t size, const char *text)
{
    command_copy(out, size, text ? text : "", text ? strlen(text) : 0);
}

void status_note_event(struct status *status, const struct store_event *event)
{
    pthread_mutex_lock(&status->lock);
    struct status_event *to = &status->events[status->event_count++ % STATUS_EVENTS];
    to->at_ns = event->at_ns;
    to->pid = event->pid;
    copy(to->kind, sizeof to->kind, event->kind);
    copy(to->service, sizeof to->service, event->service);
    copy(to->version, sizeof to->version, event->version);
    copy(to->text, sizeof to->text, event->text);
    bool fits = event->detail && strlen(event->detail) < sizeof to->detail;
    snprintf(to->detail, sizeof to->detail, "%s", fits ? event->detail : "");
    pthread_mutex_unlock(&status->lock);
}
