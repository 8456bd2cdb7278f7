/* SPDX-License-Identifier: MIT */
#include "httpd/wishes.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* "0.25" → 250; anything that is no weight counts as 1000, as it would without it. */
static unsigned parse_weight(const char *text)
{
    unsigned weight = 0, unit = 100;
    if (*text != '0')
        return 1000;
    if (text[1] == '.')
        for (text += 2; *text >= '0' && *text <= '9' && unit; text++, unit /= 10)
            weight += (unsigned)(*text - '0') * unit;
    return weight;
}

/* The q of "text/plain; version=0.0.4; q=0.5", which ends at `end`. */
static unsigned find_weight(const char *item, const char *end)
{
    for (const char *at = item; (at = memchr(at, ';', (size_t)(end - at))); at++) {
        const char *name = at + 1 + strspn(at + 1, BLANKS);
        if (name < end && (*name == 'q' || *name == 'Q') && name[1] == '=')
            return parse_weight(name + 2);
    }
    return 1000;
}

/* How closely an entry fits the name: 3 itself, 2 its kind, 1 anything, 0 not. */
static int fit(const char *item, size_t size, const char *name)
{
    if (size == strlen(name) && !strncasecmp(item, name, size))
        return 3;
    if (size > 2 && item[size - 1] == '*' && item[size - 2] == '/' &&
        !strncasecmp(item, name, size - 1))
        return 2;
    return (size == 1 && *item == '*') || (size == 3 && !strncmp(item, "*/*", 3));
}

unsigned wishes_weight(const char *list, const char *name, unsigned missing)
{
    unsigned weight = 0;
    int best = 0;
    if (!list)
        return missing;
    while (*list) {
        list += strspn(list, BLANKS ",");
        const char *end = list + strcspn(list, ",");
        int fits = fit(list, strcspn(list, BLANKS ",;"), name);
        if (fits > best) {
            best = fits;
            weight = find_weight(list, end);
        }
        list = end;
    }
    return weight;
}

/* Tags are compared without W/ and without what the encoding adds behind a dash: the bytes differ,
 * the answer is the same. */
bool wishes_have_tag(const char *list, const char *tag)
{
    size_t size = strlen(tag);
    while (list && *list) {
        list += strspn(list, BLANKS ",");
        if (*list == '*')
            return true;
        if (!strncmp(list, "W/", 2))
            list += 2;
        if (*list == '"' && !strncmp(list + 1, tag, size) &&
            (list[size + 1] == '"' || list[size + 1] == '-'))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}
