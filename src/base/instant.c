/* SPDX-License-Identifier: MIT */
#include "base/instant.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/units.h"

#define SECOND_NS 1000000000u
#define MAX_SECONDS (INT64_MAX / SECOND_NS)

/* ".25" → 250000000; moves *text behind it. Digits beyond nanoseconds are cut. */
static uint64_t take_fraction(const char **text)
{
    uint64_t fraction_ns = 0, digit_ns = SECOND_NS / 10;
    if (**text != '.' || !isdigit((unsigned char)(*text)[1]))
        return 0;
    for (++*text; isdigit((unsigned char)**text); ++*text) {
        fraction_ns += (uint64_t)(**text - '0') * digit_ns;
        digit_ns /= 10;
    }
    return fraction_ns;
}

/* "Z" or "+01:00" to the end of the text; false: neither. */
static bool take_offset(const char *text, int64_t *offset_s)
{
    if ((text[0] == 'Z' || text[0] == 'z') && !text[1]) {
        *offset_s = 0;
        return true;
    }
    for (int i = 0; i < 6; i++) {
        bool good = i == 0   ? text[i] == '+' || text[i] == '-'
                    : i == 3 ? text[i] == ':'
                             : isdigit((unsigned char)text[i]);
        if (!good)
            return false;
    }
    int64_t hours = (text[1] - '0') * 10 + text[2] - '0';
    int64_t minutes = (text[4] - '0') * 10 + text[5] - '0';
    *offset_s = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
    return !text[6] && hours < 24 && minutes < 60;
}

/* strptime() takes any month for one of 31 days. */
static bool is_in_calendar(const struct tm *parts)
{
    struct tm day = {.tm_year = parts->tm_year, .tm_mon = parts->tm_mon, .tm_mday = parts->tm_mday};
    return timegm(&day) != -1 && day.tm_mon == parts->tm_mon;
}

static bool parse_date(const char *text, uint64_t *wall_ns)
{
    struct tm parts = {0};
    int64_t offset_s;
    const char *rest = strptime(text, "%Y-%m-%d", &parts);
    if (!rest || rest - text != 10 || !strchr("Tt ", *rest) || !*rest)
        return false;
    const char *time = rest + 1;
    rest = strptime(time, "%H:%M:%S", &parts);
    if (!rest || rest - time != 8 || time[0] == ' ')
        return false;
    uint64_t fraction_ns = take_fraction(&rest);
    if (!take_offset(rest, &offset_s) || !is_in_calendar(&parts))
        return false;
    int64_t seconds = (int64_t)timegm(&parts) - offset_s;
    if (seconds < 0 || seconds >= (int64_t)MAX_SECONDS)
        return false;
    *wall_ns = (uint64_t)seconds * SECOND_NS + fraction_ns;
    return true;
}

static bool parse_epoch(const char *text, uint64_t *wall_ns)
{
    uint64_t seconds = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at) && seconds < MAX_SECONDS / 10; at++)
        seconds = seconds * 10 + (uint64_t)(*at - '0');
    if (at == text)
        return false;
    uint64_t fraction_ns = take_fraction(&at);
    if (*at)
        return false;
    *wall_ns = seconds * SECOND_NS + fraction_ns;
    return true;
}

int instant_parse(const char *text, uint64_t now_ns, uint64_t *wall_ns)
{
    uint64_t age_ns;
    if (strcmp(text, "now") == 0)
        *wall_ns = now_ns;
    else if (parse_date(text, wall_ns) || parse_epoch(text, wall_ns))
        return 0;
    else if (units_parse_duration(text, &age_ns) == 0)
        *wall_ns = now_ns > age_ns ? now_ns - age_ns : 0;
    else
        return ERR_USAGE;
    return 0;
}
