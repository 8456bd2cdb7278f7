/* SPDX-License-Identifier: MIT */
#include "agent/propagate.h"

#include <string.h>

#define RANDOM_BITS 56u
#define STATE_MEMBERS_MAX 32u
#define STATE_LARGE_MEMBER 128u
#define KEY_MAX 256u
#define TENANT_MAX 241u
#define SYSTEM_MAX 14u
#define VALUE_MAX 256u

struct piece {
    const char *text;
    size_t size;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct piece trimmed(const char *text, size_t size)
{
    while (size && is_blank(text[0]))
        text++, size--;
    while (size && is_blank(text[size - 1]))
        size--;
    return (struct piece){text, size};
}

/* Lower case only. False when one of the `digits` characters is something else. */
static bool parse_hex(const char *text, unsigned digits, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

static void format_hex(char *out, unsigned digits, uint64_t value)
{
    for (unsigned i = digits; i-- > 0; value >>= 4)
        out[i] = "0123456789abcdef"[value & 15];
}

/*     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     0  3                                36               53   55 */
bool propagate_parse_parent(const char *text, size_t size, struct propagate_parent *out)
{
    struct piece header = trimmed(text, size);
    const char *at = header.text;
    struct propagate_parent parent;
    uint64_t version, flags;
    if (header.size < PROPAGATE_PARENT_BYTES || at[2] != '-' || at[35] != '-' || at[52] != '-')
        return false;
    if (!parse_hex(at, 2, &version) || version == 0xff)
        return false;
    if (header.size > PROPAGATE_PARENT_BYTES && (version == 0 || at[PROPAGATE_PARENT_BYTES] != '-'))
        return false;
    if (!parse_hex(at + 3, 16, &parent.trace_high) || !parse_hex(at + 19, 16, &parent.trace_low) ||
        !parse_hex(at + 36, 16, &parent.span) || !parse_hex(at + 53, 2, &flags))
        return false;
    if ((parent.trace_high | parent.trace_low) == 0 || parent.span == 0)
        return false;
    parent.sampled = flags & 1;
    *out = parent;
    return true;
}

void propagate_format_parent(const struct propagate_parent *parent,
                             char out[PROPAGATE_PARENT_BYTES + 1])
{
    memcpy(out, "00-", 3);
    format_hex(out + 3, 16, parent->trace_high);
    format_hex(out + 19, 16, parent->trace_low);
    out[35] = '-';
    format_hex(out + 36, 16, parent->span);
    memcpy(out + 52, parent->sampled ? "-01" : "-00", 4);
}

static bool is_key_start(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_key_rest(char c)
{
    return is_key_start(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/';
}

static bool is_key_part(const char *text, size_t size, size_t limit, bool digit_first)
{
    if (size == 0 || size > limit)
        return false;
    if (!is_key_start(text[0]) && !(digit_first && text[0] >= '0' && text[0] <= '9'))
        return false;
    for (size_t i = 1; i < size; i++)
        if (!is_key_rest(text[i]))
            return false;
    return true;
}

/* "name" or "tenant@system". */
static bool is_key(const char *text, size_t size)
{
    const char *at = size ? memchr(text, '@', size) : NULL;
    if (!at)
        return is_key_part(text, size, KEY_MAX, false);
    size_t tenant = (size_t)(at - text);
    return is_key_part(text, tenant, TENANT_MAX, true) &&
           is_key_part(at + 1, size - tenant - 1, SYSTEM_MAX, false);
}

static bool is_value(const char *text, size_t size)
{
    if (size == 0 || size > VALUE_MAX || text[size - 1] == ' ')
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == ',' || text[i] == '=')
            return false;
    return true;
}

static bool is_member(struct piece member)
{
    const char *equals = memchr(member.text, '=', member.size);
    if (!equals)
        return false;
    size_t key = (size_t)(equals - member.text);
    return is_key(member.text, key) && is_value(equals + 1, member.size - key - 1);
}

/* Number of members; -1: one is not valid, or there are too many. */
static int split_state(const char *text, size_t size, struct piece *members)
{
    unsigned count = 0;
    const char *end = text + size;
    for (const char *at = text; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        struct piece member = trimmed(at, (size_t)(stop - at));
        at = stop + 1;
        if (member.size == 0)
            continue;
        if (count == STATE_MEMBERS_MAX || !is_member(member))
            return -1;
        members[count++] = member;
    }
    return (int)count;
}

/* Drops what is over the limit; returns how many are left. */
static unsigned fit_state(struct piece *members, unsigned count)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += members[i].size + (i > 0);
    for (unsigned i = count; i-- > 0 && total > PROPAGATE_STATE_MAX;) {
        if (members[i].size <= STATE_LARGE_MEMBER)
            continue;
        total -= members[i].size + 1;
        count--;
        memmove(members + i, members + i + 1, (count - i) * sizeof *members);
    }
    while (count && total > PROPAGATE_STATE_MAX)
        total -= members[--count].size + 1;
    return count;
}

size_t propagate_copy_state(const char *text, size_t size, char out[PROPAGATE_STATE_MAX])
{
    struct piece members[STATE_MEMBERS_MAX];
    int found = size ? split_state(text, size, members) : 0;
    if (found <= 0)
        return 0;
    unsigned count = fit_state(members, (unsigned)found);
    size_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            out[used++] = ',';
        memcpy(out + used, members[i].text, members[i].size);
        used += members[i].size;
    }
    return used;
}

uint64_t propagate_threshold(double ratio)
{
    const double whole = (double)(UINT64_C(1) << RANDOM_BITS);
    if (!(ratio > 0))
        return UINT64_C(1) << RANDOM_BITS;
    if (ratio >= 1)
        return 0;
    return (uint64_t)((1 - ratio) * whole);
}

bool propagate_keep(uint64_t trace_low, uint64_t threshold)
{
    return (trace_low & ((UINT64_C(1) << RANDOM_BITS) - 1)) >= threshold;
}
