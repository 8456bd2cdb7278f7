/* SPDX-License-Identifier: MIT */
/* linetable.c - three formats, one answer.
 *
 * LNOTAB (to 3.9)      pairs: unsigned byte step, signed line step. A step of 0 bytes adds to the
 * line of the same address. The last line has no end. 310 (3.10)           pairs: unsigned byte
 * length, signed line step; the pair covers the next `length` bytes. Line step -128: these bytes
 * have no line, and the line counted so far stays. Length 0 only moves the line. LOCATION (3.11 on)
 * entries that begin with a byte of which bit 7 is set:
 *
 *                        7 | 6 5 4 3 | 2 1 0
 *                        1 |  kind   | code units - 1        a code unit is 2 bytes
 *
 *                      kind 0-9    same line, one byte of columns follows
 *                           10-12  line step kind - 10, two bytes of columns follow
 *                           13     signed varint line step
 *                           14     signed varint line step, varints: end line, column, end column
 *                           15     no line; the line counted so far stays
 *
 *                      varint: 6 bits a byte, low first, bit 6 set when more follow. Signed: bit 0
 * is the sign, the rest the number.
 *
 * Example, first line 7: `80 00 | e9 04` is kind 0, one unit, line 7; then kind 13, two units, line
 * step 04 >> 1 = 2: line 9. Only lines are kept; columns are stepped over, and neighbours of the
 * same line are one range.
 *
 * Bytes behind the last entry of 310 and LOCATION have no line; a range of line 0 says so.
 */
#include "pyabi/linetable.h"

#include <stdlib.h>

#include "base/err.h"

#define TABLE_MAX_BYTES ((size_t)64 << 20) /* keeps every address far below 2^32 */
#define FIRST_CAPACITY 16
#define NO_LINE 0
#define NO_LINE_310 (-128)
#define CODE_UNIT 2
#define VARINT_MAX_SHIFT 30

enum kind {
    KIND_ONE_LINE = 10, /* 10 to 12 */
    KIND_NO_COLUMNS = 13,
    KIND_LONG = 14,
    KIND_NONE = 15,
};

struct reader {
    const uint8_t *at, *end;
};

struct builder {
    struct linetable table;
    uint32_t capacity;
    uint32_t address; /* where the next range begins */
    int64_t line;     /* counted so far */
};

