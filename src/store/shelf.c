/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/shelf.h"

const char *const duty_names[DUTIES] = {"profile", "metric", "trace", "event"};

#define YEAR_NS (366 * DAY_NS)

const struct shelf shelves[SHELVES] = {
    {"profile-10s", DUTY_PROFILE, 0, 10 * SECOND_NS, HOUR_NS, HOUR_NS},
    {"profile-1m", DUTY_PROFILE, 1, MINUTE_NS, DAY_NS, 7 * DAY_NS},
    {"profile-10m", DUTY_PROFILE, 2, 10 * MINUTE_NS, 7 * DAY_NS, 30 * DAY_NS},
    {"profile-1h", DUTY_PROFILE, 3, HOUR_NS, 28 * DAY_NS, YEAR_NS},
    {"profile-1d", DUTY_PROFILE, 4, DAY_NS, 364 * DAY_NS, 10 * YEAR_NS},
    {"metric-10s", DUTY_METRIC, 0, 10 * SECOND_NS, HOUR_NS, HOUR_NS},
    {"metric-1m", DUTY_METRIC, 1, MINUTE_NS, DAY_NS, 7 * DAY_NS},
    {"metric-10m", DUTY_METRIC, 2, 10 * MINUTE_NS, 7 * DAY_NS, 30 * DAY_NS},
    {"metric-1h", DUTY_METRIC, 3, HOUR_NS, 28 * DAY_NS, YEAR_NS},
    {"metric-1d", DUTY_METRIC, 4, DAY_NS, 364 * DAY_NS, 10 * YEAR_NS},
    {"trace", DUTY_TRACE, 0, 0, 6 * HOUR_NS, 3 * DAY_NS},
    {"event", DUTY_EVENT, 0, 0, 28 * DAY_NS, YEAR_NS},
};

void shelf_file_name(const struct shelf *shelf, uint64_t start_ns, char out[SHELF_NAME_MAX])
{
    time_t seconds = (time_t)(start_ns / SECOND_NS);
    struct tm utc;
    char instant[32] = "";
    if (gmtime_r(&seconds, &utc))
        strftime(instant, sizeof instant, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(out, SHELF_NAME_MAX, "%s-%s.db", shelf->name, instant);
}

const struct shelf *shelf_parse(const char *name, const char *ending, uint64_t *start_ns)
{
    for (uint32_t i = 0; i < SHELVES; i++) {
        size_t size = strlen(shelves[i].name);
        if (strncmp(name, shelves[i].name, size) != 0 || name[size] != '-')
            continue;
        struct tm utc = {0};
        const char *end = strptime(name + size + 1, "%Y%m%dT%H%M%SZ", &utc);
        time_t seconds = end ? timegm(&utc) : -1;
        if (seconds < 0 || strncmp(end, ending, strlen(ending)) != 0)
            continue;
        if (!strcmp(ending, ".db") && end[3] != '\0')
            continue;
        *start_ns = (uint64_t)seconds * SECOND_NS;
        char again[SHELF_NAME_MAX];
        shelf_file_name(&shelves[i], *start_ns, again);
        bool ours =
            *start_ns % shelves[i].period_ns == 0 && strncmp(again, name, strlen(again)) == 0;
        return ours ? &shelves[i] : NULL;
    }
    return NULL;
}
