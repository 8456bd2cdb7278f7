/* SPDX-License-Identifier: MIT */
/* A number is a whole part and at most nine decimals; times its unit it must be a whole
 * number of the base unit. That keeps everything exact: 1.5h is 5400 s to the nanosecond,
 * and 0.0000000001s is refused instead of becoming zero. */
#include "base/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first: the parts of a compound duration must come in this order. */
static const struct unit durations[] = {
    {"w", 604800000000000},
    {"d", 86400000000000},
    {"h", 3600000000000},
    {"m", 60000000000},
    {"s", 1000000000},
    {"ms", 1000000},
    {"us", 1000},
    {"µs", 1000},
    {"ns", 1},
    {NULL, 0},
};

static const struct unit rates[] = {
    {"", 1}, {"hz", 1}, {"k", 1000}, {"khz", 1000}, {"mhz", 1000000}, {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},
    {"b", 1},
    {"k", UINT64_C(1) << 10},
    {"kib", UINT64_C(1) << 10},
    {"kb", 1000},
    {"m", UINT64_C(1) << 20},
    {"mib", UINT64_C(1) << 20},
    {"mb", 1000000},
    {"g", UINT64_C(1) << 30},
    {"gib", UINT64_C(1) << 30},
    {"gb", 1000000000},
    {"t", UINT64_C(1) << 40},
    {"tib", UINT64_C(1) << 40},
    {"tb", 1000000000000},
    {NULL, 0},
};