static int push(struct builder *build, int32_t line)
{
    struct linetable *table = &build->table;
    if (table->count > 0 && table->ranges[table->count - 1].start == build->address)
        table->count--; /* it was empty */
    if (table->count > 0 && table->ranges[table->count - 1].line == line)
        return 0;
    if (table->count == build->capacity) {
        uint32_t capacity = build->capacity ? build->capacity * 2 : FIRST_CAPACITY;
        struct line_range *grown = realloc(table->ranges, capacity * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        table->ranges = grown;
        build->capacity = capacity;
    }
    table->ranges[table->count++] = (struct line_range){build->address, line};
    return 0;
}

/* Moves the counted line; false when it leaves the range of a line: the table is damaged. */
static bool step_line(struct builder *build, int64_t step)
{
    build->line += step;
    return build->line >= INT32_MIN && build->line <= INT32_MAX;
}

static int decode_lnotab(struct reader *in, struct builder *build)
{
    int result = push(build, (int32_t)build->line);
    for (; result == 0 && in->end - in->at >= 2; in->at += 2) {
        build->address += in->at[0];
        if (!step_line(build, (int8_t)in->at[1]))
            break;
        result = push(build, (int32_t)build->line);
    }
    return result;
}

static int decode_310(struct reader *in, struct builder *build)
{
    int result = 0;
    for (; result == 0 && in->end - in->at >= 2; in->at += 2) {
        int8_t step = (int8_t)in->at[1];
        if (step != NO_LINE_310 && !step_line(build, step))
            break;
        if (in->at[0] == 0)
            continue;
        result = push(build, step == NO_LINE_310 ? NO_LINE : (int32_t)build->line);
        build->address += in->at[0];
    }
    return result == 0 ? push(build, NO_LINE) : result;
}

static bool read_varint(struct reader *in, uint32_t *out)
{
    uint32_t number = 0;
    for (unsigned shift = 0; in->at < in->end && shift <= VARINT_MAX_SHIFT; shift += 6) {
        uint8_t byte = *in->at++;
        if (byte & 0x80)
            return false; /* the next entry already */
        number |= (uint32_t)(byte & 0x3f) << shift;
        if (!(byte & 0x40)) {
            *out = number;
            return true;
        }
    }
    return false;
}

static bool read_signed_varint(struct reader *in, int64_t *out)
{
    uint32_t number;
    if (!read_varint(in, &number))
        return false;
    *out = number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
    return true;
}

static bool skip_bytes(struct reader *in, int count)
{
    if (in->end - in->at < count)
        return false;
    in->at += count;
    return true;
}

/* The line step of an entry whose first byte is behind us; steps over its columns. */
static bool read_location(struct reader *in, unsigned kind, int64_t *step)
{
    uint32_t ignored;
    *step = 0;
    switch (kind) {
    case KIND_NONE:
        return true;
    case KIND_LONG:
        return read_signed_varint(in, step) && read_varint(in, &ignored) &&
               read_varint(in, &ignored) && read_varint(in, &ignored);
    case KIND_NO_COLUMNS:
        return read_signed_varint(in, step);
    case KIND_ONE_LINE:
    case KIND_ONE_LINE + 1:
    case KIND_ONE_LINE + 2:
        *step = (int64_t)kind - KIND_ONE_LINE;
        return skip_bytes(in, 2);
    default:
        return skip_bytes(in, 1);
    }
}

static int decode_location(struct reader *in, struct builder *build)
{
    int result = 0;
    while (result == 0 && in->at < in->end && (*in->at & 0x80)) {
        unsigned kind = *in->at >> 3 & 15;
        uint32_t length = ((*in->at & 7u) + 1) * CODE_UNIT;
        int64_t step;
        in->at++;
        if (!read_location(in, kind, &step) || !step_line(build, step))
            break;
        result = push(build, kind == KIND_NONE ? NO_LINE : (int32_t)build->line);
        build->address += length;
    }
    return result == 0 ? push(build, NO_LINE) : result;
}

/* Gives back what growing by doubling took too much; keeping it is no failure. */
static void shrink(struct builder *build)
{
    struct linetable *table = &build->table;
    struct line_range *fitted = realloc(table->ranges, table->count * sizeof *fitted);
    if (fitted)
        table->ranges = fitted;
}

int linetable_decode(enum pyabi_lines format, const void *data, size_t size, int32_t first_line,
                     struct linetable *out)
{
    size_t length = size < TABLE_MAX_BYTES ? size : TABLE_MAX_BYTES;
    struct reader in = {data, (const uint8_t *)data + length};
    struct builder build = {.line = first_line};
    int result = format == PYABI_LINES_LNOTAB ? decode_lnotab(&in, &build)
                 : format == PYABI_LINES_310  ? decode_310(&in, &build)
                                              : decode_location(&in, &build);
    if (result < 0) {
        linetable_done(&build.table);
        return result;
    }
    shrink(&build);
    *out = build.table;
    return 0;
}

void linetable_done(struct linetable *table)
{
    free(table->ranges);
    *table = (struct linetable){NULL, 0};
}

int32_t linetable_find(const struct linetable *table, int32_t lasti, int32_t first_line)
{
    if (lasti < 0 || table->count == 0 || (uint32_t)lasti < table->ranges[0].start)
        return first_line;
    uint32_t low = 0, high = table->count; /* the answer is in [low, high) */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (table->ranges[middle].start <= (uint32_t)lasti)
            low = middle;
        else
            high = middle;
    }
    return table->ranges[low].line;
}
