/* SPDX-License-Identifier: MIT */
/* fuzz_linetable.c - any bytes decode into a sound table: ascending ranges, bounded by the input.
 *
 * Input: byte 0 chooses the format, the next four are the first line, the rest is the table.
 */
#include <stdlib.h>
#include <string.h>

#include "pyabi/linetable.h"

#define HEAD 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_ranges(const struct linetable *table, size_t size, int32_t first_line)
{
    must(table->count <= size + 2);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct line_range *range = &table->ranges[i];
        must(i == 0 ? range->start == 0 : range->start > range[-1].start);
        must(i == 0 || range->line != range[-1].line);
        must(linetable_find(table, (int32_t)range->start, first_line) == range->line);
        if (i > 0)
            must(linetable_find(table, (int32_t)range->start - 1, first_line) == range[-1].line);
    }
    must(linetable_find(table, -1, first_line) == first_line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct linetable table;
    int32_t first_line;
    if (size < HEAD)
        return 0;
    memcpy(&first_line, data + 1, sizeof first_line);
    enum pyabi_lines format = (enum pyabi_lines)(data[0] % (PYABI_LINES_LOCATION + 1));
    if (linetable_decode(format, data + HEAD, size - HEAD, first_line, &table) < 0)
        return 0;
    check_ranges(&table, size, first_line);
    linetable_done(&table);
    return 0;
}