struct number {
    uint64_t whole;
    uint64_t fraction; /* of scale */
    uint64_t scale;    /* a power of ten, at most 10^9 */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads "12", "12.5" or ".5" and moves *text behind it. */
static bool read_number(const char **text, struct number *number)
{
    const char *at = *text;
    *number = (struct number){.scale = 1};
    for (; is_digit(*at); at++)
        if (__builtin_mul_overflow(number->whole, 10u, &number->whole) ||
            __builtin_add_overflow(number->whole, (uint64_t)(*at - '0'), &number->whole))
            return false;
    bool any = at != *text;
    if (*at == '.') {
        at++;
        for (; is_digit(*at); at++, any = true) {
            if (number->scale >= 1000000000)
                return false;
            number->fraction = number->fraction * 10 + (uint64_t)(*at - '0');
            number->scale *= 10;
        }
        if (!is_digit(at[-1]))
            return false;
    }
    *text = at;
    return any;
}

/* number × factor, if that is a whole number that fits. */
static bool multiply(const struct number *number, uint64_t factor, uint64_t *product)
{
    uint64_t common = number->scale, rest = factor;
    while (rest) { /* greatest common divisor, so that the fraction's product stays small */
        uint64_t next = common % rest;
        common = rest;
        rest = next;
    }
    uint64_t divisor = number->scale / common, part, sum;
    if (number->fraction % divisor)
        return false;
    return !__builtin_mul_overflow(number->fraction / divisor, factor / common, &part) &&
           !__builtin_mul_overflow(number->whole, factor, &sum) &&
           !__builtin_add_overflow(sum, part, product);
}

static int parse_one(const char *text, const struct unit *units, uint64_t max, uint64_t *out)
{
    struct number number;
    uint64_t value;
    if (!read_number(&text, &number))
        return ERR_USAGE;
    for (; units->name; units++)
        if (strcasecmp(text, units->name) == 0)
            break;
    if (!units->name || !multiply(&number, units->factor, &value) || value > max)
        return ERR_USAGE;
    *out = value;
    return 0;
}

int units_parse_duration(const char *text, uint64_t *duration_ns)
{
    const struct unit *smallest = NULL;
    uint64_t total = 0;
    do {
        struct number number;
        uint64_t part;
        if (!read_number(&text, &number))
            return ERR_USAGE;
        size_t letters = 0;
        while (text[letters] && text[letters] != '.' && !is_digit(text[letters]))
            letters++;
        const struct unit *unit = smallest ? smallest + 1 : durations;
        if (!letters && !smallest) /* a plain number */
            for (unit = durations; unit->factor != 1000000000;)
                unit++;
        else
            while (unit->name &&
                   (strlen(unit->name) != letters || strncmp(text, unit->name, letters) != 0))
                unit++;
        if (!unit->name || !multiply(&number, unit->factor, &part) ||
            __builtin_add_overflow(total, part, &total) || total > UNITS_MAX_DURATION_NS)
            return ERR_USAGE;
        smallest = unit;
        text += letters;
    } while (*text);
    *duration_ns = total;
    return 0;
}

int units_parse_rate(const char *text, uint64_t *rate_hz)
{
    uint64_t value;
    if (parse_one(text, rates, UNITS_MAX_RATE_HZ, &value) < 0 || value == 0)
        return ERR_USAGE;
    *rate_hz = value;
    return 0;
}

int units_parse_size(const char *text, uint64_t *size_bytes)
{
    return parse_one(text, sizes, UNITS_MAX_SIZE_BYTES, size_bytes);
}

int units_parse_percent(const char *text, double *percent)
{
    char *end;
    if (!is_digit(*text) && *text != '.') /* no sign, space, inf or nan */
        return ERR_USAGE;
    if (text[strspn(text, "0123456789.e-+%")]) /* no hexadecimal */
        return ERR_USAGE;
    double value = strtod(text, &end);
    if (end == text || (*end && strcmp(end, "%") != 0) || value > UNITS_MAX_PERCENT)
        return ERR_USAGE;
    *percent = value;
    return 0;
}

/* value / factor with as many decimals as it takes. */
static int format_fraction(uint64_t value, uint64_t factor, const char *unit, char *out,
                           size_t size)
{
    int used = snprintf(out, size, "%" PRIu64, value / factor);
    uint64_t rest = value % factor;
    if (rest)
        out[used++] = '.';
    while (rest) {
        rest *= 10;
        out[used++] = (char)('0' + rest / factor);
        rest %= factor;
    }
    return used + snprintf(out + used, size - (size_t)used, "%s", unit);
}

char *units_format_duration(uint64_t duration_ns, char out[UNITS_TEXT_MAX])
{
    size_t used = 0;
    uint64_t rest = duration_ns;
    const struct unit *unit = durations + 1; /* weeks are for typing, not for reading */
    for (; unit->factor > 1000000000; unit++) {
        if (rest >= unit->factor)
            used += (size_t)snprintf(out + used, UNITS_TEXT_MAX - used, "%" PRIu64 "%s",
                                     rest / unit->factor, unit->name);
        rest %= unit->factor;
    }
    if (!rest && used)
        return out;
    while (rest && rest < unit->factor)
        unit++;
    format_fraction(rest, unit->factor, unit->name, out + used, UNITS_TEXT_MAX - used);
    return out;
}

char *units_format_rate(uint64_t rate_hz, char out[UNITS_TEXT_MAX])
{
    if (rate_hz >= 1000000)
        format_fraction(rate_hz, 1000000, "MHz", out, UNITS_TEXT_MAX);
    else if (rate_hz >= 1000)
        format_fraction(rate_hz, 1000, "kHz", out, UNITS_TEXT_MAX);
    else
        format_fraction(rate_hz, 1, "Hz", out, UNITS_TEXT_MAX);
    return out;
}

char *units_format_size(uint64_t size_bytes, char out[UNITS_TEXT_MAX])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    for (; i < 4 && size_bytes && size_bytes % 1024 == 0; i++)
        size_bytes /= 1024;
    snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%s", size_bytes, names[i]);
    return out;
}

char *units_format_percent(double percent, char out[UNITS_TEXT_MAX])
{
    for (int digits = 1; digits <= 17; digits++) { /* the fewest digits that give it back */
        snprintf(out, UNITS_TEXT_MAX, "%.*g", digits, percent);
        if (strtod(out, NULL) == percent)
            break;
    }
    strcat(out, "%");
    return out;
}
