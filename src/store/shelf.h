/* SPDX-License-Identifier: MIT */
/* shelf.h - which files there are: one shelf per duty and level, cut into periods that count from
 * 1970. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)
#define HOUR_NS (60 * MINUTE_NS)
#define DAY_NS (24 * HOUR_NS)

enum duty { DUTY_PROFILE, DUTY_METRIC, DUTY_TRACE, DUTY_EVENT, DUTIES };

#define LEVELS 5u
#define LEVEL_WITHOUT_CHURN 2u /* from here up without thread ids, and histograms per service */
#define SHELVES (2 * LEVELS + 2)

struct shelf {
    const char *name; /* "profile-10s" */
    enum duty duty;
    uint32_t level;
    uint64_t window_ns; /* 0: no windows */
    uint64_t period_ns; /* of a file; a multiple of the next level's window up to a day */
    uint64_t keep_ns;   /* after the period's end, unless told otherwise */
};

extern const struct shelf shelves[SHELVES];
extern const char *const duty_names[DUTIES];

static inline const struct shelf *shelf_of(enum duty duty, uint32_t level)
{
    return &shelves[duty < DUTY_TRACE ? duty * LEVELS + level : 2 * LEVELS + (duty - DUTY_TRACE)];
}

#define SHELF_NAME_MAX 64u
/* "profile-10s-20260301T120000Z.db" */
void shelf_file_name(const struct shelf *shelf, uint64_t start_ns, char out[SHELF_NAME_MAX]);
/* NULL: not one of ours. `ending` is ".db" or ".db.damaged" with what follows. */
const struct shelf *shelf_parse(const char *name, const char *ending, uint64_t *start_ns);
